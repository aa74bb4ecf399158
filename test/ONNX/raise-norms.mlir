// RUN: sterna-opt %s --sterna-raise-norms | FileCheck %s

#row = affine_map<(t, i) -> (t, i)>
#sum = affine_map<(t, i) -> (t)>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32>, %[[H:.+]]: tensor<4x8xf16>)
func.func @main(%x: tensor<4x8xf32>, %h: tensor<4x8xf16>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %eight = arith.constant dense<8.0> : tensor<4xf32>
  %nine = arith.constant dense<9.0> : tensor<4xf32>
  %epsilon = arith.constant dense<0.0625> : tensor<4xf32>
  %weight = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
  %empty4 = tensor.empty() : tensor<4xf32>
  %empty = tensor.empty() : tensor<4x8xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty4 : tensor<4xf32>) -> tensor<4xf32>
  %weights = linalg.broadcast ins(%weight : tensor<8xf32>) outs(%empty : tensor<4x8xf32>) dimensions = [0]
  %squares = arith.mulf %x, %x : tensor<4x8xf32>
  %sums = linalg.generic {indexing_maps = [#row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%squares : tensor<4x8xf32>) outs(%zeros : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %means = arith.divf %sums, %eight : tensor<4xf32>
  %moved = arith.addf %means, %epsilon : tensor<4xf32>
  %roots = math.sqrt %moved : tensor<4xf32>

  // Times one by the root, with weights.
  // CHECK: %[[W:.+]] = arith.constant dense<[1.0{{.*}}, 8.0
  // CHECK: %[[Y0:.+]] = tern.rms_norm %[[X]], %[[W]] {epsilon = 6.250000e-02 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %inverse = arith.divf %one, %roots : tensor<4xf32>
  %inverses = linalg.broadcast ins(%inverse : tensor<4xf32>) outs(%empty : tensor<4x8xf32>) dimensions = [1]
  %normed = arith.mulf %x, %inverses : tensor<4x8xf32>
  %y0 = arith.mulf %weights, %normed : tensor<4x8xf32>

  // By the root, without weights.
  // CHECK: %[[ONES:.+]] = arith.constant dense<1.0{{.*}}> : tensor<8xf32>
  // CHECK: %[[Y1:.+]] = tern.rms_norm %[[X]], %[[ONES]]
  %divisors = linalg.broadcast ins(%roots : tensor<4xf32>) outs(%empty : tensor<4x8xf32>) dimensions = [1]
  %y1 = arith.divf %x, %divisors : tensor<4x8xf32>

  // The mean of nine is another function.
  // CHECK: %[[Y2:.+]] = arith.divf %[[X]],
  %means9 = arith.divf %sums, %nine : tensor<4xf32>
  %moved9 = arith.addf %means9, %epsilon : tensor<4xf32>
  %roots9 = math.sqrt %moved9 : tensor<4xf32>
  %divisors9 = linalg.broadcast ins(%roots9 : tensor<4xf32>) outs(%empty : tensor<4x8xf32>) dimensions = [1]
  %y2 = arith.divf %x, %divisors9 : tensor<4x8xf32>

  // What is rounded to 16 bits between norm and weights stays so.
  // CHECK: arith.truncf
  // CHECK: %[[Y3:.+]] = arith.mulf
  %wide = arith.extf %h : tensor<4x8xf16> to tensor<4x8xf32>
  %hsquares = arith.mulf %wide, %wide : tensor<4x8xf32>
  %hsums = linalg.generic {indexing_maps = [#row, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%hsquares : tensor<4x8xf32>) outs(%zeros : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %hmeans = arith.divf %hsums, %eight : tensor<4xf32>
  %hmoved = arith.addf %hmeans, %epsilon : tensor<4xf32>
  %hroots = math.sqrt %hmoved : tensor<4xf32>
  %hdivisors = linalg.broadcast ins(%hroots : tensor<4xf32>) outs(%empty : tensor<4x8xf32>) dimensions = [1]
  %hnormed = arith.divf %wide, %hdivisors : tensor<4x8xf32>
  %rounded = arith.truncf %hnormed : tensor<4x8xf32> to tensor<4x8xf16>
  %again = arith.extf %rounded : tensor<4x8xf16> to tensor<4x8xf32>
  %y3 = arith.mulf %again, %weights : tensor<4x8xf32>

  // CHECK: return %[[Y0]], %[[Y1]], %[[Y2]], %[[Y3]]
  return %y0, %y1, %y2, %y3 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
