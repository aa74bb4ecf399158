// Where a differentiated value only selects, activity stops: the results are
// piecewise constant in it.
// RUN: sterna-opt %s --sterna-differentiate=function=threshold \
// RUN:   --sterna-differentiate=function=masks --sterna-differentiate=function=bits \
// RUN:   --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// CHECK-LABEL: func.func @threshold_vjp(
// CHECK-DAG: %[[ZERO:.+]] = arith.constant dense<0.0
// CHECK-DAG: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: %[[C:.+]] = arith.cmpf ogt
// CHECK: %[[DX:.+]] = arith.select %[[C]], %[[ONE]], %[[ZERO]]
// CHECK: return %{{.+}}, %[[DX]], %[[ZERO]]
func.func @threshold(%x: tensor<f64>, %t: tensor<f64>) -> tensor<f64> {
  %0 = arith.constant dense<0.0> : tensor<f64>
  %c = arith.cmpf ogt, %x, %t : tensor<f64>
  %y = arith.select %c, %x, %0 : tensor<i1>, tensor<f64>
  return %y : tensor<f64>
}

// What is computed from masks is a mask.
// CHECK-LABEL: func.func @masks_vjp(
// CHECK: %[[C:.+]] = arith.andi
// CHECK: arith.select %[[C]],
func.func @masks(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %0 = arith.constant dense<0.0> : tensor<f64>
  %a = arith.cmpf ogt, %x, %0 : tensor<f64>
  %b = arith.cmpf olt, %y, %x : tensor<f64>
  %c = arith.andi %a, %b : tensor<i1>
  %p = arith.mulf %x, %y : tensor<f64>
  %z = arith.select %c, %p, %y : tensor<i1>, tensor<f64>
  return %z : tensor<f64>
}

// Bits may select as well, and what does not reach the result need not have a
// rule.
// CHECK-LABEL: func.func @bits_vjp(
// CHECK: arith.cmpi slt
func.func @bits(%x: tensor<f64>) -> tensor<f64> {
  %0 = arith.constant dense<0> : tensor<i64>
  %b = arith.bitcast %x : tensor<f64> to tensor<i64>
  %unused = arith.sitofp %b : tensor<i64> to tensor<f64>
  %negative = arith.cmpi slt, %b, %0 : tensor<i64>
  %n = arith.negf %x : tensor<f64>
  %y = arith.select %negative, %n, %x : tensor<i1>, tensor<f64>
  return %y : tensor<f64>
}

// The sign of a value selects; its magnitude does not.
func.func @copysign(%x: tensor<f64>, %s: tensor<f64>) -> tensor<f64> {
  %y = math.copysign %x, %s : tensor<f64>
  %z = arith.mulf %y, %x : tensor<f64>
  return %z : tensor<f64>
}
