//===- EmitCode.cpp - Code objects of CPUs --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translation to LLVM IR, LLVM's optimiser and code generator, and lld.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/EmitCode.h"

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "lld/Common/Driver.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using sterna::cpu::Level;

static Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Level &level) {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple(level.triple);
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level.cpu, level.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
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

static Expected<SmallString<128>> emitObject(llvm::Module &module,
                                             llvm::TargetMachine &machine) {
  SmallString<128> path;
  int descriptor;
  if (auto code = llvm::sys::fs::createTemporaryFile("sterna-kernels", "o",
                                                     descriptor, path))
    return llvm::createStringError(code, "cannot create a temporary file");
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("target cannot emit objects");
  passes.run(module);
  return path;
}

static Expected<std::string> link(StringRef object) {
  SmallString<128> output;
  if (auto code =
          llvm::sys::fs::createTemporaryFile("sterna-kernels", "so", output))
    return llvm::createStringError(code, "cannot create a temporary file");
  llvm::FileRemover removeOutput(output);
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  std::string objectPath = object.str(), outputPath = output.str().str();
  const char *arguments[] = {"ld.lld", "-shared",          "--no-undefined",
                             "-z",     "noexecstack",      "--hash-style=gnu",
                             "-o",     outputPath.c_str(), objectPath.c_str()};
  lld::Result result = lld::lldMain(arguments, errorStream, errorStream,
                                    {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("lld: " + errors);
  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    return llvm::createStringError(buffer.getError(),
                                   "cannot read the linked kernels");
  return (*buffer)->getBuffer().str();
}

static Expected<std::string> emitLibrary(ModuleOp kernels, const Level &level) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(kernels, context);
  if (!module)
    return llvm::createStringError("kernels do not translate to LLVM IR");
  auto machine = createTargetMachine(level);
  if (!machine)
    return machine.takeError();
  module->setTargetTriple((*machine)->getTargetTriple());
  module->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : *module)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", level.cpu);
      function.addFnAttr("target-features", level.features);
      if (!level.tune.empty())
        function.addFnAttr("tune-cpu", level.tune);
      function.addFnAttr("no-builtins");
    }
  optimize(*module, **machine);
  auto object = emitObject(*module, **machine);
  if (!object)
    return object.takeError();
  llvm::FileRemover removeObject(*object);
  return link(*object);
}

Expected<sterna::CodeObject> sterna::cpu::emitCode(ModuleOp module,
                                                   const Level &level) {
  auto library = emitLibrary(module.lookupSymbol<ModuleOp>(level.name), level);
  if (!library)
    return library.takeError();
  CodeObject object{level.name.str(), level.needs, std::move(*library), {}};
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    auto facts = kernel->getAttrOfType<DictionaryAttr>(level.name);
    KernelCode code;
    code.workgroups = facts.getAs<IntegerAttr>("workgroups").getInt();
    code.tuned = facts.getAs<StringAttr>("emitter") != "portable";
    object.kernels.push_back(std::move(code));
  }
  return object;
}
