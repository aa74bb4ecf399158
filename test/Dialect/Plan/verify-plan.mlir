// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-verify-plan

// A sound plan: every read has a write before it, every dependence a barrier,
// and launches between two barriers share no byte that one of them writes.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.kernel @accumulate tied [0] {
^bb0(%s: tensor<4xf32>, %x: tensor<4xf32>):
  plan.yield %s : tensor<4xf32>
}
plan.program @sound arena 32 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  %a = plan.buffer arena at 0 : memref<4xf32>
  %b = plan.buffer arena at 16 : memref<4xf32>
  %s = plan.buffer state at 0 : memref<4xf32>
  plan.launch @copy(%x, %a) : memref<4xf32>, memref<4xf32>
  plan.launch @copy(%x, %b) : memref<4xf32>, memref<4xf32>
  plan.barrier
  plan.launch @accumulate(%s, %a) : memref<4xf32>, memref<4xf32>
  plan.barrier
  plan.launch @accumulate(%s, %b) : memref<4xf32>, memref<4xf32>
}

// -----

// A missing barrier between a write and a read.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @read_after_write arena 32 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  // expected-note @+1 {{buffer at 0}}
  %a = plan.buffer arena at 0 : memref<4xf32>
  %b = plan.buffer arena at 16 : memref<4xf32>
  plan.launch @copy(%x, %a) : memref<4xf32>, memref<4xf32>
  // expected-error @+1 {{'plan.launch' op races with a write since the last barrier}}
  plan.launch @copy(%a, %b) : memref<4xf32>, memref<4xf32>
}

// -----

// A missing barrier between a read and a write.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @write_after_read arena 32 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  %a = plan.buffer arena at 0 : memref<4xf32>
  // expected-note @+1 {{buffer at 0}}
  %again = plan.buffer arena at 0 : memref<4xf32>
  %b = plan.buffer arena at 16 : memref<4xf32>
  plan.launch @copy(%x, %a) : memref<4xf32>, memref<4xf32>
  plan.barrier
  plan.launch @copy(%a, %b) : memref<4xf32>, memref<4xf32>
  // expected-error @+1 {{'plan.launch' op races with a read since the last barrier}}
  plan.launch @copy(%x, %again) : memref<4xf32>, memref<4xf32>
}

// -----

// Two writes to overlapping bytes, of different buffers.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @write_after_write arena 32 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  %a = plan.buffer arena at 0 : memref<4xf32>
  // expected-note @+1 {{buffer at 12}}
  %b = plan.buffer arena at 12 : memref<4xf32>
  plan.launch @copy(%x, %a) : memref<4xf32>, memref<4xf32>
  // expected-error @+1 {{'plan.launch' op races with a write since the last barrier}}
  plan.launch @copy(%x, %b) : memref<4xf32>, memref<4xf32>
}

// -----

// The arena holds nothing when a program starts.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @read_of_nothing arena 16 inputs [] outputs [] peak {} {
  // expected-note @+1 {{buffer at 0}}
  %a = plan.buffer arena at 0 : memref<4xf32>
  %y = plan.buffer block at 0 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op reads arena bytes that no launch has written}}
  plan.launch @copy(%a, %y) : memref<4xf32>, memref<4xf32>
}

// -----

// Part of what is read was never written.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.kernel @copy8 tied [-1] {
^bb0(%x: tensor<8xf32>):
  plan.yield %x : tensor<8xf32>
}
plan.program @read_of_half arena 32 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  %a = plan.buffer arena at 0 : memref<4xf32>
  // expected-note @+1 {{buffer at 0}}
  %whole = plan.buffer arena at 0 : memref<8xf32>
  %y = plan.buffer block at 64 : memref<8xf32>
  plan.launch @copy(%x, %a) : memref<4xf32>, memref<4xf32>
  plan.barrier
  // expected-error @+1 {{'plan.launch' op reads arena bytes that no launch has written}}
  plan.launch @copy8(%whole, %y) : memref<8xf32>, memref<8xf32>
}

// -----

// Weights are read-only.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @writes_weights arena 0 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  // expected-note @+1 {{buffer at 0}}
  %w = plan.buffer weights at 0 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op writes to the weights}}
  plan.launch @copy(%x, %w) : memref<4xf32>, memref<4xf32>
}

// -----

// A launch reads what it writes, and the two are not tied.
plan.kernel @copy tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
plan.program @overlap_in_launch arena 0 inputs [] outputs [] peak {} {
  %x = plan.buffer block at 0 : memref<4xf32>
  %y = plan.buffer block at 8 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op writes buffer 1, which overlaps buffer 0}}
  plan.launch @copy(%x, %y) : memref<4xf32>, memref<4xf32>
}

// -----

// A tied buffer overlaps another argument.
plan.kernel @accumulate tied [0] {
^bb0(%s: tensor<4xf32>, %x: tensor<4xf32>):
  plan.yield %s : tensor<4xf32>
}
plan.program @overlap_of_tied arena 0 inputs [] outputs [] peak {} {
  %s = plan.buffer state at 0 : memref<4xf32>
  // expected-error @+1 {{'plan.launch' op writes buffer 0, which overlaps buffer 1}}
  plan.launch @accumulate(%s, %s) : memref<4xf32>, memref<4xf32>
}
