// RUN: sterna-opt %s --verify-roundtrip | FileCheck %s
// RUN: sterna-opt %s | sterna-opt | FileCheck %s
// RUN: sterna-opt %s --mlir-print-op-generic | sterna-opt | FileCheck %s
// RUN: %python %S/../check_examples.py %source/include/sterna/Dialect/Tern/IR/TernOps.td %s

// Every example of the op definitions, as it stands there.

// CHECK: tern.param @blk.0.attn_q.weight : tensor<4x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>
tern.param @blk.0.attn_q.weight : tensor<4x8x!tern.trit>
    from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>

// Scales stand inline.
// CHECK: tern.param @blk.0.attn_q.scale : tensor<1xf32> from dense<5.000000e-01> : tensor<1xf32>
tern.param @blk.0.attn_q.scale : tensor<1xf32> from dense<0.5> : tensor<1xf32>

// CHECK-LABEL: func.func @get_param(
func.func @get_param() {
  // CHECK: %{{.+}} = tern.get_param @blk.0.attn_q.weight : tensor<4x8x!tern.trit>
  %w = tern.get_param @blk.0.attn_q.weight : tensor<4x8x!tern.trit>
  return
}

// CHECK-LABEL: func.func @checkpoint(
func.func @checkpoint(%x: tensor<4x8xf32>) {
  // CHECK: %{{.+}} = tern.checkpoint %{{.+}} : tensor<4x8xf32>
  %y = tern.checkpoint %x : tensor<4x8xf32>
  return
}

// CHECK-LABEL: func.func @linear(
func.func @linear(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // CHECK: %{{.+}} = tern.linear %{{.+}}, %{{.+}}, %{{.+}} {int8_activations} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  %y = tern.linear %x, %w, %s {int8_activations}
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return
}

// A scale per row.
// CHECK-LABEL: func.func @linear_row_scales(
func.func @linear_row_scales(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16xf32>) {
  // CHECK: tern.linear {{.*}} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16xf32> -> tensor<4x16xf32>
  %y = tern.linear %x, %w, %s
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16xf32> -> tensor<4x16xf32>
  return
}

// A scale per group, the last one shorter.
// CHECK-LABEL: func.func @linear_group_scales(
func.func @linear_group_scales(%x: tensor<4x8xf64>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x3xf64>) {
  // CHECK: tern.linear {{.*}} {group = 3 : i64} : tensor<4x8xf64>, tensor<16x8x!tern.trit>, tensor<16x3xf64> -> tensor<4x16xf64>
  %y = tern.linear %x, %w, %s {group = 3 : i64}
      : tensor<4x8xf64>, tensor<16x8x!tern.trit>, tensor<16x3xf64> -> tensor<4x16xf64>
  return
}

