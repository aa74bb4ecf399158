//===- NodeBuilder.h - Builds what one node computes ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the function of an op of ONNX sees: the node's operands as tensors, its
// attributes, and ways to build its results.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_NODEBUILDER_H
#define STERNA_LIB_IMPORT_ONNX_NODEBUILDER_H

#include "ArrayBuilder.h"
#include "ElementTypes.h"
#include "llvm/ADT/StringSet.h"

#include <functional>
#include <optional>

namespace sterna {

/// A value of a graph: a tensor of static shape, and its type in ONNX.
struct GraphValue {
  mlir::Value value;
  DataType type = onnx::TensorProto::UNDEFINED;

  explicit operator bool() const { return bool(value); }
};

class NodeBuilder : public ArrayBuilder {
public:
  /// Builds the results of a graph inside of the node, which sees the values
  /// around it, with `inputs` as its inputs.
  using BuildGraph = std::function<mlir::FailureOr<std::vector<GraphValue>>(
      const onnx::GraphProto &, llvm::ArrayRef<GraphValue> inputs)>;
  /// The elements of a tensor in an attribute.
  using ReadTensor =
      std::function<mlir::FailureOr<GraphValue>(const onnx::TensorProto &)>;

  NodeBuilder(mlir::OpBuilder &builder, mlir::Location loc,
              const onnx::NodeProto &node, int64_t version,
              std::vector<GraphValue> inputs, BuildGraph buildGraph,
              ReadTensor readTensor)
      : ArrayBuilder{{builder, loc}}, node(node), version(version),
        inputs(std::move(inputs)), usedInputs(this->inputs.size()),
        outputs(node.output_size()), buildGraph(std::move(buildGraph)),
        readTensor(std::move(readTensor)) {}

  /// The version of the op set that the model imports.
  int64_t getVersion() const { return version; }

  //===--------------------------------------------------------------------===//
  // Operands and results
  //===--------------------------------------------------------------------===//

  size_t getNumInputs() const { return inputs.size(); }
  bool has(size_t number) const {
    return number < inputs.size() && inputs[number] && use(number);
  }
  /// An input that the op must have, as expectInputs() has found.
  const GraphValue &input(size_t number) const {
    use(number);
    return inputs[number];
  }
  Value operand(size_t number) const { return input(number).value; }
  DataType dataType(size_t number) const { return input(number).type; }
  /// An input that changes nothing here, whatever it is.
  void ignoreInput(size_t number) { use(number); }

  size_t getNumOutputs() const { return outputs.size(); }
  bool wants(size_t number) const {
    return number < outputs.size() && !node.output(int(number)).empty();
  }
  void setOutput(size_t number, Value value, DataType type) {
    if (number < outputs.size())
      outputs[number] = {value, type};
  }
  /// The only result.
  mlir::LogicalResult finish(Value value, DataType type) {
    setOutput(0, value, type);
    return mlir::success();
  }
  llvm::ArrayRef<GraphValue> getOutputs() const { return outputs; }

  //===--------------------------------------------------------------------===//
  // Errors
  //===--------------------------------------------------------------------===//

  /// Emits an error at the node, the first time.
  mlir::LogicalResult fail(const llvm::Twine &message);

  /// Fails unless there are `least` inputs or more.
  mlir::LogicalResult expectInputs(size_t least);

  /// Fails unless the inputs `numbers`, where they are there, are of one type
  /// of numbers that arithmetic has: no booleans, no integers of less than a
  /// byte.
  mlir::LogicalResult expectNumbers(llvm::ArrayRef<size_t> numbers);

  /// Fails unless the inputs `numbers`, where they are there, are of one type.
  mlir::LogicalResult expectSameType(llvm::ArrayRef<size_t> numbers);

  /// Fails unless input `number` has the shape `shape`.
  mlir::LogicalResult expectShape(size_t number, Shape shape);

  bool hasFailed() const { return isBroken; }

  //===--------------------------------------------------------------------===//
  // Attributes
  //===--------------------------------------------------------------------===//

