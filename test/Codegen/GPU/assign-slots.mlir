// RUN: sterna-opt %s --sterna-assign-slots | FileCheck %s

// The limits that the slots keep to.
// CHECK: module attributes {vulkan.profile = #plan.device_profile<bindingBytes = 134217728, storageBuffers = 4, pushConstantBytes = 128, invocations = 128, sharedBytes = 16384>}

// Buffers of one space share a slot, others do not.
// CHECK: plan.kernel @spaces tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 0>}
plan.kernel @spaces tied [-1] {
^bb0(%x: tensor<64xf32>, %w: tensor<64xf32>):
  %y = arith.addf %x, %w : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}

// One launch in which two buffers lie in different spaces parts them in all.
// CHECK: plan.kernel @launches_disagree tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 0>}
plan.kernel @launches_disagree tied [-1] {
^bb0(%x: tensor<64xf32>, %w: tensor<64xf32>):
  %y = arith.mulf %x, %w : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}

// 128 MiB is what a slot can bind: a buffer that ends there shares it, one that
// ends a row further has another.
// CHECK: plan.kernel @just_fits tied [-1] attributes {vulkan.slots = array<i64: 0, 0, 1>}
plan.kernel @just_fits tied [-1] {
^bb0(%x: tensor<64xf32>, %w: tensor<64xf32>):
  %y = arith.subf %x, %w : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}
// CHECK: plan.kernel @too_far tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 2>}
plan.kernel @too_far tied [-1] {
^bb0(%x: tensor<64xf32>, %w: tensor<64xf32>):
  %y = arith.divf %x, %w : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}

// A binding starts at a multiple of 256 bytes, which counts.
// CHECK: plan.kernel @aligned_down tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 2>}
plan.kernel @aligned_down tied [-1] {
^bb0(%x: tensor<64xf32>, %w: tensor<64xf32>):
  %y = arith.maximumf %x, %w : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}

// What nothing launches needs none.
// CHECK: plan.kernel @unused tied [-1] {
plan.kernel @unused tied [-1] {
^bb0(%x: tensor<64xf32>):
  %y = math.exp %x : tensor<64xf32>
  plan.yield %y : tensor<64xf32>
}

plan.program @p arena 1024 inputs [] outputs [] peak {} {
  %arena0 = plan.buffer arena at 0 : memref<64xf32>
  %arena1 = plan.buffer arena at 256 : memref<64xf32>
  %near = plan.buffer weights at 0 : memref<64xf32>
  %unaligned = plan.buffer weights at 192 : memref<64xf32>
  %last = plan.buffer weights at 134217472 : memref<64xf32>
  %past = plan.buffer weights at 134217728 : memref<64xf32>
  %past_unaligned = plan.buffer weights at 134217536 : memref<64xf32>
  plan.launch @spaces(%arena0, %near, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
  plan.launch @launches_disagree(%arena0, %arena0, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
  plan.launch @launches_disagree(%arena0, %near, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
  plan.launch @just_fits(%near, %last, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
  plan.launch @too_far(%near, %past, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
  plan.launch @aligned_down(%unaligned, %past_unaligned, %arena1) : memref<64xf32>, memref<64xf32>, memref<64xf32>
}
