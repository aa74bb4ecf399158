// Which emitter takes which kernel. What none takes is left to the portable
// tier. That the kernels are right is tested in emitters/.
// RUN: sterna-opt %s --sterna-emit-cpu-kernels=levels=x86-64-v3 | FileCheck %s

#panel = #tern.panel<rows = 8, columns = 16>
#row_k = affine_map<(m, n, k) -> (m, k)>
#column_k = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// One token is shared by the panels of weights: 3072 / 8, in 16 workgroups.
// CHECK-LABEL: plan.kernel @one_token
// CHECK-SAME: {emitter = "ternary-int8", workgroups = 16
plan.kernel @one_token tied [-1] {
^bb0(%q: tensor<1x768xi8>, %t: tensor<1xf32>,
     %w: tensor<3072x768x!tern.trit, #panel>, %s: tensor<1xf32>):
  %p = tern.matmul %q, %w, %s : tensor<1x768xi8>,
      tensor<3072x768x!tern.trit, #panel>, tensor<1xf32> -> tensor<1x3072xf32>
  %e = tensor.empty() : tensor<1x3072xf32>
  %b = linalg.broadcast ins(%t : tensor<1xf32>)
      outs(%e : tensor<1x3072xf32>) dimensions = [1]
  %y = arith.mulf %p, %b : tensor<1x3072xf32>
  plan.yield %y : tensor<1x3072xf32>
}

// A group that is not made of whole blocks of 16 columns.
// CHECK-LABEL: plan.kernel @odd_group
// CHECK-SAME: {emitter = "portable"
plan.kernel @odd_group tied [-1] {
^bb0(%q: tensor<1x48xi8>, %w: tensor<8x48x!tern.trit, #panel>,
     %s: tensor<8x2xf32>):
  %y = tern.matmul %q, %w, %s {group = 24 : i64} : tensor<1x48xi8>,
      tensor<8x48x!tern.trit, #panel>, tensor<8x2xf32> -> tensor<1x8xf32>
  plan.yield %y : tensor<1x8xf32>
}

// CHECK-LABEL: plan.kernel @gradient_of_input
// CHECK-SAME: {emitter = "float-matmul", workgroups = 48
plan.kernel @gradient_of_input tied [-1] {
^bb0(%dy: tensor<128x3072xf32>, %w: tensor<3072x768x!tern.trit, #panel>,
     %s: tensor<1xf32>):
  %y = tern.matmul_transposed %dy, %w, %s : tensor<128x3072xf32>,
      tensor<3072x768x!tern.trit, #panel>, tensor<1xf32> -> tensor<128x768xf32>
  plan.yield %y : tensor<128x768xf32>
}

// 48 tiles of 16 columns, in 16 workgroups.
// CHECK-LABEL: plan.kernel @rounded_gradient_of_input
// CHECK-SAME: {emitter = "ternary-gradient", workgroups = 16
plan.kernel @rounded_gradient_of_input tied [-1] {
^bb0(%q: tensor<128x3072xi16>, %t: tensor<128xf32>,
     %w: tensor<3072x768x!tern.trit, #panel>):
  %y = tern.quantized_matmul_transposed %q, %t, %w : tensor<128x3072xi16>,
      tensor<128xf32>, tensor<3072x768x!tern.trit, #panel>
      -> tensor<128x768xf32>
  plan.yield %y : tensor<128x768xf32>
}

// CHECK-LABEL: plan.kernel @head_of_one_token
// CHECK-SAME: {emitter = "float-dot", workgroups = 64
plan.kernel @head_of_one_token tied [-1] {
^bb0(%x: tensor<1x64xf32>, %w: tensor<1000x64xf16>):
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1000xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1000xf32>)
      -> tensor<1x1000xf32>
  %y = linalg.matmul indexing_maps = [#row_k, #column_k, #result]
      ins(%x, %w : tensor<1x64xf32>, tensor<1000x64xf16>)
      outs(%z : tensor<1x1000xf32>) -> tensor<1x1000xf32>
  plan.yield %y : tensor<1x1000xf32>
}

// The accumulator is replaced in place.
// CHECK-LABEL: plan.kernel @accumulate
// CHECK-SAME: {emitter = "float-matmul"
plan.kernel @accumulate tied [2] {
^bb0(%x: tensor<16x8xf32>, %w: tensor<8x40xf32>, %c: tensor<16x40xf32>):
  %y = linalg.matmul ins(%x, %w : tensor<16x8xf32>, tensor<8x40xf32>)
      outs(%c : tensor<16x40xf32>) -> tensor<16x40xf32>
  plan.yield %y : tensor<16x40xf32>
}

// Another workgroup would read what this one has overwritten.
// CHECK-LABEL: plan.kernel @overwrites_its_input
// CHECK-SAME: {emitter = "portable"
plan.kernel @overwrites_its_input tied [0] {
^bb0(%x: tensor<8x8xf32>, %w: tensor<8x8x!tern.trit, #panel>,
     %s: tensor<1xf32>):
  %y = tern.matmul %x, %w, %s : tensor<8x8xf32>,
      tensor<8x8x!tern.trit, #panel>, tensor<1xf32> -> tensor<8x8xf32>
  plan.yield %y : tensor<8x8xf32>
}

// One workgroup per 16 of the 17 * 3 rows of each of 2 key-value heads: there are
// many columns.
// CHECK-LABEL: plan.kernel @attention
// CHECK-SAME: {emitter = "attention", workgroups = 8
plan.kernel @attention tied [-1] {
^bb0(%q: tensor<1x17x2x3x8xf32>, %k: tensor<1x2048x2x8xf32>,
     %v: tensor<1x2048x2x8xf32>, %p: tensor<i32>):
  %y = tern.attention %q, %k, %v, %p : tensor<1x17x2x3x8xf32>,
      tensor<1x2048x2x8xf32>, tensor<i32>
  plan.yield %y : tensor<1x17x2x3x8xf32>
}

// All tokens add to the gradients of the keys and values of a head.
// CHECK-LABEL: plan.kernel @attention_grad
// CHECK-SAME: {emitter = "attention-grad", workgroups = 6
plan.kernel @attention_grad tied [-1, -1, -1] {
^bb0(%q: tensor<2x24x3x1x8xf32>, %k: tensor<2x24x3x8xf32>,
     %v: tensor<2x24x3x8xf32>, %g: tensor<2x24x3x1x8xf32>):
  %p = arith.constant dense<0> : tensor<i32>
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %p, %g :
      tensor<2x24x3x1x8xf32>, tensor<2x24x3x8xf32>, tensor<i32>
  plan.yield %dq, %dk, %dv : tensor<2x24x3x1x8xf32>, tensor<2x24x3x8xf32>,
      tensor<2x24x3x8xf32>
}

// An epilogue, which the emitter does not know.
// CHECK-LABEL: plan.kernel @attention_with_epilogue
// CHECK-SAME: {emitter = "portable"
plan.kernel @attention_with_epilogue tied [-1] {
^bb0(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>,
     %v: tensor<1x6x2x8xf32>, %p: tensor<i32>):
  %o = tern.attention %q, %k, %v, %p : tensor<1x4x2x3x8xf32>,
      tensor<1x6x2x8xf32>, tensor<i32>
  %y = arith.addf %o, %q : tensor<1x4x2x3x8xf32>
  plan.yield %y : tensor<1x4x2x3x8xf32>
}

// The gradient of a norm takes the place of the cotangent, a row of which is read
// before it is written.
// CHECK-LABEL: plan.kernel @norm_gradient_in_place
// CHECK-SAME: {emitter = "rms-norm-grad"
plan.kernel @norm_gradient_in_place tied [2] {
^bb0(%x: tensor<128x768xf32>, %w: tensor<768xf32>, %dy: tensor<128x768xf32>, %r: tensor<128x768xf32>):
  %dx = tern.rms_norm_grad %x, %w, %dy {epsilon = 1.0e-05 : f64} : tensor<128x768xf32>, tensor<768xf32>
  %y = arith.addf %dx, %r : tensor<128x768xf32>
  plan.yield %y : tensor<128x768xf32>
}
