// RUN: sterna-opt %s --sterna-quantize-gradients | FileCheck %s --check-prefixes=CHECK,INT16
// RUN: sterna-opt %s --sterna-quantize-gradients=type=int8 | FileCheck %s --check-prefixes=CHECK,INT8

module {

// The device binary says how the model was compiled.
// INT16: module attributes {tern.gradients = i16}
// INT8: module attributes {tern.gradients = i8}

// Each product has a quantizer with the scale of its matrix, one or one a row,
// and with a seed of its own where rounding is stochastic.
// CHECK-LABEL: func.func @train_micro(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x16xf32> {tern.input = "dy"}
// INT16-NOT: rounding_seeds
// INT8-SAME: %[[SEEDS:.+]]: tensor<2xi32> {tern.input = "rounding_seeds"}
// INT8: %[[SEED:.+]] = tensor.extract_slice %[[SEEDS]][0] [1] [1]
// INT16: %[[Q:.+]], %[[T:.+]] = tern.quantize_gradient %[[X]], %[[S:.+]] : {{.+}} -> tensor<4x16xi16>, tensor<4xf32>
// INT8: %[[Q:.+]], %[[T:.+]] = tern.quantize_gradient %[[X]], %[[S:.+]] seed %[[SEED]] : {{.+}} -> tensor<4x16xi8>, tensor<4xf32>
// CHECK: %[[Y:.+]] = tern.quantized_matmul_transposed %[[Q]], %[[T]], %{{.+}} : {{.+}} -> tensor<4x8xf32>
// INT8: tensor.extract_slice %[[SEEDS]][1] [1] [1]
// CHECK: tern.quantize_gradient %[[Y]], {{.+}} : tensor<4x8xf32>, tensor<8xf32>
// CHECK-NOT: tern.matmul_transposed
func.func @train_micro(%dy: tensor<4x16xf32> {tern.input = "dy"}) -> tensor<4x32xf32> {
  %w = tern.get_param @w : tensor<16x8x!tern.trit>
  %s = tern.get_param @s : tensor<1xf32>
  %v = tern.get_param @v : tensor<8x32x!tern.trit>
  %r = tern.get_param @r : tensor<8xf32>
  %x = tern.matmul_transposed %dy, %w, %s : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  %y = tern.matmul_transposed %x, %v, %r : tensor<4x8xf32>, tensor<8x32x!tern.trit>, tensor<8xf32> -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// A function without such a product gets no input.
// CHECK-LABEL: func.func @eval(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<4xf32>) -> tensor<4xf32>
func.func @eval(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

tern.param @w : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
tern.param @v : tensor<8x32x!tern.trit> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>
tern.param @s : tensor<1xf32> from dense<0.5> : tensor<1xf32>
tern.param @r : tensor<8xf32> from dense<0.5> : tensor<8xf32>

}
