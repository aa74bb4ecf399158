// RUN: sterna-opt %s --sterna-place-temporaries=stack=256 | FileCheck %s
// RUN: not sterna-opt %S/Inputs/dynamic-temporary.mlir --sterna-place-temporaries 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// RUN: not sterna-opt %S/Inputs/calls-in-calls.mlir --sterna-place-temporaries 2>&1 | FileCheck %s --check-prefix=NESTED

// DYNAMIC: error: expected a temporary of static shape
// NESTED: error: expected a function that calls no other

// A small temporary inside a loop is one buffer on the stack, in the entry
// block, aligned to a cache line; nothing is freed.
// CHECK-LABEL: func.func @in_a_loop(
// CHECK-SAME: memref<0xi8> {llvm.noalias}) attributes {scratch_bytes = 0 : i64}
// CHECK-DAG: %[[T:.+]] = memref.alloca() {alignment = 64 : i64} : memref<32xf32>
// CHECK: scf.for
// CHECK-NOT: memref.alloc
// CHECK: memref.store %{{.+}}, %[[T]]
// CHECK-NOT: memref.dealloc
// CHECK: return
func.func @in_a_loop(%x: f32, %begin: index, %end: index) {
  %one = arith.constant 1 : index
  scf.for %i = %begin to %end step %one {
    %t = memref.alloc() : memref<32xf32>
    memref.store %x, %t[%i] : memref<32xf32>
    memref.dealloc %t : memref<32xf32>
  }
  return
}

// The largest go to scratch memory, whoever asked for a place on the stack; each
// begins at a cache line.
// CHECK-LABEL: func.func @beyond_the_stack(
// CHECK-SAME: %[[SCRATCH:[a-z0-9]+]]: memref<576xi8> {llvm.noalias}) attributes {scratch_bytes = 576 : i64}
// CHECK-DAG: %[[SMALL:.+]] = memref.alloca() {alignment = 64 : i64} : memref<60xf32>
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0 : index
// CHECK-DAG: %[[SECOND:.+]] = memref.view %[[SCRATCH]][%[[ZERO]]][] : memref<576xi8> to memref<8x16xi16>
// CHECK-DAG: %[[SHIFT:.+]] = arith.constant 256 : index
// CHECK-DAG: %[[FIRST:.+]] = memref.view %[[SCRATCH]][%[[SHIFT]]][] : memref<576xi8> to memref<65xi32>
// CHECK: memref.store %{{.+}}, %[[FIRST]]
// CHECK: memref.store %{{.+}}, %[[SMALL]]
// CHECK: memref.store %{{.+}}, %[[SECOND]]
func.func @beyond_the_stack(%x: f32, %y: i32, %z: i16, %i: index) {
  %a = memref.alloca() : memref<65xi32>
  %b = memref.alloc() : memref<60xf32>
  %c = memref.alloca() : memref<8x16xi16>
  memref.store %y, %a[%i] : memref<65xi32>
  memref.store %x, %b[%i] : memref<60xf32>
  memref.store %z, %c[%i, %i] : memref<8x16xi16>
  return
}

// The first op of the function is one of several.
// CHECK-LABEL: func.func @at_the_start(
// CHECK-DAG: %[[A:.+]] = memref.alloca() {alignment = 64 : i64} : memref<3xf32>
// CHECK-DAG: %[[B:.+]] = memref.alloca() {alignment = 64 : i64} : memref<2xf32>
// CHECK: memref.store %{{.+}}, %[[A]]
// CHECK: memref.store %{{.+}}, %[[B]]
func.func @at_the_start(%x: f32, %i: index) {
  %a = memref.alloc() : memref<3xf32>
  memref.store %x, %a[%i] : memref<3xf32>
  %b = memref.alloc() : memref<2xf32>
  memref.store %x, %b[%i] : memref<2xf32>
  return
}

// Functions that are called one after the other begin in the same memory, in
// front of what their caller keeps there itself.
// CHECK-LABEL: func.func @calls(
// CHECK-SAME: %[[SCRATCH:[a-z0-9]+]]: memref<832xi8> {llvm.noalias}) attributes {scratch_bytes = 832 : i64}
// CHECK: %[[SHIFT:.+]] = arith.constant 512 : index
// CHECK: %[[OWN:.+]] = memref.view %[[SCRATCH]][%[[SHIFT]]][] : memref<832xi8> to memref<65xi32>
// CHECK: %[[SMALL:.+]] = memref.view %[[SCRATCH]][%{{.+}}][] : memref<832xi8> to memref<0xi8>
// CHECK: call @leaf_without(%{{.+}}, %[[SMALL]])
// CHECK: memref.store %{{.+}}, %[[OWN]]
// CHECK: %[[ZERO:.+]] = arith.constant 0 : index
// CHECK: %[[LARGE:.+]] = memref.view %[[SCRATCH]][%[[ZERO]]][] : memref<832xi8> to memref<512xi8>
// CHECK: call @leaf_with(%{{.+}}, %[[LARGE]])
func.func @calls(%y: i32, %i: index) {
  %a = memref.alloca() : memref<65xi32>
  func.call @leaf_without(%i) : (index) -> ()
  memref.store %y, %a[%i] : memref<65xi32>
  func.call @leaf_with(%i) : (index) -> ()
  return
}

// CHECK: func.func private @leaf_with(%{{.+}}: index, %{{.+}}: memref<512xi8> {llvm.noalias}) attributes {scratch_bytes = 512 : i64}
func.func private @leaf_with(%i: index) {
  %one = arith.constant 1.0 : f32
  %a = memref.alloca() : memref<128xf32>
  memref.store %one, %a[%i] : memref<128xf32>
  return
}
func.func private @leaf_without(%i: index) {
  return
}
