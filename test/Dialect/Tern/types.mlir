// RUN: sterna-opt %s --verify-roundtrip | FileCheck %s
// RUN: sterna-opt %s | sterna-opt | FileCheck %s

// The element type and its packed layout.
// CHECK-LABEL: func.func private @trits(
// CHECK-SAME: !tern.trit,
// CHECK-SAME: tensor<6912x2560x!tern.trit>,
// CHECK-SAME: tensor<768x3072x!tern.trit, #tern.panel<rows = 8, columns = 16>>)
func.func private @trits(!tern.trit, tensor<6912x2560x!tern.trit>,
    tensor<768x3072x!tern.trit, #tern.panel<rows = 8, columns = 16>>)

// Every way to store a parameter.
// CHECK: tern.param @f32 : tensor<2x3xf32> from #tern.file<path = "m.gguf", offset = 0, storage = f32>
tern.param @f32 : tensor<2x3xf32> from #tern.file<path = "m.gguf", offset = 0, storage = f32>
// CHECK: storage = f16>
tern.param @f16 : tensor<2x3xf16> from #tern.file<path = "m.gguf", offset = 32, storage = f16>
// CHECK: storage = bf16>
tern.param @bf16 : tensor<2x3xbf16> from #tern.file<path = "m.gguf", offset = 64, storage = bf16>
// CHECK: storage = q8_0>
tern.param @q8_0 : tensor<2x32xf16> from #tern.file<path = "m.gguf", offset = 96, storage = q8_0>
// CHECK: storage = tq1_0>
tern.param @tq1_0 : tensor<1x256x!tern.trit> from #tern.file<path = "m.gguf", offset = 128, storage = tq1_0>
// CHECK: storage = tq2_0>
tern.param @tq2_0 : tensor<1x256x!tern.trit> from #tern.file<path = "m.gguf", offset = 160, storage = tq2_0>

// CHECK: storage = q4_0>
tern.param @q4_0 : tensor<1x32xf32> from #tern.file<path = "m.gguf", offset = 192, storage = q4_0>
// CHECK: storage = q4_k>
tern.param @q4_k : tensor<1x256xf32> from #tern.file<path = "m.gguf", offset = 224, storage = q4_k>
// CHECK: storage = q5_k>
tern.param @q5_k : tensor<1x256xf32> from #tern.file<path = "m.gguf", offset = 384, storage = q5_k>
// CHECK: storage = q6_k>
tern.param @q6_k : tensor<1x256xf32> from #tern.file<path = "m.gguf", offset = 576, storage = q6_k>
// CHECK: storage = q2_0>
tern.param @q2_0 : tensor<1x64x!tern.trit> from #tern.file<path = "m.gguf", offset = 800, storage = q2_0>
// CHECK: storage = pq2_0>
tern.param @pq2_0 : tensor<1x128x!tern.trit> from #tern.file<path = "m.gguf", offset = 832, storage = pq2_0>
// CHECK: storage = ptq1_0>
tern.param @ptq1_0 : tensor<1x128x!tern.trit> from #tern.file<path = "m.gguf", offset = 896, storage = ptq1_0>
// CHECK: storage = stq1_0>
tern.param @stq1_0 : tensor<1x256x!tern.trit> from #tern.file<path = "m.gguf", offset = 928, storage = stq1_0>
// CHECK: storage = i2_s>
tern.param @i2_s : tensor<4x96x!tern.trit> from #tern.file<path = "m.gguf", offset = 992, storage = i2_s>
// CHECK: storage = i2_s_arm>
tern.param @i2_s_arm : tensor<2x96x!tern.trit> from #tern.file<path = "m.gguf", offset = 1120, storage = i2_s_arm>
// CHECK: storage = bitnet_u8>
tern.param @bitnet_u8 : tensor<4x8x!tern.trit> from #tern.file<path = "m.safetensors", offset = 64, storage = bitnet_u8>
// CHECK: storage = mlx_u2>
tern.param @mlx_u2 : tensor<2x16x!tern.trit> from #tern.file<path = "m.safetensors", offset = 72, storage = mlx_u2>
// CHECK: storage = f32_columns>
tern.param @f32_columns : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = f32_columns>
// CHECK: storage = f16_columns>
tern.param @f16_columns : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = f16_columns>
// CHECK: storage = bf16_columns>
tern.param @bf16_columns : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = bf16_columns>
// CHECK: storage = i8>
tern.param @i8 : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = i8>
// CHECK: storage = i4>
tern.param @i4 : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = i4>
// CHECK: storage = i2>
tern.param @i2 : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = i2>
// CHECK: storage = i8_columns>
tern.param @i8_columns : tensor<2x16x!tern.trit> from #tern.file<path = "m.onnx", offset = 72, storage = i8_columns>

// Elements as in memory, and integers of less than a byte.
// CHECK: from #tern.elements<path = "m.onnx", offset = 64>
tern.param @elements : tensor<4x4xf32> from #tern.elements<path = "m.onnx", offset = 64>
// CHECK: from #tern.elements<path = "m.onnx", offset = 64, bits = 2, isUnsigned = true>
tern.param @packed : tensor<4x4xi8> from #tern.elements<path = "m.onnx", offset = 64, bits = 2, isUnsigned = true>

// Scales, with factors of their own.
// CHECK: tern.param @scales : tensor<4x2xf32> from #tern.ternary_scales<of = <path = "m.gguf", offset = 160, storage = tq2_0>, columns = 512, group = 256, factors = <path = "m.gguf", offset = 0, storage = f32>, numFactors = 4>
tern.param @scales : tensor<4x2xf32> from #tern.ternary_scales<of = <path = "m.gguf", offset = 160, storage = tq2_0>, columns = 512, group = 256, factors = <path = "m.gguf", offset = 0, storage = f32>, numFactors = 4>

// Scales that a file has of its own: a factor for each row and group.
// CHECK: tern.param @matrix : tensor<4x2xf32> from #tern.ternary_scales<of = <path = "m.safetensors", offset = 160, storage = mlx_u2>, columns = 128, group = 64, factors = <path = "m.safetensors", offset = 0, storage = bf16>, numFactors = 8>
tern.param @matrix : tensor<4x2xf32> from #tern.ternary_scales<of = <path = "m.safetensors", offset = 160, storage = mlx_u2>, columns = 128, group = 64, factors = <path = "m.safetensors", offset = 0, storage = bf16>, numFactors = 8>

// What is not the default is printed.
// CHECK: tern.param @latent : tensor<4x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 192, storage = f32, quantize = true, interleavedHeads = 2>
tern.param @latent : tensor<4x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 192, storage = f32, quantize = true, interleavedHeads = 2>

// Tables of rotary embedding, to the last digit.
// CHECK: tern.param @cosine : tensor<32x4xf32> from #tern.rope_table<frequencies = dense<[1.000000e+00, 0.33333333333333331, 1.000000e-02, 1.000000e-03]> : tensor<4xf64>, sine = false>
tern.param @cosine : tensor<32x4xf32> from #tern.rope_table<frequencies = dense<[1.0, 0.33333333333333331, 0.01, 0.001]> : tensor<4xf64>, sine = false>

// A table of trits whose scales lie elsewhere.
// CHECK: tern.param @table : tensor<4x128xbf16> from #tern.file<path = "m.safetensors", offset = 160, storage = mlx_u2, scales = #tern.file<path = "m.safetensors", offset = 0, storage = bf16>, group = 64>
tern.param @table : tensor<4x128xbf16> from #tern.file<path = "m.safetensors", offset = 160, storage = mlx_u2, scales = #tern.file<path = "m.safetensors", offset = 0, storage = bf16>, group = 64>

// What rotated pairs are multiplied by.
// CHECK: sine = false, amplitude = 1.125000e+00 : f64>
tern.param @louder : tensor<8x2xf32> from #tern.rope_table<frequencies = dense<[1.0, 0.01]> : tensor<2xf64>, sine = false, amplitude = 1.125 : f64>

// A linear whose input is a norm of its own.
// CHECK: #tern.role<layer = 3, projection = q_proj, normed = true>
func.func private @role() attributes {role = #tern.role<layer = 3, projection = q_proj, normed = true>}
