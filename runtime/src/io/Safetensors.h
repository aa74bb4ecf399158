//===- Safetensors.h - Safetensors files ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes the safetensors format, strictly checked. Separate from the
// adapter format in Peft.h, which names tensors; gradients are written with
// this alone.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_SAFETENSORS_H
#define STERNA_RUNTIME_IO_SAFETENSORS_H

#include "io/Status.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// A named dense row-major tensor of f32 that owns its elements.
struct NamedTensor {
  std::string name;
  std::vector<uint64_t> shape;
  std::vector<float> data;
};

/// A named dense row-major tensor of f32 that belongs to the caller.
struct NamedTensorView {
  std::string name;
  std::vector<uint64_t> shape;
  const float *data = nullptr;
  /// Of one that is in no memory: resizes its argument to all elements and
  /// fills it, each time it is called.
  std::function<Status(std::vector<float> &)> read = nullptr;
};

/// What `__metadata__` of a header says.
using SafetensorsMetadata = std::map<std::string, std::string>;

/// Reads every tensor of the file at `path`, in order of name. F32, F16 and
/// BF16 are accepted and converted to f32. Fails on other types, on a header
/// that is too long or not as specified, and on tensors that overlap, leave
/// gaps, or reach beyond the file.
Expected<std::vector<NamedTensor>> readSafetensors(const std::string &path);

/// The same from the bytes of a file; `origin` names them in messages. Entries
/// of the metadata that are text are added to `metadata`, unless it is null.
Expected<std::vector<NamedTensor>>
decodeSafetensors(const std::string &origin, std::string_view content,
                  SafetensorsMetadata *metadata = nullptr);

/// Writes `tensors` as F32 to `path`, atomically, in order of name, with the
/// metadata `{"format": "pt"}`. Fails on duplicate or empty names.
Status writeSafetensors(const std::string &path,
                        std::vector<NamedTensorView> tensors);

/// The bytes of such a file, with `metadata` beside the format.
Expected<std::string> encodeSafetensors(std::vector<NamedTensorView> tensors,
                                        const SafetensorsMetadata &metadata);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_SAFETENSORS_H
