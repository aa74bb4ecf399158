//===- PlaceTemporaries.cpp - Where a kernel keeps its temporaries --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-place-temporaries. Threads have small stacks, 512
// KiB on some systems, and a kernel shares one with the program that calls it;
// so what is large lies in scratch memory that the runtime hands in.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Passes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna::cpu;

namespace sterna::cpu {
#define GEN_PASS_DEF_PLACETEMPORARIESPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

namespace {

/// A cache line.
constexpr int64_t alignment = 64;

int64_t bytesOf(MemRefType type) {
  int64_t bits = type.getElementType().isIndex()
                     ? 64
                     : int64_t(type.getElementTypeBitWidth());
  return llvm::divideCeil(type.getNumElements() * bits, 8);
}

MemRefType typeOf(Operation *op) {
  return cast<MemRefType>(op->getResult(0).getType());
}

/// Places what a function allocates, and what the functions need that it calls:
/// one runs after the other, and all begin in the same scratch memory.
class FunctionPlacement {
public:
  FunctionPlacement(func::FuncOp function, int64_t stack)
      : function(function), stack(stack), builder(function.getContext()) {}

  LogicalResult run(ArrayRef<func::CallOp> calls, SymbolTable &symbols) {
    SmallVector<Operation *> temporaries;
    function.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::AllocaOp>(op))
        temporaries.push_back(op);
    });
    for (Operation *op : temporaries)
      if (!typeOf(op).hasStaticShape())
        return op->emitError("expected a temporary of static shape");
    function.walk([](memref::DeallocOp op) { op.erase(); });
    // The smallest on the stack, so that as few as possible are elsewhere.
    llvm::stable_sort(temporaries, [&](Operation *a, Operation *b) {
      return bytesOf(typeOf(a)) < bytesOf(typeOf(b));
    });
    int64_t called = 0;
    for (func::CallOp call : calls)
      called = std::max(called, scratchOf(symbols, call));
    place(temporaries, called);
    for (func::CallOp call : calls)
      passScratch(call, scratchOf(symbols, call));
    return success();
  }

private:
  static int64_t scratchOf(SymbolTable &symbols, func::CallOp call) {
    return symbols.lookup<func::FuncOp>(call.getCallee())
        ->getAttrOfType<IntegerAttr>(scratchAttr)
        .getInt();
  }

  /// Gives `temporaries` their places; the first `scratchBytes` of scratch
  /// memory are taken.
  void place(ArrayRef<Operation *> temporaries, int64_t scratchBytes) {
    builder.setInsertionPointToStart(&function.front());
    int64_t onStack = 0;
    SmallVector<std::pair<Operation *, int64_t>> inScratch;
    for (Operation *op : temporaries) {
      int64_t bytes = llvm::alignTo(bytesOf(typeOf(op)), alignment);
      if (onStack + bytes > stack) {
        inScratch.push_back({op, scratchBytes});
        scratchBytes += bytes;
        continue;
      }
      onStack += bytes;
      op->getResult(0).replaceAllUsesWith(
          memref::AllocaOp::create(builder, op->getLoc(), typeOf(op),
                                   builder.getI64IntegerAttr(alignment)));
    }
    addScratch(scratchBytes);
    for (auto [op, offset] : inScratch)
      op->getResult(0).replaceAllUsesWith(
          viewScratch(typeOf(op), offset, op->getLoc()));
    // Last, for the builder may stand before one of them.
    for (Operation *op : temporaries)
      op->erase();
  }

  Value viewScratch(MemRefType type, int64_t offset, Location loc) {
    Value shift = arith::ConstantIndexOp::create(builder, loc, offset);
    return memref::ViewOp::create(builder, loc, type, scratch, shift,
                                  ValueRange{});
  }

  /// Adds the last argument of the function: so many bytes.
  void addScratch(int64_t bytes) {
    NamedAttrList attributes;
    attributes.set(LLVM::LLVMDialect::getNoAliasAttrName(),
                   builder.getUnitAttr());
    unsigned last = function.getNumArguments();
    (void)function.insertArgument(
        last, MemRefType::get(bytes, builder.getIntegerType(8)),
        attributes.getDictionary(function.getContext()), function.getLoc());
    function->setAttr(scratchAttr, builder.getI64IntegerAttr(bytes));
    scratch = function.getArgument(last);
  }

  void passScratch(func::CallOp call, int64_t bytes) {
    builder.setInsertionPoint(call);
    auto type = MemRefType::get(bytes, builder.getIntegerType(8));
    Value view = viewScratch(type, 0, call.getLoc());
    call.getOperandsMutable().append(view);
  }

  func::FuncOp function;
  int64_t stack;
  OpBuilder builder;
  Value scratch;
};

struct PlaceTemporaries
    : sterna::cpu::impl::PlaceTemporariesPassBase<PlaceTemporaries> {
  using PlaceTemporariesPassBase::PlaceTemporariesPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> leaves, callers;
    for (auto function : getOperation().getOps<func::FuncOp>())
      (callsOf(function).empty() ? leaves : callers).push_back(function);
    for (func::FuncOp function : llvm::concat<func::FuncOp>(leaves, callers)) {
      SmallVector<func::CallOp> calls = callsOf(function);
      for (func::CallOp call : calls)
        if (!symbols.lookup(call.getCallee())->hasAttr(scratchAttr)) {
          call.emitError("expected a function that calls no other");
          return signalPassFailure();
        }
      if (failed(FunctionPlacement(function, stack).run(calls, symbols)))
        return signalPassFailure();
    }
  }

private:
  static SmallVector<func::CallOp> callsOf(func::FuncOp function) {
    SmallVector<func::CallOp> calls;
    function.walk([&](func::CallOp call) { calls.push_back(call); });
    return calls;
  }
};

} // namespace
