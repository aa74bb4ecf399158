//===- Compile.cpp - From a model to a device binary ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "ChooseChatTemplate.h"
#include "Diagnostics.h"
#include "Link.h"
#include "MemoryPlan.h"
#include "MemoryReport.h"
#include "ProcessMutex.h"
#include "WhatFits.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "sterna/Driver/Compiler.h"
#include "sterna/Import/Importer.h"
#include "sterna/InitAll.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Target/CPU/CPUTarget.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna;

namespace {

DialectRegistry makeRegistry() {
  registerAllTargets();
  registerAllImporters();
  DialectRegistry registry;
  registerAllDialects(registry);
  return registry;
}

bool isIR(StringRef path) {
  StringRef ending = llvm::sys::path::extension(path);
  return ending == ".mlir" || ending == ".mlirbc";
}

/// One run of the compiler.
class Compilation {
public:
  Compilation(const CompileOptions &options, const CompileListener &listener)
      : options(options), listener(listener), context(makeRegistry()),
        diagnostics(&context, listener) {
    context.printOpOnDiagnostic(false);
  }

  LogicalResult run() {
    if (llvm::Error error = checkOptions(options))
      return diagnostics.fail(std::move(error));
    if (failed(isIR(options.input) ? readIR() : readModel()))
      return failure();
    if (failed(runPhases()) || failed(drawMemory()))
      return failure();
    return options.to == Phase::Link ? linkProduct() : writeIR();
  }

  /// Plans the training that `options` describe, and tells nothing but errors.
  std::optional<TrainingNeed> planTraining() {
    if (failed(readModel()) || failed(runPhases()))
      return std::nullopt;
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(*module);
    auto model = (*module)->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
    if (failed(plans) || plans->empty() || !model) {
      (void)diagnostics.fail("the model has no plan");
      return std::nullopt;
    }
    int64_t most = 0;
    for (const TargetPlan &plan : *plans)
      most = std::max(most, measureTraining(plan.module));
    return TrainingNeed{most, model.getContextLength()};
  }

private:
  //===--------------------------------------------------------------------===//
  // What is compiled
  //===--------------------------------------------------------------------===//

  LogicalResult readModel() {
    if (options.from)
      return diagnostics.fail(
          "--compile-from=" + stringifyPhase(*options.from) +
          ": expected IR, a file that ends in .mlir or .mlirbc, but got '" +
          options.input + "'");
    if (failed(describe()) || failed(prepare()))
      return failure();
    auto imported = listener.progress.measure(
        "read model", [&]() -> llvm::Expected<OwningOpRef<ModuleOp>> {
          return importModel();
        });
    if (!imported)
      return diagnostics.fail(imported.takeError());
    module = std::move(*imported);
    if (!module)
      return diagnostics.fail("the model has no programs");
    next = Phase::Import;
    if (failed(checkSubject()) || failed(checkTraining()))
      return failure();
    if (!isGraph())
      noticeContext();
    return success();
  }

  /// Whether the module is a graph's, and no language model's.
  bool isGraph() {
    auto model = (*module)->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
    return model && model.getVocabulary() == 0;
  }

  /// Refuses options that are about something else than the input.
  LogicalResult checkSubject() {
    Subject other = isGraph() ? Subject::LanguageModels : Subject::Graphs;
    for (const OptionInfo *info : options.given)
      if (info->subject == other)
        return diagnostics.fail(
            "--" + info->name + " is about " +
            (isGraph()
                 ? "language models, but '" + options.input + "' is a graph"
                 : "graphs, but '" + options.input + "' is a language model"));
    std::string option = options.findTrainingOption();
    if (!option.empty() && isGraph() && !trains())
      return diagnostics.fail(option +
                              " is about training: give --train=OUTPUT "
                              "and --trainable=REGEX to train a graph");
    return success();
  }

