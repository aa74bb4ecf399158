//===- DecoderParts.h - Parts of a language model's graph -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of a decoder that are not linear in one operand: embeddings, norms,
// products with weights, and the two products of attention. What lies between
// them is for LinearForms.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_DECODERPARTS_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_DECODERPARTS_H

#include "LinearForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// result = weight * input / sqrt(mean(input^2) + epsilon), for rows of `size`
/// elements of `input`, which the result has in the same order.
struct NormPart {
  mlir::Value input;
  /// A vector of `size`; null for ones.
  mlir::Value weight;
  double epsilon = 0;
  int64_t size = 0;
};

/// A product with a matrix of the model: `input` [.., columns] to [.., rows].
struct LinearPart {
  mlir::Value input;
  /// [rows, columns], or [columns, rows] if not `isTransposed`.
  mlir::Value weight;
  bool isTransposed = false;
  int64_t rows = 0, columns = 0;
  mlir::Operation *op = nullptr;
  /// What the product is multiplied or divided by, as part of the layer: one
  /// number or one for each token. Null for nothing.
  mlir::Value scale;
  bool isDivided = false;
};

/// A product of two values that tokens have: lhs [.., M, K] and rhs [.., K, N].
struct ProductPart {
  mlir::linalg::LinalgOp op;
  int64_t batch = 0, rows = 0, columns = 0, inner = 0;

  /// The elements of an operand, of the left side [b, m, k] and of the right
  /// side [b, k, n].
  int64_t getLhsPlace(int64_t b, int64_t m, int64_t k) const {
    return getPlace(0, b, m, 0, k);
  }
  int64_t getRhsPlace(int64_t b, int64_t k, int64_t n) const {
    return getPlace(1, b, 0, n, k);
  }
  mlir::Value getLhs() const { return op->getOperand(0); }
  mlir::Value getRhs() const { return op->getOperand(1); }

private:
  int64_t getPlace(unsigned operand, int64_t b, int64_t m, int64_t n,
                   int64_t k) const;
};

struct DecoderParts {
  /// By their results.
  llvm::MapVector<mlir::Value, NormPart> norms;
  llvm::MapVector<mlir::Value, LinearPart> linears;
  llvm::MapVector<mlir::Value, ProductPart> products;
  mlir::Value embedding;

  /// Finds the parts of `function`, and makes their inputs and results roots of
  /// `forms`.
  void find(mlir::func::FuncOp function, LinearForms &forms);
};

/// Tokens here and there among `tokens`, the same each time.
llvm::SmallVector<int64_t> spreadTokens(int64_t tokens);

/// `value` without the reshapes and conversions of floats around it.
mlir::Value peelViews(mlir::Value value);

/// The same, also without what repeats it.
mlir::Value peelBroadcasts(mlir::Value value);

/// What softmax along the last dimension is computed from; null where `value`
/// is none.
mlir::Value findSoftmaxInput(mlir::Value value);

/// The sum of rows of `value`, or of all of it, that is computed first; null
/// where there is none.
mlir::Value findSumOf(mlir::Value value);

/// An error about `op`, which goes by the name of its node.
llvm::Error makeError(mlir::Operation *op, const llvm::Twine &message);

/// The ops that `value` is computed by, those behind the roots of `forms` left
/// out, each behind what it reads.
llvm::SetVector<mlir::Operation *> findSlice(mlir::Value value,
                                             const LinearForms &forms);

/// The last op of type `Op` in that slice; null for none.
template <typename Op> Op findOp(mlir::Value value, const LinearForms &forms) {
  llvm::SetVector<mlir::Operation *> slice = findSlice(value, forms);
  for (mlir::Operation *op : llvm::reverse(slice))
    if (auto found = mlir::dyn_cast<Op>(op))
      return found;
  return nullptr;
}

/// The values that `value` is computed from, as far as the roots of `forms`,
/// arguments and parameters, in order; constants are none.
llvm::SmallVector<mlir::Value> findLeaves(mlir::Value value,
                                          const LinearForms &forms);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_DECODERPARTS_H
