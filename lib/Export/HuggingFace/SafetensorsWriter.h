//===- SafetensorsWriter.h - Large safetensors files ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes tensors one after the other, none of which is held in memory. The
// runtime's writer (io/Safetensors.h) is for what is.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_HUGGINGFACE_SAFETENSORSWRITER_H
#define STERNA_LIB_EXPORT_HUGGINGFACE_SAFETENSORSWRITER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <string>
#include <vector>

namespace sterna {

class SafetensorsWriter {
public:
  using WriteData = std::function<llvm::Error(llvm::raw_ostream &)>;

  /// Adds a tensor of the format's type `type` whose elements have
  /// `elementBytes`. `write` is called once, in write(), and writes all of
  /// them.
  void addTensor(llvm::StringRef name, llvm::StringRef type,
                 int64_t elementBytes, llvm::ArrayRef<int64_t> shape,
                 WriteData write);

  /// Writes the file. Fails where a tensor's function does, naming the tensor.
  llvm::Error write(llvm::raw_ostream &out) const;

private:
  struct Tensor {
    std::string name, type;
    std::vector<int64_t> shape;
    uint64_t size;
    WriteData write;
  };
  std::vector<Tensor> tensors;
};

} // namespace sterna

#endif // STERNA_LIB_EXPORT_HUGGINGFACE_SAFETENSORSWRITER_H
