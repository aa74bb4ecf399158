// RUN: sterna-opt %s --sterna-quantize-head | FileCheck %s
// RUN: sterna-opt %s --sterna-quantize-head=type=f16 | FileCheck %s --check-prefix=HALF
// RUN: sterna-opt %s --sterna-quantize-head | sterna-opt --sterna-quantize-head | FileCheck %s
// RUN: sterna-opt %s --sterna-quantize-head --sterna-shard-params=max-bytes=200 | FileCheck %s --check-prefix=SHARDS

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// The head has bytes and a scale a row.
// CHECK: tern.param @head : tensor<37x8xi8> from #tern.file<path = "m.gguf", offset = 64, storage = q8_0>
// CHECK-NEXT: tern.param @head.scale : tensor<37xf32> from #tern.row_scales<of = <path = "m.gguf", offset = 64, storage = q8_0>, columns = 8>
// HALF: tern.param @head : tensor<37x8xf16> from
// HALF-NOT: scale
tern.param @head : tensor<37x8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = q8_0>
// Another table and a norm stay as they are.
// CHECK: tern.param @table : tensor<37x8xf32>
tern.param @table : tensor<37x8xf32> from #tern.file<path = "m.gguf", offset = 1024, storage = f32>

// A tied embedding reads the same bytes; columns of the product are scaled.
// CHECK-LABEL: func.func @forward(
// CHECK: %[[HEAD:.+]] = tern.get_param @head : tensor<37x8xi8>
// CHECK-NEXT: %[[SCALE:.+]] = tern.get_param @head.scale : tensor<37xf32>
// CHECK: %[[X:.+]] = tern.embedding %[[HEAD]], %{{.+}} scale %[[SCALE]] : tensor<37x8xi8>
// CHECK: tern.embedding %{{.+}} : tensor<37x8xf32>
// CHECK: %[[PRODUCT:.+]] = linalg.matmul {{.*}} ins(%[[X]], %[[HEAD]] : tensor<3x8xf32>, tensor<37x8xi8>)
// CHECK: %[[FACTOR:.+]] = linalg.broadcast ins(%[[SCALE]] : tensor<37xf32>) outs({{.*}}) dimensions = [0]
// CHECK: %[[Y:.+]] = arith.mulf %[[PRODUCT]], %[[FACTOR]] : tensor<3x37xf32>
// CHECK: return %[[Y]]
// HALF-LABEL: func.func @forward(
// HALF: tern.embedding %{{.+}} : tensor<37x8xf16>
// HALF: linalg.matmul {{.*}} : tensor<3x8xf32>, tensor<37x8xf16>)
// HALF-NOT: mulf

// Large tables are cut afterwards, and their scales with them.
// SHARDS-LABEL: func.func @forward(
// SHARDS: tern.embedding %{{.+}} scale %[[S0:.+]] : tensor<16x8xi8>
// SHARDS: tern.embedding %{{.+}} scale %[[S1:.+]] init %{{.+}} {offset = 16 : i64} : tensor<16x8xi8>
// SHARDS: %[[JOINED:.+]] = tensor.concat dim(1)
// SHARDS: arith.mulf %[[JOINED]], %{{.+}} : tensor<3x37xf32>
func.func @forward(%ids: tensor<3xi32>) -> (tensor<3x37xf32>, tensor<3x8xf32>) {
  %head = tern.get_param @head : tensor<37x8xf32>
  %table = tern.get_param @table : tensor<37x8xf32>
  %x = tern.embedding %head, %ids : tensor<37x8xf32>, tensor<3xi32> -> tensor<3x8xf32>
  %u = tern.embedding %table, %ids : tensor<37x8xf32>, tensor<3xi32> -> tensor<3x8xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x37xf32>) -> tensor<3x37xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %head : tensor<3x8xf32>, tensor<37x8xf32>) outs(%start : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %logits, %u : tensor<3x37xf32>, tensor<3x8xf32>
}

// Chunks take slices of both; in the gradient the left side is scaled.
// CHECK-LABEL: func.func @gradient(
// CHECK: %[[BYTES:.+]] = tensor.extract_slice %{{.+}}[16, 0] [16, 8] [1, 1] : tensor<37x8xi8> to tensor<16x8xi8>
// CHECK: %[[PART:.+]] = tensor.extract_slice %{{.+}}[16] [16] [1] : tensor<37xf32> to tensor<16xf32>
// CHECK: %[[FACTOR:.+]] = linalg.broadcast ins(%[[PART]] : tensor<16xf32>)
// CHECK: %[[LEFT:.+]] = arith.mulf %{{.+}}, %[[FACTOR]] : tensor<3x16xf32>
// CHECK: linalg.matmul ins(%[[LEFT]], %[[BYTES]] : tensor<3x16xf32>, tensor<16x8xi8>)
func.func @gradient(%g: tensor<3x16xf32>, %sum: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %head = tern.get_param @head : tensor<37x8xf32>
  %chunk = tensor.extract_slice %head[16, 0] [16, 8] [1, 1] : tensor<37x8xf32> to tensor<16x8xf32>
  %dx = linalg.matmul ins(%g, %chunk : tensor<3x16xf32>, tensor<16x8xf32>) outs(%sum : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %dx : tensor<3x8xf32>
}
