//===- Shapes.cpp - Ops that move elements --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes, views, slices, repetition and constants. Shapes are known when
// compiling.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// The most that a tensor is padded by on each side.
constexpr int64_t maxPad = int64_t(1) << 40;

/// A result of the type of the first input.
LogicalResult finishLike(NodeBuilder &n, Value value) {
  return n.finish(value, n.dataType(0));
}

Value integers(NodeBuilder &n, ArrayRef<int64_t> values,
               bool isScalar = false) {
  auto type = RankedTensorType::get(
      isScalar ? Extents() : Extents{int64_t(values.size())}, n.b.getI64Type());
  return arith::ConstantOp::create(n.b, n.loc,
                                   DenseElementsAttr::get(type, values));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

LogicalResult buildShape(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Shape shape = n.shapeOf(n.operand(0));
  int64_t rank = shape.size();
  auto clamp = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + rank : place, 0, rank);
  };
  int64_t start = clamp(n.getInt("start", 0));
  int64_t end = clamp(n.getInt("end", rank));
  return n.finish(
      integers(n, shape.slice(start, std::max<int64_t>(end - start, 0))),
      TensorProto::INT64);
}

LogicalResult buildSize(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  return n.finish(
      integers(n, typeOf(n.operand(0)).getNumElements(), /*isScalar=*/true),
      TensorProto::INT64);
}

LogicalResult buildReshape(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  auto shape = n.getIntegers(1, "shape");
  bool allowZero = n.getInt("allowzero", 0) != 0;
  if (!shape)
    return failure();
  Value x = n.operand(0);
  int64_t count = typeOf(x).getNumElements(), known = 1, free = -1;
  for (auto [dim, extent] : llvm::enumerate(*shape)) {
    if (extent == 0 && !allowZero) {
      if (int64_t(dim) >= n.rankOf(x))
        return n.fail("extent 0 of its shape copies what is not there");
      extent = n.shapeOf(x)[dim];
    }
    if (extent == -1 && free < 0)
      free = dim;
    else if (extent < 0 || llvm::MulOverflow(known, extent, known))
      return n.fail("its shape is absurd");
  }
  if (free >= 0)
    (*shape)[free] = known == 0 ? 0 : count / known;
  if (failed(n.checkShape(*shape)))
    return failure();
  if (llvm::product_of(*shape) != count)
    return n.fail("expected a shape of " + Twine(count) + " elements");
  return finishLike(n, n.reshape(x, *shape));
}

LogicalResult buildFlatten(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Shape shape = n.shapeOf(n.operand(0));
  int64_t axis = n.getInt("axis", 1), rank = shape.size();
  if (axis < -rank || axis > rank)
    return n.fail("axis " + Twine(axis) + " is none of " + Twine(rank));
  axis += axis < 0 ? rank : 0;
  Extents flat{llvm::product_of(shape.take_front(axis)),
               llvm::product_of(shape.drop_front(axis))};
  if (failed(n.checkShape(flat)))
    return failure();
  return finishLike(n, n.reshape(n.operand(0), flat));
}

LogicalResult buildSqueeze(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Shape shape = n.shapeOf(n.operand(0));
  bool areGiven = false;
  auto axes = n.getAxes(1, shape.size(), areGiven);
  if (!axes)
    return failure();
  Extents result;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    bool isChosen =
        areGiven ? llvm::is_contained(*axes, int64_t(dim)) : extent == 1;
    if (isChosen && extent != 1)
      return n.fail("cannot drop dimension " + Twine(dim) + " of extent " +
                    Twine(extent));
    if (!isChosen)
      result.push_back(extent);
  }
  return finishLike(n, n.reshape(n.operand(0), result));
}

