//===- GraphBuilder.cpp - From a graph to a function ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GraphBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "ConstantFolder.h"
#include "Decoder/DecoderInputs.h"
#include "OpTable.h"
#include "UnsupportedNodes.h"
#include "io/Npy.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna;
using onnx::NodeProto;
using onnx::TensorProto;

/// Functions that call functions, and graphs in graphs.
static constexpr unsigned maxDepth = 64;

/// Tensors of more bytes than this are parameters, of which nothing is known
/// when compiling.
static constexpr uint64_t maxConstantBytes = 1024;

/// Names of what training adds, which parameters do not get.
static constexpr StringLiteral programs[] = {"init", "loss", "train_micro",
                                             "train_apply", "train_step"};

/// Tokens for which a language model is read.
static constexpr int64_t maxTokens = 1 << 20;

/// Nodes of a graph with all that it calls and repeats.
static constexpr unsigned maxNodes = 1 << 17;

LogicalResult GraphBuilder::fail(const Twine &message) {
  return emitError(loc) << file.getPath() << ": " << message;
}

OwningOpRef<ModuleOp> GraphBuilder::build() {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect,
                       tensor::TensorDialect, tern::TernDialect>();
  std::string name = llvm::sys::path::stem(file.getPath()).str();
  module = ModuleOp::create(loc, name);
  Operation *op = *module;
  op->setAttr(tern::modelAttr,
              tern::ModelAttr::get(context, name, "onnx", 0, 0, 0, 0, 0, 0, 0,
                                   0, /*int8Activations=*/false));
  op->setAttr(tern::shapesAttr, tern::ShapesAttr::get(context, 0, 0, 0));
  scopes.emplace_back();
  if (failed(findVersions()) || failed(checkNodes()) ||
      failed(compileTrainable()) || failed(addInputs()) ||
      failed(addInitializers(file.getModel().graph())) ||
      failed(buildNodes(file.getModel().graph().node())) ||
      failed(checkTrainable()) || failed(finish()))
    return nullptr;
  return std::move(module);
}

//===----------------------------------------------------------------------===//
// What the model needs
//===----------------------------------------------------------------------===//

LogicalResult GraphBuilder::findVersions() {
  constexpr int64_t least = 7, most = 28;
  for (const auto &set : file.getModel().opset_import())
    versions[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  int64_t version = getVersion(standardDomain);
  if (version < least || version > most)
    return fail("expected op set " + Twine(least) + " to " + Twine(most) +
                ", but got " + Twine(version) +
                "; convert the model with onnx.version_converter");
  return success();
}

int64_t GraphBuilder::getVersion(StringRef domain) {
  auto it = versions.find(domain == "ai.onnx" ? "" : domain);
  return it == versions.end() ? 0 : it->second;
}

LogicalResult GraphBuilder::checkNodes() {
  std::string list = describeUnsupportedNodes(file.getModel());
  return list.empty() ? success() : fail(list);
}

/// Whether the table of ops has those of `domain`.
static bool findDomain(StringRef domain) {
  return domain == standardDomain || domain == "ai.onnx" ||
         domain == microsoftDomain;
}

/// The keys of `map` in order.
template <typename Map> static SmallVector<StringRef> sorted(const Map &map) {
  SmallVector<StringRef> names(map.keys());
  llvm::sort(names);
  return names;
}

const onnx::FunctionProto *GraphBuilder::findFunction(const NodeProto &node) {
  for (const onnx::FunctionProto &function : file.getModel().functions())
    if (function.name() == node.op_type() &&
        function.domain() == node.domain() &&
        function.overload() == node.overload())
      return &function;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<int64_t>>
GraphBuilder::shapeOf(const onnx::ValueInfoProto &input) {
  const auto &type = input.type().tensor_type();
  if (!type.has_shape())
    return fail("input '" + input.name() + "' has no shape");
  SmallVector<int64_t> shape;
  for (auto [number, dim] : llvm::enumerate(type.shape().dim())) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      shape.push_back(dim.dim_value());
      continue;
    }
    // One without a name goes by its place.
    std::string name = dim.dim_param().empty()
                           ? input.name() + "." + std::to_string(number)
                           : dim.dim_param();
    auto it = options.dimensions.find(name);
    if (it == options.dimensions.end())
      return fail("input '" + input.name() + "': dimension '" + name +
                  "' is dynamic: give its extent by --dim=" + name + "=N");
    usedDimensions.insert(name);
    shape.push_back(it->second);
  }
  if (!isShape(shape))
    return fail("input '" + input.name() + "': its shape is absurd");
  return shape;
}

