//===- Emit.cpp - Programs from placed dispatches -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Emit.h. A barrier stands where a launch touches bytes that one since the
// last barrier writes, or writes what one reads.
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

class Emitter {
public:
  Emitter(func::FuncOp function, const Placement &placement,
          const SymbolTable &symbols)
      : function(function), placement(placement), symbols(symbols),
        b(function) {}

  void run() {
    auto program = ProgramOp::create(
        b, function.getLoc(), function.getSymName(), placement.arenaBytes,
        b.getArrayAttr(placement.inputs), b.getArrayAttr(placement.outputs),
        placement.peak);
    program.getBody().emplaceBlock();
    b.setInsertionPointToEnd(&program.getBody().front());
    for (auto dispatch : function.getOps<DispatchOp>())
      emitLaunch(dispatch);
    YieldOp::create(b, function.getLoc());
  }

private:
  struct Access {
    Space space;
    int64_t begin, end;
    bool write;
  };

  void emitLaunch(DispatchOp dispatch) {
    auto kernel = symbols.lookup<KernelOp>(dispatch.getKernel());
    SmallVector<Value> launched;
    SmallVector<Access> accesses;
    for (Value input : dispatch.getInputs()) {
      launched.push_back(emitBuffer(input));
      accesses.push_back(accessOf(launched.back(), /*write=*/false));
    }
    for (auto [output, tied] :
         llvm::zip_equal(dispatch.getOutputs(), kernel.getTied())) {
      if (tied >= 0) {
        accesses[tied].write = true;
        continue;
      }
      launched.push_back(emitBuffer(output));
      accesses.push_back(accessOf(launched.back(), /*write=*/true));
    }
    if (conflicts(accesses)) {
      BarrierOp::create(b, dispatch.getLoc());
      pending.clear();
    }
    pending.append(accesses);
    LaunchOp::create(b, dispatch.getLoc(), dispatch.getKernel(), launched);
  }

  Value emitBuffer(Value value) {
    Value &buffer = buffers[value];
    if (buffer)
      return buffer;
    auto [viewed, bytes] = getViewed(value);
    auto it = placement.places.find(viewed);
    assert(it != placement.places.end() &&
           "expected every buffer to have a place");
    const Place &place = it->second;
    MemRefType type =
        tern::getBufferType(cast<RankedTensorType>(value.getType()));
    buffer = BufferOp::create(b, value.getLoc(), type, place.space,
                              place.offset + bytes, place.name);
    return buffer;
  }

  static Access accessOf(Value value, bool write) {
    auto buffer = value.getDefiningOp<BufferOp>();
    int64_t begin = buffer.getOffset();
    return {buffer.getSpace(), begin, begin + buffer.getBytes(), write};
  }

  /// Whether a launch must wait for those since the last barrier.
  bool conflicts(ArrayRef<Access> accesses) {
    return llvm::any_of(accesses, [&](const Access &x) {
      return llvm::any_of(pending, [&](const Access &y) {
        return x.space == y.space && (x.write || y.write) && x.begin < y.end &&
               y.begin < x.end;
      });
    });
  }

  func::FuncOp function;
  const Placement &placement;
  const SymbolTable &symbols;
  OpBuilder b;
  llvm::DenseMap<Value, Value> buffers;
  SmallVector<Access> pending;
};

} // namespace

void sterna::plan::emitProgram(func::FuncOp function,
                               const Placement &placement,
                               const SymbolTable &symbols) {
  Emitter(function, placement, symbols).run();
}
