// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-distribute-loops),canonicalize,cse)' | FileCheck %s

#map = affine_map<(i) -> (i)>
#id2 = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// 400 elements to 128 invocations, in turn.
// CHECK-LABEL: func.func @strided(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<4x100xf32>, %[[Y:[a-z0-9]+]]: memref<4x100xf32>
// CHECK-DAG: %[[ID:.+]] = gpu.thread_id x
// CHECK-DAG: %[[STEP:.+]] = arith.constant 128
// CHECK-DAG: %[[COUNT:.+]] = arith.constant 400
// CHECK: scf.for %[[N:.+]] = %[[ID]] to %[[COUNT]] step %[[STEP]]
// CHECK-DAG: %[[J:.+]] = arith.remui %[[N]]
// CHECK-DAG: %[[I:.+]] = arith.divui %[[N]]
// CHECK: memref.load %[[X]][%[[I]], %[[J]]]
// CHECK: memref.store %{{.+}}, %[[Y]][%[[I]], %[[J]]]
func.func @strided(%x: memref<4x100xf32>, %y: memref<4x100xf32>) {
  linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : memref<4x100xf32>) outs(%y : memref<4x100xf32>) {
  ^bb0(%in: f32, %out: f32):
    %e = math.exp %in : f32
    linalg.yield %e : f32
  }
  return
}

// As many elements as invocations need neither loop nor guard.
// CHECK-LABEL: func.func @exact(
// CHECK-SAME: %{{[a-z0-9]+}}: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>
// CHECK-NEXT: %[[ID:.+]] = gpu.thread_id x
// CHECK-NEXT: memref.load %{{.+}}[%[[ID]]]
// CHECK-NEXT: math.exp
// CHECK-NEXT: memref.store %{{.+}}, %[[Y]][%[[ID]]]
// CHECK-NEXT: return
func.func @exact(%x: memref<128xf32>, %y: memref<128xf32>) {
  linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : memref<128xf32>) outs(%y : memref<128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %e = math.exp %in : f32
    linalg.yield %e : f32
  }
  return
}

// With fewer, the others idle.
// CHECK-LABEL: func.func @fewer(
// CHECK-DAG: %[[ID:.+]] = gpu.thread_id x
// CHECK-DAG: %[[COUNT:.+]] = arith.constant 100
// CHECK: %[[MINE:.+]] = arith.cmpi ult, %[[ID]], %[[COUNT]]
// CHECK: scf.if %[[MINE]]
// CHECK-NOT: scf.for
// CHECK: memref.store %{{.+}}[%[[ID]]]
func.func @fewer(%x: memref<100xf32>, %y: memref<100xf32>) {
  linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : memref<100xf32>) outs(%y : memref<100xf32>) {
  ^bb0(%in: f32, %out: f32):
    %e = math.exp %in : f32
    linalg.yield %e : f32
  }
  return
}

