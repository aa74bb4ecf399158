// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-check-phase=phase=schedule
// RUN: not sterna-opt %s --split-input-file --sterna-check-phase=phase=dispatch 2>&1 | FileCheck %s

// From the phase dispatch on, all stands in the plan for a target.
// CHECK: expected a plan for a target: the phase 'dispatch' makes one for each
// expected-error @+1 {{expected a plan for a target: the phase 'dispatch' makes one for each}}
module {
}

// -----

// CHECK: no target called 'toaster' is registered
module {
  // expected-error @+1 {{no target called 'toaster' is registered}}
  module @toaster attributes {plan.target = #plan.target<"toaster", {}>} {
  }
}

// -----

// CHECK: expected the facts weight_layout and profile of a Vulkan target, but got {weight_layout = "auto"}
module {
  // expected-error @+1 {{expected the facts weight_layout and profile of a Vulkan target}}
  module @vulkan attributes {plan.target = #plan.target<"vulkan", {weight_layout = "auto"}>} {
  }
}

// -----

// CHECK: expected the facts levels, platforms, weight_layout and tuned of a CPU target
module {
  // expected-error @+1 {{expected the facts levels, platforms, weight_layout and tuned of a CPU target}}
  module @cpu attributes {plan.target = #plan.target<"cpu", {levels = ["x86-64-v9"], platforms = ["x86-64"], tuned = true, weight_layout = "auto"}>} {
  }
}

// -----

// CHECK: 'tern.linear' op is not allowed after phase 'dispatch'
module {
  module @cpu attributes {plan.target = #plan.target<"cpu", {levels = ["x86-64-v2"], platforms = ["x86-64"], tuned = true, weight_layout = "auto"}>} {
    // expected-error @+1 {{'func.func' op is not allowed after phase 'schedule'}}
    func.func @composite(%x: tensor<4x8xf32>, %w: tensor<16x8x!tern.trit>, %s: tensor<1xf32>) -> tensor<4x16xf32> {
      %y = tern.linear %x, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
      return %y : tensor<4x16xf32>
    }
  }
}

// -----

// Kernels inside of a plan are in the dialect of their target.
module {
  module @cpu attributes {plan.target = #plan.target<"cpu", {levels = ["x86-64-v2"], platforms = ["x86-64"], tuned = true, weight_layout = "auto"}>} {
    module @"x86-64-v2" {
      llvm.func @lowered()
      // expected-error @+1 {{'func.func' op is not allowed after phase 'schedule'}}
      func.func private @left_over()
    }
  }
}

// -----

// CHECK: 'func.func' op is not allowed after phase 'dispatch'
module {
  // expected-error @+1 {{'func.func' op is not allowed after phase 'schedule'}}
  func.func private @outside()
  module @cpu attributes {plan.target = #plan.target<"cpu", {levels = ["x86-64-v2"], platforms = ["x86-64"], tuned = true, weight_layout = "auto"}>} {
  }
}