  llvm::Expected<OwningOpRef<ModuleOp>> importModel() {
    auto imported =
        sterna::importModel(options.input, &context, getImportOptions(options));
    if (!imported)
      return imported.takeError();
    if (auto *graph = std::get_if<OwningOpRef<ModuleOp>>(&*imported))
      return std::move(*graph);
    auto *model = std::get_if<ModelDescription>(&*imported);
    auto unusable = chooseChatTemplate(options.chatTemplate, model->tokenizer);
    if (!unusable)
      return unusable.takeError();
    if (!unusable->empty())
      diagnostics.tell(Severity::Notice, *unusable);
    ProgramOptions programs;
    programs.sequenceLength = options.sequenceLength;
    programs.batch = options.batch;
    programs.pack = options.pack;
    programs.kvType = options.kvType;
    programs.draftTokens = options.draftTokens;
    programs.maxContext = options.maxContext.value_or(
        std::min<int64_t>(model->contextLength, 2048));
    return buildModel(&context, *model, programs);
  }

  /// Tells of positions that the model was not made for.
  void noticeContext() {
    auto model = (*module)->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
    auto check = [&](StringRef flag, int64_t value) {
      if (value > model.getContextLength())
        diagnostics.tell(Severity::Notice,
                         "--" + flag + "=" + Twine(value) +
                             " is beyond the model's context of " +
                             Twine(model.getContextLength()) + " tokens");
    };
    check("seq-len", options.sequenceLength);
    check("max-context", options.maxContext.value_or(0));
  }

  LogicalResult readIR() {
    module = listener.progress.measure("read IR", [&] {
      return parseSourceFile<ModuleOp>(options.input, &context);
    });
    if (!module)
      return diagnostics.fail("'" + options.input + "' holds no module");
    FailureOr<Phase> last = findPhase();
    if (failed(last))
      return failure();
    next = Phase(int(*last) + 1);
    if (failed(checkSubject()))
      return failure();
    for (const OptionInfo *info : options.given) {
      if (info->phase < next)
        return diagnostics.fail("--" + info->name +
                                " takes effect in the phase '" +
                                stringifyPhase(info->phase) + "', which '" +
                                options.input + "' has behind it");
    }
    if (options.to < *last)
      return diagnostics.fail(
          "'" + options.input + "' stands after the phase '" +
          stringifyPhase(*last) +
          "', behind --compile-to=" + stringifyPhase(options.to));
    if (failed(next <= Phase::Dispatch ? describe() : findTargets()))
      return failure();
    if (next <= Phase::Dispatch && failed(checkTraining()))
      return failure();
    return prepare();
  }

  /// The phase that the IR stands after, as it or the options say.
  FailureOr<Phase> findPhase() {
    auto said = (*module)->getAttrOfType<StringAttr>(tern::phaseAttr);
    std::optional<Phase> phase =
        said ? symbolizePhase(said) : std::optional<Phase>();
    if (said && (!phase || phase == Phase::Link))
      return diagnostics.fail("'" + options.input + "' stands after a phase '" +
                              said.getValue() + "', but there is none");
    if (phase && options.from && phase != options.from)
      return diagnostics.fail(
          "--compile-from=" + stringifyPhase(*options.from) + ": '" +
          options.input + "' stands after the phase '" +
          stringifyPhase(*phase) + "'");
    if (!phase && !options.from)
      return diagnostics.fail("'" + options.input +
                              "' does not say which phase wrote it: give "
                              "--compile-from=PHASE");
    return phase ? *phase : *options.from;
  }

  //===--------------------------------------------------------------------===//
  // What it is compiled for
  //===--------------------------------------------------------------------===//

  LogicalResult describe() {
    auto described = describeTargets(
        &context, options.targets,
        {options.weightLayout, options.tuned, options.deviceFacts});
    if (!described)
      return diagnostics.fail(described.takeError());
    targets = std::move(*described);
    bool hasCpu = llvm::any_of(targets, [](plan::TargetAttr target) {
      return target.getName() == cpu::targetName;
    });
    if (!options.deviceFacts.empty() && !hasCpu)
      return diagnostics.fail("--device-facts describes a CPU, but no --target "
                              "is one");
    return success();
  }

