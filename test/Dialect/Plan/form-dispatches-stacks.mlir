// RUN: sterna-opt %s --sterna-form-dispatches=stack-parts --split-input-file | FileCheck %s

#transposed = affine_map<(d0, d1, d2) -> (d1, d2)>
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>

// Products of the same rows are one dispatch, also where one of them is used
// before the other stands; each has constants of its own. What depends on one of
// them is not in it.
// CHECK-LABEL: func.func @same_rows(
// CHECK: %[[P:.+]]:2 = plan.dispatch @matmul_0(%{{.+}}) : (tensor<512x256xf32>, tensor<256x256xf32>, tensor<256x64xf32>) -> (tensor<512x256xf32>, tensor<512x64xf32>)
// CHECK: %[[E:.+]] = plan.dispatch @exp_1(
// CHECK-NEXT: return %[[E]], %[[P]]#0, %[[P]]#1
// CHECK: plan.kernel @matmul_0 tied [-1, -1] {
// CHECK: %[[ZERO:.+]] = arith.constant
// CHECK: linalg.matmul {{.*}} outs(%[[ZERO]]
// CHECK: %[[ANOTHER:.+]] = arith.constant
// CHECK: linalg.matmul {{.*}} outs(%[[ANOTHER]]
func.func @same_rows(%x: tensor<512x256xf32> {tern.input = "x"}, %v: tensor<256x256xf32> {tern.input = "v"}, %w: tensor<256x64xf32> {tern.input = "w"})
    -> (tensor<512x256xf32> {tern.output = "e"}, tensor<512x256xf32> {tern.output = "p"}, tensor<512x64xf32> {tern.output = "q"}) {
  %zero = arith.constant dense<0.0> : tensor<512x256xf32>
  %none = arith.constant dense<0.0> : tensor<512x64xf32>
  %p = linalg.matmul ins(%x, %v : tensor<512x256xf32>, tensor<256x256xf32>) outs(%zero : tensor<512x256xf32>) -> tensor<512x256xf32>
  %view = tensor.collapse_shape %p [[0, 1]] : tensor<512x256xf32> into tensor<131072xf32>
  %again = tensor.expand_shape %view [[0, 1]] output_shape [512, 256] : tensor<131072xf32> into tensor<512x256xf32>
  %e = math.exp %again : tensor<512x256xf32>
  %q = linalg.matmul ins(%x, %w : tensor<512x256xf32>, tensor<256x64xf32>) outs(%none : tensor<512x64xf32>) -> tensor<512x64xf32>
  return %e, %p, %q : tensor<512x256xf32>, tensor<512x256xf32>, tensor<512x64xf32>
}

// -----

// The first product is read and gone before the second stands, which takes its
// memory: they stay apart. Small ones do not wait for that.
// CHECK-LABEL: func.func @one_after_the_other(
// CHECK: plan.dispatch @matmul_0(
// CHECK-NEXT: plan.dispatch @reduce_1(
// CHECK-NEXT: plan.dispatch @matmul_0(
// CHECK-NEXT: plan.dispatch @reduce_1(
// CHECK-NEXT: return
// CHECK-LABEL: func.func @small(
// CHECK: %[[P:.+]]:2 = plan.dispatch @exp_2(
// CHECK-NEXT: return %[[P]]#0, %[[P]]#1
func.func @one_after_the_other(%x: tensor<512x256xf32> {tern.input = "x"}, %v: tensor<256x256xf32> {tern.input = "v"}, %w: tensor<256x256xf32> {tern.input = "w"})
    -> (tensor<512xf32> {tern.output = "p"}, tensor<512xf32> {tern.output = "q"}) {
  %zero = arith.constant dense<0.0> : tensor<512x256xf32>
  %none = arith.constant dense<0.0> : tensor<512xf32>
  %p = linalg.matmul ins(%x, %v : tensor<512x256xf32>, tensor<256x256xf32>) outs(%zero : tensor<512x256xf32>) -> tensor<512x256xf32>
  %a = linalg.reduce {arith.addf} ins(%p : tensor<512x256xf32>) outs(%none : tensor<512xf32>) dimensions = [1]
  %q = linalg.matmul ins(%x, %w : tensor<512x256xf32>, tensor<256x256xf32>) outs(%zero : tensor<512x256xf32>) -> tensor<512x256xf32>
  %b = linalg.reduce {arith.addf} ins(%q : tensor<512x256xf32>) outs(%none : tensor<512xf32>) dimensions = [1]
  return %a, %b : tensor<512xf32>, tensor<512xf32>
}
func.func @small(%x: tensor<4xf32> {tern.input = "x"}, %y: tensor<8xf32> {tern.input = "y"})
    -> (tensor<4xf32> {tern.output = "a"}, tensor<8xf32> {tern.output = "b"}) {
  %a = math.exp %x : tensor<4xf32>
  %b = math.exp %y : tensor<8xf32>
  return %a, %b : tensor<4xf32>, tensor<8xf32>
}

