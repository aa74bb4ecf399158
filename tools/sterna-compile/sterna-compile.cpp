//===- sterna-compile.cpp - From a model to a device binary ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler driver: imports, runs the phases, links.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "sterna/Codegen/CPU/WeightLayout.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Import/GGUF/ImportGGUF.h"
#include "sterna/InitAll.h"
#include "sterna/Pipelines/Pipelines.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Target/CPU/EmitCode.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/Executable/Executable.h"
#include "sterna/Target/Object/Object.h"
#include "sterna/Target/SPIRV/EmitCode.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/TargetParser/Triple.h"

#include <chrono>
#include <csignal>

using namespace mlir;
using namespace sterna;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("Options");

cl::opt<std::string> inputPath(cl::Positional, cl::desc("MODEL.gguf"),
                               cl::cat(category));
cl::opt<std::string>
    outputPath("o",
               cl::desc("Where to write: the device binary, the executable "
                        "with --emit=exe, the object with --emit=obj, or the "
                        "IR with --compile-to ('-' is standard output)"),
               cl::value_desc("MODEL.stn"), cl::init("-"), cl::cat(category));
enum class Product { DeviceBinary, Executable, Object };
cl::opt<Product> emit(
    "emit", cl::desc("What to write:"),
    cl::values(clEnumValN(Product::DeviceBinary, "stn",
                          "a device binary, for sterna-run (default)"),
               clEnumValN(Product::Executable, "exe",
                          "a program with every command of sterna-run, which "
                          "runs where Sterna is not installed"),
               clEnumValN(Product::Object, "obj",
                          "MODEL.o to link into a program, with MODEL.h, "
                          "MODEL.stn and a note how, MODEL.txt")),
    cl::init(Product::DeviceBinary), cl::cat(category));
cl::list<std::string> targets(
    "target",
    cl::desc("Devices to compile for, a list of instruction levels (x86-64-v2, "
             "x86-64-v3, x86-64-v3-vnni, x86-64-v4-vnni, armv8.0, "
             "armv8.0-dotprod, armv8.0-i8mm), x86-64 or aarch64-linux for all "
             "levels of one, and vulkan; host, the default, is the best level "
             "of this machine. With --emit=obj also aarch64-linux-android, "
             "aarch64-apple-ios and aarch64-apple-macos"),
    cl::CommaSeparated, cl::cat(category));
cl::opt<int64_t>
    sequenceLength("seq-len",
                   cl::desc("Tokens of a training or evaluation sequence"),
                   cl::init(128), cl::cat(category));
cl::opt<int64_t> batch("batch",
                       cl::desc("Sequences in one micro-batch of training"),
                       cl::init(1), cl::cat(category));
cl::opt<int64_t> maxContext(
    "max-context",
    cl::desc("Tokens that generation can attend to, up to 1048576 (default: "
             "the model's, at most 2048)"),
    cl::init(0), cl::cat(category));
cl::opt<int64_t> loraRank("lora-rank",
                          cl::desc("Rank of LoRA adapters; 0 compiles none"),
                          cl::init(8), cl::cat(category));
cl::list<std::string> loraTargets(
    "lora-targets",
    cl::desc("Linears with an adapter: all, or a list of q,k,v,o,gate,up,down"),
    cl::CommaSeparated, cl::cat(category));
cl::opt<ActivationType> activations(
    "activations", cl::desc("Input of ternary linears:"),
    cl::values(clEnumValN(ActivationType::Model, "model",
                          "as the model defines it (default)"),
               clEnumValN(ActivationType::Int8, "int8",
                          "quantized per token to 8 bits"),
               clEnumValN(ActivationType::Float, "float", "not quantized")),
    cl::init(ActivationType::Model), cl::cat(category));
cl::opt<std::string> gradientType(
    "gradient-type",
    cl::desc("Gradients in products with ternary matrices, while training: f32 "
             "(default), int16 (per token, to nearest) or int8 (per token, "
             "stochastic)"),
    cl::value_desc("TYPE"), cl::init("f32"), cl::cat(category));
cl::opt<std::string> headType(
    "head-type",
    cl::desc("Element type of the head and of an embedding tied to it: "
             "model, as the file has it, with Q8_0 widened to f32 "
             "(default); f16; or int8 with a scale for each row"),
    cl::value_desc("TYPE"), cl::init("model"), cl::cat(category));
cl::opt<std::string> weightLayout(
    "weight-layout",
    cl::desc("How trits are packed: 2bit; base3, five to a byte, which is a "
             "fifth smaller and takes more work; or auto, by the cost model "
             "(default)"),
    cl::value_desc("LAYOUT"), cl::init("auto"), cl::cat(category));
