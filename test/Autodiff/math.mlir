// RUN: sterna-opt %s --sterna-differentiate=function=exp \
// RUN:   --sterna-differentiate=function=log --sterna-differentiate=function=sqrt \
// RUN:   --sterna-differentiate=function=rsqrt --sterna-differentiate=function=tanh \
// RUN:   --sterna-differentiate=function=sin --sterna-differentiate=function=cos \
// RUN:   --sterna-differentiate=function=absf --sterna-differentiate=function=powf \
// RUN:   --sterna-differentiate=function=erf --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// The result is its own derivative: nothing further is computed.
// CHECK-LABEL: func.func @exp_vjp(
// CHECK: %[[Y:.+]] = math.exp
// CHECK-NEXT: return %[[Y]], %[[Y]]
func.func @exp(%x: tensor<f64>) -> tensor<f64> {
  %y = math.exp %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @log_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>
// CHECK: %[[DX:.+]] = arith.divf %{{.+}}, %[[X]]
// CHECK: return %{{.+}}, %[[DX]]
// RANGE x 0.5 2
func.func @log(%x: tensor<f64>) -> tensor<f64> {
  %y = math.log %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @sqrt_vjp(
// CHECK: %[[HALF:.+]] = arith.constant dense<5.0
// CHECK: %[[Y:.+]] = math.sqrt
// CHECK: %[[DX:.+]] = arith.divf %[[HALF]], %[[Y]]
// CHECK: return %[[Y]], %[[DX]]
// RANGE x 0.5 2
func.func @sqrt(%x: tensor<f64>) -> tensor<f64> {
  %y = math.sqrt %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @rsqrt_vjp(
// CHECK: %[[Y:.+]] = math.rsqrt
// CHECK: %[[SQUARE:.+]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[CUBE:.+]] = arith.mulf %[[Y]], %[[SQUARE]]
// CHECK: arith.mulf %[[CUBE]], %{{.+}}
// RANGE x 0.5 2
func.func @rsqrt(%x: tensor<f64>) -> tensor<f64> {
  %y = math.rsqrt %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @tanh_vjp(
// CHECK: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: %[[Y:.+]] = math.tanh
// CHECK: %[[SQUARE:.+]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[DX:.+]] = arith.subf %[[ONE]], %[[SQUARE]]
// CHECK: return %[[Y]], %[[DX]]
func.func @tanh(%x: tensor<f64>) -> tensor<f64> {
  %y = math.tanh %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @sin_vjp(
// CHECK: %[[DX:.+]] = math.cos
// CHECK: return %{{.+}}, %[[DX]]
func.func @sin(%x: tensor<f64>) -> tensor<f64> {
  %y = math.sin %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @cos_vjp(
// CHECK: %[[SIN:.+]] = math.sin
// CHECK: %[[DX:.+]] = arith.negf %[[SIN]]
// CHECK: return %{{.+}}, %[[DX]]
func.func @cos(%x: tensor<f64>) -> tensor<f64> {
  %y = math.cos %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @absf_vjp(
// CHECK: %[[NEGATIVE:.+]] = arith.cmpf olt
// CHECK: %[[POSITIVE:.+]] = arith.cmpf ogt
// CHECK: %[[ELSE:.+]] = arith.select %[[NEGATIVE]]
// CHECK: %[[DX:.+]] = arith.select %[[POSITIVE]], %{{.+}}, %[[ELSE]]
// CHECK: return %{{.+}}, %[[DX]]
func.func @absf(%x: tensor<f64>) -> tensor<f64> {
  %y = math.absf %x : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @powf_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>, %[[P:.+]]: tensor<f64>
// CHECK: %[[Y:.+]] = math.powf %[[X]], %[[P]]
// CHECK: math.powf %[[X]],
// CHECK: %[[DX:.+]] = arith.select
// CHECK: %[[LOG:.+]] = math.log %[[X]]
// CHECK: arith.mulf %[[Y]], %[[LOG]]
// CHECK: %[[DP:.+]] = arith.select
// CHECK: return %[[Y]], %[[DX]], %[[DP]]
// RANGE x 0.5 2
// RANGE p 1 3
func.func @powf(%x: tensor<f64>, %p: tensor<f64>) -> tensor<f64> {
  %y = math.powf %x, %p : tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: func.func @erf_vjp(
// CHECK: math.exp
func.func @erf(%x: tensor<f64>) -> tensor<f64> {
  %y = math.erf %x : tensor<f64>
  return %y : tensor<f64>
}

// A square at zero: the power's own derivative there is not a number times 0.
// RANGE x 0 0
func.func @square_at_zero(%x: tensor<f64>) -> tensor<f64> {
  %two = arith.constant dense<2.0> : tensor<f64>
  %y = math.powf %x, %two : tensor<f64>
  return %y : tensor<f64>
}

// RANGE x -0.5 2
func.func @log1p(%x: tensor<f64>) -> tensor<f64> {
  %y = math.log1p %x : tensor<f64>
  return %y : tensor<f64>
}

// RANGE x -0.9 0.9
func.func @inverse_angles(%x: tensor<f64>) -> tensor<f64> {
  %a = math.asin %x : tensor<f64>
  %b = math.acos %x : tensor<f64>
  %c = math.atan %x : tensor<f64>
  %p = arith.mulf %a, %c : tensor<f64>
  %y = arith.subf %p, %b : tensor<f64>
  return %y : tensor<f64>
}
