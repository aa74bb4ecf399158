//===- EmitCode.cpp - Code objects of CPUs --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translation to LLVM IR, LLVM's optimiser and code generator, and lld.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/EmitCode.h"

#include "Compile.h"
#include "sterna/Codegen/CPU/WeightLayout.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Target/CPU/CPUTarget.h"

#include "lld/Common/Driver.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using sterna::cpu::Level;

Expected<std::unique_ptr<llvm::TargetMachine>>
sterna::cpu::createTargetMachine(const Level &level, StringRef name) {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple(name);
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  // Of multiplications and additions only llvm.fmuladd is fused, which kernels
  // ask for. Fusing others would depend on how a loop is vectorised, and its
  // rest would get other bits: the workgroups at the end of a thread's share.
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level.cpu, level.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Creates a temporary file whose name ends in `ending`. It is removed at the
/// end of the scope, whatever ends it.
static Expected<std::unique_ptr<llvm::CleanupInstaller>>
createTemporary(StringRef ending, int &descriptor) {
  SmallString<128> path;
  if (auto code = llvm::sys::fs::createTemporaryFile("sterna-kernels", ending,
                                                     descriptor, path))
    return llvm::createStringError(code, "cannot create a temporary file: " +
                                             code.message());
  return std::make_unique<llvm::CleanupInstaller>(path);
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning);
  // The library is freestanding: no call may be made up.
  llvm::TargetLibraryInfoImpl noLibrary{llvm::Triple(module.getTargetTriple())};
  noLibrary.disableAllFunctions();
  functions.registerPass(
      [&] { return llvm::TargetLibraryAnalysis(noLibrary); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

Error sterna::cpu::writeObject(llvm::Module &module,
                               llvm::TargetMachine &machine,
                               llvm::raw_pwrite_stream &out) {
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("target cannot emit objects");
  passes.run(module);
  return Error::success();
}

/// Writes the object of `module` to the open file `path`, which it closes.
static Error writeTemporaryObject(llvm::Module &module,
                                  llvm::TargetMachine &machine, StringRef path,
                                  int descriptor) {
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  Error error = sterna::cpu::writeObject(module, machine, stream);
  stream.close();
  std::error_code code = stream.error();
  // LLVM aborts on an error that nobody has asked for.
  stream.clear_error();
  if (error || !code)
    return error;
  return llvm::createStringError(code, "cannot write '" + path +
                                           "': " + code.message());
}

/// Fails where the disk has no room for a library beside `object`: lld maps its
/// output, and a full disk kills a program that has a file mapped.
static Error checkSpace(StringRef object) {
  constexpr uint64_t padding = 64 * 1024; // alignment of segments
  uint64_t bytes;
  if (auto code = llvm::sys::fs::file_size(object, bytes))
    return llvm::createStringError(code, "cannot read '" + object + "'");
  StringRef folder = llvm::sys::path::parent_path(object);
  auto space = llvm::sys::fs::disk_space(folder);
  if (!space || space->available >= bytes + padding)
    return Error::success();
  return llvm::createStringError(
      "expected room for " + Twine(bytes + padding) + " bytes in '" + folder +
      "', but there are " + Twine(space->available) +
      ": name a folder for temporary files with TMPDIR");
}

static Expected<std::string> link(StringRef object) {
  int descriptor;
  auto output = createTemporary("so", descriptor);
  if (!output)
    return output.takeError();
  (void)llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  std::string objectPath = object.str(), outputPath = (*output)->Filename;
  if (Error error = checkSpace(object))
    return std::move(error);
  const char *arguments[] = {"ld.lld", "-shared",          "--no-undefined",
                             "-z",     "noexecstack",      "--hash-style=gnu",
                             "-o",     outputPath.c_str(), objectPath.c_str()};
  lld::Result result = lld::lldMain(arguments, errorStream, errorStream,
                                    {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("lld: " + StringRef(errors).trim());
  if (!result.canRunAgain)
    return llvm::createStringError("lld cannot run again in this process");
  auto buffer = llvm::MemoryBuffer::getFile(outputPath);
  if (!buffer)
    return llvm::createStringError(buffer.getError(),
                                   "cannot read the linked kernels");
  return (*buffer)->getBuffer().str();
}

Expected<std::unique_ptr<llvm::Module>>
sterna::cpu::translateKernels(ModuleOp module, const Level &level,
                              llvm::TargetMachine &machine,
                              llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> kernels = translateModuleToLLVMIR(
      module.lookupSymbol<ModuleOp>(level.name), context);
  if (!kernels)
    return llvm::createStringError("kernels do not translate to LLVM IR");
  kernels->setTargetTriple(machine.getTargetTriple());
  kernels->setDataLayout(machine.createDataLayout());
  for (llvm::Function &function : *kernels)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", level.cpu);
      if (!level.tune.empty())
        function.addFnAttr("tune-cpu", level.tune);
      function.addFnAttr("target-features", level.features);
      function.addFnAttr("no-builtins");
    }
  optimize(*kernels, machine);
  return kernels;
}

static Expected<std::string> emitLibrary(ModuleOp module, const Level &level) {
  llvm::LLVMContext context;
  auto machine = sterna::cpu::createTargetMachine(level, level.triple);
  if (!machine)
    return machine.takeError();
  auto kernels =
      sterna::cpu::translateKernels(module, level, **machine, context);
  if (!kernels)
    return kernels.takeError();
  int descriptor;
  auto object = createTemporary("o", descriptor);
  if (!object)
    return object.takeError();
  if (Error error = writeTemporaryObject(**kernels, **machine,
                                         (*object)->getFilename(), descriptor))
    return std::move(error);
  return link((*object)->getFilename());
}

sterna::CodeObject sterna::cpu::describeCode(ModuleOp module,
                                             const Level &level) {
  CodeObject object;
  object.target = level.name.str();
  object.features = level.needs;
  CoreRates rates =
      getRates(module->getAttrOfType<plan::TargetAttr>(plan::targetAttr));
  for (const WeightLayout &layout : getWeightLayouts()) {
    LayoutCost cost = estimateCost(layout, level, rates);
    object.layoutCosts.push_back({layout.name.str(), float(layout.bits()),
                                  float(cost.oneToken),
                                  float(cost.manyTokens)});
  }
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    auto facts = kernel->getAttrOfType<DictionaryAttr>(level.name);
    KernelCode code;
    code.workgroups = facts.getAs<IntegerAttr>("workgroups").getInt();
    code.scratch = facts.getAs<IntegerAttr>("scratch").getInt();
    code.tuned = facts.getAs<StringAttr>("emitter") != "portable";
    object.kernels.push_back(std::move(code));
  }
  return object;
}

Expected<sterna::CodeObject> sterna::cpu::emitCode(ModuleOp module,
                                                   const Level &level) {
  auto library = emitLibrary(module, level);
  if (!library)
    return library.takeError();
  CodeObject object = describeCode(module, level);
  object.bytes = std::move(*library);
  return object;
}
