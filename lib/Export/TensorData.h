//===- TensorData.h - The bytes of a tensor to be written -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every format places its tensors before it has their bytes, which are made as
// they are written: a file is as large as its model.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_TENSORDATA_H
#define STERNA_LIB_EXPORT_TENSORDATA_H

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <string>

namespace sterna {

struct TensorData {
  /// Writes all bytes; called once.
  using Write = std::function<llvm::Error(llvm::raw_ostream &)>;

  std::string name; // in the file
  uint64_t size;    // in bytes
  Write writeBytes;

  /// Writes the bytes. Fails where their function does, naming the tensor.
  llvm::Error write(llvm::raw_ostream &out) const;
};

} // namespace sterna

#endif // STERNA_LIB_EXPORT_TENSORDATA_H