  /// Fails where a target cannot run programs that there will be.
  LogicalResult checkTraining() {
    if (!trains())
      return success();
    for (plan::TargetAttr target : targets)
      if (std::string gap = findTarget(target.getName())->getTrainingGap();
          !gap.empty())
        return diagnostics.fail(gap);
    return success();
  }

  /// Whether there are training programs, or will be.
  bool trains() {
    if (next > Phase::Differentiate)
      return (*module)->hasAttr(tern::optimizerAttr);
    return isGraph() ? isTrainedGraph() : options.train && options.loraRank > 0;
  }

  /// Whether the module says by which loss a graph is trained.
  bool isTrainedGraph() {
    auto main = module->lookupSymbol<func::FuncOp>("main");
    return main &&
           llvm::any_of(llvm::seq(main.getNumResults()), [&](unsigned n) {
             return bool(main.getResultAttr(n, tern::lossAttr));
           });
  }

  LogicalResult findTargets() {
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(*module);
    if (failed(plans))
      return diagnostics.fail("the IR has no plan");
    for (const TargetPlan &plan : *plans)
      targets.push_back(plan.attribute);
    return success();
  }

  LogicalResult prepare() {
    auto opened = prepareLink(options, targets);
    if (!opened)
      return diagnostics.fail(opened.takeError());
    runtime = std::move(*opened);
    return success();
  }

  //===--------------------------------------------------------------------===//
  // How it is compiled
  //===--------------------------------------------------------------------===//

  void fill(PhaseOptions &phases) {
    // Of a graph there is nothing to adapt.
    phases.loraRank = isGraph() ? 0 : options.loraRank;
    for (const std::string &name : options.loraTargets)
      phases.loraTargets.push_back(name);
    phases.train = options.train;
    phases.trainGraph = isTrainedGraph();
    phases.gradients = options.gradientType;
    phases.optimizer = options.optimizer;
    phases.optimizerState = options.optimizerState;
    phases.gradClipMode = options.gradClipMode;
    phases.memoryBudget = options.memoryBudget;
    phases.savedType = options.savedType;
    phases.checkpoint = options.checkpoint;
    phases.headType = options.headType;
    phases.weightLayout = options.weightLayout;
    phases.tuned = options.tuned;
    phases.deviceFacts = options.deviceFacts;
    for (const std::string &name : options.targets)
      phases.targets.push_back(name);
  }

  LogicalResult runPhases() {
    PhaseOptions phases;
    fill(phases);
    int last = std::min(int(options.to), int(Phase::Codegen));
    for (int phase = int(next); phase <= last; ++phase) {
      StringRef name = stringifyPhase(Phase(phase));
      PassManager manager(&context);
      if (listener.configure)
        listener.configure(manager);
      buildPhase(manager, Phase(phase), phases);
      auto result =
          listener.progress.measure(name, [&] { return manager.run(*module); });
      if (failed(result))
        return diagnostics.fail("phase " + name + " failed");
    }
    return success();
  }

  //===--------------------------------------------------------------------===//
  // What is written
  //===--------------------------------------------------------------------===//

  LogicalResult writeIR() {
    auto output = OutputFile::create(options.output);
    if (!output)
      return diagnostics.fail(output.takeError());
    module->print((*output)->os());
    if (llvm::Error error = (*output)->commit())
      return diagnostics.fail(std::move(error));
    return success();
  }

  LogicalResult drawMemory() {
    if (options.memoryReport.empty())
      return success();
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(*module);
    if (failed(plans) || plans->empty())
      return diagnostics.fail("the IR has no plan");
    if (plans->size() > 1 && StringRef(options.memoryReport).ends_with(".svg"))
      return diagnostics.fail("--memory-report=" + options.memoryReport +
                              ": the plans of several targets need a page, "
                              "which ends in .html");
    auto model = (*module)->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
    StringRef title = model && !model.getName().empty()
                          ? model.getName()
                          : llvm::sys::path::filename(options.input);
    if (llvm::Error error =
            writeMemoryReport(*plans, title, options.memoryReport))
      return diagnostics.fail(std::move(error));
    return success();
  }

