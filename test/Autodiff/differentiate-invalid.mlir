// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-differentiate=function=f

// expected-error @+1 {{expected a function named 'f' to differentiate, but there is none}}
module {
}

// -----

// expected-error @+1 {{expected a function of one block to differentiate, but 'f' has 0}}
func.func private @f(tensor<f32>) -> tensor<f32>

// -----

// expected-error @+1 {{expected one scalar float result to differentiate, but 'f' has 2 results}}
func.func @f(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %x, %x : tensor<f32>, tensor<f32>
}

// -----

// expected-error @+1 {{expected a float or a float tensor of rank 0 to differentiate, but 'f' returns 'tensor<2xf32>'}}
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
// expected-error @+1 {{'f_vjp' exists already: rename it to differentiate 'f'}}
func.func private @f_vjp()

// -----

// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'math.floor' op has no differentiation rule}}
  %y = math.floor %x : tensor<f32>
  return %y : tensor<f32>
}

// -----

// Scales of a ternary matrix are frozen.
func.func @f(%x: tensor<1x4xf32>, %w: tensor<1x4x!tern.trit>, %s: tensor<1xf32>) -> tensor<f32> {
  // expected-error @+1 {{'tern.linear' op has no differentiation rule for operand #2: it must not depend on a differentiated value}}
  %y = tern.linear %x, %w, %s : tensor<1x4xf32>, tensor<1x4x!tern.trit>, tensor<1xf32> -> tensor<1x1xf32>
  %r = tensor.collapse_shape %y [] : tensor<1x1xf32> into tensor<f32>
  return %r : tensor<f32>
}

// -----

func.func @f(%x: tensor<?xf32>) -> tensor<f32> {
  %z = arith.constant dense<0.0> : tensor<f32>
  // expected-error @+1 {{'linalg.reduce' op cannot be differentiated: expected static shapes, but got 'tensor<?xf32>'}}
  %y = linalg.reduce { arith.addf } ins(%x : tensor<?xf32>) outs(%z : tensor<f32>) dimensions = [0]
  return %y : tensor<f32>
}

// -----

// A loop that reads a differentiated value from outside.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' op has no differentiation rule}}
  %y = scf.for %i = %c0 to %c1 step %c1 iter_args(%a = %x) -> tensor<f32> {
    %m = arith.mulf %a, %x : tensor<f32>
    scf.yield %m : tensor<f32>
  }
  return %y : tensor<f32>
}

// -----

// A composite op without a rule is differentiated by what it means.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%c: tensor<4x1x1xf32>, %u: tensor<1x1x1xf32>, %p: tensor<i32>) -> tensor<f32> {
  // expected-error @+2 {{'scf.for' op has no differentiation rule}}
  // expected-note @+1 {{in the decomposition of 'tern.cache_update', which has no rule of its own}}
  %y = tern.cache_update %c, %u, %p, %p : tensor<4x1x1xf32>, tensor<1x1x1xf32>, tensor<i32>, tensor<i32>
  %s = tensor.extract_slice %y[0, 0, 0] [1, 1, 1] [1, 1, 1] : tensor<4x1x1xf32> to tensor<f32>
  return %s : tensor<f32>
}

// -----

// Keys of a cache are rounded, which has no derivative.
func.func @f(%q: tensor<1x1x1x1x2xf32>, %k: tensor<1x3x1x2xf16>, %p: tensor<i32>) -> tensor<f32> {
  // expected-error @+1 {{'tern.attention' op has no gradient where keys are narrower than queries}}
  %o = tern.attention %q, %k, %k, %p : tensor<1x1x1x1x2xf32>, tensor<1x3x1x2xf16>, tensor<i32>
  %s = tensor.extract_slice %o[0, 0, 0, 0, 0] [1, 1, 1, 1, 1] [1, 1, 1, 1, 1] : tensor<1x1x1x1x2xf32> to tensor<f32>
  return %s : tensor<f32>
}
