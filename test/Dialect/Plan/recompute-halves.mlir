// Where checkpoints do not fit, a block is computed again in two halves: what
// leads to what the second is computed from is not held while its gradient runs.
// RUN: sterna-opt %s --sterna-recompute="budget=-1" | FileCheck %s
// RUN: sterna-opt %s --sterna-recompute="budget=1000000000" | FileCheck %s --check-prefix=ALL

plan.kernel @f tied [-1] {
^bb0(%x: tensor<1024xf32>):
  %y = math.exp %x : tensor<1024xf32>
  plan.yield %y : tensor<1024xf32>
}
plan.kernel @add tied [-1] {
^bb0(%x: tensor<1024xf32>, %y: tensor<1024xf32>):
  %z = arith.addf %x, %y : tensor<1024xf32>
  plan.yield %z : tensor<1024xf32>
}
plan.kernel @start tied [-1] {
^bb0(%scale: tensor<f32>, %x: tensor<1024xf32>):
  plan.yield %x : tensor<1024xf32>
}
plan.kernel @grad tied [-1] {
^bb0(%x: tensor<1024xf32>, %dy: tensor<1024xf32>):
  %y = arith.mulf %x, %dy : tensor<1024xf32>
  plan.yield %y : tensor<1024xf32>
}

// x, h = x + f(f(x)), y = h + f(f(h)). Only h is all that y is computed from.
// CHECK-LABEL: func.func @train_micro(
// CHECK-SAME: %[[X:.+]]: tensor<1024xf32> {tern.input = "x"}
// CHECK: plan.dispatch @start(
// CHECK-NEXT: %[[A:.+]] = plan.dispatch @f(%[[X]])
// CHECK-NEXT: %[[B:.+]] = plan.dispatch @f(%[[A]])
// CHECK-NEXT: %[[H:.+]] = plan.dispatch @add(%[[X]], %[[B]])
// CHECK-NEXT: %[[C:.+]] = plan.dispatch @f(%[[H]])
// CHECK-NEXT: %[[D:.+]] = plan.dispatch @f(%[[C]])
// CHECK-NEXT: plan.dispatch @grad(%[[D]],
// CHECK-NEXT: plan.dispatch @grad(%[[C]],
// CHECK-NEXT: %[[E:.+]] = plan.dispatch @f(%[[X]])
// CHECK-NEXT: %[[F:.+]] = plan.dispatch @f(%[[E]])
// CHECK-NEXT: plan.dispatch @grad(%[[F]],
// CHECK-NEXT: %[[DX:.+]] = plan.dispatch @grad(%[[E]],
// CHECK-NEXT: return %[[DX]]

// ALL-LABEL: func.func @train_micro(
// ALL: plan.dispatch @start(
// ALL-NOT: plan.dispatch @f(
// ALL: return
func.func @train_micro(%x: tensor<1024xf32> {tern.input = "x"},
                       %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<1024xf32> {tern.output = "dx"}) {
  %c0 = tern.checkpoint %x : tensor<1024xf32>
  %a = plan.dispatch @f(%c0) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b = plan.dispatch @f(%a) : (tensor<1024xf32>) -> tensor<1024xf32>
  %h = plan.dispatch @add(%c0, %b) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %c = plan.dispatch @f(%h) : (tensor<1024xf32>) -> tensor<1024xf32>
  %d = plan.dispatch @f(%c) : (tensor<1024xf32>) -> tensor<1024xf32>
  %y = plan.dispatch @add(%h, %d) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %c1 = tern.checkpoint %y : tensor<1024xf32>
  %d0 = plan.dispatch @start(%scale, %c1) : (tensor<f32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d1 = plan.dispatch @grad(%d, %d0) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d2 = plan.dispatch @grad(%c, %d1) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d3 = plan.dispatch @grad(%b, %d2) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d4 = plan.dispatch @grad(%a, %d3) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  return %d4 : tensor<1024xf32>
}
