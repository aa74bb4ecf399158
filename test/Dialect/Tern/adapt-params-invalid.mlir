// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-adapt-params

// expected-error @+1 {{expected a result with tern.loss}}
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "y"}) {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{expected the loss to be one number of f32, but it is 'tensor<4xf32>'}}
func.func @main(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y", tern.loss}) {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected parameters with tern.trainable}}
module {
  tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
  func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "y", tern.loss}) {
    return %x : tensor<f32>
  }
}

// -----

// expected-error @+1 {{expected parameters of f32 to train, but "w" is 'tensor<4xf16>'}}
tern.param @w : tensor<4xf16> from #tern.elements<path = "m", offset = 0> {tern.trainable = "w"}
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "y", tern.loss}) {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{"w" has no influence on the loss: leave it out}}
tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0> {tern.trainable = "w"}
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "l", tern.loss}, tensor<4xf32> {tern.output = "y"}) {
  %w = tern.get_param @w : tensor<4xf32>
  %y = math.exp %w : tensor<4xf32>
  return %x, %y : tensor<f32>, tensor<4xf32>
}

// -----

// expected-error @+1 {{'loss' exists already}}
tern.param @loss : tensor<f32> from #tern.elements<path = "m", offset = 0>
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "y", tern.loss}) {
  return %x : tensor<f32>
}
