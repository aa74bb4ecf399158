//===- BuildModel.cpp - From a model's description to IR ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the program functions of the `import` phase in tern and upstream ops.
// The block is that of Llama (arXiv:2302.13971) with BitLinears: pre-norm,
// rotary embedding, grouped-query attention, gated feed-forward. Norms of
// heads, of attention's and the feed-forward's inner results and of linears are
// there where the model has their weights.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/Model.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;

namespace {

class ModelBuilder {
public:
  ModelBuilder(MLIRContext *context, const ModelDescription &model,
               const ProgramOptions &options)
      : b(context), loc(UnknownLoc::get(context)), model(model),
        options(options) {}

  OwningOpRef<ModuleOp> build() {
    module = ModuleOp::create(loc, model.name);
    describe();
    b.setInsertionPointToEnd(module->getBody());
    declareParameters();
    for (int64_t tokens : {1, 16, 128})
      buildForward(tokens);
    buildHead(1);
    for (int64_t tokens = 2; tokens <= options.draftTokens; tokens *= 2) {
      buildForward(tokens);
      buildHead(tokens);
    }
    buildEval();
    if (failed)
      return nullptr;
    return std::move(module);
  }

private:
  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  void describe() {
    Operation *op = *module;
    op->setAttr(tern::modelAttr,
                tern::ModelAttr::get(
                    b.getContext(), model.name, model.architecture,
                    model.layers, model.hidden, model.feedForward, model.heads,
                    model.kvHeads, model.headDim, model.vocabulary,
                    model.contextLength, model.int8Activations));
    op->setAttr(tern::shapesAttr,
                tern::ShapesAttr::get(b.getContext(), options.maxContext,
                                      options.sequenceLength, options.batch));
    op->setAttr(tern::tokenizerAttr,
                describeTokenizer(b.getContext(), model.tokenizer));
  }

  void declareParameters() {
    SmallVector<StringRef> names(model.parameters.keys());
    llvm::sort(names);
    for (StringRef name : names) {
      const Parameter &parameter = *model.find(name);
      declare(name, parameter.type, parameter.source);
      if (parameter.scale)
        declare(scaleName(name), parameter.scaleType, parameter.scale);
    }
    int64_t positions = std::max(options.maxContext, options.sequenceLength);
    auto table = RankedTensorType::get(
        {positions, int64_t(model.ropeFrequencies.size())}, f32());
    auto frequencies = cast<DenseFPElementsAttr>(
        DenseElementsAttr::get(tensor({table.getDimSize(1)}, b.getF64Type()),
                               ArrayRef(model.ropeFrequencies)));
    for (bool sine : {false, true})
      declare(sine ? "rope.sine" : "rope.cosine", table,
              tern::RopeTableSourceAttr::get(
                  b.getContext(), frequencies, sine,
                  model.ropeAmplitude == 1
                      ? FloatAttr()
                      : b.getF64FloatAttr(model.ropeAmplitude)));
  }

  void declare(StringRef name, RankedTensorType type, Attribute source) {
    tern::ParamOp::create(b, loc, name, type, source);
    types[name] = type;
  }

  static std::string scaleName(StringRef weight) {
    return (weight + ".scale").str();
  }

  Value get(const Twine &name) {
    std::string symbol = name.str();
    auto it = types.find(symbol);
    if (it == types.end()) {
      fail("missing tensor " + symbol);
      return zeros({1, 1}); // any value: the module is dropped
    }
    return tern::GetParamOp::create(b, loc, it->second, symbol);
  }
  bool has(const Twine &name) { return types.contains(name.str()); }

  /// Where an op comes from, as profiles name it: a tensor of the model, or
  /// what a block does with none.
  Location named(const Twine &name) {
    return NameLoc::get(b.getStringAttr(name), loc);
  }

  void fail(const Twine &message) {
    if (!failed)
      emitError(loc) << message;
    failed = true;
  }

  //===--------------------------------------------------------------------===//
  // Small pieces
  //===--------------------------------------------------------------------===//

  Type f32() { return b.getF32Type(); }
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type type = {}) {
    return RankedTensorType::get(shape, type ? type : f32());
  }
  RankedTensorType scalarInt() { return tensor({}, b.getI32Type()); }

  TensorBuilder at(Location where) { return {b, where}; }

