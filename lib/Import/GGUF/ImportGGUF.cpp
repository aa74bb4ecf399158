//===- ImportGGUF.cpp - Models from GGUF files ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns metadata and tensors of a GGUF file into a model description. What the
// architecture's definition does not say is an error, never a guess.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/ImportGGUF.h"

#include "../ParameterReader.h"
#include "../RotaryEmbedding.h"
#include "ArchitectureKeys.h"
#include "ImportTokenizer.h"
#include "KnownKeys.h"
#include "RopeScalingKeys.h"

#include "sterna/Import/GGUF/Architectures.h"
#include "sterna/Import/GGUF/GGUFFile.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// Which tensors models of `architecture` have.
TensorDefinition getTensors(const GGUFArchitecture &architecture) {
  TensorDefinition tensors;
  tensors.subNorms = architecture.subNorms;
  tensors.headNorms = architecture.headNorms;
  tensors.interleavedRope = architecture.interleavedRope;
  return tensors;
}

class GGUFReader {
public:
  GGUFReader(GGUFFile &file, MLIRContext *context, const ImportOptions &options)
      : file(file), keys(file), context(context), options(options) {}

  Expected<ModelDescription> run() {
    if (Error error = checkKind())
      return std::move(error);
    if (Error error = readShape())
      return std::move(error);
    if (Error error = readConstants())
      return std::move(error);
    if (Error error = readVocabulary())
      return std::move(error);
    if (Error error = readTensors())
      return std::move(error);
    return std::move(model);
  }

private:
  //===--------------------------------------------------------------------===//
  // Metadata
  //===--------------------------------------------------------------------===//

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

  static std::string listArchitectures() {
    std::vector<std::string> names;
    for (const GGUFArchitecture &known : getGGUFArchitectures())
      names.push_back(known.name.str());
    return listAlternatives(names);
  }

  Error readShape() {
    Expected<StringRef> name = file.getString("general.architecture");
    if (!name)
      return name.takeError();
    model.architecture = name->str();
    const GGUFArchitecture *found = findGGUFArchitecture(*name);
    if (!found)
      return file.makeError("unknown architecture {0}; expected {1}",
                            quoteText(*name), listArchitectures());
    architecture = *found;
    keys.setArchitecture(*name);
    model.activation = architecture.activation;
    Expected<StringRef> title =
        file.getStringOr("general.name", llvm::sys::path::stem(file.getPath()));
    if (!title)
      return title.takeError();
    model.name = title->str();

    constexpr uint64_t large = 1 << 20, many = 1 << 14;
    if (Error error = keys.readSize("block_count", model.layers, 1024))
      return error;
    if (Error error = keys.readSize("embedding_length", model.hidden, large))
      return error;
    if (Error error =
            keys.readSize("feed_forward_length", model.feedForward, large))
      return error;
    if (Error error =
            keys.readSize("context_length", model.contextLength, 1 << 30))
      return error;
    if (Error error = keys.readSize("attention.head_count", model.heads, many))
      return error;
    return readHeads();
  }

  Error readHeads() {
    constexpr uint64_t many = 1 << 14;
    model.kvHeads = model.heads;
    if (Error error =
            keys.readSizeIfAny("attention.head_count_kv", model.kvHeads, many))
      return error;
    model.headDim = model.hidden / model.heads;
    if (Error error =
            keys.readSizeIfAny("attention.key_length", model.headDim, many))
      return error;
    int64_t valueLength = model.headDim;
    if (Error error =
            keys.readSizeIfAny("attention.value_length", valueLength, many))
      return error;
    if (valueLength != model.headDim)
      return file.makeError("{0}: expected the head dimension {1}, but got {2}",
                            keys.spell("attention.value_length"), model.headDim,
                            valueLength);
    if (model.heads % model.kvHeads)
      return file.makeError(
          "expected heads to be a multiple of key-value heads, "
          "but got {0} and {1}",
          model.heads, model.kvHeads);
    ropeDim = model.headDim;
    if (Error error = keys.readSizeIfAny("rope.dimension_count", ropeDim, many))
      return error;
    if (ropeDim > model.headDim || ropeDim % 2)
      return file.makeError(
          "{0}: expected an even number of at most {1}, but got "
          "{2}",
          keys.spell("rope.dimension_count"), model.headDim, ropeDim);
    if (architecture.interleavedRope && ropeDim != model.headDim)
      return file.makeError("{0}: expected the head dimension {1}, but got {2}",
                            keys.spell("rope.dimension_count"), model.headDim,
                            ropeDim);
    return Error::success();
  }

