//===- Options.h - What a compilation is to do ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The options of the compiler as a structure, and the one table from which
// sterna-compile's --help, the C API and other clients take their names.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DRIVER_OPTIONS_H
#define STERNA_DRIVER_OPTIONS_H

#include "sterna/Import/Importer.h"
#include "sterna/Pipelines/Pipelines.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

struct OptionInfo;

/// What is written.
enum class Product {
  DeviceBinary, ///< MODEL.stn
  Executable,   ///< a program with the commands of sterna-run and the model
  Object        ///< MODEL.o with header, note and device binary beside it
};

struct CompileOptions {
  /// A model, or IR that a phase has written.
  std::string input;
  /// The file to write; "-" is standard output, for IR alone.
  std::string output = "-";

  Product emit = Product::DeviceBinary;
  /// As --target takes them; none means "host".
  std::vector<std::string> targets;
  int64_t sequenceLength = 128;
  /// Sequences in a micro-batch; 0: as many as the memory budget has room for.
  int64_t batch = 1;
  /// Whether a sequence may hold several samples, with segments.
  bool pack = false;
  /// Rows of the KV cache; by default the model's context, at most 2048.
  std::optional<int64_t> maxContext;
  KVType kvType = KVType::F16;
  /// Tokens that generation can check at once: 0, 2, 4 or 8.
  int64_t draftTokens = 0;
  int64_t loraRank = 8;
  /// Projections to adapt; none means all.
  std::vector<std::string> loraTargets;
  ActivationType activations = ActivationType::Model;
  WeightScale weightScale = WeightScale::Model;
  std::string gradientType = "f32", headType = "model", weightLayout = "auto";
  std::string optimizer = "adamw", optimizerState = "f32",
              gradClipMode = "exact", savedType = "f32";
  /// Bytes that a process that trains may have; 0: none given, -1: the fewest.
  int64_t memoryBudget = 0;
  /// Bytes of a process of which is told what it can train; 0: none, compile.
  int64_t whatFits = 0;
  bool train = true, checkpoint = true, tuned = true;
  /// The JSON file that describes the CPU, by which layouts are chosen; empty:
  /// what is usual is assumed.
  std::string deviceFacts;
  /// "absmean" makes latent weights ternary; empty: they are an error.
  std::string quantize;
  /// "x86" or "arm", for tensors of I2_S; empty: x86, and there may be none.
  std::string i2sLayout;
  /// "plain", or the Jinja file that takes the place of the model's chat
  /// template; empty: the model's.
  std::string chatTemplate;
  /// Of a graph: extents of dynamic dimensions, and files with inputs that are
  /// known when compiling, by name.
  llvm::StringMap<int64_t> dimensions;
  llvm::StringMap<std::string> constants;
  /// Of a graph that is trained: its output that is the loss, and the regular
  /// expression that the names of trained parameters match; both or neither.
  std::string loss, trainable;
  /// Of a graph that is to become a language model: the tokenizer.json, its
  /// folder or the GGUF file with its vocabulary; empty: it stays a graph.
  std::string tokenizer;
  /// The phase after which the input stands, if that is IR that does not say so
  /// itself.
  std::optional<Phase> from;
  /// The last phase; any but Link writes its IR.
  Phase to = Phase::Link;
  /// Where to draw the programs' memory, .html or .svg; empty: nowhere.
  std::string memoryReport;
  /// Where the runtimes lie of which executables are made.
  std::string runtimeFolder;

  /// The options set by setOption(), in order.
  std::vector<const OptionInfo *> given;

  /// An option that changes how training is compiled, as users give it; empty:
  /// none does.
  std::string findTrainingOption() const;
};

/// What an option is about.
enum class Subject { All, LanguageModels, Graphs };

/// One option as users name it.
struct OptionInfo {
  llvm::StringRef name;
  /// What stands for the value in --help; empty for a flag, which takes none.
  llvm::StringRef placeholder;
  llvm::StringRef help;
  /// The values that it takes, each with its meaning; none: any.
  std::vector<std::pair<llvm::StringRef, llvm::StringRef>> values;
  /// The phase in which it takes effect.
  Phase phase;
  /// Sets it from text, "" for a flag. Fails with what was expected.
  std::function<llvm::Error(CompileOptions &, llvm::StringRef)> set;
  /// One that is given for others is refused.
  Subject subject = Subject::All;

  bool isFlag() const { return placeholder.empty(); }
};

/// All options but input and output.
llvm::ArrayRef<OptionInfo> getOptionTable();

/// Sets the option called `name` as --name=value does. Fails, naming it, where
/// there is none or the value is not one of its; `options` are unchanged then.
llvm::Error setOption(CompileOptions &options, llvm::StringRef name,
                      llvm::StringRef value);

/// How they say that a model is read.
ImportOptions getImportOptions(const CompileOptions &options);

/// Checks the options against each other. Fails with what to do.
llvm::Error checkOptions(const CompileOptions &options);

} // namespace sterna

#endif // STERNA_DRIVER_OPTIONS_H
