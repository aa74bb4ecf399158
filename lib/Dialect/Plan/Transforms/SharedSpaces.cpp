//===- SharedSpaces.cpp - Where weights and state lie ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SharedSpaces.h.
//
//===----------------------------------------------------------------------===//

#include "SharedSpaces.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

namespace {

template <typename T> T getAttr(BlockArgument argument, StringRef name) {
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  return function.getArgAttrOfType<T>(argument.getArgNumber(), name);
}

/// The states of a flat argument, in order; null for any other.
ArrayAttr getStates(BlockArgument argument) {
  return getAttr<ArrayAttr>(argument, tern::statesAttr);
}

tern::StateAttr getState(BlockArgument argument) {
  return getAttr<tern::StateAttr>(argument, tern::stateAttr);
}

class StatePlacer {
public:
  explicit StatePlacer(ModuleOp module)
      : b(OpBuilder::atBlockEnd(module.getBody())) {}

  LogicalResult run(ArrayRef<func::FuncOp> functions) {
    for (func::FuncOp function : functions)
      for (BlockArgument argument : function.getArguments())
        if (failed(findMembers(argument)))
          return failure();
    for (func::FuncOp function : functions)
      for (BlockArgument argument : function.getArguments())
        if (failed(place(argument)))
          return failure();
    return success();
  }

  llvm::StringMap<StateOp> placed;
  Cursor space;

private:
  /// Notes which states belong to a flat argument. The first is its start.
  LogicalResult findMembers(BlockArgument argument) {
    ArrayAttr states = getStates(argument);
    if (!states)
      return success();
    auto type = cast<RankedTensorType>(argument.getType());
    int64_t end = 0;
    for (auto state : states.getAsRange<tern::StatePartAttr>()) {
      StringRef name = state.getState().getName();
      auto [it, isNew] = flatOf.try_emplace(name, argument);
      if (!isNew && (getStates(it->second) != states ||
                     it->second.getType() != argument.getType()))
        return emitError(argument.getLoc())
               << "state tensor '" << name << "' is a part of two flat tensors";
      RankedTensorType part = state.getType();
      int64_t offset = state.getOffset();
      bool follows = end == 0 ? offset == 0 : offset >= end;
      end = offset + part.getNumElements();
      if (part.getElementType() != type.getElementType() || !follows ||
          end > type.getNumElements())
        return emitError(argument.getLoc())
               << "expected state tensor '" << name << "', " << part << " at "
               << offset << ", to follow the one before within " << type;
    }
    return success();
  }

  LogicalResult place(BlockArgument argument) {
    if (getStates(argument)) {
      if (!placed.contains(getStateName(argument)))
        placeFlat(argument);
      return success();
    }
    tern::StateAttr state = getState(argument);
    if (!state)
      return success();
    StringRef name = state.getName();
    auto type = cast<RankedTensorType>(argument.getType());
    MemRefType buffer = tern::getBufferType(type);
    if (!placed.contains(name)) {
      if (auto flat = flatOf.find(name); flat != flatOf.end())
        placeFlat(flat->second);
      else
        declare(state, buffer, space.place(getBufferBytes(buffer)),
                argument.getLoc());
    }
    if (Type known = placed.lookup(name).getType(); known != buffer)
      return emitError(argument.getLoc())
             << "expected state tensor '" << name << "' to be " << known
             << ", as elsewhere, but got " << buffer;
    return success();
  }

  void placeFlat(BlockArgument argument) {
    auto type = cast<RankedTensorType>(argument.getType());
    int64_t offset = space.place(getBufferBytes(tern::getBufferType(type)));
    for (auto part : getStates(argument).getAsRange<tern::StatePartAttr>())
      declare(part.getState(), tern::getBufferType(part.getType()),
              offset + part.getOffset() * type.getElementTypeBitWidth() / 8,
              argument.getLoc());
  }

  void declare(tern::StateAttr state, MemRefType type, int64_t offset,
               Location loc) {
    placed[state.getName()] =
        StateOp::create(b, loc, state.getName(), type, offset, state);
  }

  OpBuilder b;
  llvm::StringMap<BlockArgument> flatOf;
};

void placeWeights(ModuleOp module, SharedSpaces &shared) {
  Builder b(module.getContext());
  Cursor space;
  for (auto param : module.getOps<tern::ParamOp>()) {
    auto type = cast<RankedTensorType>(param.getType());
    int64_t offset = space.place(getBufferBytes(tern::getBufferType(type)));
    shared.weights[param.getSymName()] = offset;
    param->setAttr("offset", b.getI64IntegerAttr(offset));
  }
  module->setAttr("plan.weights_bytes", b.getI64IntegerAttr(space.getSize()));
}

} // namespace

FailureOr<SharedSpaces>
sterna::plan::placeShared(ModuleOp module, ArrayRef<func::FuncOp> functions) {
  SharedSpaces shared;
  placeWeights(module, shared);
  StatePlacer states(module);
  if (failed(states.run(functions)))
    return failure();
  for (auto &[name, state] : states.placed)
    shared.state[name] = state.getOffset();
  if (!shared.state.empty())
    module->setAttr(
        "plan.state_bytes",
        Builder(module.getContext()).getI64IntegerAttr(states.space.getSize()));
  return shared;
}

StringAttr sterna::plan::getStateName(BlockArgument argument) {
  tern::StateAttr state = getState(argument);
  if (ArrayAttr states = getStates(argument))
    state = cast<tern::StatePartAttr>(states[0]).getState();
  return state ? StringAttr::get(state.getContext(), state.getName())
               : StringAttr();
}

void sterna::plan::addState(BlockArgument argument,
                            llvm::StringMap<int64_t> &bytes) {
  auto add = [&](tern::StateAttr state, Type type) {
    bytes[state.getName()] =
        getBufferBytes(tern::getBufferType(cast<RankedTensorType>(type)));
  };
  if (ArrayAttr states = getStates(argument))
    for (auto part : states.getAsRange<tern::StatePartAttr>())
      add(part.getState(), part.getType());
  else if (tern::StateAttr state = getState(argument))
    add(state, argument.getType());
}
