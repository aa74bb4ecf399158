//===- Stack.cpp - Groups that do not depend on each other ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Grouping.h. A group joins an earlier stack if all that it reads is there
// by then, and either all that both read and write is small and nothing stands
// between them, or both read most from one dispatch, or argument, and no memory
// has become free in between, in which the group's results could have been.
//
//===----------------------------------------------------------------------===//

#include "Grouping.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

/// How many stacks a group can move over, and groups that make one.
constexpr size_t farthest = 8, mostGroups = 16;

class Stacking {
public:
  Stacking(func::FuncOp function, ArrayRef<Group> groups)
      : function(function), backward(getBackwardOps(function)),
        repeatable(getRepeatableOps(backward)), dying(groups.size() + 1) {
    for (Value result : function.front().getTerminator()->getOperands())
      lastReader[getViewed(result).first] = groups.size();
    for (size_t number = groups.size(); number-- > 0;)
      for (Value input : getInputs(groups[number].ops))
        if (auto [it, isNew] =
                lastReader.try_emplace(getViewed(input).first, number);
            !isNew && it->second != number)
          severalRead.insert(it->first);
  }

  void add(const Group &group) {
    Entry entry = describe(group);
    size_t number = findStack(entry);
    for (Value output : entry.outputs) {
      auto it = lastReader.find(output);
      liveBytes += bytesOf(output);
      // One that nothing reads dies at once.
      dying[it == lastReader.end() ? numAdded : it->second] += bytesOf(output);
    }
    liveBytes -= dying[numAdded++];
    if (number == stacks.size()) {
      stacks.emplace_back();
      entries.emplace_back();
      liveAt.push_back(liveBytes);
    }
    for (Operation *op : group.ops)
      numberOf[op] = number;
    stacks[number].push_back(&group);
    entries[number].push_back(std::move(entry));
  }

  std::vector<Stack> take() { return std::move(stacks); }

private:
  /// What a group reads and writes.
  struct Entry {
    SmallVector<Value> outputs; // that replace no argument
    /// The first stack that what it reads is ready for.
    size_t ready = 0;
    /// What computes its largest input: a stack's number, or an argument; -1 if
    /// it has none.
    std::pair<int64_t, Value> source{-1, Value()};
    bool isSmall = true;
    bool isBackward = false;
    /// Whether the backward pass may compute it again.
    bool isRepeatable = false;
    /// Whether it replaces what other groups read: their copies may run later,
    /// to which it then moves.
    bool isAlone = false;
  };

  Entry describe(const Group &group) {
    Entry entry;
    int64_t largest = -1;
    for (Value input : getInputs(group.ops)) {
      Value viewed = getViewed(input).first;
      if (viewed.getDefiningOp<tern::GetParamOp>())
        continue;
      auto it = numberOf.find(viewed.getDefiningOp());
      bool isArgument = it == numberOf.end();
      if (!isArgument)
        entry.ready = std::max(entry.ready, it->second + 1);
      entry.isSmall &= isArgument || isSmall(input);
      if (bytesOf(input) > largest) {
        largest = bytesOf(input);
        entry.source = isArgument ? std::pair(int64_t(0), viewed)
                                  : std::pair(int64_t(it->second), Value());
      }
    }
    entry.isSmall &= largest >= 0;
    for (Value output : getOutputs(group.ops)) {
      if (auto argument = findTiedArgument(function, output)) {
        auto it = lastReader.find(*argument);
        entry.isAlone |=
            it != lastReader.end() &&
            (it->second != numAdded || severalRead.contains(*argument));
      } else {
        entry.outputs.push_back(output);
        entry.isSmall &= isSmall(output);
      }
    }
    for (Operation *op : group.ops) {
      entry.isBackward |= backward.contains(op);
      entry.isRepeatable |= repeatable.contains(op);
    }
    return entry;
  }

  /// The stack that `entry` can join, or a new one.
  size_t findStack(const Entry &entry) {
    size_t last = stacks.size();
    size_t first = std::max(entry.ready, last - std::min(last, farthest));
    for (size_t number = first; number < last; ++number)
      if (fits(entry, number))
        return number;
    return last;
  }

  bool fits(const Entry &entry, size_t number) {
    bool isLast = number + 1 == stacks.size();
    bool isFree = liveBytes < liveAt[number];
    return !entry.isAlone && entry.source.first >= 0 &&
           entries[number].size() < mostGroups &&
           llvm::all_of(
               entries[number],
               [&](const Entry &other) {
                 return !other.isAlone &&
                        other.isBackward == entry.isBackward &&
                        other.isRepeatable == entry.isRepeatable &&
                        ((other.source == entry.source && !isFree) ||
                         (isLast && other.isSmall && entry.isSmall));
               });
  }

  func::FuncOp function;
  llvm::DenseSet<Operation *> backward, repeatable;
  /// The number of the last group that reads a value, and values that more do.
  llvm::DenseMap<Value, size_t> lastReader;
  llvm::DenseSet<Value> severalRead;
  /// By group: bytes that it is the last to read; of results, at the end.
  SmallVector<int64_t> dying;
  /// Bytes that are alive once the groups so far have run.
  int64_t liveBytes = 0;
  size_t numAdded = 0;
  llvm::DenseMap<Operation *, size_t> numberOf;
  std::vector<Stack> stacks;
  std::vector<std::vector<Entry>> entries;
  /// By stack: bytes that are alive when its first group has run.
  SmallVector<int64_t> liveAt;
};

} // namespace

std::vector<Stack> plan::stackGroups(func::FuncOp function,
                                     ArrayRef<Group> groups, bool enabled) {
  if (!enabled) {
    std::vector<Stack> stacks;
    for (const Group &group : groups)
      stacks.push_back({&group});
    return stacks;
  }
  Stacking stacking(function, groups);
  for (const Group &group : groups)
    stacking.add(group);
  return stacking.take();
}