  Error readConstants() {
    if (Error error = keys.readPositive("attention.layer_norm_rms_epsilon",
                                        model.epsilon))
      return error;
    if (Error error = readScales())
      return error;
    if (Error error = readAttentionScale())
      return error;
    if (Error error = readActivationFunction())
      return error;
    return readActivations();
  }

  /// Logits are divided by theirs.
  Error readScales() {
    if (!architecture.scales)
      return Error::success();
    double divisor = 1;
    if (Error error =
            keys.readPositive("embedding_scale", model.embeddingScale))
      return error;
    if (Error error = keys.readPositive("residual_scale", model.residualScale))
      return error;
    if (Error error = keys.readPositive("logit_scale", divisor))
      return error;
    model.logitScale = 1 / divisor;
    return Error::success();
  }

  /// Attention divides by the root of the head's size; 0 says the same.
  Error readAttentionScale() {
    if (!file.hasKey(keys.spell("attention.scale")))
      return Error::success();
    Expected<double> scale = file.getNumber(keys.spell("attention.scale"));
    if (!scale)
      return scale.takeError();
    float expected = 1 / std::sqrt(float(model.headDim));
    if (*scale != 0 && !(std::fabs(*scale - expected) <= 1e-6 * expected))
      return file.makeError("{0}: expected {1}, 1 / sqrt({2}), but got {3}",
                            keys.spell("attention.scale"),
                            formatNumber(expected), model.headDim,
                            formatNumber(*scale));
    return Error::success();
  }

  /// The file may say another function than the architecture does.
  Error readActivationFunction() {
    if (!file.hasKey(keys.spell("hidden_activation")))
      return Error::success();
    Expected<StringRef> name = file.getString(keys.spell("hidden_activation"));
    if (!name)
      return name.takeError();
    if (*name == "silu" || *name == "swish")
      model.activation = FeedForwardActivation::SiLU;
    else if (*name == "relu2" || *name == "relu_squared")
      model.activation = FeedForwardActivation::ReLUSquared;
    else
      return file.makeError("{0}: expected silu or relu2, but got {1}",
                            keys.spell("hidden_activation"), quoteText(*name));
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
    if (Error error = keys.readSizeIfAny("vocab_size", stated, UINT32_MAX))
      return error;
    if (stated != model.vocabulary)
      return file.makeError(
          "{0}: expected {1}, the rows of token_embd.weight, but "
          "got {2}",
          keys.spell("vocab_size"), model.vocabulary, stated);
    auto tokenizer = importTokenizer(file, model.vocabulary);
    if (!tokenizer)
      return tokenizer.takeError();
    model.tokenizer = std::move(*tokenizer);
    return Error::success();
  }

  /// Describes the tensors of the file by the definition of its architecture.
  Error readTensors() {
    TensorTable table(file.getPath(),
                      [](StringRef name) { return name.str(); });
    for (const GGUFTensor &tensor : file.getTensors())
      if (Error error = table.add(tensor.name, describe(tensor)))
        return error;
    TensorDefinition definition = getTensors(architecture);
    definition.quantizeAbsmean = options.quantizeAbsmean;
    ParameterReader parameters(table, context, definition, model);
    if (Error error = readFrequencies(table, parameters))
      return error;
    if (Error error = checkUnreadKeys(file, model.architecture))
      return error;
    return parameters.read();
  }

  Error readFrequencies(const TensorTable &table, ParameterReader &parameters) {
    double theta = 1e4;
    if (Error error = keys.readPositiveIfAny("rope.freq_base", theta))
      return error;
    auto scaling = readRopeScaling(file, keys,
                                   architecture.ropeDivisors ? &table : nullptr,
                                   parameters, ropeDim, model.contextLength);
    if (!scaling)
      return scaling.takeError();
    setRopeAngles(model, theta, ropeDim, *scaling);
    return Error::success();
  }

  StoredTensor describe(const GGUFTensor &tensor) {
    return {tensor.name.str(),   tensor.path.str(),          tensor.offset,
            tensor.getStorage(), tensor.getTypeName().str(), tensor.dims};
  }

  GGUFFile &file;
  ArchitectureKeys keys;
  MLIRContext *context;
  const ImportOptions &options;
  GGUFArchitecture architecture;
  ModelDescription model;
  int64_t ropeDim = 0; // elements of a head that are rotated
};

class GGUFImporter : public Importer {
public:
  StringRef getDescription() const override { return "a GGUF file"; }

  bool accepts(StringRef path) const override {
    return GGUFFile::hasMagic(path);
  }

  Expected<ImportedModel> read(StringRef path, MLIRContext *context,
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