LogicalResult buildUnsqueeze(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Shape shape = n.shapeOf(n.operand(0));
  // The axes are those of the result, whose rank their number says.
  auto given = n.findInts("axes");
  if (!given && n.has(1))
    given = n.getIntegers(1, "axes");
  if (!given)
    return n.fail("its axes are missing");
  bool areGiven = false;
  auto axes = n.getAxes(1, shape.size() + given->size(), areGiven);
  if (!axes)
    return failure();
  Extents result(shape);
  for (int64_t axis : *axes)
    result.insert(result.begin() + axis, 1);
  return finishLike(n, n.reshape(n.operand(0), result));
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

LogicalResult buildTranspose(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  int64_t rank = n.rankOf(n.operand(0));
  Extents order = n.findInts("perm").value_or(
      llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank))));
  Extents sorted(order);
  llvm::sort(sorted);
  if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, rank)))
    return n.fail("attribute 'perm' is no order of " + Twine(rank) +
                  " dimensions");
  return finishLike(n, n.transpose(n.operand(0), order));
}

LogicalResult buildConcat(NodeBuilder &n) {
  if (failed(n.expectInputs(std::max<size_t>(n.getNumInputs(), 1))))
    return failure();
  Shape first = n.shapeOf(n.operand(0));
  auto given = n.findInt("axis");
  if (!given)
    return n.fail("attribute 'axis' is missing");
  auto axis = n.toAxis(*given, first.size());
  if (!axis)
    return failure();
  SmallVector<Value> parts;
  Extents whole(first);
  whole[*axis] = 0;
  for (size_t number = 0; number < n.getNumInputs(); ++number) {
    if (failed(n.expectSameType({0, number})))
      return failure();
    Value part = n.operand(number);
    Shape shape = n.shapeOf(part);
    for (int64_t dim = 0; dim < int64_t(first.size()); ++dim)
      if (shape.size() != first.size() ||
          (dim != *axis && shape[dim] != first[dim]))
        return n.fail("input " + Twine(number) +
                      " does not have the shape of the others");
    whole[*axis] += shape[*axis];
    if (shape[*axis] != 0)
      parts.push_back(part);
  }
  if (failed(n.checkShape(whole)))
    return failure();
  if (parts.empty())
    return finishLike(n, n.operand(0));
  return finishLike(n, n.concat(parts, *axis));
}

LogicalResult buildSplit(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Value x = n.operand(0);
  Shape shape = n.shapeOf(x);
  auto axis = n.toAxis(n.getInt("axis", 0), shape.size());
  if (!axis)
    return failure();
  int64_t extent = shape[*axis], count = n.getNumOutputs();
  auto sizes = n.findInts("split");
  if (n.has(1) && !(sizes = n.getIntegers(1, "sizes")))
    return failure();
  count = n.getInt("num_outputs", count);
  if (count != int64_t(n.getNumOutputs()))
    return n.fail("expected as many outputs as 'num_outputs' says");
  if (!sizes) {
    if (count <= 0)
      return n.fail("it has no outputs");
    int64_t each = llvm::divideCeil(extent, count);
    sizes.emplace();
    for (int64_t start = 0; int64_t(sizes->size()) < count; start += each)
      sizes->push_back(std::clamp<int64_t>(extent - start, 0, each));
  }
  if (sizes->size() != n.getNumOutputs())
    return n.fail("expected a size for each of " + Twine(n.getNumOutputs()) +
                  " outputs");
  Extents offsets(shape.size(), 0), part(shape), ones(shape.size(), 1);
  for (auto [number, size] : llvm::enumerate(*sizes)) {
    if (size < 0 || size > extent - offsets[*axis])
      return n.fail("its sizes do not add up to " + Twine(extent));
    part[*axis] = size;
    n.setOutput(number, n.slice(x, offsets, part, ones), n.dataType(0));
    offsets[*axis] += size;
  }
  if (offsets[*axis] != extent)
    return n.fail("its sizes do not add up to " + Twine(extent));
  return success();
}

