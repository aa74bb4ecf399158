// RUN: sterna-opt %s --sterna-emit-cpu-kernels=levels=x86-64-v3 | FileCheck %s

// Parts of a kernel that share no op but constants are emitted one by one, into a
// function for each structure: the norms are one. Workgroups of a part follow
// those of the part before.
// CHECK: plan.kernel @three tied [-1, -1, -1]
// CHECK-SAME: {emitter = "rows+portable", workgroups = 10
// CHECK-LABEL: func.func @three(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<2x16xf32> {llvm.noalias}, %[[W:[a-z0-9]+]]: memref<16xf32> {llvm.noalias}, %[[Y:[a-z0-9]+]]: memref<2x16xf32> {llvm.noalias},
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<2x16xf32> {llvm.noalias}, %[[B:[a-z0-9]+]]: memref<2x16xf32> {llvm.noalias}, %[[C:[a-z0-9]+]]: memref<16xf32> {llvm.noalias}, %[[BEGIN:[a-z0-9]+]]: index, %[[END:[a-z0-9]+]]: index)
// CHECK: scf.if
// CHECK: func.call @part_0(%[[X]], %[[W]], %[[A]],
// CHECK: %[[FIRST:.+]] = arith.constant 1 : index
// CHECK: arith.subi %[[BEGIN]], %[[FIRST]]
// CHECK: %[[LAST:.+]] = arith.constant 1 : index
// CHECK: arith.subi %[[END]], %[[LAST]]
// CHECK: %[[FROM:.+]] = arith.maxsi
// CHECK: %[[TO:.+]] = arith.minsi
// CHECK: %[[SOME:.+]] = arith.cmpi slt, %[[FROM]], %[[TO]]
// CHECK: scf.if %[[SOME]] {
// CHECK: func.call @part_0(%[[Y]], %[[W]], %[[B]], %[[FROM]], %[[TO]])
// CHECK: func.call @part_1(%[[W]], %[[C]],
// CHECK: func.func private @part_0(
// CHECK: func.func private @part_1(
// CHECK-NOT: @part_2
plan.kernel @three tied [-1, -1, -1] {
^bb0(%x: tensor<2x16xf32>, %w: tensor<16xf32>, %y: tensor<2x16xf32>):
  %a = tern.rms_norm %x, %w {epsilon = 1.0e-05 : f64} : tensor<2x16xf32>, tensor<16xf32>
  %b = tern.rms_norm %y, %w {epsilon = 1.0e-05 : f64} : tensor<2x16xf32>, tensor<16xf32>
  %c = math.exp %w : tensor<16xf32>
  plan.yield %a, %b, %c : tensor<2x16xf32>, tensor<2x16xf32>, tensor<16xf32>
}

// What reads an argument and what replaces it are one part: workgroups of two
// would run in any order.
// CHECK-LABEL: func.func @replaces(
// CHECK-NOT: call
// CHECK: return
plan.kernel @replaces tied [0, -1] {
^bb0(%s: tensor<16xf32>, %x: tensor<16xf32>):
  %t = arith.addf %s, %x : tensor<16xf32>
  %y = math.exp %s : tensor<16xf32>
  plan.yield %t, %y : tensor<16xf32>, tensor<16xf32>
}
