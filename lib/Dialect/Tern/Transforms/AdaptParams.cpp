//===- AdaptParams.cpp - Make parameters of a graph trainable -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-adapt-params. Parameters are chosen by their names.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Support/NamePattern.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"

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
    if (failed(result) || failed(checkInputs(main)) || failed(select(main)))
      return failure();
    addStates(main);
    func::FuncOp lossOnly = main.clone();
    lossOnly.setName(lossFunction);
    symbols.insert(lossOnly, getOperation().getBody()->end());
    if (failed(keepLoss(lossOnly, *result)))
      return failure();
    addInit();
    return success();
  }

  /// The number of the result that is the loss.
  FailureOr<unsigned> findLoss(func::FuncOp main) {
    SmallVector<StringRef> names;
    for (unsigned number = 0; number < main.getNumResults(); ++number) {
      auto name = main.getResultAttrOfType<StringAttr>(number, outputAttr);
      names.push_back(name ? name.getValue() : "");
      if (!name || name != loss)
        continue;
      auto type = dyn_cast<RankedTensorType>(main.getResultTypes()[number]);
      if (!type || !type.getElementType().isF32() || !type.hasStaticShape() ||
          type.getNumElements() != 1)
        return main.emitError("expected the loss '")
               << loss << "' to be one number of f32, but it is "
               << main.getResultTypes()[number];
      return number;
    }
    return main.emitError("has no output '")
           << loss << "' to train for; it has " << llvm::join(names, ", ");
  }

  /// Inputs that sterna-build-training adds are told by their names.
  LogicalResult checkInputs(func::FuncOp main) {
    for (unsigned number = 0; number < main.getNumArguments(); ++number)
      if (auto name = main.getArgAttrOfType<StringAttr>(number, inputAttr);
          name && (name == "loss_scale" || name == "accumulate"))
        return main.emitError("its input '")
               << name.getValue() << "' has the name of one that training adds";
    return success();
  }

  /// Finds the parameters that training changes.
  LogicalResult select(func::FuncOp main) {
    auto pattern = sterna::compileNamePattern(trainable);
    if (!pattern)
      return getOperation().emitError(llvm::toString(pattern.takeError()));
    SmallVector<StringRef> names;
    for (auto param : getOperation().getOps<ParamOp>()) {
      auto type = dyn_cast<RankedTensorType>(param.getType());
      // Integers are no parameters of a loss, whatever they are called.
      if (!type || !isa<FloatType>(type.getElementType()))
        continue;
      names.push_back(param.getSymName());
      if (!pattern->match(param.getSymName()))
        continue;
      if (!type.getElementType().isF32())
        return param.emitError("expected parameters of f32 to train, but '")
               << param.getSymName() << "' is of " << type.getElementType();
      params.push_back(param);
    }
    if (params.empty())
      return main.emitError("no parameter of floats is called '")
             << trainable << "'; there are " << llvm::join(names, ", ");
    return success();
  }

  StateAttr stateOf(ParamOp param) {
    std::string name = (param.getSymName() + "." +
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
        return param.emitError("'")
               << param.getSymName() << "' has no influence on the loss '"
               << loss << "': leave it out";
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