cl::opt<bool> noTrain("no-train", cl::desc("Leave the training programs out"),
                      cl::cat(category));
cl::opt<std::string> quantize(
    "quantize",
    cl::desc("Make latent float weights ternary; absmean is BitNet's way"),
    cl::value_desc("absmean"), cl::cat(category));
cl::opt<bool> noCheckpoint(
    "no-checkpoint",
    cl::desc("Keep all activations instead of recomputing each block's"),
    cl::cat(category));
cl::opt<bool>
    portable("portable-kernels",
             cl::desc("Use no tuned kernel, to compare with the portable tier"),
             cl::cat(category));
cl::opt<std::string> compileTo(
    "compile-to",
    cl::desc("Stop after a phase and write its IR: import, adapt, "
             "differentiate, optimize, dispatch, schedule, codegen or link"),
    cl::value_desc("PHASE"), cl::init("link"), cl::cat(category));

/// Prints the time of each step to standard error, as it begins and ends.
class Stopwatch {
public:
  template <typename Fn> auto measure(StringRef step, Fn fn) {
    auto start = std::chrono::steady_clock::now();
    llvm::errs() << llvm::left_justify(step, 15);
    auto result = fn();
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    llvm::errs() << llvm::format("%8.2f s\n", seconds);
    return result;
  }
};

bool isTarget(StringRef name) { return llvm::is_contained(targets, name); }

/// The levels that `target` stands for; none if it is not known.
std::vector<const cpu::Level *> levelsOf(StringRef target) {
  std::vector<const cpu::Level *> result;
  if (target == "host") {
    if (const cpu::Level *level = cpu::getHostLevel())
      result.push_back(level);
    return result;
  }
  if (const cpu::Platform *platform = cpu::findPlatform(target))
    return platform->levels;
  if (const cpu::Level *level = cpu::findLevel(target))
    result.push_back(level);
  return result;
}

/// The systems to compile for, each once.
llvm::SetVector<const cpu::Platform *> chosenPlatforms() {
  llvm::SetVector<const cpu::Platform *> platforms;
  auto add = [&](StringRef target) {
    if (const cpu::Platform *platform = cpu::findPlatform(target))
      platforms.insert(platform);
    else
      for (const cpu::Level *level : levelsOf(target))
        platforms.insert(&cpu::platformOf(*level));
  };
  if (targets.empty())
    add("host");
  for (const std::string &target : targets)
    add(target);
  return platforms;
}

std::string knownTargets() {
  std::string text = "host, ";
  for (const cpu::Level &level : cpu::getLevels())
    text += level.name.str() + ", ";
  for (const cpu::Platform &platform : cpu::getPlatforms())
    text += platform.name.str() + ", ";
  return text + "or vulkan";
}

/// The levels to compile for, each once.
std::vector<const cpu::Level *> chosenLevels() {
  llvm::SetVector<const cpu::Level *> levels;
  if (targets.empty())
    levels.insert_range(levelsOf("host"));
  for (const std::string &target : targets)
    levels.insert_range(levelsOf(target));
  return {levels.begin(), levels.end()};
}

/// Checks that what --emit names can be made for the targets.
std::string checkProduct() {
  llvm::SetVector<const cpu::Platform *> platforms = chosenPlatforms();
  if (emit != Product::Object) {
    for (const cpu::Platform *platform : platforms)
      if (platform->isLinked)
        return "--target=" + platform->name.str() +
               " needs --emit=obj: programs there are linked with their code";
    return "";
  }
  if (platforms.size() != 1)
    return "--emit=obj: expected targets of one system, but got " +
           std::to_string(platforms.size());
  if (!StringRef(outputPath).ends_with(".o"))
    return "give the object a name with -o MODEL.o";
  return "";
}

/// Tokens of a micro-batch.
constexpr int64_t mostTokens = 1 << 20;

/// Positions of a KV cache.
constexpr int64_t mostContext = 1 << 20;