  Value zeros(ArrayRef<int64_t> shape) { return at(loc).zeros(tensor(shape)); }

  /// Reshapes to `shape` through the flat form that both have in common.
  Value reshape(Value x, ArrayRef<int64_t> shape) {
    auto type = cast<RankedTensorType>(x.getType());
    if (type.getShape() == shape)
      return x;
    auto target = tensor(shape, type.getElementType());
    auto reassociation = getReassociationIndicesForReshape(type, target);
    assert(reassociation && "expected a split or a merge of dimensions");
    if (type.getRank() < target.getRank())
      return tensor::ExpandShapeOp::create(b, loc, target, x, *reassociation);
    return tensor::CollapseShapeOp::create(b, loc, target, x, *reassociation);
  }

  /// `x` times `factor`.
  Value scale(Value x, double factor, Location where) {
    if (factor == 1)
      return x;
    return at(where).mul(x, at(loc).constant(x.getType(), factor));
  }

  /// The linear `projection` of `layer`.
  Value linear(Value x, int64_t layer, tern::Projection projection) {
    std::string stem =
        "blk." + std::to_string(layer) + "." + matrixOf(projection);
    std::string symbol = stem + ".weight";
    bool normed = has(stem + ".norm.weight");
    if (normed)
      x = norm(x, stem + ".norm.weight", model.linearNormEpsilon);
    const Parameter *parameter = model.find(symbol);
    Value weight = get(symbol);
    if (failed)
      return x;
    IntegerAttr group = parameter->group
                            ? b.getI64IntegerAttr(*parameter->group)
                            : IntegerAttr();
    int64_t rows = cast<RankedTensorType>(x.getType()).getDimSize(0);
    auto linear = tern::LinearOp::create(
        b, named(symbol), tensor({rows, parameter->type.getDimSize(0)}), x,
        weight, get(scaleName(symbol)),
        model.int8Activations ? b.getUnitAttr() : UnitAttr(), group,
        tern::RoleAttr::get(b.getContext(), layer, projection, normed));
    return linear;
  }

  static const char *matrixOf(tern::Projection projection) {
    switch (projection) {
    case tern::Projection::q_proj:
      return "attn_q";
    case tern::Projection::k_proj:
      return "attn_k";
    case tern::Projection::v_proj:
      return "attn_v";
    case tern::Projection::o_proj:
      return "attn_output";
    case tern::Projection::gate_proj:
      return "ffn_gate";
    case tern::Projection::up_proj:
      return "ffn_up";
    case tern::Projection::down_proj:
      return "ffn_down";
    }
    llvm_unreachable("every projection has a matrix");
  }

  Value norm(Value x, const Twine &name) {
    return norm(x, name, model.epsilon);
  }
  Value norm(Value x, const Twine &name, double epsilon) {
    Value weight = get(name);
    if (failed)
      return x;
    return tern::RmsNormOp::create(b, named(name), x.getType(), x, weight,
                                   b.getF64FloatAttr(epsilon));
  }

  Value optionalNorm(Value x, const Twine &name) {
    return has(name) ? norm(x, name) : x;
  }

  Value activate(Value gate, Location where) {
    TensorBuilder build = at(where);
    Type type = gate.getType();
    if (model.activation == FeedForwardActivation::ReLUSquared) {
      Value zero = at(loc).constant(type, 0);
      Value relu = arith::MaximumFOp::create(b, where, gate, zero);
      return build.mul(relu, relu);
    }
    Value one = at(loc).constant(type, 1);
    Value exponential = math::ExpOp::create(b, where, build.neg(gate));
    return build.div(gate, build.add(exponential, one));
  }

  //===--------------------------------------------------------------------===//
  // The block
  //===--------------------------------------------------------------------===//

  /// Keys or values that attention reads, and what codes of them are multiplied
  /// by, null for floats.
  struct Rows {
    Value rows, scales;
  };
  /// Gives those of all tokens from those of the new ones.
  using Remember =
      function_ref<std::pair<Rows, Rows>(int64_t layer, Value k, Value v)>;

  /// Where tokens stand: all after `position`, or, in rows that hold several
  /// samples, each at its own of `positions` and seeing its segment alone.
  struct Places {
    Value position;
    Value positions, segments; // null where a row is one sample
  };