  LogicalResult linkProduct() {
    FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(*module);
    if (failed(plans))
      return diagnostics.fail("the IR has no plan");
    for (const TargetPlan &plan : *plans)
      tellPlan(plan, plans->size() > 1);
    auto report =
        link(*module, *plans, options, runtime.get(), listener.progress);
    if (!report)
      return diagnostics.fail(report.takeError());
    std::string speed;
    llvm::raw_string_ostream(speed) << llvm::format(
        "packed %.1f MB of weights into %.1f MB at %.0f MB/s",
        report->sourceBytes / 1e6, report->packedBytes / 1e6,
        report->sourceBytes / 1e6 / std::max(report->packSeconds, 1e-9));
    diagnostics.tell(Severity::Report, speed);
    return success();
  }

  void tellPlan(const TargetPlan &plan, bool isOneOfMany) const {
    diagnostics.tell(Severity::Report,
                     isOneOfMany ? "memory plan of " + plan.target->getName()
                                 : Twine("memory plan"));
    for (const std::string &row : describeMemory(plan.module))
      diagnostics.tell(Severity::Report, row);
  }

  const CompileOptions &options;
  const CompileListener &listener;
  MLIRContext context;
  Diagnostics diagnostics;
  OwningOpRef<ModuleOp> module;
  std::vector<plan::TargetAttr> targets;
  std::unique_ptr<llvm::MemoryBuffer> runtime;
  Phase next = Phase::Import; // the first to run
};

/// Plans one training after the other, telling nothing but errors.
class Planner {
public:
  explicit Planner(const CompileListener &listener) : listener(listener) {
    quiet.message = [&listener](Severity severity, StringRef message) {
      if (listener.message && severity <= Severity::Note)
        listener.message(severity, message);
    };
  }

  LogicalResult check(const CompileOptions &options) {
    llvm::Error error = checkOptions(options);
    if (!error)
      return success();
    quiet.message(Severity::Error, llvm::toString(std::move(error)));
    return failure();
  }

  std::optional<TrainingNeed> plan(CompileOptions one, StringRef name) {
    one.to = Phase::Schedule;
    return listener.progress.measure(
        name, [&] { return Compilation(one, quiet).planTraining(); });
  }

private:
  const CompileListener &listener;
  CompileListener quiet;
};

void report(const CompileListener &listener, const Twine &line) {
  if (listener.message)
    listener.message(Severity::Report, line.str());
}

LogicalResult tellWhatFits(const CompileOptions &options,
                           const CompileListener &listener, Planner &planner) {
  auto lines = listWhatFits(options, [&](CompileOptions one, StringRef name) {
    one.memoryBudget = -1;
    return planner.plan(std::move(one), name);
  });
  if (!lines)
    return failure();
  for (const std::string &line : *lines)
    report(listener, line);
  return success();
}

LogicalResult compileLargestBatch(CompileOptions options,
                                  const CompileListener &listener,
                                  Planner &planner) {
  auto batch = chooseBatch(options, [&](CompileOptions one, StringRef name) {
    return planner.plan(std::move(one), name);
  });
  if (!batch)
    return failure();
  options.batch = *batch;
  report(listener, "--batch=auto: " + Twine(*batch) +
                       (*batch == 1 ? " sequence" : " sequences") +
                       " in a micro-batch");
  return Compilation(options, listener).run();
}

} // namespace

LogicalResult sterna::compile(const CompileOptions &options,
                              const CompileListener &listener) {
  std::lock_guard<std::mutex> lock(getProcessMutex());
  // What is IR has its batch.
  bool choosesBatch = options.batch == 0 && !isIR(options.input);
  if (options.whatFits == 0 && !choosesBatch)
    return Compilation(options, listener).run();
  Planner planner(listener);
  if (failed(planner.check(options)))
    return failure();
  return choosesBatch ? compileLargestBatch(options, listener, planner)
                      : tellWhatFits(options, listener, planner);
}
