// RUN: sterna-opt %s --sterna-decompose --one-shot-bufferize | FileCheck %s

// Scores are replaced in place: bufferization finds one buffer of 6 columns by
// 4 tokens for attention, and two for its gradient.

// CHECK-LABEL: func.func @attention(
// CHECK-COUNT-1: memref.alloc() {{.*}} : memref<1x2x3x4x6xf32>
// CHECK-NOT: memref<1x2x3x4x6xf32>{{$}}
// CHECK: return
func.func @attention(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>) -> tensor<1x4x2x3x8xf32> {
  %o = tern.attention %q, %k, %v, %pos : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  return %o : tensor<1x4x2x3x8xf32>
}

// CHECK-LABEL: func.func @attention_grad(
// CHECK-COUNT-2: memref.alloc() {{.*}} : memref<1x2x3x4x6xf32>
// CHECK-NOT: memref<1x2x3x4x6xf32>{{$}}
// CHECK: return
func.func @attention_grad(%q: tensor<1x4x2x3x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x6x2x8xf32>, %pos: tensor<i32>, %do: tensor<1x4x2x3x8xf32>) -> (tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>) {
  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %do : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
  return %dq, %dk, %dv : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<1x6x2x8xf32>
}
