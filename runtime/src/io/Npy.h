//===- Npy.h - NumPy array files ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes the .npy format (versions 1 to 3, C order, little-endian)
// for f32 and i32 arrays of any rank. Separate because tools exchange arrays
// with Python through it and nothing else does.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_NPY_H
#define STERNA_RUNTIME_IO_NPY_H

#include "io/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// A dense row-major array; an empty shape is a scalar.
template <class T> struct NpyArray {
  std::vector<uint64_t> shape;
  std::vector<T> data;
};

/// One of any element type, its elements as they lie in the file.
struct NpyView {
  /// As NumPy writes it: "<f4", "|i1", ...
  std::string type;
  std::vector<uint64_t> shape;
  std::string_view elements;
};

/// The array in `content`, the bytes of a file of versions 1 to 3, which it
/// refers to; `origin` names it in messages. Fails on Fortran order, on types
/// of unknown size, and when the bytes are not as many as the header says.
Expected<NpyView> viewNpy(const std::string &origin, std::string_view content);

/// What stands before the elements of a file.
Expected<std::string> encodeNpyHeader(const std::string &type,
                                      const std::vector<uint64_t> &shape);

/// Writes `data`, row-major, of `shape` (empty: a scalar) to `path`,
/// atomically. `data` holds the product of `shape` elements.
Status writeNpy(const std::string &path, const std::vector<uint64_t> &shape,
                const float *data);
Status writeNpy(const std::string &path, const std::vector<uint64_t> &shape,
                const int32_t *data);

/// Writes elements of any type as they lie in memory, `size` bytes of them;
/// `type` is as NumPy writes it.
Status writeNpy(const std::string &path, const std::string &type,
                const std::vector<uint64_t> &shape, const void *data,
                uint64_t size);

/// Reads an array of f32 (`<f4`). Fails on another element type, on Fortran
/// order, and when the file is not as long as its header says.
Expected<NpyArray<float>> readNpyF32(const std::string &path);

/// Reads an array of i32 (`<i4`); fails as readNpyF32 does.
Expected<NpyArray<int32_t>> readNpyI32(const std::string &path);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_NPY_H
