//===- StackBuffers.cpp - Temporaries of a kernel on its stack ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-stack-buffers.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/CPU/Passes.h"

using namespace mlir;

namespace sterna::cpu {
#define GEN_PASS_DEF_STACKBUFFERSPASS
#include "sterna/Codegen/CPU/Passes.h.inc"
} // namespace sterna::cpu

namespace {

struct StackBuffers : sterna::cpu::impl::StackBuffersPassBase<StackBuffers> {
  using StackBuffersPassBase::StackBuffersPassBase;

  void runOnOperation() override {
    constexpr int64_t alignment = 64;
    func::FuncOp function = getOperation();
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(&function.front());
    int64_t total = 0;
    SmallVector<memref::AllocOp> allocations;
    function.walk([&](memref::AllocOp op) { allocations.push_back(op); });
    for (memref::AllocOp op : allocations) {
      MemRefType type = op.getType();
      if (!type.hasStaticShape()) {
        op.emitError("expected a temporary of static shape");
        return signalPassFailure();
      }
      total += type.getNumElements() * type.getElementTypeBitWidth() / 8;
      auto local = memref::AllocaOp::create(
          builder, op.getLoc(), type, builder.getI64IntegerAttr(alignment));
      op.replaceAllUsesWith(local.getResult());
      op.erase();
    }
    function.walk([](memref::DeallocOp op) { op.erase(); });
    if (total > limit) {
      function.emitError() << "expected temporaries of at most "
                           << int64_t(limit) << " bytes, but got " << total
                           << " in kernel '" << function.getSymName()
                           << "': attention to a shorter context needs less";
      signalPassFailure();
    }
  }
};

} // namespace
