//===- Differentiate.cpp - Differentiate a function -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-differentiate: what it accepts and the signature of
// what it builds. The engine is in ReverseMode.cpp.
//
//===----------------------------------------------------------------------===//

#include "sterna/Autodiff/Differentiate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "sterna/Autodiff/Passes.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "sterna/Autodiff/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

bool isFloatScalar(Type type) {
  return isa<FloatType>(type) ||
         (isFloatTensor(type) && cast<RankedTensorType>(type).getRank() == 0);
}

/// Fails with an error where `function` is not one block with one scalar float
/// result.
LogicalResult checkDifferentiable(func::FuncOp function) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block to "
                              "differentiate, but '")
           << function.getName() << "' has "
           << function.getBody().getBlocks().size();
  ArrayRef<Type> results = function.getFunctionType().getResults();
  if (results.size() != 1)
    return function.emitError("expected one scalar float result to "
                              "differentiate, but '")
           << function.getName() << "' has " << results.size() << " results";
  if (!isFloatScalar(results.front()))
    return function.emitError("expected a float or a float tensor of rank 0 to "
                              "differentiate, but '")
           << function.getName() << "' returns " << results.front();
  return success();
}

/// Makes `function`, a copy of the primal, return the gradients too.
LogicalResult addGradients(func::FuncOp function) {
  SmallVector<Value> wanted;
  for (Value argument : function.getArguments())
    if (isFloatTensor(argument.getType()))
      wanted.push_back(argument);
  auto terminator =
      cast<func::ReturnOp>(function.getBody().front().getTerminator());
  Value scalar = terminator.getOperand(0);
  OpBuilder builder(terminator);
  Value seed =
      TensorBuilder{builder, scalar.getLoc()}.constant(scalar.getType(), 1);
  FailureOr<SmallVector<Value>> gradients =
      buildGradients(builder, scalar, seed, wanted);
  if (failed(gradients))
    return failure();
  terminator.getOperandsMutable().append(*gradients);
  for (Value gradient : *gradients)
    if (failed(function.insertResult(function.getNumResults(),
                                     gradient.getType(), {})))
      return failure();
  return success();
}

struct Differentiate : sterna::impl::DifferentiatePassBase<Differentiate> {
  using DifferentiatePassBase::DifferentiatePassBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

  LogicalResult run() {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    auto primal = symbols.lookup<func::FuncOp>(function);
    if (!primal)
      return module.emitError("expected a function named '")
             << function << "' to differentiate, but there is none";
    if (failed(checkDifferentiable(primal)))
      return failure();
    std::string name = function + "_vjp";
    if (Operation *taken = symbols.lookup(name))
      return taken->emitError("'")
             << name << "' exists already: rename it to differentiate '"
             << function << "'";
    func::FuncOp copy = primal.clone();
    copy.setName(name);
    symbols.insert(copy, std::next(Block::iterator(primal)));
    return addGradients(copy);
  }
};

} // namespace
