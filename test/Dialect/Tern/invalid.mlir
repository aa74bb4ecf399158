// RUN: sterna-opt %s --split-input-file --verify-diagnostics

// A case for each numbered constraint of the op definitions.

// get_param_c1: the symbol is a parameter
func.func @get_param_c1() {
  // expected-error @+1 {{'tern.get_param' op expected @get_param_c1 to be a tern.param}}
  %w = tern.get_param @get_param_c1 : tensor<4x8x!tern.trit>
  return
}

// -----

// get_param_c2: another shape
// expected-note @+1 {{parameter declared here}}
tern.param @w : tensor<4x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
func.func @get_param_c2() {
  // expected-error @+1 {{'tern.get_param' op expected type 'tensor<4x8x!tern.trit>', but got 'tensor<8x4x!tern.trit>'}}
  %w = tern.get_param @w : tensor<8x4x!tern.trit>
  return
}

// -----

// get_param_c2_layout: a layout that the parameter does not have
// expected-note @+1 {{parameter declared here}}
tern.param @w : tensor<4x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
func.func @get_param_c2_layout() {
  // expected-error @+1 {{'tern.get_param' op expected type 'tensor<4x8x!tern.trit>', but got 'tensor<4x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>'}}
  %w = tern.get_param @w : tensor<4x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
  return
}

// -----

// linear_c1: inner dimensions
func.func @linear_c1(%x: tensor<4x9xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.linear' op expected inner dimensions to agree, but got 9 and 8}}
  %y = tern.linear %x, %w, %s : tensor<4x9xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return
}

// -----

// linear_c2: shape of the result
func.func @linear_c2(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.linear' op expected result of shape [4, 16], but got [16, 4]}}
  %y = tern.linear %x, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<16x4xf32>
  return
}

// -----

// linear_c3: neither one scale nor one a row
func.func @linear_c3(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<2xf32>) {
  // expected-error @+1 {{'tern.linear' op expected 1 or 16 scales, but got 2}}
  %y = tern.linear %x, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<2xf32> -> tensor<4x16xf32>
  return
}

// -----

// linear_c3_no_group: a scale per group, but no group
func.func @linear_c3_no_group(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.linear' op expected a group size with a scale per group}}
  %y = tern.linear %x, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// linear_c3_groups: the last group counts, though shorter
func.func @linear_c3_groups(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.linear' op expected scale of shape [16, 3], but got [16, 2]}}
  %y = tern.linear %x, %w, %s {group = 3 : i64} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// linear_c3_no_size: a group of nothing
func.func @linear_c3_no_size(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.linear' op expected a positive group size, but got 0}}
  %y = tern.linear %x, %w, %s {group = 0 : i64} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// quantize_c1: shape of the integers
func.func @quantize_c1(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{'tern.quantize' op expected quantized of shape [4, 8], but got [8, 4]}}
  %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<8x4xi8>, tensor<4xf32>
  return
}

// -----

// quantize_c2: a scale per row
func.func @quantize_c2(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{'tern.quantize' op expected scale of shape [4], but got [8]}}
  %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<8xf32>
  return
}

// -----

// matmul_c1: inner dimensions
func.func @matmul_c1(%x: tensor<4x9xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected inner dimensions to agree, but got 9 and 8}}
  %y = tern.matmul %x, %w, %s : tensor<4x9xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_c2: shape of the result
func.func @matmul_c2(%x: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected result of shape [4, 16], but got [16, 4]}}
  %y = tern.matmul %x, %w, %s : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<16x4xf32>
  return
}

// -----

// matmul_c3: neither one scale nor one a row
func.func @matmul_c3(%x: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<2xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected 1 or 16 scales, but got 2}}
  %y = tern.matmul %x, %w, %s : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<2xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_c3_no_group: a scale per group, but no group
func.func @matmul_c3_no_group(%x: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected a group size with a scale per group}}
  %y = tern.matmul %x, %w, %s : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_c3_groups: the last group counts, though shorter
func.func @matmul_c3_groups(%x: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected scale of shape [16, 3], but got [16, 2]}}
  %y = tern.matmul %x, %w, %s {group = 3 : i64} : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_c3_no_size: a group of nothing
