//===- Schedule.cpp - Place every buffer ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-schedule: program functions on tensors become
// plan.programs on placed buffers.
//
//===----------------------------------------------------------------------===//

#include "Arena.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sterna::plan {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "sterna/Dialect/Plan/Transforms/Passes.h.inc"
} // namespace sterna::plan

using namespace sterna;
using namespace sterna::plan;

namespace {

/// Hands out consecutive aligned places of one space.
class Cursor {
public:
  int64_t place(int64_t bytes) {
    int64_t offset = size;
    size = llvm::alignTo(size + bytes, bufferAlignment);
    return offset;
  }
  int64_t getSize() const { return size; }

private:
  int64_t size = 0;
};

/// Where a value is.
struct Place {
  plan::Space space = plan::Space::arena;
  int64_t offset = 0; // of an arena value: known after placement
  int64_t range = -1; // index of its live range in the arena
  StringAttr name;
};

/// Weights and state, shared by all programs.
struct Shared {
  OpBuilder &b;
  ModuleOp module;
  llvm::StringMap<int64_t> weights, state;
  Cursor stateSpace;

  explicit Shared(OpBuilder &b, ModuleOp module) : b(b), module(module) {
    placeWeights();
  }

  /// Places every parameter in order of its declaration.
  void placeWeights() {
    Cursor space;
    for (auto param : module.getOps<tern::ParamOp>()) {
      auto type = cast<RankedTensorType>(param.getType());
      int64_t offset = space.place(getBufferBytes(tern::getBufferType(type)));
      weights[param.getSymName()] = offset;
      param->setAttr("offset", b.getI64IntegerAttr(offset));
    }
    module->setAttr("plan.weights_bytes", b.getI64IntegerAttr(space.getSize()));
  }

  /// Returns the place of a state tensor, declaring it at its first use.
  int64_t placeState(DictionaryAttr description, RankedTensorType type,
                     Location loc) {
    auto name = description.getAs<StringAttr>("name");
    auto [it, isNew] = state.try_emplace(name, 0);
    if (!isNew)
      return it->second;
    MemRefType buffer = tern::getBufferType(type);
    it->second = stateSpace.place(getBufferBytes(buffer));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    StateOp::create(b, loc, name, buffer, it->second,
                    description.getAs<StringAttr>("kind"),
                    description.getAs<IntegerAttr>("layer").getInt(),
                    description.getAs<StringAttr>("target"));
    module->setAttr("plan.state_bytes",
                    b.getI64IntegerAttr(stateSpace.getSize()));
    return it->second;
  }
};

/// Builds the program of one function.
class Scheduler {
public:
  Scheduler(func::FuncOp function, Shared &shared)
      : function(function), shared(shared), b(shared.b) {}

  LogicalResult run() {
    if (failed(placeArguments()) || failed(placeResults()) ||
        failed(placeDispatches()))
      return failure();
    int64_t arenaBytes = placeInArena(ranges);
    b.setInsertionPoint(function);
    auto program = ProgramOp::create(
        b, function.getLoc(), function.getSymName(), arenaBytes,
        b.getArrayAttr(inputs), b.getArrayAttr(outputs), describePeak());
    program.getBody().emplaceBlock();
    b.setInsertionPointToEnd(&program.getBody().front());
    emitLaunches();
    YieldOp::create(b, function.getLoc());
    function.erase();
    return success();
  }

private:
  //===--------------------------------------------------------------------===//
  // Places
  //===--------------------------------------------------------------------===//

