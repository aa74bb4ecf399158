// AdamW on 8-bit moments against NumPy: parameters and scales, each code the
// nearest or one of the two around its value, a block of zeros, rounding without
// bias, and nothing that changes where a guard is not finite.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %oracle/blockwise_adamw.py %s %t

func.func @step(%p: tensor<4x256xf32>, %g: tensor<4x256xf32>, %m: tensor<4x256xi8>, %s: tensor<4xf32>, %v: tensor<4x256xi8>, %t: tensor<4xf32>,
                %clip: tensor<f32>, %decay: tensor<f32>, %size: tensor<f32>, %root: tensor<f32>, %seed: tensor<1xi32>, %guard: tensor<f32>)
    -> (tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>, tensor<4x256xi8>, tensor<4xf32>) {
  %r:5 = tern.blockwise_adamw %p, %g, %m, %s, %v, %t by %clip, %decay, %size, %root seed %seed guards %guard
      : tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>
  return %r#0, %r#1, %r#2, %r#3, %r#4 : tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>, tensor<4x256xi8>, tensor<4xf32>
}
