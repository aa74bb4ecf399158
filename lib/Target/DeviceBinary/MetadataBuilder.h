//===- MetadataBuilder.h - Small steps to the metadata ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the writers of the metadata's parts share.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_TARGET_DEVICEBINARY_METADATABUILDER_H
#define STERNA_LIB_TARGET_DEVICEBINARY_METADATABUILDER_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

#include "module_generated.h"

#include <string>
#include <vector>

namespace sterna {

template <typename T> using Offset = flatbuffers::Offset<T>;
template <typename T> using Offsets = std::vector<Offset<T>>;

/// A FlatBuffer in the making, and the first thing that the format cannot say.
struct MetadataBuilder : flatbuffers::FlatBufferBuilder {
  Offset<flatbuffers::String> string(llvm::StringRef text) {
    return CreateString(text.data(), text.size());
  }

  Offset<flatbuffers::Vector<uint64_t>> shape(llvm::ArrayRef<int64_t> extents) {
    return CreateVector(std::vector<uint64_t>(extents.begin(), extents.end()));
  }

  /// What is wrong with the module; empty if nothing is.
  std::string problem;
};

/// Where the blobs of a plan lie.
struct PlanBlobs {
  Offsets<format::Weight> weights;
  Offsets<format::Code> code;
  /// Of the weights space as a whole; 0 where it does not lie in one piece.
  uint64_t weightsOffset = 0;
};

/// Describes `module`, the plan for the target of that name.
Offset<format::Plan> describePlan(MetadataBuilder &builder,
                                  mlir::ModuleOp module, llvm::StringRef target,
                                  const PlanBlobs &blobs);

/// Describes the model of `module`, which is `trainable` or not.
Offset<format::Model> describeModel(MetadataBuilder &builder,
                                    mlir::ModuleOp module, bool trainable);

/// Describes the vocabulary of `module`; nothing if it has none.
Offset<format::Tokenizer> describeTokenizer(MetadataBuilder &builder,
                                            mlir::ModuleOp module);

} // namespace sterna

#endif // STERNA_LIB_TARGET_DEVICEBINARY_METADATABUILDER_H
