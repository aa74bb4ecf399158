//===- TernaryMatrices.cpp - Ternary parameters of a graph ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TernaryMatrices.h.
//
//===----------------------------------------------------------------------===//

#include "TernaryMatrices.h"

#include "../../DescribeTernary.h"
#include "../Decoder/DecoderWeights.h"

using namespace mlir;
using namespace sterna;

/// Why something is not raised is no error.
template <typename T> static std::optional<T> take(llvm::Expected<T> expected) {
  if (expected)
    return std::move(*expected);
  llvm::consumeError(expected.takeError());
  return std::nullopt;
}

bool TernaryMatrices::dependsOnTrained(Value value) {
  return llvm::any_of(findLeaves(value, forms), [&](Value leaf) {
    auto get = leaf.getDefiningOp<tern::GetParamOp>();
    return get && symbols.lookup(get.getParam())->hasAttr(tern::trainableAttr);
  });
}

std::optional<TernaryMatrix> TernaryMatrices::find(LinearPart part) {
  part.scale = nullptr;
  if (dependsOnTrained(part.weight))
    return std::nullopt;
  auto stored = take(locateMatrix(part, LinearInput(), forms));
  if (!stored)
    return std::nullopt;
  std::string name = stored->weight.name;
  TensorTable table("", [](StringRef name) { return name.str(); });
  cantFail(table.add("weight", std::move(stored->weight)));
  if (stored->scale)
    cantFail(table.add(getScaleName("weight"), std::move(*stored->scale)));
  MatrixDefinition definition{part.rows, part.columns};
  definition.quantizeAbsmean = stored->isLatent;
  auto parameter =
      take(describeTernary(table, "weight", definition, function.getContext()));
  if (!parameter)
    return std::nullopt;
  return TernaryMatrix{std::move(name), std::move(*parameter)};
}

Value TernaryMatrices::get(const ArrayBuilder &b, StringRef name,
                           RankedTensorType type, Attribute source) {
  tern::ParamOp &param = declared[{source, type}];
  if (!param) {
    OpBuilder::InsertionGuard guard(b.b);
    b.b.setInsertionPoint(function);
    param = tern::ParamOp::create(b.b, function.getLoc(), name, type, source);
    symbols.insert(param, Block::iterator(function));
  }
  return tern::GetParamOp::create(b.b, b.loc, type, param.getSymName());
}

Value TernaryMatrices::getTrits(const ArrayBuilder &b,
                                const TernaryMatrix &matrix) {
  return get(b, matrix.name + ".trits", matrix.parameter.type,
             matrix.parameter.source);
}

Value TernaryMatrices::getScale(const ArrayBuilder &b,
                                const TernaryMatrix &matrix) {
  return get(b, matrix.name + ".scale", matrix.parameter.scaleType,
             matrix.parameter.scale);
}
