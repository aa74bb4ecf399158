//===- ImportGGUF.cpp - Models from GGUF files ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns metadata and tensors of a GGUF file into a model description. What the
// architecture's definition does not say is an error, never a guess.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/ImportGGUF.h"

#include "ImportTokenizer.h"
#include "KnownKeys.h"

#include "mlir/IR/Builders.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/GGUF/GGUFFile.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// What the architecture's name alone decides.
struct Architecture {
  FeedForwardActivation activation = FeedForwardActivation::SiLU;
  bool subNorms = false;
  /// Whether q and k rows come in interleaved-rotary order.
  bool interleavedRope = false;
  /// Whether its definition quantizes activations to int8; none: it is open.
  std::optional<bool> int8Activations;
};

std::optional<Architecture> findArchitecture(StringRef name) {
  using FFA = FeedForwardActivation;
  return llvm::StringSwitch<std::optional<Architecture>>(name)
      .Case("bitnet", Architecture{FFA::SiLU, true, false, true})
      .Cases({"bitnet-b1.58", "bitnet-25"},
             Architecture{FFA::ReLUSquared, true, false, true})
      .Case("llama", Architecture{FFA::SiLU, false, true, std::nullopt})
      .Default(std::nullopt);
}

class GGUFReader {
public:
  GGUFReader(GGUFFile &file, MLIRContext *context, const ImportOptions &options)
      : file(file), b(context), options(options) {}

  Expected<ModelDescription> run() {
    if (Error error = checkKind())
      return std::move(error);
    if (Error error = readShape())
      return std::move(error);
    if (Error error = readConstants())
      return std::move(error);
    if (Error error = readVocabulary())
      return std::move(error);
    if (Error error = checkUnreadKeys(file, model.architecture))
      return std::move(error);
    if (Error error = readTensors())
      return std::move(error);
    return std::move(model);
  }

private:
  //===--------------------------------------------------------------------===//
  // Metadata
  //===--------------------------------------------------------------------===//

  std::string key(const Twine &suffix) {
    return (model.architecture + "." + suffix).str();
  }

  /// Reads a size that must lie in [1, limit].
  Error readSize(const Twine &suffix, int64_t &size, uint64_t limit) {
    Expected<uint64_t> value = file.getU64(key(suffix));
    if (!value)
      return value.takeError();
    if (*value == 0 || *value > limit)
      return file.makeError("{0}: expected 1 to {1}, but got {2}", key(suffix),
                            limit, *value);
    size = *value;
    return Error::success();
  }

  /// Reads a number that must be positive and finite.
  Error readPositive(const Twine &suffix, double &number) {
    Expected<float> value = file.getF32(key(suffix));
    if (!value)
      return value.takeError();
    if (!(*value > 0) || !std::isfinite(*value))
      return file.makeError(
          "{0}: expected a positive finite number, but got {1}", key(suffix),
          formatNumber(*value));
    number = *value;
    return Error::success();
  }

  /// Whether the file holds a model.
  Error checkKind() {
    Expected<StringRef> kind = file.getStringOr("general.type", "model");
    if (!kind)
      return kind.takeError();
    if (*kind != "model")
      return file.makeError("general.type: expected model, but got {0}",
                            quoteText(*kind));
    return Error::success();
  }

  Error readShape() {
    Expected<StringRef> name = file.getString("general.architecture");
    if (!name)
      return name.takeError();
    model.architecture = name->str();
    auto found = findArchitecture(*name);
    if (!found)
      return file.makeError("unknown architecture {0}; expected bitnet, "
                            "bitnet-b1.58, bitnet-25 or llama",
                            quoteText(*name));
    architecture = *found;
    model.activation = architecture.activation;
    Expected<StringRef> title =
        file.getStringOr("general.name", llvm::sys::path::stem(file.getPath()));
    if (!title)
      return title.takeError();
    model.name = title->str();

    constexpr uint64_t large = 1 << 20;
    if (Error error = readSize("block_count", model.layers, 1024))
      return error;
    if (Error error = readSize("embedding_length", model.hidden, large))
      return error;
    if (Error error = readSize("feed_forward_length", model.feedForward, large))
      return error;
    if (Error error = readSize("context_length", model.contextLength, 1 << 30))
      return error;
    if (Error error = readSize("attention.head_count", model.heads, 1 << 14))
      return error;
    return readHeads();
  }

