//===- DescribeDecoder.cpp - A graph as a language model ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DescribeDecoder.h. From the logits back to the embedding: what each block
// adds to its input leads to its last product, and that to the others.
//
//===----------------------------------------------------------------------===//

#include "DescribeDecoder.h"

#include "../../ParameterReader.h"
#include "DecoderWeights.h"
#include "Probes.h"
#include "ReadAttention.h"
#include "llvm/Support/Path.h"

#include <charconv>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

class DecoderReader {
public:
  DecoderReader(ModuleOp graph, StringRef path, const ImportOptions &options)
      : graph(graph), options(options),
        table(path, [](StringRef name) { return name.str(); }) {
    model.name = llvm::sys::path::stem(path).str();
  }

  Expected<ModelDescription> read() {
    auto main = graph.lookupSymbol<func::FuncOp>("main");
    parts.find(main, forms);
    if (Error error = readHead(main))
      return std::move(error);
    if (Error error = readStream())
      return std::move(error);
    for (int64_t layer = 0; layer < model.layers; ++layer)
      if (Error error = readBlock(layer))
        return std::move(error);
    if (Error error = readParameters())
      return std::move(error);
    return std::move(model);
  }

private:
  //===--------------------------------------------------------------------===//
  // Rows
  //===--------------------------------------------------------------------===//

  /// Tokens and columns at which rows of `width` are looked at: all of the
  /// first and the last, and some of others.
  std::vector<std::pair<int64_t, int64_t>> getPlaces(int64_t width) const {
    std::vector<std::pair<int64_t, int64_t>> places;
    for (int64_t t : {int64_t(0), tokens - 1})
      for (int64_t i = 0; i < width; ++i)
        places.push_back({t, i});
    for (int64_t t : spreadTokens(tokens))
      places.push_back({t, t % width});
    return places;
  }

  /// One value, of which another has the elements times a factor.
  struct Scaled {
    Value root;
    double factor = 0;
  };

  /// What the rows of `width` are whose elements `formOf` gives; none where
  /// they are not those of one root in the same order.
  std::optional<Scaled>
  findScaled(int64_t width, llvm::function_ref<LinearForm(int64_t)> formOf) {
    std::optional<Scaled> found;
    for (auto [t, i] : getPlaces(width)) {
      int64_t place = t * width + i;
      LinearForm form = formOf(place);
      const LinearTerm *term = form.single();
      if (!term || term->place != place)
        return std::nullopt;
      if (!found)
        found = Scaled{term->root, term->factor};
      if (term->root != found->root || term->factor != found->factor)
        return std::nullopt;
    }
    return found;
  }
  std::optional<Scaled> findScaled(Value value, int64_t width) {
    return findScaled(width,
                      [&](int64_t place) { return forms.get(value, place); });
  }

  const LinearPart *findLinear(Value value) const {
    const auto *it = parts.linears.find(value);
    return it == parts.linears.end() ? nullptr : &it->second;
  }
  const NormPart *findNorm(Value value) const {
    const auto *it = parts.norms.find(value);
    return it == parts.norms.end() ? nullptr : &it->second;
  }

  //===--------------------------------------------------------------------===//
  // The stream of blocks
  //===--------------------------------------------------------------------===//

  Error readHead(func::FuncOp main) {
    if (main.getNumArguments() != 1)
      return table.makeError("expected an input 'input_ids' and no others");
    ids = main.getArgument(0);
    Value logits = main.front().getTerminator()->getOperand(0);
    auto type = cast<RankedTensorType>(logits.getType());
    tokens = cast<RankedTensorType>(ids.getType()).getNumElements();
    if (type.getRank() < 2 || !isa<FloatType>(type.getElementType()))
      return table.makeError("logits: expected floats for each token, but got "
                             "{0}",
                             type);
    model.vocabulary = type.getShape().back();
    if (type.getNumElements() != tokens * model.vocabulary)
      return table.makeError("logits: expected those of every token, but got "
                             "{0}",
                             type);
    auto scaled = findScaled(logits, model.vocabulary);
    head = scaled ? findLinear(scaled->root) : nullptr;
    if (!head || head->scale)
      return table.makeError("logits: expected a product with a matrix");
    model.hidden = head->columns;
    auto input = findScaled(head->input, model.hidden);
    lastNorm = input ? input->root : Value();
    if (!input || !findNorm(lastNorm))
      return makeError(head->op, "expected the head to read a norm");
    model.logitScale = scaled->factor * input->factor;
    return Error::success();
  }

