//===- Phases.cpp - The phases of compilation -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which passes make up each phase.
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Passes.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/CPU/WeightLayout.h"
#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
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

static void addSharding(OpPassManager &manager) {
  tern::ShardParamsPassOptions shard;
  shard.maxBytes = sterna::gpu::getMaxShardBytes();
  manager.addPass(tern::createShardParamsPass(shard));
}

/// Without a layout of the given name, the pass reports a block of 0 columns.
static void addLayouts(OpPassManager &manager, const PhaseOptions &options) {
  SmallVector<const cpu::Level *> levels;
  for (const std::string &name : options.levels)
    if (const cpu::Level *level = cpu::findLevel(name))
      levels.push_back(level);
  const cpu::WeightLayout *layout =
      cpu::chooseWeightLayout(options.weightLayout, levels);
  tern::AssignLayoutsPassOptions assign;
  assign.columns = layout ? layout->columns : 0;
  manager.addPass(tern::createAssignLayoutsPass(assign));
}

static void addCPUPasses(OpPassManager &manager, const PhaseOptions &options) {
  cpu::EmitKernelsPassOptions emit;
  emit.tuned = options.tuned;
  llvm::append_range(emit.levels, options.levels);
  manager.addPass(cpu::createEmitKernelsPass(emit));
  manager.addPass(cpu::createLowerKernelsPass());
}

static void addVulkanPasses(OpPassManager &manager) {
  manager.addPass(sterna::gpu::createAssignSlotsPass());
  manager.addPass(sterna::gpu::createEmitKernelsPass());
  manager.addPass(sterna::gpu::createLowerKernelsPass());
  manager.addPass(sterna::gpu::createCheckProfilePass());
}

static void addPasses(OpPassManager &manager, Phase phase,
                      const PhaseOptions &options) {
  switch (phase) {
  case Phase::Import:
  case Phase::Link:
    return;
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
    if (options.train && options.loraRank != 0) {
      BuildTrainingPassOptions training;
      training.loss = "eval_lora";
      training.trainable = {"lora_a", "lora_b"};
      manager.addPass(createBuildTrainingPass(training));
    }
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
    addLayouts(manager, options);
    if (options.vulkan)
      addSharding(manager);
    manager.addPass(plan::createFormDispatchesPass());
    return;
  case Phase::Schedule: {
    plan::RecomputePassOptions recompute;
    recompute.enabled = options.checkpoint;
    manager.addNestedPass<func::FuncOp>(plan::createRecomputePass(recompute));
    manager.addPass(plan::createSchedulePass());
    manager.addPass(plan::createVerifyPlanPass());
    return;
  }
  case Phase::Codegen:
    addCPUPasses(manager, options);
    if (options.vulkan)
      addVulkanPasses(manager);
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
