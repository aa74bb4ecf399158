//===- ParameterReader.cpp - Parameters from stored tensors ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ParameterReader.h.
//
//===----------------------------------------------------------------------===//

#include "ParameterReader.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

static int64_t countElements(const StoredTensor &tensor) {
  int64_t count = 1;
  for (int64_t dim : tensor.shape)
    count *= dim;
  return count;
}

/// A ternary matrix of a block.
struct ParameterReader::Matrix {
  const char *name;
  int64_t rows, columns;
  /// Not zero: rows come in interleaved-rotary order, for so many heads.
  int64_t interleavedHeads;
};

Error ParameterReader::read() {
  if (Error error =
          addFloat("token_embd.weight", {model.vocabulary, model.hidden}))
    return error;
  bool hasHead = tensors.find("output.weight") != nullptr;
  if (definition.tied == true && hasHead)
    return tensors.makeError(
        "{0}: expected none, for the head is the embedding",
        tensors.getSpelling("output.weight"));
  if (hasHead || definition.tied == false)
    if (Error error =
            addFloat("output.weight", {model.vocabulary, model.hidden}))
      return error;
  if (Error error = addFloat("output_norm.weight", {model.hidden}))
    return error;
  if (Error error = findSubNorms())
    return error;
  for (int64_t layer = 0; layer < model.layers; ++layer)
    if (Error error = readBlock("blk." + std::to_string(layer) + "."))
      return error;
  return checkUnused();
}

/// Sub-norms belong to the whole model: one that is missing was lost.
Error ParameterReader::findSubNorms() {
  std::string missing, present;
  for (int64_t layer = 0; layer < model.layers; ++layer)
    for (const char *name : {"attn_sub_norm", "ffn_sub_norm"}) {
      std::string tensor =
          llvm::formatv("blk.{0}.{1}.weight", layer, name).str();
      (tensors.find(tensor) ? present : missing) = tensor;
    }
  definition.subNorms &= !present.empty();
  if (definition.subNorms && !missing.empty())
    return tensors.makeError(
        "missing tensor {0}: expected both sub-norms in each layer or none at "
        "all, but there is {1}",
        tensors.getSpelling(missing), tensors.getSpelling(present));
  return Error::success();
}

Error ParameterReader::readBlock(const std::string &prefix) {
  int64_t hidden = model.hidden, ffn = model.feedForward;
  int64_t q = model.heads * model.headDim, kv = model.kvHeads * model.headDim;
  bool interleaved = definition.interleavedRope;
  const Matrix matrices[] = {
      {"attn_q", q, hidden, interleaved ? model.heads : 0},
      {"attn_k", kv, hidden, interleaved ? model.kvHeads : 0},
      {"attn_v", kv, hidden, 0},
      {"attn_output", hidden, q, 0},
      {"ffn_gate", ffn, hidden, 0},
      {"ffn_up", ffn, hidden, 0},
      {"ffn_down", hidden, ffn, 0}};
  for (const Matrix &matrix : matrices) {
    if (Error error = addTernary(prefix + matrix.name + ".weight", matrix))
      return error;
    if (definition.linearNorms)
      if (Error error =
              addFloat(prefix + matrix.name + ".norm.weight", {matrix.columns}))
        return error;
  }
  return readNorms(prefix);
}

Error ParameterReader::readNorms(const std::string &prefix) {
  struct Norm {
    const char *name;
    int64_t size;
    bool exists;
  };
  const Norm norms[] = {
      {"attn_norm", model.hidden, true},
      {"ffn_norm", model.hidden, true},
      {"attn_sub_norm", model.heads * model.headDim, definition.subNorms},
      {"ffn_sub_norm", model.feedForward, definition.subNorms},
      {"attn_q_norm", model.headDim, definition.headNorms},
      {"attn_k_norm", model.headDim, definition.headNorms}};
  for (const Norm &norm : norms)
    if (norm.exists)
      if (Error error = addFloat(prefix + norm.name + ".weight", {norm.size}))
        return error;
  return Error::success();
}

