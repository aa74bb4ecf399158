//===- Passes.td - Passes over imported graphs -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declared in alphabetical order; one file of lib/Import/ONNX/Raising and one
// lit test each. They look at the function `main` alone: a module without one,
// as that of a language model is, stays as it is.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_ONNX_PASSES_TD
#define STERNA_IMPORT_ONNX_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseIntegerProductsPass
    : Pass<"sterna-raise-integer-products", "::mlir::ModuleOp"> {
  let summary = "Make tern.matmul of products of bytes with ternary matrices";
  let description = [{
    A product of i32 whose left side is bytes less one zero point, as
    MatMulInteger of what DynamicQuantizeLinear gives, and whose right side is a
    frozen matrix of integers `{-s, 0, s}`, becomes a `tern.matmul` of signed
    bytes. The zero point is multiplied by the sums of the matrix's columns,
    which the product of a row of ones gives. The integers are the same. There is
    no gradient: the quantizer is not one that is known as straight-through.

    ```mlir
    %y = linalg.generic ... ins(%q_less_z, %w : tensor<4x64xi32>, tensor<64x8xi32>)
    // becomes
    %p = tern.matmul %q_and_ones, %w, %one
        : tensor<5x64xi8>, tensor<8x64x!tern.trit>, tensor<1xf32> -> tensor<5x8xf32>
    %y = rows 0 to 3 of %p less %z times row 4
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
  let statistics = [
    Statistic<"numRaised", "num-raised", "Products that were raised">
  ];
}

def RaiseLinearsPass : Pass<"sterna-raise-linears", "::mlir::ModuleOp"> {
  let summary = "Make tern.linear of products with ternary matrices";
  let description = [{
    A product `x * w` of f32 whose right side is computed from frozen parameters
    becomes a `tern.linear` where that side is ternary: `{-s, 0, s}` for one
    scale, one of each row or one of each group of a row's columns, transposed
    or not. It may be stored as floats, or as integers of 8, 4 or 2 bits times
    their scales. All elements are read from the files that parameters name, and
    the ops that compute the side treat all alike, without rounding or wrapping.
    What else is computed from parameters stays as it is, and so does what
    depends on one with `tern.trainable`.

    Where `x` is quantized per row as BitNet b1.58 does (arXiv:2402.17764),
    whether it is fake or left in integers by whose step the product is
    multiplied, the linear does that: it has `int8_activations`, and a
    straight-through gradient with it.

    ```mlir
    tern.param @w : tensor<64x8xf32> from #tern.elements<path = "m.onnx", offset = 64>
    %w = tern.get_param @w : tensor<64x8xf32>
    %y = linalg.matmul ins(%x, %w : ...) outs(%zeros : ...) -> tensor<4x8xf32>
    // becomes
    tern.param @w.trits : tensor<8x64x!tern.trit>
        from #tern.file<path = "m.onnx", offset = 64, storage = f32_columns>
    tern.param @w.scale : tensor<1xf32> from dense<5.000000e-01> : tensor<1xf32>
    %y = tern.linear %x, %w, %s
        : tensor<4x64xf32>, tensor<8x64x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
  let statistics = [
    Statistic<"numRaised", "num-raised", "Products that became linears">
  ];
}

def RaiseNormsPass : Pass<"sterna-raise-norms", "::mlir::ModuleOp"> {
  let summary = "Make tern.rms_norm of norms by the root mean square";
  let description = [{
    `x / sqrt(mean(x^2) + epsilon)` of f32 over the last dimension, spelled by
    divisions, roots, reciprocals or powers, becomes a `tern.rms_norm` with the
    vector that it is multiplied by as weight, or ones where there is none.
    That a norm is one, times its weights, is checked by computing it for known
    numbers. One that is rounded to fewer bits on its way stays as it is.

    ```mlir
    %y = arith.mulf %w_broadcast, %x_by_root : tensor<4x8xf32>
    // becomes
    %y = tern.rms_norm %x, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
  let statistics = [
    Statistic<"numRaised", "num-raised", "Norms that were raised">
  ];
}

#endif // STERNA_IMPORT_ONNX_PASSES_TD