  /// What a block adds to its input.
  struct Branch {
    Value before; ///< the input
    Value linear; ///< the last product
    double factor = 1;
  };

  Error readStream() {
    Value stream = findNorm(lastNorm)->input;
    while (true) {
      if (stream == parts.embedding) {
        model.embeddingScale = 1;
        break;
      }
      auto formOf = [&](int64_t place) { return forms.expand(stream, place); };
      if (auto scaled = findScaled(model.hidden, formOf);
          scaled && scaled->root == parts.embedding) {
        model.embeddingScale = scaled->factor;
        break;
      }
      auto branch = findBranch(stream);
      if (!branch)
        return failAt(stream, "expected a block's input and what one product "
                              "with a matrix adds to it");
      branches.insert(branches.begin(), *branch);
      stream = branch->before;
    }
    if (branches.empty() || branches.size() % 2)
      return table.makeError("expected attention and a feed-forward in each "
                             "block, but the stream has {0} parts",
                             branches.size());
    model.layers = int64_t(branches.size()) / 2;
    model.residualScale = branches.front().factor;
    for (const Branch &branch : branches)
      if (branch.factor != model.residualScale)
        return failAt(branch.linear, "expected one factor of what blocks add");
    return Error::success();
  }

  /// The sum that `stream` is; none where it is none.
  std::optional<Branch> findBranch(Value stream) {
    std::optional<Branch> found;
    for (auto [t, i] : getPlaces(model.hidden)) {
      int64_t place = t * model.hidden + i;
      LinearForm form = forms.expand(stream, place);
      if (form.terms.size() != 2 || form.constant != 0)
        return std::nullopt;
      size_t added = findLinear(form.terms[0].root) ? 0 : 1;
      const LinearTerm &old = form.terms[1 - added],
                       &branch = form.terms[added];
      if (!found)
        found = Branch{old.root, branch.root, branch.factor};
      if (old.place != place || branch.place != place || old.factor != 1 ||
          !findLinear(branch.root) || old.root != found->before ||
          branch.root != found->linear || branch.factor != found->factor)
        return std::nullopt;
    }
    return found;
  }

  static Error failAt(Value value, const Twine &message) {
    if (Operation *op = value.getDefiningOp())
      return makeError(op, message);
    return llvm::createStringError("an input: " + message);
  }

  //===--------------------------------------------------------------------===//
  // Blocks
  //===--------------------------------------------------------------------===//

  Error readBlock(int64_t layer) {
    prefix = "blk." + std::to_string(layer) + ".";
    if (Error error = readAttentionPart(branches[2 * layer], layer))
      return error;
    return readFeedForward(branches[2 * layer + 1], layer);
  }

  /// The value that `linear` reads, before a quantizer if it has one.
  Expected<Value> readInput(const LinearPart &linear) {
    auto input = readLinearInput(linear, forms);
    if (!input)
      return input.takeError();
    inputs[linear.op] = *input;
    if (isQuantized && *isQuantized != input->isQuantized)
      return makeError(linear.op, "expected all ternary products to quantize "
                                  "their input, or none");
    isQuantized = input->isQuantized;
    return input->source;
  }

  /// The norms between a value and what `linear` reads of it, the last first,
  /// and that value.
  struct Chain {
    SmallVector<const NormPart *, 2> norms;
    Value source;
  };

  Expected<Chain> readChain(const LinearPart &linear) {
    Expected<Value> input = readInput(linear);
    if (!input)
      return input.takeError();
    Chain chain{{}, *input};
    auto scaled = findScaled(*input, linear.columns);
    while (scaled && scaled->factor == 1) {
      const NormPart *norm = findNorm(scaled->root);
      if (!norm)
        break;
      chain.norms.push_back(norm);
      chain.source = norm->input;
      if (findNorm(chain.source)) // a norm of what another gives
        scaled = Scaled{chain.source, 1};
      else
        scaled = findScaled(linear.columns, [&](int64_t place) {
          return forms.expand(chain.source, place);
        });
    }
    return chain;
  }

