//===- PlanDialect.td - The plan dialect -------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dialect and enums of the static execution plan.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD
#define STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::sterna::plan";
  let summary = "Device-independent static execution plan";
  let description = [{
    First on tensors: `plan.dispatch` runs a `plan.kernel`, a fused region that
    equal layers share. Then on buffers: a `plan.program` is a flat list of
    `plan.launch` over buffers whose place is fixed. CPU threads, a Vulkan
    command buffer and a Metal encoder all replay it.

    From the phase `dispatch` on, a module holds one module for each target,
    with a plan of its own, which says so by `plan.target = #plan.target<...>`.
  }];
  let hasOperationAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::sterna::tern::TernDialect"];
}

def Plan_DeviceProfileAttr : AttrDef<Plan_Dialect, "DeviceProfile"> {
  let mnemonic = "device_profile";
  let summary = "Limits of a GPU that code must keep to";
  let description = [{
    The names are those of Vulkan's `VkPhysicalDeviceLimits`: `bindingBytes` is
    maxStorageBufferRange, `storageBuffers` maxPerStageDescriptorStorageBuffers,
    `pushConstantBytes` maxPushConstantsSize, `invocations`
    maxComputeWorkGroupInvocations, `sharedBytes`
    maxComputeSharedMemorySize. Bytes count as such, not in powers.

    Example: `#plan.device_profile<bindingBytes = 134217728, storageBuffers = 4,
    pushConstantBytes = 128, invocations = 128, sharedBytes = 16384>`
  }];
  let parameters = (ins "int64_t":$bindingBytes, "int64_t":$storageBuffers,
                        "int64_t":$pushConstantBytes, "int64_t":$invocations,
                        "int64_t":$sharedBytes);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_TargetAttr : AttrDef<Plan_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "What a plan is compiled for";
  let description = [{
    `name` is that of a registered target (`sterna/Target/Target.h`), which knows
    what `facts` say.

    Example: `#plan.target<"cpu", {levels = ["x86-64-v3"], tuned = true,
    weight_layout = "auto"}>`
  }];
  let parameters = (ins StringRefParameter<>:$name,
                        "::mlir::DictionaryAttr":$facts);
  let assemblyFormat = "`<` $name `,` $facts `>`";
}

def Plan_Space : I32EnumAttr<"Space", "Where a buffer lives", [
    I32EnumAttrCase<"weights", 0>, I32EnumAttrCase<"state", 1>,
    I32EnumAttrCase<"arena", 2>, I32EnumAttrCase<"block", 3>
  ]> {
  let cppNamespace = "::sterna::plan";
}

#endif // STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD
