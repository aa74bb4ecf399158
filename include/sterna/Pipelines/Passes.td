//===- Passes.td - Checks between phases -------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one pass that belongs to the pipelines themselves.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_PIPELINES_PASSES_TD
#define STERNA_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckPhasePass : Pass<"sterna-check-phase", "::mlir::ModuleOp"> {
  let summary = "Check what must hold at the end of a phase";
  let description = [{
    Fails with the first op that the phase should have removed, or that comes
    too early. The contracts are in the table of docs/design.md:

    ```mlir
    // sterna-check-phase=phase=optimize
    %y = tern.linear ... // error: is not allowed after phase 'optimize'
    ```
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"\"", "Name of the phase">
  ];
}

#endif // STERNA_PIPELINES_PASSES_TD
