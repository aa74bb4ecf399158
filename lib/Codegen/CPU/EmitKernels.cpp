//===- EmitKernels.cpp - Turn plan kernels into CPU functions -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-emit-cpu-kernels: for each kernel the first emitter
// that takes it, else the portable tier.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/Portable/PortableKernel.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;

namespace sterna::cpu {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

using namespace sterna;

namespace {

/// Each thread runs many workgroups, and has caches for temporaries.
class CPU : public PortableTarget {
  SmallVector<int64_t>
  chooseTile(const ParallelResults &results) const override {
    SmallVector<int64_t> tile(results.extents);
    if (tile.empty())
      return tile;
    int64_t elements = 0;
    for (RankedTensorType type : results.types)
      elements = std::max(elements, type.getNumElements());
    tile.front() = tileSize(tile.front(), elements);
    return tile;
  }

  bool fusesIntoReductions() const override { return false; }

  /// Rows of a tile: enough elements to be worth a call, but parts for threads.
  static int64_t tileSize(int64_t extent, int64_t elements) {
    constexpr int64_t minElements = 256, minTiles = 8;
    int64_t perRow = std::max<int64_t>(elements / extent, 1);
    int64_t size = 1;
    while (size * perRow < minElements && extent % (2 * size) == 0 &&
           extent / (2 * size) >= minTiles)
      size *= 2;
    return size;
  }
};

struct EmitKernels : cpu::impl::EmitKernelsPassBase<EmitKernels> {
  using EmitKernelsPassBase::EmitKernelsPassBase;

  void runOnOperation() override {
    for (const std::string &name : levels) {
      const cpu::Level *level = cpu::findLevel(name);
      if (!level) {
        getOperation().emitError()
            << "unknown instruction level '" << name << "'";
        return signalPassFailure();
      }
      if (failed(emitLevel(*level)))
        return signalPassFailure();
    }
  }

private:
  LogicalResult emitLevel(const cpu::Level &level) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto kernels =
        ModuleOp::create(builder, getOperation().getLoc(), level.name);
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      builder.setInsertionPointToEnd(kernels.getBody());
      if (failed(emit(kernel, level, builder)))
        return failure();
    }
    return success();
  }

  LogicalResult emit(plan::KernelOp kernel, const cpu::Level &level,
                     OpBuilder &builder) {
    SmallVector<Type> types = getBufferTypes(kernel);
    unsigned numBuffers = types.size();
    types.append(2, builder.getIndexType());
    auto function =
        func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(),
                             builder.getFunctionType(types, {}));
    // The plan's verifier proves that what is written overlaps nothing else.
    for (unsigned i = 0; i < numBuffers; ++i)
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                          builder.getUnitAttr());
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    func::ReturnOp::create(builder, kernel.getLoc());
    builder.setInsertionPointToStart(entry);
    ValueRange arguments = entry->getArguments();
    return emitBody(kernel, level, builder, arguments.take_front(numBuffers),
                    arguments[numBuffers], arguments[numBuffers + 1]);
  }

  LogicalResult emitBody(plan::KernelOp kernel, const cpu::Level &level,
                         OpBuilder &builder, ValueRange buffers, Value begin,
                         Value end) {
    const cpu::TargetInfo &target = level.info;
    StringRef name = "portable";
    int64_t workgroups = 0;
    if (tuned)
      for (const auto &emitter : cpu::getKernelEmitters()) {
        std::unique_ptr<cpu::KernelPlan> matched =
            emitter->match(kernel, target);
        if (!matched)
          continue;
        matched->emit(builder, kernel.getLoc(), buffers, begin, end);
        workgroups = matched->getWorkgroups();
        name = emitter->getName();
        break;
      }
    if (!workgroups) {
      auto portable =
          emitPortableKernel(kernel, CPU(), builder, buffers, begin, end);
      if (failed(portable))
        return kernel.emitError("could not be lowered");
      workgroups = *portable;
    }
    kernel->setAttr(
        level.name,
        builder.getDictionaryAttr(
            {builder.getNamedAttr("emitter", builder.getStringAttr(name)),
             builder.getNamedAttr("workgroups",
                                  builder.getI64IntegerAttr(workgroups))}));
    return success();
  }
};

} // namespace
