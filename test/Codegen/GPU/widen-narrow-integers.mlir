// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-widen-narrow-integers))' | FileCheck %s

// Divisions, shifts and comparisons see the sign of bytes, or none.
// CHECK-LABEL: func.func @operands(
// CHECK: %[[A:.+]] = arith.extsi %arg0 : i8 to i32
// CHECK: %[[B:.+]] = arith.extsi %arg1 : i8 to i32
// CHECK: %[[Q:.+]] = arith.divsi %[[A]], %[[B]] : i32
// CHECK: arith.trunci %[[Q]] : i32 to i8
// CHECK: %[[C:.+]] = arith.extui %arg0 : i8 to i32
// CHECK: %[[D:.+]] = arith.extui %arg1 : i8 to i32
// CHECK: arith.shrui %[[C]], %[[D]] : i32
// CHECK: arith.cmpi ult, %{{.+}}, %{{.+}} : i32
// CHECK: arith.cmpi sge, %{{.+}}, %{{.+}} : i32
func.func @operands(%x: i8, %y: i8) -> (i8, i8, i1, i1) {
  %q = arith.divsi %x, %y : i8
  %s = arith.shrui %x, %y : i8
  %u = arith.cmpi ult, %x, %y : i8
  %g = arith.cmpi sge, %x, %y : i8
  return %q, %s, %u, %g : i8, i8, i1, i1
}

// What is above the bits makes no difference.
// CHECK-LABEL: func.func @sums(
// CHECK: arith.addi %arg0, %arg1 : i16
// CHECK: arith.muli %arg0, %arg1 : i16
func.func @sums(%x: i16, %y: i16) -> (i16, i16) {
  %a = arith.addi %x, %y : i16
  %m = arith.muli %x, %y : i16
  return %a, %m : i16, i16
}

// CHECK-LABEL: func.func @floats(
// CHECK: %[[S:.+]] = arith.extsi %arg0 : i8 to i32
// CHECK: arith.sitofp %[[S]] : i32 to f32
// CHECK: %[[W:.+]] = arith.fptoui %arg1 : f32 to i32
// CHECK: arith.trunci %[[W]] : i32 to i8
func.func @floats(%x: i8, %y: f32) -> (f32, i8) {
  %f = arith.sitofp %x : i8 to f32
  %n = arith.fptoui %y : f32 to i8
  return %f, %n : f32, i8
}
