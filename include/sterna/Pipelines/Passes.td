//===- Passes.td - Checks between phases -------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes that belong to the pipelines themselves.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_PIPELINES_PASSES_TD
#define STERNA_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckPhasePass : Pass<"sterna-check-phase", "::mlir::ModuleOp"> {
  let summary = "Check what must hold at the end of a phase";
  let description = [{
    Fails with the first op that the phase should have removed, or that comes
    too early. Else the module says that it stands after the phase
    (`tern.phase`). The contracts are in the table of docs/design.md:

    ```mlir
    // sterna-check-phase=phase=optimize
    %y = tern.linear ... // error: is not allowed after phase 'optimize'
    ```
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"\"", "Name of the phase">
  ];
}

def SplitTargetsPass : Pass<"sterna-split-targets", "::mlir::ModuleOp"> {
  let summary = "Give each target a module of its own";
  let description = [{
    Moves what `module` holds into a module for each target, which says so by
    `plan.target`; the attributes of `module` stay. From here on, what is right
    for one target changes nothing for another.

    ```mlir
    module {
      func.func @eval(...)
    }
    // becomes, with targets=x86-64-v3,vulkan
    module {
      module @cpu attributes {plan.target = #plan.target<"cpu", {...}>} {
        func.func @eval(...)
      }
      module @vulkan attributes {plan.target = #plan.target<"vulkan", {...}>} {
        func.func @eval(...)
      }
    }
    ```
  }];
  let options = [
    ListOption<"targets", "targets", "std::string",
               "Targets as sterna-compile's --target takes them, host if empty">,
    Option<"weightLayout", "weight-layout", "std::string", "\"auto\"",
           "Layout of ternary weights: auto, 2bit or base3">,
    Option<"tuned", "tuned", "bool", "true",
           "Use tuned kernels where they match">,
    Option<"deviceFacts", "device-facts", "std::string", "\"\"",
           "JSON file that describes the CPU, none if empty">
  ];
  let dependentDialects = ["::sterna::plan::PlanDialect"];
}

def RunTargetPipelinesPass
    : Pass<"sterna-run-target-pipelines", "::mlir::ModuleOp"> {
  let summary = "Run what each target adds to a phase";
  let description = [{
    On each module inside with a `plan.target`, runs the pipeline that the
    registered target has for `phase`: layouts and cuts of parameters in
    `dispatch`, kernels in `codegen`.

    ```mlir
    module @cpu attributes {plan.target = #plan.target<"cpu", {...}>} {
      plan.kernel @k ...
      // sterna-run-target-pipelines=phase=codegen adds
      module @"x86-64-v3" {
        llvm.func @k(...)
      }
    }
    ```
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"\"", "dispatch or codegen">
  ];
}

#endif // STERNA_PIPELINES_PASSES_TD
