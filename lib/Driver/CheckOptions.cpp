//===- CheckOptions.cpp - Options against each other ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What can be said of options before anything is read.
//
//===----------------------------------------------------------------------===//

#include "sterna/Driver/Options.h"

using namespace sterna;

/// Tokens of a micro-batch.
static constexpr int64_t mostTokens = 1 << 20;

/// Positions of a KV cache.
static constexpr int64_t mostContext = 1 << 20;

static std::string checkSizes(const CompileOptions &options) {
  auto inRange = [](int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high;
  };
  if (!inRange(options.sequenceLength, 2, 1 << 16))
    return "--seq-len: expected 2 to 65536";
  if (!inRange(options.batch, 0, 1 << 10))
    return "--batch: expected 1 to 1024, or auto";
  if (options.maxContext && !inRange(*options.maxContext, 1, mostContext))
    return "--max-context: expected 1 to " + std::to_string(mostContext);
  if (!llvm::is_contained({0, 2, 4, 8}, options.draftTokens))
    return "--draft-tokens: expected 0, 2, 4 or 8";
  if (!inRange(options.loraRank, 0, 1 << 10))
    return "--lora-rank: expected 0 to 1024";
  int64_t tokens = options.sequenceLength * options.batch;
  if (tokens > mostTokens)
    return "--seq-len times --batch: expected at most " +
           std::to_string(mostTokens) + " tokens, but got " +
           std::to_string(tokens);
  return "";
}

std::string CompileOptions::findTrainingOption() const {
  if (gradientType != "f32")
    return "--gradient-type=" + gradientType;
  if (optimizer != "adamw")
    return "--optimizer=" + optimizer;
  if (optimizerState != "f32")
    return "--optimizer-state=" + optimizerState;
  if (gradClipMode != "exact")
    return "--grad-clip-mode=" + gradClipMode;
  if (memoryBudget != 0)
    return "--memory-budget";
  if (savedType != "f32")
    return "--saved-type=" + savedType;
  if (batch == 0)
    return "--batch=auto";
  if (whatFits != 0)
    return "--what-fits";
  return checkpoint ? "" : "--no-checkpoint";
}

static std::string checkTraining(const CompileOptions &options) {
  std::string option = options.findTrainingOption();
  if (!option.empty() && !(options.train && options.loraRank > 0))
    return option +
           " is about training, which --no-train and --lora-rank=0 leave out";
  if (options.batch == 0 && options.whatFits != 0)
    return "--batch=auto excludes --what-fits: give a number of sequences";
  if (options.batch == 0 && options.memoryBudget <= 0)
    return "--batch=auto takes as many sequences as --memory-budget=SIZE has "
           "room for: give one";
  if (options.whatFits != 0 && options.memoryBudget > 0)
    return "--what-fits plans with --memory-budget=min: leave the budget out";
  if (options.whatFits != 0 && !options.checkpoint)
    return "--what-fits excludes --no-checkpoint";
  if (options.memoryBudget != 0 && !options.checkpoint)
    return "--memory-budget excludes --no-checkpoint: it decides what is "
           "computed again";
  if (options.optimizerState != "f32" && options.optimizer == "sgd")
    return "--optimizer-state=" + options.optimizerState +
           " is about moments, of which --optimizer=sgd has none";
  if (options.loraRank == 0 && !options.loraTargets.empty())
    return "--lora-targets is about adapters, which --lora-rank=0 leaves out";
  return "";
}

static std::string checkGraphTraining(const CompileOptions &options) {
  if (options.loss.empty() == options.trainable.empty())
    return "";
  return options.loss.empty()
             ? "--trainable is about training a graph: give --train=OUTPUT, "
               "the "
               "output that is the loss"
             : "--train=" + options.loss +
                   ": give --trainable=REGEX, the initializers to train, for "
                   "example '.*weight|.*bias'";
}

static std::string checkReport(const CompileOptions &options) {
  llvm::StringRef path = options.memoryReport;
  if (path.empty())
    return "";
  if (!path.ends_with(".html") && !path.ends_with(".svg"))
    return "--memory-report=" + options.memoryReport +
           ": expected a name that ends in .html or .svg";
  if (options.to < Phase::Schedule)
    return "--memory-report needs a plan, which the phase schedule makes: give "
           "no --compile-to before it";
  return "";
}

static std::string checkOutput(const CompileOptions &options) {
  if (options.whatFits != 0)
    return options.output == "-" && options.to == Phase::Link &&
                   options.emit == Product::DeviceBinary &&
                   options.memoryReport.empty()
               ? ""
               : "--what-fits compiles nothing: leave -o, --emit, --compile-to "
                 "and --memory-report out";
  llvm::StringRef to = stringifyPhase(options.to);
  if (options.to != Phase::Link && options.emit != Product::DeviceBinary)
    return "--emit and --compile-to=" + to.str() +
           " exclude each other: what is emitted needs every phase";
  if (options.from && *options.from > options.to)
    return "--compile-to=" + to.str() + " comes before --compile-from=" +
           stringifyPhase(*options.from).str();
  if (options.from == Phase::Link)
    return "--compile-from=link: the phase 'link' leaves no IR";
  bool hasName = options.output != "-";
  if (options.emit == Product::Object &&
      !llvm::StringRef(options.output).ends_with(".o"))
    return "give the object a name with -o MODEL.o";
  if (options.to != Phase::Link || hasName)
    return "";
  return options.emit == Product::Executable
             ? "give the executable a name with -o MODEL"
             : "give the device binary a name with -o MODEL.stn";
}

llvm::Error sterna::checkOptions(const CompileOptions &options) {
  if (options.input.empty())
    return llvm::createStringError(
        "give a model to compile: sterna-compile MODEL -o MODEL.stn");
  for (auto check : {checkSizes, checkTraining, checkGraphTraining, checkReport,
                     checkOutput})
    if (std::string problem = check(options); !problem.empty())
      return llvm::createStringError(problem);
  return llvm::Error::success();
}
