// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-make-freestanding))' | FileCheck %s

// Exponential and logarithm become polynomials.
// CHECK-LABEL: func.func @polynomials(
// CHECK-NOT: math.exp
// CHECK-NOT: math.log
// CHECK: math.fma
// CHECK: return
func.func @polynomials(%x: f32, %y: vector<8xf32>) -> (f32, vector<8xf32>) {
  %e = math.exp %x : f32
  %l = math.log %y : vector<8xf32>
  return %e, %l : f32, vector<8xf32>
}

// What the machine has as an instruction stays.
// CHECK-LABEL: func.func @instructions(
// CHECK-NEXT: math.sqrt
// CHECK-NEXT: math.roundeven
func.func @instructions(%x: f32) -> f32 {
  %s = math.sqrt %x : f32
  %r = math.roundeven %s : f32
  return %r : f32
}

// A copy becomes a loop, not a call of memcpy; one onto itself goes.
// CHECK-LABEL: func.func @copies(
// CHECK-SAME: %[[X:.+]]: memref<8xf32>, %[[Y:.+]]: memref<8xf32>
// CHECK-NEXT: linalg.generic {{.*}} ins(%[[X]] : memref<8xf32>) outs(%[[Y]] : memref<8xf32>)
// CHECK-NOT: memref.copy
// CHECK: return
func.func @copies(%x: memref<8xf32>, %y: memref<8xf32>) {
  memref.copy %x, %y : memref<8xf32> to memref<8xf32>
  memref.copy %y, %y : memref<8xf32> to memref<8xf32>
  return
}
