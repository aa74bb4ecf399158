// RUN: sterna-opt %s --sterna-form-dispatches=fuse-rows --split-input-file | FileCheck %s
// RUN: sterna-opt %s --sterna-form-dispatches --split-input-file | FileCheck %s --check-prefix=APART

// Elementwise ops, a norm and a quantizer of the same rows are one kernel; what
// others read of them later is a result.
// CHECK-LABEL: func.func @rows(
// CHECK: %[[Y:.+]]:3 = plan.dispatch @rms_norm_0(
// CHECK-NEXT: %[[Z:.+]] = plan.dispatch @exp_1(%[[Y]]#0)
// CHECK-NEXT: return %[[Z]], %[[Y]]#1, %[[Y]]#2
// CHECK: plan.kernel @rms_norm_0 tied [-1, -1, -1] {
// CHECK: arith.mulf
// CHECK-NEXT: tern.rms_norm
// CHECK-NEXT: tern.quantize
// CHECK-NEXT: plan.yield
// APART-LABEL: func.func @rows(
// APART-COUNT-4: plan.dispatch
// APART: return
func.func @rows(%x: tensor<4x8xf32> {tern.input = "x"}, %u: tensor<4x8xf32> {tern.input = "u"}, %w: tensor<8xf32> {tern.input = "w"})
    -> (tensor<4x8xf32> {tern.output = "z"}, tensor<4x8xi8> {tern.output = "q"}, tensor<4xf32> {tern.output = "t"}) {
  %p = arith.mulf %x, %u : tensor<4x8xf32>
  %y = tern.rms_norm %p, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %q, %t = tern.quantize %y : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  %z = math.exp %y : tensor<4x8xf32>
  return %z, %q, %t : tensor<4x8xf32>, tensor<4x8xi8>, tensor<4xf32>
}

// -----

