// RUN: %sterna-opt %s --load-pass-plugin=%plugin --split-input-file \
// RUN:   --pass-pipeline="builtin.module(func.func(report-ternary-weights))" \
// RUN:   --verify-diagnostics

// A weight without a layout counts two bits a trit.
// expected-remark@+1 {{reads 64 bytes of ternary weights in all}}
func.func @two_linears(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>,
                       %s: tensor<1xf32>)
    -> (tensor<4x16xf32>, tensor<4x16xf32>) {
  // expected-remark@+1 {{reads 32 bytes of ternary weights}}
  %y = tern.linear %x, %w, %s {int8_activations}
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32>
      -> tensor<4x16xf32>
  // expected-remark@+1 {{reads 32 bytes of ternary weights}}
  %z = tern.linear %x, %w, %s
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32>
      -> tensor<4x16xf32>
  return %y, %z : tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// A packed weight counts its layout's padding: one panel of 8 rows and one
// block of 16 columns.
// expected-remark@+1 {{reads 32 bytes of ternary weights in all}}
func.func @packed(%x: tensor<1x3xf32>,
                  %w: tensor<5x3x!tern.trit, #tern.panel<rows = 8, columns = 16>>,
                  %s: tensor<1xf32>) -> tensor<1x5xf32> {
  // expected-remark@+1 {{reads 32 bytes of ternary weights}}
  %y = tern.linear %x, %w, %s
      : tensor<1x3xf32>, tensor<5x3x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32>
      -> tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}

// -----

// A function without ternary weights is not mentioned.
func.func @nothing(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
