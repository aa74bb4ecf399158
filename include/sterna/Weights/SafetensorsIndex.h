//===- SafetensorsIndex.h - Tensors of a safetensors model ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says where each tensor of a published model lies: in one safetensors file, or
// in several with an index beside them. Headers alone are read.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_WEIGHTS_SAFETENSORSINDEX_H
#define STERNA_WEIGHTS_SAFETENSORSINDEX_H

#include "sterna/Weights/StorageFormat.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// One tensor and its bytes in a file.
struct SafetensorsTensor {
  std::string path;
  /// Of the format: "BF16", "U8", ...
  std::string type;
  /// Row-major, outermost dimension first.
  std::vector<int64_t> shape;
  /// Position in the file, and size, in bytes.
  uint64_t offset = 0, size = 0;

  /// How it is stored if `WeightSource` can read it: F32, F16 or BF16.
  std::optional<StorageType> getStorage() const;
};

class SafetensorsIndex {
public:
  /// Reads the headers of the file at `path`, or, if it ends in ".json", of the
  /// files in the same folder that its `weight_map` names. Fails on a header
  /// that is not as specified (SafetensorsHeader.h), on a file name that leads
  /// elsewhere, and where index and files do not have the same tensors.
  static llvm::Expected<SafetensorsIndex> open(llvm::StringRef path);

  /// The tensors by name.
  const std::map<std::string, SafetensorsTensor> &getTensors() const {
    return tensors;
  }

  /// The tensor called `name`, or null.
  const SafetensorsTensor *find(llvm::StringRef name) const;

private:
  llvm::Error addFile(llvm::StringRef path);
  llvm::Error addMapped(llvm::StringRef path);

  std::map<std::string, SafetensorsTensor> tensors;
};

} // namespace sterna

#endif // STERNA_WEIGHTS_SAFETENSORSINDEX_H
