// RUN: sterna-opt %s --sterna-differentiate=function=shapes \
// RUN:   --sterna-differentiate=function=slices --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// A reshape goes back.
// CHECK-LABEL: func.func @shapes_vjp(
// CHECK: tensor.expand_shape {{.*}} into tensor<2x3x4xf64>
// CHECK: tensor.collapse_shape {{.*}} into tensor<2x12xf64>
// CHECK: tensor.expand_shape {{.*}} into tensor<2x3x4xf64>
// CHECK: %[[DX:.+]] = tensor.collapse_shape {{.*}} into tensor<6x4xf64>
// CHECK: return %{{.+}}, %[[DX]], %{{.+}}
func.func @shapes(%x: tensor<6x4xf64>, %w: tensor<2x12xf64>) -> tensor<f64> {
  %e = tensor.expand_shape %x [[0, 1], [2]] output_shape [2, 3, 4] : tensor<6x4xf64> into tensor<2x3x4xf64>
  %q = math.sin %e : tensor<2x3x4xf64>
  %c = tensor.collapse_shape %q [[0], [1, 2]] : tensor<2x3x4xf64> into tensor<2x12xf64>
  %s = arith.mulf %c, %w : tensor<2x12xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x12xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A slice's cotangent stands among zeros; what a slice replaced gets zeros
// there.
// CHECK-LABEL: func.func @slices_vjp(
// CHECK: %[[DX:.+]] = tensor.extract_slice %[[D:.+]][1, 0] [1, 3] [1, 1] : tensor<3x3xf64> to tensor<3xf64>
// CHECK: %[[DD:.+]] = tensor.insert_slice %{{.+}} into %[[D]][1, 0] [1, 3] [1, 1]
// CHECK: %[[DS:.+]] = tensor.insert_slice %{{.+}} into %{{.+}}[0, 1] [3, 1] [1, 2]
func.func @slices(%x: tensor<3x4xf64>, %d: tensor<3x3xf64>) -> tensor<f64> {
  %a = tensor.extract_slice %x[0, 1] [3, 1] [1, 2] : tensor<3x4xf64> to tensor<3xf64>
  %q = math.exp %a : tensor<3xf64>
  %i = tensor.insert_slice %q into %d[1, 0] [1, 3] [1, 1] : tensor<3xf64> into tensor<3x3xf64>
  %s = arith.mulf %i, %i : tensor<3x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<3x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A part's cotangent is its slice, though it stand there twice.
func.func @parts(%x: tensor<2x3xf64>, %y: tensor<2x1xf64>, %w: tensor<2x7xf64>) -> tensor<f64> {
  %e = math.exp %x : tensor<2x3xf64>
  %c = tensor.concat dim(1) %e, %y, %e : (tensor<2x3xf64>, tensor<2x1xf64>, tensor<2x3xf64>) -> tensor<2x7xf64>
  %q = arith.mulf %c, %c : tensor<2x7xf64>
  %s = arith.mulf %q, %w : tensor<2x7xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x7xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Single elements out of a tensor and into others.
func.func @elements(%x: tensor<2x3xf64>) -> tensor<f64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a = tensor.extract %x[%c1, %c2] : tensor<2x3xf64>
  %b = tensor.extract %x[%c0, %c1] : tensor<2x3xf64>
  %t = tensor.from_elements %a, %b, %b, %a, %b, %a : tensor<2x3xf64>
  %p = tensor.splat %b : tensor<2x3xf64>
  %m = arith.mulf %t, %x : tensor<2x3xf64>
  %s = arith.mulf %m, %p : tensor<2x3xf64>
  %z = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%s : tensor<2x3xf64>) outs(%z : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}
