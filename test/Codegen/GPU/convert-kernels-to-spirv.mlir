// RUN: sterna-opt %s --convert-kernels-to-spirv | FileCheck %s

#slot = #spirv.storage_class<StorageBuffer>
#shared = #spirv.storage_class<Workgroup>

// Vulkan 1.1 without features or extensions.
// CHECK: spirv.module @kernel Logical GLSL450
// CHECK-SAME: #spirv.target_env<#spirv.vce<v1.3, [Shader], []>, api=Vulkan
// Shared memory, first words as push constants, slots as storage buffers.
// CHECK-DAG: spirv.GlobalVariable @[[SHARED:.+]] : !spirv.ptr<!spirv.struct<(!spirv.array<128 x i32>)>, Workgroup>
// CHECK-DAG: spirv.GlobalVariable @[[FIRST:.+]] : !spirv.ptr<!spirv.struct<(!spirv.array<3 x i32, stride=4> [0])>, PushConstant>
// CHECK-DAG: spirv.GlobalVariable @slot0 bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i32, stride=4> [0])>, StorageBuffer>
// CHECK-DAG: spirv.GlobalVariable @slot1 bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.rtarray<i32, stride=4> [0])>, StorageBuffer>
// CHECK: spirv.func @main() "None" attributes {spirv.entry_point_abi = #spirv.entry_point_abi<workgroup_size = [128, 1, 1]>}
// CHECK: %[[WORD:.+]] = spirv.Load "StorageBuffer" %{{.+}} : i32
// CHECK: spirv.Store "Workgroup" %{{.+}}, %[[WORD]]
// What invocations wrote to storage buffers is visible too.
// CHECK: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|UniformMemory|WorkgroupMemory>
// CHECK: spirv.Return
func.func @kernel(%a: memref<?xi32, #slot>, %b: memref<?xi32, #slot>, %x: index, %y: index, %z: index) attributes {vulkan.slots = array<i64: 0, 0, 1>} {
  %t = memref.alloc() : memref<128xi32, #shared>
  %id = gpu.thread_id x
  %from = arith.addi %x, %id : index
  %v = memref.load %a[%from] : memref<?xi32, #slot>
  memref.store %v, %t[%id] : memref<128xi32, #shared>
  gpu.barrier
  %u = memref.load %t[%id] : memref<128xi32, #shared>
  %f = arith.sitofp %u : i32 to f32
  %e = math.exp %f : f32
  %w = arith.bitcast %e : f32 to i32
  %to = arith.addi %z, %id : index
  memref.store %w, %b[%to] : memref<?xi32, #slot>
  return
}
