//===- Place.cpp - Where the values of a program lie ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Place.h; the arena's algorithm is in Arena.cpp.
//
//===----------------------------------------------------------------------===//

#include "Place.h"

#include "ProgramFunctions.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

LiveRange rangeOf(const LiveValue &live) {
  return {bytesOf(live.value), live.first, live.last};
}

class Placer {
public:
  Placer(func::FuncOp function, const Liveness &liveness,
         const SharedSpaces &shared)
      : function(function), liveness(liveness), shared(shared),
        b(function.getContext()) {}

  FailureOr<Placement> run() {
    placeArguments();
    placeParameters();
    if (failed(placeResults()))
      return failure();
    placeOthers();
    return std::move(result);
  }

private:
  Place placeInBlock(StringAttr name, RankedTensorType type, bool isUnsigned,
                     SmallVectorImpl<Attribute> &fields) {
    MemRefType buffer = tern::getBufferType(type);
    int64_t offset = block.place(getBufferBytes(buffer));
    // The host is told of the sign, which kernels do not know.
    if (isUnsigned)
      buffer = MemRefType::get(buffer.getShape(),
                               IntegerType::get(b.getContext(),
                                                buffer.getElementTypeBitWidth(),
                                                IntegerType::Unsigned));
    fields.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", name),
         b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
         b.getNamedAttr("type", TypeAttr::get(buffer))}));
    return {Space::block, offset, {}};
  }

  void placeArguments() {
    for (BlockArgument argument : function.getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      unsigned number = argument.getArgNumber();
      if (auto name =
              function.getArgAttrOfType<StringAttr>(number, tern::inputAttr)) {
        bool isUnsigned = bool(function.getArgAttr(number, tern::unsignedAttr));
        result.places[argument] =
            placeInBlock(name, type, isUnsigned, result.inputs);
        continue;
      }
      StringAttr state = getStateName(argument);
      result.places[argument] = {Space::state, shared.state.at(state), state};
    }
  }

  void placeParameters() {
    for (auto param : function.getOps<tern::GetParamOp>())
      result.places[param] = {Space::weights,
                              shared.weights.at(param.getParam()),
                              param.getParamAttr().getAttr()};
  }

  /// Outputs go to the block, replaced state to its place.
  LogicalResult placeResults() {
    Operation *terminator = function.front().getTerminator();
    for (OpOperand &operand : terminator->getOpOperands()) {
      auto [value, offset] = getViewed(operand.get());
      unsigned number = operand.getOperandNumber();
      if (!value.getDefiningOp<DispatchOp>() || offset != 0 ||
          result.places.contains(value))
        return function.emitError()
               << "expected result " << number
               << " to be computed by a dispatch of its own";
      if (auto output = function.getResultAttrOfType<StringAttr>(
              number, tern::outputAttr)) {
        auto type = cast<RankedTensorType>(operand.get().getType());
        bool isUnsigned =
            bool(function.getResultAttr(number, tern::unsignedAttr));
        result.places[value] =
            placeInBlock(output, type, isUnsigned, result.outputs);
        continue;
      }
      auto tied =
          function.getResultAttrOfType<IntegerAttr>(number, tern::tiedAttr);
      BlockArgument argument = function.getArgument(tied.getInt());
      if (failed(checkLastUse(argument, value.getDefiningOp())))
        return failure();
      // By value: inserting may move what a reference would point at.
      Place place = result.places.lookup(argument);
      result.places[value] = place;
    }
    return success();
  }

  /// The old value must not be read after its place is overwritten.
  LogicalResult checkLastUse(BlockArgument argument, Operation *writer) {
    SmallVector<Value> worklist{argument};
    while (!worklist.empty())
      for (Operation *user : worklist.pop_back_val().getUsers()) {
        if (isView(user))
          worklist.push_back(user->getResult(0));
        else if (writer->isBeforeInBlock(user))
          return user->emitError(
              "reads a state tensor after its replacement was computed");
      }
    return success();
  }

  /// Values that have no place yet share the arena.
  void placeOthers() {
    std::vector<LiveRange> ranges;
    std::vector<const LiveValue *> values;
    for (const LiveValue &live : liveness.values) {
      if (result.places.contains(live.value))
        continue;
      ranges.push_back(rangeOf(live));
      values.push_back(&live);
    }
    result.arenaBytes = placeInArena(ranges);
    for (auto [range, live] : llvm::zip_equal(ranges, values))
      result.places[live->value] = {Space::arena, range.offset, {}};
    for (const auto &[value, replaced] : liveness.replaced)
      result.places.try_emplace(value, result.places.lookup(replaced.place));
    result.peak = describePeak(ranges, values);
  }

  /// Live bytes by category at the step where the arena is fullest.
  DictionaryAttr describePeak(ArrayRef<LiveRange> ranges,
                              ArrayRef<const LiveValue *> values) {
    int64_t peak = findPeak(ranges);
    int64_t checkpoints = 0, activations = 0, gradients = 0;
    for (auto [range, live] : llvm::zip_equal(ranges, values)) {
      if (range.first > peak || range.last < peak)
        continue;
      bool isKept = range.first < liveness.firstBackward &&
                    range.last >= liveness.firstBackward;
      (live->isBackward ? gradients
       : isKept         ? checkpoints
                        : activations) += range.bytes;
    }
    return b.getDictionaryAttr(
        {b.getNamedAttr("activations", b.getI64IntegerAttr(activations)),
         b.getNamedAttr("checkpoints", b.getI64IntegerAttr(checkpoints)),
         b.getNamedAttr("gradients", b.getI64IntegerAttr(gradients))});
  }

  /// The first step in which the most bytes are alive.
  static int64_t findPeak(ArrayRef<LiveRange> ranges) {
    int64_t steps = 0;
    for (const LiveRange &range : ranges)
      steps = std::max(steps, range.last + 1);
    std::vector<int64_t> change(steps + 1);
    for (const LiveRange &range : ranges) {
      change[range.first] += range.bytes;
      change[range.last + 1] -= range.bytes;
    }
    int64_t live = 0, most = 0, peak = 0;
    for (int64_t step = 0; step < steps; ++step)
      if (live += change[step]; live > most) {
        most = live;
        peak = step;
      }
    return peak;
  }

  func::FuncOp function;
  const Liveness &liveness;
  const SharedSpaces &shared;
  Builder b;
  Cursor block;
  Placement result;
};

} // namespace