/// Checks the flags; returns a message or an empty string.
std::string checkFlags() {
  auto inRange = [](int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high;
  };
  if (inputPath.empty())
    return "give a model to compile: sterna-compile MODEL.gguf -o MODEL.stn";
  if ((targets.empty() || isTarget("host")) && levelsOf("host").empty())
    return "this machine runs none of the levels that code is generated for; "
           "give --target=LEVEL to compile for another";
  for (const std::string &target : targets)
    if (target != "vulkan" && levelsOf(target).empty())
      return "unknown --target=" + target + "; expected " + knownTargets();
  if (isTarget("vulkan") && !noTrain)
    return "training on Vulkan is not there yet; add --no-train to compile "
           "inference for --target=vulkan";
  if (!inRange(sequenceLength, 2, 1 << 16))
    return "--seq-len: expected 2 to 65536";
  if (!inRange(batch, 1, 1 << 10))
    return "--batch: expected 1 to 1024";
  if (maxContext.getNumOccurrences() && !inRange(maxContext, 1, mostContext))
    return "--max-context: expected 1 to " + std::to_string(mostContext);
  if (!inRange(loraRank, 0, 1 << 10))
    return "--lora-rank: expected 0 to 1024";
  if (sequenceLength * batch > mostTokens)
    return "--seq-len times --batch: expected at most " +
           std::to_string(mostTokens) + " tokens, but got " +
           std::to_string(sequenceLength * batch);
  if (headType != "model" && headType != "f16" && headType != "int8")
    return "unknown --head-type=" + headType + "; expected model, f16 or int8";
  if (!cpu::chooseWeightLayout(weightLayout, {}))
    return "unknown --weight-layout=" + weightLayout +
           "; expected auto, 2bit or base3";
  if (!quantize.empty() && quantize != "absmean")
    return "unknown --quantize=" + quantize + "; expected absmean";
  if (gradientType != "f32" && gradientType != "int16" &&
      gradientType != "int8")
    return "unknown --gradient-type=" + gradientType +
           "; expected f32, int16 or int8";
  if (gradientType != "f32" && (noTrain || loraRank == 0))
    return "--gradient-type=" + gradientType +
           " is about training, which --no-train and --lora-rank=0 leave out";
  if (loraRank == 0 && !loraTargets.empty())
    return "--lora-targets is about adapters, which --lora-rank=0 leaves out";
  if (noCheckpoint && (noTrain || loraRank == 0))
    return "--no-checkpoint is about training, which --no-train and "
           "--lora-rank=0 leave out";
  if (!symbolizePhase(compileTo))
    return "unknown --compile-to=" + compileTo +
           "; expected import, adapt, differentiate, optimize, dispatch, "
           "schedule, codegen or link";
  if (compileTo != "link" && emit != Product::DeviceBinary)
    return "--emit and --compile-to=" + compileTo +
           " exclude each other: what is emitted needs every phase";
  if (std::string problem = checkProduct(); !problem.empty())
    return problem;
  if (compileTo == "link" && outputPath == "-")
    return emit == Product::Executable
               ? "give the executable a name with -o MODEL"
               : "give the device binary a name with -o MODEL.stn";
  return "";
}

/// What is written, in the order of writing.
std::vector<std::string> outputFiles() {
  if (emit == Product::Object)
    return objectFiles(outputPath);
  return {outputPath};
}

/// Checks, before anything is computed, that the outputs can be written and
/// that none of them is one of `inputs`, also by another name.
llvm::Error checkOutputs(ArrayRef<std::string> inputs) {
  for (const std::string &output : outputFiles()) {
    for (const std::string &input : inputs)
      if (output != "-" && llvm::sys::fs::equivalent(input, output))
        return llvm::createStringError("expected another file for the output "
                                       "than '" +
                                       input + "', which is read, but got '" +
                                       output + "'");
    if (llvm::Error error = OutputFile::check(output))
      return error;
  }
  return llvm::Error::success();
}

/// What comes of the model's file.
struct Imported {
  OwningOpRef<ModuleOp> module; // null: an error was emitted
  int64_t contextLength = 0;
};

llvm::Expected<Imported> import(MLIRContext &context) {
  ImportOptions importOptions;
  importOptions.activations = activations;
  importOptions.quantizeAbsmean = !quantize.empty();
  auto model = importGGUF(inputPath, &context, importOptions);
  if (!model)
    return model.takeError();
  ProgramOptions programs;
  programs.sequenceLength = sequenceLength;
  programs.batch = batch;
  programs.maxContext = maxContext
                            ? int64_t(maxContext)
                            : std::min<int64_t>(model->contextLength, 2048);
  Imported result;
  result.module = buildModel(&context, *model, programs);
  result.contextLength = model->contextLength;
  return result;
}

/// Tells of positions that the model was not made for.
void noticeContext(int64_t contextLength) {
  auto check = [&](StringRef flag, int64_t value) {
    if (value > contextLength)
      notice("--" + flag + "=" + Twine(value) +
             " is beyond the model's context of " + Twine(contextLength) +
             " tokens");
  };
  check("seq-len", sequenceLength);
  check("max-context", maxContext);
}

