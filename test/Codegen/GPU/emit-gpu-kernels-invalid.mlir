// RUN: sterna-opt %s --sterna-emit-gpu-kernels --split-input-file --verify-diagnostics

// Memory is stored in words, and a row of this cache may begin within one.
// expected-error @+1 {{could not be lowered}}
plan.kernel @rows tied [0] attributes {vulkan.slots = array<i64: 0, 0, 0, 0>} {
^bb0(%c: tensor<32x3x6xi8>, %u: tensor<4x3x6xi8>, %p: tensor<i32>, %l: tensor<i32>):
  // expected-error @+1 {{expected rows of a cache to be whole words for Vulkan, but got 18 bytes of 'i8': compile it with --kv-type=f32}}
  %y = tern.cache_update %c, %u, %p, %l : tensor<32x3x6xi8>, tensor<4x3x6xi8>, tensor<i32>, tensor<i32>
  plan.yield %y : tensor<32x3x6xi8>
}
