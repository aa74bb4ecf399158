//===- CompiledKernel.cpp - Runs a kernel as an emitter builds it ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CompiledKernel.h.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "sterna/Codegen/CPU/KernelEmitter.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/Portable/Passes.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"

#include <chrono>

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;

namespace {

std::nullptr_t fail(const Twine &message) {
  llvm::errs() << "kernel: " << message << "\n";
  return nullptr;
}

/// The buffer that holds a tensor.
Type bufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  auto panel = dyn_cast_or_null<tern::PanelAttr>(tensor.getEncoding());
  if (!panel)
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  int64_t bytes =
      panel.getPackedBytes(tensor.getDimSize(0), tensor.getDimSize(1));
  return MemRefType::get(bytes, IntegerType::get(type.getContext(), 8));
}

/// Builds `func.func @kernel(buffers..., begin, end)`.
func::FuncOp emitFunction(plan::KernelOp kernel, const KernelPlan &matched,
                          ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = kernel.getLoc();
  SmallVector<Type> types;
  for (Type type : kernel.getBodyBlock()->getArgumentTypes())
    types.push_back(bufferType(type));
  for (auto [tied, type] :
       llvm::zip_equal(kernel.getTied(), kernel.getResultTypes()))
    if (tied < 0)
      types.push_back(bufferType(type));
  types.append(2, builder.getIndexType());
  auto function = func::FuncOp::create(builder, loc, "kernel",
                                       builder.getFunctionType(types, {}));
  for (unsigned i = 0; i + 2 < types.size(); ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                        builder.getUnitAttr());
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  ValueRange arguments = entry->getArguments();
  matched.emit(builder, loc, arguments.drop_back(2),
               arguments.drop_back().back(), arguments.back());
  builder.setInsertionPointToEnd(entry);
  func::ReturnOp::create(builder, loc);
  return function;
}

LogicalResult lowerToLLVM(ModuleOp module, const Level &level) {
  PassManager passes(module.getContext());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createPlaceTemporariesPass());
  MakeFreestandingPassOptions freestanding;
  freestanding.expandFma = !level.hasFma;
  freestanding.expandF16 = !level.hasF16;
  passes.addNestedPass<func::FuncOp>(createMakeFreestandingPass(freestanding));
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  passes.addPass(createConvertFuncToLLVMPass(options));
  passes.addPass(createConvertToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

/// Adds `void run(ptr buffers, i64 begin, i64 end, ptr scratch)` that calls the
/// kernel.
void addEntry(llvm::Module &module) {
  llvm::Function *kernel = module.getFunction("kernel");
  kernel->setLinkage(llvm::GlobalValue::InternalLinkage);
  llvm::IRBuilder<> b(module.getContext());
  auto *type = llvm::FunctionType::get(
      b.getVoidTy(),
      {b.getPtrTy(), b.getInt64Ty(), b.getInt64Ty(), b.getPtrTy()}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                       "run", module);
  kernel->addFnAttr(llvm::Attribute::NoInline);
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", entry));
  SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i + 3 < kernel->arg_size(); ++i)
    arguments.push_back(b.CreateLoad(
        b.getPtrTy(), b.CreateConstGEP1_64(b.getPtrTy(), entry->getArg(0), i)));
  arguments.push_back(entry->getArg(1));
  arguments.push_back(entry->getArg(2));
  arguments.push_back(entry->getArg(3));
  b.CreateCall(kernel, arguments);
  b.CreateRetVoid();
}

void optimize(llvm::Module &module, llvm::TargetMachine *machine) {
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : module) {
    function.addFnAttr("target-cpu", machine->getTargetCPU());
    function.addFnAttr("target-features", machine->getTargetFeatureString());
    function.addFnAttr("no-builtins");
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

struct JitKernel : CompiledKernel {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(void *const *, int64_t, int64_t, void *) = nullptr;
  size_t scratch = 0;

  void run(const std::vector<void *> &buffers, int64_t begin,
           int64_t end) const override {
    // Of a thread, as the runtime has it.
    static thread_local std::vector<char> memory;
    memory.resize(std::max<size_t>(memory.size(), scratch + alignment));
    entry(buffers.data(), begin, end,
          reinterpret_cast<void *>(llvm::alignTo(
              reinterpret_cast<uintptr_t>(memory.data()), alignment)));
  }

private:
  static constexpr size_t alignment = 64;
};

/// A context with everything that kernels and their lowering need.
MLIRContext &getContext() {
  static MLIRContext *context = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registry.insert<tern::TernDialect, plan::PlanDialect>();
    auto *context = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    return context;
  }();
  return *context;
}

} // namespace

std::unique_ptr<CompiledKernel>
CompiledKernel::create(const std::string &source, const Level &level) {
  MLIRContext &context = getContext();
  auto parsed = parseSourceString<ModuleOp>(source, &context);
  if (!parsed)
    return fail("cannot parse:\n" + source);
  auto kernel = *parsed->getOps<plan::KernelOp>().begin();
  auto started = std::chrono::steady_clock::now();
  auto result = std::make_unique<JitKernel>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  for (const std::unique_ptr<KernelEmitter> &emitter : getKernelEmitters()) {
    std::unique_ptr<KernelPlan> matched = emitter->match(kernel, level.info);
    if (!matched)
      continue;
    result->groups = matched->getWorkgroups();
    result->emitter = emitter->getName();
    emitFunction(kernel, *matched, *module);
    break;
  }
  if (result->emitter.empty())
    return fail("no emitter takes it");
  if (failed(verify(*module)) || failed(lowerToLLVM(*module, level)))
    return fail("cannot lower it");
  auto lowered = module->lookupSymbol<LLVM::LLVMFuncOp>("kernel");
  result->scratch = lowered->getAttrOfType<IntegerAttr>(scratchAttr).getInt();

  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateModuleToLLVMIR(*module, *llvmContext);
  llvm::orc::JITTargetMachineBuilder target(llvm::Triple(LLVM_HOST_TRIPLE));
  target.setCPU(level.cpu.str());
  target.addFeatures({level.features.str()});
  target.setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  auto machine = llvm::cantFail(target.createTargetMachine());
  addEntry(*llvmModule);
  optimize(*llvmModule, machine.get());
  for (llvm::Function &function : *llvmModule)
    if (function.isDeclaration() && !function.use_empty() &&
        (!function.isIntrinsic() || function.getName().contains(".mem")))
      return fail("it calls " + function.getName());
  llvm::raw_string_ostream(result->llvmIR) << *llvmModule;
  result->jit = llvm::cantFail(
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(target).create());
  llvm::cantFail(result->jit->addIRModule(
      {std::move(llvmModule), std::move(llvmContext)}));
  result->entry =
      llvm::cantFail(result->jit->lookup("run"))
          .toPtr<void (*)(void *const *, int64_t, int64_t, void *)>();
  std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - started;
  result->seconds = time.count();
  return result;
}
