//===- CPUTarget.cpp - CPUs as a target -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CPUTarget.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/CPUTarget.h"

#include "DeviceFacts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Target/CPU/EmitCode.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using cpu::Level;
using cpu::Platform;

namespace {

constexpr StringLiteral levelsFact = "levels";
constexpr StringLiteral platformsFact = "platforms";
constexpr StringLiteral layoutFact = "weight_layout";
constexpr StringLiteral tunedFact = "tuned";
// Of a device that a file describes.
constexpr StringLiteral bytesFact = "bytes_per_cycle";
constexpr StringLiteral instructionsFact = "instructions_per_cycle";

/// The levels that `choice` of --target stands for; none if this machine is
/// "host" and runs none.
std::vector<const Level *> levelsOf(StringRef choice) {
  if (choice == "host") {
    const Level *level = cpu::getHostLevel();
    return level ? std::vector{level} : std::vector<const Level *>();
  }
  if (const Platform *platform = cpu::findPlatform(choice))
    return platform->levels;
  return {cpu::findLevel(choice)};
}

template <typename T> ArrayAttr namesOf(Builder &b, ArrayRef<const T *> named) {
  SmallVector<StringRef> names;
  for (const T *each : named)
    names.push_back(each->name);
  return b.getStrArrayAttr(names);
}

const cpu::WeightLayout *layoutOf(plan::TargetAttr target) {
  return cpu::chooseWeightLayout(
      target.getFacts().getAs<StringAttr>(layoutFact), cpu::getLevels(target),
      cpu::getRates(target));
}

/// Whether `facts` has both rates or none, and nothing but the other four.
bool areRates(DictionaryAttr facts) {
  auto isPositive = [&](StringRef fact) {
    auto rate = facts.getAs<FloatAttr>(fact);
    return rate && rate.getValueAsDouble() > 0 &&
           std::isfinite(rate.getValueAsDouble());
  };
  return facts.size() == 4 || (facts.size() == 6 && isPositive(bytesFact) &&
                               isPositive(instructionsFact));
}

class CPUTarget : public Target {
public:
  StringRef getName() const override { return cpu::targetName; }

  std::vector<std::string> getChoices() const override {
    std::vector<std::string> choices{"host"};
    for (const Level &level : cpu::getLevels())
      choices.push_back(level.name.str());
    for (const Platform &platform : cpu::getPlatforms())
      choices.push_back(platform.name.str());
    return choices;
  }

  llvm::Expected<plan::TargetAttr>
  describe(MLIRContext *context, ArrayRef<std::string> choices,
           const TargetOptions &options) const override {
    llvm::SetVector<const Level *> levels;
    llvm::SetVector<const Platform *> platforms;
    for (const std::string &choice : choices) {
      std::vector<const Level *> meant = levelsOf(choice);
      if (meant.empty())
        return llvm::createStringError(
            "this machine runs none of the levels that code is generated for; "
            "give --target=LEVEL to compile for another");
      levels.insert_range(meant);
      const Platform *platform = cpu::findPlatform(choice);
      platforms.insert(platform ? platform : &cpu::platformOf(*meant.front()));
    }
    Builder b(context);
    context->loadDialect<plan::PlanDialect>();
    NamedAttrList facts;
    facts.set(levelsFact, namesOf<Level>(b, levels.getArrayRef()));
    facts.set(platformsFact, namesOf<Platform>(b, platforms.getArrayRef()));
    facts.set(layoutFact, b.getStringAttr(options.weightLayout));
    facts.set(tunedFact, b.getBoolAttr(options.tuned));
    if (!options.deviceFacts.empty()) {
      auto rates = cpu::readDeviceFacts(options.deviceFacts);
      if (!rates)
        return rates.takeError();
      facts.set(bytesFact, b.getF64FloatAttr(rates->bytesPerCycle));
      facts.set(instructionsFact,
                b.getF64FloatAttr(rates->instructionsPerCycle));
    }
    return plan::TargetAttr::get(context, getName(),
                                 facts.getDictionary(context));
  }

