// The matrix is [64, 8] of bytes -127, 0 and 127.
// RUN: rm -rf %t && mkdir %t
// RUN: %onnx_python -c "import numpy as np; \
// RUN:   ((np.arange(512) * 7 % 3 - 1) * 127).astype('i1').tofile(r'%t/w')"
// RUN: sed 's|FILE|%t/w|' %s | sterna-opt --sterna-raise-integer-products \
// RUN:   | FileCheck %s

// CHECK: tern.param @w.trits : tensor<8x64x!tern.trit> from #tern.file<{{.*}}storage = i8_columns{{.*}}>
tern.param @w : tensor<64x8xi8> from #tern.elements<path = "FILE", offset = 0>

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[Q:.+]]: tensor<4x64xi8>, %[[Z:.+]]: tensor<i8>, %[[WIDE:.+]]: tensor<4x64xi32>)
func.func @main(%q: tensor<4x64xi8>, %z: tensor<i8>, %wide: tensor<4x64xi32>)
    -> (tensor<4x8xi32>, tensor<4x8xi32>, tensor<4x8xi32>) {
  %start = arith.constant dense<0> : tensor<4x8xi32>
  %bytes = tern.get_param @w : tensor<64x8xi8>
  %w = arith.extsi %bytes : tensor<64x8xi8> to tensor<64x8xi32>

  // Unsigned, with a zero point: both less 128, and a row of ones.
  // CHECK: %[[WIDEZ:.+]] = arith.extui %[[Z]]
  // CHECK: %[[TRITS:.+]] = tern.get_param @w.trits
  // CHECK: %[[SIGNED:.+]] = arith.xori %[[Q]], %{{.+}} : tensor<4x64xi8>
  // CHECK: %[[SHIFT:.+]] = arith.subi %[[WIDEZ]], %{{.+}} : tensor<i32>
  // CHECK: %[[ONES:.+]] = arith.constant dense<1> : tensor<1x64xi8>
  // CHECK: %[[ALL:.+]] = tensor.concat dim(0) %[[SIGNED]], %[[ONES]]
  // CHECK: %[[P:.+]] = tern.matmul %[[ALL]], %[[TRITS]], %{{.+}} : tensor<5x64xi8>, tensor<8x64x!tern.trit>, tensor<1xf32> -> tensor<5x8xf32>
  // CHECK: arith.fptosi %[[P]]
  // CHECK: %[[D:.+]] = arith.subi
  // CHECK: %[[SCALE:.+]] = arith.constant dense<127> : tensor<4x8xi32>
  // CHECK: %[[Y0:.+]] = arith.muli %[[D]], %[[SCALE]]
  %q0 = arith.extui %q : tensor<4x64xi8> to tensor<4x64xi32>
  %z0 = arith.extui %z : tensor<i8> to tensor<i32>
  %empty = tensor.empty() : tensor<4x64xi32>
  %zs = linalg.broadcast ins(%z0 : tensor<i32>) outs(%empty : tensor<4x64xi32>) dimensions = [0, 1]
  %x0 = arith.subi %q0, %zs : tensor<4x64xi32>
  %y0 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x0, %w : tensor<4x64xi32>, tensor<64x8xi32>) outs(%start : tensor<4x8xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<4x8xi32>

  // Signed, without one: the product alone.
  // CHECK: tern.matmul %[[Q]], %{{.+}} : tensor<4x64xi8>
  // CHECK-NOT: arith.subi
  // CHECK: %[[Y1:.+]] = arith.muli
  %x1 = arith.extsi %q : tensor<4x64xi8> to tensor<4x64xi32>
  %y1 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x1, %w : tensor<4x64xi32>, tensor<64x8xi32>) outs(%start : tensor<4x8xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<4x8xi32>

  // No bytes.
  // CHECK: %[[Y2:.+]] = linalg.generic
  %y2 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%wide, %w : tensor<4x64xi32>, tensor<64x8xi32>) outs(%start : tensor<4x8xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<4x8xi32>
  // CHECK: return %[[Y0]], %[[Y1]], %[[Y2]]
  return %y0, %y1, %y2 : tensor<4x8xi32>, tensor<4x8xi32>, tensor<4x8xi32>
}
