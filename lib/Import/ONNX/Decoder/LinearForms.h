//===- LinearForms.h - Elements as sums of other elements -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write one thing in many ways: a rotation as slices, negations and
// concatenations, or as products with tables; a mask as comparisons of ranges,
// or as gathers of sums. What they all compute between two ops that are not
// linear is a sum of elements times numbers, which does not depend on how it
// was written. This finds it for one element at a time, so that tensors as
// large as a mask of thousands of tokens are never built.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_DECODER_LINEARFORMS_H
#define STERNA_LIB_IMPORT_ONNX_DECODER_LINEARFORMS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <functional>
#include <optional>

namespace sterna {

/// `factor` times element `place`, in row-major order, of the tensor `root`.
struct LinearTerm {
  mlir::Value root;
  int64_t place;
  double factor;
};

/// A number plus terms, each of another element, none of factor 0.
struct LinearForm {
  double constant = 0;
  llvm::SmallVector<LinearTerm, 1> terms;

  bool isConstant() const { return terms.empty(); }
  /// The one term of a form that is nothing else, or null.
  const LinearTerm *single() const {
    return constant == 0 && terms.size() == 1 ? terms.data() : nullptr;
  }
};

/// Finds the linear forms of elements of tensors. Roots are arguments of the
/// function, parameters, and results of ops that are not linear in one operand
/// with the others known. Numbers are computed in f64, so that what a graph
/// would round to f32 on its way is not. Values of 16 bits are their own
/// widened ones.
class LinearForms {
public:
  /// Makes `value` a root, whatever computes it.
  void addRoot(mlir::Value value) {
    roots.insert(value);
    known.clear();
  }
  bool isRoot(mlir::Value value) const { return roots.contains(value); }

  /// Gives the elements of `value` numbers, whatever computes it.
  void assign(mlir::Value value, std::function<double(int64_t place)> number) {
    numbers[value] = std::move(number);
    known.clear();
    sums.clear();
  }

  /// The form of element `place` of the tensor `value`.
  LinearForm get(mlir::Value value, int64_t place);

  /// The same of a root, of what it is computed from.
  LinearForm expand(mlir::Value root, int64_t place);

private:
  using Forms = llvm::SmallVector<LinearForm, 2>;
  class Body;
  /// What a loop nest has, which ops make anew whenever they are asked.
  struct Nest {
    llvm::SmallVector<int64_t> extents;
    llvm::SmallVector<mlir::AffineMap> maps;
  };

  std::optional<LinearForm> compute(mlir::Operation *op, mlir::Value value,
                                    int64_t place);
  std::optional<LinearForm> runLoops(mlir::linalg::LinalgOp op,
                                     mlir::OpResult result, int64_t place);
  std::optional<LinearForm> sumUp(mlir::linalg::LinalgOp op,
                                  mlir::OpResult result, int64_t place,
                                  llvm::MutableArrayRef<int64_t> at,
                                  llvm::ArrayRef<bool> isFixed);
  std::optional<LinearForm> runBody(mlir::linalg::LinalgOp op,
                                    mlir::OpResult result,
                                    llvm::ArrayRef<int64_t> at,
                                    const LinearForm &before);

  const Nest &getNest(mlir::linalg::LinalgOp op);

  llvm::DenseSet<mlir::Value> roots;
  llvm::DenseMap<mlir::Operation *, Nest> nests;
  llvm::DenseMap<mlir::Value, std::function<double(int64_t)>> numbers;
  /// Values that depend on each other and are being computed.
  unsigned depth = 0;
  /// What reductions gave, which cost most; none where they are not linear.
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, std::optional<LinearForm>>
      sums;
  /// Steps of loops that were run: a hostile graph ends when they are many.
  int64_t stepsRun = 0;
  /// Forms that were found of values with several uses, forgotten where they
  /// are many.
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, LinearForm> known;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_DECODER_LINEARFORMS_H
