//===- ImportGGUF.cpp - Models from GGUF files ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns metadata and tensors of a GGUF file into a model description. What the
// architecture's definition does not say is an error, never a guess.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/ImportGGUF.h"

#include "mlir/IR/Builders.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/GGUF/GGUFFile.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// What the architecture's name alone decides.
struct Architecture {
  FeedForwardActivation activation;
  bool subNorms;
  /// Whether q and k rows come in interleaved-rotary order.
  bool interleavedRope;
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

class Importer {
public:
  Importer(GGUFFile &file, MLIRContext *context, const ImportOptions &options)
      : file(file), b(context), options(options) {}

  Expected<ModelDescription> run() {
    if (Error error = readShape())
      return std::move(error);
    if (Error error = readTensors())
      return std::move(error);
    if (Error error = readTokenizer())
      return std::move(error);
    return std::move(model);
  }

private:
  /// An error about the file; those of GGUFFile and WeightSource name it too.
  template <typename... Args>
  Error makeError(const char *format, Args &&...args) {
    return llvm::createStringError(
        file.getPath() + ": " +
        llvm::formatv(format, std::forward<Args>(args)...).str());
  }

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
      return makeError("{0}: expected 1 to {1}, but got {2}", key(suffix),
                       limit, *value);
    size = *value;
    return Error::success();
  }

  Error readShape() {
    Expected<StringRef> name = file.getString("general.architecture");
    if (!name)
      return name.takeError();
    model.architecture = name->str();
    auto found = findArchitecture(*name);
    if (!found)
      return makeError("unknown architecture '{0}'; expected bitnet, "
                       "bitnet-b1.58, bitnet-25 or llama",
                       *name);
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
    if (Error error = readConstants())
      return error;
    return readActivations();
  }

  Error readConstants() {
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
    if (model.heads % model.kvHeads)
      return makeError("expected heads to be a multiple of key-value heads, "
                       "but got {0} and {1}",
                       model.heads, model.kvHeads);
    model.ropeDim = model.headDim;
    if (file.hasKey(key("rope.dimension_count")))
      if (Error error =
              readSize("rope.dimension_count", model.ropeDim, 1 << 14))
        return error;
    if (model.ropeDim > model.headDim || model.ropeDim % 2)
      return makeError("{0}: expected an even number of at most {1}, but got "
                       "{2}",
                       key("rope.dimension_count"), model.headDim,
                       model.ropeDim);
    if (architecture.interleavedRope && model.ropeDim != model.headDim)
      return makeError("{0}: expected the head dimension {1}, but got {2}",
                       key("rope.dimension_count"), model.headDim,
                       model.ropeDim);
    Expected<float> epsilon =
        file.getF32(key("attention.layer_norm_rms_epsilon"));
    if (!epsilon)
      return epsilon.takeError();
    model.epsilon = *epsilon;
    Expected<float> theta = file.getF32Or(key("rope.freq_base"), 1e4f);
    if (!theta)
      return theta.takeError();
    model.ropeTheta = *theta;
    return readRopeScaling();
  }

  Error readRopeScaling() {
    Expected<StringRef> type =
        file.getStringOr(key("rope.scaling.type"), "none");
    if (!type)
      return type.takeError();
    Expected<float> factor = file.getF32Or(key("rope.scaling.factor"), 1.0f);
    if (!factor)
      return factor.takeError();
    if (*factor == 1.0f || *type == "none")
      return Error::success();
    if (*type != "linear" || !(*factor > 0))
      return makeError("{0}: expected none or linear, but got {1} with factor "
                       "{2}",
                       key("rope.scaling.type"), *type, *factor);
    model.ropeScaling = *factor;
    return Error::success();
  }

  Error readActivations() {
    if (options.activations != ActivationType::Model)
      model.int8Activations = options.activations == ActivationType::Int8;
    else if (architecture.int8Activations)
      model.int8Activations = *architecture.int8Activations;
    else
      return makeError("architecture '{0}' does not say whether linears "
                       "quantize their input; give --activations=int8 or "
                       "--activations=float",
                       model.architecture);
    return Error::success();
  }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  Error readTensors() {
    const GGUFTensor *table = file.findTensor("token_embd.weight");
    if (!table || table->dims.size() != 2)
      return makeError("missing tensor token_embd.weight");
    model.vocabulary = table->dims[0];
    if (Error error =
            addFloat("token_embd.weight", {model.vocabulary, model.hidden}))
      return error;
    if (file.findTensor("output.weight"))
      if (Error error =
              addFloat("output.weight", {model.vocabulary, model.hidden}))
        return error;
    if (Error error = addFloat("output_norm.weight", {model.hidden}))
      return error;
    for (int64_t layer = 0; layer < model.layers; ++layer)
      if (Error error = readBlock("blk." + std::to_string(layer) + "."))
        return error;
    for (const GGUFTensor &tensor : file.getTensors())
      if (!model.find(tensor.name) && !tensor.name.ends_with(".scale"))
        return makeError("unexpected tensor {0}: the definition of '{1}' has "
                         "no use for it",
                         tensor.name, model.architecture);
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
    if (!architecture.subNorms)
      return Error::success();
    const std::pair<const char *, int64_t> subNorms[] = {{"attn_sub_norm", q},
                                                         {"ffn_sub_norm", ffn}};
    for (auto [name, size] : subNorms)
      if (file.findTensor(prefix + name + ".weight"))
        if (Error error = addFloat(prefix + name + ".weight", {size}))
          return error;
    return Error::success();
  }