/// Writes the IR of the phase that --compile-to names.
int writeIR(ModuleOp module) {
  auto output = OutputFile::create(outputPath);
  if (!output)
    return fail(llvm::toString(output.takeError()));
  module->print((*output)->os());
  if (llvm::Error error = (*output)->commit())
    return fail(llvm::toString(std::move(error)));
  return EXIT_SUCCESS;
}

/// The memory plan, by category, of what trains and of what generates.
void printPlan(ModuleOp module) {
  auto bytes = [&](StringRef name) {
    auto attribute = module->getAttrOfType<IntegerAttr>(name);
    return attribute ? attribute.getInt() : 0;
  };
  auto row = [](StringRef name, int64_t value) {
    llvm::errs() << "  " << llvm::left_justify(name, 24)
                 << llvm::format("%10.2f MiB\n", double(value) / (1 << 20));
  };
  llvm::errs() << "memory plan\n";
  row("weights", bytes("plan.weights_bytes"));
  llvm::StringMap<int64_t> kinds;
  SmallVector<StringRef> order;
  for (auto state : module.getOps<plan::StateOp>()) {
    auto type = cast<MemRefType>(state.getType());
    auto [it, isNew] = kinds.try_emplace(
        format::EnumNameStateKind(state.getState().getKind()), 0);
    it->second += type.getNumElements() * type.getElementTypeBitWidth() / 8;
    if (isNew)
      order.push_back(it->first());
  }
  for (StringRef kind : order)
    row(kind, kinds.lookup(kind));
  for (auto program : module.getOps<plan::ProgramOp>()) {
    row(("arena of " + program.getSymName()).str(), program.getArenaBytes());
    if (program.getSymName() != "train_micro")
      continue;
    for (NamedAttribute part : program.getPeak())
      row(("  " + part.getName().getValue()).str(),
          cast<IntegerAttr>(part.getValue()).getInt());
  }
}

/// A code object for each level.
llvm::Error emitCode(ModuleOp module, Stopwatch &stopwatch,
                     std::vector<CodeObject> &code) {
  for (const cpu::Level *level : chosenLevels()) {
    auto object = stopwatch.measure(
        level->name, [&] { return cpu::emitCode(module, *level); });
    if (!object)
      return object.takeError();
    code.push_back(std::move(*object));
  }
  return llvm::Error::success();
}

/// What the cost model says of each layout at each level, for the device binary
/// to tell.
void recordLayoutCosts(ModuleOp module) {
  Builder b(module.getContext());
  SmallVector<Attribute> costs;
  auto add = [&](SmallVectorImpl<NamedAttribute> &entry, StringRef name,
                 Attribute value) {
    entry.push_back(b.getNamedAttr(name, value));
  };
  for (const cpu::Level *level : chosenLevels())
    for (const cpu::WeightLayout &layout : cpu::getWeightLayouts()) {
      cpu::LayoutCost cost = cpu::estimateCost(layout, *level);
      SmallVector<NamedAttribute> entry;
      add(entry, "target", b.getStringAttr(level->name));
      add(entry, "layout", b.getStringAttr(layout.name));
      add(entry, "bits", b.getF32FloatAttr(float(layout.bits())));
      add(entry, "one_token", b.getF32FloatAttr(float(cost.oneToken)));
      add(entry, "many_tokens", b.getF32FloatAttr(float(cost.manyTokens)));
      costs.push_back(b.getDictionaryAttr(entry));
    }
  module->setAttr("plan.layout_costs", b.getArrayAttr(costs));
}

/// Links what --emit names; an executable with `runtime`.
llvm::Error link(ModuleOp module, const llvm::MemoryBuffer *runtime,
                 Stopwatch &stopwatch) {
  // lld parses options of its own and resets ours.
  std::string path = outputPath;
  bool vulkan = isTarget("vulkan");
  std::vector<CodeObject> code;
  std::optional<cpu::LinkedObject> linked;
  if (emit == Product::Object) {
    auto object = stopwatch.measure("object", [&] {
      return cpu::emitObject(module, chosenLevels(), *chosenPlatforms().front(),
                             linkedSymbol(path));
    });
    if (!object)
      return object.takeError();
    code = object->code;
    linked = std::move(*object);
  } else if (llvm::Error error = emitCode(module, stopwatch, code)) {
    return error;
  }
  if (vulkan) {
    auto object = stopwatch.measure(
        "spirv", [&] { return sterna::spirv::emitCode(module); });
    if (!object)
      return object.takeError();
    code.push_back(std::move(*object));
  }
  auto report = stopwatch.measure("link", [&] {
    if (linked)
      return writeObject(*linked, *chosenPlatforms().front(), module, code,
                         path);
    return runtime ? writeExecutable(runtime->getMemBufferRef(), module, code,
                                     path)
                   : writeDeviceBinary(module, code, path);
  });
  if (!report)
    return report.takeError();
  llvm::errs() << llvm::format(
      "packed %.1f MB of weights into %.1f MB at "
      "%.0f MB/s\n",
      report->sourceBytes / 1e6, report->packedBytes / 1e6,
      report->sourceBytes / 1e6 / std::max(report->packSeconds, 1e-9));
  return llvm::Error::success();
}

