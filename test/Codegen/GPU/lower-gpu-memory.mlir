// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-lower-gpu-memory),canonicalize,cse)' | FileCheck %s

// A memref of words for each slot, then the first word of each buffer.
// CHECK-LABEL: func.func @words(
// CHECK-SAME: %[[SLOT0:[a-z0-9]+]]: memref<?xi32, #spirv.storage_class<StorageBuffer>>, %[[SLOT1:[a-z0-9]+]]: memref<?xi32, #spirv.storage_class<StorageBuffer>>, %[[X:[a-z0-9]+]]: index, %[[Y:[a-z0-9]+]]: index, %[[Z:[a-z0-9]+]]: index)
// CHECK-DAG: %[[I:.+]] = gpu.thread_id x
// CHECK-DAG: %[[J:.+]] = gpu.thread_id y
// CHECK-DAG: %[[COLUMNS:.+]] = arith.constant 8 : index
// CHECK: %[[ROW:.+]] = arith.muli %[[I]], %[[COLUMNS]]
// CHECK: %[[ELEMENT:.+]] = arith.addi %[[ROW]], %[[J]]
// CHECK: %[[FROM:.+]] = arith.addi %[[X]], %[[ELEMENT]]
// CHECK: %[[WORD:.+]] = memref.load %[[SLOT0]][%[[FROM]]]
// CHECK: %[[FLOAT:.+]] = arith.bitcast %[[WORD]] : i32 to f32
// CHECK: %[[NUMBER:.+]] = arith.addi %[[Y]], %[[J]]
// CHECK: %[[INTEGER:.+]] = memref.load %[[SLOT1]][%[[NUMBER]]]
// CHECK: %[[EXP:.+]] = math.exp %[[FLOAT]]
// CHECK: %[[BITS:.+]] = arith.bitcast %[[EXP]] : f32 to i32
// CHECK: %[[TO:.+]] = arith.addi %[[Z]], %[[ELEMENT]]
// CHECK: memref.store %[[BITS]], %[[SLOT0]][%[[TO]]]
// CHECK: memref.store %[[INTEGER]], %[[SLOT1]]
func.func @words(%x: memref<4x8xf32>, %y: memref<16xi32>, %z: memref<4x8xf32>) attributes {vulkan.slots = array<i64: 0, 1, 0>} {
  %i = gpu.thread_id x
  %j = gpu.thread_id y
  %v = memref.load %x[%i, %j] : memref<4x8xf32>
  %n = memref.load %y[%j] : memref<16xi32>
  %e = math.exp %v : f32
  memref.store %e, %z[%i, %j] : memref<4x8xf32>
  memref.store %n, %y[%i] : memref<16xi32>
  return
}

// A byte is extracted from its word.
// CHECK-LABEL: func.func @load_byte(
// CHECK-SAME: %[[SLOT:[a-z0-9]+]]: memref<?xi32, {{.+}}>, %[[X:[a-z0-9]+]]: index
// CHECK-DAG: %[[I:.+]] = gpu.thread_id x
// CHECK-DAG: %[[PER_WORD:.+]] = arith.constant 4 : index
// CHECK-DAG: %[[LAST:.+]] = arith.constant 3 : i32
// CHECK-DAG: %[[BITS:.+]] = arith.constant 8 : i32
// CHECK: %[[NUMBER:.+]] = arith.divui %[[I]], %[[PER_WORD]]
// CHECK: %[[AT:.+]] = arith.addi %[[X]], %[[NUMBER]]
// CHECK: %[[WORD:.+]] = memref.load %[[SLOT]][%[[AT]]]
// CHECK: %[[POSITION:.+]] = arith.andi %{{.+}}, %[[LAST]]
// CHECK: %[[SHIFT:.+]] = arith.muli %[[POSITION]], %[[BITS]]
// CHECK: %[[PART:.+]] = arith.shrui %[[WORD]], %[[SHIFT]]
// CHECK: arith.trunci %[[PART]] : i32 to i8
func.func @load_byte(%x: memref<16xi8>, %y: memref<16xi32>) attributes {vulkan.slots = array<i64: 0, 0>} {
  %i = gpu.thread_id x
  %a = memref.load %x[%i] : memref<16xi8>
  %w = arith.extsi %a : i8 to i32
  memref.store %w, %y[%i] : memref<16xi32>
  return
}

