//===- DescribeTernary.cpp - Ternary matrices as parameters ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DescribeTernary.h.
//
//===----------------------------------------------------------------------===//

#include "DescribeTernary.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

tern::FileSourceAttr sterna::describeSource(const StoredTensor &tensor,
                                            MLIRContext *context, bool quantize,
                                            int64_t interleavedHeads) {
  return tern::FileSourceAttr::get(context, tensor.path, tensor.offset,
                                   *tensor.storage, quantize, interleavedHeads);
}

namespace {

class TernaryDescriber {
public:
  TernaryDescriber(StringRef path, const MatrixDefinition &definition,
                   MLIRContext *context)
      : path(path), definition(definition), context(context) {}

  Expected<Parameter> describe(const StoredTensor &tensor,
                               const StoredTensor *factors) {
    Expected<WeightSource> weight = tensor.open();
    if (!weight)
      return weight.takeError();
    Expected<TernaryAnalysis> analysis = weight->analyzeTernary();
    if (!analysis)
      return analysis.takeError();
    bool isLatent = tensor.isLatent || !analysis->isTernary;
    if (isLatent)
      if (Error error = quantize(tensor, *weight, *analysis))
        return std::move(error);
    parameter.type = RankedTensorType::get(
        {definition.rows, definition.columns}, tern::TritType::get(context));
    parameter.source =
        describeSource(tensor, context, isLatent, definition.interleavedHeads);
    if (Error error = addScale(tensor, factors, *analysis))
      return std::move(error);
    return std::move(parameter);
  }

private:
  Error quantize(const StoredTensor &tensor, const WeightSource &weight,
                 TernaryAnalysis &analysis) {
    // A code that is no trit is damage, not a latent weight.
    bool isFloat = getStorageFormat(weight.getType()).isFloat;
    if ((!definition.quantizeAbsmean && !tensor.isLatent) || !isFloat)
      return fail(
          "{0} is not ternary: {1}{2}", tensor.name, analysis.contradiction,
          isFloat ? "; --quantize=absmean makes latent weights ternary" : "");
    Expected<float> multiplier = weight.computeAbsmeanMultiplier();
    if (!multiplier)
      return multiplier.takeError();
    analysis.granularity = ScaleGranularity::Tensor;
    analysis.groupSize = weight.getNumCols();
    analysis.scale = 1 / *multiplier;
    return Error::success();
  }

  /// Sets the scales: those that were found in the elements, times or by
  /// `factors`, if any.
  Error addScale(const StoredTensor &tensor, const StoredTensor *factors,
                 const TernaryAnalysis &analysis) {
    float scale = analysis.scale;
    int64_t columns = definition.columns, group = analysis.groupSize;
    if (factors) {
      Expected<float> first = checkFactors(*factors);
      if (!first)
        return first.takeError();
      scale = definition.scalesDivide ? scale / *first : scale * *first;
      if (factors->shape.size() == 2)
        group = std::gcd(group, columns / factors->shape[1]);
    }
    bool isOfTensor = analysis.granularity == ScaleGranularity::Tensor;
    int64_t numFactors = factors ? llvm::product_of(factors->shape) : 0;
    if (isOfTensor && numFactors <= 1)
      return addScaleOfTensor(tensor, scale);
    SmallVector<int64_t> shape{definition.rows};
    if (group != columns) {
      shape.push_back(llvm::divideCeil(columns, group));
      parameter.group = group;
    }
    parameter.scaleType =
        RankedTensorType::get(shape, Float32Type::get(context));
    parameter.scale = tern::TernaryScalesAttr::get(
        context, cast<tern::FileSourceAttr>(parameter.source), columns, group,
        factors ? describeSource(*factors, context) : tern::FileSourceAttr(),
        numFactors);
    return Error::success();
  }

  /// Checks the scales beside a matrix: one, one for each row, or one for each
  /// group of each row. Returns the first.
  Expected<float> checkFactors(const StoredTensor &factors) {
    ArrayRef<int64_t> shape = factors.shape;
    int64_t rows = definition.rows, columns = definition.columns;
    int64_t count = llvm::product_of(shape);
    bool ofRows = shape.size() == 1 && shape[0] == rows;
    bool ofGroups = shape.size() == 2 && shape[0] == rows && shape[1] > 0 &&
                    columns % shape[1] == 0;
    if (count != 1 && !ofRows && !ofGroups)
      return fail("{0}: expected 1 or {1} scales, or so many rows "
                  "of them for groups of the {2} columns",
                  factors.name, rows, columns);
    if (definition.scalesDivide && count != 1)
      return fail("{0}: expected 1 scale that divides, but got "
                  "{1}",
                  factors.name, count);
    Expected<std::vector<float>> values = factors.readFinite(path);
    if (!values)
      return values.takeError();
    return values->front();
  }

  Error addScaleOfTensor(const StoredTensor &tensor, float scale) {
    if (!std::isfinite(scale))
      return fail("{0}: expected scales within the range of f32, but got {1}",
                  tensor.name, formatNumber(scale));
    parameter.scaleType = RankedTensorType::get({1}, Float32Type::get(context));
    parameter.scale = DenseElementsAttr::get(parameter.scaleType, scale);
    return Error::success();
  }

  template <typename... Args>
  Error fail(const char *format, Args &&...args) const {
    return llvm::createStringError(
        path + ": " + llvm::formatv(format, std::forward<Args>(args)...).str());
  }

  StringRef path;
  const MatrixDefinition &definition;
  MLIRContext *context;
  Parameter parameter;
};

} // namespace

Expected<Parameter> sterna::describeTernary(StringRef path,
                                            const StoredTensor &matrix,
                                            const StoredTensor *factors,
                                            const MatrixDefinition &definition,
                                            MLIRContext *context) {
  return TernaryDescriber(path, definition, context).describe(matrix, factors);
}
