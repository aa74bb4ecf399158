// RUN: sterna-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// What a module says of its model comes back as it was.
// CHECK: module attributes {
// CHECK-SAME: tern.gradients = i16
// CHECK-SAME: tern.lora = #tern.lora<rank = 8, targets = ["q_proj"]>
// CHECK-SAME: tern.model = #tern.model<name = "m", architecture = "a", layers = 1, hidden = 2, feedForward = 3, heads = 4, kvHeads = 5, headDim = 6, vocabulary = 2, contextLength = 7, int8Activations = true>
// CHECK-SAME: tern.optimizer = #tern.optimizer<kind = adamw, clipping = exact, beta1 = 9.000000e-01 : f64, beta2 = 0.99899999999999999 : f64>
// CHECK-SAME: tern.shapes = #tern.shapes<maxContext = 1, sequenceLength = 2, batch = 3>
// CHECK-SAME: tern.tokenizer = #tern.tokenizer<model = "llama", pieces = dense_resource<pieces> : tensor<3xi8>, lengths = dense_resource<lengths> : tensor<2xi32>, scores = dense_resource<none> : tensor<0xf32>, types = dense_resource<none_too> : tensor<0xi32>, eos = 1, addBos = false, endIds = [1]>
module attributes {
  tern.gradients = i16,
  tern.optimizer = #tern.optimizer<kind = adamw, clipping = exact, beta1 = 0.9 : f64, beta2 = 0.999 : f64>,
  tern.lora = #tern.lora<rank = 8, targets = ["q_proj"]>,
  tern.model = #tern.model<name = "m", architecture = "a", layers = 1, hidden = 2, feedForward = 3, heads = 4, kvHeads = 5, headDim = 6, vocabulary = 2, contextLength = 7, int8Activations = true>,
  tern.shapes = #tern.shapes<maxContext = 1, sequenceLength = 2, batch = 3>,
  tern.tokenizer = #tern.tokenizer<model = "llama", pieces = dense_resource<pieces> : tensor<3xi8>, lengths = dense_resource<lengths> : tensor<2xi32>, scores = dense_resource<none> : tensor<0xf32>, types = dense_resource<none_too> : tensor<0xi32>, eos = 1, addBos = false, endIds = [1]>} {
}

// -----

// expected-error @+1 {{expected tern.model to be a #tern.model, but got {}}}
module attributes {tern.model = {}} {}

// -----

// expected-error @+1 {{expected tern.gradients to be i8 or i16, but got i32}}
module attributes {tern.gradients = i32} {}

// -----

// expected-error @+1 {{has an attribute 'tern.modle' that the dialect does not know here}}
module attributes {tern.modle = {}} {}

// -----

// expected-error @+1 {{expected targets of adapters to be projections, such as "q_proj", but got "head"}}
module attributes {tern.lora = #tern.lora<rank = 8, targets = ["head"]>} {}

// -----

// expected-error @+1 {{expected 'types' of a vocabulary of 2 tokens to fit it, but got 'tensor<3xi32>'}}
module attributes {tern.tokenizer = #tern.tokenizer<model = "llama", pieces = dense_resource<a> : tensor<3xi8>, lengths = dense_resource<b> : tensor<2xi32>, scores = dense_resource<c> : tensor<2xf32>, types = dense_resource<d> : tensor<3xi32>, endIds = []>} {}

// -----

// expected-error @+1 {{expected betas of f64 in [0, 1), but got}}
module attributes {tern.optimizer = #tern.optimizer<kind = adamw, clipping = exact, beta1 = 0.9 : f32, beta2 = 0.999 : f64>} {}

// -----

// expected-error @+1 {{expected betas of f64 in [0, 1), but got}}
module attributes {tern.optimizer = #tern.optimizer<kind = adamw, clipping = exact, beta1 = 0.9 : f64, beta2 = 1.0 : f64>} {}

// -----

// expected-error @+1 {{expected betas of f64 in [0, 1), but got}}
module attributes {tern.optimizer = #tern.optimizer<kind = adamw, clipping = exact, beta1 = 0.9 : f64, beta2 = 0x7FF8000000000000 : f64>} {}

// -----

// expected-error @+1 {{expected tern.optimizer to be a #tern.optimizer, but got 1 : i32}}
module attributes {tern.optimizer = 1 : i32} {}

// -----

// expected-error @+2 {{failed to parse Tern_OptimizerAttr parameter 'kind'}}
// expected-error @+1 {{expected an optimizer, one of adamw, sgd, but got 'adam'}}
module attributes {tern.optimizer = #tern.optimizer<kind = adam, clipping = exact, beta1 = 0.9 : f64, beta2 = 0.999 : f64>} {}

// -----

// expected-error @+2 {{failed to parse Tern_OptimizerAttr parameter 'clipping'}}
// expected-error @+1 {{expected a way to clip gradients, one of exact, previous, off, but got 'none'}}
module attributes {tern.optimizer = #tern.optimizer<kind = adamw, clipping = none, beta1 = 0.9 : f64, beta2 = 0.999 : f64>} {}
