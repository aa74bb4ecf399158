// RUN: sterna-opt %s --emit-bytecode -o %t.mlirbc
// RUN: sterna-opt %t.mlirbc | FileCheck %s
// RUN: sterna-opt %t.mlirbc --emit-bytecode | sterna-opt | FileCheck %s

// Parameters, layouts and properties survive bytecode.
// CHECK: tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>
tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
    from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>

// CHECK-LABEL: func.func @linear(
// CHECK: %[[W:.+]] = tern.get_param @w
// CHECK: tern.linear %{{.+}}, %[[W]], %{{.+}} {group = 4 : i64, int8_activations}
func.func @linear(%x: tensor<4x8xf32>, %s: tensor<16x2xf32>) -> tensor<4x16xf32> {
  %w = tern.get_param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
  %y = tern.linear %x, %w, %s {group = 4 : i64, int8_activations}
      : tensor<4x8xf32>, tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<16x2xf32>
      -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// CHECK-LABEL: func.func @embedding(
// CHECK: tern.embedding %{{.+}}, %{{.+}} init %{{.+}} {offset = 32 : i64}
func.func @embedding(%shard: tensor<16x8xf16>, %ids: tensor<4xi32>, %x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = tern.embedding %shard, %ids init %x {offset = 32 : i64}
      : tensor<16x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