LogicalResult buildSlice(NodeBuilder &n) {
  if (failed(n.expectInputs(3)))
    return failure();
  Value x = n.operand(0);
  Extents sizes(n.shapeOf(x));
  int64_t rank = sizes.size();
  auto starts = n.getIntegers(1, "starts"), ends = n.getIntegers(2, "ends");
  std::optional<Extents> axes, steps;
  if (n.has(3) && !(axes = n.getIntegers(3, "axes")))
    return failure();
  if (n.has(4) && !(steps = n.getIntegers(4, "steps")))
    return failure();
  if (!starts || !ends)
    return failure();
  if (!axes)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (!steps)
    steps = Extents(starts->size(), 1);
  if (starts->size() != ends->size() || starts->size() != axes->size() ||
      starts->size() != steps->size())
    return n.fail("expected as many starts, ends, axes and steps");
  Extents offsets(rank, 0), strides(rank, 1);
  llvm::SmallSet<int64_t, 4> seen;
  for (auto [start, end, given, step] :
       llvm::zip_equal(*starts, *ends, *axes, *steps)) {
    auto axis = n.toAxis(given, rank);
    if (!axis)
      return failure();
    int64_t extent = sizes[*axis];
    if (step == 0 || step == INT64_MIN)
      return n.fail("a step is " + Twine(step));
    if (!seen.insert(*axis).second)
      return n.fail("an axis is given twice");
    bool isForward = step > 0;
    // Places from -1 (backwards) or 0 to the extent.
    auto clamp = [&](int64_t place) {
      place = place < 0 && place > INT64_MIN + extent ? place + extent : place;
      return std::clamp<int64_t>(place, isForward ? 0 : -1,
                                 isForward ? extent : extent - 1);
    };
    int64_t from = clamp(start), to = clamp(end);
    int64_t length = isForward ? to - from : from - to;
    sizes[*axis] =
        length <= 0
            ? 0
            : int64_t((uint64_t(length) - 1) / uint64_t(std::abs(step))) + 1;
    offsets[*axis] = sizes[*axis] == 0 ? 0 : from;
    strides[*axis] = sizes[*axis] <= 1 ? 1 : step;
  }
  return finishLike(n, n.slice(x, offsets, sizes, strides));
}

//===----------------------------------------------------------------------===//
// Repetition
//===----------------------------------------------------------------------===//

LogicalResult buildExpand(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  auto wanted = n.getIntegers(1, "shape");
  if (!wanted || failed(n.checkShape(*wanted)))
    return failure();
  auto shape = n.broadcastShapes({n.shapeOf(n.operand(0)), *wanted});
  if (!shape || failed(n.checkShape(*shape)))
    return failure();
  return finishLike(n, n.broadcastTo(n.operand(0), *shape));
}

LogicalResult buildTile(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  auto repeats = n.getIntegers(1, "repeats");
  if (!repeats)
    return failure();
  Value x = n.operand(0);
  Shape shape = n.shapeOf(x);
  if (repeats->size() != shape.size())
    return n.fail("expected a number of repeats for each dimension");
  Extents split, spread, result;
  for (auto [extent, count] : llvm::zip_equal(shape, *repeats)) {
    if (count < 0 || llvm::MulOverflow(extent, count, result.emplace_back()))
      return n.fail("its repeats are absurd");
    split.append({1, extent});
    spread.append({count, extent});
  }
  if (failed(n.checkShape(result)))
    return failure();
  if (llvm::is_contained(result, 0))
    return finishLike(n, n.empty(typeOf(x).clone(result)));
  return finishLike(
      n, n.reshape(n.broadcastTo(n.reshape(x, split), spread), result));
}