// -----

// What the backward pass computes again, what it does not, and itself do not mix:
// copies of a dispatch compute all of it.
// CHECK-LABEL: func.func @train(
// CHECK: plan.dispatch @exp_0(
// CHECK: plan.dispatch @sin_1({{.+}}) -> (tensor<2xf32>, tensor<2xf32>)
// CHECK: plan.dispatch @mulf_2(
// CHECK-NOT: plan.dispatch
// CHECK: return
func.func @train(%x: tensor<4xf32> {tern.input = "x"}, %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<2xf32> {tern.output = "b"}, tensor<4xf32> {tern.output = "dx"}, tensor<2xf32> {tern.output = "c"}) {
  %a = math.exp %x : tensor<4xf32>
  %y = tensor.extract_slice %x[0] [2] [1] : tensor<4xf32> to tensor<2xf32>
  %b = math.sin %y : tensor<2xf32>
  %e = tensor.empty() : tensor<4xf32>
  %s = linalg.broadcast ins(%scale : tensor<f32>) outs(%e : tensor<4xf32>) dimensions = [0]
  %view = tensor.expand_shape %a [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  %again = tensor.collapse_shape %view [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %dx = arith.mulf %s, %again : tensor<4xf32>
  %c = math.exp %y : tensor<2xf32>
  return %b, %dx, %c : tensor<2xf32>, tensor<4xf32>, tensor<2xf32>
}

// -----

// State that others read may be replaced later than here: that stands alone.
// CHECK-LABEL: func.func @replaced(
// CHECK: %[[Y:.+]]:2 = plan.dispatch @exp_0(
// CHECK: %[[S:.+]] = plan.dispatch @addf_1(
// CHECK-NEXT: return %[[S]], %[[Y]]#0, %[[Y]]#1
func.func @replaced(%s: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">}, %x: tensor<8xf32> {tern.input = "x"})
    -> (tensor<4xf32> {tern.tied = 0 : i64}, tensor<4xf32> {tern.output = "y"}, tensor<8xf32> {tern.output = "z"}) {
  %y = math.exp %s : tensor<4xf32>
  %z = math.sin %x : tensor<8xf32>
  %h = tensor.extract_slice %x[4] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %t = arith.addf %s, %h : tensor<4xf32>
  return %t, %y, %z : tensor<4xf32>, tensor<4xf32>, tensor<8xf32>
}

// -----

// What nothing but a view reads that nothing reads is computed all the same.
// CHECK-LABEL: func.func @unread(
// CHECK: plan.dispatch @exp_0(
func.func @unread(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<2xf32> {tern.output = "y"}) {
  %a = math.exp %x : tensor<4xf32>
  %v = tensor.expand_shape %a [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  %h = tensor.extract_slice %x[0] [2] [1] : tensor<4xf32> to tensor<2xf32>
  %y = math.sin %h : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// Nor is it replaced before the only one that reads it, which it does not read
// itself.
// CHECK-LABEL: func.func @written(
// CHECK: plan.dispatch @transpose_0(
// CHECK: plan.dispatch @transpose_0(%[[R:.+]])
// CHECK: plan.dispatch @exp_1(
// CHECK: return
func.func @written(%r: tensor<256x256xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">}, %x: tensor<256x256xf32> {tern.input = "x"})
    -> (tensor<256x256xf32> {tern.tied = 0 : i64}, tensor<256x256xf32> {tern.output = "a"}, tensor<256x256xf32> {tern.output = "c"}) {
  %e = tensor.empty() : tensor<256x256xf32>
  %a = linalg.transpose ins(%x : tensor<256x256xf32>) outs(%e : tensor<256x256xf32>) permutation = [1, 0]
  %c = linalg.transpose ins(%r : tensor<256x256xf32>) outs(%e : tensor<256x256xf32>) permutation = [1, 0]
  %b = math.exp %x : tensor<256x256xf32>
  return %b, %a, %c : tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>
}