  /// Takes the norm within the linear called `name` off `chain`, if it has one.
  Error takeLinearNorm(StringRef name, const LinearPart &linear, Chain &chain) {
    if (!definition.linearNorms)
      return Error::success();
    if (chain.norms.empty())
      return makeError(linear.op, "expected a norm of its own, as others have");
    const NormPart *norm = chain.norms.front();
    chain.norms.erase(chain.norms.begin());
    return addNorm((name + ".norm").str(), *norm, linearEpsilon);
  }

  /// Fails unless the linear called `name` reads the norm of the stream at
  /// `before`, whose weight is called `normName`.
  Error checkInput(StringRef name, Value linear, Value before,
                   StringRef normName) {
    const LinearPart *part = findLinear(linear);
    if (!part)
      return failAt(linear, "expected a product with a matrix");
    auto chain = readChain(*part);
    if (!chain)
      return chain.takeError();
    if (Error error = takeLinearNorm(name, *part, *chain))
      return error;
    if (chain->norms.size() != 1 || chain->source != before)
      return makeError(part->op, "expected a norm of the block's input");
    return addNorm(normName, *chain->norms.front(), epsilon);
  }

  /// What the last product of a part reads, behind the norms that it and the
  /// model have there, the latter called `normName`.
  Expected<Value> readInner(StringRef name, const LinearPart &linear,
                            StringRef normName) {
    auto chain = readChain(linear);
    if (!chain)
      return chain.takeError();
    if (Error error = takeLinearNorm(name, linear, *chain))
      return std::move(error);
    if (chain->norms.empty())
      return chain->source;
    if (chain->norms.size() > 1)
      return makeError(linear.op, "expected one norm before it");
    definition.subNorms = true;
    if (Error error = addNorm(normName, *chain->norms.front(), epsilon))
      return std::move(error);
    return chain->source;
  }

  Error addMatrix(StringRef name, Value linear) {
    const LinearPart *part = findLinear(linear);
    auto matrix = locateMatrix(*part, inputs[part->op], forms);
    if (!matrix)
      return matrix.takeError();
    std::string stem = prefix + name.str();
    if (Error error = table.add(stem + ".weight", std::move(matrix->weight)))
      return error;
    if (!matrix->scale)
      return Error::success();
    if (scalesDivide && *scalesDivide != matrix->isDivided)
      return makeError(part->op, "expected all scales to multiply or all to "
                                 "divide");
    scalesDivide = matrix->isDivided;
    return table.add(stem + ".scale", std::move(*matrix->scale));
  }

  /// The number that `value`, rounded to f32, was written as.
  static double unrounded(double value) {
    char text[64];
    auto *end = std::to_chars(text, std::end(text), float(value)).ptr;
    double number = value;
    std::from_chars(text, end, number);
    return float(number) == float(value) ? number : value;
  }

  /// Notes the weight of `norm` once, for linears share one, and its `epsilon`.
  Error addNorm(StringRef name, const NormPart &norm,
                std::optional<double> &epsilon) {
    std::string tensor = prefix + name.str() + ".weight";
    if (epsilon && *epsilon != norm.epsilon)
      return failAt(norm.input, "expected one epsilon of all norms");
    epsilon = norm.epsilon;
    auto [it, isNew] = normsByName.try_emplace(tensor, norm.weight);
    if (!isNew)
      return it->second == norm.weight
                 ? Error::success()
                 : failAt(norm.input, "expected one norm before projections");
    if (!norm.weight)
      return failAt(norm.input, "expected a norm with weights");
    auto located = locateTensor(norm.weight, {norm.size});
    if (!located)
      return failAt(norm.input, "the weight of its norm: " +
                                    llvm::toString(located.takeError()));
    return table.add(tensor, std::move(*located));
  }

