//===- Target.cpp - The registry of targets -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Target.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/Target.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace sterna;

static std::vector<std::unique_ptr<Target>> &registry() {
  static std::vector<std::unique_ptr<Target>> targets;
  return targets;
}

void sterna::registerTarget(std::unique_ptr<Target> target) {
  if (findTarget(target->getName()))
    llvm::report_fatal_error("a target called '" + target->getName() +
                             "' is registered already");
  registry().push_back(std::move(target));
}

ArrayRef<std::unique_ptr<Target>> sterna::getTargets() { return registry(); }

const Target *sterna::findTarget(StringRef name) {
  for (const std::unique_ptr<Target> &target : registry())
    if (target->getName() == name)
      return target.get();
  return nullptr;
}

/// All that --target can name, as errors list it.
static std::string listChoices() {
  std::vector<std::string> all;
  for (const std::unique_ptr<Target> &target : registry())
    llvm::append_range(all, target->getChoices());
  if (all.size() > 1)
    all.back() = "or " + all.back();
  return llvm::join(all, ", ");
}

llvm::Expected<std::vector<plan::TargetAttr>>
sterna::describeTargets(MLIRContext *context, ArrayRef<std::string> choices,
                        const TargetOptions &options) {
  const std::string host = "host";
  if (choices.empty())
    choices = host;
  std::vector<plan::TargetAttr> result;
  llvm::SetVector<StringRef> unknown(choices.begin(), choices.end());
  for (const std::unique_ptr<Target> &target : registry()) {
    std::vector<std::string> mine, all = target->getChoices();
    for (const std::string &choice : choices)
      if (llvm::is_contained(all, choice)) {
        mine.push_back(choice);
        unknown.remove(choice);
      }
    if (mine.empty())
      continue;
    auto attribute = target->describe(context, mine, options);
    if (!attribute)
      return attribute.takeError();
    result.push_back(*attribute);
  }
  if (!unknown.empty())
    return llvm::createStringError("unknown --target=" + unknown.front() +
                                   "; expected " + listChoices());
  return result;
}

FailureOr<std::vector<TargetPlan>> sterna::getTargetPlans(ModuleOp module) {
  std::vector<TargetPlan> plans;
  for (auto nested : module.getOps<ModuleOp>()) {
    auto attribute = nested->getAttrOfType<plan::TargetAttr>(plan::targetAttr);
    if (!attribute)
      continue;
    const Target *target = findTarget(attribute.getName());
    if (!target)
      return nested.emitError("no target called '")
             << attribute.getName() << "' is registered";
    if (failed(target->verify([&] { return nested.emitError(); }, attribute)))
      return failure();
    plans.push_back({nested, target, attribute});
  }
  if (plans.empty())
    return module.emitError("expected a plan for a target: the phase "
                            "'dispatch' makes one for each");
  return plans;
}
