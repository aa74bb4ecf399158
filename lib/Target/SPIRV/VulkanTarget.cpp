//===- VulkanTarget.cpp - Vulkan devices as a target ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanTarget.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/SPIRV/VulkanTarget.h"

#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Target/SPIRV/EmitCode.h"

using namespace mlir;
using namespace sterna;

namespace {

constexpr StringLiteral layoutFact = "weight_layout";
constexpr StringLiteral profileFact = "profile";

/// Columns of a block (#tern.panel) in the layout called `name`.
int64_t getColumns(StringRef name) { return name == "base3" ? 20 : 16; }

class VulkanTarget : public Target {
public:
  StringRef getName() const override { return "vulkan"; }

  std::vector<std::string> getChoices() const override { return {"vulkan"}; }

  llvm::Expected<plan::TargetAttr>
  describe(MLIRContext *context, ArrayRef<std::string>,
           const TargetOptions &options) const override {
    Builder b(context);
    context->loadDialect<plan::PlanDialect>();
    return plan::TargetAttr::get(
        context, getName(),
        b.getDictionaryAttr(
            {b.getNamedAttr(layoutFact, b.getStringAttr(options.weightLayout)),
             b.getNamedAttr(profileFact,
                            sterna::gpu::getPortableProfile(context))}));
  }

  LogicalResult verify(function_ref<InFlightDiagnostic()> emitError,
                       plan::TargetAttr target) const override {
    DictionaryAttr facts = target.getFacts();
    auto layout = facts.getAs<StringAttr>(layoutFact);
    auto profile = facts.getAs<plan::DeviceProfileAttr>(profileFact);
    if (facts.size() == 2 && layout && profile)
      return success();
    return emitError() << "expected the facts weight_layout and profile of a "
                          "Vulkan target, but got "
                       << facts;
  }

  std::string getTrainingGap() const override {
    return "training on Vulkan is not there yet; compile for inference alone: "
           "a language model with --no-train, a graph without --train";
  }

  void buildDispatchPipeline(OpPassManager &manager,
                             plan::TargetAttr target) const override {
    DictionaryAttr facts = target.getFacts();
    tern::AssignLayoutsPassOptions assign;
    assign.columns = getColumns(facts.getAs<StringAttr>(layoutFact));
    manager.addPass(tern::createAssignLayoutsPass(assign));
    tern::ShardParamsPassOptions shard;
    shard.maxBytes = sterna::gpu::getMaxShardBytes(
        facts.getAs<plan::DeviceProfileAttr>(profileFact));
    manager.addPass(tern::createShardParamsPass(shard));
    manager.addPass(plan::createFormDispatchesPass());
  }

  void buildCodegenPipeline(OpPassManager &manager,
                            plan::TargetAttr) const override {
    manager.addPass(sterna::gpu::createAssignSlotsPass());
    manager.addPass(sterna::gpu::createEmitKernelsPass());
    manager.addPass(sterna::gpu::createLowerKernelsPass());
    manager.addPass(sterna::gpu::createCheckProfilePass());
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager manager(ModuleOp::getOperationName());
    manager.addPass(tern::createAssignLayoutsPass());
    manager.addPass(tern::createShardParamsPass());
    manager.addPass(plan::createFormDispatchesPass());
    buildCodegenPipeline(manager, {});
    manager.getDependentDialects(registry);
  }

  bool isLowered(Operation *op) const override {
    return isa<mlir::spirv::SPIRVDialect>(op->getDialect());
  }

  llvm::Expected<std::vector<CodeObject>>
  emitCode(ModuleOp module, const Progress &progress) const override {
    auto object = progress.measure(
        "spirv", [&] { return sterna::spirv::emitCode(module); });
    if (!object)
      return object.takeError();
    std::vector<CodeObject> result;
    result.push_back(std::move(*object));
    return result;
  }
};

} // namespace

std::unique_ptr<Target> sterna::spirv::createVulkanTarget() {
  return std::make_unique<VulkanTarget>();
}
