// RUN: sterna-opt %s --sterna-differentiate=function=elementwise \
// RUN:   --sterna-differentiate=function=weighted_sum \
// RUN:   --sterna-differentiate=function=convolution \
// RUN:   --sterna-differentiate=function=largest_product \
// RUN:   --canonicalize --cse | FileCheck %s
// RUN: %python %S/finite_differences.py %s

// The rule of linalg ops in general, by the rules of the scalars in their
// bodies. Functions without checks are for the finite differences.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#swap = affine_map<(i, j) -> (j, i)>
#none = affine_map<(i, j) -> ()>
#diagonal = affine_map<(i, j) -> (i, i)>
#sum = affine_map<(i, j) -> (i + j)>
#half = affine_map<(i, j) -> (i, j floordiv 2)>
#first = affine_map<(i, j) -> (0, j)>
// CHECK-DAG: #[[$ID:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$COLUMN:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$SUM:.+]] = affine_map<(d0, d1) -> (d0 + d1)>

// An operand that a loop does not index is a sum over that loop.
// CHECK-LABEL: func.func @elementwise_vjp(
// CHECK: linalg.generic
// CHECK: linalg.yield
// CHECK: %[[DX:.+]] = linalg.generic {indexing_maps = [{{.*}}#[[$ID]]], iterator_types = ["parallel", "parallel"]}
// CHECK: math.cos
// CHECK: %[[DY:.+]] = linalg.generic {indexing_maps = [{{.*}}#[[$ROW]]], iterator_types = ["parallel", "reduction"]}
// CHECK: return %{{.+}}, %[[DX]], %[[DY]]
func.func @elementwise(%x: tensor<2x3xf64>, %y: tensor<2xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<2x3xf64>
  %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<2x3xf64>, tensor<2xf64>) outs(%e : tensor<2x3xf64>) {
  ^bb0(%a: f64, %b: f64, %old: f64):
    %s = math.sin %a : f64
    %p = arith.mulf %s, %b : f64
    linalg.yield %p : f64
  } -> tensor<2x3xf64>
  %sq = arith.mulf %z, %z : tensor<2x3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x3xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Each term of a sum gets its cotangent, and so does what it starts from.