tern::FileSourceAttr ParameterReader::source(const StoredTensor &tensor,
                                             bool quantize,
                                             int64_t interleavedHeads) {
  return tern::FileSourceAttr::get(context, tensor.path, tensor.offset,
                                   *tensor.storage, quantize, interleavedHeads);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// The type that holds all values of a table stored as `storage`: its own, that
/// of the scales of trits, or f32.
static Type getTableType(MLIRContext *context, StorageType storage) {
  const StorageFormat &format = getStorageFormat(storage);
  bool isHalfScaled = !format.isFloat && format.layout == RowLayout::Blocks;
  if (storage == StorageType::F16 || storage == StorageType::F16Columns ||
      isHalfScaled)
    return Float16Type::get(context);
  if (storage == StorageType::BF16 || storage == StorageType::BF16Columns)
    return BFloat16Type::get(context);
  return Float32Type::get(context);
}

Error ParameterReader::addFloat(StringRef name, ArrayRef<int64_t> shape) {
  auto tensor = tensors.get(name, shape);
  if (!tensor)
    return tensor.takeError();
  used.insert(name);
  const StorageFormat &format = getStorageFormat(*(*tensor)->storage);
  // Trits are values of tables alone: a norm of them is damage.
  if (shape.size() == 1 && !format.isFloat)
    return tensors.makeError("{0}: expected {1}, but got {2}", (*tensor)->name,
                             listStorageFormats(/*floatsOnly=*/true),
                             (*tensor)->typeName);
  Parameter &parameter = model.parameters[name];
  if (shape.size() == 1) {
    // Norm weights are few: one type for all keeps kernels few as well, and
    // they are checked now, tables while they are packed.
    Expected<std::vector<float>> values = readFinite(**tensor);
    if (!values)
      return values.takeError();
    parameter.type = RankedTensorType::get(shape, Float32Type::get(context));
    parameter.source = source(**tensor);
    return Error::success();
  }
  if (!format.isFloat && !format.hasScales)
    return addScaledTable(name, **tensor, parameter);
  parameter.type =
      RankedTensorType::get(shape, getTableType(context, format.type));
  parameter.source = source(**tensor);
  return Error::success();
}

/// A table whose trits have their scales in a tensor `X.scale`.
Error ParameterReader::addScaledTable(StringRef name,
                                      const StoredTensor &tensor,
                                      Parameter &parameter) {
  std::string scaleName = name.drop_back(strlen("weight")).str() + "scale";
  auto scales = tensors.get(scaleName);
  if (!scales)
    return scales.takeError();
  used.insert(scaleName);
  ArrayRef<int64_t> shape = (*scales)->shape;
  int64_t columns = tensor.shape[1];
  if (!(*scales)->storage || definition.scalesDivide || shape.size() != 2 ||
      shape[0] != tensor.shape[0] || shape[1] < 1 || columns % shape[1])
    return tensors.makeError(
        "{0}: expected floats that multiply, some for each "
        "of {1} rows, but got {2} [{3:$[, ]}]",
        (*scales)->name, tensor.shape[0], (*scales)->typeName,
        llvm::make_range(shape.begin(), shape.end()));
  parameter.type = RankedTensorType::get(
      tensor.shape, getTableType(context, *(*scales)->storage));
  parameter.source = tern::FileSourceAttr::get(
      context, tensor.path, tensor.offset, *tensor.storage, false, 0,
      source(**scales), columns / shape[1]);
  return Error::success();
}

Expected<std::vector<float>> ParameterReader::readVector(StringRef name,
                                                         int64_t size) {
  auto tensor = tensors.get(name, {size});
  if (!tensor)
    return tensor.takeError();
  used.insert(name);
  return readFinite(**tensor);
}

/// Reads all of a small tensor. A quantizer would hide what is not finite.
Expected<std::vector<float>>
ParameterReader::readFinite(const StoredTensor &tensor) {
  Expected<std::vector<float>> values = tensor.readAll();
  if (!values)
    return values;
  for (auto [index, value] : llvm::enumerate(*values))
    if (!std::isfinite(value))
      return tensors.makeError(
          "{0}: expected finite numbers, but element {1} is {2}", tensor.name,
          index, formatNumber(value));
  return values;
}

//===----------------------------------------------------------------------===//
// Ternary matrices
//===----------------------------------------------------------------------===//

Error ParameterReader::addTernary(const std::string &name,
                                  const Matrix &matrix) {
  auto tensor = tensors.get(name, {matrix.rows, matrix.columns});
  if (!tensor)
    return tensor.takeError();
  used.insert(name);
  Expected<WeightSource> weight = (*tensor)->open();
  if (!weight)
    return weight.takeError();
  Expected<TernaryAnalysis> analysis = weight->analyzeTernary();
  if (!analysis)
    return analysis.takeError();
  bool isLatent = !analysis->isTernary;
  if (isLatent)
    if (Error error = quantize(**tensor, *weight, *analysis))
      return error;
  Parameter parameter;
  parameter.type = RankedTensorType::get({matrix.rows, matrix.columns},
                                         tern::TritType::get(context));
  parameter.source = source(**tensor, isLatent, matrix.interleavedHeads);
  if (Error error = addScale(name, **tensor, *analysis, parameter))
    return error;
  model.parameters[name] = parameter;
  return Error::success();
}

Error ParameterReader::quantize(const StoredTensor &tensor,
                                const WeightSource &weight,
                                TernaryAnalysis &analysis) {
  // A code that is no trit is damage, not a latent weight.
  bool isFloat = getStorageFormat(weight.getType()).isFloat;
  if (!definition.quantizeAbsmean || !isFloat)
    return tensors.makeError(
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

/// Sets the scales of `parameter`: those that were found in its elements, times
/// or by the tensor `X.scale` beside a weight `X.weight`, if any.
Error ParameterReader::addScale(StringRef name, const StoredTensor &tensor,
                                const TernaryAnalysis &analysis,
                                Parameter &parameter) {
  std::string factorName = name.drop_back(strlen("weight")).str() + "scale";
  const StoredTensor *factors = tensors.find(factorName);
  float scale = analysis.scale;
  int64_t columns = parameter.type.getDimSize(1), group = analysis.groupSize;
  if (factors) {
    used.insert(factorName);
    Expected<float> first = checkFactors(*factors, parameter.type);
    if (!first)
      return first.takeError();
    scale = definition.scalesDivide ? scale / *first : scale * *first;
    if (factors->shape.size() == 2)
      group = std::gcd(group, columns / factors->shape[1]);
  }
  bool isOfTensor = analysis.granularity == ScaleGranularity::Tensor;
  if (isOfTensor && (!factors || countElements(*factors) == 1))
    return addScaleOfTensor(tensor, scale, parameter);
  SmallVector<int64_t> shape{parameter.type.getDimSize(0)};
  if (group != columns) {
    shape.push_back(llvm::divideCeil(columns, group));
    parameter.group = group;
  }
  parameter.scaleType = RankedTensorType::get(shape, Float32Type::get(context));
  parameter.scale = tern::TernaryScalesAttr::get(
      context, cast<tern::FileSourceAttr>(parameter.source), columns, group,
      factors ? source(*factors) : tern::FileSourceAttr(),
      factors ? countElements(*factors) : 0);
  return Error::success();
}

/// Checks the scales beside a matrix: one, one for each row, or one for each
/// group of each row. Returns the first.
Expected<float> ParameterReader::checkFactors(const StoredTensor &factors,
                                              RankedTensorType matrix) {
  ArrayRef<int64_t> shape = factors.shape;
  int64_t rows = matrix.getDimSize(0), columns = matrix.getDimSize(1);
  bool isOne = countElements(factors) == 1;
  bool ofRows = shape.size() == 1 && shape[0] == rows;
  bool ofGroups = shape.size() == 2 && shape[0] == rows && shape[1] > 0 &&
                  columns % shape[1] == 0;
  if (!isOne && !ofRows && !ofGroups)
    return tensors.makeError("{0}: expected 1 or {1} scales, or so many rows "
                             "of them for groups of the {2} columns",
                             factors.name, rows, columns);
  if (definition.scalesDivide && !isOne)
    return tensors.makeError("{0}: expected 1 scale that divides, but got {1}",
                             factors.name, countElements(factors));
  Expected<std::vector<float>> values = readFinite(factors);
  if (!values)
    return values.takeError();
  return values->front();
}

Error ParameterReader::addScaleOfTensor(const StoredTensor &tensor, float scale,
                                        Parameter &parameter) {
  if (!std::isfinite(scale))
    return tensors.makeError(
        "{0}: expected scales within the range of f32, but got {1}",
        tensor.name, formatNumber(scale));
  parameter.scaleType = RankedTensorType::get({1}, Float32Type::get(context));
  parameter.scale = DenseElementsAttr::get(parameter.scaleType, scale);
  return Error::success();
}

Error ParameterReader::checkUnused() {
  for (StringRef name : tensors.getNames())
    if (!used.contains(name))
      return tensors.makeError(
          "unexpected tensor {0}: the definition of '{1}' has no use for it",
          quoteText(tensors.find(name)->name), model.architecture);
  return Error::success();
}
