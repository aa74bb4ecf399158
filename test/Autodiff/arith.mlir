// RUN: sterna-opt %s --sterna-differentiate=function=addf \
// RUN:   --sterna-differentiate=function=subf --sterna-differentiate=function=mulf \
// RUN:   --sterna-differentiate=function=divf --sterna-differentiate=function=negf \
// RUN:   --sterna-differentiate=function=maximumf --sterna-differentiate=function=minnumf \
// RUN:   --sterna-differentiate=function=select --sterna-differentiate=function=truncf \
// RUN:   --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// The cotangent reaches both operands as it is.
// CHECK-LABEL: func.func @addf_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>, %[[Y:.+]]: tensor<f64>
// CHECK: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: %[[Z:.+]] = arith.addf %[[X]], %[[Y]]
// CHECK: return %[[Z]], %[[ONE]], %[[ONE]]
func.func @addf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.addf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// CHECK-LABEL: func.func @subf_vjp(
// CHECK-DAG: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK-DAG: %[[MINUS:.+]] = arith.constant dense<-1.0
// CHECK: return %{{.+}}, %[[ONE]], %[[MINUS]]
func.func @subf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.subf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// Each operand gets the other.
// CHECK-LABEL: func.func @mulf_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>, %[[Y:.+]]: tensor<f64>
// CHECK: %[[Z:.+]] = arith.mulf %[[X]], %[[Y]]
// CHECK: return %[[Z]], %[[Y]], %[[X]]
func.func @mulf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.mulf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// CHECK-LABEL: func.func @divf_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>, %[[Y:.+]]: tensor<f64>
// CHECK: %[[Z:.+]] = arith.divf %[[X]], %[[Y]]
// CHECK: %[[DX:.+]] = arith.divf %{{.+}}, %[[Y]]
// CHECK: %[[P:.+]] = arith.mulf %[[DX]], %[[Z]]
// CHECK: %[[DY:.+]] = arith.negf %[[P]]
// CHECK: return %[[Z]], %[[DX]], %[[DY]]
// RANGE y 0.5 2
func.func @divf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.divf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// CHECK-LABEL: func.func @negf_vjp(
// CHECK: %[[MINUS:.+]] = arith.constant dense<-1.0
// CHECK: return %{{.+}}, %[[MINUS]]
func.func @negf(%x: tensor<f64>) -> tensor<f64> {
  %z = arith.negf %x : tensor<f64>
  return %z : tensor<f64>
}

// The operand that the result is gets the cotangent, a half of it where the
// other is as well; special_values.py has the cases.
// CHECK-LABEL: func.func @maximumf_vjp(
// CHECK-SAME: %[[X:.+]]: tensor<f64>, %[[Y:.+]]: tensor<f64>
// CHECK-DAG: %[[HALF:.+]] = arith.constant dense<5.0
// CHECK-DAG: %[[ZERO:.+]] = arith.constant dense<0.0
// CHECK-DAG: %[[ONE:.+]] = arith.constant dense<1.0
// CHECK: %[[Z:.+]] = arith.maximumf %[[X]], %[[Y]]
// CHECK: arith.cmpf oeq, %[[X]], %[[Z]]
// CHECK: %[[ISX:.+]] = arith.ori
// CHECK: arith.cmpf oeq, %[[Y]], %[[Z]]
// CHECK: %[[ISY:.+]] = arith.ori
// CHECK: %[[SHARE:.+]] = arith.select %[[ISY]], %[[HALF]], %[[ONE]]
// CHECK: %[[DX:.+]] = arith.select %[[ISX]], %[[SHARE]], %[[ZERO]]
// CHECK: return %[[Z]], %[[DX]], %{{.+}}
func.func @maximumf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.maximumf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

func.func @maxnumf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.maxnumf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

func.func @minimumf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.minimumf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// CHECK-LABEL: func.func @minnumf_vjp(
// CHECK: %[[Z:.+]] = arith.minnumf
// CHECK: arith.cmpf oeq, %{{.+}}, %[[Z]]
func.func @minnumf(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = arith.minnumf %x, %y : tensor<f64>
  return %z : tensor<f64>
}

// The condition has no cotangent; the derivative of a comparison is zero.
// CHECK-LABEL: func.func @select_vjp(
// CHECK: %[[C:.+]] = arith.cmpf olt
// CHECK: arith.select %[[C]],
// CHECK: %[[DX:.+]] = arith.select %[[C]], %[[ONE:.+]], %[[ZERO:[^ ]+]] :
// CHECK: %[[DY:.+]] = arith.select %[[C]], %[[ZERO]], %[[ONE]] :
// CHECK: return %{{.+}}, %[[DX]], %[[DY]]
func.func @select(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %c = arith.cmpf olt, %x, %y : tensor<f64>
  %z = arith.select %c, %x, %y : tensor<i1>, tensor<f64>
  return %z : tensor<f64>
}

// The cotangent of a narrowed value is widened; the steps must be seen in f32.
// CHECK-LABEL: func.func @truncf_vjp(
// CHECK: arith.extf
// CHECK: %[[D:.+]] = arith.extf %{{.+}} : tensor<f32> to tensor<f64>
// CHECK: return %{{.+}}, %[[D]]
// STEP 1e-2
// TOLERANCE 1e-3
func.func @truncf(%x: tensor<f64>) -> tensor<f64> {
  %t = arith.truncf %x : tensor<f64> to tensor<f32>
  %s = arith.mulf %t, %t : tensor<f32>
  %z = arith.extf %s : tensor<f32> to tensor<f64>
  return %z : tensor<f64>
}

// Scalars inside: a uniform condition, and floats out of tensors.
func.func @scalars(%x: tensor<2xf64>, %y: tensor<2xf64>) -> f64 {
  %i = arith.constant 1 : index
  %a = tensor.extract %x[%i] : tensor<2xf64>
  %b = tensor.extract %y[%i] : tensor<2xf64>
  %c = arith.cmpf olt, %a, %b : f64
  %s = arith.select %c, %x, %y : tensor<2xf64>
  %j = arith.constant 0 : index
  %e = tensor.extract %s[%j] : tensor<2xf64>
  %m = arith.mulf %e, %a : f64
  %z = arith.divf %m, %b : f64
  return %z : f64
}
