// RUN: sterna-opt %s --sterna-differentiate=function=fan_out \
// RUN:   --sterna-differentiate=function=unused --sterna-differentiate=function=frozen \
// RUN:   --sterna-differentiate=function=argument \
// RUN:   --sterna-differentiate=function=float_result --canonicalize --cse | FileCheck %s
// RUN: sterna-opt %s --sterna-differentiate=function=fan_out --mlir-print-debuginfo \
// RUN:   --mlir-print-local-scope | FileCheck %s --check-prefix=LOCATION
// RUN: %python %S/finite_differences.py %s

// A value with three uses gets the sum of three cotangents.
// CHECK-LABEL: func.func @fan_out_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>
// CHECK: %[[E:.+]] = math.exp %[[X]]
// CHECK: %[[COS:.+]] = math.cos
// CHECK: %[[SUM:.+]] = arith.addf %{{.+}}, %[[COS]]
// CHECK: %[[DX:.+]] = arith.mulf %[[SUM]], %[[E]]
// CHECK: return %{{.+}}, %[[DX]]
// New ops have the location of the op that they differentiate.
// LOCATION-LABEL: func.func @fan_out_vjp(
// LOCATION: math.exp %{{.+}} loc("{{[^"]+}}":[[LINE:[0-9]+]]:8)
// LOCATION: arith.mulf %{{.+}} loc("grad"("{{[^"]+}}":[[LINE]]:8))
func.func @fan_out(%x: tensor<f64>) -> tensor<f64> {
  %e = math.exp %x : tensor<f64>
  %s = math.sin %e : tensor<f64>
  %m = arith.mulf %e, %e : tensor<f64>
  %y = arith.addf %s, %m : tensor<f64>
  return %y : tensor<f64>
}

// Zeros for an argument without influence, also one that only feeds dead ops;
// no gradient of integers.
// CHECK-LABEL: func.func @unused_vjp(
// CHECK-SAME: -> (tensor<f64>, tensor<f64>, tensor<3xf64>, tensor<f64>)
// CHECK-DAG: %[[ZERO:.+]] = arith.constant dense<0.0{{.*}}> : tensor<f64>
// CHECK-DAG: %[[ZEROS:.+]] = arith.constant dense<0.0{{.*}}> : tensor<3xf64>
// CHECK: return %{{.+}}, %{{.+}}, %[[ZEROS]], %[[ZERO]]
func.func @unused(%x: tensor<f64>, %u: tensor<3xf64>, %i: tensor<2xi32>, %d: tensor<f64>) -> tensor<f64> {
  %dead = math.exp %d : tensor<f64>
  %dead2 = arith.mulf %dead, %x : tensor<f64>
  %y = math.sin %x : tensor<f64>
  return %y : tensor<f64>
}

// Ops that no argument reaches need no rule and get no gradient.
// CHECK-LABEL: func.func @frozen_vjp(
// CHECK: %[[F:.+]] = math.floor
// CHECK: return %{{.+}}, %[[F]]
func.func @frozen(%x: tensor<f64>, %i: tensor<i32>) -> tensor<f64> {
  %c = arith.sitofp %i : tensor<i32> to tensor<f64>
  %f = math.floor %c : tensor<f64>
  %y = arith.mulf %x, %f : tensor<f64>
  return %y : tensor<f64>
}

// The result is an argument.
// CHECK-LABEL: func.func @argument_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>
// CHECK: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: return %[[X]], %[[ONE]]
func.func @argument(%x: tensor<f64>) -> tensor<f64> {
  return %x : tensor<f64>
}

// A float result, and a float argument, which gets no gradient.
// CHECK-LABEL: func.func @float_result_vjp(
// CHECK-SAME: -> (f64, tensor<2xf64>)
func.func @float_result(%x: tensor<2xf64>, %s: f64) -> f64 {
  %i = arith.constant 1 : index
  %e = tensor.extract %x[%i] : tensor<2xf64>
  %y = arith.mulf %e, %s : f64
  return %y : f64
}
