// RUN: sterna-opt %s --sterna-emit-gpu-kernels --split-input-file | FileCheck %s

// A row that is normalized needs all of itself: one workgroup for each.
// CHECK-LABEL: plan.kernel @row
// CHECK-SAME: vulkan.workgroups = 16 : i64
// CHECK: module @vulkan_kernels {
// CHECK: func.func @row(%[[X:.+]]: memref<16x300xf32>, %{{.+}}: memref<300xf32>, %[[Y:.+]]: memref<16x300xf32>) attributes {vulkan.slots = array<i64: 0, 0, 0>}
// The number of the workgroup in a grid of two dimensions.
// CHECK-DAG: %[[COLUMN:.+]] = gpu.block_id x
// CHECK-DAG: %[[LINE:.+]] = gpu.block_id y
// CHECK-DAG: %[[COLUMNS:.+]] = gpu.grid_dim x
// CHECK: %[[BEFORE:.+]] = arith.muli %[[LINE]], %[[COLUMNS]]
// CHECK: %[[WORKGROUP:.+]] = arith.addi %[[BEFORE]], %[[COLUMN]]
// CHECK-NOT: arith.cmpi
// CHECK: tensor.extract_slice %{{.+}}[%[[WORKGROUP]], 0] [1, 300]
// CHECK: tensor.insert_slice %{{.+}}[%[[WORKGROUP]], 0] [1, 300]
// CHECK: bufferization.materialize_in_destination %{{.+}} in restrict writable %[[Y]]

plan.kernel @row tied [-1] attributes {vulkan.slots = array<i64: 0, 0, 0>} {
^bb0(%x: tensor<16x300xf32>, %w: tensor<300xf32>):
  %y = tern.rms_norm %x, %w {epsilon = 1.0e-5 : f64} : tensor<16x300xf32>, tensor<300xf32>
  plan.yield %y : tensor<16x300xf32>
}

// -----

// Sums are independent: a stretch of a row, one for each invocation. Packed
// weights are bytes.
// CHECK-LABEL: plan.kernel @matmul
// CHECK-SAME: vulkan.workgroups = 64 : i64
// CHECK: func.func @matmul(%{{.+}}: memref<4x32xf32>, %{{.+}}: memref<16384xi8>, %{{.+}}: memref<1xf32>, %{{.+}}: memref<4x2048xf32>)
// CHECK: tensor.insert_slice %{{.+}} [1, 128] [1, 1]
// CHECK-NOT: !tern.trit

plan.kernel @matmul tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 1, 0>} {
^bb0(%x: tensor<4x32xf32>, %w: tensor<2048x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, %s: tensor<1xf32>):
  %y = tern.matmul %x, %w, %s : tensor<4x32xf32>, tensor<2048x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32> -> tensor<4x2048xf32>
  plan.yield %y : tensor<4x2048xf32>
}

// -----

// Few sums are spread over workgroups rather than invocations.
// CHECK-LABEL: plan.kernel @small_matmul
// CHECK-SAME: vulkan.workgroups = 16 : i64
// CHECK: func.func @small_matmul(
// CHECK: tensor.insert_slice %{{.+}} [1, 1] [1, 1] : tensor<1x1xf32> into tensor<1x16xf32>

plan.kernel @small_matmul tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 1, 0>} {
^bb0(%x: tensor<1x32xf32>, %w: tensor<16x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, %s: tensor<1xf32>):
  %y = tern.matmul %x, %w, %s : tensor<1x32xf32>, tensor<16x32x!tern.trit, #tern.panel<rows = 8, columns = 16>>, tensor<1xf32> -> tensor<1x16xf32>
  plan.yield %y : tensor<1x16xf32>
}

// -----

// An element for each invocation.
// CHECK-LABEL: plan.kernel @elementwise
// CHECK-SAME: vulkan.workgroups = 128 : i64
// CHECK: func.func @elementwise(
// CHECK: tensor.insert_slice %{{.+}} [1, 128] [1, 1]

plan.kernel @elementwise tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<16x1024xf32>):
  %y = math.exp %x : tensor<16x1024xf32>
  plan.yield %y : tensor<16x1024xf32>
}

// -----

// The least that divides a prime extent and gives all invocations work is the
// whole row.
// CHECK-LABEL: plan.kernel @prime
// CHECK-SAME: vulkan.workgroups = 16 : i64
// CHECK: func.func @prime(
// CHECK: tensor.insert_slice %{{.+}} [1, 1021] [1, 1]

