//===- GGUFWriter.h - Writing of GGUF files ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts metadata and tensors into the container. Like GGUFFile, it knows nothing
// of what keys and tensors mean.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_GGUF_GGUFWRITER_H
#define STERNA_LIB_EXPORT_GGUF_GGUFWRITER_H

#include "../TensorData.h"
#include "sterna/Import/GGUF/GGUFFile.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace sterna {

/// A file of version 3, little-endian, aligned to 32 bytes.
class GGUFWriter {
public:
  void addU32(llvm::StringRef key, uint32_t value);
  void addF32(llvm::StringRef key, float value);
  void addBool(llvm::StringRef key, bool value);
  void addString(llvm::StringRef key, llvm::StringRef value);
  void addStrings(llvm::StringRef key, llvm::ArrayRef<std::string> values);
  void addF32s(llvm::StringRef key, llvm::ArrayRef<float> values);
  void addI32s(llvm::StringRef key, llvm::ArrayRef<int32_t> values);

  /// Adds a tensor of shape `dims`, outermost dimension first, that GGUF can
  /// store as `storage`, whole blocks. `write` is called once, in write(), and
  /// writes all its bytes.
  void addTensor(llvm::StringRef name, llvm::ArrayRef<int64_t> dims,
                 StorageType storage, TensorData::Write write);

  /// Writes the file. Fails where a tensor's function does, naming the tensor.
  llvm::Error write(llvm::raw_ostream &out) const;

private:
  struct Tensor {
    TensorData data;
    std::vector<int64_t> dims;
    uint32_t typeId;
  };

  void addKey(llvm::StringRef key, GGUFValueType type);
  void addArray(llvm::StringRef key, GGUFValueType type, uint64_t count);

  std::string metadata;
  uint64_t numKeys = 0;
  std::vector<Tensor> tensors;
};

} // namespace sterna

#endif // STERNA_LIB_EXPORT_GGUF_GGUFWRITER_H
