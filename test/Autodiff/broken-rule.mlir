// A wrong gradient must not pass the comparison with finite differences: the
// cosine in the derivative of the sine is replaced by a sine.
// RUN: sterna-opt %s --sterna-differentiate=function=sine -o %t.mlir
// RUN: %python %S/finite_differences.py %s --gradients %t.mlir
// RUN: sed s/math.cos/math.sin/ %t.mlir > %t.broken.mlir
// RUN: not %python %S/finite_differences.py %s --gradients %t.broken.mlir | FileCheck %s

// CHECK: FAILED: sine
func.func @sine(%x: tensor<f64>) -> tensor<f64> {
  %y = math.sin %x : tensor<f64>
  return %y : tensor<f64>
}
