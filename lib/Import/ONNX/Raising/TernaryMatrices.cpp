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
#include "../Decoder/Uniform.h"
#include "Raising.h"
#include "sterna/Weights/TernaryReader.h"

using namespace mlir;
using namespace sterna;

bool TernaryMatrices::dependsOnTrained(Value value) {
  return llvm::any_of(findLeaves(value, forms), [&](Value leaf) {
    auto get = leaf.getDefiningOp<tern::GetParamOp>();
    return get && symbols.lookup(get.getParam())->hasAttr(tern::trainableAttr);
  });
}

/// Whether each of the scales of `parameter` can be read and is finite.
static bool hasScales(const Parameter &parameter) {
  auto scales = dyn_cast<tern::TernaryScalesAttr>(parameter.scale);
  if (!scales)
    return true;
  int64_t rows = parameter.type.getDimSize(0);
  auto reader = takeIfAny(TernaryScaleReader::open(scales, rows));
  if (!reader)
    return false;
  std::vector<float> groups(reader->getNumGroups());
  for (int64_t row = 0; row < rows; ++row)
    if (llvm::Error error = reader->read(row, groups)) {
      llvm::consumeError(std::move(error));
      return false;
    }
  return true;
}

std::optional<TernaryMatrix> TernaryMatrices::find(LinearPart part) {
  part.scale = nullptr;
  Computation computed = analyzeComputation(part.weight, forms);
  if (computed.isRounded || computed.mayWrap || dependsOnTrained(part.weight))
    return std::nullopt;
  auto stored = takeIfAny(locateMatrix(part, LinearInput(), forms));
  // What is computed was looked at here and there.
  if (!stored || stored->weight.isLatent ||
      stored->weight.storage == StorageType::BitNetU8)
    return std::nullopt;
  auto parameter = takeIfAny(describeTernary(
      "", stored->weight, stored->scale ? &*stored->scale : nullptr,
      {part.rows, part.columns}, function.getContext()));
  if (!parameter || !hasScales(*parameter))
    return std::nullopt;
  return TernaryMatrix{std::move(stored->weight.name), std::move(*parameter)};
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
