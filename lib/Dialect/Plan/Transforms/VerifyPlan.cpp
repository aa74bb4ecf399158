//===- VerifyPlan.cpp - Prove that a scheduled plan is sound --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-verify-plan. It looks at placed bytes alone and
// shares no code with the scheduler, so that it can catch its mistakes.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"

#include <map>

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna::plan;

namespace {

/// A set of bytes as disjoint intervals: begin to end.
class ByteSet {
public:
  void insert(int64_t begin, int64_t end) {
    auto it = intervals.upper_bound(begin);
    if (it != intervals.begin() && std::prev(it)->second >= begin)
      --it;
    while (it != intervals.end() && it->first <= end) {
      begin = std::min(begin, it->first);
      end = std::max(end, it->second);
      it = intervals.erase(it);
    }
    intervals[begin] = end;
  }

  bool contains(int64_t begin, int64_t end) const {
    auto it = intervals.upper_bound(begin);
    return it != intervals.begin() && std::prev(it)->second >= end;
  }

  bool intersects(int64_t begin, int64_t end) const {
    auto it = intervals.lower_bound(end);
    return it != intervals.begin() && std::prev(it)->second > begin;
  }

  void clear() { intervals.clear(); }

private:
  std::map<int64_t, int64_t> intervals;
};

constexpr unsigned numSpaces = 4;

/// Walks the launches of one program.
class ProgramVerifier {
public:
  ProgramVerifier(ProgramOp program, SymbolTable &symbols)
      : program(program), symbols(symbols) {}

  LogicalResult run() {
    for (Operation &op : program.getBody().front()) {
      if (isa<BarrierOp>(op))
        for (unsigned space = 0; space < numSpaces; ++space) {
          reads[space].clear();
          writes[space].clear();
        }
      if (auto launch = dyn_cast<LaunchOp>(op))
        if (failed(verify(launch)))
          return failure();
    }
    return success();
  }

private:
  LogicalResult verify(LaunchOp launch) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    unsigned arguments = kernel.getBodyBlock()->getNumArguments();
    SmallVector<BufferOp> buffers;
    for (Value value : launch.getBuffers())
      buffers.push_back(value.getDefiningOp<BufferOp>());
    auto isWritten = [&](unsigned index) {
      return index >= arguments || llvm::is_contained(kernel.getTied(), index);
    };
    for (unsigned i = 0; i < buffers.size(); ++i)
      for (unsigned j = 0; j < buffers.size(); ++j)
        if (i != j && isWritten(i) && overlap(buffers[i], buffers[j]))
          return launch.emitOpError()
                 << "writes buffer " << i << ", which overlaps buffer " << j;
    for (auto [index, buffer] : llvm::enumerate(buffers))
      if (failed(verify(launch, buffer, index < arguments, isWritten(index))))
        return failure();
    for (auto [index, buffer] : llvm::enumerate(buffers))
      record(buffer, index < arguments, isWritten(index));
    return success();
  }

  static int64_t endOf(BufferOp buffer) {
    return buffer.getOffset() + buffer.getBytes();
  }

  static bool overlap(BufferOp x, BufferOp y) {
    return x.getSpace() == y.getSpace() && int64_t(x.getOffset()) < endOf(y) &&
           int64_t(y.getOffset()) < endOf(x);
  }

  LogicalResult verify(LaunchOp launch, BufferOp buffer, bool read,
                       bool written) {
    unsigned space = unsigned(buffer.getSpace());
    int64_t begin = buffer.getOffset(), end = endOf(buffer);
    auto fail = [&](const Twine &message) {
      InFlightDiagnostic diagnostic = launch.emitOpError() << message;
      diagnostic.attachNote(buffer.getLoc())
          << "buffer at " << buffer.getOffset();
      return diagnostic;
    };
    if (written && buffer.getSpace() == Space::weights)
      return fail("writes to the weights");
    if (read && buffer.getSpace() == Space::arena &&
        !defined.contains(begin, end))
      return fail("reads arena bytes that no launch has written");
    if (writes[space].intersects(begin, end))
      return fail("races with a write since the last barrier");
    if (written && reads[space].intersects(begin, end))
      return fail("races with a read since the last barrier");
    return success();
  }

  void record(BufferOp buffer, bool read, bool written) {
    unsigned space = unsigned(buffer.getSpace());
    int64_t begin = buffer.getOffset(), end = endOf(buffer);
    if (read)
      reads[space].insert(begin, end);
    if (!written)
      return;
    writes[space].insert(begin, end);
    if (buffer.getSpace() == Space::arena)
      defined.insert(begin, end);
  }

  ProgramOp program;
  SymbolTable &symbols;
  ByteSet reads[numSpaces], writes[numSpaces], defined;
};

struct VerifyPlan : sterna::plan::impl::VerifyPlanPassBase<VerifyPlan> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto program : getOperation().getOps<ProgramOp>())
      if (failed(ProgramVerifier(program, symbols).run()))
        return signalPassFailure();
  }
};

} // namespace
