//===- Decide.cpp - What to keep and what to compute again ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Decide.h. What a decision needs is not estimated: it is applied to a copy
// of the function, whose values are then placed.
//
//===----------------------------------------------------------------------===//

#include "Decide.h"

#include "Cost.h"
#include "Place.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

/// A training function as blocks between its checkpoints.
class Blocks {
public:
  explicit Blocks(func::FuncOp function) : backward(getBackwardOps(function)) {
    for (auto [number, op] : llvm::enumerate(function.front())) {
      ops.push_back(&op);
      numberOf[&op] = number;
      if (isa<tern::CheckpointOp>(op))
        markers.push_back(number);
    }
    for (size_t block = 0; block + 1 < markers.size(); ++block)
      cuts.push_back(findCut(block));
  }

  size_t size() const { return markers.size(); }

  /// All of the forward pass before the last checkpoint. What follows is needed
  /// at once: computing it again would save nothing.
  Recomputed all() const {
    Recomputed result(ops.size());
    if (markers.empty())
      return result;
    for (size_t number = 0; number < markers.back(); ++number)
      if (!isa<tern::GetParamOp, tern::CheckpointOp>(ops[number]) &&
          !backward.contains(ops[number]))
        result.ops.set(number);
    return result;
  }

  /// The same, each block in two, and the inputs of all but each `stride`-th.
  Recomputed allWithStride(size_t stride) const {
    Recomputed result = all();
    for (size_t block = 0; block + 1 < markers.size(); ++block) {
      if (block % stride != 0)
        result.ops.set(markers[block]);
      if (cuts[block])
        result.cuts.set(*cuts[block]);
    }
    return result;
  }

  /// Dispatches of all blocks, in the order in which to keep what they compute:
  /// those of one place in their blocks together.
  SmallVector<size_t> keepOrder(const SymbolTable &kernels) {
    SmallVector<size_t> order;
    if (markers.size() < 2)
      return order;
    for (Operation *op : ops)
      if (auto dispatch = dyn_cast<DispatchOp>(op))
        costs[op] =
            estimateCost(kernels.lookup<KernelOp>(dispatch.getKernel()));
    // Blocks of a decoder have one structure, but for what precedes the first.
    size_t model = markers.size() > 2 ? 1 : 0;
    for (size_t place : keepOrderOf(model))
      for (size_t block = markers.size() - 1; block-- > 0;) {
        size_t number = markers[block] + place;
        if (number < markers[block + 1] && isa<DispatchOp>(ops[number]))
          order.push_back(number);
      }
    return order;
  }

private:
  /// The dispatch of a block that all of the block behind it is computed from,
  /// and from nothing else of the block: of several, that with the most equal
  /// halves. A decoder's is what adds attention to its input.
  std::optional<size_t> findCut(size_t block) const {
    size_t first = markers[block], last = markers[block + 1];
    // By value: the forward pass's last op that reads it, itself or by views.
    llvm::MapVector<Value, size_t> lastReader;
    int64_t bytes = 0;
    for (size_t number = first; number <= last; ++number) {
      if (backward.contains(ops[number]))
        continue;
      for (Value operand : ops[number]->getOperands())
        if (auto it = lastReader.find(rootOf(operand, first));
            it != lastReader.end())
          it->second = number;
      if (!isView(ops[number]) || number == first)
        for (Value result : ops[number]->getResults())
          lastReader[result] = number;
      bytes += isa<DispatchOp>(ops[number]) ? resultBytes(ops[number]) : 0;
    }
    std::optional<size_t> best;
    int64_t bestDistance = bytes, before = 0;
    for (size_t number = first + 1; number < last; ++number) {
      if (!isa<DispatchOp>(ops[number]) || backward.contains(ops[number]))
        continue;
      before += resultBytes(ops[number]);
      bool isCut = llvm::all_of(lastReader, [&](const auto &entry) {
        size_t written = numberOf.lookup(entry.first.getDefiningOp());
        return written >= number || entry.second <= number;
      });
      int64_t distance = std::abs(2 * before - bytes);
      if (isCut && distance < bestDistance) {
        best = number;
        bestDistance = distance;
      }
    }
    return best;
  }

  /// What `value` is a view of, up to the block's input, op number `first`.
  Value rootOf(Value value, size_t first) const {
    while (Operation *op = value.getDefiningOp()) {
      if (!isView(op) || op == ops[first] || isa<tern::GetParamOp>(op))
        break;
      value = op->getOperand(0);
    }
    return value;
  }