  std::optional<int64_t> findInt(llvm::StringRef name);
  int64_t getInt(llvm::StringRef name, int64_t absent) {
    return findInt(name).value_or(absent);
  }
  std::optional<double> findFloat(llvm::StringRef name);
  double getFloat(llvm::StringRef name, double absent) {
    return findFloat(name).value_or(absent);
  }
  std::string getString(llvm::StringRef name, llvm::StringRef absent);
  std::optional<llvm::SmallVector<int64_t>> findInts(llvm::StringRef name);
  const onnx::GraphProto *findGraph(llvm::StringRef name);
  mlir::FailureOr<std::vector<GraphValue>>
  build(const onnx::GraphProto &graph, llvm::ArrayRef<GraphValue> arguments) {
    return buildGraph(graph, arguments);
  }
  /// Null where there is none of that name; fails on what cannot be read.
  GraphValue findTensor(llvm::StringRef name);
  const onnx::AttributeProto *find(llvm::StringRef name);
  /// An attribute that changes nothing here, whatever it says.
  void ignore(llvm::StringRef name) { used.insert(name); }
  /// Fails where there is an attribute or an input that nothing has asked for.
  mlir::LogicalResult checkUnused();

  //===--------------------------------------------------------------------===//
  // Constants and axes
  //===--------------------------------------------------------------------===//

  /// The elements of an input that is known when compiling, or null.
  mlir::DenseElementsAttr findElements(size_t number) const;

  /// As whole numbers; fails, saying that `what` must be known, where they are
  /// not.
  std::optional<llvm::SmallVector<int64_t>> getIntegers(size_t number,
                                                        llvm::StringRef what);
  std::optional<int64_t> getInteger(size_t number, llvm::StringRef what);

  /// `axis` counted from the front; fails where it is not one of `rank`.
  std::optional<int64_t> toAxis(int64_t axis, int64_t rank);

  /// Axes in the attribute "axes" or in input `number`, in ascending order;
  /// none where neither is there.
  std::optional<llvm::SmallVector<int64_t>> getAxes(size_t number, int64_t rank,
                                                    bool &areGiven);

  //===--------------------------------------------------------------------===//
  // Arithmetic on elements or tensors, by type of ONNX
  //===--------------------------------------------------------------------===//

  /// Floats of 16 bits are computed in f32.
  Value widen(Value value) const;
  /// Back to the element type of `type`.
  Value narrow(Value value, DataType type) const;
  GraphValue widened(size_t number) const;

  /// `value` of type `from` as one of type `to`, as Cast has it.
  Value cast(Value value, DataType from, DataType to) const;

  using Build = llvm::function_ref<Value(llvm::ArrayRef<Value>)>;
  /// An elementwise op on inputs broadcast to one shape: `build` gets and gives
  /// whole tensors. Fails, with a null value, where shapes do not agree.
  Value elementwise(llvm::ArrayRef<GraphValue> operands, Build build);

  /// Fails on a shape of more elements than any machine holds.
  mlir::LogicalResult checkShape(Shape shape);

  /// The shape that `shapes` are broadcast to; fails where they do not agree.
  std::optional<llvm::SmallVector<int64_t>>
  broadcastShapes(llvm::ArrayRef<Shape> shapes);

private:
  bool use(size_t number) const {
    if (number < usedInputs.size())
      usedInputs[number] = true;
    return true;
  }

  const onnx::NodeProto &node;
  int64_t version;
  std::vector<GraphValue> inputs;
  mutable std::vector<bool> usedInputs;
  std::vector<GraphValue> outputs;
  BuildGraph buildGraph;
  ReadTensor readTensor;
  llvm::StringSet<> used;
  bool isBroken = false;
};

/// Arithmetic on scalars or tensors of one type of ONNX, whose integers have a
/// sign or none.
struct Arithmetic {
  const TensorBuilder &b;
  DataType type;

  using Value = mlir::Value;

  bool isFloating() const { return isFloat(type); }
  bool isSigned() const { return !isUnsigned(type); }

  Value add(Value x, Value y) const;
  Value sub(Value x, Value y) const;
  Value mul(Value x, Value y) const;
  /// Integers: towards zero.
  Value div(Value x, Value y) const;
  Value max(Value x, Value y) const;
  Value min(Value x, Value y) const;
  Value neg(Value x) const;
  Value abs(Value x) const;
  Value less(Value x, Value y) const;
  Value lessOrEqual(Value x, Value y) const;
  Value equal(Value x, Value y) const;
  /// The least and the greatest value, infinite for floats, of the elements of
  /// `like`.
  Value lowest(mlir::Type like) const;
  Value highest(mlir::Type like) const;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_NODEBUILDER_H
