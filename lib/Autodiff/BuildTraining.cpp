//===- BuildTraining.cpp - Build the training programs --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-build-training, and `@train_micro`. The optimizer's
// program is in OptimizerStep.cpp.
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "sterna/Autodiff/Differentiate.h"
#include "sterna/Autodiff/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_BUILDTRAININGPASS
#include "sterna/Autodiff/Passes.h.inc"
} // namespace sterna

using namespace sterna;

DictionaryAttr sterna::singleAttr(StringRef name, Attribute value) {
  MLIRContext *context = value.getContext();
  return DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, name), value));
}

tern::StateAttr sterna::companionState(const Trainable &trainable,
                                       tern::StateKind kind) {
  tern::StateAttr state = trainable.state;
  std::string name =
      (state.getName() + "." + format::EnumNameStateKind(kind)).str();
  return tern::StateAttr::get(state.getContext(), name, kind, state.getLayer(),
                              state.getTarget());
}

namespace {

constexpr StringLiteral microFunction = "train_micro";
constexpr StringLiteral applyFunction = "train_apply";
constexpr StringLiteral lossScaleInput = "loss_scale";
constexpr StringLiteral accumulateInput = "accumulate";

/// The `tern.state` of an argument of one of `kinds`, null for any other.
tern::StateAttr trainableState(func::FuncOp function, unsigned index,
                               ArrayRef<tern::StateKind> kinds) {
  auto state =
      function.getArgAttrOfType<tern::StateAttr>(index, tern::stateAttr);
  return state && llvm::is_contained(kinds, state.getKind())
             ? state
             : tern::StateAttr();
}

/// Fails with an error where `function` is not a loss to train.
LogicalResult checkLoss(func::FuncOp function) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError("expected '")
           << function.getName() << "' to have a body of one block";
  auto scalar =
      RankedTensorType::get({}, Float32Type::get(function.getContext()));
  if (function.getResultTypes() != ArrayRef<Type>(scalar))
    return function.emitError("expected '")
           << function.getName() << "' to return " << scalar
           << ", the sum of the token losses, but it returns "
           << function.getResultTypes();
  // Inputs are told by their names.
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (auto name =
            function.getArgAttrOfType<StringAttr>(index, tern::inputAttr);
        name && (name == lossScaleInput || name == accumulateInput))
      return function.emitError("its input '")
             << name.getValue() << "' has the name of one that training adds";
  return success();
}

/// Collects the states of `kinds` of `function`, in the order of its arguments.
FailureOr<SmallVector<Trainable>>
findTrainables(func::FuncOp function, ArrayRef<tern::StateKind> kinds) {
  SmallVector<Trainable> trainables;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    tern::StateAttr state = trainableState(function, index, kinds);
    if (!state)
      continue;
    auto type =
        dyn_cast<RankedTensorType>(function.getArgument(index).getType());
    if (!type || !type.getElementType().isF32() || !type.hasStaticShape())
      return function.emitError("expected trainable argument #")
             << index << " to be a static tensor of f32, but got "
             << function.getArgument(index).getType();
    trainables.push_back({type, state, index});
  }
  if (trainables.empty())
    return function.emitError("expected an argument of '")
           << function.getName() << "' with " << tern::stateAttr << " of kind "
           << llvm::join(llvm::map_range(kinds, format::EnumNameStateKind),
                         " or ")
           << ", but there is none to train";
  return trainables;
}

/// Appends an argument to `function`.
Value addArgument(func::FuncOp function, Type type, DictionaryAttr attributes) {
  unsigned index = function.getNumArguments();
  if (failed(
          function.insertArgument(index, type, attributes, function.getLoc())))
    llvm_unreachable("a func.func takes further arguments");
  return function.getArgument(index);
}

Value addScalarInput(func::FuncOp function, StringRef name) {
  Builder b(function.getContext());
  return addArgument(function, RankedTensorType::get({}, b.getF32Type()),
                     singleAttr(tern::inputAttr, b.getStringAttr(name)));
}

