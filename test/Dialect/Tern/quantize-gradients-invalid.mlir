// RUN: sterna-opt %s --sterna-quantize-gradients --split-input-file --verify-diagnostics

func.func @scale_per_group(%dy: tensor<4x16xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{gradients of int16 need one scale for a matrix or for each row, but this matrix has one for each group of 4 columns: use --gradient-type=f32}}
  %x = tern.matmul_transposed %dy, %w, %s {group = 4 : i64} : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x8xf32>
  return %x : tensor<4x8xf32>
}

// -----

func.func @too_many_rows(%dy: tensor<4x65796xf32>, %w: tensor<65796x8x!tern.trit>, %s: tensor<1xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{sums of gradients of int16 fit 32 bits for at most 65795 rows, but this matrix has 65796: use --gradient-type=f32}}
  %x = tern.matmul_transposed %dy, %w, %s : tensor<4x65796xf32>, tensor<65796x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  return %x : tensor<4x8xf32>
}
