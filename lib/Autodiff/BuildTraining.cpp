//===- BuildTraining.cpp - Build the training programs --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-build-training, and `@train_micro`. TrainApply.cpp
// has the optimizer's program, TrainStep.cpp the one that is both.
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

tern::StateAttr sterna::companionState(const Trainable &trainable,
                                       tern::StateKind kind, StringRef suffix) {
  tern::StateAttr state = trainable.state;
  std::string name =
      (state.getName() + "." + format::EnumNameStateKind(kind) + suffix).str();
  return tern::StateAttr::get(state.getContext(), name, kind, state.getLayer(),
                              state.getTarget());
}

namespace {

constexpr StringLiteral microFunction = "train_micro";
constexpr StringLiteral applyFunction = "train_apply";
constexpr StringLiteral stepFunction = "train_step";
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
  Value loss = function.front().getTerminator()->getOperand(0);
  FailureOr<SmallVector<Value>> gradients = addGradients(function, trainables);
  if (failed(gradients))
    return failure();
  Value lossScale = function.getArguments().back();
  Value accumulate = addScalarInput(function, accumulateInput);
  OpBuilder b(function.front().getTerminator());
  ProgramResults results;
  results.addOutput("loss",
                    TensorBuilder{b, loss.getLoc()}.mul(loss, lossScale));
  for (auto [trainable, gradient] : llvm::zip_equal(trainables, *gradients)) {
    Value old = addArgument(
        function, trainable.type,
        singleAttr(tern::stateAttr,
                   companionState(trainable, tern::StateKind::gradient)));
    // Right where the gradient is ready, so that it need not be kept.
    b.setInsertionPointAfterValue(gradient);
    results.addTied(old, accumulateGradient({b, gradient.getLoc()}, gradient,
                                            old, accumulate));
  }
  results.finish(function);
  return success();
}

/// `value`, which is what `name`, given as `option`, says; an error where it
/// says none of `choices`.
template <typename Enum>
FailureOr<Enum> readChoice(ModuleOp module, StringRef option, StringRef name,
                           std::optional<Enum> value, StringRef choices) {
  if (value)
    return *value;
  return module.emitError("expected '")
         << option << "' to be " << choices << ", but got '" << name << "'";
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
    for (StringRef name : {microFunction, applyFunction, stepFunction})
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
    FailureOr<OptimizerOptions> options = readOptimizer();
    if (failed(options))
      return failure();
    describeOptimizer(*options);
    func::FuncOp copy = function.clone();
    bool exact = options->clipping == tern::GradientClipping::exact;
    copy.setName(exact ? microFunction : stepFunction);
    symbols.insert(copy, module.getBody()->end());
    if (!exact)
      return buildTrainStep(copy, *trainables, *options);
    if (failed(buildTrainMicro(copy, *trainables)))
      return failure();
    buildTrainApply(module, function.getLoc(), *trainables, *options);
    return success();
  }

  FailureOr<OptimizerOptions> readOptimizer() {
    ModuleOp module = getOperation();
    auto kind =
        readChoice(module, "optimizer", optimizer,
                   tern::symbolizeOptimizerKind(optimizer), "adamw or sgd");
    auto clip = readChoice(module, "clipping", clipping,
                           tern::symbolizeGradientClipping(clipping),
                           "exact, previous or off");
    if (failed(kind) || failed(clip))
      return failure();
    return OptimizerOptions{*kind, int8State, *clip};
  }

  void describeOptimizer(const OptimizerOptions &options) {
    Builder b(&getContext());
    bool hasMoments = options.kind == tern::OptimizerKind::adamw;
    getOperation()->setAttr(
        tern::optimizerAttr,
        tern::OptimizerAttr::get(
            b.getContext(), options.kind, options.clipping,
            b.getF64FloatAttr(hasMoments ? adamw::beta1 : 0),
            b.getF64FloatAttr(hasMoments ? adamw::beta2 : 0)));
  }
};

} // namespace

FailureOr<SmallVector<Value>>
sterna::addGradients(func::FuncOp function, ArrayRef<Trainable> trainables) {
  SmallVector<Value> wanted;
  for (const Trainable &trainable : trainables)
    wanted.push_back(function.getArgument(trainable.argument));
  Value lossScale = addScalarInput(function, lossScaleInput);
  function.setArgAttr(function.getNumArguments() - 1, tern::lossScaleAttr,
                      UnitAttr::get(function.getContext()));
  Operation *terminator = function.front().getTerminator();
  OpBuilder builder(terminator);
  return buildGradients(builder, terminator->getOperand(0), lossScale, wanted);
}
