//===- ConstantFolder.cpp - Values of constant tensors --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ConstantFolder.h.
//
//===----------------------------------------------------------------------===//

#include "ConstantFolder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

#include <map>

using namespace mlir;

namespace {

/// Steps of loops that one value may take.
constexpr int64_t maxSteps = int64_t(1) << 16;

/// Elements in row-major order.
using Elements = SmallVector<Attribute, 0>;

class Folder {
public:
  /// The elements of `value`, or null.
  const Elements *get(Value value) {
    if (auto it = known.find(value); it != known.end())
      return &it->second;
    auto type = dyn_cast<RankedTensorType>(value.getType());
    Operation *op = value.getDefiningOp();
    if (!type || !op || type.getNumElements() > maxSteps)
      return nullptr;
    std::optional<Elements> elements = compute(op, value);
    if (!elements)
      return nullptr;
    return &known.insert_or_assign(value, std::move(*elements)).first->second;
  }

private:
  std::optional<Elements> compute(Operation *op, Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    DenseElementsAttr constant;
    if (matchPattern(op, m_Constant(&constant)))
      return Elements(constant.getValues<Attribute>());
    if (isa<tensor::EmptyOp>(op))
      return Elements(
          type.getNumElements(),
          Builder(op->getContext()).getZeroAttr(type.getElementType()));
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
      const Elements *source = get(op->getOperand(0));
      return source ? std::optional(*source) : std::nullopt;
    }
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      return extractSlice(slice);
    if (auto slice = dyn_cast<tensor::InsertSliceOp>(op))
      return insertSlice(slice);
    if (auto concat = dyn_cast<tensor::ConcatOp>(op))
      return concatenate(concat);
    if (auto loops = dyn_cast<linalg::LinalgOp>(op))
      return runLoops(loops, cast<OpResult>(value));
    if (OpTrait::hasElementwiseMappableTraits(op))
      return mapElements(op, type);
    return std::nullopt;
  }