/// `fresh` where `accumulate` is 0, else `old + fresh`. A selection, not a
/// product: what `old` holds at first is undefined and may be NaN.
Value accumulateGradient(TensorBuilder build, Value fresh, Value old,
                         Value accumulate) {
  auto type = cast<RankedTensorType>(fresh.getType());
  Value zero = build.constant(type, 0);
  Value flag = build.splat(accumulate, type);
  Value isFirst = build.compare(arith::CmpFPredicate::OEQ, flag, zero);
  return build.select(isFirst, fresh, build.add(old, fresh));
}

/// Turns `function`, a copy of the loss, into `@train_micro`.
LogicalResult buildTrainMicro(func::FuncOp function,
                              ArrayRef<Trainable> trainables) {
  SmallVector<Value> wanted;
  for (const Trainable &trainable : trainables)
    wanted.push_back(function.getArgument(trainable.argument));
  Value lossScale = addScalarInput(function, lossScaleInput);
  function.setArgAttr(function.getNumArguments() - 1, tern::lossScaleAttr,
                      UnitAttr::get(function.getContext()));
  Value accumulate = addScalarInput(function, accumulateInput);

  Operation *terminator = function.getBody().front().getTerminator();
  Value loss = terminator->getOperand(0);
  OpBuilder builder(terminator);
  auto gradients = buildGradients(builder, loss, lossScale, wanted);
  if (failed(gradients))
    return failure();
  SmallVector<Value> results{
      TensorBuilder{builder, loss.getLoc()}.mul(loss, lossScale)};
  for (auto [trainable, gradient] : llvm::zip_equal(trainables, *gradients)) {
    unsigned index = function.getNumArguments();
    Value old = addArgument(
        function, trainable.type,
        singleAttr(tern::stateAttr,
                   companionState(trainable, tern::StateKind::gradient)));
    // Right where the gradient is ready, so that it need not be kept.
    builder.setInsertionPointAfterValue(gradient);
    results.push_back(accumulateGradient({builder, gradient.getLoc()}, gradient,
                                         old, accumulate));
    if (failed(function.insertResult(
            function.getNumResults(), trainable.type,
            singleAttr(tern::tiedAttr, builder.getI64IntegerAttr(index)))))
      return failure();
  }
  terminator->setOperands(results);
  function.setResultAttr(0, tern::outputAttr, builder.getStringAttr("loss"));
  return success();
}

struct BuildTraining : sterna::impl::BuildTrainingPassBase<BuildTraining> {
  using BuildTrainingPassBase::BuildTrainingPassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

  LogicalResult run() {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    if (loss.empty() || trainable.empty())
      return module.emitError("expected the options 'loss', a function, and "
                              "'trainable', kinds of state");
    auto function = symbols.lookup<func::FuncOp>(loss);
    if (!function)
      return module.emitError("expected a function named '")
             << loss << "' to train, but there is none";
    if (failed(checkLoss(function)))
      return failure();
    for (StringRef name : {microFunction, applyFunction})
      if (Operation *taken = symbols.lookup(name))
        return taken->emitError("'") << name << "' exists already";
    SmallVector<tern::StateKind> kinds;
    for (const std::string &name : trainable) {
      std::optional<tern::StateKind> kind = tern::symbolizeStateKind(name);
      if (!kind)
        return module.emitError("expected 'trainable' to name kinds of state, "
                                "but got '")
               << name << "'";
      kinds.push_back(*kind);
    }
    FailureOr<SmallVector<Trainable>> trainables =
        findTrainables(function, kinds);
    if (failed(trainables))
      return failure();
    func::FuncOp micro = function.clone();
    micro.setName(microFunction);
    symbols.insert(micro, module.getBody()->end());
    if (failed(buildTrainMicro(micro, *trainables)))
      return failure();
    buildTrainApply(module, function.getLoc(), *trainables);
    return success();
  }
};

} // namespace
