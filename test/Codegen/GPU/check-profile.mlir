// RUN: sterna-opt %s --sterna-check-profile --split-input-file --verify-diagnostics

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 16, invocations = 128, sharedBytes = 256>

// All that the profile grants: a binding of 1024 bytes, four operands in four
// slots, 128 invocations, 256 bytes of shared memory.
module attributes {vulkan.profile = #profile} {
  plan.kernel @fits tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 2, 3>} {
  ^bb0(%x: tensor<256xf32>, %y: tensor<64xf32>, %z: tensor<64xf32>):
    plan.yield %x : tensor<256xf32>
  }
  plan.program @p arena 4096 inputs [] outputs [] peak {} {
    %x = plan.buffer arena at 0 : memref<256xf32>
    %y = plan.buffer weights at 0 : memref<64xf32>
    %z = plan.buffer state at 0 : memref<64xf32>
    %r = plan.buffer block at 0 : memref<256xf32>
    plan.launch @fits(%x, %y, %z, %r) : memref<256xf32>, memref<64xf32>, memref<64xf32>, memref<256xf32>
  }
  module @vulkan_kernels {
    spirv.module @fits Logical GLSL450 {
      spirv.GlobalVariable @shared : !spirv.ptr<!spirv.struct<(!spirv.array<64 x i32>)>, Workgroup>
      spirv.func @main() "None" { spirv.Return }
      spirv.EntryPoint "GLCompute" @main
      spirv.ExecutionMode @main "LocalSize", 128, 1, 1
    }
  }
}

// -----

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 128, invocations = 128, sharedBytes = 256>

module attributes {vulkan.profile = #profile} {
  // expected-error @below {{expected at most 4 storage buffers, but got 5}}
  plan.kernel @five_slots tied [-1] attributes {vulkan.slots = array<i64: 0, 1, 2, 3, 4>} {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %d: tensor<4xf32>):
    plan.yield %a : tensor<4xf32>
  }
  module @vulkan_kernels {
    spirv.module @five_slots Logical GLSL450 {
    }
  }
}

// -----

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 16, invocations = 128, sharedBytes = 256>

module attributes {vulkan.profile = #profile} {
  // expected-error @below {{expected at most 16 bytes of push constants, but got 20}}
  plan.kernel @five_operands tied [-1] attributes {vulkan.slots = array<i64: 0, 0, 0, 0, 0>} {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %d: tensor<4xf32>):
    plan.yield %a : tensor<4xf32>
  }
  module @vulkan_kernels {
    spirv.module @five_operands Logical GLSL450 {
    }
  }
}

// -----

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 128, invocations = 128, sharedBytes = 256>

module attributes {vulkan.profile = #profile} {
  // expected-error @below {{expected at most 128 invocations in a workgroup, but got 192}}
  plan.kernel @invocations tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
  ^bb0(%a: tensor<4xf32>):
    plan.yield %a : tensor<4xf32>
  }
  module @vulkan_kernels {
    spirv.module @invocations Logical GLSL450 {
      spirv.func @main() "None" { spirv.Return }
      spirv.EntryPoint "GLCompute" @main
      spirv.ExecutionMode @main "LocalSize", 96, 2, 1
    }
  }
}

// -----

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 128, invocations = 128, sharedBytes = 256>

module attributes {vulkan.profile = #profile} {
  // Of several variables.
  // expected-error @below {{expected at most 256 bytes of shared memory, but got 260}}
  plan.kernel @shared tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
  ^bb0(%a: tensor<4xf32>):
    plan.yield %a : tensor<4xf32>
  }
  module @vulkan_kernels {
    spirv.module @shared Logical GLSL450 {
      spirv.GlobalVariable @one : !spirv.ptr<!spirv.struct<(!spirv.array<64 x i32>)>, Workgroup>
      spirv.GlobalVariable @other : !spirv.ptr<!spirv.struct<(!spirv.array<1 x i32>)>, Workgroup>
    }
  }
}

// -----

#profile = #plan.device_profile<bindingBytes = 1024, storageBuffers = 4, pushConstantBytes = 128, invocations = 128, sharedBytes = 256>

// Not the buffers, but what lies between them is too long, and only in the
// second launch: from 256, where a device can bind, to 1344.
module attributes {vulkan.profile = #profile} {
  plan.kernel @window tied [-1] attributes {vulkan.slots = array<i64: 0, 0>} {
  ^bb0(%a: tensor<16xf32>):
    plan.yield %a : tensor<16xf32>
  }
  plan.program @p arena 4096 inputs [] outputs [] peak {} {
    %second = plan.buffer arena at 320 : memref<16xf32>
    %near = plan.buffer arena at 1216 : memref<16xf32>
    %far = plan.buffer arena at 1280 : memref<16xf32>
    plan.launch @window(%second, %near) : memref<16xf32>, memref<16xf32>
    // expected-error @below {{expected at most 1024 bytes in a binding, but got 1088}}
    plan.launch @window(%second, %far) : memref<16xf32>, memref<16xf32>
  }
  module @vulkan_kernels {
    spirv.module @window Logical GLSL450 {
    }
  }
}

// -----

// expected-error @below {{expected a profile and kernels: run --sterna-emit-gpu-kernels}}
module {
}
