// RUN: sterna-opt %s --sterna-shard-params=max-bytes=256 --split-input-file --verify-diagnostics
// RUN: not sterna-opt %s --sterna-shard-params=max-bytes=8 --split-input-file 2>&1 | FileCheck %s --check-prefix=ROW
// RUN: not sterna-opt %s --sterna-shard-params=max-bytes=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=NONE

// An embedding is cut by rows, of 16 bytes here.
// ROW: error: reads 592 bytes of parameter 'table' at once, but a binding spans at most 8
// NONE: error: expected a binding range of at least one byte, but got max-bytes=0
tern.param @table : tensor<37x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

func.func @embedding(%ids: tensor<3xi32>) -> tensor<3x8xf32> {
  %table = tern.get_param @table : tensor<37x8xf16>
  %x = tern.embedding %table, %ids : tensor<37x8xf16>, tensor<3xi32> -> tensor<3x8xf32>
  return %x : tensor<3x8xf32>
}

// -----

tern.param @table : tensor<37x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

// Elementwise ops read the whole.
func.func @elementwise() -> tensor<37x8xf16> {
  %table = tern.get_param @table : tensor<37x8xf16>
  // expected-error @+1 {{reads 592 bytes of parameter 'table' at once, but a binding spans at most 256; expected an embedding table or head, which can be cut into ranges of rows}}
  %x = arith.negf %table : tensor<37x8xf16>
  return %x : tensor<37x8xf16>
}

// -----

tern.param @table : tensor<37x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

// A slice of columns is not a view.
func.func @columns() -> tensor<37x4xf16> {
  %table = tern.get_param @table : tensor<37x8xf16>
  // expected-error @+1 {{reads 592 bytes of parameter 'table' at once, but a binding spans at most 256; expected an embedding table or head, which can be cut into ranges of rows}}
  %x = tensor.extract_slice %table[0, 0] [37, 4] [1, 1] : tensor<37x8xf16> to tensor<37x4xf16>
  return %x : tensor<37x4xf16>
}

// -----

tern.param @square : tensor<17x17xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

// Both factors of a product.
func.func @both() -> tensor<17x17xf32> {
  %w = tern.get_param @square : tensor<17x17xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<17x17xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<17x17xf32>) -> tensor<17x17xf32>
  // expected-error @+1 {{reads 1156 bytes of parameter 'square' at once, but a binding spans at most 256; expected an embedding table or head, which can be cut into ranges of rows}}
  %x = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%w, %w : tensor<17x17xf32>, tensor<17x17xf32>) outs(%start : tensor<17x17xf32>) -> tensor<17x17xf32>
  return %x : tensor<17x17xf32>
}

// -----

// Panels of a ternary matrix are not cut.
tern.param @w : tensor<64x32x!tern.trit, #tern.panel<rows = 8, columns = 16>> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>

func.func @ternary(%x: tensor<4x32xf32>, %s: tensor<1xf32>) -> tensor<4x64xf32> {
  %w = tern.get_param @w : tensor<64x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>
  // expected-error @+1 {{reads 512 bytes of parameter 'w' at once, but a binding spans at most 256; expected an embedding table or head, which can be cut into ranges of rows}}
  %y = tern.matmul %x, %w, %s : tensor<4x32xf32>, tensor<64x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// Without a layout the bytes are not known.
tern.param @w : tensor<64x32x!tern.trit> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>

func.func @no_layout(%x: tensor<4x32xf32>, %s: tensor<1xf32>) -> tensor<4x64xf32> {
  // expected-error @+1 {{expected parameter 'w' to have a static shape and, if ternary, a layout (see --sterna-assign-layouts), but got 'tensor<64x32x!tern.trit>'}}
  %w = tern.get_param @w : tensor<64x32x!tern.trit>
  %y = tern.matmul %x, %w, %s : tensor<4x32xf32>, tensor<64x32x!tern.trit>, tensor<1xf32> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// The pieces of a product need their shapes.
tern.param @table : tensor<37x8xf16> from #tern.file<path = "m.gguf", offset = 64, storage = f16>

func.func @dynamic(%x: tensor<?x8xf32>, %n: index) -> tensor<?x37xf32> {
  %table = tern.get_param @table : tensor<37x8xf16>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%n) : tensor<?x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x37xf32>) -> tensor<?x37xf32>
  // expected-error @+1 {{reads 592 bytes of parameter 'table' at once, but a binding spans at most 256; expected an embedding table or head, which can be cut into ranges of rows}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %table : tensor<?x8xf32>, tensor<37x8xf16>) outs(%start : tensor<?x37xf32>) -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}
