//===- DifferentiableOpInterface.td ------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reverse-mode differentiation rules, on value semantics.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD
#define STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::sterna";
  let description = [{
    An op with a rule for reverse-mode differentiation. Our ops implement it;
    upstream ops get it as external models (`lib/Autodiff`).
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the cotangents of the operands from those of the results.

      `cotangents` has one value a result, null where the result has no
      influence on the differentiated scalar. `wanted[i]` says whether operand
      `i` needs a cotangent: the rule builds nothing for the others. Returns one
      value an operand, of the operand's type, null for those not wanted or
      whose cotangent is zero. Behind the operands come the values that the op's
      regions use from outside, in the order of getUsedValuesDefinedAbove(); a
      rule that returns no cotangents of them has none. Fails, after emitting an
      error, when a wanted cotangent cannot be built.
    }], "::mlir::FailureOr<::mlir::SmallVector<::mlir::Value>>", "buildCotangents",
      (ins "::mlir::OpBuilder &":$builder,
           "::mlir::ValueRange":$cotangents,
           "::llvm::ArrayRef<bool>":$wanted)>,
    InterfaceMethod<[{
      Whether operand `index` chooses which of the others the results are, as
      the condition of a selection does. The results are piecewise constant in
      it, so that its gradient is zero by right: activity stops there.
    }], "bool", "isSelector", (ins "unsigned":$index), "",
      /*defaultImplementation=*/[{ return false; }]>
  ];
}

#endif // STERNA_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD
