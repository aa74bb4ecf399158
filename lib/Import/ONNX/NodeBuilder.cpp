//===- NodeBuilder.cpp - Builds what one node computes --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See NodeBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "NodeBuilder.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sterna;
using onnx::AttributeProto;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

LogicalResult NodeBuilder::fail(const Twine &message) {
  if (!isBroken)
    emitError(loc) << node.op_type() << " '"
                   << (node.name().empty() && node.output_size()
                           ? node.output(0)
                           : node.name())
                   << "': " << message;
  isBroken = true;
  return failure();
}

LogicalResult NodeBuilder::expectInputs(size_t least) {
  for (size_t number = 0; number < least; ++number)
    if (!has(number))
      return fail("input " + Twine(number) + " is missing");
  return success();
}

LogicalResult NodeBuilder::expectSameType(ArrayRef<size_t> numbers) {
  size_t first = numbers.front();
  for (size_t number : numbers)
    if (has(number) && has(first) && dataType(number) != dataType(first))
      return fail("expected inputs of one type, but got " +
                  getTypeName(dataType(first)) + " and " +
                  getTypeName(dataType(number)));
  return success();
}

LogicalResult NodeBuilder::expectNumbers(ArrayRef<size_t> numbers) {
  DataType type = dataType(numbers.front());
  if (type == TensorProto::BOOL || getStoredBits(type) < 8)
    return fail("there is no arithmetic of " + getTypeName(type));
  return expectSameType(numbers);
}

LogicalResult NodeBuilder::expectShape(size_t number, Shape shape) {
  if (shapeOf(operand(number)) == shape)
    return success();
  return fail("input " + Twine(number) + " does not have the shape of its use");
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const AttributeProto *NodeBuilder::find(StringRef name) {
  used.insert(name);
  for (const AttributeProto &attribute : node.attribute())
    if (name == attribute.name()) {
      if (!attribute.ref_attr_name().empty())
        (void)fail("attribute '" + name + "' refers to one of no function");
      return &attribute;
    }
  return nullptr;
}

std::optional<int64_t> NodeBuilder::findInt(StringRef name) {
  const AttributeProto *attribute = find(name);
  if (!attribute)
    return std::nullopt;
  if (attribute->type() != AttributeProto::INT)
    (void)fail("attribute '" + name + "' is no integer");
  return attribute->i();
}

std::optional<double> NodeBuilder::findFloat(StringRef name) {
  const AttributeProto *attribute = find(name);
  if (!attribute)
    return std::nullopt;
  if (attribute->type() != AttributeProto::FLOAT)
    (void)fail("attribute '" + name + "' is no float");
  return attribute->f();
}

std::string NodeBuilder::getString(StringRef name, StringRef absent) {
  const AttributeProto *attribute = find(name);
  if (!attribute)
    return absent.str();
  if (attribute->type() != AttributeProto::STRING)
    (void)fail("attribute '" + name + "' is no text");
  return attribute->s();
}

std::optional<SmallVector<int64_t>> NodeBuilder::findInts(StringRef name) {
  const AttributeProto *attribute = find(name);
  if (!attribute)
    return std::nullopt;
  if (attribute->type() != AttributeProto::INTS)
    (void)fail("attribute '" + name + "' is no list of integers");
  return SmallVector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

const onnx::GraphProto *NodeBuilder::findGraph(StringRef name) {
  const AttributeProto *attribute = find(name);
  if (attribute && attribute->type() == AttributeProto::GRAPH)
    return &attribute->g();
  (void)fail("attribute '" + name + "' is missing or no graph");
  return nullptr;
}

GraphValue NodeBuilder::findTensor(StringRef name) {
  const AttributeProto *attribute = find(name);
  if (!attribute)
    return {};
  if (attribute->type() != AttributeProto::TENSOR) {
    (void)fail("attribute '" + name + "' is no tensor");
    return {};
  }
  FailureOr<GraphValue> value = readTensor(attribute->t());
  if (succeeded(value))
    return *value;
  isBroken = true;
  return {};
}

LogicalResult NodeBuilder::checkUnused() {
  for (const AttributeProto &attribute : node.attribute())
    if (!used.contains(attribute.name()))
      return fail("attribute '" + attribute.name() + "' is not supported");
  for (size_t number = 0; number < inputs.size(); ++number)
    if (inputs[number] && !usedInputs[number])
      return fail("input " + Twine(number) + " is not supported");
  return success();
}

//===----------------------------------------------------------------------===//
// Constants and axes
//===----------------------------------------------------------------------===//

DenseElementsAttr NodeBuilder::findElements(size_t number) const {
  DenseElementsAttr elements;
  if (has(number))
    matchPattern(operand(number), m_Constant(&elements));
  return elements;
}

std::optional<SmallVector<int64_t>> NodeBuilder::getIntegers(size_t number,
                                                             StringRef what) {
  DenseElementsAttr elements = findElements(number);
  if (!elements || !isa<IntegerType>(elements.getElementType())) {
    (void)fail("its " + what +
               " must be known when compiling: give an input of the graph a "
               "value by --constant=NAME=FILE.npy");
    return std::nullopt;
  }
  SmallVector<int64_t> values;
  for (const APInt &value : elements.getValues<APInt>())
    values.push_back(isUnsigned(dataType(number)) || value.getBitWidth() == 1
                         ? int64_t(value.getZExtValue())
                         : value.getSExtValue());
  return values;
}

std::optional<int64_t> NodeBuilder::getInteger(size_t number, StringRef what) {
  auto values = getIntegers(number, what);
  if (!values)
    return std::nullopt;
  if (values->size() == 1)
    return values->front();
  (void)fail("expected one number as its " + what + ", but got " +
             Twine(values->size()));
  return std::nullopt;
}

std::optional<int64_t> NodeBuilder::toAxis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  (void)fail("axis " + Twine(axis) + " is none of " + Twine(rank));
  return std::nullopt;
}

std::optional<SmallVector<int64_t>>
NodeBuilder::getAxes(size_t number, int64_t rank, bool &areGiven) {
  std::optional<SmallVector<int64_t>> axes = findInts("axes");
  if (!axes && has(number)) {
    axes = getIntegers(number, "axes");
    if (!axes)
      return std::nullopt;
  }
  areGiven = axes.has_value();
  SmallVector<int64_t> result;
  for (int64_t axis : axes.value_or(SmallVector<int64_t>())) {
    auto counted = toAxis(axis, rank);
    if (!counted)
      return std::nullopt;
    result.push_back(*counted);
  }
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    (void)fail("an axis is given twice");
    return std::nullopt;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// `type`, a scalar's or a tensor's, with other elements.
static Type withElement(Type type, Type element) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.clone(element);
  return element;
}

Value NodeBuilder::widen(Value value) const {
  Type element = getElementTypeOrSelf(value.getType());
  if (!element.isF16() && !element.isBF16())
    return value;
  return convert(value, b.getF32Type());
}

Value NodeBuilder::narrow(Value value, DataType type) const {
  Type element = getElementType(b.getContext(), type);
  if (isFloat(type))
    return convert(value, element);
  return value;
}

GraphValue NodeBuilder::widened(size_t number) const {
  GraphValue value = input(number);
  value.value = widen(value.value);
  if (value.type == TensorProto::FLOAT16 || value.type == TensorProto::BFLOAT16)
    value.type = TensorProto::FLOAT;
  return value;
}

/// `value`, an i8 that holds an integer of `type`, with its upper bits set as
/// those of such a value.
static Value wrapSmall(const ArrayBuilder &b, Value value, DataType type) {
  unsigned bits = getStoredBits(type);
  if (bits >= 8)
    return value;
  if (isUnsigned(type))
    return arith::AndIOp::create(b.b, b.loc, value,
                                 b.integer(value.getType(), (1 << bits) - 1));
  Value shift = b.integer(value.getType(), 8 - bits);
  return arith::ShRSIOp::create(
      b.b, b.loc, arith::ShLIOp::create(b.b, b.loc, value, shift), shift);
}

static Value castToInteger(const ArrayBuilder &b, Value value, DataType from,
                           DataType to, Type element) {
  Type type = value.getType();
  if (isFloat(from)) {
    // By way of integers that hold more, so that what does not fit wraps.
    Type large = withElement(type, b.b.getI64Type());
    value = to == TensorProto::UINT64
                ? arith::FPToUIOp::create(b.b, b.loc, large, value).getResult()
                : arith::FPToSIOp::create(b.b, b.loc, large, value).getResult();
  }
  unsigned width =
      getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
  unsigned wanted = element.getIntOrFloatBitWidth();
  Type result = withElement(type, element);
  if (width > wanted)
    value = arith::TruncIOp::create(b.b, b.loc, result, value);
  else if (width < wanted && (isUnsigned(from) || from == TensorProto::BOOL))
    value = arith::ExtUIOp::create(b.b, b.loc, result, value);
  else if (width < wanted)
    value = arith::ExtSIOp::create(b.b, b.loc, result, value);
  return wrapSmall(b, value, to);
}

Value NodeBuilder::cast(Value value, DataType from, DataType to) const {
  if (from == to)
    return value;
  Type element = getElementType(b.getContext(), to);
  Type type = value.getType();
  if (to == TensorProto::BOOL) {
    Value zero = number(type, 0);
    return isFloat(from) ? compare(arith::CmpFPredicate::UNE, value, zero)
                         : compare(arith::CmpIPredicate::ne, value, zero);
  }
  if (!isFloat(to))
    return castToInteger(*this, value, from, to, element);
  if (isFloat(from)) {
    // f16, bf16 and f64 meet in f32.
    if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() +
            element.getIntOrFloatBitWidth() !=
        96)
      value = convert(value, b.getF32Type());
    return convert(value, element);
  }
  Type wide = element.isF64() ? element : Type(b.getF32Type());
  Type result = withElement(type, wide);
  value = isUnsigned(from) || from == TensorProto::BOOL
              ? arith::UIToFPOp::create(b, loc, result, value).getResult()
              : arith::SIToFPOp::create(b, loc, result, value).getResult();
  return convert(value, element);
}

LogicalResult NodeBuilder::checkShape(Shape shape) {
  return isShape(shape) ? success() : fail("the shape of its result is absurd");
}

std::optional<SmallVector<int64_t>>
NodeBuilder::broadcastShapes(ArrayRef<Shape> shapes) {
  SmallVector<int64_t> result;
  for (Shape shape : shapes) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    size_t missing = result.size() - shape.size();
    for (auto [dim, extent] : llvm::enumerate(shape)) {
      int64_t &common = result[missing + dim];
      if (common == 1) {
        common = extent;
      } else if (extent != 1 && extent != common) {
        (void)fail("extents " + Twine(common) + " and " + Twine(extent) +
                   " do not agree");
        return std::nullopt;
      }
    }
  }
  if (failed(checkShape(result)))
    return std::nullopt;
  return result;
}

Value NodeBuilder::elementwise(ArrayRef<GraphValue> operands, Build build) {
  SmallVector<Shape> shapes;
  for (const GraphValue &operand : operands)
    shapes.push_back(shapeOf(operand.value));
  auto shape = broadcastShapes(shapes);
  if (!shape)
    return nullptr;
  SmallVector<Value> values;
  for (const GraphValue &operand : operands)
    values.push_back(broadcastTo(widen(operand.value), *shape));
  return build(values);
}

//===----------------------------------------------------------------------===//
// Arithmetic of one type
//===----------------------------------------------------------------------===//