  /// Places in block number `block` of dispatches whose results are worth
  /// keeping, the best first.
  SmallVector<size_t> keepOrderOf(size_t block) const {
    size_t first = markers[block], last = markers[block + 1];
    llvm::DenseSet<Operation *> kept;
    SmallVector<size_t> order;
    double cost = costOf(first, last, kept);
    while (true) {
      size_t best = 0;
      double bestRatio = 0, bestCost = 0;
      for (size_t number = first + 1; number < last; ++number) {
        Operation *op = ops[number];
        if (!isa<DispatchOp>(op) || backward.contains(op) || kept.contains(op))
          continue;
        kept.insert(op);
        double next = costOf(first, last, kept);
        kept.erase(op);
        double ratio = (cost - next) / double(resultBytes(op));
        if (ratio > bestRatio) {
          best = number;
          bestRatio = ratio;
          bestCost = next;
        }
      }
      if (bestRatio == 0)
        return order;
      kept.insert(ops[best]);
      order.push_back(best - first);
      cost = bestCost;
    }
  }

  /// What the backward pass computes again of the block's ops, numbers first to
  /// last, where the results of `kept` are.
  double costOf(size_t first, size_t last,
                const llvm::DenseSet<Operation *> &kept) const {
    llvm::DenseSet<Operation *> seen;
    SmallVector<Operation *> worklist;
    auto visit = [&](Operation *op) {
      if (!op || kept.contains(op))
        return;
      auto it = numberOf.find(op);
      if (it != numberOf.end() && it->second > first && it->second < last &&
          !isa<tern::GetParamOp>(op) && seen.insert(op).second)
        worklist.push_back(op);
    };
    for (size_t number = first + 1; number < last; ++number)
      if (llvm::any_of(ops[number]->getUsers(), [&](Operation *user) {
            return backward.contains(user);
          }))
        visit(ops[number]);
    double cost = 0;
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val();
      cost += costs.lookup(op);
      for (Value operand : op->getOperands())
        visit(operand.getDefiningOp());
    }
    return cost;
  }

  static int64_t resultBytes(Operation *op) {
    int64_t bytes = 0;
    for (Value result : op->getResults())
      bytes += bytesOf(result);
    return std::max<int64_t>(bytes, 1);
  }

  llvm::DenseSet<Operation *> backward;
  SmallVector<Operation *> ops;
  llvm::DenseMap<Operation *, size_t> numberOf;
  llvm::DenseMap<Operation *, double> costs;
  SmallVector<size_t> markers;
  SmallVector<std::optional<size_t>> cuts; // by block
};

/// Measures decisions.
class Measurement {
public:
  Measurement(func::FuncOp function, SymbolTable &kernels, SavedType &saved)
      : function(function), inPlace(kernels), saved(saved) {}

  int64_t arenaOf(const Recomputed &recomputed) {
    OwningOpRef<func::FuncOp> copy = function.clone();
    rematerialize(*copy, recomputed);
    narrowSaved(*copy, saved);
    return measureArena(*copy, computeLiveness(*copy, inPlace));
  }

private:
  func::FuncOp function;
  InPlaceKernels inPlace;
  SavedType &saved;
};

} // namespace

Recomputed plan::decideByCheckpoints(func::FuncOp function) {
  return Blocks(function).all();
}

Budgeted plan::decideByBudget(func::FuncOp function, SymbolTable &kernels,
                              SavedType &saved, int64_t limit) {
  Blocks blocks(function);
  Measurement measurement(function, kernels, saved);
  Budgeted best{blocks.all(), measurement.arenaOf(blocks.all())};
  if (best.arenaBytes > limit) {
    for (size_t stride = 1; stride < blocks.size(); ++stride) {
      Recomputed recomputed = blocks.allWithStride(stride);
      int64_t bytes = measurement.arenaOf(recomputed);
      if (bytes < best.arenaBytes)
        best = {std::move(recomputed), bytes};
      if (best.arenaBytes <= limit)
        break;
    }
    return best;
  }
  // The longest part of the order that fits.
  SmallVector<size_t> order = blocks.keepOrder(kernels);
  size_t fits = 0, tooLong = order.size() + 1;
  while (fits + 1 < tooLong) {
    size_t middle = (fits + tooLong) / 2;
    Recomputed recomputed = blocks.all();
    for (size_t number : ArrayRef(order).take_front(middle))
      recomputed.ops.reset(number);
    int64_t bytes = measurement.arenaOf(recomputed);
    if (bytes <= limit) {
      fits = middle;
      best = {std::move(recomputed), bytes};
    } else {
      tooLong = middle;
    }
  }
  return best;
}
