// RUN: sterna-opt %s --sterna-recompute="budget=-1" | FileCheck %s --check-prefix=MIN
// RUN: sterna-opt %s --sterna-recompute="budget=1000000000" | FileCheck %s --check-prefix=ALL
// RUN: sterna-opt %s --sterna-recompute="budget=16810048" | FileCheck %s --check-prefix=SOME
// RUN: not sterna-opt %s --sterna-recompute="budget=16777216" 2>&1 | FileCheck %s --check-prefix=ERROR

plan.kernel @f tied [-1] {
^bb0(%x: tensor<1024xf32>):
  %y = math.exp %x : tensor<1024xf32>
  plan.yield %y : tensor<1024xf32>
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

// With the fewest bytes each second input of a block is kept. The other is
// computed again for the last block, once: the way to it is not held, and so is
// walked a second time for the block on it.
// MIN-LABEL: func.func @train_micro(
// MIN-SAME: %[[X:.+]]: tensor<1024xf32> {tern.input = "x"}
// MIN: plan.dispatch @f(%[[X]])
// MIN-NEXT: plan.dispatch @f(
// MIN-NEXT: plan.dispatch @f(
// MIN-NEXT: %[[C2:.+]] = plan.dispatch @f(
// MIN-COUNT-4: plan.dispatch @f(
// MIN-NEXT: %[[D:.+]] = plan.dispatch @start(
// MIN-NEXT: %[[WAY:.+]] = plan.dispatch @f(%[[C2]])
// MIN-NEXT: %[[C3:.+]] = plan.dispatch @f(%[[WAY]])
// MIN-NEXT: %[[A3:.+]] = plan.dispatch @f(%[[C3]])
// MIN-NEXT: %[[E3:.+]] = plan.dispatch @grad(%[[A3]], %[[D]])
// MIN-NEXT: %[[D3:.+]] = plan.dispatch @grad(%[[C3]], %[[E3]])
// MIN-NEXT: %[[A2:.+]] = plan.dispatch @f(%[[C2]])
// MIN-NEXT: %[[E2:.+]] = plan.dispatch @grad(%[[A2]], %[[D3]])
// MIN-NEXT: plan.dispatch @grad(%[[C2]], %[[E2]])
// MIN-NEXT: plan.dispatch @f(%[[X]])

// What fits is kept, here of the last two blocks.
// SOME-LABEL: func.func @train_micro(
// SOME: plan.dispatch @start(
// SOME-COUNT-4: plan.dispatch @grad(
// SOME-NEXT: plan.dispatch @f(
// SOME-COUNT-2: plan.dispatch @grad(
// SOME-NEXT: plan.dispatch @f(
// SOME-COUNT-2: plan.dispatch @grad(
// SOME-NEXT: return

// Where there is room nothing is computed again.
// ALL-LABEL: func.func @train_micro(
// ALL-COUNT-8: plan.dispatch @f(
// ALL: plan.dispatch @start(
// ALL-NOT: plan.dispatch @f(
// ALL: return

// ERROR: error: training does not fit into 16 MiB; the smallest budget for these sizes is 17 MiB. A shorter --seq-len
func.func @train_micro(%x: tensor<1024xf32> {tern.input = "x"},
                 %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<1024xf32> {tern.output = "dx"}) {
  %c0 = tern.checkpoint %x : tensor<1024xf32>
  %a0 = plan.dispatch @f(%c0) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b0 = plan.dispatch @f(%a0) : (tensor<1024xf32>) -> tensor<1024xf32>
  %c1 = tern.checkpoint %b0 : tensor<1024xf32>
  %a1 = plan.dispatch @f(%c1) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b1 = plan.dispatch @f(%a1) : (tensor<1024xf32>) -> tensor<1024xf32>
  %c2 = tern.checkpoint %b1 : tensor<1024xf32>
  %a2 = plan.dispatch @f(%c2) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b2 = plan.dispatch @f(%a2) : (tensor<1024xf32>) -> tensor<1024xf32>
  %c3 = tern.checkpoint %b2 : tensor<1024xf32>
  %a3 = plan.dispatch @f(%c3) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b3 = plan.dispatch @f(%a3) : (tensor<1024xf32>) -> tensor<1024xf32>
  %c4 = tern.checkpoint %b3 : tensor<1024xf32>
  %d = plan.dispatch @start(%scale, %c4) : (tensor<f32>, tensor<1024xf32>) -> tensor<1024xf32>
  %e3 = plan.dispatch @grad(%a3, %d) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d3 = plan.dispatch @grad(%c3, %e3) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %e2 = plan.dispatch @grad(%a2, %d3) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d2 = plan.dispatch @grad(%c2, %e2) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %e1 = plan.dispatch @grad(%a1, %d2) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d1 = plan.dispatch @grad(%c1, %e1) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %e0 = plan.dispatch @grad(%a0, %d1) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %d0 = plan.dispatch @grad(%c0, %e0) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  return %d0 : tensor<1024xf32>
}