  /// `x` `[batch * tokens, hidden]` through all layers and the final norm.
  Value buildLayers(Value x, int64_t batch, int64_t tokens,
                    const Places &places, bool checkpoint, Remember remember) {
    for (int64_t layer = 0; layer < model.layers && !failed; ++layer) {
      std::string prefix = "blk." + std::to_string(layer) + ".";
      if (checkpoint)
        x = tern::CheckpointOp::create(b, loc, x.getType(), x);
      Value a = attention(x, layer, prefix, batch, tokens, places, remember);
      x = addResidual(x, a);
      x = addResidual(x, feedForward(x, layer, prefix));
    }
    if (checkpoint)
      x = tern::CheckpointOp::create(b, loc, x.getType(), x);
    return norm(x, "output_norm.weight");
  }

  /// `x` and what a part of a block adds to it.
  Value addResidual(Value x, Value branch) {
    branch = scale(branch, model.residualScale, loc);
    return arith::AddFOp::create(b, loc, x, branch);
  }

  Value attention(Value x, int64_t layer, StringRef prefix, int64_t batch,
                  int64_t tokens, const Places &places, Remember remember) {
    Value h = norm(x, prefix + "attn_norm.weight");
    Value q = linear(h, layer, tern::Projection::q_proj);
    Value k = linear(h, layer, tern::Projection::k_proj);
    Value v = linear(h, layer, tern::Projection::v_proj);
    if (failed)
      return x;
    int64_t groups = model.heads / model.kvHeads, width = model.headDim;
    SmallVector<int64_t> keyShape{batch, tokens, model.kvHeads, width};
    Value cosine = get("rope.cosine"), sine = get("rope.sine");
    auto rotate = [&](Value y, ArrayRef<int64_t> shape) {
      Value heads = reshape(y, shape);
      return tern::RopeOp::create(
                 b, named(prefix + "rope"), heads.getType(), heads, cosine,
                 sine, places.positions ? places.positions : places.position,
                 UnitAttr())
          .getResult();
    };
    q = normHeads(q, prefix + "attn_q_norm.weight");
    k = normHeads(k, prefix + "attn_k_norm.weight");
    q = rotate(q, {batch, tokens, model.heads, width});
    k = rotate(k, keyShape);
    auto [keys, values] = remember(layer, k, reshape(v, keyShape));
    Value grouped = reshape(q, {batch, tokens, model.kvHeads, groups, width});
    int64_t window = model.windows.empty() ? 0 : model.windows[layer];
    Value o = tern::AttentionOp::create(
        b, named(prefix + "attention"), grouped.getType(), grouped, keys.rows,
        values.rows, places.position, places.segments, places.segments,
        keys.scales, values.scales, /*scale=*/nullptr,
        window ? b.getI64IntegerAttr(window) : nullptr);
    o = reshape(o, {batch * tokens, model.heads * width});
    o = optionalNorm(o, prefix + "attn_sub_norm.weight");
    return linear(o, layer, tern::Projection::o_proj);
  }

  /// The heads of `y`, `[tokens, heads * width]`, each normed if there are such
  /// weights.
  Value normHeads(Value y, const Twine &name) {
    if (!has(name))
      return y;
    ArrayRef<int64_t> flat = cast<RankedTensorType>(y.getType()).getShape();
    int64_t width = model.headDim, heads = flat[1] / width;
    SmallVector<int64_t> split{flat[0], heads, width};
    Value rows = reshape(reshape(y, split), {flat[0] * heads, width});
    return reshape(reshape(norm(rows, name), split), flat);
  }

  Value feedForward(Value x, int64_t layer, StringRef prefix) {
    Value h = norm(x, prefix + "ffn_norm.weight");
    Value gate = linear(h, layer, tern::Projection::gate_proj);
    Value up = linear(h, layer, tern::Projection::up_proj);
    if (failed)
      return x;
    Location place = named(prefix + "ffn_act");
    Value u = at(place).mul(activate(gate, place), up);
    u = optionalNorm(u, prefix + "ffn_sub_norm.weight");
    return linear(u, layer, tern::Projection::down_proj);
  }

