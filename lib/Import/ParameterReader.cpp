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

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

/// Where the scales beside the tensor `X.weight` would be.
static std::string getScaleName(StringRef weight) {
  return weight.drop_back(strlen("weight")).str() + "scale";
}

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
  const std::pair<const char *, MatrixDefinition> matrices[] = {
      {"attn_q", {q, hidden, interleaved ? model.heads : 0}},
      {"attn_k", {kv, hidden, interleaved ? model.kvHeads : 0}},
      {"attn_v", {kv, hidden}},
      {"attn_output", {hidden, q}},
      {"ffn_gate", {ffn, hidden}},
      {"ffn_up", {ffn, hidden}},
      {"ffn_down", {hidden, ffn}}};
  for (auto [name, matrix] : matrices) {
    std::string stem = prefix + name;
    matrix.quantizeAbsmean = definition.quantizeAbsmean;
    matrix.scalesDivide = definition.scalesDivide;
    if (Error error = addTernary(stem + ".weight", matrix))
      return error;
    if (definition.linearNorms)
      if (Error error = addFloat(stem + ".norm.weight", {matrix.columns}))
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
    Expected<std::vector<float>> values =
        (*tensor)->readFinite(tensors.getPath());
    if (!values)
      return values.takeError();
    parameter.type = RankedTensorType::get(shape, Float32Type::get(context));
    parameter.source = describeSource(**tensor, context);
    return Error::success();
  }
  if (!format.isFloat && !format.hasScales)
    return addScaledTable(name, **tensor, parameter);
  parameter.type =
      RankedTensorType::get(shape, getTableType(context, format.type));
  parameter.source = describeSource(**tensor, context);
  return Error::success();
}

/// A table whose trits have their scales in a tensor `X.scale`.
Error ParameterReader::addScaledTable(StringRef name,
                                      const StoredTensor &tensor,
                                      Parameter &parameter) {
  std::string scaleName = getScaleName(name);
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
      describeSource(**scales, context), columns / shape[1]);
  return Error::success();
}

Expected<std::vector<float>> ParameterReader::readVector(StringRef name,
                                                         int64_t size) {
  auto tensor = tensors.get(name, {size});
  if (!tensor)
    return tensor.takeError();
  used.insert(name);
  return (*tensor)->readFinite(tensors.getPath());
}

//===----------------------------------------------------------------------===//
// Ternary matrices
//===----------------------------------------------------------------------===//

Error ParameterReader::addTernary(const std::string &name,
                                  const MatrixDefinition &matrix) {
  auto tensor = tensors.get(name, {matrix.rows, matrix.columns});
  if (!tensor)
    return tensor.takeError();
  used.insert(name);
  std::string scaleName = getScaleName(name);
  const StoredTensor *factors = tensors.find(scaleName);
  if (factors)
    used.insert(scaleName);
  auto parameter =
      describeTernary(tensors.getPath(), **tensor, factors, matrix, context);
  if (!parameter)
    return parameter.takeError();
  model.parameters[name] = std::move(*parameter);
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
