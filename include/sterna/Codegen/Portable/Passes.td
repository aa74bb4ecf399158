//===- Passes.td - Code generation for every target --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file of lib/Codegen/Portable and one lit test each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_PORTABLE_PASSES_TD
#define STERNA_CODEGEN_PORTABLE_PASSES_TD

include "mlir/Pass/PassBase.td"

def MakeFreestandingPass : Pass<"sterna-make-freestanding", "::mlir::func::FuncOp"> {
  let summary = "Replace what would become calls of a library";
  let description = [{
    A kernel library has no undefined symbol: `math.exp` and `math.log` become
    polynomials, identical on every target, and copies become loops.

    ```mlir
    memref.copy %x, %y : memref<8xf32> to memref<8xf32>
    // becomes
    linalg.generic ... ins(%x : memref<8xf32>) outs(%y : memref<8xf32>) ...
    ```
  }];
  let options = [
    Option<"expandFma", "expand-fma", "bool", "false",
           "Multiply and add in two steps, where no instruction does both">,
    Option<"expandF16", "expand-f16", "bool", "false",
           "Widen f16 by integer arithmetic, where no instruction does">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // STERNA_CODEGEN_PORTABLE_PASSES_TD
