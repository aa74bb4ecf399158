// RUN: sterna-opt %s --sterna-schedule --sterna-verify-plan | FileCheck %s

// In a program that trains, what is computed elementwise takes the place of an
// operand that nothing else reads, by a variant of the kernel.
// CHECK-LABEL: plan.program @train arena 262144
// CHECK: %[[X:.+]] = plan.buffer block
// CHECK: %[[A:.+]] = plan.buffer arena at 0
// CHECK: plan.launch @exp(%[[X]], %[[A]])
// CHECK: %[[B:.+]] = plan.buffer arena at 131072
// CHECK: plan.launch @exp(%[[A]], %[[B]])
// CHECK: plan.launch @[[$ADD:add_[0-9]+]](%[[B]], %[[A]]) :
// CHECK: %[[C:.+]] = plan.buffer arena at 131072
// CHECK: plan.launch @[[$EXP:exp_[0-9]+]](%[[C]]) :
// CHECK: %[[D:.+]] = plan.buffer arena at 131072
// CHECK: %[[E:.+]] = plan.buffer arena at 0
// CHECK: plan.launch @sums(%[[D]], %[[E]])

// Others have the memory, and share their kernels.
// CHECK-LABEL: plan.program @forward arena 393216
// CHECK-COUNT-2: plan.launch @exp(
// CHECK: plan.launch @add(
// CHECK: plan.launch @exp(
// CHECK: plan.kernel @[[$ADD]] tied [0] {
// CHECK: plan.kernel @[[$EXP]] tied [0] {

plan.kernel @exp tied [-1] {
^bb0(%x: tensor<32768xf32>):
  %y = math.exp %x : tensor<32768xf32>
  plan.yield %y : tensor<32768xf32>
}
plan.kernel @add tied [-1] {
^bb0(%x: tensor<32768xf32>, %y: tensor<32768xf32>):
  %z = arith.addf %x, %y : tensor<32768xf32>
  plan.yield %z : tensor<32768xf32>
}
plan.kernel @scale tied [-1] {
^bb0(%x: tensor<32768xf32>, %s: tensor<f32>):
  %e = tensor.empty() : tensor<32768xf32>
  %b = linalg.broadcast ins(%s : tensor<f32>) outs(%e : tensor<32768xf32>) dimensions = [0]
  %z = arith.mulf %x, %b : tensor<32768xf32>
  plan.yield %z : tensor<32768xf32>
}
// What is summed up is read whole.
plan.kernel @sums tied [-1] {
^bb0(%x: tensor<32768xf32>):
  %zero = arith.constant dense<0.0> : tensor<f32>
  %s = linalg.reduce {arith.addf} ins(%x : tensor<32768xf32>) outs(%zero : tensor<f32>) dimensions = [0]
  %e = tensor.empty() : tensor<32768xf32>
  %b = linalg.broadcast ins(%s : tensor<f32>) outs(%e : tensor<32768xf32>) dimensions = [0]
  %z = arith.addf %x, %b : tensor<32768xf32>
  plan.yield %z : tensor<32768xf32>
}

func.func @train(%x: tensor<32768xf32> {tern.input = "x"}, %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<32768xf32> {tern.output = "y"}) {
  %a = plan.dispatch @exp(%x) : (tensor<32768xf32>) -> tensor<32768xf32>
  %b = plan.dispatch @exp(%a) : (tensor<32768xf32>) -> tensor<32768xf32>
  %c = plan.dispatch @add(%b, %a) : (tensor<32768xf32>, tensor<32768xf32>) -> tensor<32768xf32>
  %view = tensor.expand_shape %c [[0, 1]] output_shape [256, 128] : tensor<32768xf32> into tensor<256x128xf32>
  %again = tensor.collapse_shape %view [[0, 1]] : tensor<256x128xf32> into tensor<32768xf32>
  %d = plan.dispatch @exp(%again) : (tensor<32768xf32>) -> tensor<32768xf32>
  %e = plan.dispatch @sums(%d) : (tensor<32768xf32>) -> tensor<32768xf32>
  %y = plan.dispatch @scale(%e, %scale) : (tensor<32768xf32>, tensor<f32>) -> tensor<32768xf32>
  return %y : tensor<32768xf32>
}
func.func @forward(%x: tensor<32768xf32> {tern.input = "x"}) -> (tensor<32768xf32> {tern.output = "y"}) {
  %a = plan.dispatch @exp(%x) : (tensor<32768xf32>) -> tensor<32768xf32>
  %b = plan.dispatch @exp(%a) : (tensor<32768xf32>) -> tensor<32768xf32>
  %c = plan.dispatch @add(%b, %a) : (tensor<32768xf32>, tensor<32768xf32>) -> tensor<32768xf32>
  %y = plan.dispatch @exp(%c) : (tensor<32768xf32>) -> tensor<32768xf32>
  return %y : tensor<32768xf32>
}
