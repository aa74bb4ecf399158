// RUN: sterna-opt %s --sterna-differentiate=function=linear \
// RUN:   --sterna-differentiate=function=linear_groups \
// RUN:   --sterna-differentiate=function=linear_int8 \
// RUN:   --sterna-differentiate=function=matmul_transposed \
// RUN:   --sterna-differentiate=function=rms_norm \
// RUN:   --sterna-differentiate=function=rms_norm_frozen \
// RUN:   --sterna-differentiate=function=rope --sterna-differentiate=function=rope_inverse \
// RUN:   --sterna-differentiate=function=attention \
// RUN:   --sterna-differentiate=function=attention_segments \
// RUN:   --sterna-differentiate=function=attention_query \
// RUN:   --sterna-differentiate=function=cross_entropy \
// RUN:   --sterna-differentiate=function=checkpoint \
// RUN:   --sterna-differentiate=function=embedding --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// The transposed product reads the same weight; the weight gets no gradient.
// CHECK-LABEL: func.func @linear_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<2x6xf64>, %[[W:.+]]: tensor<3x6x!tern.trit>
// CHECK-DAG: %[[S:.+]] = arith.constant dense<[5.0
// CHECK: %[[Y:.+]] = tern.linear %[[X]], %[[W]], %[[S]]
// CHECK: %[[DX:.+]] = tern.matmul_transposed %{{.+}}, %[[W]], %[[S]]
// CHECK: return %{{.+}}, %[[DX]], %{{.+}}
func.func @linear(%x: tensor<2x6xf64>, %w: tensor<3x6x!tern.trit>, %c: tensor<2x3xf64>) -> tensor<f64> {
  %s = arith.constant dense<[0.5, 2.0, -1.5]> : tensor<3xf64>
  %y = tern.linear %x, %w, %s : tensor<2x6xf64>, tensor<3x6x!tern.trit>, tensor<3xf64> -> tensor<2x3xf64>
  %p = arith.mulf %y, %c : tensor<2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @linear_groups_vjp(
// CHECK: tern.matmul_transposed {{.*}} {group = 4 : i64}
func.func @linear_groups(%x: tensor<2x6xf64>, %w: tensor<3x6x!tern.trit>, %c: tensor<2x3xf64>) -> tensor<f64> {
  %s = arith.constant dense<[[0.5, 2.0], [1.0, 3.0], [0.25, 0.5]]> : tensor<3x2xf64>
  %y = tern.linear %x, %w, %s {group = 4 : i64} : tensor<2x6xf64>, tensor<3x6x!tern.trit>, tensor<3x2xf64> -> tensor<2x3xf64>
  %p = arith.mulf %y, %c : tensor<2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// The quantizer is straight-through: no trace of it in the gradient. (In f32,
// so that finite_differences.py takes none of this staircase.)
// CHECK-LABEL: func.func @linear_int8_vjp(
// CHECK: tern.linear {{.*}} {int8_activations}
// CHECK: tern.matmul_transposed %{{.+}}, %{{.+}}, %{{[^ ]+}} : tensor<2x3xf32>
// CHECK-NOT: tern.quantize
// CHECK: return
func.func @linear_int8(%x: tensor<2x6xf32>, %w: tensor<3x6x!tern.trit>) -> tensor<f32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %y = tern.linear %x, %w, %s {int8_activations} : tensor<2x6xf32>, tensor<3x6x!tern.trit>, tensor<1xf32> -> tensor<2x3xf32>
  %z = arith.constant dense<0.0> : tensor<f32>
  %r = linalg.reduce { arith.addf } ins(%y : tensor<2x3xf32>) outs(%z : tensor<f32>) dimensions = [0, 1]
  return %r : tensor<f32>
}

// CHECK-LABEL: func.func @matmul_transposed_vjp(
// CHECK: tern.matmul %{{.+}}, %{{.+}}, %{{.+}} : tensor<2x6xf64>
func.func @matmul_transposed(%x: tensor<2x3xf64>, %w: tensor<3x6x!tern.trit>, %c: tensor<2x6xf64>) -> tensor<f64> {
  %s = arith.constant dense<0.5> : tensor<1xf64>
  %y = tern.matmul_transposed %x, %w, %s : tensor<2x3xf64>, tensor<3x6x!tern.trit>, tensor<1xf64> -> tensor<2x6xf64>
  %p = arith.mulf %y, %c : tensor<2x6xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x6xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @rms_norm_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<3x4xf64>, %[[G:.+]]: tensor<4xf64>
// CHECK: %[[DX:.+]] = tern.rms_norm_grad %[[X]], %[[G]], %[[DY:.+]] {epsilon
// CHECK: %[[N:.+]] = tern.rms_norm %[[X]], %{{.+}} {epsilon
// CHECK: %[[P:.+]] = arith.mulf %[[DY]], %[[N]]
// CHECK: %[[DG:.+]] = linalg.reduce { arith.addf } ins(%[[P]] : tensor<3x4xf64>) {{.*}} dimensions = [0]
// CHECK: return %{{.+}}, %[[DX]], %[[DG]], %{{.+}}
func.func @rms_norm(%x: tensor<3x4xf64>, %g: tensor<4xf64>, %c: tensor<3x4xf64>) -> tensor<f64> {
  %y = tern.rms_norm %x, %g {epsilon = 1.0e-02 : f64} : tensor<3x4xf64>, tensor<4xf64>
  %p = arith.mulf %y, %c : tensor<3x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<3x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A frozen weight gets no gradient.
// CHECK-LABEL: func.func @rms_norm_frozen_vjp(
// CHECK: tern.rms_norm
// CHECK: tern.rms_norm_grad
// CHECK-NOT: tern.rms_norm
// CHECK: return
func.func @rms_norm_frozen(%x: tensor<3x4xf64>, %c: tensor<3x4xf64>) -> tensor<f64> {
  %g = arith.constant dense<[1.0, 2.0, -1.0, 0.5]> : tensor<4xf64>
  %y = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<3x4xf64>, tensor<4xf64>
  %p = arith.mulf %y, %c : tensor<3x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<3x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// The gradient rotates back, from the same position.
// CHECK-LABEL: func.func @rope_vjp(
// CHECK-SAME: %{{.+}}: tensor<2x3x2x6xf64>, %[[POS:.+]]: tensor<i32>
// CHECK: %[[DX:.+]] = tern.rope %{{.+}}, %[[COS:.+]], %[[SIN:.+]], %[[POS]] {inverse}
// CHECK: return %{{.+}}, %[[DX]], %{{.+}}
// RANGE pos 0 1
func.func @rope(%x: tensor<2x3x2x6xf64>, %pos: tensor<i32>, %c: tensor<2x3x2x6xf64>) -> tensor<f64> {
  %cos = arith.constant dense<[[1.0, 1.0], [0.54, 0.99], [-0.42, 0.98], [-0.99, 0.95]]> : tensor<4x2xf64>
  %sin = arith.constant dense<[[0.0, 0.0], [0.84, 0.1], [0.91, 0.2], [0.14, 0.3]]> : tensor<4x2xf64>
  %y = tern.rope %x, %cos, %sin, %pos : tensor<2x3x2x6xf64>, tensor<4x2xf64>, tensor<i32>
  %p = arith.mulf %y, %c : tensor<2x3x2x6xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3x2x6xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3]
  return %r : tensor<f64>
}

// RANGE pos -1 5
func.func @rope_tokens(%x: tensor<2x3x2x6xf64>, %pos: tensor<2x3xi32>, %c: tensor<2x3x2x6xf64>) -> tensor<f64> {
  %cos = arith.constant dense<[[1.0, 1.0], [0.54, 0.99], [-0.42, 0.98], [-0.99, 0.95]]> : tensor<4x2xf64>
  %sin = arith.constant dense<[[0.0, 0.0], [0.84, 0.1], [0.91, 0.2], [0.14, 0.3]]> : tensor<4x2xf64>
  %y = tern.rope %x, %cos, %sin, %pos : tensor<2x3x2x6xf64>, tensor<4x2xf64>, tensor<2x3xi32>
  %p = arith.mulf %y, %c : tensor<2x3x2x6xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3x2x6xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @rope_inverse_vjp(
// CHECK: tern.rope {{.*}} {inverse}
// CHECK: tern.rope
// CHECK-NOT: inverse
// CHECK: return
// RANGE pos 0 1
func.func @rope_inverse(%x: tensor<1x2x1x4xf64>, %pos: tensor<i32>, %c: tensor<1x2x1x4xf64>) -> tensor<f64> {
  %cos = arith.constant dense<[[1.0, 1.0], [0.54, 0.99], [-0.42, 0.98], [-0.99, 0.95]]> : tensor<4x2xf64>
  %sin = arith.constant dense<[[0.0, 0.0], [0.84, 0.1], [0.91, 0.2], [0.14, 0.3]]> : tensor<4x2xf64>
  %y = tern.rope %x, %cos, %sin, %pos {inverse} : tensor<1x2x1x4xf64>, tensor<4x2xf64>, tensor<i32>
  %p = arith.mulf %y, %c : tensor<1x2x1x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<1x2x1x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3]
  return %r : tensor<f64>
}

// Three query heads for each of two key-value heads, more columns than tokens.
// CHECK-LABEL: func.func @attention_vjp(
// CHECK-SAME: %[[Q:.+]]: tensor<2x3x2x3x4xf64>, %[[K:.+]]: tensor<2x5x2x4xf64>, %[[V:.+]]: tensor<2x5x2x4xf64>, %[[POS:.+]]: tensor<i32>
// CHECK: %[[DQ:.+]], %[[DK:.+]], %[[DV:.+]] = tern.attention_grad %[[Q]], %[[K]], %[[V]], %[[POS]],
// CHECK: return %{{.+}}, %[[DQ]], %[[DK]], %[[DV]], %{{.+}}
// RANGE pos 0 2
func.func @attention(%q: tensor<2x3x2x3x4xf64>, %k: tensor<2x5x2x4xf64>, %v: tensor<2x5x2x4xf64>,
                     %pos: tensor<i32>, %c: tensor<2x3x2x3x4xf64>) -> tensor<f64> {
  %y = tern.attention %q, %k, %v, %pos : tensor<2x3x2x3x4xf64>, tensor<2x5x2x4xf64>, tensor<i32>
  %p = arith.mulf %y, %c : tensor<2x3x2x3x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3x2x3x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3, 4]
  return %r : tensor<f64>
}

// Segments, scale and window are those of the gradient.
// CHECK-LABEL: func.func @attention_segments_vjp(
// CHECK-SAME: %[[QS:[^ ]+]]: tensor<2x5xi32>, %[[KS:[^ ]+]]: tensor<2x6xi32>
// CHECK: tern.attention_grad {{.*}} segments %[[QS]], %[[KS]] {scale = 7.500000e-01 : f64, window = 3 : i64}
// RANGE qs -1 1
// RANGE ks -1 1
func.func @attention_segments(%q: tensor<2x5x2x1x4xf64>, %k: tensor<2x6x2x4xf64>, %v: tensor<2x6x2x4xf64>,
                              %qs: tensor<2x5xi32>, %ks: tensor<2x6xi32>, %c: tensor<2x5x2x1x4xf64>) -> tensor<f64> {
  %pos = arith.constant dense<1> : tensor<i32>
  %y = tern.attention %q, %k, %v, %pos segments %qs, %ks {scale = 0.75 : f64, window = 3 : i64} : tensor<2x5x2x1x4xf64>, tensor<2x6x2x4xf64>, tensor<i32>
  %p = arith.mulf %y, %c : tensor<2x5x2x1x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x5x2x1x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3, 4]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @attention_query_vjp(
// CHECK: %[[DQ:.+]], %{{.+}}, %{{.+}} = tern.attention_grad
// CHECK: %[[SUM:.+]] = arith.addf %{{.+}}, %[[DQ]]
// CHECK: return %{{.+}}, %[[SUM]]
func.func @attention_query(%q: tensor<1x2x1x1x2xf64>) -> tensor<f64> {
  %k = arith.constant dense<[[[[0.5, 1.0]], [[-1.0, 2.0]]]]> : tensor<1x2x1x2xf64>
  %pos = arith.constant dense<0> : tensor<i32>
  %y = tern.attention %q, %k, %k, %pos : tensor<1x2x1x1x2xf64>, tensor<1x2x1x2xf64>, tensor<i32>
  %p = arith.mulf %y, %q : tensor<1x2x1x1x2xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<1x2x1x1x2xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3, 4]
  return %r : tensor<f64>
}

// Row statistics, then the gradient from them; negative labels are masked.
// CHECK-LABEL: func.func @cross_entropy_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<6x5xf64>, %[[LABELS:.+]]: tensor<6xi32>
// CHECK-DAG: %[[ZERO:.+]] = arith.constant dense<0.0{{.+}}> : tensor<6xf64>
// CHECK-DAG: %[[LOWEST:.+]] = arith.constant dense<0xFFF0{{.+}}> : tensor<6xf64>
// CHECK: %[[M:.+]], %[[S:.+]], %{{.+}} = tern.softmax_statistics %[[X]], %[[LABELS]], %[[LOWEST]], %[[ZERO]], %[[ZERO]] {offset = 0 : i64}
// CHECK: %[[DX:.+]] = tern.cross_entropy_grad %[[X]], %[[LABELS]], %[[M]], %[[S]], %{{[^ ]+}} {offset = 0 : i64}
// CHECK: return %{{.+}}, %[[DX]], %{{.+}}
// RANGE labels -2 4
// RANGE x -5 5
func.func @cross_entropy(%x: tensor<6x5xf64>, %labels: tensor<6xi32>, %c: tensor<6xf64>) -> tensor<f64> {
  %y = tern.cross_entropy %x, %labels : tensor<6x5xf64>, tensor<6xi32> -> tensor<6xf64>
  %p = arith.mulf %y, %c : tensor<6xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<6xf64>) outs(%z : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// No op for an identity.
// CHECK-LABEL: func.func @checkpoint_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>
// CHECK: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: %[[Y:.+]] = tern.checkpoint %[[X]]
// CHECK: return %[[Y]], %[[ONE]]
func.func @checkpoint(%x: tensor<f64>) -> tensor<f64> {
  %y = tern.checkpoint %x : tensor<f64>
  return %y : tensor<f64>
}

// Rows of the table's gradient are sums over ids, those outside excluded.
// CHECK-LABEL: func.func @embedding_vjp(
// CHECK-SAME: %[[TABLE:.+]]: tensor<5x3xf64>, %[[IDS:.+]]: tensor<7xi32>
// CHECK: %[[D:.+]] = tern.embedding_grad %[[IDS]], %{{.+}} : tensor<7xi32>, tensor<7x3xf64> -> tensor<5x3xf64>
// CHECK: return %{{.+}}, %[[D]], %{{.+}}
// RANGE ids -2 6
func.func @embedding(%table: tensor<5x3xf64>, %ids: tensor<7xi32>, %c: tensor<7x3xf64>) -> tensor<f64> {
  %y = tern.embedding %table, %ids : tensor<5x3xf64>, tensor<7xi32> -> tensor<7x3xf64>
  %s = arith.mulf %y, %y : tensor<7x3xf64>
  %p = arith.mulf %s, %c : tensor<7x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<7x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Two shards, of which the second hides what the first would read.
// RANGE ids -2 9
func.func @embedding_shards(%first: tensor<5x3xf64>, %second: tensor<4x3xf64>, %ids: tensor<12xi32>) -> tensor<f64> {
  %x = tern.embedding %first, %ids : tensor<5x3xf64>, tensor<12xi32> -> tensor<12x3xf64>
  %y = tern.embedding %second, %ids init %x {offset = 5 : i64} : tensor<4x3xf64>, tensor<12xi32> -> tensor<12x3xf64>
  %s = arith.mulf %y, %y : tensor<12x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<12x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Ops without a rule of their own: by their decomposition. These are gradients,
// so that the second derivative of a layer is right.
func.func @matmul(%x: tensor<2x6xf64>, %w: tensor<3x6x!tern.trit>, %s: tensor<3xf64>, %c: tensor<2x3xf64>) -> tensor<f64> {
  %y = tern.matmul %x, %w, %s : tensor<2x6xf64>, tensor<3x6x!tern.trit>, tensor<3xf64> -> tensor<2x3xf64>
  %q = arith.mulf %y, %y : tensor<2x3xf64>
  %p = arith.mulf %q, %c : tensor<2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @rms_norm_grad(%x: tensor<3x4xf64>, %g: tensor<4xf64>, %dy: tensor<3x4xf64>) -> tensor<f64> {
  %y = tern.rms_norm_grad %x, %g, %dy {epsilon = 1.0e-01 : f64} : tensor<3x4xf64>, tensor<4xf64>
  %q = arith.mulf %y, %y : tensor<3x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%q : tensor<3x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @attention_grad(%q: tensor<1x3x2x1x4xf64>, %k: tensor<1x4x2x4xf64>, %v: tensor<1x4x2x4xf64>,
                          %dy: tensor<1x3x2x1x4xf64>) -> tensor<f64> {
  %pos = arith.constant dense<1> : tensor<i32>
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %dy : tensor<1x3x2x1x4xf64>, tensor<1x4x2x4xf64>, tensor<i32>
  %a = arith.mulf %dq, %q : tensor<1x3x2x1x4xf64>
  %b = arith.mulf %dk, %dv : tensor<1x4x2x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %s = linalg.reduce { arith.addf } ins(%a : tensor<1x3x2x1x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2, 3, 4]
  %r = linalg.reduce { arith.addf } ins(%b : tensor<1x4x2x4xf64>) outs(%s : tensor<f64>) dimensions = [0, 1, 2, 3]
  return %r : tensor<f64>
}

// RANGE labels -2 4
func.func @cross_entropy_grad(%x: tensor<6x5xf64>, %labels: tensor<6xi32>, %m: tensor<6xf64>, %s: tensor<6xf64>,
                              %dy: tensor<6xf64>, %c: tensor<6x5xf64>) -> tensor<f64> {
  %two = arith.constant dense<2.0> : tensor<6xf64>
  %sum = arith.addf %s, %two : tensor<6xf64>
  %y = tern.cross_entropy_grad %x, %labels, %m, %sum, %dy {offset = 0 : i64} : tensor<6x5xf64>, tensor<6xi32>, tensor<6xf64>
  %p = arith.mulf %y, %c : tensor<6x5xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%p : tensor<6x5xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}