/// The place in a tensor of `extent` that place `at` of a padded one shows.
Value sourcePlace(TensorBuilder &body, StringRef mode, Value at, int64_t before,
                  int64_t extent) {
  ArrayBuilder b{body};
  auto sub = [&](Value x, Value y) -> Value {
    return arith::SubIOp::create(b.b, b.loc, x, y);
  };
  Value moved = sub(at, b.index(before));
  Value last = b.index(extent - 1), zero = b.index(0);
  auto clamp = [&](Value x) -> Value {
    Value low = arith::MaxSIOp::create(b.b, b.loc, x, zero);
    return arith::MinSIOp::create(b.b, b.loc, low, last);
  };
  if (mode == "edge")
    return clamp(moved);
  auto modulo = [&](Value x, int64_t period) -> Value {
    Value rest = arith::RemSIOp::create(b.b, b.loc, x, b.index(period));
    Value up = arith::AddIOp::create(b.b, b.loc, rest, b.index(period));
    Value isNegative = b.compare(arith::CmpIPredicate::slt, rest, zero);
    return b.select(isNegative, up, rest);
  };
  if (mode == "wrap")
    return modulo(moved, extent);
  if (extent == 1)
    return zero;
  // Forth and back again.
  Value phase = modulo(moved, 2 * (extent - 1));
  Value back = sub(b.index(2 * (extent - 1)), phase);
  return b.select(b.compare(arith::CmpIPredicate::sle, phase, last), phase,
                  back);
}

LogicalResult padByPlaces(NodeBuilder &n, StringRef mode, Shape before,
                          Shape result) {
  Value x = n.operand(0);
  Extents extents(n.shapeOf(x));
  return finishLike(
      n, n.generate(
             result, n.elementOf(x), [&](TensorBuilder &b, ArrayRef<Value> at) {
               SmallVector<Value> from;
               for (auto [place, shift, extent] :
                    llvm::zip_equal(at, before, extents))
                 from.push_back(sourcePlace(b, mode, place, shift, extent));
               return n.extract(b, x, from);
             }));
}

/// A constant around `x`, whose part within the result is kept.
LogicalResult padByConstant(NodeBuilder &n, Shape before, Shape result) {
  Value x = n.operand(0);
  Extents from, size, to, ones(result.size(), 1);
  for (auto [extent, shift, whole] :
       llvm::zip_equal(n.shapeOf(x), before, result)) {
    from.push_back(std::max<int64_t>(-shift, 0));
    to.push_back(std::max<int64_t>(shift, 0));
    size.push_back(std::max<int64_t>(
        std::min(extent - from.back(), whole - to.back()), 0));
  }
  if (n.has(2) && typeOf(n.operand(2)).getNumElements() != 1)
    return n.fail("expected one number to pad with");
  Value fill = n.has(2) ? n.reshape(n.operand(2), {})
                        : n.number(typeOf(x).clone(Extents()), 0);
  Value around = n.broadcastTo(fill, result);
  if (llvm::is_contained(size, 0))
    return finishLike(n, around);
  Value kept = n.slice(x, from, size, ones);
  return finishLike(n, tensor::InsertSliceOp::create(n.b, n.loc, typeOf(around),
                                                     kept, around, ValueRange(),
                                                     ValueRange(), ValueRange(),
                                                     to, size, ones));
}

LogicalResult buildPad(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectSameType({0, 2})))
    return failure();
  Shape shape = n.shapeOf(n.operand(0));
  auto pads = n.getIntegers(1, "pads");
  if (!pads)
    return failure();
  Extents axes = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  if (n.has(3)) {
    auto given = n.getIntegers(3, "axes");
    if (!given)
      return failure();
    axes.clear();
    for (int64_t axis : *given) {
      auto counted = n.toAxis(axis, shape.size());
      if (!counted)
        return failure();
      if (llvm::is_contained(axes, *counted))
        return n.fail("an axis is given twice");
      axes.push_back(*counted);
    }
  }
  if (pads->size() != 2 * axes.size())
    return n.fail("expected two pads for each axis");
  Extents before(shape.size(), 0), result(shape);
  for (auto [number, axis] : llvm::enumerate(axes)) {
    int64_t front = (*pads)[number], back = (*pads)[axes.size() + number];
    if (std::abs(front) > maxPad || std::abs(back) > maxPad)
      return n.fail("its pads are absurd");
    before[axis] = front;
    result[axis] = shape[axis] + front + back;
  }
  if (failed(n.checkShape(result)))
    return failure();
  std::string mode = n.getString("mode", "constant");
  if (mode == "constant")
    return padByConstant(n, before, result);
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    return n.fail("unknown mode '" + mode + "'");
  if (llvm::is_contained(shape, 0))
    return n.fail("nothing can be repeated");
  return padByPlaces(n, mode, before, result);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