Value Arithmetic::add(Value x, Value y) const {
  return isFloating() ? b.add(x, y)
                      : arith::AddIOp::create(b.b, b.loc, x, y).getResult();
}
Value Arithmetic::sub(Value x, Value y) const {
  return isFloating() ? b.sub(x, y)
                      : arith::SubIOp::create(b.b, b.loc, x, y).getResult();
}
Value Arithmetic::mul(Value x, Value y) const {
  return isFloating() ? b.mul(x, y)
                      : arith::MulIOp::create(b.b, b.loc, x, y).getResult();
}
Value Arithmetic::div(Value x, Value y) const {
  if (isFloating())
    return b.div(x, y);
  // By 0 gives 0, and no trap.
  ArrayBuilder a{b};
  Value zero = a.integer(x.getType(), 0), one = a.integer(x.getType(), 1);
  Value isZero = b.compare(arith::CmpIPredicate::eq, y, zero);
  if (!isSigned()) {
    Value divisor = b.select(isZero, one, y);
    Value quotient = arith::DivUIOp::create(b.b, b.loc, x, divisor);
    return b.select(isZero, zero, quotient);
  }
  // The least number by -1 is itself.
  Value isMinus =
      b.compare(arith::CmpIPredicate::eq, y, a.integer(x.getType(), -1));
  Value isUnsafe = arith::OrIOp::create(b.b, b.loc, isZero, isMinus);
  Value divisor = b.select(isUnsafe, one, y);
  Value quotient = arith::DivSIOp::create(b.b, b.loc, x, divisor);
  quotient = b.select(isMinus, neg(x), quotient);
  return b.select(isZero, zero, quotient);
}
Value Arithmetic::max(Value x, Value y) const {
  if (isFloating())
    return arith::MaximumFOp::create(b.b, b.loc, x, y);
  return isSigned() ? arith::MaxSIOp::create(b.b, b.loc, x, y).getResult()
                    : arith::MaxUIOp::create(b.b, b.loc, x, y).getResult();
}
Value Arithmetic::min(Value x, Value y) const {
  if (isFloating())
    return arith::MinimumFOp::create(b.b, b.loc, x, y);
  return isSigned() ? arith::MinSIOp::create(b.b, b.loc, x, y).getResult()
                    : arith::MinUIOp::create(b.b, b.loc, x, y).getResult();
}
Value Arithmetic::neg(Value x) const {
  if (isFloating())
    return b.neg(x);
  return sub(ArrayBuilder{b}.integer(x.getType(), 0), x);
}
Value Arithmetic::abs(Value x) const {
  if (isFloating())
    return math::AbsFOp::create(b.b, b.loc, x);
  return isSigned() ? max(x, neg(x)) : x;
}
Value Arithmetic::less(Value x, Value y) const {
  if (isFloating())
    return b.compare(arith::CmpFPredicate::OLT, x, y);
  return b.compare(
      isSigned() ? arith::CmpIPredicate::slt : arith::CmpIPredicate::ult, x, y);
}
Value Arithmetic::lessOrEqual(Value x, Value y) const {
  if (isFloating())
    return b.compare(arith::CmpFPredicate::OLE, x, y);
  return b.compare(
      isSigned() ? arith::CmpIPredicate::sle : arith::CmpIPredicate::ule, x, y);
}
Value Arithmetic::equal(Value x, Value y) const {
  return isFloating() ? b.compare(arith::CmpFPredicate::OEQ, x, y)
                      : b.compare(arith::CmpIPredicate::eq, x, y);
}
Value Arithmetic::lowest(Type like) const {
  if (isFloating())
    return b.constant(like, -std::numeric_limits<double>::infinity());
  unsigned bits = getElementTypeOrSelf(like).getIntOrFloatBitWidth();
  return ArrayBuilder{b}.integer(
      like, isSigned() && bits > 1
                ? APInt::getSignedMinValue(bits).getSExtValue()
                : 0);
}
Value Arithmetic::highest(Type like) const {
  if (isFloating())
    return b.constant(like, std::numeric_limits<double>::infinity());
  unsigned bits = getElementTypeOrSelf(like).getIntOrFloatBitWidth();
  return ArrayBuilder{b}.integer(
      like, isSigned() && bits > 1
                ? APInt::getSignedMaxValue(bits).getSExtValue()
                : -1);
}
