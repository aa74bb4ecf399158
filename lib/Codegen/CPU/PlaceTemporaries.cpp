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

struct PlaceTemporaries
    : sterna::cpu::impl::PlaceTemporariesPassBase<PlaceTemporaries> {
  using PlaceTemporariesPassBase::PlaceTemporariesPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    SmallVector<Operation *> temporaries;
    function.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::AllocaOp>(op))
        temporaries.push_back(op);
    });
    for (Operation *op : temporaries)
      if (!typeOf(op).hasStaticShape()) {
        op->emitError("expected a temporary of static shape");
        return signalPassFailure();
      }
    function.walk([](memref::DeallocOp op) { op.erase(); });
    // The smallest on the stack, so that as few as possible are elsewhere.
    llvm::stable_sort(temporaries, [&](Operation *a, Operation *b) {
      return bytesOf(typeOf(a)) < bytesOf(typeOf(b));
    });
    place(temporaries);
  }

private:
  static MemRefType typeOf(Operation *op) {
    return cast<MemRefType>(op->getResult(0).getType());
  }

  void place(ArrayRef<Operation *> temporaries) {
    func::FuncOp function = getOperation();
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(&function.front());
    int64_t onStack = 0, scratchBytes = 0;
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
    Value scratch = addScratch(scratchBytes);
    for (auto [op, offset] : inScratch) {
      Value shift =
          arith::ConstantIndexOp::create(builder, op->getLoc(), offset);
      op->getResult(0).replaceAllUsesWith(memref::ViewOp::create(
          builder, op->getLoc(), typeOf(op), scratch, shift, ValueRange{}));
    }
    // Last, for the builder may stand before one of them.
    for (Operation *op : temporaries)
      op->erase();
  }

  /// The last argument of the function: so many bytes.
  Value addScratch(int64_t bytes) {
    func::FuncOp function = getOperation();
    Builder b(&getContext());
    NamedAttrList attributes;
    attributes.set(LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    unsigned last = function.getNumArguments();
    (void)function.insertArgument(
        last, MemRefType::get(bytes, b.getIntegerType(8)),
        attributes.getDictionary(&getContext()), function.getLoc());
    function->setAttr(sterna::cpu::scratchAttr, b.getI64IntegerAttr(bytes));
    return function.getArgument(last);
  }
};

} // namespace
