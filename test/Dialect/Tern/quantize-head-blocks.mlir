// RUN: sterna-opt %s --sterna-quantize-head=type=q4 | FileCheck %s
// RUN: sterna-opt %s --sterna-quantize-head=type=q6 | FileCheck %s --check-prefix=SIX
// RUN: sterna-opt %s --sterna-quantize-head=type=q4 | sterna-opt --sterna-quantize-head=type=q4 | FileCheck %s
// RUN: sterna-opt %s --sterna-quantize-head=type=q4 --sterna-shard-params=max-bytes=600 | FileCheck %s --check-prefix=SHARDS

// Blocks of 32 columns with codes of 4 bits, or of 6.

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// CHECK: tern.param @head : tensor<37x32xi8> from #tern.blocks<of = <path = "m.gguf", offset = 64, storage = q8_0>, columns = 64, bits = 4, part = codes>
// CHECK-DAG: tern.param @head.scale : tensor<37x2xf16> from #tern.blocks<{{.*}}, part = scales>
// CHECK-DAG: tern.param @head.minimum : tensor<37x2xf16> from #tern.blocks<{{.*}}, part = minimums>
// SIX: tern.param @head : tensor<37x48xi8> from #tern.blocks<{{.*}} bits = 6, part = codes>
// SIX: tern.param @head.scale : tensor<37x2xf16>
// SIX-NOT: minimum
tern.param @head : tensor<37x64xf32> from #tern.file<path = "m.gguf", offset = 64, storage = q8_0>

// A tied embedding reads rows of codes and factors; the product reads floats
// that its kernel makes.
// CHECK-LABEL: func.func @forward(
// CHECK: %[[CODES:.+]] = tern.get_param @head : tensor<37x32xi8>
// CHECK: %[[SCALE:.+]] = tern.get_param @head.scale
// CHECK: %[[MINIMUM:.+]] = tern.get_param @head.minimum
// CHECK: %[[C:.+]] = tern.embedding %[[CODES]], %{{.+}} : tensor<37x32xi8>, tensor<3xi32> -> tensor<3x32xi8>
// CHECK: %[[S:.+]] = tern.embedding %[[SCALE]], %{{.+}} -> tensor<3x2xf16>
// CHECK: %[[M:.+]] = tern.embedding %[[MINIMUM]], %{{.+}} -> tensor<3x2xf16>
// CHECK: %[[X:.+]] = tern.dequantize %[[C]], %[[S]] minimum %[[M]]
// CHECK: %[[W:.+]] = tern.dequantize %[[CODES]], %[[SCALE]] minimum %[[MINIMUM]] : {{.*}} -> tensor<37x64xf32>
// CHECK: %[[Y:.+]] = linalg.matmul {{.*}} ins(%[[X]], %[[W]]
// CHECK: return %[[Y]]

// Large tables are cut.
// SHARDS-LABEL: func.func @forward(
// SHARDS: tern.embedding %{{.+}} : tensor<16x32xi8>
// SHARDS: tern.embedding %{{.+}} init %{{.+}} {offset = 16 : i64} : tensor<16x32xi8>
// SHARDS: linalg.matmul {{.*}} : tensor<3x64xf32>, tensor<16x64xf32>)
// SHARDS: linalg.matmul {{.*}} : tensor<3x64xf32>, tensor<5x64xf32>)
// SHARDS: tensor.concat dim(1)
func.func @forward(%ids: tensor<3xi32>) -> tensor<3x37xf32> {
  %head = tern.get_param @head : tensor<37x64xf32>
  %x = tern.embedding %head, %ids : tensor<37x64xf32>, tensor<3xi32> -> tensor<3x64xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x37xf32>) -> tensor<3x37xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %head : tensor<3x64xf32>, tensor<37x64xf32>) outs(%start : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %logits : tensor<3x37xf32>
}

// CHECK-LABEL: func.func @gradient(
// CHECK: %[[CODES:.+]] = tensor.extract_slice %{{.+}}[16, 0] [16, 32] [1, 1] : tensor<37x32xi8> to tensor<16x32xi8>
// CHECK: %[[SCALE:.+]] = tensor.extract_slice %{{.+}}[16, 0] [16, 2] [1, 1]
// CHECK: %[[MINIMUM:.+]] = tensor.extract_slice %{{.+}}[16, 0] [16, 2] [1, 1]
// CHECK: %[[W:.+]] = tern.dequantize %[[CODES]], %[[SCALE]] minimum %[[MINIMUM]]
// CHECK: linalg.matmul ins(%{{.+}}, %[[W]] : tensor<3x16xf32>, tensor<16x64xf32>)
func.func @gradient(%g: tensor<3x16xf32>, %sum: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %head = tern.get_param @head : tensor<37x64xf32>
  %chunk = tensor.extract_slice %head[16, 0] [16, 64] [1, 1] : tensor<37x64xf32> to tensor<16x64xf32>
  %dx = linalg.matmul ins(%g, %chunk : tensor<3x16xf32>, tensor<16x64xf32>) outs(%sum : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %dx : tensor<3x64xf32>
}