  Place placeInBlock(StringAttr name, RankedTensorType type,
                     SmallVectorImpl<Attribute> &fields) {
    int64_t offset = block.place(getBufferBytes(tern::getBufferType(type)));
    fields.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", name),
         b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
         b.getNamedAttr("type", TypeAttr::get(tern::getBufferType(type)))}));
    return {plan::Space::block, offset, -1, {}};
  }

  LogicalResult placeArguments() {
    for (BlockArgument argument : function.getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      unsigned number = argument.getArgNumber();
      if (auto name =
              function.getArgAttrOfType<StringAttr>(number, "tern.input")) {
        places[argument] = placeInBlock(name, type, inputs);
        continue;
      }
      auto state =
          function.getArgAttrOfType<DictionaryAttr>(number, "tern.state");
      int64_t offset = shared.placeState(state, type, argument.getLoc());
      places[argument] = {plan::Space::state, offset, -1,
                          state.getAs<StringAttr>("name")};
    }
    return success();
  }

  /// Outputs go to the block, replaced state to its place.
  LogicalResult placeResults() {
    Operation *terminator = function.front().getTerminator();
    for (OpOperand &operand : terminator->getOpOperands()) {
      auto [value, offset] = getViewed(operand.get());
      unsigned number = operand.getOperandNumber();
      auto output =
          function.getResultAttrOfType<StringAttr>(number, "tern.output");
      if (!value.getDefiningOp<DispatchOp>() || offset != 0 ||
          places.count(value))
        return function.emitError()
               << "expected result " << number
               << " to be computed by a dispatch of its own";
      if (output) {
        auto type = cast<RankedTensorType>(operand.get().getType());
        places[value] = placeInBlock(output, type, outputs);
        continue;
      }
      auto tied =
          function.getResultAttrOfType<IntegerAttr>(number, "tern.tied");
      BlockArgument argument = function.getArgument(tied.getInt());
      if (failed(checkLastUse(argument, value.getDefiningOp())))
        return failure();
      // By value: inserting may move what a reference would point at.
      Place place = places.lookup(argument);
      places[value] = place;
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

  /// Gives other values live ranges in the arena.
  LogicalResult placeDispatches() {
    int64_t step = 0;
    backward = getBackwardOps(function);
    for (auto dispatch : function.getOps<DispatchOp>()) {
      for (Value input : dispatch.getInputs()) {
        Value value = getViewed(input).first;
        if (auto param = value.getDefiningOp<tern::GetParamOp>())
          places[value] = {plan::Space::weights,
                           shared.weights.lookup(param.getParam()), -1,
                           param.getParamAttr().getAttr()};
        else if (int64_t range = places[value].range; range >= 0)
          ranges[range].last = step;
      }
      for (Value output : dispatch.getOutputs()) {
        if (places.count(output))
          continue;
        places[output] = {plan::Space::arena, 0, int64_t(ranges.size()), {}};
        auto type = cast<RankedTensorType>(output.getType());
        ranges.push_back(
            {getBufferBytes(tern::getBufferType(type)), step, step});
        isBackward.push_back(backward.contains(dispatch));
      }
      if (firstBackward < 0 && backward.contains(dispatch))
        firstBackward = step;
      ++step;
    }
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Peak
  //===--------------------------------------------------------------------===//

  /// Live bytes by category at the step where the arena is fullest.
  DictionaryAttr describePeak() {
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
    int64_t checkpoints = 0, activations = 0, gradients = 0;
    for (auto [index, range] : llvm::enumerate(ranges)) {
      if (range.first > peak || range.last < peak)
        continue;
      bool isKept = firstBackward >= 0 && range.first < firstBackward &&
                    range.last >= firstBackward;
      (isBackward[index] ? gradients
       : isKept          ? checkpoints
                         : activations) += range.bytes;
    }
    return b.getDictionaryAttr(
        {b.getNamedAttr("activations", b.getI64IntegerAttr(activations)),
         b.getNamedAttr("checkpoints", b.getI64IntegerAttr(checkpoints)),
         b.getNamedAttr("gradients", b.getI64IntegerAttr(gradients))});
  }

  //===--------------------------------------------------------------------===//
  // Launches
  //===--------------------------------------------------------------------===//

  struct Access {
    plan::Space space;
    int64_t begin, end;
    bool write;
  };

  Value emitBuffer(Value value) {
    auto [viewed, bytes] = getViewed(value);
    assert(places.count(viewed) && "expected every buffer to have a place");
    const Place &place = places[viewed];
    int64_t offset =
        bytes + (place.range >= 0 ? ranges[place.range].offset : place.offset);
    MemRefType type =
        tern::getBufferType(cast<RankedTensorType>(value.getType()));
    Value &buffer = buffers[{value, offset}];
    if (!buffer)
      buffer = BufferOp::create(b, value.getLoc(), type, place.space, offset,
                                place.name);
    return buffer;
  }

  void emitLaunches() {
    for (auto dispatch : function.getOps<DispatchOp>()) {
      auto kernel = shared.module.lookupSymbol<KernelOp>(dispatch.getKernel());
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
  Shared &shared;
  OpBuilder &b;
  Cursor block;
  SmallVector<Attribute> inputs, outputs;
  llvm::DenseMap<Value, Place> places;
  std::vector<LiveRange> ranges;
  std::vector<bool> isBackward;
  llvm::DenseSet<Operation *> backward;
  int64_t firstBackward = -1;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> buffers;
  SmallVector<Access> pending;
};

struct Schedule : sterna::plan::impl::SchedulePassBase<Schedule> {
  void runOnOperation() override {
    OpBuilder b(&getContext());
    Shared shared(b, getOperation());
    for (func::FuncOp function : getProgramFunctions(getOperation()))
      if (failed(Scheduler(function, shared).run()))
        return signalPassFailure();
  }
};

} // namespace
