//===- Passes.td - Passes that differentiate ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declared in alphabetical order; one file of lib/Autodiff and one lit test
// each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_AUTODIFF_PASSES_TD
#define STERNA_AUTODIFF_PASSES_TD

include "mlir/Pass/PassBase.td"

def DifferentiatePass : Pass<"sterna-differentiate", "::mlir::ModuleOp"> {
  let summary = "Differentiate a function with a scalar result";
  let description = [{
    Adds `@NAME_vjp` for a function `@NAME` of one block with one scalar float
    result (a float or a float tensor of rank 0). It takes the same arguments
    and returns the value, then the gradient of each float tensor argument in
    order, zeros for an argument without influence.

    Reverse mode on values: every op between a float tensor argument and the
    result has a rule (`DifferentiableOpInterface`); an op without one is an
    error. Nothing is built for operands that no float tensor argument reaches.

    ```mlir
    func.func @f(%x: tensor<f64>) -> tensor<f64> {
      %y = math.exp %x : tensor<f64>
      return %y : tensor<f64>
    }
    // adds
    func.func @f_vjp(%x: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
      %y = math.exp %x : tensor<f64>
      %one = arith.constant dense<1.0> : tensor<f64>
      %dx = arith.mulf %one, %y : tensor<f64>
      return %y, %dx : tensor<f64>, tensor<f64>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", "",
           "Name of the function to differentiate">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
}

#endif // STERNA_AUTODIFF_PASSES_TD
