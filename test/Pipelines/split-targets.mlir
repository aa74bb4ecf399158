// RUN: sterna-opt %s --sterna-split-targets="targets=vulkan,x86-64-v2,armv8.0-i8mm weight-layout=base3 tuned=false" | FileCheck %s
// RUN: sterna-opt %s --sterna-split-targets=targets=x86-64-v3,vulkan --sterna-run-target-pipelines=phase=dispatch | FileCheck %s --check-prefix=LAYOUT
// RUN: not sterna-opt %s --sterna-split-targets=targets=toaster 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not sterna-opt %s --sterna-run-target-pipelines=phase=adapt 2>&1 | FileCheck %s --check-prefix=PHASE
// RUN: not sterna-opt %s --sterna-run-target-pipelines=phase=codegen 2>&1 | FileCheck %s --check-prefix=NONE

// UNKNOWN: error: unknown --target=toaster; expected host, x86-64-v2,
// PHASE: error: expected the phase 'dispatch' or 'codegen', but got 'adapt'
// NONE: error: expected a plan for a target: the phase 'dispatch' makes one for each

// Targets come in the order of their registration, levels in that of the list.
// CHECK: module @whole attributes {tern.phase = "optimize"} {
// CHECK-NEXT: module @cpu attributes {plan.target = #plan.target<"cpu", {levels = ["x86-64-v2", "armv8.0-i8mm"], platforms = ["x86-64", "aarch64-linux"], tuned = false, weight_layout = "base3"}>} {
// CHECK-NEXT: tern.param @table
// CHECK-NEXT: func.func @embed(
// CHECK: module @vulkan attributes {plan.target = #plan.target<"vulkan", {profile = #plan.device_profile<{{.*}}>, weight_layout = "base3"}>} {
// CHECK-NEXT: tern.param @table
// CHECK-NEXT: func.func @embed(

// A table beyond a binding of Vulkan is cut for Vulkan alone.
// LAYOUT: module @cpu
// LAYOUT-NOT: tensor.extract_slice
// LAYOUT: module @vulkan
// LAYOUT: tensor.extract_slice
module @whole attributes {tern.phase = "optimize"} {
  tern.param @table : tensor<80000x1024xf16> from #tern.file<path = "m.gguf", offset = 0, storage = f16>
  func.func @embed(%ids: tensor<4xi32> {tern.input = "ids"}) -> (tensor<4x1024xf32> {tern.output = "y"}) {
    %t = tern.get_param @table : tensor<80000x1024xf16>
    %y = tern.embedding %t, %ids : tensor<80000x1024xf16>, tensor<4xi32> -> tensor<4x1024xf32>
    return %y : tensor<4x1024xf32>
  }
}