  Expected<const GGUFTensor *> find(StringRef name, ArrayRef<int64_t> shape) {
    const GGUFTensor *tensor = file.findTensor(name);
    if (!tensor)
      return makeError("missing tensor {0}", name);
    if (ArrayRef<int64_t>(tensor->dims) != shape)
      return makeError(
          "{0}: expected shape [{1:$[, ]}], but got [{2:$[, ]}]", name,
          llvm::make_range(shape.begin(), shape.end()),
          llvm::make_range(tensor->dims.begin(), tensor->dims.end()));
    if (!tensor->getWeightType())
      return makeError("{0}: expected F32, F16, BF16, Q8_0, TQ1_0 or TQ2_0, "
                       "but got {1}",
                       name, tensor->getTypeName());
    return tensor;
  }

  Attribute source(const GGUFTensor &tensor, bool quantize = false,
                   int64_t interleavedHeads = 0) {
    return tern::FileSourceAttr::get(
        b.getContext(), file.getPath(), tensor.offset,
        *tern::symbolizeStorageType(tensor.typeId), quantize, interleavedHeads);
  }

  /// A float tensor keeps its type; blocks of eight bits are widened to f32.
  Error addFloat(StringRef name, ArrayRef<int64_t> shape) {
    auto tensor = find(name, shape);
    if (!tensor)
      return tensor.takeError();
    Type element;
    switch (*(*tensor)->getWeightType()) {
    case WeightType::F16:
      element = b.getF16Type();
      break;
    case WeightType::BF16:
      element = b.getBF16Type();
      break;
    case WeightType::F32:
    case WeightType::Q8_0:
      element = b.getF32Type();
      break;
    default:
      return makeError("{0}: expected F32, F16, BF16 or Q8_0, but got {1}",
                       name, (*tensor)->getTypeName());
    }
    // Norm weights are few: one type for all keeps kernels few as well.
    if (shape.size() == 1)
      element = b.getF32Type();
    model.parameters[name] = {
        RankedTensorType::get(shape, element), source(**tensor), {}, {}};
    return Error::success();
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
      if (!options.quantizeAbsmean)
        return makeError("{0} is not ternary: {1}; --quantize=absmean makes "
                         "latent weights ternary",
                         name, analysis->contradiction);
      Expected<float> multiplier = weight->computeAbsmeanMultiplier();
      if (!multiplier)
        return multiplier.takeError();
      analysis->granularity = ScaleGranularity::Tensor;
      analysis->scales = {1 / *multiplier};
    }
    if (Error error = applyExtraScale(name, *analysis, rows))
      return error;
    Parameter parameter;
    parameter.type = RankedTensorType::get({rows, columns},
                                           tern::TritType::get(b.getContext()));
    parameter.source = source(**tensor, quantize, interleavedHeads);
    setScale(parameter, *analysis, rows, interleavedHeads);
    model.parameters[name] = parameter;
    return Error::success();
  }

  /// Multiplies by the tensor `X.scale` beside a weight `X.weight`, if any.
  Error applyExtraScale(StringRef name, TernaryAnalysis &analysis,
                        int64_t rows) {
    std::string scaleName = name.drop_back(strlen("weight")).str() + "scale";
    const GGUFTensor *tensor = file.findTensor(scaleName);
    if (!tensor)
      return Error::success();
    if (tensor->dims.size() != 1 ||
        (tensor->dims[0] != 1 && tensor->dims[0] != rows))
      return makeError("{0}: expected 1 or {1} scales", scaleName, rows);
    auto extra = file.openWeight(*tensor);
    if (!extra)
      return extra.takeError();
    std::vector<float> factors(tensor->dims[0]);
    if (Error error = extra->decodeRows(0, 1, factors.data()))
      return error;
    if (factors.size() > analysis.scales.size()) {
      analysis.scales.assign(rows, analysis.scales[0]);
      analysis.granularity = ScaleGranularity::Row;
    }
    size_t perFactor = analysis.scales.size() / factors.size();
    for (auto [index, scale] : llvm::enumerate(analysis.scales))
      scale *= factors[index / perFactor];
    return Error::success();
  }

  void setScale(Parameter &parameter, const TernaryAnalysis &analysis,
                int64_t rows, int64_t interleavedHeads) {
    ArrayRef<float> scales = analysis.scales;
    SmallVector<int64_t> shape{int64_t(scales.size())};
    if (analysis.granularity == ScaleGranularity::Group) {
      shape = {rows, int64_t(scales.size()) / rows};
      parameter.group = analysis.groupSize;
    }
    std::vector<float> ordered = scales.vec();
    if (interleavedHeads && scales.size() > 1) {
      int64_t perRow = scales.size() / rows;
      for (int64_t row = 0; row < rows; ++row)
        std::copy_n(scales.begin() +
                        tern::interleavedRow(row, rows / interleavedHeads) *
                            perRow,
                    perRow, ordered.begin() + row * perRow);
    }
    parameter.scale = DenseElementsAttr::get(
        RankedTensorType::get(shape, b.getF32Type()), ArrayRef<float>(ordered));
  }

  //===--------------------------------------------------------------------===//
  // Tokenizer
  //===--------------------------------------------------------------------===//

  Error readTokenizer() {
    TokenizerDescription &tokenizer = model.tokenizer;
    Expected<StringRef> kind = file.getString("tokenizer.ggml.model");
    if (!kind)
      return kind.takeError();
    tokenizer.model = kind->str();
    if (tokenizer.model != "llama")
      return makeError("tokenizer.ggml.model: expected llama (SentencePiece), "
                       "but got {0}",
                       tokenizer.model);
    auto pieces = file.getStringArray("tokenizer.ggml.tokens");
    if (!pieces)
      return pieces.takeError();
    tokenizer.pieces.assign(pieces->begin(), pieces->end());
    auto scores = file.getF32Array("tokenizer.ggml.scores");
    if (!scores)
      return scores.takeError();
    tokenizer.scores = std::move(*scores);
    auto types = file.getI64Array("tokenizer.ggml.token_type");
    if (!types)
      return types.takeError();
    tokenizer.types.assign(types->begin(), types->end());
    size_t count = tokenizer.pieces.size();
    if (tokenizer.scores.size() != count || tokenizer.types.size() != count)
      return makeError("tokenizer: expected {0} scores and types, but got {1} "
                       "and {2}",
                       count, tokenizer.scores.size(), tokenizer.types.size());
    if (int64_t(count) > model.vocabulary)
      return makeError("tokenizer: expected at most {0} tokens, the rows of "
                       "token_embd.weight, but got {1}",
                       model.vocabulary, count);
    return readSpecialTokens(tokenizer);
  }

  Error readSpecialTokens(TokenizerDescription &tokenizer) {
    const std::pair<const char *, int32_t *> ids[] = {
        {"tokenizer.ggml.bos_token_id", &tokenizer.bos},
        {"tokenizer.ggml.eos_token_id", &tokenizer.eos},
        {"tokenizer.ggml.unknown_token_id", &tokenizer.unk},
        {"tokenizer.ggml.padding_token_id", &tokenizer.pad}};
    for (auto [name, id] : ids) {
      if (!file.hasKey(name))
        continue;
      Expected<uint64_t> value = file.getU64(name);
      if (!value)
        return value.takeError();
      if (*value >= tokenizer.pieces.size())
        return makeError("{0}: expected less than {1}, but got {2}", name,
                         tokenizer.pieces.size(), *value);
      *id = *value;
    }
    Expected<bool> addBos =
        file.getBoolOr("tokenizer.ggml.add_bos_token", true);
    if (!addBos)
      return addBos.takeError();
    tokenizer.addBos = *addBos;
    Expected<bool> addSpace =
        file.getBoolOr("tokenizer.ggml.add_space_prefix", true);
    if (!addSpace)
      return addSpace.takeError();
    tokenizer.addSpacePrefix = *addSpace;
    Expected<StringRef> chat = file.getStringOr("tokenizer.chat_template", "");
    if (!chat)
      return chat.takeError();
    tokenizer.chatTemplate = chat->str();
    return Error::success();
  }

  GGUFFile &file;
  Builder b;
  const ImportOptions &options;
  Architecture architecture;
  ModelDescription model;
};

} // namespace

Expected<ModelDescription> sterna::importGGUF(StringRef path,
                                              MLIRContext *context,
                                              const ImportOptions &options) {
  Expected<GGUFFile> file = GGUFFile::open(path);
  if (!file)
    return file.takeError();
  context->getOrLoadDialect<tern::TernDialect>();
  return Importer(*file, context, options).run();
}
