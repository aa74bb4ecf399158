// RUN: sterna-opt %s --sterna-recompute | FileCheck %s
// RUN: sterna-opt %s --sterna-recompute=enabled=false | FileCheck %s --check-prefix=KEEP

plan.kernel @f tied [-1] {
^bb0(%x: tensor<4xf32>):
  %y = math.exp %x : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}
plan.kernel @loss tied [-1] {
^bb0(%x: tensor<4xf32>):
  %y = math.log %x : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}
plan.kernel @start tied [-1] {
^bb0(%scale: tensor<f32>, %x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.kernel @grad tied [-1] {
^bb0(%x: tensor<4xf32>, %dy: tensor<4xf32>):
  %y = arith.mulf %x, %dy : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}

// The value of the first block is computed again, from the checkpoint and right
// before the backward pass needs it; what follows the last checkpoint is kept.
// CHECK-LABEL: func.func @train(
// CHECK-SAME: %[[X:.+]]: tensor<4xf32> {tern.input = "x"}, %[[SCALE:.+]]: tensor<f32>
// CHECK-NOT: tern.checkpoint
// CHECK: %[[H:.+]] = plan.dispatch @f(%[[X]])
// CHECK-NEXT: %[[C:.+]] = plan.dispatch @f(%[[H]])
// CHECK-NEXT: %[[L:.+]] = plan.dispatch @loss(%[[C]])
// CHECK-NEXT: %[[D0:.+]] = plan.dispatch @start(%[[SCALE]], %[[L]])
// CHECK-NEXT: %[[D1:.+]] = plan.dispatch @grad(%[[C]], %[[D0]])
// CHECK-NEXT: %[[AGAIN:.+]] = plan.dispatch @f(%[[X]])
// CHECK-NEXT: %[[D2:.+]] = plan.dispatch @grad(%[[AGAIN]], %[[D1]])
// CHECK-NEXT: %[[D3:.+]] = plan.dispatch @grad(%[[X]], %[[D2]])
// CHECK-NEXT: return %[[D3]]

// Without recomputation only the markers go.
// KEEP-LABEL: func.func @train(
// KEEP-NOT: tern.checkpoint
// KEEP: %[[H:.+]] = plan.dispatch @f(%{{.+}})
// KEEP: plan.dispatch @f(%[[H]])
// KEEP-NOT: plan.dispatch @f(
// KEEP: plan.dispatch @grad(%[[H]],
func.func @train(%x: tensor<4xf32> {tern.input = "x"},
                 %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<4xf32> {tern.output = "dx"}) {
  %c0 = tern.checkpoint %x : tensor<4xf32>
  %h = plan.dispatch @f(%c0) : (tensor<4xf32>) -> tensor<4xf32>
  %g = plan.dispatch @f(%h) : (tensor<4xf32>) -> tensor<4xf32>
  %c1 = tern.checkpoint %g : tensor<4xf32>
  %l = plan.dispatch @loss(%c1) : (tensor<4xf32>) -> tensor<4xf32>
  %d0 = plan.dispatch @start(%scale, %l) : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %d1 = plan.dispatch @grad(%c1, %d0) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d2 = plan.dispatch @grad(%h, %d1) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d3 = plan.dispatch @grad(%c0, %d2) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %d3 : tensor<4xf32>
}

// A program without a backward pass is left as it is, but for the markers.
// CHECK-LABEL: func.func @forward(
// CHECK-NEXT: %[[Y:.+]] = plan.dispatch @f(%{{.+}})
// CHECK-NEXT: return %[[Y]]
func.func @forward(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y"}) {
  %c = tern.checkpoint %x : tensor<4xf32>
  %y = plan.dispatch @f(%c) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
