//===- Options.cpp - The table of options ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Options.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Driver/Options.h"

#include "llvm/ADT/StringExtras.h"

using namespace sterna;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {

using Setter = std::function<Error(CompileOptions &, StringRef)>;

Setter integer(int64_t CompileOptions::*member) {
  return [member](CompileOptions &options, StringRef text) -> Error {
    if (text.getAsInteger(10, options.*member))
      return llvm::createStringError("expected a whole number");
    return Error::success();
  };
}

Setter text(std::string CompileOptions::*member) {
  return [member](CompileOptions &options, StringRef text) {
    options.*member = text.str();
    return Error::success();
  };
}

/// Several values behind commas; a second time adds to the first.
Setter list(std::vector<std::string> CompileOptions::*member) {
  return [member](CompileOptions &options, StringRef text) {
    llvm::SmallVector<StringRef> parts;
    text.split(parts, ',');
    for (StringRef part : parts)
      (options.*member).push_back(part.str());
    return Error::success();
  };
}

/// A flag that makes `member` `value`.
Setter flag(bool CompileOptions::*member, bool value) {
  return [member, value](CompileOptions &options, StringRef text) -> Error {
    if (!text.empty() && text != "true" && text != "false")
      return llvm::createStringError("expected no value, true or false");
    options.*member = (text == "false") != value;
    return Error::success();
  };
}

/// Only for options whose table lists the values, in the enumeration's order.
template <typename Enum>
Setter choice(Enum CompileOptions::*member,
              std::initializer_list<StringRef> names) {
  return [member, names = std::vector<StringRef>(names)](
             CompileOptions &options, StringRef text) {
    options.*member = Enum(llvm::find(names, text) - names.begin());
    return Error::success();
  };
}

Error setBatch(CompileOptions &options, StringRef text) {
  int64_t value = 0;
  if (text != "auto" && (text.getAsInteger(10, value) || value < 1))
    return llvm::createStringError("expected a whole number from 1, or auto");
  options.batch = value;
  return Error::success();
}

Error setMaxContext(CompileOptions &options, StringRef text) {
  int64_t value;
  if (text.getAsInteger(10, value))
    return llvm::createStringError("expected a whole number");
  options.maxContext = value;
  return Error::success();
}

/// Bytes of a size such as "2GiB"; without a unit, bytes. `others` says what
/// else is allowed.
Expected<int64_t> readSize(StringRef text, StringRef others = "") {
  constexpr std::pair<llvm::StringLiteral, int64_t> units[] = {
      {"KiB", int64_t(1) << 10}, {"MiB", int64_t(1) << 20},
      {"GiB", int64_t(1) << 30}, {"kB", 1'000},
      {"MB", 1'000'000},         {"GB", 1'000'000'000}};
  StringRef number = text;
  double unit = 1, value;
  for (auto [name, bytes] : units)
    if (number.consume_back(name)) {
      unit = double(bytes);
      break;
    }
  // A pebibyte is more than any machine has.
  if (number.trim().getAsDouble(value) || !(value * unit >= 1) ||
      !(value * unit <= double(int64_t(1) << 50)))
    return llvm::createStringError(
        "expected a size such as 2GiB, 900MiB or 1500MB" + others);
  return int64_t(value * unit);
}

Error setMemoryBudget(CompileOptions &options, StringRef text) {
  if (text == "min") {
    options.memoryBudget = -1;
    return Error::success();
  }
  return readSize(text, ", or min").moveInto(options.memoryBudget);
}

Error setWhatFits(CompileOptions &options, StringRef text) {
  return readSize(text).moveInto(options.whatFits);
}

Error setDimension(CompileOptions &options, StringRef text) {
  auto [name, number] = text.rsplit('=');
  int64_t extent;
  if (name.empty() || number.getAsInteger(10, extent) || extent < 0)
    return llvm::createStringError("expected NAME=N");
  options.dimensions[name] = extent;
  return Error::success();
}

Error setConstant(CompileOptions &options, StringRef text) {
  auto [name, path] = text.split('=');
  if (name.empty() || path.empty())
    return llvm::createStringError("expected NAME=FILE.npy");
  options.constants[name] = path.str();
  return Error::success();
}

/// The phases and what their IR is.
std::vector<std::pair<StringRef, StringRef>> phaseValues() {
  return {{"import", "pure functions of float tensors and composites"},
          {"adapt", "LoRA branches beside the linears"},
          {"differentiate", "training programs"},
          {"optimize", "quantizers split off, loss head in chunks"},
          {"dispatch", "a plan for each target, of dispatches of kernels"},
          {"schedule", "order and place of everything"},
          {"codegen", "kernels in the dialect of their target"},
          {"link", "the device binary"}};
}

std::vector<OptionInfo> makeTable() {
  return {
      {"emit",
       "PRODUCT",
       "What to write:",
       {{"stn", "a device binary, for sterna-run (default)"},
        {"exe", "a program with every command of sterna-run, which runs where "
                "Sterna is not installed"},
        {"obj", "MODEL.o to link into a program, with MODEL.h, MODEL.stn and a "
                "note how, MODEL.txt"}},
       Phase::Link,
       choice(&CompileOptions::emit, {"stn", "exe", "obj"})},
      {"target",
       "TARGETS",
       "Devices to compile for, a list of instruction levels (x86-64-v2, "
       "x86-64-v3, x86-64-v3-vnni, x86-64-v4-vnni, armv8.0, armv8.0-dotprod, "
       "armv8.0-i8mm), x86-64 or aarch64-linux for all levels of one, and "
       "vulkan; host, the default, is the best level of this machine. With "
       "--emit=obj also aarch64-linux-android, aarch64-apple-ios and "
       "aarch64-apple-macos",
       {},
       Phase::Dispatch,
       list(&CompileOptions::targets)},
      {"seq-len",
       "N",
       "Tokens of a training or evaluation sequence (default 128)",
       {},
       Phase::Import,
       integer(&CompileOptions::sequenceLength),
       Subject::LanguageModels},
      {"batch",
       "N|auto",
       "Sequences in one micro-batch of training (default 1); auto: the most, "
       "of 1, 2, 4 ... 64, that --memory-budget has room for before more than "
       "the inside of blocks is computed again",
       {},
       Phase::Import,
       setBatch,
       Subject::LanguageModels},
      {"pack",
       "",
       "Let a sequence hold several samples: the training and evaluation "
       "programs take a position and a segment for each token",
       {},
       Phase::Import,
       flag(&CompileOptions::pack, true),
       Subject::LanguageModels},
      {"max-context",
       "N",
       "Tokens that generation can attend to, up to 1048576 (default: the "
       "model's, at most 2048)",
       {},
       Phase::Import,
       setMaxContext,
       Subject::LanguageModels},
      {"kv-type",
       "TYPE",
       "What generation keeps keys and values of earlier tokens in:",
       {{"f32", "single precision, as in comparisons with other programs"},
        {"f16", "half precision (default)"},
        {"int8", "with a scale for each token and head"}},
       Phase::Import,
       choice(&CompileOptions::kvType, {"f32", "f16", "int8"}),
       Subject::LanguageModels},
      {"draft-tokens",
       "N",
       "Tokens that generation can check at once, for sterna-run generate "
       "--draft: 0 (default), 2, 4 or 8",
       {},
       Phase::Import,
       integer(&CompileOptions::draftTokens),
       Subject::LanguageModels},
      {"lora-rank",
       "N",
       "Rank of LoRA adapters (default 8); 0 compiles none",
       {},
       Phase::Adapt,
       integer(&CompileOptions::loraRank),
       Subject::LanguageModels},
      {"lora-targets",
       "LINEARS",
       "Linears with an adapter: all, or a list of q,k,v,o,gate,up,down",
       {},
       Phase::Adapt,
       list(&CompileOptions::loraTargets),
       Subject::LanguageModels},
      {"activations",
       "TYPE",
       "Input of ternary linears:",
       {{"model", "as the model defines it (default)"},
        {"int8", "quantized per token to 8 bits"},
        {"float", "not quantized"}},
       Phase::Import,
       choice(&CompileOptions::activations, {"model", "int8", "float"}),
       Subject::LanguageModels},
      {"weight-scale",
       "USE",
       "What a checkpoint's weight_scale does to its weights:",
       {{"model", "as its configuration says (default)"},
        {"multiply", "they are trits times it"},
        {"divide", "they are trits by it"}},
       Phase::Import,
       choice(&CompileOptions::weightScale, {"model", "multiply", "divide"}),
       Subject::LanguageModels},
      {"gradient-type",
       "TYPE",
       "Gradients in products with ternary matrices, while training:",
       {{"f32", "not quantized (default)"},
        {"int16", "per token, to nearest"},
        {"int8", "per token, stochastic"}},
       Phase::Optimize,
       text(&CompileOptions::gradientType),
       Subject::LanguageModels},
      {"optimizer",
       "NAME",
       "What training updates by:",
       {{"adamw", "with decoupled weight decay and two moments (default)"},
        {"sgd", "w - rate * (gradient + decay * w), which keeps nothing"}},
       Phase::Differentiate,
       text(&CompileOptions::optimizer)},
      {"optimizer-state",
       "TYPE",
       "What AdamW's moments are kept in:",
       {{"f32", "single precision (default)"},
        {"int8", "codes with a scale for each 256, which take a quarter of the "
                 "memory and are rounded"}},
       Phase::Differentiate,
       text(&CompileOptions::optimizerState)},
      {"grad-clip-mode",
       "MODE",
       "By which norm training clips gradients:",
       {{"exact", "by that of the step's gradients, which are kept until it is "
                  "known (default)"},
        {"previous", "by the norm of the step before, the first step not at "
                     "all; no gradient is kept, nor accumulated"},
        {"off", "never; no gradient is kept, nor accumulated"}},
       Phase::Differentiate,
       text(&CompileOptions::gradClipMode)},
      {"head-type",
       "TYPE",
       "Element type of the head and of an embedding tied to it:",
       {{"model", "as the file has it, with blocks widened to f32 (default)"},
        {"f16", "half precision"},
        {"int8", "with a scale for each row"},
        {"q6", "6 bits, with an f16 scale for each 32 columns"},
        {"q4", "4 bits, with an f16 scale and minimum for each 32 columns"}},
       Phase::Optimize,
       text(&CompileOptions::headType),
       Subject::LanguageModels},
      {"weight-layout",
       "LAYOUT",
       "How trits are packed:",
       {{"auto", "by the cost model (default)"},
        {"2bit", "four to a byte"},
        {"base3", "five to a byte, which is a fifth smaller and takes more "
                  "work"}},
       Phase::Dispatch,
       text(&CompileOptions::weightLayout)},
      {"device-facts",
       "FILE.json",
       "What the CPU is like that the program is for, by which "
       "--weight-layout=auto chooses: {\"cores\": 8, \"clock_ghz\": 4.5, "
       "\"memory_gb_per_s\": 60}, the memory's rate for all cores together; "
       "\"instructions_per_cycle\" may be given, too (4 if not)",
       {},
       Phase::Dispatch,
       text(&CompileOptions::deviceFacts)},
      {"no-train",
       "",
       "Leave the training programs out",
       {},
       Phase::Differentiate,
       flag(&CompileOptions::train, false),
       Subject::LanguageModels},
      {"quantize",
       "METHOD",
       "Make latent float weights ternary:",
       {{"absmean", "BitNet's way"}},
       Phase::Import,
       text(&CompileOptions::quantize),
       Subject::LanguageModels},
      {"i2s-layout",
       "LAYOUT",
       "Which build of bitnet.cpp wrote tensors of I2_S; files do not tell:",
       {{"x86", "one for x86 (default)"}, {"arm", "one for Arm"}},
       Phase::Import,
       text(&CompileOptions::i2sLayout),
       Subject::LanguageModels},
      {"chat-template",
       "FILE|plain",
       "Chat template in place of the model's: a Jinja file, or 'plain' for "
       "\"User: ...\", \"Assistant: ...\"",
       {},
       Phase::Import,
       text(&CompileOptions::chatTemplate),
       Subject::LanguageModels},
      {"tokenizer",
       "FILE|FOLDER",
       "Make a language model of a graph of token ids, exported with or "
       "without "
       "keys and values of a past: tokenizer.json, its folder, or a GGUF file "
       "with the vocabulary",
       {},
       Phase::Import,
       text(&CompileOptions::tokenizer)},
      {"dim",
       "NAME=N",
       "Extent of a dynamic dimension of a graph; one without a name goes by "
       "its input and place, x.0. May be given several times",
       {},
       Phase::Import,
       setDimension,
       Subject::Graphs},
      {"constant",
       "NAME=FILE.npy",
       "Value of a graph's input that must be known when compiling, such as a "
       "shape; it is no input of the program then. May be given several times",
       {},
       Phase::Import,
       setConstant,
       Subject::Graphs},
      {"train",
       "OUTPUT",
       "Compile training programs of a graph that lower this output, one "
       "number of f32",
       {},
       Phase::Import,
       text(&CompileOptions::loss),
       Subject::Graphs},
      {"trainable",
       "REGEX",
       "Initializers of a graph that training changes, of f32: those whose "
       "whole name matches, for example '.*weight|.*bias'",
       {},
       Phase::Import,
       text(&CompileOptions::trainable),
       Subject::Graphs},
      {"no-checkpoint",
       "",
       "Keep all activations instead of recomputing each block's",
       {},
       Phase::Schedule,
       flag(&CompileOptions::checkpoint, false),
       Subject::LanguageModels},
      {"memory-budget",
       "SIZE|min",
       "Let training take at most so much memory, as the system counts a "
       "process's, such as 2GiB or 900MiB, and be as fast as that allows; min: "
       "as little as it can",
       {},
       Phase::Schedule,
       setMemoryBudget,
       Subject::LanguageModels},
      {"saved-type",
       "TYPE",
       "What training keeps activations for the backward pass in:",
       {{"f32", "single precision, not rounded (default)"},
        {"bf16", "half of the memory, rounded to 8 bits"},
        {"int8", "a quarter of the memory, with a scale for each token"}},
       Phase::Schedule,
       text(&CompileOptions::savedType)},
      {"what-fits",
       "SIZE",
       "Print which sequence lengths, ranks and targets a process of that size "
       "can train, with --memory-budget=min and the other options that are "
       "given, and compile nothing",
       {},
       Phase::Schedule,
       setWhatFits,
       Subject::LanguageModels},
      {"portable-kernels",
       "",
       "Use no tuned kernel, to compare with the portable tier",
       {},
       Phase::Dispatch,
       flag(&CompileOptions::tuned, false)},
      {"memory-report",
       "FILE",
       "Draw what each program has in memory, launch by launch, with its peak: "
       "a page that a browser shows (.html), or the picture of training, else "
       "of the largest program, alone (.svg)",
       {},
       Phase::Link,
       text(&CompileOptions::memoryReport)},
      {"runtime-folder",
       "FOLDER",
       "Where the runtimes lie of which executables are made (default: beside "
       "sterna-compile)",
       {},
       Phase::Link,
       text(&CompileOptions::runtimeFolder)},
      {"compile-from", "PHASE",
       "The phase that wrote the input, which is IR, where it does not say so "
       "itself:",
       phaseValues(), Phase::Link,
       [](CompileOptions &options, StringRef text) {
         options.from = symbolizePhase(text);
         return Error::success();
       }},
      {"compile-to", "PHASE", "Stop after a phase and write its IR:",
       phaseValues(), Phase::Link, [](CompileOptions &options, StringRef text) {
         options.to = *symbolizePhase(text);
         return Error::success();
       }}};
}

/// What `info` takes, for errors.
std::string listValues(const OptionInfo &info) {
  std::vector<StringRef> names;
  for (const auto &[value, meaning] : info.values)
    names.push_back(value);
  if (names.size() < 2)
    return names.front().str();
  StringRef last = names.back();
  names.pop_back();
  return llvm::join(names, ", ") + " or " + last.str();
}

} // namespace

llvm::ArrayRef<OptionInfo> sterna::getOptionTable() {
  static const std::vector<OptionInfo> table = makeTable();
  return table;
}

Error sterna::setOption(CompileOptions &options, StringRef name,
                        StringRef value) {
  const OptionInfo *info =
      llvm::find_if(getOptionTable(),
                    [&](const OptionInfo &each) { return each.name == name; });
  if (info == getOptionTable().end())
    return llvm::createStringError("unknown option --" + name);
  bool isKnown =
      info->values.empty() || llvm::any_of(info->values, [&](const auto &each) {
        return each.first == value;
      });
  if (!isKnown)
    return llvm::createStringError("unknown --" + name + "=" + value +
                                   "; expected " + listValues(*info));
  if (Error error = info->set(options, value))
    return llvm::createStringError("--" + name + "=" + value + ": " +
                                   llvm::toString(std::move(error)));
  options.given.push_back(info);
  return Error::success();
}

ImportOptions sterna::getImportOptions(const CompileOptions &options) {
  ImportOptions result;
  result.activations = options.activations;
  result.quantizeAbsmean = !options.quantize.empty();
  result.weightScale = options.weightScale;
  if (!options.i2sLayout.empty())
    result.i2sLayout =
        options.i2sLayout == "arm" ? I2SLayout::Arm : I2SLayout::X86;
  result.dimensions = options.dimensions;
  result.constants = options.constants;
  result.loss = options.loss;
  result.trainable = options.trainable;
  result.tokenizer = options.tokenizer;
  result.tokens =
      std::max(options.maxContext.value_or(2048), options.sequenceLength);
  return result;
}
