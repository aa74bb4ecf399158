// The elements of every matrix, [64, 8] of f32: the first has one scale, the
// second is not ternary, the third has one scale a row of its transpose.
// RUN: rm -rf %t && mkdir %t
// RUN: %onnx_python -c "import numpy as np; \
// RUN:   t = np.arange(512).reshape(64, 8) * 7 % 3 - 1.0; e = t * 0.5; \
// RUN:   e[3, 5] = 0.25; r = t * (np.arange(8) + 1); \
// RUN:   np.concatenate([t * 0.5, e, r]).astype('f4').tofile(r'%t/w')"
// RUN: sed 's|FILE|%t/w|' %s | sterna-opt --sterna-raise-linears \
// RUN:   | FileCheck %s

// What is ternary is read as rows; parameters without a use are gone.
// CHECK-DAG: tern.param @plain : tensor<64x8xf32>
// CHECK-DAG: tern.param @trained : {{.*}} {tern.trainable = "trained"}
// CHECK-DAG: tern.param @whole.trits : tensor<8x64x!tern.trit> from #tern.file<{{.*}}offset = 0, storage = f32_columns{{.*}}>
// CHECK-DAG: tern.param @whole.scale : tensor<1xf32> from dense<5.000000e-01>
// CHECK-DAG: tern.param @rows.scale : tensor<8xf32> from #tern.ternary_scales<
// CHECK-NOT: tern.param @whole :
tern.param @whole : tensor<64x8xf32> from #tern.elements<path = "FILE", offset = 0>
tern.param @plain : tensor<64x8xf32> from #tern.elements<path = "FILE", offset = 2048>
tern.param @rows : tensor<64x8xf32> from #tern.elements<path = "FILE", offset = 4096>
tern.param @trained : tensor<64x8xf32> from #tern.elements<path = "FILE", offset = 0> {tern.trainable = "trained"}

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.+]]: tensor<4x64xf32>, %[[START:.+]]: tensor<4x8xf32>)
func.func @main(%x: tensor<4x64xf32>, %start: tensor<4x8xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>,
        tensor<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x8xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %w0 = tern.get_param @whole : tensor<64x8xf32>
  %w1 = tern.get_param @plain : tensor<64x8xf32>
  %w2 = tern.get_param @rows : tensor<64x8xf32>
  %w3 = tern.get_param @trained : tensor<64x8xf32>
  // CHECK: %[[W:.+]] = tern.get_param @whole.trits
  // CHECK: %[[S:.+]] = tern.get_param @whole.scale
  // CHECK: %[[Y0:.+]] = tern.linear %[[X]], %[[W]], %[[S]] : tensor<4x64xf32>, tensor<8x64x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  %y0 = linalg.matmul ins(%x, %w0 : tensor<4x64xf32>, tensor<64x8xf32>) outs(%zeros : tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: %[[Y1:.+]] = linalg.matmul
  %y1 = linalg.matmul ins(%x, %w1 : tensor<4x64xf32>, tensor<64x8xf32>) outs(%zeros : tensor<4x8xf32>) -> tensor<4x8xf32>
  // The transpose is read, not computed.
  // CHECK-NOT: linalg.transpose
  // CHECK: %[[Y2:.+]] = tern.linear {{.*}} tensor<8xf32> -> tensor<4x8xf32>
  %turned_empty = tensor.empty() : tensor<8x64xf32>
  %turned = linalg.transpose ins(%w2 : tensor<64x8xf32>) outs(%turned_empty : tensor<8x64xf32>) permutation = [1, 0]
  %y2 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %turned : tensor<4x64xf32>, tensor<8x64xf32>) outs(%zeros : tensor<4x8xf32>) -> tensor<4x8xf32>
  // Trained, and not from zero.
  // CHECK: %[[Y3:.+]] = linalg.matmul
  %y3 = linalg.matmul ins(%x, %w3 : tensor<4x64xf32>, tensor<64x8xf32>) outs(%zeros : tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: %[[Y4:.+]] = linalg.matmul {{.*}} outs(%[[START]]
  %y4 = linalg.matmul ins(%x, %w2 : tensor<4x64xf32>, tensor<64x8xf32>) outs(%start : tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: return %[[Y0]], %[[Y1]], %[[Y2]], %[[Y3]], %[[Y4]]
  return %y0, %y1, %y2, %y3, %y4 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