// Three sums of a thousand terms: 32 lanes each, of which the first starts from
// the old value. All wait before the lanes' sums are added.
// CHECK-LABEL: func.func @lanes(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<3x1000xf32>, %[[Y:[a-z0-9]+]]: memref<3xf32>
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0.0
// CHECK-DAG: %[[TERMS:.+]] = arith.constant 1000 : index
// CHECK-DAG: %[[LANES:.+]] = arith.constant 32 : index
// CHECK-DAG: %[[USED:.+]] = arith.constant 96 : index
// CHECK-DAG: %[[ID:.+]] = gpu.thread_id x
// CHECK: %[[PARTIAL:.+]] = memref.alloc() : memref<3x32xf32>
// CHECK: arith.cmpi ult, %[[ID]], %[[USED]]
// CHECK: %[[ROW:.+]] = arith.divui %[[ID]], %[[LANES]]
// CHECK: %[[LANE:.+]] = arith.remui %[[ID]], %[[LANES]]
// CHECK: %[[FIRST:.+]] = arith.cmpi eq, %[[LANE]]
// CHECK: %[[OLD:.+]] = memref.load %[[Y]][%[[ROW]]]
// CHECK: %[[START:.+]] = arith.select %[[FIRST]], %[[OLD]], %[[ZERO]]
// CHECK: %[[SUM:.+]] = scf.for %[[K:.+]] = %[[LANE]] to %[[TERMS]] step %[[LANES]] iter_args(%{{.+}} = %[[START]])
// CHECK: memref.load %[[X]][%[[ROW]], %[[K]]]
// CHECK: memref.store %[[SUM]], %[[PARTIAL]][%[[ROW]], %[[LANE]]]
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: %[[ALL:.+]] = scf.for
// CHECK: memref.load %[[PARTIAL]]
// CHECK: memref.store %[[ALL]], %[[Y]][%[[ID]]]
func.func @lanes(%x: memref<3x1000xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id2, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x1000xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// A hundred sums keep enough invocations busy: no lanes.
// CHECK-LABEL: func.func @many_sums(
// CHECK-NOT: memref.alloc
// CHECK-NOT: gpu.barrier
// CHECK: scf.for
// CHECK: return
func.func @many_sums(%x: memref<100x1000xf32>, %y: memref<100xf32>) {
  linalg.generic {indexing_maps = [#id2, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<100x1000xf32>) outs(%y : memref<100xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// Thirty bytes are eight words, each by one invocation. The last word's two
// bytes past the end repeat the last element.
// CHECK-LABEL: func.func @words(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<3x10xf32>, %[[Y:[a-z0-9]+]]: memref<3x10xi8>
// CHECK-DAG: %[[LAST:.+]] = arith.constant 29 : index
// CHECK-DAG: %[[FOUR:.+]] = arith.constant 4 : index
// CHECK-DAG: %[[WORDS:.+]] = arith.constant 8 : index
// CHECK-DAG: %[[ID:.+]] = gpu.thread_id x
// CHECK: %[[FLAT:.+]] = memref.collapse_shape %[[Y]] {{.+}} into memref<30xi8>
// CHECK: arith.cmpi ult, %[[ID]], %[[WORDS]]
// CHECK: %[[FIRST:.+]] = arith.muli %[[ID]], %[[FOUR]]
// CHECK-COUNT-4: arith.minui %{{.+}}, %[[LAST]]
// CHECK: %[[WORD:.+]] = vector.from_elements
// CHECK: vector.store %[[WORD]], %[[FLAT]][%[[FIRST]]] : memref<30xi8>, vector<4xi8>
// CHECK-NOT: memref.store
// CHECK: return
func.func @words(%x: memref<3x10xf32>, %y: memref<3x10xi8>) {
  linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : memref<3x10xf32>) outs(%y : memref<3x10xi8>) {
  ^bb0(%in: f32, %out: i8):
    %e = arith.fptosi %in : f32 to i8
    linalg.yield %e : i8
  }
  return
}

// An op waits for the one whose result it reads.
// CHECK-LABEL: func.func @dependent(
// CHECK-SAME: %{{[a-z0-9]+}}: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>
// CHECK: memref.store %{{.+}}, %[[Y]]
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load %[[Y]]
func.func @dependent(%x: memref<128xf32>, %y: memref<128xf32>, %z: memref<128xf32>) {
  linalg.exp ins(%x : memref<128xf32>) outs(%y : memref<128xf32>)
  linalg.exp ins(%y : memref<128xf32>) outs(%z : memref<128xf32>)
  return
}

// And one that overwrites what an earlier one reads.
// CHECK-LABEL: func.func @overwritten(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>, %[[Z:[a-z0-9]+]]: memref<128xf32>
// CHECK: memref.load %[[X]]
// CHECK: memref.store %{{.+}}, %[[Y]]
// CHECK-NEXT: gpu.barrier
// CHECK: memref.store %{{.+}}, %[[X]]
func.func @overwritten(%x: memref<128xf32>, %y: memref<128xf32>, %z: memref<128xf32>) {
  linalg.exp ins(%x : memref<128xf32>) outs(%y : memref<128xf32>)
  linalg.exp ins(%z : memref<128xf32>) outs(%x : memref<128xf32>)
  return
}

// Ops that read the same need not wait.
// CHECK-LABEL: func.func @independent(
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @independent(%x: memref<128xf32>, %y: memref<128xf32>, %z: memref<128xf32>) {
  linalg.exp ins(%x : memref<128xf32>) outs(%y : memref<128xf32>)
  linalg.exp ins(%x : memref<128xf32>) outs(%z : memref<128xf32>)
  return
}

// A loop that may not run, here for its bounds, has no barrier for what stands
// around it: @z waits for @y after the loop too.
// CHECK-LABEL: func.func @around_a_loop(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>
// CHECK: memref.store %{{.+}}, %[[Y]]
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: }
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load %[[Y]]
func.func @around_a_loop(%x: memref<128xf32>, %y: memref<128xf32>, %z: memref<128xf32>, %t: memref<128xf32>, %u: memref<128xf32>, %n: index) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  linalg.exp ins(%x : memref<128xf32>) outs(%y : memref<128xf32>)
  scf.for %i = %0 to %n step %1 {
    linalg.exp ins(%x : memref<128xf32>) outs(%t : memref<128xf32>)
    linalg.exp ins(%t : memref<128xf32>) outs(%u : memref<128xf32>)
  }
  linalg.exp ins(%y : memref<128xf32>) outs(%z : memref<128xf32>)
  return
}

// Nor has a condition that is false, or whose other branch has the barrier.
// CHECK-LABEL: func.func @around_a_condition(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>, %[[Z:[a-z0-9]+]]: memref<128xf32>
// CHECK: memref.store %{{.+}}, %[[Y]]
// CHECK: scf.if
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load %[[Y]]
// CHECK: } else {
// CHECK-NOT: gpu.barrier
// CHECK: memref.load %[[X]]
// CHECK: }
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load %[[Y]]
func.func @around_a_condition(%x: memref<128xf32>, %y: memref<128xf32>, %z: memref<128xf32>, %t: memref<128xf32>, %c: i1) {
  linalg.exp ins(%x : memref<128xf32>) outs(%y : memref<128xf32>)
  scf.if %c {
    linalg.exp ins(%y : memref<128xf32>) outs(%t : memref<128xf32>)
  } else {
    linalg.exp ins(%x : memref<128xf32>) outs(%t : memref<128xf32>)
  }
  linalg.exp ins(%y : memref<128xf32>) outs(%z : memref<128xf32>)
  return
}

// An iteration waits for the one before, whose last op reads what its first one
// writes, though a condition holds both.
// CHECK-LABEL: func.func @next_iteration(
// CHECK-SAME: %{{[a-z0-9]+}}: memref<128xf32>, %{{[a-z0-9]+}}: memref<128xf32>, %[[T:[a-z0-9]+]]: memref<128xf32>
// CHECK: scf.for
// CHECK-NEXT: scf.if
// CHECK: gpu.barrier
// CHECK: memref.store %{{.+}}, %[[T]]
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load %[[T]]
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @next_iteration(%x: memref<128xf32>, %y: memref<128xf32>, %t: memref<128xf32>, %n: index, %c: i1) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  scf.for %i = %0 to %n step %1 {
    scf.if %c {
      linalg.exp ins(%x : memref<128xf32>) outs(%t : memref<128xf32>)
      linalg.exp ins(%t : memref<128xf32>) outs(%y : memref<128xf32>)
    }
  }
  return
}