/// Compiles and, with a runtime, links an executable.
int compile(const llvm::MemoryBuffer *runtime) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  ErrorCollector errors(&context);
  Stopwatch stopwatch;
  auto imported =
      stopwatch.measure("read model", [&] { return import(context); });
  if (!imported)
    return fail(llvm::toString(imported.takeError()));
  OwningOpRef<ModuleOp> &module = imported->module;
  if (!module)
    return errors.fail("the model has no programs");
  noticeContext(imported->contextLength);

  PhaseOptions options;
  options.loraRank = int64_t(loraRank);
  for (const std::string &name : loraTargets)
    options.loraTargets.push_back(name);
  options.train = !noTrain;
  options.gradients = gradientType;
  options.headType = headType.getValue();
  options.weightLayout = weightLayout.getValue();
  options.checkpoint = !noCheckpoint;
  options.tuned = !portable;
  for (const cpu::Level *level : chosenLevels())
    options.levels.push_back(level->name.str());
  options.vulkan = isTarget("vulkan");
  Phase last = *symbolizePhase(compileTo);
  for (int phase = int(Phase::Import);
       phase <= std::min(int(last), int(Phase::Codegen)); ++phase) {
    PassManager manager(&context);
    (void)applyPassManagerCLOptions(manager);
    buildPhase(manager, Phase(phase), options);
    auto result = stopwatch.measure(stringifyPhase(Phase(phase)),
                                    [&] { return manager.run(*module); });
    if (failed(result))
      return errors.fail("phase " + stringifyPhase(Phase(phase)) + " failed");
  }
  if (last != Phase::Link)
    return writeIR(*module);
  printPlan(*module);
  recordLayoutCosts(*module);
  if (llvm::Error error = link(*module, runtime, stopwatch))
    return errors.fail(llvm::toString(std::move(error)));
  return EXIT_SUCCESS;
}

/// The folder that this program lies in.
std::string ownFolder(const char *argv0) {
  void *address = reinterpret_cast<void *>(&ownFolder);
  return llvm::sys::path::parent_path(
             llvm::sys::fs::getMainExecutable(argv0, address))
      .str();
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  // A reader that goes away is an error like a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  installErrorHandler();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "sterna-compile " STERNA_VERSION "\n";
  });
  // LLVM and MLIR have a thousand of their own; they still work.
  cl::HideUnrelatedOptions(category);
  std::string problem = parseCommandLine(
      argc, argv,
      "Compiles a ternary language model to a device binary that generates "
      "text\nand fine-tunes LoRA adapters.\n\n"
      "  sterna-compile model.gguf -o model.stn\n"
      "  sterna-compile model.gguf -o model.stn --seq-len=256 --lora-rank=16\n"
      "  sterna-compile model.gguf --emit=exe -o model\n"
      "  sterna-compile model.gguf --emit=obj --target=aarch64-apple-ios "
      "-o model.o\n"
      "  sterna-compile model.gguf --compile-to=schedule -o plan.mlir\n");
  if (problem.empty())
    problem = checkFlags();
  if (!problem.empty())
    return fail(problem);
  std::vector<std::string> inputs{inputPath};
  if (emit != Product::Executable) {
    if (llvm::Error error = checkOutputs(inputs))
      return fail(llvm::toString(std::move(error)));
    return compile(/*runtime=*/nullptr);
  }
  // Looked for first: compiling in vain can take minutes.
  llvm::SetVector<StringRef> architectures;
  for (const cpu::Level *level : chosenLevels())
    architectures.insert(
        llvm::Triple::getArchTypeName(llvm::Triple(level->triple).getArch()));
  auto runtime = openRuntime(ownFolder(argv[0]), architectures.getArrayRef());
  if (!runtime)
    return fail(llvm::toString(runtime.takeError()));
  inputs.push_back((*runtime)->getBufferIdentifier().str());
  if (llvm::Error error = checkOutputs(inputs))
    return fail(llvm::toString(std::move(error)));
  return compile(runtime->get());
}