// CHECK-LABEL: func.func @quantize(
func.func @quantize(%x: tensor<4x8xf32>) {
  // CHECK: %{{.+}}, %{{.+}} = tern.quantize %{{.+}} : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @matmul(
func.func @matmul(%q: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // CHECK: %{{.+}} = tern.matmul %{{.+}}, %{{.+}}, %{{.+}} : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  %y = tern.matmul %q, %w, %s
      : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return
}

// CHECK-LABEL: func.func @matmul_transposed(
func.func @matmul_transposed(%dy: tensor<4x16xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // CHECK: %{{.+}} = tern.matmul_transposed %{{.+}}, %{{.+}}, %{{.+}} : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  %x = tern.matmul_transposed %dy, %w, %s
      : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: func.func @quantize_gradient(
func.func @quantize_gradient(%dy: tensor<4x16xf32>, %s: tensor<1xf32>, %seed: tensor<1xi32>) {
  // CHECK: %{{.+}}, %{{.+}} = tern.quantize_gradient %{{.+}}, %{{.+}} : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi16>, tensor<4xf32>
  // CHECK: %{{.+}}, %{{.+}} = tern.quantize_gradient %{{.+}}, %{{.+}} seed %{{.+}} : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi8>, tensor<4xf32>
  %q, %t = tern.quantize_gradient %dy, %s
      : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi16>, tensor<4xf32>
  %r, %u = tern.quantize_gradient %dy, %s seed %seed
      : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi8>, tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @quantized_matmul_transposed(
func.func @quantized_matmul_transposed(%q: tensor<4x16xi16>, %t: tensor<4xf32>, %w: tensor<16x8x!tern.trit>) {
  // CHECK: %{{.+}} = tern.quantized_matmul_transposed %{{.+}}, %{{.+}}, %{{.+}} : tensor<4x16xi16>, tensor<4xf32>, tensor<16x8x!tern.trit> -> tensor<4x8xf32>
  %x = tern.quantized_matmul_transposed %q, %t, %w
      : tensor<4x16xi16>, tensor<4xf32>, tensor<16x8x!tern.trit> -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: func.func @unpack(
func.func @unpack(%w: tensor<16x8x!tern.trit>) {
  // CHECK: %{{.+}} = tern.unpack %{{.+}} : tensor<16x8x!tern.trit> -> tensor<16x8xi8>
  %b = tern.unpack %w : tensor<16x8x!tern.trit> -> tensor<16x8xi8>
  return
}

// CHECK-LABEL: func.func @embedding(
func.func @embedding(%table: tensor<32x8xf16>, %shard: tensor<16x8xf16>, %ids: tensor<4xi32>,
                     %bytes: tensor<32x8xi8>, %s: tensor<32xf32>) {
  // CHECK: %[[X:.+]] = tern.embedding %{{.+}}, %{{.+}} : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  // CHECK: %{{.+}} = tern.embedding %{{.+}}, %{{.+}} init %[[X]] {offset = 32 : i64} : tensor<16x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  // CHECK: %{{.+}} = tern.embedding %{{.+}}, %{{.+}} scale %{{.+}} : tensor<32x8xi8>, tensor<4xi32> -> tensor<4x8xf32>
  %x = tern.embedding %table, %ids
      : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  %y = tern.embedding %shard, %ids init %x {offset = 32 : i64}
      : tensor<16x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  %z = tern.embedding %bytes, %ids scale %s
      : tensor<32x8xi8>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: func.func @dequantize(
func.func @dequantize(%codes: tensor<8x32xi8>, %codes6: tensor<8x48xi8>, %scale: tensor<8x2xf16>, %m: tensor<8x2xf16>) {
  // CHECK: tern.dequantize %{{.+}}, %{{.+}} minimum %{{.+}} : tensor<8x32xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
  // CHECK: tern.dequantize %{{.+}}, %{{.+}} : tensor<8x48xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
  %w = tern.dequantize %codes, %scale minimum %m
      : tensor<8x32xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
  %v = tern.dequantize %codes6, %scale
      : tensor<8x48xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
  return
}

// CHECK-LABEL: func.func @embedding_grad(
func.func @embedding_grad(%ids: tensor<4xi32>, %dy: tensor<4x8xf32>) {
  // CHECK: %{{.+}} = tern.embedding_grad %{{.+}}, %{{.+}} {offset = 32 : i64} : tensor<4xi32>, tensor<4x8xf32> -> tensor<16x8xf32>
  %d = tern.embedding_grad %ids, %dy {offset = 32 : i64}
      : tensor<4xi32>, tensor<4x8xf32> -> tensor<16x8xf32>
  return
}

// CHECK-LABEL: func.func @rms_norm(
func.func @rms_norm(%x: tensor<4x8xf32>, %g: tensor<8xf32>) {
  // CHECK: %{{.+}} = tern.rms_norm %{{.+}}, %{{.+}} {epsilon = 1.000000e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %y = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @rms_norm_grad(
func.func @rms_norm_grad(%x: tensor<4x8xf32>, %g: tensor<8xf32>, %dy: tensor<4x8xf32>) {
  // CHECK: %{{.+}} = tern.rms_norm_grad %{{.+}}, %{{.+}}, %{{.+}} {epsilon = 1.000000e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %dx = tern.rms_norm_grad %x, %g, %dy {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @rope(
func.func @rope(%x: tensor<1x4x2x8xf32>, %cos: tensor<32x4xf32>, %sin: tensor<32x4xf32>, %pos: tensor<i32>, %each: tensor<1x4xi32>) {
  // CHECK: %{{.+}} = tern.rope %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<i32>
  // CHECK: tern.rope {{.*}} : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<1x4xi32>
  %y = tern.rope %x, %cos, %sin, %pos
      : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<i32>
  %z = tern.rope %x, %cos, %sin, %each
      : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<1x4xi32>
  // CHECK: tern.rope {{.*}} {inverse} : tensor<1x4x2x8xf32>
  %w = tern.rope %y, %cos, %sin, %pos {inverse}
      : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<i32>
  return
}

// CHECK-LABEL: func.func @cache_update(
func.func @cache_update(%c: tensor<32x2x8xf32>, %u: tensor<4x2x8xf32>, %pos: tensor<i32>, %len: tensor<i32>) {
  // CHECK: %{{.+}} = tern.cache_update %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<32x2x8xf32>, tensor<4x2x8xf32>, tensor<i32>, tensor<i32>
  %c1 = tern.cache_update %c, %u, %pos, %len
      : tensor<32x2x8xf32>, tensor<4x2x8xf32>, tensor<i32>, tensor<i32>
  return
}

// CHECK-LABEL: func.func @attention(
func.func @attention(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>,
                     %qs: tensor<1x4xi32>, %ks: tensor<1x6xi32>,
                     %k8: tensor<1x6x2x8xi8>, %v8: tensor<1x6x2x8xi8>, %kt: tensor<1x6x2xf32>, %vt: tensor<1x6x2xf32>) {
  // CHECK: %{{.+}} = tern.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  // CHECK: tern.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} segments %{{.+}}, %{{.+}} {scale = 5.000000e-01 : f64, window = 2 : i64} : tensor<1x4x2x3x8xf32>
  // CHECK: tern.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} scales %{{.+}}, %{{.+}} : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xi8>, tensor<i32>
  %o = tern.attention %q, %k, %v, %pos
      : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  %p = tern.attention %q, %k, %v, %pos segments %qs, %ks
      {scale = 0.5 : f64, window = 2 : i64}
      : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  %r = tern.attention %q, %k8, %v8, %pos scales %kt, %vt
      : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xi8>, tensor<i32>
  return
}

// CHECK-LABEL: func.func @attention_grad(
func.func @attention_grad(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>, %do: tensor<1x4x2x3x8xf32>,
                          %qs: tensor<1x4xi32>, %ks: tensor<1x6xi32>) {
  // CHECK: %{{.+}}, %{{.+}}, %{{.+}} = tern.attention_grad %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %do
      : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  // CHECK: tern.attention_grad {{.*}} segments %{{.+}}, %{{.+}} {scale = 5.000000e-01 : f64, window = 2 : i64}
  %a, %b, %c = tern.attention_grad %q, %k, %v, %pos, %do segments %qs, %ks {scale = 0.5 : f64, window = 2 : i64}
      : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  return
}

// CHECK-LABEL: func.func @cross_entropy(
func.func @cross_entropy(%x: tensor<4x32xf32>, %y: tensor<4xi32>) {
  // CHECK: %{{.+}} = tern.cross_entropy %{{.+}}, %{{.+}} : tensor<4x32xf32>, tensor<4xi32> -> tensor<4xf32>
  %l = tern.cross_entropy %x, %y : tensor<4x32xf32>, tensor<4xi32> -> tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @cross_entropy_grad(
func.func @cross_entropy_grad(%x: tensor<4x32xf32>, %y: tensor<4xi32>, %max: tensor<4xf32>, %sum: tensor<4xf32>, %g: tensor<4xf32>) {
  // CHECK: %{{.+}} = tern.cross_entropy_grad %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {offset = 0 : i64} : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
  %d = tern.cross_entropy_grad %x, %y, %max, %sum, %g {offset = 0 : i64}
      : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @softmax_statistics(
func.func @softmax_statistics(%x: tensor<4x32xf32>, %y: tensor<4xi32>, %m: tensor<4xf32>, %s: tensor<4xf32>, %t: tensor<4xf32>) {
  // CHECK: %{{.+}}, %{{.+}}, %{{.+}} = tern.softmax_statistics %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {offset = 0 : i64} : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
  %m1, %s1, %t1 = tern.softmax_statistics %x, %y, %m, %s, %t {offset = 0 : i64}
      : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @blockwise_adamw(
func.func @blockwise_adamw(%p: tensor<4x256xf32>, %g: tensor<4x256xf32>, %m: tensor<4x256xi8>, %s: tensor<4xf32>, %v: tensor<4x256xi8>, %t: tensor<4xf32>,
                           %clip: tensor<f32>, %decay: tensor<f32>, %step_size: tensor<f32>, %root: tensor<f32>, %seed: tensor<1xi32>, %norm: tensor<f32>) {
  // CHECK: %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} = tern.blockwise_adamw %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} by %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} seed %{{.+}} guards %{{.+}} : tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>
  %p1, %m1, %s1, %v1, %t1 = tern.blockwise_adamw %p, %g, %m, %s, %v, %t
      by %clip, %decay, %step_size, %root seed %seed guards %norm
      : tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>
  return
}
