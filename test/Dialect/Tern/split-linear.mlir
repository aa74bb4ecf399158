// RUN: sterna-opt %s --sterna-split-linear --cse | FileCheck %s

// With quantized activations the product is scaled back by each token's scale.
// CHECK-LABEL: func.func @int8(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32>, %[[W:.+]]: tensor<16x8x!tern.trit>, %[[S:.+]]: tensor<1xf32>
// CHECK: %[[Q:.+]], %[[T:.+]] = tern.quantize %[[X]]
// CHECK: %[[P:.+]] = tern.matmul %[[Q]], %[[W]], %[[S]] : tensor<4x8xi8>
// CHECK: %[[B:.+]] = linalg.broadcast ins(%[[T]] : tensor<4xf32>) {{.*}} dimensions = [1]
// CHECK: %[[Y:.+]] = arith.mulf %[[P]], %[[B]]
// CHECK: return %[[Y]]
func.func @int8(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) -> tensor<4x16xf32> {
  %y = tern.linear %x, %w, %s {int8_activations} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// Without, it is the product alone; the group stays.
// CHECK-LABEL: func.func @float_groups(
// CHECK-NEXT: %[[Y:.+]] = tern.matmul %{{.+}}, %{{.+}}, %{{.+}} {group = 4 : i64} : tensor<4x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @float_groups(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<16x2xf32>) -> tensor<4x16xf32> {
  %y = tern.linear %x, %w, %s {group = 4 : i64} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// Linears that read one value share its quantizer.
// CHECK-LABEL: func.func @shared_input(
// CHECK: %[[Q:.+]], %{{.+}} = tern.quantize
// CHECK-NOT: tern.quantize
// CHECK: tern.matmul %[[Q]],
// CHECK: tern.matmul %[[Q]],
func.func @shared_input(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %v: tensor<8x8x!tern.trit>, %s: tensor<1xf32>)
    -> (tensor<4x16xf32>, tensor<4x8xf32>) {
  %y = tern.linear %x, %w, %s {int8_activations} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  %z = tern.linear %x, %v, %s {int8_activations} : tensor<4x8xf32>, tensor<8x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
  return %y, %z : tensor<4x16xf32>, tensor<4x8xf32>
}