// CHECK-LABEL: func.func @weighted_sum_vjp(
// CHECK: %[[C:.+]] = arith.addf %{{[^ ]+}}, %{{[^ ]+}} : tensor<2xf64>
// CHECK: %[[DX:.+]] = linalg.generic {indexing_maps = [{{.*}}#[[$ROW]], #[[$ID]]], iterator_types = ["parallel", "parallel"]}
// CHECK: %[[DW:.+]] = linalg.generic {indexing_maps = [{{.*}}#[[$ROW]], #[[$COLUMN]]], iterator_types = ["reduction", "parallel"]}
// CHECK: return %{{.+}}, %[[DX]], %[[DW]], %[[C]]
func.func @weighted_sum(%x: tensor<2x3xf64>, %w: tensor<3xf64>, %c: tensor<2xf64>) -> tensor<f64> {
  %z = linalg.generic {indexing_maps = [#id, #column, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<2x3xf64>, tensor<3xf64>) outs(%c : tensor<2xf64>) {
  ^bb0(%a: f64, %b: f64, %sum: f64):
    %p = arith.mulf %a, %b : f64
    %s = arith.addf %sum, %p : f64
    linalg.yield %s : f64
  } -> tensor<2xf64>
  %sq = arith.mulf %z, %z : tensor<2xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// Elements that many iterations read, at a sum of loops.
// CHECK-LABEL: func.func @convolution_vjp(
// CHECK: linalg.generic {indexing_maps = [{{.*}}#[[$SUM]]], iterator_types = ["reduction", "reduction"]}
func.func @convolution(%x: tensor<6xf64>, %w: tensor<3xf64>) -> tensor<f64> {
  %c = arith.constant dense<0.5> : tensor<4xf64>
  %z = linalg.generic {indexing_maps = [#sum, #column, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<6xf64>, tensor<3xf64>) outs(%c : tensor<4xf64>) {
  ^bb0(%a: f64, %b: f64, %sum: f64):
    %p = arith.mulf %a, %b : f64
    %s = arith.addf %p, %sum : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %sq = arith.mulf %z, %z : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// Terms that the maximum is are counted first.
// CHECK-LABEL: func.func @largest_product_vjp(
// CHECK: %[[Y:.+]] = linalg.generic
// CHECK: arith.maximumf
// CHECK: %[[COUNT:.+]] = linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]}
// CHECK: %[[SHARE:.+]] = arith.divf %{{.+}}, %[[COUNT]]
// CHECK: linalg.generic {{.*}} ins({{.*}}%[[SHARE]], %[[Y]] :
func.func @largest_product(%x: tensor<4x3xf64>, %w: tensor<3xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %z = linalg.generic {indexing_maps = [#id, #column, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<4x3xf64>, tensor<3xf64>) outs(%c : tensor<4xf64>) {
  ^bb0(%a: f64, %b: f64, %m: f64):
    %p = arith.mulf %a, %b : f64
    %s = arith.maximumf %m, %p : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %sq = arith.mulf %z, %z : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// The value before, where no loop is a reduction.
func.func @old_value(%x: tensor<2x3xf64>, %c: tensor<2x3xf64>) -> tensor<f64> {
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf64>) outs(%c : tensor<2x3xf64>) {
  ^bb0(%a: f64, %old: f64):
    %p = arith.mulf %a, %old : f64
    %q = arith.addf %p, %old : f64
    linalg.yield %q : f64
  } -> tensor<2x3xf64>
  %sq = arith.mulf %z, %z : tensor<2x3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x3xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @transposed_and_diagonal(%x: tensor<3x3xf64>, %y: tensor<3x3xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<3x3xf64>
  %z = linalg.generic {indexing_maps = [#swap, #diagonal, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<3x3xf64>, tensor<3x3xf64>) outs(%e : tensor<3x3xf64>) {
  ^bb0(%a: f64, %b: f64, %old: f64):
    %p = arith.mulf %a, %b : f64
    linalg.yield %p : f64
  } -> tensor<3x3xf64>
  %sq = arith.mulf %z, %z : tensor<3x3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3x3xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A scale for two columns, a row for all, and a number.
func.func @shared_elements(%x: tensor<2x4xf64>, %s: tensor<2x2xf64>, %y: tensor<1x4xf64>, %n: tensor<f64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<2x4xf64>
  %number = tensor.extract %n[] : tensor<f64>
  %z = linalg.generic {indexing_maps = [#id, #half, #first, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s, %y, %number : tensor<2x4xf64>, tensor<2x2xf64>, tensor<1x4xf64>, f64) outs(%e : tensor<2x4xf64>) {
  ^bb0(%a: f64, %b: f64, %c: f64, %d: f64, %old: f64):
    %p = arith.mulf %a, %b : f64
    %q = arith.mulf %p, %d : f64
    %v = arith.addf %q, %c : f64
    linalg.yield %v : f64
  } -> tensor<2x4xf64>
  %sq = arith.mulf %z, %z : tensor<2x4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x4xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @two_results(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<2x3xf64>
  %z:2 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<2x3xf64>, tensor<2x3xf64>) outs(%e, %e : tensor<2x3xf64>, tensor<2x3xf64>) {
  ^bb0(%a: f64, %b: f64, %o: f64, %q: f64):
    %p = arith.mulf %a, %b : f64
    %s = math.sin %b : f64
    linalg.yield %p, %s : f64, f64
  } -> (tensor<2x3xf64>, tensor<2x3xf64>)
  %both = arith.mulf %z#0, %z#1 : tensor<2x3xf64>
  %sq = arith.mulf %both, %both : tensor<2x3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x3xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @two_sums(%x: tensor<2x3xf64>, %c: tensor<2xf64>) -> tensor<f64> {
  %z:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x3xf64>) outs(%c, %c : tensor<2xf64>, tensor<2xf64>) {
  ^bb0(%a: f64, %o: f64, %q: f64):
    %p = arith.mulf %a, %a : f64
    %s = arith.addf %o, %p : f64
    %t = arith.addf %q, %a : f64
    linalg.yield %s, %t : f64, f64
  } -> (tensor<2xf64>, tensor<2xf64>)
  %both = arith.mulf %z#0, %z#1 : tensor<2xf64>
  %sq = arith.mulf %both, %both : tensor<2xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// Places and masks only select.
func.func @places(%x: tensor<3x3xf64>, %y: tensor<3x3xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<3x3xf64>
  %mask = arith.cmpf olt, %x, %y : tensor<3x3xf64>
  %z = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %mask : tensor<3x3xf64>, tensor<3x3xi1>) outs(%e : tensor<3x3xf64>) {
  ^bb0(%a: f64, %m: i1, %old: f64):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %upper = arith.cmpi ult, %i, %j : index
    %n = arith.index_cast %j : index to i64
    %f = arith.sitofp %n : i64 to f64
    %p = arith.mulf %a, %f : f64
    %both = arith.andi %upper, %m : i1
    %v = arith.select %both, %p, %a : f64
    linalg.yield %v : f64
  } -> tensor<3x3xf64>
  %sq = arith.mulf %z, %z : tensor<3x3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3x3xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @product_of_sines(%x: tensor<2x3xf64>, %c: tensor<2xf64>) -> tensor<f64> {
  %z = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x3xf64>) outs(%c : tensor<2xf64>) {
  ^bb0(%a: f64, %m: f64):
    %p = math.sin %a : f64
    %s = arith.mulf %p, %m : f64
    linalg.yield %s : f64
  } -> tensor<2xf64>
  %sq = arith.mulf %z, %z : tensor<2xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @reduce_largest(%x: tensor<3x4xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %y = linalg.reduce { arith.maximumf } ins(%x : tensor<3x4xf64>) outs(%c : tensor<4xf64>) dimensions = [0]
  %sq = arith.mulf %y, %y : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @reduce_smallest(%x: tensor<3x4xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %y = linalg.reduce { arith.minimumf } ins(%x : tensor<3x4xf64>) outs(%c : tensor<4xf64>) dimensions = [0]
  %sq = arith.mulf %y, %y : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @reduce_product(%x: tensor<3x4xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %y = linalg.reduce { arith.mulf } ins(%x : tensor<3x4xf64>) outs(%c : tensor<4xf64>) dimensions = [0]
  %sq = arith.mulf %y, %y : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @reduce_largest_number(%x: tensor<3x4xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %y = linalg.reduce { arith.maxnumf } ins(%x : tensor<3x4xf64>) outs(%c : tensor<4xf64>) dimensions = [0]
  %sq = arith.mulf %y, %y : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @reduce_smallest_number(%x: tensor<3x4xf64>, %c: tensor<4xf64>) -> tensor<f64> {
  %y = linalg.reduce { arith.minnumf } ins(%x : tensor<3x4xf64>) outs(%c : tensor<4xf64>) dimensions = [0]
  %sq = arith.mulf %y, %y : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @batch_matmul(%a: tensor<2x3x4xf64>, %b: tensor<2x4x5xf64>, %c: tensor<2x3x5xf64>) -> tensor<f64> {
  %y = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf64>, tensor<2x4x5xf64>) outs(%c : tensor<2x3x5xf64>) -> tensor<2x3x5xf64>
  %sq = arith.mulf %y, %y : tensor<2x3x5xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x3x5xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1, 2]
  return %r : tensor<f64>
}

func.func @matvec(%a: tensor<3x4xf64>, %b: tensor<4xf64>, %c: tensor<3xf64>) -> tensor<f64> {
  %y = linalg.matvec ins(%a, %b : tensor<3x4xf64>, tensor<4xf64>) outs(%c : tensor<3xf64>) -> tensor<3xf64>
  %sq = arith.mulf %y, %y : tensor<3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// RANGE b 0.5 2
func.func @map(%a: tensor<3x4xf64>, %b: tensor<3x4xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %y = linalg.map { arith.divf } ins(%a, %b : tensor<3x4xf64>, tensor<3x4xf64>) outs(%e : tensor<3x4xf64>)
  %sq = arith.mulf %y, %y : tensor<3x4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3x4xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @named_elementwise(%a: tensor<3x4xf64>, %b: tensor<3x4xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<3x4xf64>
  %p = linalg.mul ins(%a, %b : tensor<3x4xf64>, tensor<3x4xf64>) outs(%e : tensor<3x4xf64>) -> tensor<3x4xf64>
  %y = linalg.exp ins(%p : tensor<3x4xf64>) outs(%e : tensor<3x4xf64>) -> tensor<3x4xf64>
  %sq = arith.mulf %y, %y : tensor<3x4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3x4xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

func.func @conv_1d(%x: tensor<7xf64>, %w: tensor<3xf64>) -> tensor<f64> {
  %c = arith.constant dense<0.0> : tensor<5xf64>
  %y = linalg.conv_1d ins(%x, %w : tensor<7xf64>, tensor<3xf64>) outs(%c : tensor<5xf64>) -> tensor<5xf64>
  %sq = arith.mulf %y, %y : tensor<5xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<5xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

func.func @broadcast_matmul(%a: tensor<4xf64>, %b: tensor<4x5xf64>, %c: tensor<3x5xf64>) -> tensor<f64> {
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<4xf64>, tensor<4x5xf64>) outs(%c : tensor<3x5xf64>) -> tensor<3x5xf64>
  %sq = arith.mulf %y, %y : tensor<3x5xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<3x5xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// A body that reads a tensor at computed places, some of them twice: columns
// that another tensor names, of the rows that the loops see. The gradient has
// zeros in the others.
// RANGE ids 0 4
func.func @gathered_columns(%x: tensor<3x5xf64>, %ids: tensor<2x7xi32>, %w: tensor<2x7xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<2x7xf64>
  %z = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %w : tensor<2x7xi32>, tensor<2x7xf64>) outs(%e : tensor<2x7xf64>) {
  ^bb0(%id: i32, %a: f64, %old: f64):
    %row = linalg.index 0 : index
    %column = arith.index_cast %id : i32 to index
    %v = tensor.extract %x[%row, %column] : tensor<3x5xf64>
    %s = math.sin %v : f64
    %p = arith.mulf %s, %a : f64
    linalg.yield %p : f64
  } -> tensor<2x7xf64>
  %sq = arith.mulf %z, %z : tensor<2x7xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<2x7xf64>) outs(%zero : tensor<f64>) dimensions = [0, 1]
  return %r : tensor<f64>
}

// Several reads of one tensor, by a sum: the diagonal, a neighbour, and the
// same element each time; and a read of a scalar.
func.func @several_reads(%x: tensor<4x4xf64>, %k: tensor<4x2xf64>, %c: tensor<4xf64>, %n: tensor<f64>) -> tensor<f64> {
  %z = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%k : tensor<4x2xf64>) outs(%c : tensor<4xf64>) {
  ^bb0(%m: f64, %sum: f64):
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %next = arith.addi %i, %j : index
    %at = arith.minui %next, %c3 : index
    %a = tensor.extract %x[%j, %j] : tensor<4x4xf64>
    %b = tensor.extract %x[%i, %at] : tensor<4x4xf64>
    %d = tensor.extract %x[%c3, %c0] : tensor<4x4xf64>
    %s = tensor.extract %n[] : tensor<f64>
    %p = arith.mulf %a, %b : f64
    %q = math.sin %d : f64
    %t = arith.mulf %p, %q : f64
    %u = arith.mulf %t, %s : f64
    %v = arith.mulf %u, %m : f64
    %y = arith.addf %sum, %v : f64
    linalg.yield %y : f64
  } -> tensor<4xf64>
  %sq = arith.mulf %z, %z : tensor<4xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%sq : tensor<4xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// What the body reads is one of the operands, too.
func.func @reversed(%x: tensor<5xf64>) -> tensor<f64> {
  %e = tensor.empty() : tensor<5xf64>
  %z = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<5xf64>) outs(%e : tensor<5xf64>) {
  ^bb0(%a: f64, %old: f64):
    %c4 = arith.constant 4 : index
    %i = linalg.index 0 : index
    %at = arith.subi %c4, %i : index
    %b = tensor.extract %x[%at] : tensor<5xf64>
    %q = math.exp %b : f64
    %p = arith.mulf %a, %q : f64
    linalg.yield %p : f64
  } -> tensor<5xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%z : tensor<5xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}

// Reductions that some iterations do not take part in: a running sum, the
// product of what is positive, the largest of the others.
func.func @partial_reductions(%x: tensor<3x4xf64>, %a: tensor<3x4xf64>, %b: tensor<3xf64>, %c: tensor<3xf64>) -> tensor<f64> {
  %sums = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<3x4xf64>) outs(%a : tensor<3x4xf64>) {
  ^bb0(%v: f64, %old: f64):
    %j = linalg.index 1 : index
    %l = linalg.index 2 : index
    %taken = arith.cmpi sle, %l, %j : index
    %s = math.sin %v : f64
    %next = arith.addf %old, %s : f64
    %y = arith.select %taken, %next, %old : f64
    linalg.yield %y : f64
  } -> tensor<3x4xf64>
  %parts:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%sums : tensor<3x4xf64>) outs(%b, %c : tensor<3xf64>, tensor<3xf64>) {
  ^bb0(%v: f64, %product: f64, %most: f64):
    %zero = arith.constant 0.0 : f64
    %positive = arith.cmpf ogt, %v, %zero : f64
    %p = arith.mulf %v, %product : f64
    %y = arith.select %positive, %p, %product : f64
    %m = arith.maximumf %most, %v : f64
    %z = arith.select %positive, %most, %m : f64
    linalg.yield %y, %z : f64, f64
  } -> (tensor<3xf64>, tensor<3xf64>)
  %t = arith.mulf %parts#0, %parts#1 : tensor<3xf64>
  %u = arith.addf %t, %parts#1 : tensor<3xf64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %r = linalg.reduce { arith.addf } ins(%u : tensor<3xf64>) outs(%zero : tensor<f64>) dimensions = [0]
  return %r : tensor<f64>
}
