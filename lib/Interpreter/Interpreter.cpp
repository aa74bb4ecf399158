//===- Interpreter.cpp - Runs a function or program of any phase's IR -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Brings functions of all phases, and programs of the schedule phase, to
// functions of upstream ops on buffers.
//
//===----------------------------------------------------------------------===//

#include "sterna/Interpreter/Interpreter.h"

#include "EntryPoint.h"
#include "Jit.h"
#include "Kernels.h"
#include "Program.h"
#include "mlir/Transforms/InliningUtils.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;

namespace {

/// One function in upstream ops and tern.unpack.
constexpr StringLiteral toOneFunction =
    "symbol-dce,inline,symbol-dce,sterna-decompose";

/// Each function in upstream ops and tern.unpack.
constexpr StringLiteral toUpstreamOps = "sterna-decompose";

/// Lets tern ops be inlined: they are values without control flow.
struct TernInliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

void allowInlining(MLIRContext *context) {
  auto *dialect = context->getOrLoadDialect<tern::TernDialect>();
  if (!dialect->getRegisteredInterface<DialectInlinerInterface>())
    dialect->addInterfaces<TernInliner>();
}

/// Fails with an error at the first op that has no reference decomposition.
LogicalResult checkDecomposed(func::FuncOp function) {
  WalkResult result = function.walk([&](Operation *op) {
    bool isTern = isa<tern::TernDialect>(op->getDialect()) &&
                  !isa<tern::UnpackOp, tern::GetParamOp>(op);
    if (isTern || isa<plan::PlanDialect>(op->getDialect())) {
      op->emitOpError("cannot be interpreted: it has no reference "
                      "decomposition");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

template <typename Op> void eraseAll(ModuleOp module) {
  for (auto op : llvm::make_early_inc_range(module.getOps<Op>()))
    op.erase();
}

FailureOr<std::vector<Array>>
interpretFunction(ModuleOp module, func::FuncOp function,
                  ArrayRef<Array> inputs,
                  const std::map<std::string, Array> &params) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError("expected '")
           << function.getName() << "' to have one block";
  eraseAll<plan::ProgramOp>(module);
  eraseAll<plan::StateOp>(module);
  convertKernels(module);
  for (auto other : module.getOps<func::FuncOp>()) {
    convertDispatches(other);
    other.setVisibility(SymbolTable::Visibility::Private);
  }
  function.setVisibility(SymbolTable::Visibility::Public);
  allowInlining(module.getContext());
  if (failed(runPasses(module, toOneFunction)) ||
      failed(checkDecomposed(function)))
    return failure();

  convertTrits(function);
  std::vector<Array> arguments = inputs.vec();
  if (failed(checkInputs(function, arguments)) ||
      failed(bindParams(function, params, arguments)) ||
      failed(checkInputs(function, arguments)))
    return failure();
  auto results = convertToBuffers(function);
  if (failed(results))
    return failure();
  eraseAll<tern::ParamOp>(module);
  size_t numArguments = arguments.size();
  llvm::append_range(arguments, *results);
  if (failed(callOnBuffers(module, function, arguments)))
    return failure();
  std::move(arguments.begin() + numArguments, arguments.end(),
            results->begin());
  return results;
}

/// Makes functions on buffers of the kernels that `program` launches and drops
/// all other code of `module`.
LogicalResult convertKernelsToBuffers(ModuleOp module,
                                      plan::ProgramOp program) {
  llvm::StringMap<SmallVector<int64_t>> tied;
  for (auto launch : program.getBody().getOps<plan::LaunchOp>()) {
    auto kernel = module.lookupSymbol<plan::KernelOp>(launch.getKernel());
    tied[launch.getKernel()].assign(kernel.getTied().begin(),
                                    kernel.getTied().end());
  }
  for (auto other :
       llvm::make_early_inc_range(module.getOps<plan::ProgramOp>()))
    if (other != program)
      other.erase();
  eraseAll<func::FuncOp>(module);
  for (auto kernel :
       llvm::make_early_inc_range(module.getOps<plan::KernelOp>()))
    if (!tied.contains(kernel.getSymName()))
      kernel.erase();
  // Launches of functions would not verify.
  program->remove();
  convertKernels(module);
  LogicalResult decomposed = runPasses(module, toUpstreamOps);
  module.push_back(program);
  if (failed(decomposed))
    return failure();
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (failed(checkDecomposed(kernel)))
      return failure();
    convertTrits(kernel);
    if (failed(convertToBuffers(kernel, tied[kernel.getName()])))
      return failure();
  }
  return success();
}

FailureOr<std::vector<Array>>
interpretProgram(ModuleOp module, plan::ProgramOp program,
                 ArrayRef<Array> inputs,
                 const std::map<std::string, Array> &params) {
  ProgramMemory memory(program);
  if (failed(memory.fill(module, inputs, params)) ||
      failed(convertKernelsToBuffers(module, program)))
    return failure();
  func::FuncOp entry = memory.convertProgram();
  eraseAll<tern::ParamOp>(module);
  eraseAll<plan::StateOp>(module);
  if (failed(callOnBuffers(module, entry, memory.getArrays())))
    return failure();
  return memory.getResults();
}

} // namespace

FailureOr<std::vector<Array>>
sterna::interpret(ModuleOp module, StringRef name, ArrayRef<Array> inputs,
                  const std::map<std::string, Array> &params) {
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return interpretFunction(module, function, inputs, params);
  if (auto program = module.lookupSymbol<plan::ProgramOp>(name))
    return interpretProgram(module, program, inputs, params);
  // From the phase dispatch on, in the plan for a target: any computes it.
  for (auto plan : module.getOps<ModuleOp>())
    if (plan->hasAttr(plan::targetAttr) && plan.lookupSymbol(name))
      return interpret(plan, name, inputs, params);
  return module.emitError("expected a function or program named '")
         << name << "' to run, but there is none";
}