FailureOr<GraphValue> GraphBuilder::readConstant(StringRef name, StringRef path,
                                                 DataType type) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fail("--constant=" + name + ": " + path + ": " +
                buffer.getError().message());
  auto array = viewNpy(path.str(), (*buffer)->getBuffer());
  if (!array.ok())
    return fail("--constant=" + name + ": " + array.status().message());
  if (array->type != getNumpyType(type))
    return fail("--constant=" + name + ": expected elements " +
                getNumpyType(type) + ", but " + path + " has " + array->type);
  SmallVector<int64_t> shape(array->shape.begin(), array->shape.end());
  if (!isShape(shape))
    return fail("--constant=" + name + ": its shape is absurd");
  Type element = getElementType(context, type);
  auto tensor = RankedTensorType::get(shape, element);
  // Each element takes a byte or more in NumPy's format.
  size_t width = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  if (array->elements.size() != tensor.getNumElements() * width)
    return fail("--constant=" + name + ": expected elements of " +
                getTypeName(type));
  DataType stored =
      getStoredBits(type) < 8 ? DataType(TensorProto::INT8) : type;
  auto elements = decodeElements(context, stored, shape, array->elements);
  return GraphValue{arith::ConstantOp::create(b, loc, elements), type};
}

LogicalResult GraphBuilder::addInputs() {
  const onnx::GraphProto &graph = file.getModel().graph();
  int64_t tokens = countTokens(graph, options.tokens);
  if (options.isLanguageModel() && tokens > maxTokens)
    return fail("input 'input_ids': expected at most " + Twine(maxTokens) +
                " tokens, but got " + Twine(tokens));
  llvm::StringSet<> initialized;
  for (const TensorProto &tensor : graph.initializer())
    initialized.insert(tensor.name());
  b.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(b, loc, "main", b.getFunctionType({}, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
  for (const onnx::ValueInfoProto &input : graph.input()) {
    // Initializers stood among the inputs once.
    if (initialized.contains(input.name()))
      continue;
    DataType type = input.type().tensor_type().elem_type();
    Type element = getElementType(context, type);
    if (!element)
      return fail("input '" + input.name() +
                  "': expected a tensor of numbers, but got " +
                  getTypeName(type));
    if (auto it = options.constants.find(input.name());
        it != options.constants.end()) {
      auto value = readConstant(input.name(), it->second, type);
      if (failed(value) || failed(checkConstant(input, *value)) ||
          failed(define(input.name(), *value)))
        return failure();
      continue;
    }
    if (options.isLanguageModel()) {
      auto bound = bindDecoderInput(b, loc, input, element, tokens);
      if (!bound)
        return fail(llvm::toString(bound.takeError()));
      if (*bound) {
        if (failed(define(input.name(), {*bound, type})))
          return failure();
        continue;
      }
    }
    auto shape = options.isLanguageModel()
                     ? FailureOr(SmallVector<int64_t>{1, tokens})
                     : shapeOf(input);
    if (failed(shape))
      return failure();
    unsigned number = function.getNumArguments();
    SmallVector<NamedAttribute> attributes{
        b.getNamedAttr(tern::inputAttr, b.getStringAttr(input.name()))};
    if (isUnsigned(type))
      attributes.push_back(b.getNamedAttr(tern::unsignedAttr, b.getUnitAttr()));
    (void)function.insertArgument(number,
                                  RankedTensorType::get(*shape, element),
                                  b.getDictionaryAttr(attributes), loc);
    if (failed(define(input.name(), {function.getArgument(number), type})))
      return failure();
  }
  return checkOptions();
}

LogicalResult GraphBuilder::checkConstant(const onnx::ValueInfoProto &input,
                                          GraphValue value) {
  const auto &type = input.type().tensor_type();
  if (!type.has_shape())
    return success();
  auto shape = cast<RankedTensorType>(value.value.getType()).getShape();
  bool fits = int64_t(shape.size()) == type.shape().dim_size();
  for (int dim = 0; fits && dim < type.shape().dim_size(); ++dim)
    fits = !type.shape().dim(dim).has_dim_value() ||
           type.shape().dim(dim).dim_value() == shape[dim];
  return fits ? success()
              : fail("--constant=" + input.name() +
                     ": its array does not have the shape of the input");
}

/// Names that options give are names of the graph.
LogicalResult GraphBuilder::checkOptions() {
  llvm::StringSet<> inputs;
  for (const onnx::ValueInfoProto &input : file.getModel().graph().input())
    inputs.insert(input.name());
  for (StringRef name : sorted(options.constants))
    if (!inputs.contains(name))
      return fail("--constant=" + name + ": the graph has no such input");
  for (StringRef name : sorted(options.dimensions))
    if (!usedDimensions.contains(name))
      return fail("--dim=" + name + ": no input has such a dimension");
  return success();
}

LogicalResult GraphBuilder::define(StringRef name, GraphValue value) {
  if (scopes.back().try_emplace(name, value).second)
    return success();
  return fail("'" + name + "' is the name of two values");
}

LogicalResult GraphBuilder::addInitializers(const onnx::GraphProto &graph) {
  if (graph.sparse_initializer_size() != 0)
    return fail("sparse initializers are not supported");
  for (const TensorProto &tensor : graph.initializer()) {
    bool trains = isTrainable(tensor);
    if (trains && depth > 0)
      return fail("--trainable: initializer '" + tensor.name() +
                  "' is one of an inner graph, which cannot be trained");
    auto value =
        trains ? addTrainable(tensor) : readTensor(tensor, tensor.name());
    if (failed(value) || failed(define(tensor.name(), *value)))
      return failure();
  }
  return success();
}

LogicalResult GraphBuilder::compileTrainable() {
  if (options.trainable.empty())
    return success();
  trainable = llvm::Regex("^(" + options.trainable + ")$");
  std::string problem;
  // Alone, too, so that no parenthesis closes the one put around it.
  if (llvm::Regex(options.trainable).isValid(problem) &&
      trainable->isValid(problem))
    return success();
  return fail("--trainable='" + options.trainable +
              "' is no regular expression: " + problem);
}

/// Whether training changes `tensor`, so that nothing is known of it.
bool GraphBuilder::isTrainable(const TensorProto &tensor) {
  return trainable && isFloat(tensor.data_type()) &&
         trainable->match(tensor.name());
}

FailureOr<GraphValue> GraphBuilder::addTrainable(const TensorProto &tensor) {
  auto range = file.locate(tensor);
  if (!range)
    return emitError(loc) << llvm::toString(range.takeError());
  if (!*range || tensor.data_type() != TensorProto::FLOAT)
    return fail("--trainable: expected initializer '" + tensor.name() +
                "' to be of f32 and stored as such, but it is of " +
                getTypeName(tensor.data_type()) +
                (*range ? "" : ", not in one piece"));
  auto value = addParameter(tensor, **range, tensor.name());
  if (succeeded(value)) {
    auto get = value->value.getDefiningOp<tern::GetParamOp>();
    module->lookupSymbol(get.getParam())
        ->setAttr(tern::trainableAttr, b.getStringAttr(tensor.name()));
    ++numTrainable;
  }
  return value;
}

/// Fails where nothing is trained of what options ask for.
LogicalResult GraphBuilder::checkTrainable() {
  if (options.trainable.empty() || numTrainable > 0)
    return success();
  std::string names;
  for (const TensorProto &tensor : file.getModel().graph().initializer())
    if (isFloat(tensor.data_type()))
      names += (names.empty() ? "" : ", ") + tensor.name();
  return fail("--trainable=" + options.trainable +
              ": no initializer of floats is called so; there are " +
              (names.empty() ? "none" : names));
}

FailureOr<GraphValue> GraphBuilder::readTensor(const TensorProto &tensor,
                                               StringRef name) {
  auto range = file.locate(tensor);
  if (!range)
    return emitError(loc) << llvm::toString(range.takeError());
  // The matrices of a language model stay in their file, however small.
  bool isMatrix = tensor.dims_size() > 1 && options.isLanguageModel();
  if (*range && ((*range)->size > maxConstantBytes || isMatrix))
    return addParameter(tensor, **range, name);
  auto bytes = file.read(tensor);
  if (!bytes)
    return emitError(loc) << llvm::toString(bytes.takeError());
  auto shape = getShape(tensor);
  if (!shape)
    return emitError(loc) << llvm::toString(shape.takeError());
  auto elements = decodeElements(context, tensor.data_type(), *shape, *bytes);
  // Those who look for scales and weights of norms ask where they lie.
  Location where = loc;
  if (*range)
    where = FusedLoc::get({NameLoc::get(b.getStringAttr(name), loc)},
                          makeSource(tensor, **range), context);
  return GraphValue{arith::ConstantOp::create(b, where, elements),
                    tensor.data_type()};
}

Attribute GraphBuilder::makeSource(const TensorProto &tensor,
                                   const ByteRange &range) {
  unsigned bits = getStoredBits(tensor.data_type());
  bool isPacked = bits < 8;
  return tern::ElementsSourceAttr::get(context, range.path, range.offset,
                                       isPacked ? bits : 0,
                                       isUnsigned(tensor.data_type()));
}

FailureOr<GraphValue> GraphBuilder::addParameter(const TensorProto &tensor,
                                                 const ByteRange &range,
                                                 StringRef name) {
  auto shape = getShape(tensor);
  if (!shape)
    return emitError(loc) << llvm::toString(shape.takeError());
  Type element = getElementType(context, tensor.data_type());
  if (!element)
    return fail("tensor '" + tensor.name() + "': expected numbers, but got " +
                getTypeName(tensor.data_type()));
  auto type = RankedTensorType::get(*shape, element);
  unsigned bits = getStoredBits(tensor.data_type());
  uint64_t expected = llvm::divideCeil(type.getNumElements() * bits, 8);
  if (range.size != expected)
    return fail("tensor '" + tensor.name() + "': expected " + Twine(expected) +
                " bytes, but got " + Twine(range.size));
  std::string symbol = name.str();
  while (symbol.empty() || module->lookupSymbol(symbol) ||
         llvm::is_contained(programs, symbol))
    symbol = (name + "." + Twine(numParameters++)).str();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module->getBody());
  tern::ParamOp::create(b, loc, symbol, type, makeSource(tensor, range));
  // One read, where all nodes see it.
  b.setInsertionPointToStart(&function.front());
  Location named = NameLoc::get(b.getStringAttr(symbol), loc);
  return GraphValue{tern::GetParamOp::create(b, named, type, symbol),
                    tensor.data_type()};
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

GraphValue GraphBuilder::lookUp(StringRef name) {
  for (Scope &scope : llvm::reverse(scopes))
    if (auto it = scope.find(name); it != scope.end())
      return it->second;
  return {};
}

Location GraphBuilder::locate(const NodeProto &node) {
  std::string name = node.name();
  if (name.empty())
    name = node.op_type() +
           (node.output_size() ? " " + node.output(0) : std::string());
  return NameLoc::get(b.getStringAttr(name), loc);
}

template <typename Nodes>
LogicalResult GraphBuilder::buildNodes(const Nodes &nodes) {
  for (const NodeProto &node : nodes)
    if (failed(buildNode(node)))
      return failure();
  return success();
}

FailureOr<std::vector<GraphValue>>
GraphBuilder::getInputs(const NodeProto &node) {
  std::vector<GraphValue> inputs;
  for (const std::string &name : node.input()) {
    inputs.push_back(name.empty() ? GraphValue() : lookUp(name));
    if (!name.empty() && !inputs.back())
      return fail(node.op_type() + " '" + node.name() + "': its input '" +
                  name + "' is no value of the graph");
  }
  return inputs;
}

/// `value` as a constant where all that it depends on is.
GraphValue GraphBuilder::foldConstant(GraphValue value) {
  if (!value || matchPattern(value.value, m_Constant()))
    return value;
  if (DenseElementsAttr elements = foldToConstant(value.value))
    value.value = arith::ConstantOp::create(b, value.value.getLoc(), elements);
  return value;
}

LogicalResult GraphBuilder::setOutputs(const NodeProto &node,
                                       ArrayRef<GraphValue> outputs) {
  for (auto [number, name] : llvm::enumerate(node.output()))
    if (!name.empty() && number < outputs.size() && outputs[number] &&
        failed(define(name, outputs[number])))
      return failure();
  return success();
}

LogicalResult GraphBuilder::countNodes(unsigned count) {
  if ((numNodes += count) <= maxNodes)
    return success();
  return fail("loops and functions written out have more than " +
              Twine(maxNodes) + " nodes");
}

LogicalResult GraphBuilder::buildNode(const NodeProto &node) {
  if (failed(countNodes(1)))
    return failure();
  if (const onnx::FunctionProto *called = findFunction(node))
    return callFunction(*called, node);
  auto inputs = getInputs(node);
  if (failed(inputs))
    return failure();
  const OpTable::BuildOp *build =
      OpTable::get().find(node.domain(), node.op_type());
  if (!build)
    return fail("no function '" + node.op_type() + "' has the overload '" +
                node.overload() + "'");
  bool isConstant = llvm::all_of(*inputs, [](const GraphValue &input) {
    return !input || matchPattern(input.value, m_Constant());
  });
  NodeBuilder builder(
      b, locate(node), node, getVersion(node.domain()), std::move(*inputs),
      [&](const onnx::GraphProto &graph, ArrayRef<GraphValue> arguments) {
        return buildInner(graph, arguments);
      },
      [&](const TensorProto &tensor) {
        return readTensor(tensor, node.output_size() ? node.output(0) : "");
      });
  if (failed((*build)(builder)) || builder.hasFailed() ||
      failed(builder.checkUnused()))
    return failure();
  std::vector<GraphValue> outputs(builder.getOutputs());
  for (auto [number, name] : llvm::enumerate(node.output())) {
    if (name.empty())
      continue;
    if (!outputs[number])
      return builder.fail("its output " + Twine(number) + " is not supported");
    if (isConstant)
      outputs[number] = foldConstant(outputs[number]);
  }
  return setOutputs(node, outputs);
}

FailureOr<std::vector<GraphValue>>
GraphBuilder::buildInner(const onnx::GraphProto &graph,
                         ArrayRef<GraphValue> inputs) {
  if (failed(countNodes(1 + graph.output_size())))
    return failure();
  if (++depth > maxDepth)
    return fail("graphs are nested more than " + Twine(maxDepth) + " deep");
  scopes.emplace_back();
  for (auto [number, input] : llvm::enumerate(graph.input()))
    if (number < inputs.size())
      scopes.back()[input.name()] = inputs[number];
  std::vector<GraphValue> results;
  LogicalResult built = failure(failed(addInitializers(graph)) ||
                                failed(buildNodes(graph.node())));
  for (const onnx::ValueInfoProto &output : graph.output()) {
    results.push_back(lookUp(output.name()));
    if (succeeded(built) && !results.back())
      built = fail("output '" + output.name() +
                   "' of an inner graph is no value of it");
  }
  scopes.pop_back();
  --depth;
  if (failed(built))
    return failure();
  return results;
}

static NodeProto bindAttributes(const NodeProto &node,
                                const onnx::FunctionProto &function,
                                const NodeProto &call);

/// The nodes of `graph` bound likewise.
static void bindGraph(onnx::GraphProto &graph,
                      const onnx::FunctionProto &function,
                      const NodeProto &call) {
  for (NodeProto &node : *graph.mutable_node())
    node = bindAttributes(node, function, call);
}

/// `node`, of a function's body, with the attributes of the call in place of
/// those that it refers to; attributes that the call does not give fall away.
static NodeProto bindAttributes(const NodeProto &node,
                                const onnx::FunctionProto &function,
                                const NodeProto &call) {
  NodeProto bound = node;
  bound.clear_attribute();
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      onnx::AttributeProto *copy = bound.add_attribute();
      *copy = attribute;
      if (copy->has_g())
        bindGraph(*copy->mutable_g(), function, call);
      continue;
    }
    auto take = [&](const auto &given) {
      for (const onnx::AttributeProto &value : given)
        if (value.name() == attribute.ref_attr_name()) {
          onnx::AttributeProto *copy = bound.add_attribute();
          *copy = value;
          copy->set_name(attribute.name());
          return true;
        }
      return false;
    };
    if (!take(call.attribute()))
      take(function.attribute_proto());
  }
  return bound;
}

