// RUN: sterna-opt %s --sterna-emit-cpu-kernels="tuned=false levels=x86-64-v3" --sterna-lower-cpu-kernels | FileCheck %s

// A workgroup of a tied kernel reads and writes its own rows in place: here 8 of
// 64, of 32 columns. With a temporary for the whole tensor, workgroups would undo
// each other's work.
plan.kernel @accumulate tied [0] {
^bb0(%s: tensor<64x32xf32>, %x: tensor<64x32xf32>, %flag: tensor<f32>):
  %sum = arith.addf %s, %x : tensor<64x32xf32>
  %e = tensor.empty() : tensor<64x32xf32>
  %b = linalg.broadcast ins(%flag : tensor<f32>) outs(%e : tensor<64x32xf32>) dimensions = [0, 1]
  %zero = arith.constant dense<0.0> : tensor<64x32xf32>
  %first = arith.cmpf oeq, %b, %zero : tensor<64x32xf32>
  %z = arith.select %first, %x, %sum : tensor<64x32xi1>, tensor<64x32xf32>
  plan.yield %z : tensor<64x32xf32>
}

// CHECK-LABEL: llvm.func internal @accumulate(
// CHECK-NOT: llvm.mlir.constant(2048 : index)
// CHECK: llvm.return
