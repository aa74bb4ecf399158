// RUN: sterna-opt %s --sterna-form-dispatches --sterna-schedule --sterna-emit-cpu-kernels=levels=x86-64-v3 | FileCheck %s
// RUN: sterna-opt %s --sterna-phase-dispatch=targets=x86-64-v3 --sterna-phase-schedule --sterna-phase-codegen | FileCheck %s --check-prefix=LOWERED

// A join has no part of its result to itself, so it is one workgroup, and
// writes each piece where it belongs.
// CHECK: plan.kernel @[[KERNEL:concat_[0-9]+]] tied [-1] attributes {"x86-64-v3" = {emitter = "portable", workgroups = 1 : i64}}
// CHECK: func.func @[[KERNEL]](
// CHECK: %[[FIRST:.+]] = tensor.insert_slice %{{.+}}[0, 0] [4, 8] [1, 1]
// CHECK: %[[BOTH:.+]] = tensor.insert_slice %{{.+}} into %[[FIRST]][0, 8] [4, 5] [1, 1]
// CHECK: bufferization.materialize_in_destination %[[BOTH]]

// No buffer besides those of the operands.
// LOWERED: llvm.func internal @concat_0(
// LOWERED-NOT: llvm.alloca
// LOWERED: llvm.return
func.func @join(%x: tensor<4x8xf32> {tern.input = "x"}, %y: tensor<4x5xf32> {tern.input = "y"})
    -> (tensor<4x13xf32> {tern.output = "z"}) {
  %z = tensor.concat dim(1) %x, %y : (tensor<4x8xf32>, tensor<4x5xf32>) -> tensor<4x13xf32>
  return %z : tensor<4x13xf32>
}
