// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b"
// RUN: echo "module {}" | not sterna-opt --sterna-build-training 2>&1 | FileCheck %s

// RUN: not sterna-opt %S/build-training.mlir --sterna-build-training="loss=eval_lora trainable=lora_a optimizer=adam" 2>&1 | FileCheck %s --check-prefix=OPTIMIZER
// RUN: not sterna-opt %S/build-training.mlir --sterna-build-training="loss=eval_lora trainable=lora_a clipping=none" 2>&1 | FileCheck %s --check-prefix=CLIPPING
// OPTIMIZER: error: expected 'optimizer' to be adamw or sgd, but got 'adam'
// CLIPPING: error: expected 'clipping' to be exact, previous or off, but got 'none'

// CHECK: error: expected the options 'loss', a function, and 'trainable', kinds of state

// expected-error @+1 {{expected a function named 'eval_lora' to train, but there is none}}
module {
}

// -----

// expected-error @+1 {{expected an argument of 'eval_lora' with tern.state of kind lora_a or lora_b, but there is none to train}}
func.func @eval_lora(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{expected 'eval_lora' to return 'tensor<f32>', the sum of the token losses, but it returns 'tensor<2xf32>'}}
func.func @eval_lora(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{expected trainable argument #0 to be a static tensor of f32, but got 'tensor<f64>'}}
func.func @eval_lora(%x: tensor<f64> {tern.state = #tern.state<name = "a", kind = lora_a, target = "q_proj">}) -> tensor<f32> {
  %y = arith.truncf %x : tensor<f64> to tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @eval_lora(%x: tensor<f32> {tern.state = #tern.state<name = "a", kind = lora_a, target = "q_proj">}) -> tensor<f32> {
  return %x : tensor<f32>
}
// expected-error @+1 {{'train_apply' exists already}}
func.func private @train_apply()

// -----

// expected-error @+1 {{its input 'accumulate' has the name of one that training adds}}
func.func @eval_lora(%x: tensor<f32> {tern.input = "accumulate"}) -> tensor<f32> {
  return %x : tensor<f32>
}
