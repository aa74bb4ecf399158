//===- EmitKernels.cpp - Turn plan kernels into CPU functions -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-emit-cpu-kernels: for each kernel, or each of its
// independent parts, the first emitter that takes it, else the portable tier.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/KernelEmitter.h"
#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Codegen/CPU/Passes.h"
#include "sterna/Codegen/Kernels/Parts.h"
#include "sterna/Codegen/Portable/PortableKernel.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

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

/// Who emitted a kernel, and how it is cut.
struct Emitted {
  std::string emitter;
  int64_t workgroups;
};

/// Emits kernels for one level into a module of its own.
class LevelEmission {
public:
  LevelEmission(ModuleOp module, const cpu::Level &level, bool tuned)
      : level(level), tuned(tuned), builder(module.getContext()) {
    builder.setInsertionPointToEnd(module.getBody());
    kernels = ModuleOp::create(builder, module.getLoc(), level.name);
    builder.setInsertionPointToEnd(kernels.getBody());
  }

  FailureOr<Emitted> emit(plan::KernelOp kernel) {
    auto function = makeFunction(kernel);
    std::vector<kernels::Part> parts = kernels::splitParts(kernel);
    if (parts.empty())
      return emitWhole(kernel, function);
    llvm::SmallSetVector<StringRef, 4> names;
    int64_t workgroups = 0;
    for (kernels::Part &part : parts) {
      FailureOr<const Shared *> shared = share(std::move(part.kernel));
      if (failed(shared))
        return failure();
      call(**shared, part.buffers, function, workgroups);
      workgroups += (*shared)->emitted.workgroups;
      names.insert((*shared)->emitted.emitter);
    }
    return Emitted{llvm::join(names, "+"), workgroups};
  }

private:
  /// A part of kernels, and the function that runs it.
  struct Shared {
    OwningOpRef<plan::KernelOp> kernel;
    func::FuncOp function;
    Emitted emitted;
  };

  /// A function of the kernel's buffers, begin and end, that returns at once.
  func::FuncOp makeFunction(plan::KernelOp kernel) {
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
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(function.addEntryBlock());
    func::ReturnOp::create(builder, kernel.getLoc());
    return function;
  }

  FailureOr<Emitted> emitWhole(plan::KernelOp kernel, func::FuncOp function) {
    OpBuilder b(function.front().getTerminator());
    ValueRange buffers = ValueRange(function.getArguments()).drop_back(2);
    auto [begin, end] = getRange(function);
    if (tuned)
      for (const auto &emitter : cpu::getKernelEmitters())
        if (auto matched = emitter->match(kernel, level.info)) {
          matched->emit(b, kernel.getLoc(), buffers, begin, end);
          return Emitted{emitter->getName().str(), matched->getWorkgroups()};
        }
    FailureOr<int64_t> workgroups =
        emitPortableKernel(kernel, CPU(), b, buffers, begin, end);
    if (failed(workgroups))
      return failure();
    return Emitted{"portable", *workgroups};
  }

  /// The function for a part: one that is there already if its structure is.
  FailureOr<const Shared *> share(OwningOpRef<plan::KernelOp> part) {
    for (const auto &other : shared)
      if (other->kernel->getTied() == part->getTied() &&
          OperationEquivalence::isRegionEquivalentTo(
              &other->kernel->getBody(), &part->getBody(),
              OperationEquivalence::IgnoreLocations))
        return other.get();
    part->setSymName(("part_" + Twine(shared.size())).str());
    func::FuncOp function = makeFunction(*part);
    function.setPrivate();
    FailureOr<Emitted> emitted = emitWhole(*part, function);
    if (failed(emitted))
      return failure();
    shared.push_back(std::make_unique<Shared>(
        Shared{std::move(part), function, std::move(*emitted)}));
    return shared.back().get();
  }

  /// Lets `function` call a part if its range has some of the part's
  /// workgroups, of which there are `first` others before.
  static void call(const Shared &part, ArrayRef<unsigned> buffers,
                   func::FuncOp function, int64_t first) {
    OpBuilder b(function.front().getTerminator());
    Location loc = function.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    auto [begin, end] = getRange(function);
    Value from = arith::SubIOp::create(b, loc, begin, constant(first));
    Value to = arith::SubIOp::create(b, loc, end, constant(first));
    from = arith::MaxSIOp::create(b, loc, from, constant(0));
    to = arith::MinSIOp::create(b, loc, to, constant(part.emitted.workgroups));
    Value isSome =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, from, to);
    auto branch = scf::IfOp::create(b, loc, isSome, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> arguments;
    for (unsigned buffer : buffers)
      arguments.push_back(function.getArgument(buffer));
    arguments.append({from, to});
    func::CallOp::create(b, loc, part.function, arguments);
  }

  static std::pair<Value, Value> getRange(func::FuncOp function) {
    ArrayRef<BlockArgument> last = function.getArguments().take_back(2);
    return {last[0], last[1]};
  }

  const cpu::Level &level;
  bool tuned;
  OpBuilder builder;
  ModuleOp kernels;
  std::vector<std::unique_ptr<Shared>> shared;
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
    LevelEmission emission(getOperation(), level, tuned);
    Builder b(&getContext());
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      FailureOr<Emitted> emitted = emission.emit(kernel);
      if (failed(emitted))
        return kernel.emitError("could not be lowered");
      kernel->setAttr(
          level.name,
          b.getDictionaryAttr(
              {b.getNamedAttr("emitter", b.getStringAttr(emitted->emitter)),
               b.getNamedAttr("workgroups",
                              b.getI64IntegerAttr(emitted->workgroups))}));
    }
    return success();
  }
};

} // namespace
