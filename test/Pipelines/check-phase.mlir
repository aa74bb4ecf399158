// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-check-phase=phase=optimize
// RUN: not sterna-opt %s --split-input-file --sterna-check-phase=phase=adapt 2>&1 | FileCheck %s --check-prefix=ADAPT
// RUN: not sterna-opt %s --split-input-file --sterna-check-phase=phase=sideways 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: unknown phase 'sideways'

// A quantizer may stand anywhere: caches of codes have some.
func.func @split(%x: tensor<4x8xf32>) -> (tensor<4x8xi8>, tensor<4xf32>) {
  %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  return %q, %t : tensor<4x8xi8>, tensor<4xf32>
}

// -----

// A composite is left over.
func.func @composite(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) -> tensor<4x16xf32> {
  // expected-error @+1 {{'tern.linear' op is not allowed after phase 'optimize'}}
  %y = tern.linear %x, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// -----

// Kernels come with the dispatch phase.
// ADAPT: 'plan.kernel' op is not allowed after phase 'adapt'
// expected-error @+1 {{'plan.kernel' op is not allowed after phase 'optimize'}}
plan.kernel @k tied [-1] {
^bb0(%x: tensor<4xf32>):
  plan.yield %x : tensor<4xf32>
}