  Error readHeads() {
    model.kvHeads = model.heads;
    if (file.hasKey(key("attention.head_count_kv")))
      if (Error error =
              readSize("attention.head_count_kv", model.kvHeads, 1 << 14))
        return error;
    model.headDim = model.hidden / model.heads;
    if (file.hasKey(key("attention.key_length")))
      if (Error error =
              readSize("attention.key_length", model.headDim, 1 << 14))
        return error;
    int64_t valueLength = model.headDim;
    if (file.hasKey(key("attention.value_length")))
      if (Error error =
              readSize("attention.value_length", valueLength, 1 << 14))
        return error;
    if (valueLength != model.headDim)
      return file.makeError("{0}: expected the head dimension {1}, but got {2}",
                            key("attention.value_length"), model.headDim,
                            valueLength);
    if (model.heads % model.kvHeads)
      return file.makeError(
          "expected heads to be a multiple of key-value heads, "
          "but got {0} and {1}",
          model.heads, model.kvHeads);
    ropeDim = model.headDim;
    if (file.hasKey(key("rope.dimension_count")))
      if (Error error = readSize("rope.dimension_count", ropeDim, 1 << 14))
        return error;
    if (ropeDim > model.headDim || ropeDim % 2)
      return file.makeError(
          "{0}: expected an even number of at most {1}, but got "
          "{2}",
          key("rope.dimension_count"), model.headDim, ropeDim);
    if (architecture.interleavedRope && ropeDim != model.headDim)
      return file.makeError("{0}: expected the head dimension {1}, but got {2}",
                            key("rope.dimension_count"), model.headDim,
                            ropeDim);
    return Error::success();
  }

  Error readConstants() {
    if (Error error =
            readPositive("attention.layer_norm_rms_epsilon", model.epsilon))
      return error;
    if (Error error = readFrequencies())
      return error;
    if (Error error = readAttentionScale())
      return error;
    if (Error error = readActivationFunction())
      return error;
    return readActivations();
  }

  /// theta^(-2 i / D), less where positions are scaled.
  Error readFrequencies() {
    double theta = 1e4, scaling = 1;
    if (file.hasKey(key("rope.freq_base")))
      if (Error error = readPositive("rope.freq_base", theta))
        return error;
    if (Error error = readRopeScaling(scaling))
      return error;
    for (int64_t i = 0; i < ropeDim / 2; ++i)
      model.ropeFrequencies.push_back(
          std::pow(theta, -double(i) / double(ropeDim / 2)) / scaling);
    return Error::success();
  }

  /// A factor without a type is linear, as others take it, and `scale_linear`
  /// is its older name.
  Error readRopeScaling(double &scaling) {
    Expected<StringRef> type =
        file.getStringOr(key("rope.scaling.type"), "linear");
    if (!type)
      return type.takeError();
    if (*type != "none" && *type != "linear")
      return file.makeError("{0}: expected none or linear, but got {1}",
                            key("rope.scaling.type"), quoteText(*type));
    double factor = 1, older = 1;
    bool hasFactor = file.hasKey(key("rope.scaling.factor"));
    if (hasFactor)
      if (Error error = readPositive("rope.scaling.factor", factor))
        return error;
    if (file.hasKey(key("rope.scale_linear")))
      if (Error error = readPositive("rope.scale_linear", older))
        return error;
    if (hasFactor && older != 1 && older != factor)
      return file.makeError(
          "expected {0} and {1} to be equal, but got {2} and {3}",
          key("rope.scaling.factor"), key("rope.scale_linear"),
          formatNumber(factor), formatNumber(older));
    if (*type == "linear")
      scaling = hasFactor ? factor : older;
    return Error::success();
  }

  /// Attention divides by the root of the head's size; 0 says the same.
  Error readAttentionScale() {
    if (!file.hasKey(key("attention.scale")))
      return Error::success();
    Expected<double> scale = file.getNumber(key("attention.scale"));
    if (!scale)
      return scale.takeError();
    float expected = 1 / std::sqrt(float(model.headDim));
    if (*scale != 0 && !(std::fabs(*scale - expected) <= 1e-6 * expected))
      return file.makeError("{0}: expected {1}, 1 / sqrt({2}), but got {3}",
                            key("attention.scale"), formatNumber(expected),
                            model.headDim, formatNumber(*scale));
    return Error::success();
  }

