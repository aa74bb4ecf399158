// RUN: sterna-opt %s --sterna-schedule --sterna-verify-plan | FileCheck %s

// The shared spaces: each parameter packed once, state at its place.
// CHECK: module attributes {
// CHECK-SAME: plan.state_bytes = 64 : i64, plan.weights_bytes = 64 : i64
// CHECK: tern.param @w {{.*}} {offset = 0 : i64}

tern.param @w : tensor<16x16x!tern.trit, #tern.panel<rows = 8, columns = 16>>
    from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>

plan.kernel @exp tied [-1] {
^bb0(%x: tensor<16xf32>):
  %y = math.exp %x : tensor<16xf32>
  plan.yield %y : tensor<16xf32>
}
plan.kernel @add tied [-1] {
^bb0(%x: tensor<16xf32>, %y: tensor<16xf32>):
  %z = arith.addf %x, %y : tensor<16xf32>
  plan.yield %z : tensor<16xf32>
}
plan.kernel @accumulate tied [0] {
^bb0(%s: tensor<4xf32>, %x: tensor<4xf32>):
  %z = arith.addf %s, %x : tensor<4xf32>
  plan.yield %z : tensor<4xf32>
}
plan.kernel @matmul tied [-1] {
^bb0(%x: tensor<1x16xf32>, %w: tensor<16x16x!tern.trit, #tern.panel<rows = 8, columns = 16>>, %s: tensor<1xf32>):
  %y = tern.matmul %x, %w, %s : tensor<1x16xf32>, tensor<16x16x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32> -> tensor<1x16xf32>
  plan.yield %y : tensor<1x16xf32>
}

// Inputs and outputs lie in the block, each on its own lines of 64 bytes. The
// first and the third value never live together and share a place; launches
// that do not depend on each other need no barrier.
// CHECK-LABEL: plan.program @chain arena 128
// CHECK-SAME: inputs [{name = "x", offset = 0 : i64, type = memref<16xf32>}]
// CHECK-SAME: outputs [{name = "y", offset = 64 : i64, type = memref<16xf32>}]
// CHECK-SAME: peak {activations = 128 : i64, checkpoints = 0 : i64, gradients = 0 : i64}
// CHECK: %[[X:.+]] = plan.buffer block at 0 : memref<16xf32>
// CHECK: %[[A:.+]] = plan.buffer arena at [[FIRST:[0-9]+]] : memref<16xf32>
// CHECK-NOT: plan.barrier
// CHECK: plan.launch @exp(%[[X]], %[[A]])
// CHECK: %[[B:.+]] = plan.buffer arena at [[SECOND:[0-9]+]] : memref<16xf32>
// CHECK: plan.barrier
// CHECK: plan.launch @exp(%[[A]], %[[B]])
// CHECK: %[[C:.+]] = plan.buffer arena at [[FIRST]] : memref<16xf32>
// CHECK: plan.barrier
// CHECK: plan.launch @exp(%[[B]], %[[C]])
// CHECK: %[[Y:.+]] = plan.buffer block at 64 : memref<16xf32>
// CHECK: plan.barrier
// CHECK: plan.launch @exp(%[[C]], %[[Y]])
func.func @chain(%x: tensor<16xf32> {tern.input = "x"}) -> (tensor<16xf32> {tern.output = "y"}) {
  %a = plan.dispatch @exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = plan.dispatch @exp(%a) : (tensor<16xf32>) -> tensor<16xf32>
  %c = plan.dispatch @exp(%b) : (tensor<16xf32>) -> tensor<16xf32>
  %y = plan.dispatch @exp(%c) : (tensor<16xf32>) -> tensor<16xf32>
  return %y : tensor<16xf32>
}

// Two launches side by side, one barrier, then what needs both.
// CHECK-LABEL: plan.program @diamond
// CHECK: plan.launch @exp
// CHECK-NOT: plan.barrier
// CHECK: plan.launch @exp
// CHECK: plan.barrier
// CHECK: plan.launch @add
func.func @diamond(%x: tensor<16xf32> {tern.input = "x"}) -> (tensor<16xf32> {tern.output = "y"}) {
  %a = plan.dispatch @exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = plan.dispatch @exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %y = plan.dispatch @add(%a, %b) : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %y : tensor<16xf32>
}

// State is replaced in place, and a slice is a buffer at an offset.
// CHECK-LABEL: plan.program @state
// CHECK: %[[S:.+]] = plan.buffer state at 0 name "g" : memref<4xf32>
// CHECK: %[[SLICE:.+]] = plan.buffer block at 32 : memref<4xf32>
// CHECK: plan.launch @accumulate(%[[S]], %[[SLICE]]) : memref<4xf32>, memref<4xf32>
func.func @state(%x: tensor<16xf32> {tern.input = "x"},
                 %s: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, layer = 3, target = "q_proj">})
    -> (tensor<4xf32> {tern.tied = 1 : i64}) {
  %part = tensor.extract_slice %x[8] [4] [1] : tensor<16xf32> to tensor<4xf32>
  %r = plan.dispatch @accumulate(%s, %part) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// A ternary parameter is a buffer of packed bytes: 16 x 16 trits in 64.
// CHECK-LABEL: plan.program @weights
// CHECK: plan.buffer weights at 0 name "w" : memref<64xi8>
func.func @weights(%x: tensor<1x16xf32> {tern.input = "x"}, %s: tensor<1xf32> {tern.input = "s"})
    -> (tensor<1x16xf32> {tern.output = "y"}) {
  %w = tern.get_param @w : tensor<16x16x!tern.trit, #tern.panel<rows = 8, columns = 16>>
  %y = plan.dispatch @matmul(%x, %w, %s) : (tensor<1x16xf32>, tensor<16x16x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32>) -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// What lives from run to run is listed once for all programs.
// CHECK: plan.state @g : memref<4xf32> at 0 is <name = "g", kind = gradient, layer = 3, target = "q_proj">
