// RUN: sterna-opt %s --sterna-decompose | FileCheck %s
// RUN: sterna-opt %s --sterna-decompose | FileCheck %s --check-prefix=GONE

// That decompositions compute what the ops say is tested end to end and by the
// finite differences of test/Autodiff; here, what they are made of. Only trits
// and parameters stay.
// GONE-NOT: tern.{{linear|quantize|matmul|rms_norm|rope|cache|attention|cross|softmax|embedding|checkpoint}}

tern.param @w : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>

// Row maximum, rounded and clamped values, reciprocal of the scale.
// CHECK-LABEL: func.func @quantize(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32>
// CHECK-DAG: %[[TINY:.+]] = arith.constant 9.99999974E-6 : f32
// CHECK-DAG: %[[MOST:.+]] = arith.constant 1.270000e+02 : f32
// CHECK-DAG: %[[LEAST:.+]] = arith.constant -1.280000e+02 : f32
// CHECK: %[[MAX:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[X]] :
// CHECK: %[[BITS:.+]] = arith.bitcast
// CHECK: %[[MAGNITUDE:.+]] = arith.andi %[[BITS]]
// CHECK: arith.maxsi %{{.+}}, %[[MAGNITUDE]]
// CHECK: %[[Q:.+]] = linalg.generic {{.*}} ins(%[[X]], %[[MAX]] :
// CHECK: %[[BOUNDED:.+]] = arith.select %{{.+}}, %{{.+}}, %[[TINY]]
// CHECK: arith.divf %[[MOST]], %[[BOUNDED]]
// CHECK: %[[ROUNDED:.+]] = math.roundeven
// CHECK: %[[LOW:.+]] = arith.select %{{.+}}, %[[ROUNDED]], %[[LEAST]]
// CHECK: arith.select %{{.+}}, %[[LOW]], %[[MOST]]
// CHECK: %[[T:.+]] = linalg.generic {{.*}} ins(%[[MAX]] :
// CHECK: %[[FINITE:.+]] = arith.cmpi slt, %{{.+}}, %{{.+}} : i32
// CHECK: arith.select %[[FINITE]], %{{.+}}, %[[NAN:.+]] : f32
// CHECK: return %[[Q]], %[[T]]
func.func @quantize(%x: tensor<4x8xf32>) -> (tensor<4x8xi8>, tensor<4xf32>) {
  %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
  return %q, %t : tensor<4x8xi8>, tensor<4xf32>
}

// Integers are summed exactly, in i32; the matrix stays packed until unpacked.
// CHECK-LABEL: func.func @matmul_int8(
// CHECK: %[[W:.+]] = tern.get_param @w
// CHECK: %[[BYTES:.+]] = tern.unpack %[[W]] : tensor<16x8x!tern.trit> -> tensor<16x8xi8>
// CHECK: linalg.generic {{.*}} ins(%{{.+}}, %[[BYTES]] : tensor<4x8xi8>, tensor<16x8xi8>) outs(%{{.+}} : tensor<4x16xi32>)
// CHECK: arith.muli %{{.+}}, %{{.+}} : i32
// CHECK: arith.sitofp
func.func @matmul_int8(%q: tensor<4x8xi8>, %s: tensor<1xf32>) -> tensor<4x16xf32> {
  %w = tern.get_param @w : tensor<16x8x!tern.trit>
  %y = tern.matmul %q, %w, %s : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// Other ops leave upstream ops alone.
// CHECK-LABEL: func.func @block(
// CHECK-NOT: tern.
// CHECK: return
func.func @block(%table: tensor<32x8xf16>, %ids: tensor<4xi32>, %g: tensor<8xf32>,
                 %cos: tensor<32x4xf32>, %sin: tensor<32x4xf32>, %pos: tensor<i32>,
                 %c: tensor<32x1x8xf32>, %len: tensor<i32>, %y: tensor<4xi32>)
    -> (tensor<4xf32>, tensor<32x1x8xf32>) {
  %x = tern.embedding %table, %ids : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
  %k = tern.checkpoint %x : tensor<4x8xf32>
  %n = tern.rms_norm %k, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %h = tensor.expand_shape %n [[0, 1], [2, 3]] output_shape [1, 4, 1, 8] : tensor<4x8xf32> into tensor<1x4x1x8xf32>
  %r = tern.rope %h, %cos, %sin, %pos : tensor<1x4x1x8xf32>, tensor<32x4xf32>, tensor<i32>
  %u = tensor.collapse_shape %r [[0, 1], [2], [3]] : tensor<1x4x1x8xf32> into tensor<4x1x8xf32>
  %c1 = tern.cache_update %c, %u, %pos, %len : tensor<32x1x8xf32>, tensor<4x1x8xf32>, tensor<i32>, tensor<i32>
  %kv = tensor.expand_shape %c1 [[0, 1], [2], [3]] output_shape [1, 32, 1, 8] : tensor<32x1x8xf32> into tensor<1x32x1x8xf32>
  %q = tensor.expand_shape %r [[0], [1], [2, 3], [4]] output_shape [1, 4, 1, 1, 8] : tensor<1x4x1x8xf32> into tensor<1x4x1x1x8xf32>
  %a = tern.attention %q, %kv, %kv, %pos : tensor<1x4x1x1x8xf32>, tensor<1x32x1x8xf32>, tensor<i32>
  %m = tensor.collapse_shape %a [[0, 1], [2, 3, 4]] : tensor<1x4x1x1x8xf32> into tensor<4x8xf32>
  %l = tern.cross_entropy %m, %y : tensor<4x8xf32>, tensor<4xi32> -> tensor<4xf32>
  return %l, %c1 : tensor<4xf32>, tensor<32x1x8xf32>
}

// So does a join, which bufferization would not take, become insertions.
// CHECK-LABEL: func.func @join(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32>, %[[Y:.+]]: tensor<4x5xf32>
// CHECK: %[[FIRST:.+]] = tensor.insert_slice %[[X]] into %{{.+}}[0, 0] [4, 8] [1, 1]
// CHECK: %[[BOTH:.+]] = tensor.insert_slice %[[Y]] into %[[FIRST]][0, 8] [4, 5] [1, 1]
// CHECK: return %[[BOTH]]
func.func @join(%x: tensor<4x8xf32>, %y: tensor<4x5xf32>) -> tensor<4x13xf32> {
  %z = tensor.concat dim(1) %x, %y : (tensor<4x8xf32>, tensor<4x5xf32>) -> tensor<4x13xf32>
  return %z : tensor<4x13xf32>
}