  Value embed(Value tokens) {
    int64_t rows = cast<RankedTensorType>(tokens.getType()).getDimSize(0);
    StringRef table = "token_embd.weight";
    Value rowsOfTable = tern::EmbeddingOp::create(
        b, named(table), tensor({rows, model.hidden}), get(table), tokens);
    return scale(rowsOfTable, model.embeddingScale, named("embedding_scale"));
  }

  Value logits(Value hidden) {
    StringRef table =
        has("output.weight") ? "output.weight" : "token_embd.weight";
    int64_t rows = cast<RankedTensorType>(hidden.getType()).getDimSize(0);
    Value init = zeros({rows, model.vocabulary});
    hidden = scale(hidden, model.logitScale, named("logit_scale"));
    return createMatmul(b, named(table), {hidden},
                        {get(table), /*transposed=*/true}, init);
  }

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  struct Argument {
    RankedTensorType type;
    NamedAttribute attribute;
  };

  Argument input(StringRef name, RankedTensorType type) {
    return {type, b.getNamedAttr(tern::inputAttr, b.getStringAttr(name))};
  }

  static std::string cacheName(int64_t layer, StringRef which) {
    return ("blk." + Twine(layer) + ".cache_" + which).str();
  }

  Argument cache(int64_t layer, StringRef name, int64_t width, Type type) {
    auto state = tern::StateAttr::get(b.getContext(), name,
                                      tern::StateKind::kv_cache, layer, "");
    return {tensor({options.maxContext, model.kvHeads, width}, type),
            b.getNamedAttr(tern::stateAttr, state)};
  }

  /// The cache of the keys or values, `which`, of a layer.
  void addCache(int64_t layer, StringRef which,
                SmallVectorImpl<Argument> &arguments) {
    std::string name = cacheName(layer, which);
    Type type = options.kvType == KVType::Int8  ? Type(b.getI8Type())
                : options.kvType == KVType::F16 ? Type(b.getF16Type())
                                                : Type(b.getF32Type());
    arguments.push_back(cache(layer, name, model.headDim, type));
    if (options.kvType == KVType::Int8)
      arguments.push_back(cache(layer, name + ".scale", 1, b.getF32Type()));
  }

  func::FuncOp startFunction(StringRef name, ArrayRef<Argument> arguments) {
    SmallVector<Type> types;
    for (const Argument &argument : arguments)
      types.push_back(argument.type);
    b.setInsertionPointToEnd(module->getBody());
    auto function =
        func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
    for (auto [index, argument] : llvm::enumerate(arguments))
      function.setArgAttr(index, argument.attribute.getName(),
                          argument.attribute.getValue());
    b.setInsertionPointToStart(function.addEntryBlock());
    return function;
  }

  /// Ends `function` with `values`; `results[i]` is the name of an output or
  /// the number of the argument that result `i` replaces.
  void finishFunction(func::FuncOp function, ValueRange values,
                      ArrayRef<NamedAttribute> results) {
    func::ReturnOp::create(b, loc, values);
    function.setType(
        b.getFunctionType(function.getArgumentTypes(), values.getTypes()));
    for (auto [index, result] : llvm::enumerate(results))
      function.setResultAttr(index, result.getName(), result.getValue());
  }

  NamedAttribute output(StringRef name) {
    return b.getNamedAttr(tern::outputAttr, b.getStringAttr(name));
  }
  NamedAttribute tied(int64_t argument) {
    return b.getNamedAttr(tern::tiedAttr, b.getI64IntegerAttr(argument));
  }

