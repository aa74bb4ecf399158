//===- Target.h - What code can be generated for ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A target is a family of devices that run one plan: its layouts of weights,
// its cuts of large parameters, its kernels and their code. The rest of the
// compiler knows targets by this interface alone; docs/design.md says how one
// is added.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_TARGET_H
#define STERNA_TARGET_TARGET_H

#include "mlir/Pass/PassManager.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Support/Progress.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace sterna {

/// What the user can ask of every target.
struct TargetOptions {
  /// Layout of ternary weights: "auto", "2bit" or "base3".
  std::string weightLayout = "auto";
  /// Whether tuned kernels are used where they match.
  bool tuned = true;
  /// The JSON file that describes the CPU; empty: none does.
  std::string deviceFacts;
};

/// Targets have no state; one object of each is registered.
class Target {
public:
  virtual ~Target() = default;

  /// Names the plan in IR and device binary, and the runtime's device: "cpu".
  virtual llvm::StringRef getName() const = 0;

  /// What --target can name of it, in the order of --help.
  virtual std::vector<std::string> getChoices() const = 0;

  /// The attribute for `choices`, some of getChoices(), at least one. Fails
  /// where this machine cannot tell what a choice means.
  virtual llvm::Expected<plan::TargetAttr>
  describe(mlir::MLIRContext *context, llvm::ArrayRef<std::string> choices,
           const TargetOptions &options) const = 0;

  /// Reports facts that are not as describe() gives them.
  virtual mlir::LogicalResult
  verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
         plan::TargetAttr target) const = 0;

  /// What is missing for the training programs; empty if nothing is.
  virtual std::string getTrainingGap() const { return ""; }

  /// Adds the passes that choose layouts, cut parameters and form dispatches,
  /// on a module of program functions.
  virtual void buildDispatchPipeline(mlir::OpPassManager &manager,
                                     plan::TargetAttr target) const = 0;

  /// Adds the passes from a plan to lowered kernels in modules inside of it.
  virtual void buildCodegenPipeline(mlir::OpPassManager &manager,
                                    plan::TargetAttr target) const = 0;

  /// The dialects that both pipelines make ops of.
  virtual void getDependentDialects(mlir::DialectRegistry &registry) const = 0;

  /// Whether `op`, inside of such a module, may be handed to emitCode.
  virtual bool isLowered(mlir::Operation *op) const = 0;

  /// The code objects of `module`, a plan after codegen for this target.
  virtual llvm::Expected<std::vector<CodeObject>>
  emitCode(mlir::ModuleOp module, const Progress &progress) const = 0;
};

/// Makes `target` known to the phases. Its name must be free.
void registerTarget(std::unique_ptr<Target> target);

/// The registered targets, in order of registration, which is that of plans.
llvm::ArrayRef<std::unique_ptr<Target>> getTargets();

/// The target of that name; null if there is none.
const Target *findTarget(llvm::StringRef name);

/// The attributes for `choices`, names as --target takes them, of all targets;
/// none means "host". Fails with the list of choices where one is not known.
llvm::Expected<std::vector<plan::TargetAttr>>
describeTargets(mlir::MLIRContext *context, llvm::ArrayRef<std::string> choices,
                const TargetOptions &options);

/// The modules inside of `module` that are plans, each with its target. Fails,
/// with an error, on a target that is not registered or whose facts it does not
/// know.
struct TargetPlan {
  mlir::ModuleOp module;
  const Target *target;
  plan::TargetAttr attribute;
};
mlir::FailureOr<std::vector<TargetPlan>> getTargetPlans(mlir::ModuleOp module);

/// Registers Sterna's own targets, once however often it is called.
void registerAllTargets();

} // namespace sterna

#endif // STERNA_TARGET_TARGET_H
