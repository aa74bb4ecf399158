// RUN: sterna-opt %s --sterna-shard-params=max-bytes=256 | FileCheck %s
// RUN: sterna-opt %s --sterna-shard-params=max-bytes=160 | FileCheck %s --check-prefix=ROWS
// RUN: sterna-opt %s --sterna-shard-params | FileCheck %s --check-prefix=WHOLE
// RUN: sterna-opt %s --sterna-chunk-loss-head=size=16 --sterna-shard-params=max-bytes=256 | FileCheck %s --check-prefix=CHUNKS
// RUN: sterna-opt %s --sterna-shard-params=max-bytes=256 --sterna-form-dispatches | FileCheck %s --check-prefix=DISPATCH

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// 592 bytes.
tern.param @table : tensor<37x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

// 256 bytes hold 16 rows: shards of 16, 16 and 5, which both uses share.
// CHECK-LABEL: func.func @model(
// CHECK-SAME: %[[IDS:.+]]: tensor<3xi32>
// CHECK: %[[TABLE:.+]] = tern.get_param @table
// CHECK-NEXT: %[[T0:.+]] = tensor.extract_slice %[[TABLE]][0, 0] [16, 8] [1, 1]
// CHECK-NEXT: %[[T1:.+]] = tensor.extract_slice %[[TABLE]][16, 0] [16, 8] [1, 1]
// CHECK-NEXT: %[[T2:.+]] = tensor.extract_slice %[[TABLE]][32, 0] [5, 8] [1, 1]
// CHECK: %[[X0:.+]] = tern.embedding %[[T0]], %[[IDS]] : tensor<16x8xf16>
// CHECK: %[[X1:.+]] = tern.embedding %[[T1]], %[[IDS]] init %[[X0]] {offset = 16 : i64} : tensor<16x8xf16>
// CHECK: %[[X2:.+]] = tern.embedding %[[T2]], %[[IDS]] init %[[X1]] {offset = 32 : i64} : tensor<5x8xf16>
// CHECK: %[[L0:.+]] = linalg.matmul {{.*}} ins(%[[X2]], %[[T0]] : tensor<3x8xf32>, tensor<16x8xf16>)
// CHECK: %[[L1:.+]] = linalg.matmul {{.*}} ins(%[[X2]], %[[T1]] : tensor<3x8xf32>, tensor<16x8xf16>)
// CHECK: %[[L2:.+]] = linalg.matmul {{.*}} ins(%[[X2]], %[[T2]] : tensor<3x8xf32>, tensor<5x8xf16>)
// CHECK: %[[L:.+]] = tensor.concat dim(1) %[[L0]], %[[L1]], %[[L2]]
// CHECK: return %[[L]]

// 160 bytes hold 10 rows, no multiple of 16: four shards of nearly equal size.
// ROWS-LABEL: func.func @model(
// ROWS: %[[TABLE:.+]] = tern.get_param @table
// ROWS-NEXT: tensor.extract_slice %[[TABLE]][0, 0] [10, 8] [1, 1]
// ROWS-NEXT: tensor.extract_slice %[[TABLE]][10, 0] [10, 8] [1, 1]
// ROWS-NEXT: tensor.extract_slice %[[TABLE]][20, 0] [10, 8] [1, 1]
// ROWS-NEXT: tensor.extract_slice %[[TABLE]][30, 0] [7, 8] [1, 1]

// By default the limit is that of a GPU, and nothing here comes near.
// WHOLE-LABEL: func.func @model(
// WHOLE-NOT: tensor.extract_slice
// WHOLE: return

