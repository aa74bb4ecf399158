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

#include "../TensorData.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace sterna {

class SafetensorsWriter {
public:
  /// Adds a tensor of the format's type `type` whose elements have
  /// `elementBytes`. `write` is called once, in write(), and writes all of
  /// them.
  void addTensor(llvm::StringRef name, llvm::StringRef type,
                 int64_t elementBytes, llvm::ArrayRef<int64_t> shape,
                 TensorData::Write write);

  /// Writes the file. Fails where a tensor's function does, naming the tensor.
  llvm::Error write(llvm::raw_ostream &out) const;

private:
  struct Tensor {
    TensorData data;
    std::string type;
    std::vector<int64_t> shape;
  };
  std::vector<Tensor> tensors;
};

} // namespace sterna

#endif // STERNA_LIB_EXPORT_HUGGINGFACE_SAFETENSORSWRITER_H