  /// The form of an element of a value that may be a root.
  LinearForm getForm(Value value, int64_t place) {
    return forms.isRoot(value) && !parts.products.contains(value)
               ? forms.expand(value, place)
               : forms.get(value, place);
  }

  /// Whether linears have norms of their own: those of the first block that
  /// read its input have two then.
  bool hasLinearNorms(const Branch &branch) {
    for (auto &[result, linear] : parts.linears) {
      auto chain = readChain(linear);
      if (!chain)
        llvm::consumeError(chain.takeError());
      else if (chain->source == branch.before && !chain->norms.empty())
        return chain->norms.size() == 2;
    }
    return false;
  }

  Error readAttentionPart(const Branch &branch, int64_t layer) {
    const LinearPart *output = findLinear(branch.linear);
    if (layer == 0)
      definition.linearNorms = hasLinearNorms(branch);
    Expected<Value> inner = readInner("attn_output", *output, "attn_sub_norm");
    if (!inner)
      return inner.takeError();
    auto read =
        readAttention(parts, forms, output->op, tokens, output->columns,
                      [&](int64_t place) { return getForm(*inner, place); });
    if (!read)
      return read.takeError();
    if (Error error = noteAttention(*read, output->op, layer))
      return error;
    for (auto [name, linear] : {std::pair("attn_q", read->q),
                                {"attn_k", read->k},
                                {"attn_v", read->v},
                                {"attn_output", branch.linear}}) {
      if (linear != branch.linear)
        if (Error error = checkInput(name, linear, branch.before, "attn_norm"))
          return error;
      if (Error error = addMatrix(name, linear))
        return error;
    }
    for (auto [name, value] :
         {std::pair("attn_q_norm", read->qNorm), {"attn_k_norm", read->kNorm}})
      if (value)
        if (Error error = addNorm(name, *findNorm(value), epsilon))
          return error;
    return Error::success();
  }

  /// Heads and angles are those of the whole model.
  Error noteAttention(const AttentionLayer &read, Operation *op,
                      int64_t layer) {
    bool hasNorms = read.qNorm && read.kNorm;
    if (bool(read.qNorm) != bool(read.kNorm))
      return makeError(op, "expected norms of queries and of keys, or none");
    if (layer == 0) {
      first = read;
      definition.headNorms = hasNorms;
      definition.interleavedRope = read.isInterleaved;
    }
    if (read.heads != first.heads || read.kvHeads != first.kvHeads ||
        read.headDim != first.headDim ||
        read.frequencies != first.frequencies ||
        read.amplitude != first.amplitude || hasNorms != definition.headNorms ||
        read.isInterleaved != first.isInterleaved)
      return makeError(op, "expected heads and angles as in the first block");
    if (hasNorms && read.isInterleaved)
      return makeError(op, "norms of heads whose neighbours are rotated are "
                           "not supported");
    model.windows.push_back(read.window);
    return Error::success();
  }

  Error readFeedForward(const Branch &branch, int64_t layer) {
    const LinearPart *down = findLinear(branch.linear);
    Expected<Value> inner = readInner("ffn_down", *down, "ffn_sub_norm");
    if (!inner)
      return inner.takeError();
    auto gated = readGatedUnit(*inner, forms);
    if (!gated)
      return makeError(down->op, "expected silu(gate) * up or relu(gate)^2 * "
                                 "up of two products with matrices");
    if (layer == 0)
      model.activation = gated->activation;
    if (gated->activation != model.activation)
      return makeError(down->op, "expected one activation in all blocks");
    model.feedForward = down->columns;
    for (auto [name, linear] : {std::pair("ffn_gate", gated->gate),
                                {"ffn_up", gated->up},
                                {"ffn_down", branch.linear}}) {
      if (linear != branch.linear)
        if (Error error = checkInput(name, linear, branch.before, "ffn_norm"))
          return error;
      if (Error error = addMatrix(name, linear))
        return error;
    }
    return Error::success();
  }

  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  /// The family that has what the model has.
  const char *chooseArchitecture() const {
    if (model.embeddingScale != 1 || model.residualScale != 1 ||
        model.logitScale != 1)
      return "minicpm";
    if (definition.headNorms)
      return "qwen3";
    bool isBitNet = definition.subNorms ||
                    model.activation == FeedForwardActivation::ReLUSquared;
    return isBitNet ? "bitnet" : "llama";
  }