LogicalResult GraphBuilder::callFunction(const onnx::FunctionProto &called,
                                         const NodeProto &node) {
  auto inputs = getInputs(node);
  if (failed(inputs))
    return failure();
  if (inputs->size() > size_t(called.input_size()))
    return fail("function '" + called.name() +
                "' has fewer inputs than a call");
  for (const auto &set : called.opset_import())
    if (set.version() != getVersion(set.domain()) && findDomain(set.domain()))
      return fail("function '" + called.name() + "' imports version " +
                  Twine(set.version()) + " of the op set '" + set.domain() +
                  "', and the model another");
  if (++depth > maxDepth)
    return fail("functions call each other more than " + Twine(maxDepth) +
                " deep");
  // A body sees its arguments alone.
  std::vector<Scope> outer = std::move(scopes);
  scopes.assign(1, Scope());
  for (auto [number, name] : llvm::enumerate(called.input()))
    if (number < inputs->size() && (*inputs)[number])
      scopes.back()[name] = (*inputs)[number];
  LogicalResult built = success();
  for (const NodeProto &inner : called.node()) {
    built = buildNode(bindAttributes(inner, called, node));
    if (failed(built))
      break;
  }
  std::vector<GraphValue> results;
  for (const std::string &name : called.output())
    results.push_back(lookUp(name));
  scopes = std::move(outer);
  --depth;
  return failed(built) ? failure() : setOutputs(node, results);
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

LogicalResult GraphBuilder::finish() {
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;
  llvm::StringSet<> names;
  for (const onnx::ValueInfoProto &output : file.getModel().graph().output()) {
    // A language model keeps keys and values itself.
    if (options.isLanguageModel() && output.name() != "logits")
      continue;
    if (!names.insert(output.name()).second)
      return fail("'" + output.name() + "' is the name of two outputs");
    GraphValue value = lookUp(output.name());
    if (!value)
      return fail("output '" + output.name() + "' is no value of the graph");
    values.push_back(value.value);
    SmallVector<NamedAttribute> named{
        b.getNamedAttr(tern::outputAttr, b.getStringAttr(output.name()))};
    if (isUnsigned(value.type))
      named.push_back(b.getNamedAttr(tern::unsignedAttr, b.getUnitAttr()));
    if (output.name() == options.loss)
      named.push_back(b.getNamedAttr(tern::lossAttr, b.getUnitAttr()));
    attributes.push_back(b.getDictionaryAttr(named));
  }
  if (values.empty())
    return fail(options.isLanguageModel()
                    ? "expected an output 'logits', as language models have it"
                    : "the graph has no outputs");
  if (!options.loss.empty() && !names.contains(options.loss))
    return fail("--train=" + options.loss +
                ": the graph has no such output; "
                "it has " +
                llvm::join(sorted(names), ", "));
  func::ReturnOp::create(b, loc, values);
  function.setType(b.getFunctionType(function.getArgumentTypes(),
                                     ValueRange(values).getTypes()));
  for (auto [number, attribute] : llvm::enumerate(attributes))
    function.setResultAttrs(number, attribute);
  return success();
}