// Four bytes become one word, the first in the lowest bits.
// CHECK-LABEL: func.func @store_bytes(
// CHECK-SAME: %[[SLOT:[a-z0-9]+]]: memref<?xi32, {{.+}}>, %{{[a-z0-9]+}}: index, %[[Y:[a-z0-9]+]]: index
// CHECK-DAG: %[[FOUR:.+]] = arith.constant 4 : index
// CHECK-DAG: %[[TWO_BYTES:.+]] = arith.constant 16 : i32
// CHECK-DAG: %[[THREE_BYTES:.+]] = arith.constant 24 : i32
// CHECK-DAG: %[[ONE_BYTE:.+]] = arith.constant 8 : i32
// CHECK: %[[A:.+]] = arith.trunci
// CHECK: %[[LOW:.+]] = arith.extui %[[A]] : i8 to i32
// CHECK: %[[B:.+]] = arith.shli %{{.+}}, %[[ONE_BYTE]]
// CHECK: %[[AB:.+]] = arith.ori %[[LOW]], %[[B]]
// CHECK: %[[C:.+]] = arith.shli %{{.+}}, %[[TWO_BYTES]]
// CHECK: %[[ABC:.+]] = arith.ori %[[AB]], %[[C]]
// CHECK: %[[D:.+]] = arith.shli %{{.+}}, %[[THREE_BYTES]]
// CHECK: %[[ABCD:.+]] = arith.ori %[[ABC]], %[[D]]
// CHECK: %[[NUMBER:.+]] = arith.divui %{{.+}}, %[[FOUR]]
// CHECK: %[[AT:.+]] = arith.addi %[[Y]], %[[NUMBER]]
// CHECK: memref.store %[[ABCD]], %[[SLOT]][%[[AT]]]
// CHECK-NOT: vector
func.func @store_bytes(%x: memref<16xi32>, %y: memref<16xi8>) attributes {vulkan.slots = array<i64: 0, 0>} {
  %i = gpu.thread_id x
  %four = arith.constant 4 : index
  %w = memref.load %x[%i] : memref<16xi32>
  %a = arith.trunci %w : i32 to i8
  %b = arith.addi %a, %a : i8
  %c = arith.muli %a, %b : i8
  %d = arith.subi %b, %c : i8
  %v = vector.from_elements %a, %b, %c, %d : vector<4xi8>
  %at = arith.muli %i, %four : index
  vector.store %v, %y[%at] : memref<16xi8>, vector<4xi8>
  return
}

// Half a word is widened by integer arithmetic: denormal numbers and those with
// the largest exponent apart.
// CHECK-LABEL: func.func @widen_f16(
// CHECK-DAG: %[[LEAST_NORMAL:.+]] = arith.constant 1024 : i32
// CHECK-DAG: %[[INFINITY:.+]] = arith.constant 31744 : i32
// CHECK-DAG: %[[UNIT:.+]] = arith.constant 5.96046448E-8 : f32
// CHECK-DAG: %[[MAGNITUDE_BITS:.+]] = arith.constant 32767 : i32
// CHECK: %[[MAGNITUDE:.+]] = arith.andi %{{.+}}, %[[MAGNITUDE_BITS]]
// CHECK: arith.cmpi uge, %[[MAGNITUDE]], %[[INFINITY]]
// CHECK: %[[COUNT:.+]] = arith.uitofp %[[MAGNITUDE]]
// CHECK: arith.mulf %[[COUNT]], %[[UNIT]]
// CHECK: arith.cmpi uge, %[[MAGNITUDE]], %[[LEAST_NORMAL]]
// CHECK-NOT: f16
func.func @widen_f16(%x: memref<16xf16>, %y: memref<16xf32>) attributes {vulkan.slots = array<i64: 0, 1>} {
  %i = gpu.thread_id x
  %a = memref.load %x[%i] : memref<16xf16>
  %w = arith.extf %a : f16 to f32
  memref.store %w, %y[%i] : memref<16xf32>
  return
}

// The upper half of an f32.
// CHECK-LABEL: func.func @widen_bf16(
// CHECK-DAG: %[[BITS:.+]] = arith.constant 16 : i32
// CHECK: %[[PART:.+]] = arith.shrui
// CHECK: %[[WIDE:.+]] = arith.shli %[[PART]], %[[BITS]]
// CHECK: memref.store %[[WIDE]]
func.func @widen_bf16(%x: memref<16xbf16>, %y: memref<16xf32>) attributes {vulkan.slots = array<i64: 0, 1>} {
  %i = gpu.thread_id x
  %a = memref.load %x[%i] : memref<16xbf16>
  %w = arith.extf %a : bf16 to f32
  memref.store %w, %y[%i] : memref<16xf32>
  return
}

// Temporaries are shared by the workgroup, a word for each element.
// CHECK-LABEL: func.func @temporaries(
// CHECK-DAG: %[[SEVEN:.+]] = arith.constant 7 : i32
// CHECK-DAG: %[[FLOATS:.+]] = memref.alloc() : memref<16xf32, #spirv.storage_class<Workgroup>>
// CHECK-DAG: %[[BYTES:.+]] = memref.alloc() : memref<16xi32, #spirv.storage_class<Workgroup>>
// CHECK: memref.store %{{.+}}, %[[FLOATS]]
// CHECK: memref.store %[[SEVEN]], %[[BYTES]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[FLOATS]]
// CHECK: %[[WORD:.+]] = memref.load %[[BYTES]]
// CHECK: arith.trunci %[[WORD]] : i32 to i8
func.func @temporaries(%x: memref<16xf32>) attributes {vulkan.slots = array<i64: 0>} {
  %i = gpu.thread_id x
  %t = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xi8>
  %c = arith.constant 7 : i8
  %v = memref.load %x[%i] : memref<16xf32>
  memref.store %v, %t[%i] : memref<16xf32>
  memref.store %c, %b[%i] : memref<16xi8>
  gpu.barrier
  %w = memref.load %t[%i] : memref<16xf32>
  %d = memref.load %b[%i] : memref<16xi8>
  %e = arith.sitofp %d : i8 to f32
  %s = arith.addf %w, %e : f32
  memref.store %s, %x[%i] : memref<16xf32>
  return
}

