//===- Array.h - Arrays that the interpreter reads and writes -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dense array of any element type and its .npy file. Apart from the runtime's
// reader because the interpreter also needs f64, f16, i8 and booleans, and
// takes the element type from the file instead of expecting one.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERPRETER_ARRAY_H
#define STERNA_INTERPRETER_ARRAY_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

/// A dense row-major array; an empty shape is a scalar.
struct Array {
  /// Element type as NumPy writes it, such as "<f4" or "|i1".
  std::string type;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;
};

/// Reads a .npy file (versions 1 to 3, C order, little-endian). Fails when the
/// file is not as long as its header says.
llvm::Expected<Array> readArray(llvm::StringRef path);

/// Writes `array` to a .npy file.
llvm::Error writeArray(llvm::StringRef path, const Array &array);

} // namespace sterna

#endif // STERNA_INTERPRETER_ARRAY_H