  /// The file may say another function than the architecture does.
  Error readActivationFunction() {
    if (!file.hasKey(key("hidden_activation")))
      return Error::success();
    Expected<StringRef> name = file.getString(key("hidden_activation"));
    if (!name)
      return name.takeError();
    if (*name == "silu" || *name == "swish")
      model.activation = FeedForwardActivation::SiLU;
    else if (*name == "relu2" || *name == "relu_squared")
      model.activation = FeedForwardActivation::ReLUSquared;
    else
      return file.makeError("{0}: expected silu or relu2, but got {1}",
                            key("hidden_activation"), quoteText(*name));
    return Error::success();
  }

  Error readActivations() {
    if (options.activations != ActivationType::Model)
      model.int8Activations = options.activations == ActivationType::Int8;
    else if (architecture.int8Activations)
      model.int8Activations = *architecture.int8Activations;
    else
      return file.makeError("architecture '{0}' does not say whether linears "
                            "quantize their input; give --activations=int8 or "
                            "--activations=float",
                            model.architecture);
    return Error::success();
  }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  /// The rows of the embedding are the vocabulary; what the tokenizer does not
  /// fill is padding.
  Error readVocabulary() {
    const GGUFTensor *table = file.findTensor("token_embd.weight");
    if (!table)
      return file.makeError("missing tensor token_embd.weight");
    if (table->dims.size() != 2)
      return file.makeError(
          "token_embd.weight: expected 2 dimensions, but got {0}",
          table->dims.size());
    model.vocabulary = table->dims[0];
    int64_t stated = model.vocabulary;
    if (file.hasKey(key("vocab_size")))
      if (Error error = readSize("vocab_size", stated, UINT32_MAX))
        return error;
    if (stated != model.vocabulary)
      return file.makeError(
          "{0}: expected {1}, the rows of token_embd.weight, but "
          "got {2}",
          key("vocab_size"), model.vocabulary, stated);
    auto tokenizer = importTokenizer(file, model.vocabulary);
    if (!tokenizer)
      return tokenizer.takeError();
    model.tokenizer = std::move(*tokenizer);
    return Error::success();
  }

  Error readTensors() {
    if (Error error =
            addFloat("token_embd.weight", {model.vocabulary, model.hidden}))
      return error;
    if (file.findTensor("output.weight"))
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
    for (const GGUFTensor &tensor : file.getTensors())
      if (!usedTensors.contains(tensor.name))
        return file.makeError(
            "unexpected tensor {0}: the definition of '{1}' has "
            "no use for it",
            quoteText(tensor.name), model.architecture);
    return Error::success();
  }

  /// Sub-norms belong to the whole model: one that is missing was lost.
  Error findSubNorms() {
    std::string missing, present;
    for (int64_t layer = 0; layer < model.layers; ++layer)
      for (const char *name : {"attn_sub_norm", "ffn_sub_norm"}) {
        std::string tensor =
            llvm::formatv("blk.{0}.{1}.weight", layer, name).str();
        (file.findTensor(tensor) ? present : missing) = tensor;
      }
    hasSubNorms = architecture.subNorms && !present.empty();
    if (hasSubNorms && !missing.empty())
      return file.makeError(
          "missing tensor {0}: expected both sub-norms in each "
          "layer or none at all, but there is {1}",
          missing, present);
    return Error::success();
  }

  Error readBlock(const std::string &prefix) {
    int64_t hidden = model.hidden, ffn = model.feedForward;
    int64_t q = model.heads * model.headDim, kv = model.kvHeads * model.headDim;
    struct Matrix {
      const char *name;
      int64_t rows, columns, interleavedHeads;
    };
    bool interleaved = architecture.interleavedRope;
    const Matrix matrices[] = {
        {"attn_q", q, hidden, interleaved ? model.heads : 0},
        {"attn_k", kv, hidden, interleaved ? model.kvHeads : 0},
        {"attn_v", kv, hidden, 0},
        {"attn_output", hidden, q, 0},
        {"ffn_gate", ffn, hidden, 0},
        {"ffn_up", ffn, hidden, 0},
        {"ffn_down", hidden, ffn, 0}};
    for (const Matrix &matrix : matrices)
      if (Error error =
              addTernary(prefix + matrix.name + ".weight", matrix.rows,
                         matrix.columns, matrix.interleavedHeads))
        return error;
    for (const char *norm : {"attn_norm", "ffn_norm"})
      if (Error error = addFloat(prefix + norm + ".weight", {hidden}))
        return error;
    if (!hasSubNorms)
      return Error::success();
    const std::pair<const char *, int64_t> subNorms[] = {{"attn_sub_norm", q},
                                                         {"ffn_sub_norm", ffn}};
    for (auto [name, size] : subNorms)
      if (Error error = addFloat(prefix + name + ".weight", {size}))
        return error;
    return Error::success();
  }