// One iteration has none before it.
// CHECK-LABEL: func.func @one_iteration(
// CHECK: memref.store
// CHECK-NEXT: gpu.barrier
// CHECK-NOT: gpu.barrier
// CHECK: return
func.func @one_iteration(%x: memref<128xf32>, %y: memref<128xf32>, %t: memref<128xf32>) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  scf.for %i = %0 to %1 step %1 {
    linalg.exp ins(%x : memref<128xf32>) outs(%t : memref<128xf32>)
    linalg.exp ins(%t : memref<128xf32>) outs(%y : memref<128xf32>)
  }
  return
}

// A loop that leaves by a condition runs its first region once more than its
// second: what either leaves pending counts.
// CHECK-LABEL: func.func @while_loop(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<128xf32>, %[[Y:[a-z0-9]+]]: memref<128xf32>, %[[T:[a-z0-9]+]]: memref<128xf32>
// CHECK: scf.while
// CHECK: gpu.barrier
// CHECK: memref.store %{{.+}}, %[[T]]
// CHECK: scf.condition
// CHECK: gpu.barrier
// CHECK-NEXT: memref.load %[[T]]
// CHECK: scf.yield
// CHECK: gpu.barrier
// CHECK-NEXT: memref.load %[[T]]
func.func @while_loop(%x: memref<128xf32>, %y: memref<128xf32>, %t: memref<128xf32>, %z: memref<128xf32>, %n: index) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %last = scf.while (%i = %0) : (index) -> index {
    linalg.exp ins(%x : memref<128xf32>) outs(%t : memref<128xf32>)
    %more = arith.cmpi ult, %i, %n : index
    scf.condition(%more) %i : index
  } do {
  ^bb0(%i: index):
    linalg.exp ins(%t : memref<128xf32>) outs(%y : memref<128xf32>)
    %next = arith.addi %i, %1 : index
    scf.yield %next : index
  }
  linalg.exp ins(%t : memref<128xf32>) outs(%z : memref<128xf32>)
  return
}

// A sum in lanes within a loop: no invocation begins the next before all have
// read the partial results.
// CHECK-LABEL: func.func @lanes_in_a_loop(
// CHECK: scf.for
// CHECK: memref.store %{{.+}}, %[[PARTIAL:.+]][
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: memref.store
// CHECK: gpu.barrier
// CHECK: return
func.func @lanes_in_a_loop(%x: memref<3x1000xf32>, %y: memref<3xf32>, %n: index) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  scf.for %i = %0 to %n step %1 {
    linalg.generic {indexing_maps = [#id2, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x1000xf32>) outs(%y : memref<3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %s = arith.addf %out, %in : f32
      linalg.yield %s : f32
    }
  }
  return
}
