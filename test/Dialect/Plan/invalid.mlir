// RUN: sterna-opt %s --split-input-file --verify-diagnostics

// A case for each numbered constraint of the op definitions.

// kernel_c1: an entry for each result
// expected-error @+1 {{'plan.kernel' op expected 1 tied entries, but got 2}}
plan.kernel @kernel_c1 tied [-1, -1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}

// -----

// kernel_c1: no such argument
// expected-error @+1 {{'plan.kernel' op expected a tied argument of type 'tensor<4xf32>', but got number 1}}
plan.kernel @kernel_c1_number tied [1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}

// -----

// kernel_c1: an argument of another type
// expected-error @+1 {{'plan.kernel' op expected a tied argument of type 'tensor<4xf32>', but got number 1}}
plan.kernel @kernel_c1_type tied [1] {
^bb0(%x: tensor<4xf32>, %y: tensor<8xf32>):
  plan.yield %x : tensor<4xf32>
}

// -----

// kernel_c2: an argument tied twice
// expected-error @+1 {{'plan.kernel' op expected argument 0 to be tied once}}
plan.kernel @kernel_c2 tied [0, 0] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// dispatch_c1: the symbol is a kernel
func.func @dispatch_c1(%x: tensor<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expected @dispatch_c1 to be a plan.kernel}}
  %z = plan.dispatch @dispatch_c1(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// dispatch_c2: types of the operands
// expected-note @+1 {{kernel declared here}}
plan.kernel @k tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
func.func @dispatch_c2(%x: tensor<8xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expected the operand and result types of @k}}
  %z = plan.dispatch @k(%x) : (tensor<8xf32>) -> tensor<4xf32>
  return
}

// -----

// dispatch_c2: types of the results
// expected-note @+1 {{kernel declared here}}
plan.kernel @k tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
func.func @dispatch_c2_results(%x: tensor<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expected the operand and result types of @k}}
  %z:2 = plan.dispatch @k(%x) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

// program_c1: nothing else in a program
plan.program @program_c1 arena 0 inputs [] outputs [] peak {} {
  // expected-error @+1 {{'arith.constant' op is not allowed in a plan.program}}
  %0 = arith.constant 0 : i32
}

// -----

// program_c2: a buffer beyond the arena
plan.program @program_c2 arena 63 inputs [] outputs [] peak {} {
  // expected-error @+1 {{'plan.buffer' op expected an end within the arena of 63 bytes, but got 64}}
  %0 = plan.buffer arena at 0 : memref<16xf32>
}

// -----

// buffer_c1: before the space
plan.program @buffer_c1 arena 64 inputs [] outputs [] peak {} {
  // expected-error @+1 {{'plan.buffer' op expected an offset that is a multiple of 4, but got -4}}
  %0 = plan.buffer arena at -4 : memref<4xf32>
}

// -----

// buffer_c1: not aligned
plan.program @buffer_c1_alignment arena 64 inputs [] outputs [] peak {} {
  // expected-error @+1 {{'plan.buffer' op expected an offset that is a multiple of 4, but got 2}}
  %0 = plan.buffer arena at 2 : memref<4xf32>
}

// -----

// launch_c1: the symbol is a kernel
plan.program @launch_c1 arena 64 inputs [] outputs [] peak {} {
  %0 = plan.buffer arena at 0 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op expected @launch_c1 to be a plan.kernel}}
  plan.launch @launch_c1(%0) : memref<4xf32>
}

// -----

// launch_c2: a buffer for each argument and each result that is not tied
plan.kernel @k tied [-1, 0] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x, %x : tensor<4xf32>, tensor<4xf32>
}
plan.program @launch_c2 arena 64 inputs [] outputs [] peak {} {
  %0 = plan.buffer arena at 0 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op expected 2 buffers, but got 1}}
  plan.launch @k(%0) : memref<4xf32>
}

// -----

// state_c1: one name
// expected-error @+1 {{expected the state to be called 'a', but got 'b'}}
plan.state @a : memref<4xf32> at 0 is <name = "b", kind = lora_a>
