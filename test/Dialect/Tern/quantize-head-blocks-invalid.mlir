// RUN: sterna-opt %s --sterna-quantize-head=type=q4 --split-input-file --verify-diagnostics

// expected-error @+1 {{expected type=q4 to get a table of a multiple of 32 columns, but 'head' has 8; choose model, f16 or int8}}
tern.param @head : tensor<37x8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

func.func @narrow(%g: tensor<3x37xf32>, %sum: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %head = tern.get_param @head : tensor<37x8xf32>
  %dx = linalg.matmul ins(%g, %head : tensor<3x37xf32>, tensor<37x8xf32>) outs(%sum : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %dx : tensor<3x8xf32>
}

// -----

tern.param @head : tensor<37x64xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

// An embedding of a shard would lose what it starts from.
func.func @shard(%ids: tensor<3xi32>, %init: tensor<3x64xf32>, %g: tensor<3x37xf32>) -> (tensor<3x64xf32>, tensor<3x64xf32>) {
  %head = tern.get_param @head : tensor<37x64xf32>
  // expected-error @+1 {{into blocks, by embeddings of a whole table into f32}}
  %x = tern.embedding %head, %ids init %init {offset = 16 : i64} : tensor<37x64xf32>, tensor<3xi32> -> tensor<3x64xf32>
  %y = linalg.matmul ins(%g, %head : tensor<3x37xf32>, tensor<37x64xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %x, %y : tensor<3x64xf32>, tensor<3x64xf32>
}