func.func @matmul_c3_no_size(%x: tensor<4x8xi8>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) {
  // expected-error @+1 {{'tern.matmul' op expected a positive group size, but got 0}}
  %y = tern.matmul %x, %w, %s {group = 0 : i64} : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_transposed_c1: as wide as the weight has rows
func.func @matmul_transposed_c1(%dy: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.matmul_transposed' op expected lhs of shape [4, 16], but got [4, 8]}}
  %x = tern.matmul_transposed %dy, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  return
}

// -----

// matmul_transposed_c2: shape of the result
func.func @matmul_transposed_c2(%dy: tensor<4x16xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.matmul_transposed' op expected result of shape [4, 8], but got [4, 16]}}
  %x = tern.matmul_transposed %dy, %w, %s : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return
}

// -----

// matmul_transposed_c3: neither one scale nor one a row
func.func @matmul_transposed_c3(%dy: tensor<4x16xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<8xf32>) {
  // expected-error @+1 {{'tern.matmul_transposed' op expected 1 or 16 scales, but got 8}}
  %x = tern.matmul_transposed %dy, %w, %s : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<8xf32> -> tensor<4x8xf32>
  return
}

// -----

// quantize_gradient_c1: shape of the integers
func.func @quantize_gradient_c1(%dy: tensor<4x16xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.quantize_gradient' op expected quantized of shape [4, 16], but got [4, 8]}}
  %q, %t = tern.quantize_gradient %dy, %s : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x8xi16>, tensor<4xf32>
  return
}

// -----

// quantize_gradient_c2: one step a row
func.func @quantize_gradient_c2(%dy: tensor<4x16xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{'tern.quantize_gradient' op expected step of shape [4], but got [16]}}
  %q, %t = tern.quantize_gradient %dy, %s : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi16>, tensor<16xf32>
  return
}

// -----

// quantize_gradient_c3: neither one scale nor one a column
func.func @quantize_gradient_c3(%dy: tensor<4x16xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{'tern.quantize_gradient' op expected 1 or 16 scales, but got 4}}
  %q, %t = tern.quantize_gradient %dy, %s : tensor<4x16xf32>, tensor<4xf32> -> tensor<4x16xi16>, tensor<4xf32>
  return
}

// -----

// quantized_matmul_transposed_c1: as wide as the weight has rows
func.func @quantized_matmul_transposed_c1(%q: tensor<4x8xi16>, %t: tensor<4xf32>, %w: tensor<16x8x!tern.trit>) {
  // expected-error @+1 {{'tern.quantized_matmul_transposed' op expected lhs of shape [4, 16], but got [4, 8]}}
  %x = tern.quantized_matmul_transposed %q, %t, %w : tensor<4x8xi16>, tensor<4xf32>, tensor<16x8x!tern.trit> -> tensor<4x8xf32>
  return
}

// -----

// quantized_matmul_transposed_c2: one step a token
func.func @quantized_matmul_transposed_c2(%q: tensor<4x16xi16>, %t: tensor<16xf32>, %w: tensor<16x8x!tern.trit>) {
  // expected-error @+1 {{'tern.quantized_matmul_transposed' op expected step of shape [4], but got [16]}}
  %x = tern.quantized_matmul_transposed %q, %t, %w : tensor<4x16xi16>, tensor<16xf32>, tensor<16x8x!tern.trit> -> tensor<4x8xf32>
  return
}

// -----

// quantized_matmul_transposed_c3: shape of the result
func.func @quantized_matmul_transposed_c3(%q: tensor<4x16xi16>, %t: tensor<4xf32>, %w: tensor<16x8x!tern.trit>) {
  // expected-error @+1 {{'tern.quantized_matmul_transposed' op expected result of shape [4, 8], but got [4, 16]}}
  %x = tern.quantized_matmul_transposed %q, %t, %w : tensor<4x16xi16>, tensor<4xf32>, tensor<16x8x!tern.trit> -> tensor<4x16xf32>
  return
}

// -----

// quantized_matmul_transposed_c4: 65796 * 32639 is more than 2^31
func.func @quantized_matmul_transposed_c4(%q: tensor<4x65796xi16>, %t: tensor<4xf32>, %w: tensor<65796x8x!tern.trit>) {
  // expected-error @+1 {{'tern.quantized_matmul_transposed' op expected at most 65795 rows, whose sum fits 32 bits, but got 65796}}
  %x = tern.quantized_matmul_transposed %q, %t, %w : tensor<4x65796xi16>, tensor<4xf32>, tensor<65796x8x!tern.trit> -> tensor<4x8xf32>
  return
}

