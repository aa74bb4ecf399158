// RUN: sterna-opt %s --sterna-chunk-loss-head=size=4 --split-input-file | FileCheck %s
// RUN: sterna-opt %s --sterna-differentiate=function=loss --cse --sterna-chunk-loss-head=size=4 | FileCheck %s --check-prefix=GRAD
// RUN: not sterna-opt %s --sterna-chunk-loss-head=size=0 2>&1 | FileCheck %s --check-prefix=SIZE

// SIZE: error: expected a chunk of at least one vocabulary row, but got size=0

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// Ten vocabulary rows: chunks of 4, 4 and 2; the loss from the last statistics.
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: %[[X:.+]]: tensor<3x8xf32>, %[[LABELS:.+]]: tensor<3xi32>
// CHECK-NOT: tensor<3x10xf32>
// CHECK: %[[HEAD:.+]] = tern.get_param @head
// CHECK-DAG: %[[ZERO:.+]] = arith.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-DAG: %[[LOWEST:.+]] = arith.constant dense<0xFF800000> : tensor<3xf32>
// CHECK: %[[W0:.+]] = tensor.extract_slice %[[HEAD]][0, 0] [4, 8] [1, 1]
// CHECK: %[[L0:.+]] = linalg.matmul {{.*}} ins(%[[X]], %[[W0]] : tensor<3x8xf32>, tensor<4x8xf16>)
// CHECK: %[[M0:.+]], %[[S0:.+]], %[[T0:.+]] = tern.softmax_statistics %[[L0]], %[[LABELS]], %[[LOWEST]], %[[ZERO]], %[[ZERO]] {offset = 0 : i64}
// CHECK: tensor.extract_slice %[[HEAD]][4, 0] [4, 8] [1, 1]
// CHECK: %[[M1:.+]], %[[S1:.+]], %[[T1:.+]] = tern.softmax_statistics {{.*}}, %[[M0]], %[[S0]], %[[T0]] {offset = 4 : i64}
// CHECK: tensor.extract_slice %[[HEAD]][8, 0] [2, 8] [1, 1]
// CHECK: %[[M2:.+]], %[[S2:.+]], %[[T2:.+]] = tern.softmax_statistics {{.*}}, %[[M1]], %[[S1]], %[[T1]] {offset = 8 : i64} : tensor<3x2xf32>
// CHECK: %[[LOG:.+]] = math.log %[[S2]]
// CHECK: %[[SUM:.+]] = arith.addf %[[LOG]], %[[M2]]
// CHECK: %[[LOSS:.+]] = arith.subf %[[SUM]], %[[T2]]
// CHECK: %[[SCORED:.+]] = arith.cmpi sge, %[[LABELS]]
// CHECK: arith.select %[[SCORED]], %[[LOSS]]

// The gradient computes the logits again, shares the statistics, and adds the
// chunks' products up.
// GRAD-LABEL: func.func @loss_vjp(
// GRAD-NOT: tensor<3x10xf32>
// GRAD: tern.softmax_statistics
// GRAD: tern.softmax_statistics
// GRAD: %[[M:.+]], %[[S:.+]], %{{.+}} = tern.softmax_statistics
// GRAD-NOT: tern.softmax_statistics
// GRAD: %[[D0:.+]] = tern.cross_entropy_grad {{.*}}, %[[M]], %[[S]], %[[DY:.+]] {offset = 0 : i64}
// GRAD: %[[P0:.+]] = linalg.matmul ins(%[[D0]], {{.*}} : tensor<3x4xf32>, tensor<4x8xf16>) outs(
// GRAD: %[[D1:.+]] = tern.cross_entropy_grad {{.*}}, %[[M]], %[[S]], %[[DY]] {offset = 4 : i64}
// GRAD: %[[P1:.+]] = linalg.matmul ins(%[[D1]], {{.*}}) outs(%[[P0]] :
// GRAD: %[[D2:.+]] = tern.cross_entropy_grad {{.*}}, %[[M]], %[[S]], %[[DY]] {offset = 8 : i64}
// GRAD: %[[P2:.+]] = linalg.matmul ins(%[[D2]], {{.*}}) outs(%[[P1]] :
// GRAD: return %{{.+}}, %[[P2]]

tern.param @head : tensor<10x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

func.func @loss(%x: tensor<3x8xf32>, %labels: tensor<3xi32>) -> tensor<f32> {
  %head = tern.get_param @head : tensor<10x8xf16>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x10xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x10xf32>) -> tensor<3x10xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %head : tensor<3x8xf32>, tensor<10x8xf16>) outs(%zeros : tensor<3x10xf32>) -> tensor<3x10xf32>
  %losses = tern.cross_entropy %logits, %labels : tensor<3x10xf32>, tensor<3xi32> -> tensor<3xf32>
  %start = arith.constant dense<0.0> : tensor<f32>
  %loss = linalg.reduce { arith.addf } ins(%losses : tensor<3xf32>) outs(%start : tensor<f32>) dimensions = [0]
  return %loss : tensor<f32>
}

// Logits that someone else reads stay whole.
// CHECK-LABEL: func.func @logits_returned(
// CHECK: tern.cross_entropy
func.func @logits_returned(%x: tensor<3x8xf32>, %head: tensor<10x8xf32>, %labels: tensor<3xi32>) -> (tensor<3xf32>, tensor<3x10xf32>) {
  %zeros = arith.constant dense<0.0> : tensor<3x10xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %head : tensor<3x8xf32>, tensor<10x8xf32>) outs(%zeros : tensor<3x10xf32>) -> tensor<3x10xf32>
  %losses = tern.cross_entropy %logits, %labels : tensor<3x10xf32>, tensor<3xi32> -> tensor<3xf32>
  return %losses, %logits : tensor<3xf32>, tensor<3x10xf32>
}