  LogicalResult verify(function_ref<InFlightDiagnostic()> emitError,
                       plan::TargetAttr target) const override {
    DictionaryAttr facts = target.getFacts();
    auto areNames = [&](StringRef fact, auto find) {
      auto names = facts.getAs<ArrayAttr>(fact);
      return names && !names.empty() &&
             llvm::all_of(names, [&](Attribute name) {
               auto text = dyn_cast<StringAttr>(name);
               return text && find(text.getValue());
             });
    };
    if (areRates(facts) && areNames(levelsFact, cpu::findLevel) &&
        areNames(platformsFact, cpu::findPlatform) &&
        facts.getAs<StringAttr>(layoutFact) && layoutOf(target) &&
        facts.getAs<BoolAttr>(tunedFact))
      return success();
    return emitError() << "expected the facts levels, platforms, weight_layout "
                          "and tuned of a CPU target, with names that "
                          "sterna-compile --help lists, and both rates of a "
                          "described device or none, but got "
                       << facts;
  }

  void buildDispatchPipeline(OpPassManager &manager,
                             plan::TargetAttr target) const override {
    tern::AssignLayoutsPassOptions assign;
    assign.columns = layoutOf(target)->columns;
    manager.addPass(tern::createAssignLayoutsPass(assign));
    plan::FormDispatchesPassOptions form;
    form.fuseRows = form.stackParts = true;
    manager.addPass(plan::createFormDispatchesPass(form));
  }

  void buildCodegenPipeline(OpPassManager &manager,
                            plan::TargetAttr target) const override {
    cpu::EmitKernelsPassOptions emit;
    emit.tuned = target.getFacts().getAs<BoolAttr>(tunedFact).getValue();
    for (const Level *level : cpu::getLevels(target))
      emit.levels.push_back(level->name.str());
    manager.addPass(cpu::createEmitKernelsPass(emit));
    manager.addPass(cpu::createLowerKernelsPass());
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager manager(ModuleOp::getOperationName());
    manager.addPass(tern::createAssignLayoutsPass());
    manager.addPass(plan::createFormDispatchesPass());
    manager.addPass(cpu::createEmitKernelsPass());
    manager.addPass(cpu::createLowerKernelsPass());
    manager.getDependentDialects(registry);
  }

  bool isLowered(Operation *op) const override {
    return isa<LLVM::LLVMDialect>(op->getDialect());
  }

  llvm::Expected<std::vector<CodeObject>>
  emitCode(ModuleOp module, const Progress &progress) const override {
    auto target = module->getAttrOfType<plan::TargetAttr>(plan::targetAttr);
    std::vector<CodeObject> result;
    for (const Level *level : cpu::getLevels(target)) {
      auto object = progress.measure(
          level->name, [&] { return cpu::emitCode(module, *level); });
      if (!object)
        return object.takeError();
      result.push_back(std::move(*object));
    }
    return result;
  }
};

} // namespace

std::unique_ptr<Target> cpu::createTarget() {
  return std::make_unique<CPUTarget>();
}

std::vector<const Level *> cpu::getLevels(plan::TargetAttr target) {
  std::vector<const Level *> levels;
  for (auto name :
       target.getFacts().getAs<ArrayAttr>(levelsFact).getAsRange<StringAttr>())
    levels.push_back(findLevel(name));
  return levels;
}

cpu::CoreRates cpu::getRates(plan::TargetAttr target) {
  auto bytes = target.getFacts().getAs<FloatAttr>(bytesFact);
  auto instructions = target.getFacts().getAs<FloatAttr>(instructionsFact);
  if (!bytes)
    return {};
  return {bytes.getValueAsDouble(), instructions.getValueAsDouble()};
}

std::vector<const Platform *> cpu::getPlatforms(plan::TargetAttr target) {
  std::vector<const Platform *> platforms;
  for (auto name : target.getFacts()
                       .getAs<ArrayAttr>(platformsFact)
                       .getAsRange<StringAttr>())
    platforms.push_back(findPlatform(name));
  return platforms;
}
