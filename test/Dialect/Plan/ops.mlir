// RUN: sterna-opt %s --verify-roundtrip | FileCheck %s
// RUN: sterna-opt %s | sterna-opt | FileCheck %s
// RUN: sterna-opt %s --emit-bytecode | sterna-opt | FileCheck %s
// RUN: %python %S/../check_examples.py %source/include/sterna/Dialect/Plan/IR/PlanOps.td %s

// Every example of the op definitions, as it stands there.

// CHECK-LABEL: plan.kernel @add tied [-1] {
// CHECK-NEXT: ^bb0(%[[X:.+]]: tensor<4xf32>, %[[Y:.+]]: tensor<4xf32>):
// CHECK-NEXT: %[[Z:.+]] = arith.addf %[[X]], %[[Y]] : tensor<4xf32>
// CHECK-NEXT: plan.yield %[[Z]] : tensor<4xf32>
plan.kernel @add tied [-1] {
^bb0(%x: tensor<4xf32>, %y: tensor<4xf32>):
  %z = arith.addf %x, %y : tensor<4xf32>
  plan.yield %z : tensor<4xf32>
}

// The result replaces the second argument in place.
// CHECK: plan.kernel @accumulate tied [1] {
plan.kernel @accumulate tied [1] {
^bb0(%x: tensor<4xf32>, %y: tensor<4xf32>):
  %z = arith.addf %x, %y : tensor<4xf32>
  plan.yield %z : tensor<4xf32>
}

// CHECK-LABEL: func.func @on_tensors(
func.func @on_tensors(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: %{{.+}} = plan.dispatch @add(%{{.+}}, %{{.+}}) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %z = plan.dispatch @add(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}

// CHECK: plan.state @a : memref<8x64xf32> at 0 is <name = "a", kind = lora_a, target = "q_proj">
plan.state @a : memref<8x64xf32> at 0
    is <name = "a", kind = lora_a, target = "q_proj">

// CHECK-LABEL: plan.program @p arena 64 inputs [] outputs [] peak {activations = 64 : i64} {
// CHECK-NEXT: %{{.+}} = plan.buffer arena at 0 : memref<16xf32>
// CHECK-NEXT: }
plan.program @p arena 64 inputs [] outputs [] peak {activations = 64 : i64} {
  %0 = plan.buffer arena at 0 : memref<16xf32>
}

// CHECK-LABEL: plan.program @buffers
plan.program @buffers arena 4224 inputs [] outputs [] peak {} {
  // CHECK: %{{.+}} = plan.buffer arena at 4096 : memref<4x8xf32>
  // CHECK: %{{.+}} = plan.buffer weights at 0 name "output_norm.weight" : memref<8xf32>
  %0 = plan.buffer arena at 4096 : memref<4x8xf32>
  %1 = plan.buffer weights at 0 name "output_norm.weight" : memref<8xf32>
}

// CHECK-LABEL: plan.program @launches
// CHECK-SAME: inputs [{name = "x", offset = 0 : i64, type = memref<4xf32>}]
// CHECK-SAME: outputs [{name = "z", offset = 64 : i64, type = memref<4xf32>}]
plan.program @launches arena 16
    inputs [{name = "x", offset = 0 : i64, type = memref<4xf32>}]
    outputs [{name = "z", offset = 64 : i64, type = memref<4xf32>}] peak {activations = 16 : i64} {
  %0 = plan.buffer block at 0 : memref<4xf32>
  %1 = plan.buffer state at 128 name "blk.0.attn_q.lora_a" : memref<4xf32>
  %2 = plan.buffer block at 64 : memref<4xf32>
  // CHECK: plan.launch @add(%{{.+}}, %{{.+}}, %{{.+}}) : memref<4xf32>, memref<4xf32>, memref<4xf32>
  plan.launch @add(%0, %1, %2) : memref<4xf32>, memref<4xf32>, memref<4xf32>
  // CHECK-NEXT: plan.barrier
  plan.barrier
  // A buffer for the tied result would be one too many.
  // CHECK-NEXT: plan.launch @accumulate(%{{.+}}, %{{.+}}) : memref<4xf32>, memref<4xf32>
  plan.launch @accumulate(%2, %1) : memref<4xf32>, memref<4xf32>
}
