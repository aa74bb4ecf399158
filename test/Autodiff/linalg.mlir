// RUN: sterna-opt %s --sterna-differentiate=function=matmul \
// RUN:   --sterna-differentiate=function=frozen_narrow_weight \
// RUN:   --sterna-differentiate=function=broadcast \
// RUN:   --sterna-differentiate=function=transpose \
// RUN:   --sterna-differentiate=function=fill --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-DAG: #[[$MK:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$NK:.+]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[$KM:.+]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[$KN:.+]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[$MN:.+]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// dB = A^T * dY and dA = dY * B^T, read where they lie; what the product was
// added to gets the cotangent.
// CHECK-LABEL: func.func @matmul_vjp(
// CHECK-SAME: %[[A:.+]]: tensor<2x3xf64>, %[[B:.+]]: tensor<3x4xf64>, %[[C:.+]]: tensor<2x4xf64>
// CHECK: %[[DY:.+]] = arith.addf
// CHECK: %[[DB:.+]] = linalg.matmul indexing_maps = [#[[$KM]], #[[$KN]], #[[$MN]]] ins(%[[A]], %[[DY]] :
// CHECK: %[[DA:.+]] = linalg.matmul indexing_maps = [#[[$MK]], #[[$NK]], #[[$MN]]] ins(%[[DY]], %[[B]] :
// CHECK: return %{{.+}}, %[[DA]], %[[DB]], %[[DY]]
func.func @matmul(%a: tensor<2x3xf64>, %b: tensor<3x4xf64>, %c: tensor<2x4xf64>) -> tensor<f64> {
  %y = linalg.matmul ins(%a, %b : tensor<2x3xf64>, tensor<3x4xf64>) outs(%c : tensor<2x4xf64>) -> tensor<2x4xf64>
  %s = arith.mulf %y, %y : tensor<2x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @matmul_a_transposed(%a: tensor<3x2xf64>, %b: tensor<3x4xf64>) -> tensor<f64> {
  %c = arith.constant dense<0.0> : tensor<2x4xf64>
  %y = linalg.matmul indexing_maps = [#km, #kn, #mn]
      ins(%a, %b : tensor<3x2xf64>, tensor<3x4xf64>) outs(%c : tensor<2x4xf64>) -> tensor<2x4xf64>
  %s = arith.mulf %y, %y : tensor<2x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @matmul_b_transposed(%a: tensor<2x3xf64>, %b: tensor<4x3xf64>) -> tensor<f64> {
  %c = arith.constant dense<0.0> : tensor<2x4xf64>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%a, %b : tensor<2x3xf64>, tensor<4x3xf64>) outs(%c : tensor<2x4xf64>) -> tensor<2x4xf64>
  %s = arith.mulf %y, %y : tensor<2x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @matmul_both_transposed(%a: tensor<3x2xf64>, %b: tensor<4x3xf64>) -> tensor<f64> {
  %c = arith.constant dense<0.0> : tensor<2x4xf64>
  %y = linalg.matmul indexing_maps = [#km, #nk, #mn]
      ins(%a, %b : tensor<3x2xf64>, tensor<4x3xf64>) outs(%c : tensor<2x4xf64>) -> tensor<2x4xf64>
  %s = arith.mulf %y, %y : tensor<2x4xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x4xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A frozen narrow weight gets no gradient, and its product none in f16.
// CHECK-LABEL: func.func @frozen_narrow_weight_vjp(
// CHECK-COUNT-2: linalg.matmul
// CHECK-NOT: linalg.matmul
// CHECK: return
func.func @frozen_narrow_weight(%a: tensor<2x2xf64>) -> tensor<f64> {
  %w = arith.constant dense<[[1.0, 0.5], [-2.0, 0.25], [3.0, 1.0]]> : tensor<3x2xf32>
  %c = arith.constant dense<0.0> : tensor<2x3xf64>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%a, %w : tensor<2x2xf64>, tensor<3x2xf32>) outs(%c : tensor<2x3xf64>) -> tensor<2x3xf64>
  %s = arith.mulf %y, %y : tensor<2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Repetition and summation are each other's gradient; a sum starts anywhere.
// CHECK-LABEL: func.func @broadcast_vjp(
// CHECK: %[[D:.+]] = linalg.broadcast
// CHECK: %[[DX:.+]] = linalg.reduce { arith.addf } ins(%{{.+}} : tensor<2x3x4xf64>) outs(%{{.+}} : tensor<3xf64>) dimensions = [0, 2]
// CHECK: return %{{.+}}, %[[DX]], %{{.+}}
func.func @broadcast(%x: tensor<3xf64>, %start: tensor<f64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<2x3x4xf64>
  %b = linalg.broadcast ins(%x : tensor<3xf64>) outs(%e : tensor<2x3x4xf64>) dimensions = [0, 2]
  %s = arith.mulf %b, %b : tensor<2x3x4xf64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x3x4xf64>) outs(%start : tensor<f64>) dimensions = [0, 1, 2]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @transpose_vjp(
// CHECK: linalg.transpose {{.*}} permutation = [2, 0, 1]
// CHECK: linalg.transpose {{.*}} permutation = [1, 2, 0]
func.func @transpose(%x: tensor<2x3x4xf64>, %w: tensor<4x2x3xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<4x2x3xf64>
  %t = linalg.transpose ins(%x : tensor<2x3x4xf64>) outs(%e : tensor<4x2x3xf64>) permutation = [2, 0, 1]
  %s = arith.mulf %t, %w : tensor<4x2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<4x2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1, 2]
  return %r : tensor<f64>
}

// CHECK-LABEL: func.func @fill_vjp(
// CHECK: %[[SUM:.+]] = linalg.reduce
// CHECK: tensor.extract
func.func @fill(%x: tensor<2xf64>) -> tensor<f64> {
  %i = arith.constant 1 : index
  %v = tensor.extract %x[%i] : tensor<2xf64>
  %e = tensor.empty() : tensor<2xf64>
  %f = linalg.fill ins(%v : f64) outs(%e : tensor<2xf64>) -> tensor<2xf64>
  %s = arith.mulf %f, %x : tensor<2xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2xf64>) outs(%z : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}