  /// Whether the rows of `embedding` are those of the token ids, whatever they
  /// are.
  bool readsIds(tern::EmbeddingOp embedding) {
    int64_t rows =
        cast<RankedTensorType>(embedding.getTable().getType()).getDimSize(0);
    auto id = [=](int64_t place) { return double(place * 7919 % rows); };
    LinearForms probes;
    probes.assign(ids, id);
    if (cast<RankedTensorType>(embedding.getIds().getType()).getNumElements() !=
        tokens)
      return false;
    for (int64_t t = 0; t < tokens; ++t) {
      LinearForm form = probes.get(embedding.getIds(), t);
      if (!form.isConstant() || form.constant != id(t))
        return false;
    }
    return true;
  }

  Error readParameters() {
    prefix.clear();
    if (Error error = addNorm("output_norm", *findNorm(lastNorm), epsilon))
      return error;
    auto embedding = parts.embedding.getDefiningOp<tern::EmbeddingOp>();
    if (!readsIds(embedding))
      return makeError(embedding, "expected the rows of input_ids");
    auto rows =
        locateTensor(embedding.getTable(), {model.vocabulary, model.hidden});
    if (!rows)
      return rows.takeError();
    auto matrix = locateMatrix(*head, LinearInput(), forms);
    if (!matrix)
      return matrix.takeError();
    if (matrix->scale || matrix->weight.isLatent)
      return makeError(head->op, "expected the head to be a matrix of floats "
                                 "without a scale");
    bool isTied = matrix->weight.path == rows->path &&
                  matrix->weight.offset == rows->offset &&
                  matrix->weight.storage == rows->storage;
    if (Error error = table.add("token_embd.weight", std::move(*rows)))
      return error;
    if (!isTied)
      if (Error error = table.add("output.weight", std::move(matrix->weight)))
        return error;
    model.architecture = chooseArchitecture();
    model.heads = first.heads;
    model.kvHeads = first.kvHeads;
    model.headDim = first.headDim;
    model.contextLength = tokens;
    model.epsilon = unrounded(*epsilon);
    if (linearEpsilon)
      model.linearNormEpsilon = unrounded(*linearEpsilon);
    if (llvm::all_of(model.windows, [](int64_t window) { return !window; }))
      model.windows.clear();
    setFrequencies(model, first.frequencies);
    model.ropeAmplitude = first.amplitude;
    model.int8Activations = options.activations == ActivationType::Model
                                ? *isQuantized
                                : options.activations == ActivationType::Int8;
    definition.tied = isTied;
    definition.quantizeAbsmean |= options.quantizeAbsmean;
    definition.scalesDivide = scalesDivide.value_or(false);
    return ParameterReader(table, graph.getContext(), definition, model).read();
  }

  ModuleOp graph;
  const ImportOptions &options;
  TensorTable table;
  TensorDefinition definition;
  ModelDescription model;
  DecoderParts parts;
  LinearForms forms;
  int64_t tokens = 0;
  const LinearPart *head = nullptr;
  Value ids, lastNorm;
  std::vector<Branch> branches;
  std::string prefix;
  AttentionLayer first;
  std::optional<bool> isQuantized;
  llvm::DenseMap<Operation *, LinearInput> inputs;
  std::optional<bool> scalesDivide;
  std::optional<double> epsilon, linearEpsilon;
  llvm::StringMap<Value> normsByName;
};

} // namespace

Expected<ModelDescription>
sterna::describeDecoder(ModuleOp graph, StringRef path,
                        const ImportOptions &options) {
  auto model = DecoderReader(graph, path, options).read();
  if (model)
    return model;
  // Some errors begin with the path.
  std::string reason = llvm::toString(model.takeError());
  StringRef rest = reason;
  if (rest.consume_front(path))
    rest.consume_front(": ");
  return llvm::createStringError(path + ": as a language model: " + rest);
}
