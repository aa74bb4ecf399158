//===- Pipelines.h - The phases of compilation ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Phases are named pipelines, the same for sterna-compile, sterna-opt and
// tests.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_PIPELINES_PIPELINES_H
#define STERNA_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace sterna {

#define GEN_PASS_DECL
#include "sterna/Pipelines/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "sterna/Pipelines/Passes.h.inc"

/// The phases in their order. `Import` is the importer's; `Link` writes the
/// device binary and leaves no IR.
enum class Phase {
  Import,        ///< pure funcs on float tensors and composites
  Adapt,         ///< LoRA branches stand beside the selected linears
  Differentiate, ///< the training programs exist; no rule is needed now
  Optimize,      ///< quantizers split off, loss head in chunks, canonical
  Dispatch,      ///< a module for each target; dispatches of shared kernels
  Schedule,      ///< order, recomputation and every offset fixed, verified
  Codegen,       ///< kernels in the dialect of their target
  Link
};

/// "import", "adapt", ...
llvm::StringRef stringifyPhase(Phase phase);
std::optional<Phase> symbolizePhase(llvm::StringRef name);

/// What the phases need to know.
struct PhaseOptions : mlir::PassPipelineOptions<PhaseOptions> {
  Option<int64_t> loraRank{*this, "lora-rank",
                           llvm::cl::desc("Rank of the adapters, 0 for none"),
                           llvm::cl::init(8)};
  ListOption<std::string> loraTargets{
      *this, "lora-targets", llvm::cl::desc("Linears to adapt, all if empty")};
  Option<bool> train{*this, "train",
                     llvm::cl::desc("Build the training programs"),
                     llvm::cl::init(true)};
  Option<bool> trainGraph{
      *this, "train-graph",
      llvm::cl::desc("Train the marked parameters of a graph by its loss"),
      llvm::cl::init(false)};
  Option<std::string> gradients{
      *this, "gradients",
      llvm::cl::desc("Gradients in products with ternary matrices: f32, int16 "
                     "or int8"),
      llvm::cl::init("f32")};
  Option<std::string> optimizer{*this, "optimizer",
                                llvm::cl::desc("Optimizer: adamw or sgd"),
                                llvm::cl::init("adamw")};
  Option<std::string> optimizerState{
      *this, "optimizer-state",
      llvm::cl::desc("Type of the optimizer's moments: f32 or int8"),
      llvm::cl::init("f32")};
  Option<std::string> gradClipMode{
      *this, "grad-clip-mode",
      llvm::cl::desc("When gradients are clipped: exact, previous or off"),
      llvm::cl::init("exact")};
  Option<bool> checkpoint{
      *this, "checkpoint",
      llvm::cl::desc("Recompute activations in the backward pass"),
      llvm::cl::init(true)};
  Option<int64_t> memoryBudget{
      *this, "memory-budget",
      llvm::cl::desc("Bytes of a process that trains; 0: none given, -1: the "
                     "fewest"),
      llvm::cl::init(0)};
  Option<std::string> savedType{
      *this, "saved-type",
      llvm::cl::desc("What is kept for the backward pass: f32, bf16 or int8"),
      llvm::cl::init("f32")};
  Option<std::string> headType{
      *this, "head-type",
      llvm::cl::desc(
          "Element type of the head's table: model, f16, int8, q6 or q4"),
      llvm::cl::init("model")};
  Option<std::string> weightLayout{
      *this, "weight-layout",
      llvm::cl::desc("Layout of ternary weights: auto, 2bit or base3"),
      llvm::cl::init("auto")};
  ListOption<std::string> targets{
      *this, "targets",
      llvm::cl::desc("Targets as sterna-compile's --target takes them, host if "
                     "empty; phase dispatch gives each its own plan")};
  Option<bool> tuned{*this, "tuned",
                     llvm::cl::desc("Use tuned kernels where they match"),
                     llvm::cl::init(true)};
  Option<std::string> deviceFacts{
      *this, "device-facts",
      llvm::cl::desc("JSON file that describes the CPU, none if empty")};
};

/// Adds `phase`, from Adapt to Codegen, with its check, to `manager`.
void buildPhase(mlir::OpPassManager &manager, Phase phase,
                const PhaseOptions &options);

/// Registers each phase as a pipeline, `--sterna-phase-adapt` and so on.
void registerPhases();

} // namespace sterna

#endif // STERNA_PIPELINES_PIPELINES_H