  Expected<const GGUFTensor *> find(StringRef name, ArrayRef<int64_t> shape) {
    const GGUFTensor *tensor = file.findTensor(name);
    if (!tensor)
      return file.makeError("missing tensor {0}", name);
    if (ArrayRef<int64_t>(tensor->dims) != shape)
      return file.makeError(
          "{0}: expected shape [{1:$[, ]}], but got [{2:$[, ]}]", name,
          llvm::make_range(shape.begin(), shape.end()),
          llvm::make_range(tensor->dims.begin(), tensor->dims.end()));
    if (!tensor->getStorage())
      return file.makeError("{0}: expected {1}, but got {2}", name,
                            listStorageFormats(), tensor->getTypeName());
    usedTensors.insert(name);
    return tensor;
  }

  tern::FileSourceAttr source(const GGUFTensor &tensor, bool quantize = false,
                              int64_t interleavedHeads = 0) {
    return tern::FileSourceAttr::get(b.getContext(), tensor.path, tensor.offset,
                                     *tensor.getStorage(), quantize,
                                     interleavedHeads);
  }

  /// A float tensor keeps its type; blocks are widened to f32.
  Error addFloat(StringRef name, ArrayRef<int64_t> shape) {
    auto tensor = find(name, shape);
    if (!tensor)
      return tensor.takeError();
    StorageType storage = *(*tensor)->getStorage();
    if (!getStorageFormat(storage).isFloat)
      return file.makeError("{0}: expected {1}, but got {2}", name,
                            listStorageFormats(/*floatsOnly=*/true),
                            (*tensor)->getTypeName());
    Type element = b.getF32Type();
    if (storage == StorageType::F16)
      element = b.getF16Type();
    if (storage == StorageType::BF16)
      element = b.getBF16Type();
    // Norm weights are few: one type for all keeps kernels few as well, and
    // they are checked now, tables while they are packed.
    if (shape.size() == 1) {
      element = b.getF32Type();
      Expected<std::vector<float>> values = readFinite(**tensor);
      if (!values)
        return values.takeError();
    }
    Parameter &parameter = model.parameters[name];
    parameter.type = RankedTensorType::get(shape, element);
    parameter.source = source(**tensor);
    return Error::success();
  }

  /// Reads a tensor of one dimension, all of whose elements must be finite: a
  /// quantizer would hide the others.
  Expected<std::vector<float>> readFinite(const GGUFTensor &tensor) {
    Expected<WeightSource> source = file.openWeight(tensor);
    if (!source)
      return source.takeError();
    std::vector<float> values(source->getNumCols());
    if (Error error = source->decodeRows(0, 1, values.data()))
      return std::move(error);
    for (auto [index, value] : llvm::enumerate(values))
      if (!std::isfinite(value))
        return file.makeError(
            "{0}: expected finite numbers, but element {1} is {2}", tensor.name,
            index, formatNumber(value));
    return values;
  }

  Error addTernary(const std::string &name, int64_t rows, int64_t columns,
                   int64_t interleavedHeads) {
    auto tensor = find(name, {rows, columns});
    if (!tensor)
      return tensor.takeError();
    Expected<WeightSource> weight = file.openWeight(**tensor);
    if (!weight)
      return weight.takeError();
    Expected<TernaryAnalysis> analysis = weight->analyzeTernary();
    if (!analysis)
      return analysis.takeError();
    bool quantize = !analysis->isTernary;
    if (quantize) {
      // A code that is no trit is damage, not a latent weight.
      bool isFloat = getStorageFormat(weight->getType()).isFloat;
      if (!options.quantizeAbsmean || !isFloat)
        return file.makeError(
            "{0} is not ternary: {1}{2}", name, analysis->contradiction,
            isFloat ? "; --quantize=absmean makes latent weights ternary" : "");
      Expected<float> multiplier = weight->computeAbsmeanMultiplier();
      if (!multiplier)
        return multiplier.takeError();
      analysis->granularity = ScaleGranularity::Tensor;
      analysis->groupSize = columns;
      analysis->scale = 1 / *multiplier;
    }
    Parameter parameter;
    parameter.type = RankedTensorType::get({rows, columns},
                                           tern::TritType::get(b.getContext()));
    parameter.source = source(**tensor, quantize, interleavedHeads);
    if (Error error = addScale(name, *analysis, parameter))
      return error;
    model.parameters[name] = parameter;
    return Error::success();
  }

