// The quantizer of gradients and its product against NumPy: integers and steps
// bit by bit, with zeros, NaN, infinities and halves among the gradients; and
// rounding without bias.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %oracle/gradient_rounding.py %s %t

func.func @nearest(%dy: tensor<9x21xf32>, %s: tensor<21xf32>) -> (tensor<9x21xi16>, tensor<9xf32>) {
  %q, %t = tern.quantize_gradient %dy, %s : tensor<9x21xf32>, tensor<21xf32> -> tensor<9x21xi16>, tensor<9xf32>
  return %q, %t : tensor<9x21xi16>, tensor<9xf32>
}

func.func @stochastic(%dy: tensor<9x21xf32>, %s: tensor<21xf32>, %seed: tensor<1xi32>) -> (tensor<9x21xi8>, tensor<9xf32>) {
  %q, %t = tern.quantize_gradient %dy, %s seed %seed : tensor<9x21xf32>, tensor<21xf32> -> tensor<9x21xi8>, tensor<9xf32>
  return %q, %t : tensor<9x21xi8>, tensor<9xf32>
}

func.func @product(%q: tensor<9x21xi16>, %t: tensor<9xf32>, %w: tensor<21x6x!tern.trit>) -> tensor<9x6xf32> {
  %x = tern.quantized_matmul_transposed %q, %t, %w : tensor<9x21xi16>, tensor<9xf32>, tensor<21x6x!tern.trit> -> tensor<9x6xf32>
  return %x : tensor<9x6xf32>
}
