// RUN: sterna-opt %s --sterna-recompute="saved-type=bf16" | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: sterna-opt %s --sterna-recompute="saved-type=int8" | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: sterna-opt %s --sterna-recompute="saved-type=bf16 enabled=false" | FileCheck %s --check-prefix=ALL
// RUN: sterna-opt %s --sterna-recompute | FileCheck %s --check-prefix=F32
// RUN: not sterna-opt %s --sterna-recompute="saved-type=f8" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: expected saved-type=f32, bf16 or int8, but got saved-type=f8
// F32-NOT: @narrow

plan.kernel @f tied [-1] {
^bb0(%x: tensor<2x128x128xf32>):
  %y = math.exp %x : tensor<2x128x128xf32>
  plan.yield %y : tensor<2x128x128xf32>
}
plan.kernel @small tied [-1] {
^bb0(%x: tensor<2x128x128xf32>):
  %empty = tensor.empty() : tensor<2x128xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x128xf32>) -> tensor<2x128xf32>
  %y = linalg.reduce { arith.addf } ins(%x : tensor<2x128x128xf32>) outs(%init : tensor<2x128xf32>) dimensions = [2]
  plan.yield %y : tensor<2x128xf32>
}
plan.kernel @start tied [-1] {
^bb0(%scale: tensor<f32>, %x: tensor<2x128x128xf32>):
  plan.yield %x : tensor<2x128x128xf32>
}
plan.kernel @grad tied [-1] {
^bb0(%x: tensor<2x128x128xf32>, %dy: tensor<2x128x128xf32>):
  %y = arith.mulf %x, %dy : tensor<2x128x128xf32>
  plan.yield %y : tensor<2x128x128xf32>
}
plan.kernel @grad_small tied [-1] {
^bb0(%x: tensor<2x128xf32>, %dy: tensor<2x128x128xf32>):
  plan.yield %dy : tensor<2x128x128xf32>
}
plan.kernel @grad_rows tied [-1] {
^bb0(%x: tensor<256x128xf32>, %dy: tensor<2x128x128xf32>):
  plan.yield %dy : tensor<2x128x128xf32>
}

// The input of a block is kept narrow for its copy and for views of it, which
// follow. What the backward pass reads at once is not.
// CHECK-LABEL: func.func @train_micro(
// CHECK: %[[X:.+]] = plan.dispatch @f(%{{.+}})
// CHECK-NEXT: %[[FLAT:.+]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
// BF16-NEXT: %[[KEPT:.+]] = plan.dispatch @narrow(%[[FLAT]]) : (tensor<256x128xf32>) -> tensor<256x128xbf16>
// INT8-NEXT: %[[KEPT:.+]]:2 = plan.dispatch @narrow(%[[FLAT]]) : (tensor<256x128xf32>) -> (tensor<256x128xi8>, tensor<256xf32>)
// CHECK-NEXT: %[[H:.+]] = plan.dispatch @f(%[[X]])
// CHECK-NEXT: %[[LAST:.+]] = plan.dispatch @f(%[[H]])
// CHECK-NEXT: %[[D0:.+]] = plan.dispatch @start(%{{.+}}, %[[LAST]])
// CHECK-NEXT: %[[D1:.+]] = plan.dispatch @grad(%[[LAST]], %[[D0]])
// BF16-NEXT: %[[WIDE:.+]] = plan.dispatch @widen(%[[KEPT]]) : (tensor<256x128xbf16>) -> tensor<256x128xf32>
// INT8-NEXT: %[[WIDE:.+]] = plan.dispatch @widen(%[[KEPT]]#0, %[[KEPT]]#1) : (tensor<256x128xi8>, tensor<256xf32>) -> tensor<256x128xf32>
// CHECK-NEXT: %[[X2:.+]] = tensor.expand_shape %[[WIDE]] {{\[\[}}0, 1], [2]] output_shape [2, 128, 128]
// CHECK-NEXT: %[[ROWS:.+]] = tensor.collapse_shape %[[X2]] {{\[\[}}0, 1], [2]]
// CHECK-NEXT: %[[H2:.+]] = plan.dispatch @f(%[[X2]])
// CHECK: %[[D2:.+]] = plan.dispatch @grad(%[[H2]],
// CHECK-NEXT: %[[D3:.+]] = plan.dispatch @grad(%[[X2]], %[[D2]])
// CHECK-NEXT: plan.dispatch @grad_rows(%[[ROWS]], %[[D3]])
// CHECK-NEXT: return

