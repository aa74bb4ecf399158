//===- QuantizeGradients.cpp - Gradients of linears on integers -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-quantize-gradients.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_QUANTIZEGRADIENTSPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

struct QuantizeGradients
    : sterna::tern::impl::QuantizeGradientsPassBase<QuantizeGradients> {
  using QuantizeGradientsPassBase::QuantizeGradientsPassBase;

  void runOnOperation() override {
    if (type != "int8" && type != "int16") {
      getOperation().emitError()
          << "unknown gradient type '" << type << "'; expected int8 or int16";
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(quantize(function)))
        return signalPassFailure();
    record();
  }

private:
  Type elementType() {
    return IntegerType::get(&getContext(), type == "int8" ? 8 : 16);
  }

  LogicalResult quantize(func::FuncOp function) {
    SmallVector<MatmulTransposedOp> products;
    function.walk([&](MatmulTransposedOp op) { products.push_back(op); });
    for (MatmulTransposedOp op : products)
      if (failed(check(op)))
        return failure();
    Value seeds;
    if (type == "int8" && !products.empty())
      seeds = addSeeds(function, int64_t(products.size()));
    for (auto [index, op] : llvm::enumerate(products))
      replace(op, seeds, int64_t(index));
    numQuantized += products.size();
    return success();
  }

  LogicalResult check(MatmulTransposedOp op) {
    if (op.getGroup())
      return op.emitError("gradients of ")
             << type << " need one scale for a matrix or for each row, but "
             << "this matrix has one for each group of " << *op.getGroup()
             << " columns: use --gradient-type=f32";
    int64_t rows = op.getWeight().getType().getDimSize(0);
    int64_t most = getMostGradientRows(elementType());
    if (rows > most)
      return op.emitError("sums of gradients of ")
             << type << " fit 32 bits for at most " << most
             << " rows, but this matrix has " << rows
             << ": use --gradient-type=f32";
    return success();
  }

  /// Adds the input with a seed for each of `count` products.
  Value addSeeds(func::FuncOp function, int64_t count) {
    Builder b(&getContext());
    unsigned index = function.getNumArguments();
    auto attributes = b.getDictionaryAttr(
        b.getNamedAttr(inputAttr, b.getStringAttr("rounding_seeds")));
    if (failed(function.insertArgument(
            index, RankedTensorType::get(count, b.getI32Type()), attributes,
            function.getLoc())))
      llvm_unreachable("a func.func takes further arguments");
    return function.getArgument(index);
  }

  void replace(MatmulTransposedOp op, Value seeds, int64_t index) {
    IRRewriter b(op);
    Location loc = op.getLoc();
    auto lhs = cast<RankedTensorType>(op.getLhs().getType());
    Value seed;
    if (seeds)
      seed = tensor::ExtractSliceOp::create(
          b, loc, RankedTensorType::get({1}, b.getI32Type()), seeds,
          OpFoldResult(b.getIndexAttr(index)), OpFoldResult(b.getIndexAttr(1)),
          OpFoldResult(b.getIndexAttr(1)));
    auto quantized = QuantizeGradientOp::create(
        b, loc, lhs.clone(elementType()),
        RankedTensorType::get(lhs.getDimSize(0), lhs.getElementType()),
        op.getLhs(), op.getScale(), seed);
    b.replaceOpWithNewOp<QuantizedMatmulTransposedOp>(
        op, op.getType(), quantized.getQuantized(), quantized.getStep(),
        op.getWeight());
  }

  /// What the device binary says of the model.
  void record() {
    getOperation()->setAttr(gradientsAttr, TypeAttr::get(elementType()));
  }
};

} // namespace
