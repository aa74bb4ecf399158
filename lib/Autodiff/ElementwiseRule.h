//===- ElementwiseRule.h - Interface model of an elementwise rule ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rules of elementwise ops are one expression an operand. This turns such an
// expression into a model of `DifferentiableOpInterface`, so that the tables in
// ArithRules.cpp and MathRules.cpp hold nothing but mathematics.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_AUTODIFF_ELEMENTWISERULE_H
#define STERNA_LIB_AUTODIFF_ELEMENTWISERULE_H

#include "sterna/Interfaces/DifferentiableOpInterface.h"
#include "sterna/Support/TensorBuilder.h"

namespace sterna {

/// Rules of ops whose operands all have cotangents derive from this.
struct SelectsNothing {
  static bool isSelector(unsigned) { return false; }
};

/// Model of an op with one result. `Rule::cotangent(build, op, index, dy)` is
/// the cotangent of operand `index` for the cotangent `dy` of the result, where
/// `Rule::isSelector(index)` does not say that there is none.
template <typename Op, typename Rule>
struct ElementwiseRule
    : DifferentiableOpInterface::ExternalModel<ElementwiseRule<Op, Rule>, Op> {
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  buildCotangents(mlir::Operation *op, mlir::OpBuilder &builder,
                  mlir::ValueRange cotangents,
                  llvm::ArrayRef<bool> wanted) const {
    TensorBuilder build{builder, op->getLoc()};
    llvm::SmallVector<mlir::Value> result(op->getNumOperands());
    for (auto [index, isWanted] : llvm::enumerate(wanted))
      if (isWanted)
        result[index] = Rule::cotangent(build, mlir::cast<Op>(op), index,
                                        cotangents.front());
    return result;
  }

  bool isSelector(mlir::Operation *, unsigned index) const {
    return Rule::isSelector(index);
  }
};

} // namespace sterna

#endif // STERNA_LIB_AUTODIFF_ELEMENTWISERULE_H