  static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
    return computeStrides(shape);
  }

  /// Calls `visit` with each place in `shape`, in row-major order.
  static void forEachPlace(ArrayRef<int64_t> shape,
                           function_ref<bool(ArrayRef<int64_t>)> visit) {
    if (llvm::is_contained(shape, 0))
      return;
    SmallVector<int64_t> at(shape.size());
    while (visit(at)) {
      size_t dim = shape.size();
      for (; dim > 0; --dim) {
        if (++at[dim - 1] < shape[dim - 1])
          break;
        at[dim - 1] = 0;
      }
      if (dim == 0)
        return;
    }
  }

  template <typename Slice>
  static int64_t placeInSlice(Slice op, ArrayRef<int64_t> shape,
                              ArrayRef<int64_t> at) {
    int64_t flat = 0;
    for (auto [extent, place, offset, stride] : llvm::zip_equal(
             shape, at, op.getStaticOffsets(), op.getStaticStrides()))
      flat = flat * extent + offset + place * stride;
    return flat;
  }

  std::optional<Elements> extractSlice(tensor::ExtractSliceOp op) {
    const Elements *source = get(op.getSource());
    if (!source || op.getNumOperands() != 1)
      return std::nullopt;
    Elements result;
    forEachPlace(op.getStaticSizes(), [&](ArrayRef<int64_t> at) {
      result.push_back(
          (*source)[placeInSlice(op, op.getSourceType().getShape(), at)]);
      return true;
    });
    return result;
  }

  std::optional<Elements> insertSlice(tensor::InsertSliceOp op) {
    const Elements *source = get(op.getSource());
    if (!source || op.getNumOperands() != 2)
      return std::nullopt;
    const Elements *target = get(op.getDest());
    if (!target)
      return std::nullopt;
    Elements result = *target;
    size_t next = 0;
    forEachPlace(op.getStaticSizes(), [&](ArrayRef<int64_t> at) {
      result[placeInSlice(op, op.getDestType().getShape(), at)] =
          (*source)[next++];
      return true;
    });
    return result;
  }

  std::optional<Elements> concatenate(tensor::ConcatOp op) {
    auto type = cast<RankedTensorType>(op.getResult().getType());
    int64_t dim = op.getDim(), start = 0;
    Elements result(type.getNumElements());
    SmallVector<int64_t> strides = stridesOf(type.getShape());
    for (Value part : op.getInputs()) {
      const Elements *elements = get(part);
      if (!elements)
        return std::nullopt;
      auto shape = cast<RankedTensorType>(part.getType()).getShape();
      size_t next = 0;
      forEachPlace(shape, [&](ArrayRef<int64_t> at) {
        SmallVector<int64_t> place(at);
        place[dim] += start;
        result[linearize(place, strides)] = (*elements)[next++];
        return true;
      });
      start += shape[dim];
    }
    return result;
  }

  /// The scalars that ops of a loop's body have computed.
  using Scalars = llvm::DenseMap<Value, Attribute>;

  /// What `op` computes of scalars, by its own folder; null where it has none.
  Attribute foldScalar(Operation *op, ArrayRef<Attribute> operands) {
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.size() != 1)
      return nullptr;
    if (auto attribute = dyn_cast<Attribute>(results.front()))
      return attribute;
    // It is one of its operands.
    Value same = cast<Value>(results.front());
    for (auto [value, attribute] : llvm::zip_equal(op->getOperands(), operands))
      if (value == same)
        return attribute;
    return nullptr;
  }

  std::optional<Elements> mapElements(Operation *op, RankedTensorType type) {
    std::vector<Elements> inputs;
    for (Value operand : op->getOperands()) {
      const Elements *elements = get(operand);
      if (!elements)
        return std::nullopt;
      inputs.push_back(*elements);
    }
    // The op on scalars, whose folder then knows of scalars alone.
    Block block;
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.addOperands(block.addArgument(
          getElementTypeOrSelf(operand.getType()), op->getLoc()));
    state.addTypes(type.getElementType());
    state.addAttributes(op->getAttrs());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    Operation *scalar = Operation::create(state);
    block.push_back(scalar);
    Elements result;
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      SmallVector<Attribute> operands;
      for (const Elements &elements : inputs)
        operands.push_back(elements[i]);
      Attribute element = foldScalar(scalar, operands);
      if (!element)
        return std::nullopt;
      result.push_back(element);
    }
    return result;
  }

  std::optional<Elements> runLoops(linalg::LinalgOp op, OpResult wanted) {
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    int64_t steps = 1;
    for (int64_t extent : extents)
      if (ShapedType::isDynamic(extent) || extent > maxSteps ||
          (steps *= extent) > maxSteps)
        return std::nullopt;
    std::vector<Elements> operands;
    std::vector<SmallVector<int64_t>> strides;
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      const Elements *elements = get(operand.get());
      if (type && !elements)
        return std::nullopt;
      operands.push_back(type ? *elements : Elements());
      strides.push_back(type ? stridesOf(type.getShape())
                             : SmallVector<int64_t>());
    }
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    bool isKnown = true;
    unsigned firstInit = op.getNumDpsInputs();
    forEachPlace(extents, [&](ArrayRef<int64_t> at) {
      Scalars scalars;
      SmallVector<int64_t> places;
      for (OpOperand &operand : op->getOpOperands()) {
        unsigned number = operand.getOperandNumber();
        Value argument = op.getBlock()->getArgument(number);
        if (!isa<RankedTensorType>(operand.get().getType())) {
          Attribute scalar;
          if (!matchPattern(operand.get(), m_Constant(&scalar)))
            return isKnown = false;
          places.push_back(0);
          scalars[argument] = scalar;
          continue;
        }
        places.push_back(linearize(maps[number].compose(at), strides[number]));
        scalars[argument] = operands[number][places.back()];
      }
      if (!runBody(op.getBlock(), at, scalars))
        return isKnown = false;
      for (auto [i, yielded] :
           llvm::enumerate(op.getBlock()->getTerminator()->getOperands())) {
        Attribute element = lookUp(yielded, scalars);
        if (!element)
          return isKnown = false;
        operands[firstInit + i][places[firstInit + i]] = element;
      }
      return true;
    });
    if (!isKnown)
      return std::nullopt;
    return operands[firstInit + wanted.getResultNumber()];
  }

  static Attribute lookUp(Value value, const Scalars &scalars) {
    if (auto it = scalars.find(value); it != scalars.end())
      return it->second;
    Attribute constant;
    if (matchPattern(value, m_Constant(&constant)))
      return constant;
    return nullptr;
  }

  /// Runs the ops of a loop's body but its terminator.
  bool runBody(Block *body, ArrayRef<int64_t> at, Scalars &scalars) {
    for (Operation &op : body->without_terminator()) {
      Attribute result;
      if (auto index = dyn_cast<linalg::IndexOp>(op)) {
        result = Builder(op.getContext()).getIndexAttr(at[index.getDim()]);
      } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
        result = readElement(extract, scalars);
      } else if (op.getNumRegions() == 0 && op.getNumResults() == 1) {
        SmallVector<Attribute> operands;
        for (Value operand : op.getOperands()) {
          operands.push_back(lookUp(operand, scalars));
          if (!operands.back())
            return false;
        }
        result = foldScalar(&op, operands);
      }
      if (!result)
        return false;
      scalars[op.getResult(0)] = result;
    }
    return true;
  }

  Attribute readElement(tensor::ExtractOp op, const Scalars &scalars) {
    const Elements *elements = get(op.getTensor());
    if (!elements)
      return nullptr;
    int64_t flat = 0;
    for (auto [index, extent] : llvm::zip_equal(
             op.getIndices(), op.getTensor().getType().getShape())) {
      auto place = dyn_cast_or_null<IntegerAttr>(lookUp(index, scalars));
      if (!place || place.getInt() < 0 || place.getInt() >= extent)
        return nullptr;
      flat = flat * extent + place.getInt();
    }
    return (*elements)[flat];
  }

  /// Only looked up, never walked, so that addresses may order it; elements
  /// stay where they are as others are added.
  struct ByAddress {
    bool operator()(Value x, Value y) const {
      return x.getAsOpaquePointer() < y.getAsOpaquePointer();
    }
  };
  std::map<Value, Elements, ByAddress> known;
};

} // namespace

DenseElementsAttr sterna::foldToConstant(Value value) {
  Folder folder;
  const Elements *elements = folder.get(value);
  if (!elements)
    return nullptr;
  return DenseElementsAttr::get(cast<RankedTensorType>(value.getType()),
                                ArrayRef<Attribute>(*elements));
}
