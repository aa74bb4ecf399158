// RUN: sterna-opt %s --sterna-quantize-head --split-input-file --verify-diagnostics
// RUN: not sterna-opt %s --sterna-quantize-head=type=int4 --split-input-file 2>&1 | FileCheck %s

// CHECK: error: expected type=f16, int8, q6 or q4, but got type=int4
tern.param @head : tensor<37x8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

// Elementwise ops know nothing of scales.
func.func @elementwise(%g: tensor<3x37xf32>, %sum: tensor<3x8xf32>) -> (tensor<3x8xf32>, tensor<37x8xf32>) {
  %head = tern.get_param @head : tensor<37x8xf32>
  %dx = linalg.matmul ins(%g, %head : tensor<3x37xf32>, tensor<37x8xf32>) outs(%sum : tensor<3x8xf32>) -> tensor<3x8xf32>
  // expected-error @+1 {{expected the table 'head' to be read by embeddings, products and ranges of whole rows alone, as --sterna-quantize-head can change them}}
  %x = arith.negf %head : tensor<37x8xf32>
  return %dx, %x : tensor<3x8xf32>, tensor<37x8xf32>
}

// -----

tern.param @head : tensor<37x8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

// A product that adds to something cannot be scaled as a whole.
func.func @accumulated(%x: tensor<3x8xf32>, %sum: tensor<3x37xf32>) -> tensor<3x37xf32> {
  %head = tern.get_param @head : tensor<37x8xf32>
  // expected-error @+1 {{expected the table 'head' to be read by}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %head : tensor<3x8xf32>, tensor<37x8xf32>) outs(%sum : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %y : tensor<3x37xf32>
}
