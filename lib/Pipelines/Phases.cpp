//===- Phases.cpp - The phases of compilation -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which passes make up each phase.
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Passes.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Import/ONNX/Passes.h"
#include "sterna/Pipelines/Pipelines.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace sterna;

static constexpr llvm::StringLiteral phaseNames[] = {
    "import",   "adapt",    "differentiate", "optimize",
    "dispatch", "schedule", "codegen",       "link"};

StringRef sterna::stringifyPhase(Phase phase) {
  return phaseNames[unsigned(phase)];
}

std::optional<Phase> sterna::symbolizePhase(StringRef name) {
  for (auto [index, phase] : llvm::enumerate(phaseNames))
    if (phase == name)
      return Phase(index);
  return std::nullopt;
}

static void addCleanup(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// What each target adds to `phase`.
static void addTargetPasses(OpPassManager &manager, Phase phase) {
  RunTargetPipelinesPassOptions options;
  options.phase = stringifyPhase(phase).str();
  manager.addPass(createRunTargetPipelinesPass(options));
}

static void addSplit(OpPassManager &manager, const PhaseOptions &options) {
  SplitTargetsPassOptions split;
  llvm::append_range(split.targets, options.targets);
  split.weightLayout = options.weightLayout;
  split.tuned = options.tuned;
  split.deviceFacts = options.deviceFacts;
  manager.addPass(createSplitTargetsPass(split));
}

static void addTraining(OpPassManager &manager, const PhaseOptions &options,
                        StringRef loss, ArrayRef<std::string> trainable) {
  BuildTrainingPassOptions training;
  training.loss = loss.str();
  training.optimizer = options.optimizer;
  training.int8State = options.optimizerState == "int8";
  training.clipping = options.gradClipMode;
  llvm::append_range(training.trainable, trainable);
  manager.addPass(createBuildTrainingPass(training));
}

static void addGraphTraining(OpPassManager &manager,
                             const PhaseOptions &options) {
  manager.addPass(tern::createAdaptParamsPass());
  addTraining(manager, options, "loss", {"parameter"});
}

static void addPasses(OpPassManager &manager, Phase phase,
                      const PhaseOptions &options) {
  switch (phase) {
  case Phase::Link:
    return;
  case Phase::Import:
    return buildRaisingPipeline(manager);
  case Phase::Adapt: {
    if (options.loraRank == 0)
      return;
    tern::AdaptLoraPassOptions adapt;
    adapt.rank = options.loraRank;
    llvm::append_range(adapt.targets, options.loraTargets);
    manager.addPass(tern::createAdaptLoraPass(adapt));
    return;
  }
  case Phase::Differentiate:
    if (options.trainGraph)
      addGraphTraining(manager, options);
    else if (options.train && options.loraRank != 0)
      addTraining(manager, options, "eval_lora", {"lora_a", "lora_b"});
    return addCleanup(manager);
  case Phase::Optimize:
    manager.addPass(tern::createSplitLinearPass());
    if (options.gradients != "f32") {
      tern::QuantizeGradientsPassOptions quantize;
      quantize.type = options.gradients;
      manager.addPass(tern::createQuantizeGradientsPass(quantize));
    }
    addCleanup(manager);
    // No CSE after this: it would merge the logits that the backward pass
    // computes again with those of the forward pass, and so keep them whole.
    manager.addPass(tern::createChunkLossHeadPass());
    manager.addPass(createCanonicalizerPass());
    if (options.headType != "model") {
      tern::QuantizeHeadPassOptions head;
      head.type = options.headType;
      manager.addPass(tern::createQuantizeHeadPass(head));
    }
    return;
  case Phase::Dispatch:
    manager.addPass(plan::createRepeatElementwisePass());
    manager.addPass(tern::createOutlineConstantsPass());
    addSplit(manager, options);
    return addTargetPasses(manager, phase);
  case Phase::Schedule: {
    OpPassManager &plans = manager.nest<ModuleOp>();
    plan::RecomputePassOptions recompute;
    recompute.enabled = options.checkpoint;
    recompute.budget = options.memoryBudget;
    recompute.savedType = options.savedType;
    plans.addPass(plan::createRecomputePass(recompute));
    plans.addPass(plan::createSchedulePass());
    plans.addPass(plan::createVerifyPlanPass());
    return;
  }
  case Phase::Codegen:
    addTargetPasses(manager, phase);
    return;
  }
}

void sterna::buildPhase(OpPassManager &manager, Phase phase,
                        const PhaseOptions &options) {
  addPasses(manager, phase, options);
  CheckPhasePassOptions check;
  check.phase = stringifyPhase(phase).str();
  manager.addPass(createCheckPhasePass(check));
}

void sterna::registerPhases() {
  for (Phase phase : {Phase::Adapt, Phase::Differentiate, Phase::Optimize,
                      Phase::Dispatch, Phase::Schedule, Phase::Codegen}) {
    StringRef name = stringifyPhase(phase);
    PassPipelineRegistration<PhaseOptions>(
        ("sterna-phase-" + name).str(), ("Phase '" + name + "'").str(),
        [phase](OpPassManager &manager, const PhaseOptions &options) {
          buildPhase(manager, phase, options);
        });
  }
}
