//===- Jit.cpp - Lowers and calls a module on buffers ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bufferizes, lowers to LLVM and calls the result.
//
//===----------------------------------------------------------------------===//

#include "Jit.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/TargetSelect.h"

#include <cstring>

using namespace mlir;
using namespace sterna;

namespace {

/// A name that no symbol of the process has.
constexpr StringLiteral entryName = "sterna_interpreted";

/// From upstream ops to the LLVM dialect. Loops keep the order of the
/// decompositions.
constexpr StringLiteral toLLVM =
    "func.func(convert-elementwise-to-linalg),"
    "one-shot-bufferize,buffer-deallocation-pipeline,"
    "convert-bufferization-to-memref,"
    "func.func(convert-linalg-to-loops,arith-expand),"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,"
    "convert-math-to-llvm,convert-math-to-libm,convert-to-llvm,"
    "reconcile-unrealized-casts";

/// A ranked buffer as the C interface of MLIR passes it: pointers, offset,
/// extents, strides.
std::vector<int64_t> descriptorOf(Array &array) {
  auto address = int64_t(reinterpret_cast<intptr_t>(array.bytes.data()));
  std::vector<int64_t> result{address, address, 0};
  llvm::append_range(result, array.shape);
  std::vector<int64_t> strides(array.shape.size(), 1);
  for (size_t dim = strides.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * array.shape[dim];
  llvm::append_range(result, strides);
  return result;
}

/// Any ranked buffer, as lowered code passes it to functions of the host.
struct UnrankedBuffer {
  int64_t rank;
  int64_t *descriptor;

  char *elements(int64_t elementSize) const {
    return reinterpret_cast<char *>(descriptor[1]) +
           descriptor[2] * elementSize;
  }
  int64_t extent(int64_t dim) const { return descriptor[3 + dim]; }
  int64_t stride(int64_t dim) const { return descriptor[3 + rank + dim]; }
};

void copyFrom(int64_t dim, int64_t elementSize, const UnrankedBuffer &from,
              const UnrankedBuffer &to, const char *source, char *target) {
  if (dim == from.rank) {
    std::memcpy(target, source, elementSize);
    return;
  }
  for (int64_t index = 0; index < from.extent(dim); ++index)
    copyFrom(dim + 1, elementSize, from, to,
             source + index * from.stride(dim) * elementSize,
             target + index * to.stride(dim) * elementSize);
}

/// What memref.copy calls for buffers that are not contiguous.
void memrefCopy(int64_t elementSize, UnrankedBuffer *from, UnrankedBuffer *to) {
  copyFrom(0, elementSize, *from, *to, from->elements(elementSize),
           to->elements(elementSize));
}

/// Makes the functions of the host known that lowered code calls.
void registerHostFunctions(ExecutionEngine &engine) {
  engine.registerSymbols([](llvm::orc::MangleAndInterner interner) {
    llvm::orc::SymbolMap symbols;
    symbols[interner("memrefCopy")] = {
        llvm::orc::ExecutorAddr::fromPtr(&memrefCopy),
        llvm::JITSymbolFlags::Exported};
    return symbols;
  });
}

LogicalResult execute(ModuleOp module, MutableArrayRef<Array> arrays) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto optimize = makeOptimizingTransformer(2, 0, /*targetMachine=*/nullptr);
  ExecutionEngineOptions options;
  options.transformer = optimize;
  llvm::Expected<std::unique_ptr<ExecutionEngine>> engine =
      ExecutionEngine::create(module, options);
  if (!engine)
    return module.emitError("cannot be compiled: ")
           << llvm::toString(engine.takeError());
  registerHostFunctions(**engine);
  std::vector<std::vector<int64_t>> descriptors;
  for (Array &array : arrays)
    descriptors.push_back(descriptorOf(array));
  // The call takes the address of each argument, itself an address.
  std::vector<void *> arguments, addresses;
  for (std::vector<int64_t> &descriptor : descriptors)
    arguments.push_back(descriptor.data());
  for (void *&argument : arguments)
    addresses.push_back(&argument);
  if (llvm::Error error = (*engine)->invokePacked(
          ("_mlir_ciface_" + entryName).str(), addresses))
    return module.emitError("cannot be run: ")
           << llvm::toString(std::move(error));
  return success();
}

} // namespace

LogicalResult sterna::runPasses(ModuleOp module, StringRef pipeline) {
  PassManager passes(module.getContext());
  if (failed(parsePassPipeline(pipeline, passes)))
    return failure();
  return passes.run(module);
}

LogicalResult sterna::callOnBuffers(ModuleOp module, func::FuncOp entry,
                                    MutableArrayRef<Array> arguments) {
  entry.setName(entryName);
  entry->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                 UnitAttr::get(module.getContext()));
  if (failed(runPasses(module, toLLVM)))
    return failure();
  return execute(module, arguments);
}
