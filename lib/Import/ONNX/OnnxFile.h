//===- OnnxFile.h - A model's file and the data beside it -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The message of a file of ONNX, with the elements of its tensors left where
// they are: in the file or in files beside it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_ONNXFILE_H
#define STERNA_LIB_IMPORT_ONNX_ONNXFILE_H

#include "onnx-ml.pb.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace sterna {

/// Bytes of a file.
struct ByteRange {
  std::string path;
  uint64_t offset = 0, size = 0;
};

class OnnxFile {
public:
  /// Whether the file at `path` begins as a ModelProto does.
  static bool accepts(llvm::StringRef path);

  /// Reads the file at `path`. Fails where it is damaged, is no ModelProto or
  /// exceeds the 2 GiB of a message.
  static llvm::Expected<OnnxFile> open(llvm::StringRef path);

  const onnx::ModelProto &getModel() const { return model; }
  llvm::StringRef getPath() const { return path; }

  /// Where the elements of `tensor` lie as in memory; none where they are in
  /// its message. Fails where the file beside it is missing or too short, or is
  /// not beneath the model's folder.
  llvm::Expected<std::optional<ByteRange>>
  locate(const onnx::TensorProto &tensor) const;

  /// The elements of `tensor` as they lie in memory, little-endian, those of
  /// less than a byte packed as ONNX packs them. Fails as locate() does, or
  /// where they are not as many as its shape says.
  llvm::Expected<std::string> read(const onnx::TensorProto &tensor) const;

private:
  std::string path;
  onnx::ModelProto model;
};

/// The extents of `tensor`. Fails where one is negative or all are absurd.
llvm::Expected<llvm::SmallVector<int64_t>>
getShape(const onnx::TensorProto &tensor);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_ONNXFILE_H