FailureOr<Placement> sterna::plan::placeValues(func::FuncOp function,
                                               const Liveness &liveness,
                                               const SharedSpaces &shared) {
  return Placer(function, liveness, shared).run();
}

int64_t sterna::plan::measureArena(func::FuncOp function,
                                   const Liveness &liveness) {
  llvm::DenseSet<Value> returned;
  for (Value value : function.front().getTerminator()->getOperands())
    returned.insert(getViewed(value).first);
  std::vector<LiveRange> ranges;
  for (const LiveValue &live : liveness.values)
    if (!returned.contains(live.value))
      ranges.push_back(rangeOf(live));
  return placeInArena(ranges);
}

int64_t sterna::plan::measureFixed(ArrayRef<func::FuncOp> functions) {
  llvm::StringMap<int64_t> weights, state;
  int64_t block = 0;
  for (func::FuncOp function : functions) {
    Cursor fields;
    for (auto param : function.getOps<tern::GetParamOp>())
      weights[param.getParam()] = bytesOf(param);
    for (BlockArgument argument : function.getArguments()) {
      if (!getStateName(argument))
        fields.place(bytesOf(argument));
      else
        addState(argument, state);
    }
    block = std::max(block, fields.getSize());
  }
  int64_t total = block;
  for (const llvm::StringMap<int64_t> *each : {&weights, &state})
    for (const auto &entry : *each)
      total += llvm::alignTo(entry.second, bufferAlignment);
  return total;
}