LogicalResult buildConstant(NodeBuilder &n) {
  if (GraphValue tensor = n.findTensor("value"))
    return n.finish(tensor.value, tensor.type);
  if (auto value = n.findInt("value_int"))
    return n.finish(integers(n, *value, /*isScalar=*/true), TensorProto::INT64);
  if (auto values = n.findInts("value_ints"))
    return n.finish(integers(n, *values), TensorProto::INT64);
  if (auto value = n.findFloat("value_float")) {
    auto type = RankedTensorType::get({}, n.b.getF32Type());
    return n.finish(n.number(type, *value), TensorProto::FLOAT);
  }
  if (const auto *values = n.find("value_floats")) {
    SmallVector<float> floats(values->floats().begin(), values->floats().end());
    auto type =
        RankedTensorType::get({int64_t(floats.size())}, n.b.getF32Type());
    return n.finish(
        arith::ConstantOp::create(
            n.b, n.loc, DenseElementsAttr::get(type, ArrayRef<float>(floats))),
        TensorProto::FLOAT);
  }
  return n.fail("expected a value of numbers");
}

LogicalResult buildConstantOfShape(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  auto shape = n.getIntegers(0, "shape");
  if (!shape || failed(n.checkShape(*shape)))
    return failure();
  GraphValue value = n.findTensor("value");
  if (value && typeOf(value.value).getNumElements() != 1)
    return n.fail("expected a value of one number");
  if (!value)
    value = {n.number(RankedTensorType::get({}, n.b.getF32Type()), 0),
             TensorProto::FLOAT};
  return n.finish(n.broadcastTo(n.reshape(value.value, {}), *shape),
                  value.type);
}

LogicalResult buildTrilu(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  bool isUpper = n.getInt("upper", 1) != 0;
  int64_t diagonal = 0;
  if (n.has(1)) {
    auto given = n.getInteger(1, "diagonal");
    if (!given)
      return failure();
    // Beyond every row and column are all that there are.
    constexpr int64_t far = int64_t(1) << 40;
    diagonal = std::clamp(*given, -far, far);
  }
  Value x = n.operand(0);
  Shape shape = n.shapeOf(x);
  if (shape.size() < 2)
    return n.fail("expected matrices");
  Value isKept = n.generate(
      shape, n.b.getI1Type(), [&](TensorBuilder &b, ArrayRef<Value> at) {
        ArrayBuilder inner{b};
        Value edge = arith::AddIOp::create(b.b, b.loc, at[shape.size() - 2],
                                           inner.index(diagonal));
        return b.compare(isUpper ? arith::CmpIPredicate::sge
                                 : arith::CmpIPredicate::sle,
                         at.back(), edge);
      });
  return finishLike(n, n.select(isKept, x, n.number(x.getType(), 0)));
}

} // namespace

void sterna::addShapeOps(OpTable &table) {
  table.add("Shape", buildShape);
  table.add("Size", buildSize);
  table.add("Reshape", buildReshape);
  table.add("Flatten", buildFlatten);
  table.add("Squeeze", buildSqueeze);
  table.add("Unsqueeze", buildUnsqueeze);
  table.add("Transpose", buildTranspose);
  table.add("Concat", buildConcat);
  table.add("Split", buildSplit);
  table.add("Slice", buildSlice);
  table.add("Expand", buildExpand);
  table.add("Tile", buildTile);
  table.add("Pad", buildPad);
  table.add("Constant", buildConstant);
  table.add("ConstantOfShape", buildConstantOfShape);
  table.add("Trilu", buildTrilu);
}