// Each product is a dispatch on a view of the table, and so is the join.
// DISPATCH-LABEL: func.func @model(
// DISPATCH: %[[T2:.+]] = tensor.extract_slice %{{.+}}[32, 0] [5, 8] [1, 1]
// DISPATCH: %[[X2:.+]] = plan.dispatch @embedding_{{[0-9]+}}(%[[T2]],
// DISPATCH: %[[L0:.+]] = plan.dispatch @[[MATMUL:matmul_[0-9]+]](%[[X2]],
// DISPATCH: %[[L1:.+]] = plan.dispatch @[[MATMUL]](%[[X2]],
// DISPATCH: %[[L2:.+]] = plan.dispatch @{{.+}}(%[[X2]], %[[T2]])
// DISPATCH: %[[L:.+]] = plan.dispatch @[[CONCAT:concat_[0-9]+]](%[[L0]], %[[L1]], %[[L2]])
// DISPATCH: return %[[L]]
// DISPATCH: plan.kernel @[[CONCAT]]
// DISPATCH: tensor.concat dim(1)
func.func @model(%ids: tensor<3xi32> {tern.input = "ids"}) -> (tensor<3x37xf32> {tern.output = "logits"}) {
  %table = tern.get_param @table : tensor<37x8xf16>
  %x = tern.embedding %table, %ids : tensor<37x8xf16>, tensor<3xi32> -> tensor<3x8xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x37xf32>) -> tensor<3x37xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %table : tensor<3x8xf32>, tensor<37x8xf16>) outs(%start : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %logits : tensor<3x37xf32>
}

// Chunks of the loss head that fit stay as they are.
// CHUNKS-LABEL: func.func @loss(
// CHUNKS: %[[TABLE:.+]] = tern.get_param @table
// CHUNKS-COUNT-3: tensor.extract_slice %[[TABLE]]
// CHUNKS-NOT: tensor.extract_slice
// CHUNKS: return
func.func @loss(%x: tensor<3x8xf32>, %labels: tensor<3xi32>) -> tensor<3xf32> {
  %table = tern.get_param @table : tensor<37x8xf16>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x37xf32>) -> tensor<3x37xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %table : tensor<3x8xf32>, tensor<37x8xf16>) outs(%start : tensor<3x37xf32>) -> tensor<3x37xf32>
  %losses = tern.cross_entropy %logits, %labels : tensor<3x37xf32>, tensor<3xi32> -> tensor<3xf32>
  return %losses : tensor<3xf32>
}

// A range of rows is cut where it is too large itself; an embedding of a shard
// keeps its offset and its init.
// CHECK-LABEL: func.func @slices(
// CHECK-SAME: %[[IDS:.+]]: tensor<3xi32>, %[[INIT:.+]]: tensor<3x8xf32>
// CHECK: %[[TABLE:.+]] = tern.get_param @table
// CHECK: %[[SMALL:.+]] = tensor.extract_slice %[[TABLE]][0, 0] [5, 8] [1, 1]
// CHECK: %[[LARGE:.+]] = tensor.extract_slice %[[TABLE]][5, 0] [32, 8] [1, 1]
// CHECK: %[[T0:.+]] = tensor.extract_slice %[[LARGE]][0, 0] [16, 8] [1, 1]
// CHECK: %[[T1:.+]] = tensor.extract_slice %[[LARGE]][16, 0] [16, 8] [1, 1]
// CHECK: %[[X0:.+]] = tern.embedding %[[T0]], %[[IDS]] init %[[INIT]] {offset = 5 : i64}
// CHECK: %[[X1:.+]] = tern.embedding %[[T1]], %[[IDS]] init %[[X0]] {offset = 21 : i64}
// CHECK: %[[Y:.+]] = tern.embedding %[[SMALL]], %[[IDS]] : tensor<5x8xf16>
// CHECK: return %[[X1]], %[[Y]]
func.func @slices(%ids: tensor<3xi32>, %init: tensor<3x8xf32>) -> (tensor<3x8xf32>, tensor<3x8xf32>) {
  %table = tern.get_param @table : tensor<37x8xf16>
  %small = tensor.extract_slice %table[0, 0] [5, 8] [1, 1] : tensor<37x8xf16> to tensor<5x8xf16>
  %large = tensor.extract_slice %table[5, 0] [32, 8] [1, 1] : tensor<37x8xf16> to tensor<32x8xf16>
  %x = tern.embedding %large, %ids init %init {offset = 5 : i64} : tensor<32x8xf16>, tensor<3xi32> -> tensor<3x8xf32>
  %y = tern.embedding %small, %ids : tensor<5x8xf16>, tensor<3xi32> -> tensor<3x8xf32>
  return %x, %y : tensor<3x8xf32>, tensor<3x8xf32>
}