// Where nothing is computed again all is kept narrow but what is small.
// ALL-LABEL: func.func @train_micro(
// ALL: plan.dispatch @narrow(
// ALL-NEXT: %[[H:.+]] = plan.dispatch @f(
// ALL-NEXT: %[[FLAT:.+]] = tensor.collapse_shape %[[H]]
// ALL-NEXT: plan.dispatch @narrow(%[[FLAT]])
// ALL-NEXT: %[[SMALL:.+]] = plan.dispatch @small(%[[H]])
// ALL-NOT: @narrow
// ALL: plan.dispatch @grad_small(%[[SMALL]],
// ALL-NEXT: plan.dispatch @widen(
// ALL: plan.dispatch @widen(
// ALL-NOT: @widen
// ALL: return
func.func @train_micro(%x: tensor<2x128x128xf32> {tern.input = "x"},
                       %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<2x128x128xf32> {tern.output = "y"}) {
  %0 = plan.dispatch @f(%x) : (tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %c0 = tern.checkpoint %0 : tensor<2x128x128xf32>
  %rows = tensor.collapse_shape %c0 [[0, 1], [2]] : tensor<2x128x128xf32> into tensor<256x128xf32>
  %h = plan.dispatch @f(%c0) : (tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %s = plan.dispatch @small(%h) : (tensor<2x128x128xf32>) -> tensor<2x128xf32>
  %1 = plan.dispatch @f(%h) : (tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %c1 = tern.checkpoint %1 : tensor<2x128x128xf32>
  %d0 = plan.dispatch @start(%scale, %c1) : (tensor<f32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %d1 = plan.dispatch @grad(%c1, %d0) : (tensor<2x128x128xf32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %ds = plan.dispatch @grad_small(%s, %d1) : (tensor<2x128xf32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %d2 = plan.dispatch @grad(%h, %ds) : (tensor<2x128x128xf32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %d3 = plan.dispatch @grad(%c0, %d2) : (tensor<2x128x128xf32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  %d4 = plan.dispatch @grad_rows(%rows, %d3) : (tensor<256x128xf32>, tensor<2x128x128xf32>) -> tensor<2x128x128xf32>
  return %d4 : tensor<2x128x128xf32>
}

plan.kernel @pairs tied [-1] {
^bb0(%x: tensor<16384x2xf32>):
  %y = math.exp %x : tensor<16384x2xf32>
  plan.yield %y : tensor<16384x2xf32>
}
plan.kernel @start_pairs tied [-1] {
^bb0(%scale: tensor<f32>, %x: tensor<16384x2xf32>):
  plan.yield %x : tensor<16384x2xf32>
}
plan.kernel @grad_pairs tied [-1] {
^bb0(%x: tensor<16384x2xf32>, %dy: tensor<16384x2xf32>):
  plan.yield %dy : tensor<16384x2xf32>
}

// Rows so short that their scales take as much as the codes stay what they are.
// CHECK-LABEL: func.func @train_step(
// BF16: @narrow
// INT8-NOT: @narrow
// CHECK: return
func.func @train_step(%x: tensor<16384x2xf32> {tern.input = "x"},
                      %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<16384x2xf32> {tern.output = "y"}) {
  %0 = plan.dispatch @pairs(%x) : (tensor<16384x2xf32>) -> tensor<16384x2xf32>
  %1 = plan.dispatch @pairs(%0) : (tensor<16384x2xf32>) -> tensor<16384x2xf32>
  %2 = plan.dispatch @pairs(%1) : (tensor<16384x2xf32>) -> tensor<16384x2xf32>
  %d0 = plan.dispatch @start_pairs(%scale, %2) : (tensor<f32>, tensor<16384x2xf32>) -> tensor<16384x2xf32>
  %d1 = plan.dispatch @grad_pairs(%0, %d0) : (tensor<16384x2xf32>, tensor<16384x2xf32>) -> tensor<16384x2xf32>
  return %d1 : tensor<16384x2xf32>
}