// -----

// unpack_c1: shape of the result
func.func @unpack_c1(%w: tensor<16x8x!tern.trit>) {
  // expected-error @+1 {{'tern.unpack' op expected result of shape [16, 8], but got [8, 16]}}
  %b = tern.unpack %w : tensor<16x8x!tern.trit> -> tensor<8x16xi8>
  return
}

// -----

// embedding_c1: a row per id
func.func @embedding_c1(%table: tensor<32x8xf16>, %ids: tensor<4xi32>) {
  // expected-error @+1 {{'tern.embedding' op expected result of shape [4, 8], but got [5, 8]}}
  %x = tern.embedding %table, %ids : tensor<32x8xf16>, tensor<4xi32> -> tensor<5x8xf32>
  return
}

// -----

// embedding_c2: the last row's id beyond 31 bits
func.func @embedding_c2(%table: tensor<32x8xf16>, %ids: tensor<4xi32>) {
  // expected-error @+1 {{'tern.embedding' op expected ids of at most 31 bits, but got rows 2147483617 to 2147483617 + 32}}
  %x = tern.embedding %table, %ids {offset = 2147483617 : i64} : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

// embedding_c2: negative
func.func @embedding_c2(%table: tensor<32x8xf16>, %ids: tensor<4xi32>) {
  // expected-error @+1 {{'tern.embedding' op expected ids of at most 31 bits, but got rows -1 to -1 + 32}}
  %x = tern.embedding %table, %ids {offset = -1 : i64} : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

// embedding_grad_c2: beyond 31 bits, as 64
func.func @embedding_grad_c2(%ids: tensor<4xi32>, %dy: tensor<4x8xf32>) {
  // expected-error @+1 {{'tern.embedding_grad' op expected ids of at most 31 bits, but got rows 4294967296 to 4294967296 + 32}}
  %d = tern.embedding_grad %ids, %dy {offset = 4294967296 : i64} : tensor<4xi32>, tensor<4x8xf32> -> tensor<32x8xf32>
  return
}

// -----

// embedding_c3: element type of the result
func.func @embedding_c3(%table: tensor<32x8xf16>, %ids: tensor<4xi32>, %init: tensor<4x8xf16>) {
  // expected-error @+1 {{'tern.embedding' op failed to verify that init has the type of result}}
  %x = "tern.embedding"(%table, %ids, %init) {operandSegmentSizes = array<i32: 1, 1, 0, 1>} : (tensor<32x8xf16>, tensor<4xi32>, tensor<4x8xf16>) -> tensor<4x8xf32>
  return
}

// -----

// embedding_c4: a scale per row
func.func @embedding_c4(%table: tensor<32x8xi8>, %ids: tensor<4xi32>, %s: tensor<8xf32>) {
  // expected-error @+1 {{'tern.embedding' op failed to verify that scale has one f32 a row of table}}
  %x = "tern.embedding"(%table, %ids, %s) {operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (tensor<32x8xi8>, tensor<4xi32>, tensor<8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// embedding_c5: bytes without a scale
func.func @embedding_c5(%table: tensor<32x8xi8>, %ids: tensor<4xi32>) {
  // expected-error @+1 {{'tern.embedding' op expected a scale with a table of i8 alone, but got none with 'tensor<32x8xi8>'}}
  %x = tern.embedding %table, %ids : tensor<32x8xi8>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

// embedding_c5: floats with a scale
func.func @embedding_c5(%table: tensor<32x8xf16>, %ids: tensor<4xi32>, %s: tensor<32xf32>) {
  // expected-error @+1 {{'tern.embedding' op expected a scale with a table of i8 alone, but got one with 'tensor<32x8xf16>'}}
  %x = tern.embedding %table, %ids scale %s : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

// embedding_c6: bytes of floats
func.func @embedding_c6(%table: tensor<32x8xf16>, %ids: tensor<4xi32>) {
  // expected-error @+1 {{'tern.embedding' op expected bytes of a table of i8, but got 'tensor<32x8xf16>'}}
  %x = tern.embedding %table, %ids : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xi8>
  return
}

// -----

// dequantize_c1: the type of the minimum
func.func @dequantize_c1(%codes: tensor<4x32xi8>, %s: tensor<4x2xf16>, %m: tensor<4x1xf16>) {
  // expected-error @+1 {{'tern.dequantize' op failed to verify that minimum has the type of scale}}
  %x = "tern.dequantize"(%codes, %s, %m) : (tensor<4x32xi8>, tensor<4x2xf16>, tensor<4x1xf16>) -> tensor<4x64xf32>
  return
}

// -----

// dequantize_c2: bytes of a block of 6 bits
func.func @dequantize_c2(%codes: tensor<4x32xi8>, %s: tensor<4x2xf16>) {
  // expected-error @+1 {{'tern.dequantize' op expected codes of shape [4, 48], but got [4, 32]}}
  %x = tern.dequantize %codes, %s : tensor<4x32xi8>, tensor<4x2xf16> -> tensor<4x64xf32>
  return
}

// -----

// dequantize_c2: columns of a block
func.func @dequantize_c2(%codes: tensor<4x48xi8>, %s: tensor<4x2xf16>) {
  // expected-error @+1 {{'tern.dequantize' op expected result of shape [4, 64], but got [4, 62]}}
  %x = tern.dequantize %codes, %s : tensor<4x48xi8>, tensor<4x2xf16> -> tensor<4x62xf32>
  return
}

// -----

// expected-error @+1 {{expected codes of 4 or 6 bits, but got 5}}
tern.param @blocks : tensor<2x40xi8> from #tern.blocks<of = <path = "m", offset = 0, storage = f32>, columns = 64, bits = 5, part = codes>

// -----

// expected-error @+1 {{expected blocks of 32 columns, but got 48 columns}}
tern.param @blocks : tensor<2x24xi8> from #tern.blocks<of = <path = "m", offset = 0, storage = f32>, columns = 48, bits = 4, part = codes>

// -----

// expected-error @+1 {{expected minimums of codes of 4 bits alone}}
tern.param @blocks : tensor<2x2xf16> from #tern.blocks<of = <path = "m", offset = 0, storage = f32>, columns = 64, bits = 6, part = minimums>

// -----

// embedding_grad_c1: a cotangent per id and column
func.func @embedding_grad_c1(%ids: tensor<4xi32>, %dy: tensor<4x8xf32>) {
  // expected-error @+1 {{'tern.embedding_grad' op expected cotangent of shape [4, 6], but got [4, 8]}}
  %d = tern.embedding_grad %ids, %dy : tensor<4xi32>, tensor<4x8xf32> -> tensor<16x6xf32>
  return
}

// -----

// panel: blocks of 16 or 20 columns
// expected-error @+1 {{expected panels of at least one row and blocks of 16 or 20 columns, but got 8 and 32}}
func.func private @panel(tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 32>>)

// -----

// rms_norm_c1: a weight per column
func.func @rms_norm_c1(%x: tensor<4x8xf32>, %g: tensor<4xf32>) {
  // expected-error @+1 {{'tern.rms_norm' op expected weight of shape [8], but got [4]}}
  %y = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// rms_norm_grad_c1: a weight per column
func.func @rms_norm_grad_c1(%x: tensor<4x8xf32>, %g: tensor<4xf32>, %dy: tensor<4x8xf32>) {
  // expected-error @+1 {{'tern.rms_norm_grad' op expected weight of shape [8], but got [4]}}
  %dx = tern.rms_norm_grad %x, %g, %dy {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// rope_c1: a table wider than half a head
func.func @rope_c1(%x: tensor<1x4x2x8xf32>, %cos: tensor<32x5xf32>, %sin: tensor<32x5xf32>, %pos: tensor<i32>) {
  // expected-error @+1 {{'tern.rope' op expected a table at most 4 wide, but got 5}}
  %y = tern.rope %x, %cos, %sin, %pos : tensor<1x4x2x8xf32>, tensor<32x5xf32>, tensor<i32>
  return
}

// -----

// rope_c2: a position for each token
func.func @rope_c2(%x: tensor<1x4x2x8xf32>, %cos: tensor<32x4xf32>, %sin: tensor<32x4xf32>, %pos: tensor<1x5xi32>) {
  // expected-error @+1 {{'tern.rope' op expected position of shape [1, 4], but got [1, 5]}}
  %y = tern.rope %x, %cos, %sin, %pos : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<1x5xi32>
  return
}

// -----

// cache_update_c1: other heads
func.func @cache_update_c1(%c: tensor<32x2x8xf32>, %u: tensor<4x3x8xf32>, %pos: tensor<i32>, %len: tensor<i32>) {
  // expected-error @+1 {{'tern.cache_update' op expected update of shape [4, 2, 8], but got [4, 3, 8]}}
  %c1 = tern.cache_update %c, %u, %pos, %len : tensor<32x2x8xf32>, tensor<4x3x8xf32>, tensor<i32>, tensor<i32>
  return
}

// -----

// cache_update_c2: floats for codes
func.func @cache_update_c2(%c: tensor<32x2x8xi8>, %u: tensor<4x2x8xf32>, %pos: tensor<i32>, %len: tensor<i32>) {
  // expected-error @+1 {{'tern.cache_update' op expected an update that 'i8' can hold, but got 'f32'}}
  %c1 = tern.cache_update %c, %u, %pos, %len : tensor<32x2x8xi8>, tensor<4x2x8xf32>, tensor<i32>, tensor<i32>
  return
}

// -----

// attention_c1: other heads
func.func @attention_c1(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x3x8xf32>, %v: tensor<1x6x3x8xf32>, %pos: tensor<i32>) {
  // expected-error @+1 {{'tern.attention' op expected key of shape [1, 6, 2, 8], but got [1, 6, 3, 8]}}
  %o = tern.attention %q, %k, %v, %pos : tensor<1x4x2x3x8xf32>, tensor<1x6x3x8xf32>, tensor<i32>
  return
}

// -----

// attention_grad_c1: another head dimension
func.func @attention_grad_c1(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x4xf32>, %v: tensor<1x6x2x4xf32>, %pos: tensor<i32>, %do: tensor<1x4x2x3x8xf32>) {
  // expected-error @+1 {{'tern.attention_grad' op expected key of shape [1, 6, 2, 8], but got [1, 6, 2, 4]}}
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %do : tensor<1x4x2x3x8xf32>, tensor<1x6x2x4xf32>, tensor<i32>
  return
}

// -----

// attention_c2: segments of tokens alone
func.func @attention_c2(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>, %s: tensor<1x4xi32>) {
  // expected-error @+1 {{'tern.attention' op expected segments of queries and of keys, or none}}
  %o = "tern.attention"(%q, %k, %v, %pos, %s) {operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0, 0>} : (tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>, tensor<1x4xi32>) -> tensor<1x4x2x3x8xf32>
  return
}

// -----

// attention_c3: segments of other columns
func.func @attention_c3(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>, %s: tensor<1x4xi32>) {
  // expected-error @+1 {{'tern.attention' op failed to verify that keySegments has one i32 a token of key}}
  %o = "tern.attention"(%q, %k, %v, %pos, %s, %s) {operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0, 0>} : (tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>, tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4x2x3x8xf32>
  return
}

// -----

// attention_c4: no column at all
func.func @attention_c4(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>) {
  // expected-error @+1 {{'tern.attention' op expected a positive window, but got 0}}
  %o = tern.attention %q, %k, %v, %pos {window = 0 : i64} : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  return
}

// -----

// attention_c5: codes without scales
func.func @attention_c5_none(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xi8>, %v: tensor<1x6x2x8xi8>, %pos: tensor<i32>) {
  // expected-error @+1 {{'tern.attention' op expected scales for keys and values of i8, and none for others}}
  %o = tern.attention %q, %k, %v, %pos : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xi8>, tensor<i32>
  return
}

// -----

// attention_c5: floats with scales
func.func @attention_c5_floats(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf16>, %v: tensor<1x6x2x8xf16>, %pos: tensor<i32>, %s: tensor<1x6x2xf32>) {
  // expected-error @+1 {{'tern.attention' op expected scales for keys and values of i8, and none for others}}
  %o = tern.attention %q, %k, %v, %pos scales %s, %s : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf16>, tensor<i32>
  return
}

// -----

// attention_c5: scales of other rows
func.func @attention_c5_rows(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xi8>, %v: tensor<1x6x2x8xi8>, %pos: tensor<i32>, %s: tensor<1x5x2xf32>) {
  // expected-error @+1 {{'tern.attention' op failed to verify that keyScales has one f32 a row of key}}
  %o = "tern.attention"(%q, %k, %v, %pos, %s, %s) {operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 1, 1>} : (tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xi8>, tensor<1x6x2x8xi8>, tensor<i32>, tensor<1x5x2xf32>, tensor<1x5x2xf32>) -> tensor<1x4x2x3x8xf32>
  return
}

// -----

// attention_grad_c4: a negative window
func.func @attention_grad_c4(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>, %do: tensor<1x4x2x3x8xf32>) {
  // expected-error @+1 {{'tern.attention_grad' op expected a positive window, but got -1}}
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %do {window = -1 : i64} : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  return
}

// -----

// cross_entropy_c1: a label per row
func.func @cross_entropy_c1(%x: tensor<4x32xf32>, %y: tensor<5xi32>) {
  // expected-error @+1 {{'tern.cross_entropy' op expected labels of shape [4], but got [5]}}
  %l = tern.cross_entropy %x, %y : tensor<4x32xf32>, tensor<5xi32> -> tensor<4xf32>
  return
}

// -----

// cross_entropy_c1_loss: a loss per row
func.func @cross_entropy_c1_loss(%x: tensor<4x32xf32>, %y: tensor<4xi32>) {
  // expected-error @+1 {{'tern.cross_entropy' op expected loss of shape [4], but got [32]}}
  %l = tern.cross_entropy %x, %y : tensor<4x32xf32>, tensor<4xi32> -> tensor<32xf32>
  return
}

// -----

// cross_entropy_grad_c1: a label per row
func.func @cross_entropy_grad_c1(%x: tensor<4x32xf32>, %y: tensor<5xi32>, %max: tensor<4xf32>, %sum: tensor<4xf32>, %g: tensor<4xf32>) {
  // expected-error @+1 {{'tern.cross_entropy_grad' op expected labels of shape [4], but got [5]}}
  %d = tern.cross_entropy_grad %x, %y, %max, %sum, %g {offset = 0 : i64} : tensor<4x32xf32>, tensor<5xi32>, tensor<4xf32>
  return
}

// -----

// cross_entropy_grad_c1_cotangent: a cotangent per row
func.func @cross_entropy_grad_c1_cotangent(%x: tensor<4x32xf32>, %y: tensor<4xi32>, %max: tensor<5xf32>, %sum: tensor<5xf32>, %g: tensor<5xf32>) {
  // expected-error @+1 {{'tern.cross_entropy_grad' op expected cotangent of shape [4], but got [5]}}
  %d = tern.cross_entropy_grad %x, %y, %max, %sum, %g {offset = 0 : i64} : tensor<4x32xf32>, tensor<4xi32>, tensor<5xf32>
  return
}

// -----

// softmax_statistics_c1: a label per row
func.func @softmax_statistics_c1(%x: tensor<4x32xf32>, %y: tensor<5xi32>, %m: tensor<4xf32>, %s: tensor<4xf32>, %t: tensor<4xf32>) {
  // expected-error @+1 {{'tern.softmax_statistics' op expected labels of shape [4], but got [5]}}
  %m1, %s1, %t1 = tern.softmax_statistics %x, %y, %m, %s, %t {offset = 0 : i64} : tensor<4x32xf32>, tensor<5xi32>, tensor<4xf32>
  return
}

// -----

// softmax_statistics_c1_maximum: statistics per row
func.func @softmax_statistics_c1_maximum(%x: tensor<4x32xf32>, %y: tensor<4xi32>, %m: tensor<5xf32>, %s: tensor<5xf32>, %t: tensor<5xf32>) {
  // expected-error @+1 {{'tern.softmax_statistics' op expected maximum of shape [4], but got [5]}}
  %m1, %s1, %t1 = tern.softmax_statistics %x, %y, %m, %s, %t {offset = 0 : i64} : tensor<4x32xf32>, tensor<4xi32>, tensor<5xf32>
  return
}

// -----

// blockwise_adamw_c1
func.func @blockwise_adamw_c1(%p: tensor<4x256xf32>, %m: tensor<4x255xi8>, %s: tensor<4xf32>, %x: tensor<f32>, %seed: tensor<1xi32>) {
  // expected-error @+1 {{'tern.blockwise_adamw' op expected moment1 of shape [4, 256], but got [4, 255]}}
  %r:5 = tern.blockwise_adamw %p, %p, %m, %s, %m, %s by %x, %x, %x, %x seed %seed guards %x : tensor<4x256xf32>, tensor<4x255xi8>, tensor<4xf32>
  return
}

// -----

// blockwise_adamw_c2
func.func @blockwise_adamw_c2(%p: tensor<4x256xf32>, %m: tensor<4x256xi8>, %s: tensor<5xf32>, %x: tensor<f32>, %seed: tensor<1xi32>) {
  // expected-error @+1 {{'tern.blockwise_adamw' op expected scale1 of shape [4], but got [5]}}
  %r:5 = tern.blockwise_adamw %p, %p, %m, %s, %m, %s by %x, %x, %x, %x seed %seed guards %x : tensor<4x256xf32>, tensor<4x256xi8>, tensor<5xf32>
  return
}

// -----

// blockwise_adamw_c3
func.func @blockwise_adamw_c3(%p: tensor<4x256xf32>, %m: tensor<4x256xi8>, %s: tensor<4xf32>, %x: tensor<f32>, %seed: tensor<1xi32>) {
  // expected-error @+1 {{'tern.blockwise_adamw' op expected a guard}}
  %r:5 = "tern.blockwise_adamw"(%p, %p, %m, %s, %m, %s, %x, %x, %x, %x, %seed) : (tensor<4x256xf32>, tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>, tensor<4x256xi8>, tensor<4xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<1xi32>) -> (tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>, tensor<4x256xi8>, tensor<4xf32>)
  return
}

// -----

// expected-error @+1 {{expected a group of 1 to 64 columns, but got 0}}
tern.param @scales : tensor<2xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 64, group = 0>

// -----

// expected-error @+1 {{expected a group of 1 to 64 columns, but got 65}}
tern.param @scales : tensor<2xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 64, group = 65>

// -----

// expected-error @+1 {{expected factors and their number, but got 2 of none}}
tern.param @scales : tensor<2xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 64, group = 64, numFactors = 2>

// -----

// expected-error @+1 {{expected factors and their number, but got 0 of some}}
tern.param @scales : tensor<2xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 64, group = 64, factors = <path = "m", offset = 0, storage = f32>>

// -----

// expected-error @+1 {{'tern.param' op expected 1 factor, 4 or 4 x 2, but got 2}}
tern.param @scales : tensor<4x2xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 64, group = 32, factors = <path = "m", offset = 0, storage = f32>, numFactors = 2>

// -----

// The product of rows and groups does not wrap.
// expected-error @+1 {{'tern.param' op expected 1 factor, 4611686018427387904 or 4611686018427387904 x 8, but got 16}}
tern.param @scales : tensor<4611686018427387904x8xf32> from #tern.ternary_scales<of = <path = "m", offset = 0, storage = f32>, columns = 256, group = 32, factors = <path = "m", offset = 0, storage = f32>, numFactors = 16>

// -----

// expected-error @+1 {{expected scales in a #tern.file without scales}}
tern.param @w : tensor<4x128xf32> from #tern.file<path = "m", offset = 0, storage = mlx_u2, scales = 4 : i64, group = 64>

// -----

// expected-error @+1 {{expected scales in a #tern.file without scales}}
tern.param @w : tensor<4x128xf32> from #tern.file<path = "m", offset = 0, storage = mlx_u2, scales = #tern.file<path = "m", offset = 0, storage = f32, scales = #tern.file<path = "m", offset = 0, storage = f32>, group = 2>, group = 64>

// -----

// expected-error @+1 {{expected scales and a group of columns, but got 0}}
tern.param @w : tensor<4x128xf32> from #tern.file<path = "m", offset = 0, storage = mlx_u2, scales = #tern.file<path = "m", offset = 0, storage = f32>>

// -----

// expected-error @+1 {{expected scales and a group of columns, but got 64 of no scales}}
tern.param @w : tensor<4x128xf32> from #tern.file<path = "m", offset = 0, storage = mlx_u2, group = 64>

// -----

// expected-error @below {{expected bits to be 0, 2 or 4, but got 3}}
tern.param @w : tensor<4x4xi8> from #tern.elements<path = "m", offset = 0, bits = 3>

// -----

// expected-error @+1 {{'tern.param' op expected scales of trits in a parameter of their own, but the source has some}}
tern.param @w : tensor<4x128x!tern.trit> from #tern.file<path = "m", offset = 0, storage = mlx_u2, scales = #tern.file<path = "m", offset = 0, storage = f32>, group = 64>

// -----

// expected-error @+1 {{expected an amplitude of f64, but got 2.000000e+00 : f32}}
tern.param @t : tensor<8x2xf32> from #tern.rope_table<frequencies = dense<[1.0, 0.01]> : tensor<2xf64>, sine = false, amplitude = 2.0 : f32>