  /// Sets the scales of `parameter`: those that were found in its elements,
  /// times the tensor `X.scale` beside a weight `X.weight`, if any.
  Error addScale(StringRef name, const TernaryAnalysis &analysis,
                 Parameter &parameter) {
    std::string factorName = name.drop_back(strlen("weight")).str() + "scale";
    const GGUFTensor *factors = file.findTensor(factorName);
    int64_t rows = parameter.type.getDimSize(0);
    int64_t columns = parameter.type.getDimSize(1);
    float scale = analysis.scale;
    if (factors) {
      if (factors->dims.size() != 1 ||
          (factors->dims[0] != 1 && factors->dims[0] != rows))
        return file.makeError("{0}: expected 1 or {1} scales", factorName,
                              rows);
      usedTensors.insert(factorName);
      Expected<std::vector<float>> read = readFinite(*factors);
      if (!read)
        return read.takeError();
      scale *= read->front();
    }
    bool isOfTensor = analysis.granularity == ScaleGranularity::Tensor;
    if (isOfTensor && !(factors && factors->dims[0] > 1)) {
      if (!std::isfinite(scale))
        return file.makeError(
            "{0}: expected scales within the range of f32, but got {1}", name,
            formatNumber(scale));
      parameter.scaleType = RankedTensorType::get({1}, b.getF32Type());
      parameter.scale = DenseElementsAttr::get(parameter.scaleType, scale);
      return Error::success();
    }
    SmallVector<int64_t> shape{rows};
    if (analysis.granularity == ScaleGranularity::Group) {
      shape.push_back(llvm::divideCeil(columns, analysis.groupSize));
      parameter.group = analysis.groupSize;
    }
    parameter.scaleType = RankedTensorType::get(shape, b.getF32Type());
    parameter.scale = tern::TernaryScalesAttr::get(
        b.getContext(), cast<tern::FileSourceAttr>(parameter.source), columns,
        analysis.groupSize, factors ? source(*factors) : tern::FileSourceAttr(),
        factors ? factors->dims[0] : 0);
    return Error::success();
  }

  GGUFFile &file;
  Builder b;
  const ImportOptions &options;
  Architecture architecture;
  bool hasSubNorms = false;
  /// Tensors that the definition has a use for.
  llvm::StringSet<> usedTensors;
  ModelDescription model;
  int64_t ropeDim = 0; // elements of a head that are rotated
};

class GGUFImporter : public Importer {
public:
  StringRef getDescription() const override { return "a GGUF file"; }

  bool accepts(StringRef path) const override {
    return GGUFFile::hasMagic(path);
  }

  Expected<ModelDescription> read(StringRef path, MLIRContext *context,
                                  const ImportOptions &options) const override {
    bool ofArm = options.i2sLayout == I2SLayout::Arm;
    Expected<GGUFFile> file =
        GGUFFile::open(path, ofArm ? StorageType::I2_S_ARM : StorageType::I2_S);
    if (!file)
      return file.takeError();
    bool hasI2S =
        llvm::any_of(file->getTensors(), [](const GGUFTensor &tensor) {
          return tensor.storage == StorageType::I2_S ||
                 tensor.storage == StorageType::I2_S_ARM;
        });
    if (options.i2sLayout && !hasI2S)
      return file->makeError("--i2s-layout: expected a tensor of type I2_S, "
                             "but there is none; leave the option out");
    return GGUFReader(*file, context, options).run();
  }
};

} // namespace

std::unique_ptr<Importer> sterna::createGGUFImporter() {
  return std::make_unique<GGUFImporter>();
}
