//===- AdaptParams.cpp - Make parameters of a graph trainable -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-adapt-params.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_ADAPTPARAMSPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

constexpr StringLiteral mainFunction = "main";
constexpr StringLiteral lossFunction = "loss";
constexpr StringLiteral initFunction = "init";

struct AdaptParams : sterna::tern::impl::AdaptParamsPassBase<AdaptParams> {
  using AdaptParamsPassBase::AdaptParamsPassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run() {
    SymbolTable symbols(getOperation());
    auto main = symbols.lookup<func::FuncOp>(mainFunction);
    if (!main || main.isExternal())
      return getOperation().emitError("expected a function named '")
             << mainFunction << "', but there is none";
    for (StringRef name : {lossFunction, initFunction})
      if (Operation *taken = symbols.lookup(name))
        return taken->emitError("'") << name << "' exists already";
    FailureOr<unsigned> result = findLoss(main);
    if (failed(result) || failed(select()))
      return failure();
    addStates(main);
    func::FuncOp lossOnly = main.clone();
    lossOnly.setName(lossFunction);
    symbols.insert(lossOnly, getOperation().getBody()->end());
    if (failed(keepLoss(lossOnly, *result)))
      return failure();
    addInit();
    for (ParamOp param : params)
      param->removeAttr(trainableAttr);
    return success();
  }

  /// The number of the result that is the loss.
  FailureOr<unsigned> findLoss(func::FuncOp main) {
    for (unsigned number = 0; number < main.getNumResults(); ++number) {
      if (!main.getResultAttr(number, lossAttr))
        continue;
      auto type = dyn_cast<RankedTensorType>(main.getResultTypes()[number]);
      if (!type || !type.getElementType().isF32() || !type.hasStaticShape() ||
          type.getNumElements() != 1)
        return main.emitError("expected the loss to be one number of f32, but "
                              "it is ")
               << main.getResultTypes()[number];
      main.removeResultAttr(number, StringAttr::get(&getContext(), lossAttr));
      return number;
    }
    return main.emitError("expected a result with ") << lossAttr;
  }

  /// Finds the parameters that training changes.
  LogicalResult select() {
    for (auto param : getOperation().getOps<ParamOp>()) {
      if (!param->hasAttr(trainableAttr))
        continue;
      auto type = dyn_cast<RankedTensorType>(param.getType());
      if (!type || !type.getElementType().isF32())
        return param.emitError("expected parameters of f32 to train, but ")
               << nameOf(param) << " is " << param.getType();
      params.push_back(param);
    }
    if (params.empty())
      return getOperation().emitError("expected parameters with ")
             << trainableAttr;
    return success();
  }

  static StringAttr nameOf(ParamOp param) {
    return param->getAttrOfType<StringAttr>(trainableAttr);
  }

  StateAttr stateOf(ParamOp param) {
    std::string name = (nameOf(param).getValue() + "." +
                        sterna::format::EnumNameStateKind(StateKind::parameter))
                           .str();
    return StateAttr::get(&getContext(), name, StateKind::parameter,
                          /*layer=*/0, /*target=*/"");
  }

  Value addState(func::FuncOp function, ParamOp param) {
    unsigned number = function.getNumArguments();
    Builder b(&getContext());
    (void)function.insertArgument(
        number, param.getType(),
        b.getDictionaryAttr(b.getNamedAttr(stateAttr, stateOf(param))),
        function.getLoc());
    return function.getArgument(number);
  }

  /// Takes the parameters of `main` from arguments.
  void addStates(func::FuncOp main) {
    DenseMap<StringRef, Value> states;
    for (ParamOp param : params)
      states[param.getSymName()] = addState(main, param);
    for (auto get : llvm::make_early_inc_range(main.getOps<GetParamOp>()))
      if (Value state = states.lookup(get.getParam())) {
        get.replaceAllUsesWith(state);
        get.erase();
      }
    numTrainable += params.size();
  }

  /// Leaves the result `number` of `function` alone, as a scalar, and what it
  /// needs.
  LogicalResult keepLoss(func::FuncOp function, unsigned number) {
    Operation *terminator = function.front().getTerminator();
    Value value = terminator->getOperand(number);
    BitVector others(function.getNumResults(), true);
    others.reset(number);
    if (failed(function.eraseResults(others)))
      return failure();
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 0) {
      OpBuilder b(terminator);
      value = tensor::CollapseShapeOp::create(
          b, value.getLoc(), type.clone(ArrayRef<int64_t>()), value,
          ArrayRef<ReassociationIndices>());
      function.setType(FunctionType::get(
          &getContext(), function.getArgumentTypes(), value.getType()));
    }
    terminator->setOperands(value);
    function.setResultAttr(0, outputAttr,
                           StringAttr::get(&getContext(), "loss"));
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isOpTriviallyDead(&op))
        op.erase();
    unsigned first = function.getNumArguments() - params.size();
    for (auto [index, param] : llvm::enumerate(params))
      if (function.getArgument(first + index).use_empty())
        return param.emitError()
               << nameOf(param)
               << " has no influence on the loss: leave it out";
    return success();
  }

  /// Adds the function that gives states the values that the file has.
  void addInit() {
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    Location loc = getOperation().getLoc();
    auto function =
        func::FuncOp::create(b, loc, initFunction, b.getFunctionType({}, {}));
    b.setInsertionPointToEnd(function.addEntryBlock());
    SmallVector<Value> values;
    SmallVector<DictionaryAttr> tied;
    for (auto [index, param] : llvm::enumerate(params)) {
      addState(function, param);
      Location named = NameLoc::get(param.getSymNameAttr());
      values.push_back(
          GetParamOp::create(b, named, param.getType(), param.getSymName()));
      tied.push_back(b.getDictionaryAttr(
          b.getNamedAttr(tiedAttr, b.getI64IntegerAttr(index))));
    }
    func::ReturnOp::create(b, loc, values);
    function.setType(b.getFunctionType(function.getArgumentTypes(),
                                       ValueRange(values).getTypes()));
    function.setAllResultAttrs(tied);
  }

  SmallVector<ParamOp> params;
};

} // namespace
