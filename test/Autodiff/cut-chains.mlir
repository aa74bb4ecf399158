// A way from an argument to the result that no gradient passes through is an
// error that names the op, never a gradient of zero.
// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-differentiate=function=f

// Bits of a float.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %i = arith.bitcast %x : tensor<f32> to tensor<i32>
  // expected-error @+1 {{'arith.bitcast' op has no differentiation rule}}
  %y = arith.bitcast %i : tensor<i32> to tensor<f32>
  return %y : tensor<f32>
}

// -----

// Beside a way that has a gradient: half of it would be wrong as well.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %i = arith.bitcast %x : tensor<f32> to tensor<i32>
  // expected-error @+1 {{'arith.bitcast' op has no differentiation rule}}
  %y = arith.bitcast %i : tensor<i32> to tensor<f32>
  %z = arith.addf %x, %y : tensor<f32>
  return %z : tensor<f32>
}

// -----

// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %a = tensor.extract %x[] : tensor<f32>
  %b = tensor.extract %y[] : tensor<f32>
  %z = complex.create %a, %b : complex<f32>
  // expected-error @+1 {{'complex.abs' op has no differentiation rule}}
  %r = complex.abs %z : complex<f32>
  %t = tensor.from_elements %r : tensor<f32>
  return %t : tensor<f32>
}

// -----

// Through memory.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %m = memref.alloc() : memref<f32>
  %s = tensor.extract %x[] : tensor<f32>
  memref.store %s, %m[] : memref<f32>
  // expected-error @+1 {{'memref.load' op has no differentiation rule}}
  %y = memref.load %m[] : memref<f32>
  %z = tensor.from_elements %y : tensor<f32>
  return %z : tensor<f32>
}

// -----

// Through another view of the memory, written in a region.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<2xf32>) -> tensor<f32> {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %2 = arith.constant 2 : index
  %m = memref.alloc() : memref<2xf32>
  %v = memref.subview %m[1] [1] [1] : memref<2xf32> to memref<1xf32, strided<[1], offset: 1>>
  scf.for %i = %0 to %2 step %1 {
    %s = tensor.extract %x[%i] : tensor<2xf32>
    memref.store %s, %m[%i] : memref<2xf32>
  }
  // expected-error @+1 {{'memref.load' op has no differentiation rule}}
  %y = memref.load %v[%0] : memref<1xf32, strided<[1], offset: 1>>
  %z = tensor.from_elements %y : tensor<f32>
  return %z : tensor<f32>
}

// -----

// Through memory that a call may share.
func.func private @put(f32)
func.func private @get() -> f32
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %s = tensor.extract %x[] : tensor<f32>
  func.call @put(%s) : (f32) -> ()
  // expected-error @+1 {{'func.call' op has no differentiation rule}}
  %y = func.call @get() : () -> f32
  %z = tensor.from_elements %y : tensor<f32>
  return %z : tensor<f32>
}

// -----

// Through a call's result of integers.
func.func private @round(tensor<4xf32>) -> tensor<4xi8>
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<4xf32>) -> tensor<f32> {
  %q = func.call @round(%x) : (tensor<4xf32>) -> tensor<4xi8>
  // expected-error @+1 {{'arith.sitofp' op has no differentiation rule}}
  %d = arith.sitofp %q : tensor<4xi8> to tensor<4xf32>
  %c = arith.constant dense<0.0> : tensor<f32>
  %s = linalg.reduce { arith.addf } ins(%d: tensor<4xf32>) outs(%c: tensor<f32>) dimensions=[0]
  return %s : tensor<f32>
}

// -----

// A quantizer written by hand.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<4xf32>) -> tensor<f32> {
  %r = math.roundeven %x : tensor<4xf32>
  %q = arith.fptosi %r : tensor<4xf32> to tensor<4xi8>
  // expected-error @+1 {{'arith.sitofp' op has no differentiation rule}}
  %d = arith.sitofp %q : tensor<4xi8> to tensor<4xf32>
  %c = arith.constant dense<0.0> : tensor<f32>
  %s = linalg.reduce { arith.addf } ins(%d: tensor<4xf32>) outs(%c: tensor<f32>) dimensions=[0]
  return %s : tensor<f32>
}

// -----

// The dialect's quantizer is straight-through in tern.linear alone.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<1x4xf32>, %w: tensor<1x4x!tern.trit>) -> tensor<f32> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %q, %t = tern.quantize %x : tensor<1x4xf32> -> tensor<1x4xi8>, tensor<1xf32>
  // expected-error @+1 {{'tern.matmul' op depends on a differentiated value by operand #0 of type 'tensor<1x4xi8>', through which no gradient passes}}
  %y = tern.matmul %q, %w, %s : tensor<1x4xi8>, tensor<1x4x!tern.trit>, tensor<1xf32> -> tensor<1x1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1x1xf32> into tensor<f32>
  return %z : tensor<f32>
}

// -----

// A mask that becomes numbers is no selection.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = arith.constant dense<0.0> : tensor<f32>
  %c = arith.cmpf ogt, %x, %0 : tensor<f32>
  // expected-error @+1 {{'arith.uitofp' op has no differentiation rule}}
  %m = arith.uitofp %c : tensor<i1> to tensor<f32>
  %y = arith.mulf %x, %m : tensor<f32>
  return %y : tensor<f32>
}

// -----

// A place in a table that was computed from a float.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>, %table: tensor<8xf32>) -> tensor<f32> {
  %s = tensor.extract %x[] : tensor<f32>
  %i = arith.fptosi %s : f32 to i32
  %at = arith.index_cast %i : i32 to index
  // expected-error @+1 {{'tensor.extract' op depends on a differentiated value by operand #1 of type 'index', through which no gradient passes}}
  %v = tensor.extract %table[%at] : tensor<8xf32>
  %y = tensor.from_elements %v : tensor<f32>
  return %y : tensor<f32>
}

// -----

// A condition around ops is no selection between values that are there.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = arith.constant 0.0 : f32
  %s = tensor.extract %x[] : tensor<f32>
  %c = arith.cmpf ogt, %s, %0 : f32
  // expected-error @+1 {{'scf.if' op has no differentiation rule}}
  %v = scf.if %c -> f32 {
    %e = math.exp %s : f32
    scf.yield %e : f32
  } else {
    scf.yield %0 : f32
  }
  %y = tensor.from_elements %v : tensor<f32>
  return %y : tensor<f32>
}

// -----

// Values behind a vector, a loop and an optimisation barrier of another dialect.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %s = tensor.extract %x[] : tensor<f32>
  %v = vector.from_elements %s, %s : vector<2xf32>
  // expected-error @+1 {{'vector.reduction' op has no differentiation rule}}
  %r = vector.reduction <add>, %v : vector<2xf32> into f32
  %y = tensor.from_elements %r : tensor<f32>
  return %y : tensor<f32>
}
