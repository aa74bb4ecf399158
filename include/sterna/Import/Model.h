//===- Model.h - What importers know of a model ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The description that every importer fills and the model builder turns into
// IR. Tensors go by their GGUF names whatever the format they came in.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_MODEL_H
#define STERNA_IMPORT_MODEL_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/RopeScaling.h"
#include "llvm/ADT/StringMap.h"

#include <optional>
#include <string>
#include <vector>

namespace sterna {

enum class FeedForwardActivation { SiLU, ReLUSquared };

/// Whether linears quantize their input per token; `Model` asks the model.
enum class ActivationType { Model, Int8, Float };

/// A tensor of the model and where its elements are.
struct Parameter {
  mlir::RankedTensorType type;
  /// #tern.file or #tern.rope_table attribute.
  mlir::Attribute source;
  /// Of a ternary matrix: its scales, [1], [N] or [N, G], where they are, and
  /// the columns of a group in the last case.
  mlir::RankedTensorType scaleType;
  mlir::Attribute scale;
  std::optional<int64_t> group;
};

/// A vocabulary, as in the device binary's schema.
struct TokenizerDescription {
  /// "llama" or "bpe".
  std::string model;
  std::vector<std::string> pieces;
  std::vector<float> scores;
  std::vector<int32_t> types;
  int32_t bos = -1, eos = -1, unk = -1, pad = -1;
  /// Tokens at which generation stops, EOS among them, in ascending order.
  std::vector<int32_t> endIds;
  bool addBos = true, addSpacePrefix = true;
  std::string chatTemplate;
  /// Of "bpe": the schema's BytePairs, serialized.
  std::string bytePairs;
};

/// Shapes and constants of a model, and its tensors by name.
struct ModelDescription {
  /// The architecture goes by a name of GGUF.
  std::string name, architecture;
  int64_t layers = 0, hidden = 0, feedForward = 0, heads = 0, kvHeads = 0;
  int64_t headDim = 0, vocabulary = 0, contextLength = 0;
  double epsilon = 1e-5;
  /// Of the norms within linears, where there are any.
  double linearNormEpsilon = 1e-6;
  /// Angles, in radians a position, of the pairs of a head that are rotated.
  std::vector<double> ropeFrequencies;
  /// What rotated pairs are multiplied by.
  double ropeAmplitude = 1;
  /// What both follow from, for those who write models: elements of a head that
  /// are rotated, the base of their angles, and the scaling.
  int64_t ropeDim = 0;
  double ropeTheta = 1e4;
  RopeScaling ropeScaling;
  /// Factors of embeddings, of what a block adds to its input, and of logits.
  double embeddingScale = 1, residualScale = 1, logitScale = 1;
  /// The columns that attention of each layer sees, 0 for all; empty: all see
  /// all.
  std::vector<int64_t> windows;
  FeedForwardActivation activation = FeedForwardActivation::SiLU;
  bool int8Activations = true;
  llvm::StringMap<Parameter> parameters;
  TokenizerDescription tokenizer;

  const Parameter *find(llvm::StringRef parameter) const {
    auto it = parameters.find(parameter);
    return it == parameters.end() ? nullptr : &it->second;
  }
};

/// What keys and values of earlier tokens are kept in; int8 has a scale for
/// each token and head.
enum class KVType { F32, F16, Int8 };

/// Shapes of the programs to build.
struct ProgramOptions {
  /// Tokens of a training or evaluation sequence, and sequences in a run.
  int64_t sequenceLength = 128, batch = 1;
  /// Rows of the KV cache.
  int64_t maxContext = 0;
  KVType kvType = KVType::F16;
  /// Tokens of the longest program that checks drafts: 0, 2, 4 or 8.
  int64_t draftTokens = 0;
  /// Whether a sequence of evaluation and training may hold several samples:
  /// each token has a position and a segment then.
  bool pack = false;
};

/// `tokenizer` as an attribute of the module.
tern::TokenizerAttr describeTokenizer(mlir::MLIRContext *context,
                                      const TokenizerDescription &tokenizer);

/// Builds the module of the `import` phase: a `tern.param` for each tensor and
/// the functions `forward_1`, `forward_16`, `forward_128`, `head` and `eval`,
/// and `forward_T` and `head_T` for drafts (docs/device-binary.md has their
/// arguments). Emits an error at the context and returns null when a tensor is
/// missing or has an unexpected shape.
mlir::OwningOpRef<mlir::ModuleOp> buildModel(mlir::MLIRContext *context,
                                             const ModelDescription &model,
                                             const ProgramOptions &options);

} // namespace sterna

#endif // STERNA_IMPORT_MODEL_H