  void buildForward(int64_t tokens) {
    auto ids = tensor({tokens}, b.getI32Type());
    SmallVector<Argument> arguments{input("tokens", ids),
                                    input("position", scalarInt()),
                                    input("length", scalarInt())};
    for (int64_t layer = 0; layer < model.layers; ++layer)
      for (StringRef which : {"k", "v"})
        addCache(layer, which, arguments);
    auto function =
        startFunction("forward_" + std::to_string(tokens), arguments);
    Value position = function.getArgument(1), length = function.getArgument(2);
    SmallVector<Value> results{Value()};
    SmallVector<NamedAttribute> attributes{output("hidden")};
    unsigned argument = 3; // caches come in the order of their use
    auto update = [&](const Twine &name, Value rows) -> Value {
      Value old = function.getArgument(argument);
      results.push_back(tern::CacheUpdateOp::create(
          b, named(name), old.getType(), old, rows, position, length));
      attributes.push_back(tied(argument++));
      return results.back();
    };
    int64_t heads = model.kvHeads, width = model.headDim;
    SmallVector<int64_t> all{1, options.maxContext, heads, width};
    auto keep = [&](const std::string &name, Value rows) -> Rows {
      if (options.kvType != KVType::Int8)
        return {
            reshape(update(name, reshape(rows, {tokens, heads, width})), all),
            Value()};
      auto codes = tern::QuantizeOp::create(
          b, named(name), tensor({tokens * heads, width}, b.getI8Type()),
          tensor({tokens * heads}), reshape(rows, {tokens * heads, width}));
      Value kept =
          update(name, reshape(codes.getQuantized(), {tokens, heads, width}));
      Value scales = update(name + ".scale",
                            reshape(codes.getScale(), {tokens, heads, 1}));
      scales = reshape(scales, {options.maxContext, heads});
      return {reshape(kept, all),
              reshape(scales, {1, options.maxContext, heads})};
    };
    auto remember = [&](int64_t layer, Value k, Value v) {
      Rows keys = keep(cacheName(layer, "k"), k);
      return std::make_pair(keys, keep(cacheName(layer, "v"), v));
    };
    results[0] =
        buildLayers(embed(function.getArgument(0)), 1, tokens,
                    {position, {}, {}}, /*checkpoint=*/false, remember);
    finishFunction(function, results, attributes);
  }

  void buildHead(int64_t tokens) {
    std::string name = tokens == 1 ? "head" : "head_" + std::to_string(tokens);
    auto function =
        startFunction(name, {input("hidden", tensor({tokens, model.hidden}))});
    finishFunction(function, logits(function.getArgument(0)), output("logits"));
  }

  /// Labels moved one position ahead: the last one of a row is masked.
  Value shift(Value labels) {
    auto type = cast<RankedTensorType>(labels.getType());
    int64_t batch = type.getDimSize(0), tokens = type.getDimSize(1);
    auto indices = [&](ArrayRef<int64_t> values) {
      return getAsIndexOpFoldResult(b.getContext(), values);
    };
    Value ahead = tensor::ExtractSliceOp::create(
        b, loc, labels, indices({0, 1}), indices({batch, tokens - 1}),
        indices({1, 1}));
    Value masked = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type, b.getI32IntegerAttr(tern::maskedLabel)));
    return tensor::InsertSliceOp::create(b, loc, ahead, masked, indices({0, 0}),
                                         indices({batch, tokens - 1}),
                                         indices({1, 1}));
  }

  void buildEval() {
    int64_t batch = options.batch, tokens = options.sequenceLength;
    auto ids = tensor({batch, tokens}, b.getI32Type());
    SmallVector<Argument> arguments{input("tokens", ids), input("labels", ids)};
    if (options.pack)
      arguments.append({input("positions", ids), input("segments", ids)});
    auto function = startFunction("eval", arguments);
    Value position = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(scalarInt(), b.getI32IntegerAttr(0)));
    auto remember = [&](int64_t, Value k, Value v) {
      return std::make_pair(Rows{k, Value()}, Rows{v, Value()});
    };
    Value flat = reshape(function.getArgument(0), {batch * tokens});
    Places places{position, {}, {}};
    if (options.pack)
      places = {position, function.getArgument(2), function.getArgument(3)};
    Value hidden = buildLayers(embed(flat), batch, tokens, places,
                               /*checkpoint=*/true, remember);
    Value labels = reshape(shift(function.getArgument(1)), {batch * tokens});
    Value losses = tern::CrossEntropyOp::create(
        b, named("loss"), tensor({batch * tokens}), logits(hidden), labels);
    finishFunction(function, at(loc).sumAll(losses), output("loss"));
  }

  OpBuilder b;
  Location loc;
  const ModelDescription &model;
  const ProgramOptions &options;
  OwningOpRef<ModuleOp> module;
  llvm::StringMap<RankedTensorType> types;
  bool failed = false;
};

} // namespace

OwningOpRef<ModuleOp> sterna::buildModel(MLIRContext *context,
                                         const ModelDescription &model,
                                         const ProgramOptions &options) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect,
                       tensor::TensorDialect, tern::TernDialect>();
  return ModelBuilder(context, model, options).build();
}