// A norm of a norm is a kernel of its own, and so is one of a product.
// CHECK-LABEL: func.func @roots(
// CHECK: %[[A:.+]] = plan.dispatch @matmul_0(
// CHECK-NEXT: %[[B:.+]] = plan.dispatch @rms_norm_1(%[[A]],
// CHECK-NEXT: %[[C:.+]]:2 = plan.dispatch @rms_norm_2(%[[B]],
// CHECK-NEXT: return
func.func @roots(%x: tensor<4x8xf32> {tern.input = "x"}, %v: tensor<8x8xf32> {tern.input = "v"}, %w: tensor<8xf32> {tern.input = "w"})
    -> (tensor<4x8xi8> {tern.output = "q"}, tensor<4xf32> {tern.output = "t"}) {
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %a = linalg.matmul ins(%x, %v : tensor<4x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = tern.rms_norm %a, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %c = tern.rms_norm %b, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %q, %t = tern.quantize %c : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  return %q, %t : tensor<4x8xi8>, tensor<4xf32>
}

// -----

// The product of gates goes to the norm behind it, not to the product before it:
// the two products can run together.
// CHECK-LABEL: func.func @gates(
// CHECK: plan.dispatch @matmul_0(
// CHECK-NEXT: plan.dispatch @matmul_0(
// CHECK-NEXT: plan.dispatch @rms_norm_1(
// CHECK-NEXT: return
func.func @gates(%x: tensor<4x8xf32> {tern.input = "x"}, %v: tensor<8x8xf32> {tern.input = "v"}, %u: tensor<8x8xf32> {tern.input = "u"}, %w: tensor<8xf32> {tern.input = "w"})
    -> (tensor<4x8xf32> {tern.output = "y"}) {
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %gate = linalg.matmul ins(%x, %v : tensor<4x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  %up = linalg.matmul ins(%x, %u : tensor<4x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  %n = arith.negf %gate : tensor<4x8xf32>
  %e = math.exp %n : tensor<4x8xf32>
  %s = arith.divf %gate, %e : tensor<4x8xf32>
  %p = arith.mulf %s, %up : tensor<4x8xf32>
  %y = tern.rms_norm %p, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Small rows and the writing of them to a cache are one kernel, the reshape in it;
// that of rows that something else reads, or of many, is another.
// CHECK-LABEL: func.func @caches(
// CHECK: %[[K:.+]] = plan.dispatch @rope_0(
// CHECK-NEXT: %[[R:.+]] = plan.dispatch @rope_1(
// CHECK-NEXT: %[[S:.+]] = tensor.collapse_shape %[[R]]
// CHECK-NEXT: %[[C:.+]] = plan.dispatch @cache_update_2(%{{.+}}, %[[S]],
// CHECK-NEXT: return %[[K]], %[[C]], %[[R]]
// CHECK: plan.kernel @rope_0 tied [{{[0-9]}}] {
// CHECK: tern.rope
// CHECK-NEXT: tensor.collapse_shape
// CHECK-NEXT: tern.cache_update
// CHECK-NEXT: plan.yield
func.func @caches(%k: tensor<1x2x2x4xf32> {tern.input = "k"}, %cos: tensor<8x2xf32> {tern.input = "cos"}, %sin: tensor<8x2xf32> {tern.input = "sin"},
                  %position: tensor<i32> {tern.input = "position"}, %length: tensor<i32> {tern.input = "length"},
                  %old: tensor<8x2x4xf16> {tern.state = #tern.state<name = "a", kind = kv_cache>},
                  %other: tensor<8x2x4xf16> {tern.state = #tern.state<name = "b", kind = kv_cache>})
    -> (tensor<8x2x4xf16> {tern.tied = 5 : i64}, tensor<8x2x4xf16> {tern.tied = 6 : i64}, tensor<1x2x2x4xf32> {tern.output = "r"}) {
  %a = tern.rope %k, %cos, %sin, %position : tensor<1x2x2x4xf32>, tensor<8x2xf32>, tensor<i32>
  %b = tensor.collapse_shape %a [[0, 1], [2], [3]] : tensor<1x2x2x4xf32> into tensor<2x2x4xf32>
  %c = tern.cache_update %old, %b, %position, %length : tensor<8x2x4xf16>, tensor<2x2x4xf32>, tensor<i32>, tensor<i32>
  %r = tern.rope %k, %cos, %sin, %position {inverse} : tensor<1x2x2x4xf32>, tensor<8x2xf32>, tensor<i32>
  %s = tensor.collapse_shape %r [[0, 1], [2], [3]] : tensor<1x2x2x4xf32> into tensor<2x2x4xf32>
  %d = tern.cache_update %other, %s, %position, %length : tensor<8x2x4xf16>, tensor<2x2x4xf32>, tensor<i32>, tensor<i32>
  return %c, %d, %r : tensor<8x2x4xf16>, tensor<8x2x4xf16>, tensor<1x2x2x4xf32>
}

// -----

// Codes and scales go to two caches: what computes both stands before them.
// CHECK-LABEL: func.func @codes(
// CHECK: %[[Q:.+]]:2 = plan.dispatch @quantize_0(
// CHECK: plan.dispatch @cache_update_1(
// CHECK: plan.dispatch @cache_update_2(
// CHECK: return
func.func @codes(%k: tensor<4x4xf32> {tern.input = "k"}, %position: tensor<i32> {tern.input = "position"}, %length: tensor<i32> {tern.input = "length"},
                 %old: tensor<8x2x4xi8> {tern.state = #tern.state<name = "a", kind = kv_cache>},
                 %other: tensor<8x2x1xf32> {tern.state = #tern.state<name = "b", kind = kv_cache>})
    -> (tensor<8x2x4xi8> {tern.tied = 3 : i64}, tensor<8x2x1xf32> {tern.tied = 4 : i64}) {
  %q, %t = tern.quantize %k : tensor<4x4xf32> -> tensor<4x4xi8>, tensor<4xf32>
  %s = tensor.expand_shape %t [[0, 1, 2]] output_shape [2, 2, 1] : tensor<4xf32> into tensor<2x2x1xf32>
  %c = tensor.expand_shape %q [[0, 1], [2]] output_shape [2, 2, 4] : tensor<4x4xi8> into tensor<2x2x4xi8>
  %a = tern.cache_update %old, %c, %position, %length : tensor<8x2x4xi8>, tensor<2x2x4xi8>, tensor<i32>, tensor<i32>
  %b = tern.cache_update %other, %s, %position, %length : tensor<8x2x1xf32>, tensor<2x2x1xf32>, tensor<i32>, tensor<i32>
  return %a, %b : tensor<8x2x4xi8>, tensor<8x2x1xf32>
}

// -----

// A product stays one of its own, whatever is done with it, and so does a run that
// replaces state.
// CHECK-LABEL: func.func @apart(
// CHECK: plan.dispatch @matmul_0(
// CHECK: plan.dispatch @cache_update_1(
// CHECK: plan.dispatch @addf_2(
// CHECK: plan.dispatch @rms_norm_3(
// CHECK: return
func.func @apart(%x: tensor<2x8xf32> {tern.input = "x"}, %v: tensor<8x8xf32> {tern.input = "v"}, %w: tensor<8xf32> {tern.input = "w"}, %position: tensor<i32> {tern.input = "position"}, %length: tensor<i32> {tern.input = "length"},
                 %old: tensor<8x2x4xf16> {tern.state = #tern.state<name = "a", kind = kv_cache>},
                 %s: tensor<2x8xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">})
    -> (tensor<8x2x4xf16> {tern.tied = 5 : i64}, tensor<2x8xf32> {tern.tied = 6 : i64}, tensor<2x8xf32> {tern.output = "y"}) {
  %zero = arith.constant dense<0.0> : tensor<2x8xf32>
  %a = linalg.matmul ins(%x, %v : tensor<2x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<2x8xf32>) -> tensor<2x8xf32>
  %b = tensor.expand_shape %a [[0], [1, 2]] output_shape [2, 2, 4] : tensor<2x8xf32> into tensor<2x2x4xf32>
  %c = tern.cache_update %old, %b, %position, %length : tensor<8x2x4xf16>, tensor<2x2x4xf32>, tensor<i32>, tensor<i32>
  %t = arith.addf %s, %x : tensor<2x8xf32>
  %y = tern.rms_norm %t, %w {epsilon = 1.0e-05 : f64} : tensor<2x8xf32>, tensor<8xf32>
  return %c, %t, %y : tensor<8x2x4xf16>, tensor<2x8xf32>, tensor<2x8xf32>
}
