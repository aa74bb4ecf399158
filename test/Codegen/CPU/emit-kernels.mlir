// RUN: sterna-opt %s --sterna-emit-cpu-kernels="tuned=false levels=x86-64-v3" | FileCheck %s

// The portable tier. A function takes a buffer for each argument and each
// untied result, and the range of workgroups to run; what it writes overlaps
// nothing else.
// CHECK: plan.kernel @exp tied [-1] attributes {"x86-64-v3" = {emitter = "portable", workgroups = 8 : i64}}
plan.kernel @exp tied [-1] {
^bb0(%x: tensor<64x32xf32>):
  %y = math.exp %x : tensor<64x32xf32>
  plan.yield %y : tensor<64x32xf32>
}

// A reduction to a scalar is one workgroup.
// CHECK: plan.kernel @sum tied [-1] attributes {"x86-64-v3" = {emitter = "portable", workgroups = 1 : i64}}
plan.kernel @sum tied [-1] {
^bb0(%x: tensor<64x32xf32>):
  %zero = arith.constant dense<0.0> : tensor<f32>
  %y = linalg.reduce { arith.addf } ins(%x : tensor<64x32xf32>) outs(%zero : tensor<f32>) dimensions = [0, 1]
  plan.yield %y : tensor<f32>
}

// A tied result has no buffer of its own.
// CHECK: plan.kernel @accumulate tied [0]
plan.kernel @accumulate tied [0] {
^bb0(%s: tensor<64x32xf32>, %x: tensor<64x32xf32>):
  %z = arith.addf %s, %x : tensor<64x32xf32>
  plan.yield %z : tensor<64x32xf32>
}

// Packed weights are bytes.
// CHECK: plan.kernel @matmul tied [-1]
plan.kernel @matmul tied [-1] {
^bb0(%x: tensor<4x32xf32>, %w: tensor<16x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, %s: tensor<1xf32>):
  %y = tern.matmul %x, %w, %s : tensor<4x32xf32>, tensor<16x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32> -> tensor<4x16xf32>
  plan.yield %y : tensor<4x16xf32>
}

// CHECK: module @"x86-64-v3" {
// CHECK: func.func @exp(%[[X:.+]]: memref<64x32xf32> {llvm.noalias}, %[[Y:.+]]: memref<64x32xf32> {llvm.noalias}, %[[BEGIN:.+]]: index, %[[END:.+]]: index)
// CHECK: scf.for %{{.+}} = %[[BEGIN]] to %[[END]]
// CHECK: tensor.extract_slice %{{.+}} [8, 32] [1, 1]
// CHECK: bufferization.materialize_in_destination %{{.+}} in restrict writable %[[Y]]
// CHECK: func.func @sum(%{{.+}}: memref<64x32xf32> {llvm.noalias}, %[[SUM:.+]]: memref<f32> {llvm.noalias}, %{{.+}}: index, %{{.+}}: index)
// CHECK-NOT: scf.for
// CHECK: materialize_in_destination %{{.+}} in restrict writable %[[SUM]]
// CHECK: func.func @accumulate(%[[S:[a-z0-9]+]]: memref<64x32xf32> {llvm.noalias}, %{{[a-z0-9]+}}: memref<64x32xf32> {llvm.noalias}, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index)
// CHECK: materialize_in_destination %{{.+}} in restrict writable %[[S]]
// CHECK: func.func @matmul(%{{.+}}: memref<4x32xf32> {llvm.noalias}, %{{.+}}: memref<128xi8> {llvm.noalias}, %{{.+}}: memref<1xf32> {llvm.noalias}, %{{.+}}: memref<4x16xf32> {llvm.noalias},
// CHECK: arith.shrui
// CHECK-NOT: !tern.trit