plan.kernel @prime tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<16x1021xf32>):
  %y = math.exp %x : tensor<16x1021xf32>
  plan.yield %y : tensor<16x1021xf32>
}

// -----

// Where rows are shorter, several.
// CHECK-LABEL: plan.kernel @short_rows
// CHECK-SAME: vulkan.workgroups = 16 : i64
// CHECK: func.func @short_rows(
// CHECK: tensor.insert_slice %{{.+}} [4, 32] [1, 1]

plan.kernel @short_rows tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<64x32xf32>):
  %y = math.exp %x : tensor<64x32xf32>
  plan.yield %y : tensor<64x32xf32>
}

// -----

// Workgroups share no word of memory: two rows of six bytes make three words.
// CHECK-LABEL: plan.kernel @bytes
// CHECK-SAME: vulkan.workgroups = 6 : i64
// CHECK: func.func @bytes(%{{.+}}: memref<12x6xf32>, %{{.+}}: memref<12x6xi8>)
// CHECK: tensor.insert_slice %{{.+}} [2, 6] [1, 1]

plan.kernel @bytes tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<12x6xf32>):
  %y = arith.fptosi %x : tensor<12x6xf32> to tensor<12x6xi8>
  plan.yield %y : tensor<12x6xi8>
}

// -----

// Rows that are whole words.
// CHECK-LABEL: plan.kernel @whole_rows
// CHECK-SAME: vulkan.workgroups = 12 : i64
// CHECK: func.func @whole_rows(
// CHECK: tensor.insert_slice %{{.+}} [1, 8] [1, 1]

plan.kernel @whole_rows tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<12x8xf32>):
  %y = arith.fptosi %x : tensor<12x8xf32> to tensor<12x8xi8>
  plan.yield %y : tensor<12x8xi8>
}

// -----

// Where no number of rows is whole words, one workgroup writes all.
// CHECK-LABEL: plan.kernel @odd_bytes
// CHECK-SAME: vulkan.workgroups = 1 : i64
// CHECK: func.func @odd_bytes(
// CHECK-NOT: tensor.insert_slice

plan.kernel @odd_bytes tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<3x5xf32>):
  %y = arith.fptosi %x : tensor<3x5xf32> to tensor<3x5xi8>
  plan.yield %y : tensor<3x5xi8>
}

// -----

// A tied result has no buffer of its own: a workgroup reads and writes its rows
// in place.
// CHECK-LABEL: plan.kernel @accumulate
// CHECK-SAME: vulkan.workgroups = 16 : i64
// CHECK: func.func @accumulate(%[[S:[a-z0-9]+]]: memref<64x32xf32>, %{{[a-z0-9]+}}: memref<64x32xf32>) attributes
// CHECK: bufferization.materialize_in_destination %{{.+}} in restrict writable %[[S]]

plan.kernel @accumulate tied [0] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%s: tensor<64x32xf32>, %x: tensor<64x32xf32>):
  %z = arith.addf %s, %x : tensor<64x32xf32>
  plan.yield %z : tensor<64x32xf32>
}

// -----

// A grid of more than 65535 workgroups has several lines, the last of which may
// be too long: workgroups past the end do nothing.
// CHECK-LABEL: plan.kernel @many
// CHECK-SAME: vulkan.workgroups = 70000 : i64
// CHECK: func.func @many(
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0 : index
// CHECK-DAG: %[[ONE:.+]] = arith.constant 1 : index
// CHECK-DAG: %[[COUNT:.+]] = arith.constant 70000 : index
// CHECK: %[[EXISTS:.+]] = arith.cmpi ult, %[[WORKGROUP:.+]], %[[COUNT]]
// CHECK: %[[END:.+]] = arith.select %[[EXISTS]], %[[ONE]], %[[ZERO]]
// CHECK: scf.for %{{.+}} = %[[ZERO]] to %[[END]]
// CHECK: tensor.insert_slice %{{.+}}[%[[WORKGROUP]], 0] [1, 128]

plan.kernel @many tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
^bb0(%x: tensor<70000x128xf32>):
  %y = math.exp %x : tensor<70000x128xf32>
  plan.yield %y : tensor<70000x128xf32>
}

// -----

// What nothing launches has no code.
// CHECK-LABEL: plan.kernel @not_launched tied [-1] {
// CHECK: module @vulkan_kernels {
// CHECK-NEXT: }
plan.kernel @not_launched tied [-1] {
^bb0(%x: tensor<64xf32>):
  %y = math.exp %x : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}
