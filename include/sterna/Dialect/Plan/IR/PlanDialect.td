//===- PlanDialect.td - The plan dialect -------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dialect and enums of the static execution plan.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD
#define STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD

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
  }];
}

def Plan_Space : I32EnumAttr<"Space", "Where a buffer lives", [
    I32EnumAttrCase<"weights", 0>, I32EnumAttrCase<"state", 1>,
    I32EnumAttrCase<"arena", 2>, I32EnumAttrCase<"block", 3>
  ]> {
  let cppNamespace = "::sterna::plan";
}

#endif // STERNA_DIALECT_PLAN_IR_PLANDIALECT_TD
