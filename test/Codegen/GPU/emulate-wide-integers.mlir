// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-emulate-wide-integers))' | FileCheck %s
// RUN: not sterna-opt %S/Inputs/wide-division.mlir --pass-pipeline='builtin.module(func.func(sterna-emulate-wide-integers))' 2>&1 | FileCheck %s --check-prefix=DIVISION

// DIVISION: error: failed to legalize operation 'arith.divsi'

// A sum over a loop is a pair of words, carried on.
// CHECK-LABEL: func.func @sum(
// CHECK-NOT: i64
// CHECK: scf.for {{.+}} -> (vector<2xi32>)
// CHECK: arith.addui_extended
// CHECK: scf.yield %{{.+}} : vector<2xi32>
// CHECK-NOT: i64
// CHECK: return
func.func @sum(%x: memref<8xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %s = scf.for %i = %c0 to %n step %c1 iter_args(%old = %zero) -> (i64) {
    %v = memref.load %x[%i] : memref<8xi32>
    %w = arith.extsi %v : i32 to i64
    %new = arith.addi %old, %w : i64
    scf.yield %new : i64
  }
  %low = arith.trunci %s : i64 to i32
  memref.store %low, %x[%c0] : memref<8xi32>
  return
}
