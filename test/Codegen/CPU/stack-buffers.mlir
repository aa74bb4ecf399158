// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-stack-buffers))' | FileCheck %s
// RUN: not sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-stack-buffers{limit=100}))' 2>&1 | FileCheck %s --check-prefix=LIMIT
// RUN: not sterna-opt %S/Inputs/dynamic-temporary.mlir --pass-pipeline='builtin.module(func.func(sterna-stack-buffers))' 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// LIMIT: error: expected temporaries of at most 100 bytes, but got 128
// DYNAMIC: error: expected a temporary of static shape

// A temporary inside a loop is one buffer in the entry block, aligned to a
// cache line; nothing is freed.
// CHECK-LABEL: func.func @in_a_loop(
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
