// NaN and infinities in a quantizer, and ids, labels and positions that mean
// none, against NumPy.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %oracle/special_values.py %s %t

func.func @quantize(%x: tensor<8x4xf32>) -> (tensor<8x4xi8>, tensor<8xf32>) {
  %q, %t = tern.quantize %x : tensor<8x4xf32> -> tensor<8x4xi8>, tensor<8xf32>
  return %q, %t : tensor<8x4xi8>, tensor<8xf32>
}

func.func @linear(%x: tensor<8x4xf32>, %w: tensor<3x4x!tern.trit>) -> tensor<8x3xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %y = tern.linear %x, %w, %s {int8_activations} : tensor<8x4xf32>, tensor<3x4x!tern.trit>, tensor<1xf32> -> tensor<8x3xf32>
  return %y : tensor<8x3xf32>
}

func.func @embedding(%table: tensor<5x3xf32>, %ids: tensor<7xi32>) -> tensor<7x3xf32> {
  %y = tern.embedding %table, %ids : tensor<5x3xf32>, tensor<7xi32> -> tensor<7x3xf32>
  return %y : tensor<7x3xf32>
}

func.func @shards(%first: tensor<5x3xf32>, %second: tensor<4x3xf32>, %ids: tensor<7xi32>) -> tensor<7x3xf32> {
  %x = tern.embedding %first, %ids : tensor<5x3xf32>, tensor<7xi32> -> tensor<7x3xf32>
  %y = tern.embedding %second, %ids init %x {offset = 5 : i64} : tensor<4x3xf32>, tensor<7xi32> -> tensor<7x3xf32>
  return %y : tensor<7x3xf32>
}

func.func @embedding_grad(%ids: tensor<7xi32>, %dy: tensor<7x3xf32>) -> tensor<4x3xf32> {
  %d = tern.embedding_grad %ids, %dy {offset = 1 : i64} : tensor<7xi32>, tensor<7x3xf32> -> tensor<4x3xf32>
  return %d : tensor<4x3xf32>
}

func.func @cross_entropy(%x: tensor<7x5xf32>, %labels: tensor<7xi32>) -> tensor<7xf32> {
  %l = tern.cross_entropy %x, %labels : tensor<7x5xf32>, tensor<7xi32> -> tensor<7xf32>
  return %l : tensor<7xf32>
}

func.func @cache_update(%c: tensor<6x1x2xf32>, %u: tensor<3x1x2xf32>, %position: tensor<i32>, %length: tensor<i32>) -> tensor<6x1x2xf32> {
  %y = tern.cache_update %c, %u, %position, %length : tensor<6x1x2xf32>, tensor<3x1x2xf32>, tensor<i32>, tensor<i32>
  return %y : tensor<6x1x2xf32>
}

func.func @rope(%x: tensor<1x4x1x4xf32>, %cos: tensor<3x2xf32>, %sin: tensor<3x2xf32>, %position: tensor<i32>) -> tensor<1x4x1x4xf32> {
  %y = tern.rope %x, %cos, %sin, %position : tensor<1x4x1x4xf32>, tensor<3x2xf32>, tensor<i32>
  return %y : tensor<1x4x1x4xf32>
}

func.func @attention(%q: tensor<1x4x1x1x2xf32>, %k: tensor<1x5x1x2xf32>, %v: tensor<1x5x1x2xf32>, %position: tensor<i32>) -> tensor<1x4x1x1x2xf32> {
  %y = tern.attention %q, %k, %v, %position : tensor<1x4x1x1x2xf32>, tensor<1x5x1x2xf32>, tensor<i32>
  return %y : tensor<1x4x1x1x2xf32>
}

func.func @rope_tokens(%x: tensor<1x4x1x4xf32>, %cos: tensor<3x2xf32>, %sin: tensor<3x2xf32>, %position: tensor<1x4xi32>) -> tensor<1x4x1x4xf32> {
  %y = tern.rope %x, %cos, %sin, %position : tensor<1x4x1x4xf32>, tensor<3x2xf32>, tensor<1x4xi32>
  return %y : tensor<1x4x1x4xf32>
}

func.func @packed(%q: tensor<1x7x1x1x2xf32>, %k: tensor<1x7x1x2xf32>, %v: tensor<1x7x1x2xf32>, %s: tensor<1x7xi32>) -> tensor<1x7x1x1x2xf32> {
  %p = arith.constant dense<0> : tensor<i32>
  %y = tern.attention %q, %k, %v, %p segments %s, %s {scale = 0.9 : f64, window = 3 : i64} : tensor<1x7x1x1x2xf32>, tensor<1x7x1x2xf32>, tensor<i32>
  return %y : tensor<1x7x1x1x2xf32>
}
