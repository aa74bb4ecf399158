//===- ParameterReader.h - Parameters from stored tensors -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the tensors that the definition of a transformer needs, checks their
// shapes and values, and describes each as a parameter. It is the same for
// every format that names tensors; a tensor without a use is refused.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_PARAMETERREADER_H
#define STERNA_LIB_IMPORT_PARAMETERREADER_H

#include "DescribeTernary.h"
#include "llvm/ADT/StringSet.h"

namespace sterna {

/// Which tensors a model of some architecture has.
struct TensorDefinition {
  /// Norms of attention's result and of the feed-forward's inner layer: in
  /// every layer or in none.
  bool subNorms = false;
  /// Norms of each head of q and of k.
  bool headNorms = false;
  /// Norms in each linear, before its quantizer.
  bool linearNorms = false;
  /// Whether the head is the embedding; none: where it has no matrix.
  std::optional<bool> tied;
  /// Whether q and k rows come in interleaved-rotary order.
  bool interleavedRope = false;
  /// Whether latent floats are made ternary by absmean instead of refused.
  bool quantizeAbsmean = false;
  /// Whether a tensor of scales beside a weight divides it.
  bool scalesDivide = false;
};

class ParameterReader {
public:
  /// Fills the parameters of `model`, whose sizes are known.
  ParameterReader(const TensorTable &tensors, mlir::MLIRContext *context,
                  const TensorDefinition &definition, ModelDescription &model)
      : tensors(tensors), context(context), definition(definition),
        model(model) {}

  /// Describes all parameters. Fails on a tensor that is missing, has another
  /// shape or type, holds what is not finite or not ternary, or has no use.
  llvm::Error read();

  /// The `size` elements of the tensor `name` of one dimension, which must be
  /// finite. It counts as used.
  llvm::Expected<std::vector<float>> readVector(llvm::StringRef name,
                                                int64_t size);

private:
  llvm::Error findSubNorms();
  llvm::Error readBlock(const std::string &prefix);
  llvm::Error readNorms(const std::string &prefix);
  llvm::Error addFloat(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);
  llvm::Error addScaledTable(llvm::StringRef name, const StoredTensor &tensor,
                             Parameter &parameter);
  llvm::Error addTernary(const std::string &name,
                         const MatrixDefinition &matrix);
  llvm::Error checkUnused();

  const TensorTable &tensors;
  mlir::MLIRContext *context;
  TensorDefinition definition;
  ModelDescription &model;
  /// Tensors that the definition has a use for.
  llvm::StringSet<> used;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_PARAMETERREADER_H
