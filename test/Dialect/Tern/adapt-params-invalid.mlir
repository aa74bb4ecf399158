// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-adapt-params="loss=loss trainable=w.*"

tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
// expected-error @+1 {{has no output 'loss' to train for; it has y, z}}
func.func @main(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y"}, tensor<4xf32> {tern.output = "z"}) {
  %w = tern.get_param @w : tensor<4xf32>
  return %x, %w : tensor<4xf32>, tensor<4xf32>
}

// -----

tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
// expected-error @+1 {{expected the loss 'loss' to be one number of f32, but it is 'tensor<4xf32>'}}
func.func @main(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "loss"}) {
  return %x : tensor<4xf32>
}

// -----

tern.param @v : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
tern.param @u.w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
// expected-error @+1 {{no parameter of floats is called 'w.*'; there are v, u.w}}
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "loss"}) {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{expected parameters of f32 to train, but 'w' is of 'f16'}}
tern.param @w : tensor<4xf16> from #tern.elements<path = "m", offset = 0>
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "loss"}) {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{'w' has no influence on the loss 'loss': leave it out}}
tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "loss"}, tensor<4xf32> {tern.output = "y"}) {
  %w = tern.get_param @w : tensor<4xf32>
  %y = math.exp %w : tensor<4xf32>
  return %x, %y : tensor<f32>, tensor<4xf32>
}

// -----

tern.param @w : tensor<f32> from #tern.elements<path = "m", offset = 0>
// expected-error @+1 {{its input 'loss_scale' has the name of one that training adds}}
func.func @main(%x: tensor<f32> {tern.input = "loss_scale"}) -> (tensor<f32> {tern.output = "loss"}) {
  %w = tern.get_param @w : tensor<f32>
  %y = arith.mulf %x, %w : tensor<f32>
  return %y : tensor<f32>
}

// -----

// expected-error @+1 {{'loss' exists already}}
tern.param @loss : tensor<f32> from #tern.elements<path = "m", offset = 0>
func.func @main(%x: tensor<f32> {tern.input = "x"}) -> (tensor<f32> {tern.output = "loss"}) {
  return %x : tensor<f32>
}