// Integers of 64 bits are two words, the low one first; booleans are bytes.
// CHECK-LABEL: func.func @wide(
// CHECK-SAME: %[[SLOT:[a-z0-9]+]]: memref<?xi32, {{.+}}>, %{{.+}}: memref<?xi32, {{.+}}>, %[[X:[a-z0-9]+]]: index, %{{.+}}: index, %[[Z:[a-z0-9]+]]: index)
// CHECK-DAG: %[[I:.+]] = gpu.thread_id x
// CHECK-DAG: %[[TWO:.+]] = arith.constant 2 : index
// CHECK-DAG: %[[ONE:.+]] = arith.constant 1 : index
// CHECK-DAG: %[[WORD:.+]] = arith.constant 32 : i64
// CHECK-DAG: %[[BYTE:.+]] = arith.constant 255 : i32
// CHECK-DAG: %[[NONE:.+]] = arith.constant 0 : i32
// CHECK: %[[TWICE:.+]] = arith.muli %[[I]], %[[TWO]]
// CHECK: %[[AT:.+]] = arith.addi %[[X]], %[[TWICE]]
// CHECK: %[[BEHIND:.+]] = arith.addi %[[AT]], %[[ONE]]
// CHECK: %[[LOW:.+]] = memref.load %[[SLOT]][%[[AT]]]
// CHECK: %[[HIGH:.+]] = memref.load %[[SLOT]][%[[BEHIND]]]
// CHECK: %[[L:.+]] = arith.extui %[[LOW]] : i32 to i64
// CHECK: %[[H:.+]] = arith.extui %[[HIGH]] : i32 to i64
// CHECK: %[[UP:.+]] = arith.shli %[[H]], %[[WORD]]
// CHECK: %[[V:.+]] = arith.ori %[[L]], %[[UP]]
// CHECK: %[[BITS:.+]] = arith.andi %{{.+}}, %[[BYTE]]
// CHECK: %[[FLAG:.+]] = arith.cmpi ne, %[[BITS]], %[[NONE]]
// CHECK: %[[S:.+]] = arith.select %[[FLAG]], %[[V]]
// CHECK-DAG: arith.trunci %[[S]] : i64 to i32
// CHECK-DAG: arith.shrui %[[S]], %[[WORD]]
// CHECK-COUNT-2: memref.store %{{.+}}, %[[SLOT]]
func.func @wide(%x: memref<16xi64>, %y: memref<16xi1>, %z: memref<16xi64>) attributes {vulkan.slots = array<i64: 0, 1, 0>} {
  %i = gpu.thread_id x
  %zero = arith.constant 0 : i64
  %v = memref.load %x[%i] : memref<16xi64>
  %f = memref.load %y[%i] : memref<16xi1>
  %s = arith.select %f, %v, %zero : i64
  memref.store %s, %z[%i] : memref<16xi64>
  return
}

// Halves that rounding has left as integers, or that are copied; known booleans.
// CHECK-LABEL: func.func @narrow(
// CHECK-DAG: arith.constant 16777217 : i32
// CHECK-NOT: vector
// CHECK-NOT: f16
// CHECK: return
func.func @narrow(%x: memref<16xf16>, %y: memref<16xf16>, %z: memref<16xi1>, %w: memref<16xi16>) attributes {vulkan.slots = array<i64: 0, 0, 0, 0>} {
  %i = gpu.thread_id x
  %a = memref.load %x[%i] : memref<16xf16>
  %n = memref.load %w[%i] : memref<16xi16>
  %b = arith.bitcast %n : i16 to f16
  %v = vector.from_elements %a, %b : vector<2xf16>
  vector.store %v, %y[%i] : memref<16xf16>, vector<2xf16>
  %k = arith.constant dense<[true, false, false, true]> : vector<4xi1>
  vector.store %k, %z[%i] : memref<16xi1>, vector<4xi1>
  return
}

// A scalar has a word of its own.
// CHECK-LABEL: func.func @scalar(
// CHECK: %[[WIDE:.+]] = arith.extui %{{.+}} : i1 to i32
// CHECK: memref.store %[[WIDE]]
func.func @scalar(%x: memref<16xf32>, %y: memref<i1>) attributes {vulkan.slots = array<i64: 0, 0>} {
  %i = gpu.thread_id x
  %v = memref.load %x[%i] : memref<16xf32>
  %f = arith.cmpf ogt, %v, %v : f32
  memref.store %f, %y[] : memref<i1>
  return
}
