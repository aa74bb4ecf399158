//===- LinearForms.cpp - Elements as sums of other elements ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See LinearForms.h.
//
//===----------------------------------------------------------------------===//

#include "LinearForms.h"

#include "ScalarForms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace sterna;

/// Forms that are remembered.
static constexpr size_t maxKnown = 1 << 18;
/// Values between an element and its roots.
static constexpr unsigned maxDepth = 1000;
/// Steps of all loops together: what takes more becomes a root, and is refused.
static constexpr int64_t maxStepsRun = int64_t(1) << 26;
/// Steps of a reduction that is followed.
static constexpr int64_t maxSteps = 1 << 20;

static ArrayRef<int64_t> shapeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

static SmallVector<int64_t> placesOf(ArrayRef<int64_t> shape, int64_t place) {
  return delinearize(place, computeStrides(shape));
}

static int64_t flatten(ArrayRef<int64_t> shape, ArrayRef<int64_t> at) {
  return linearize(at, computeStrides(shape));
}

LinearForm LinearForms::get(Value value, int64_t place) {
  if (auto it = numbers.find(value); it != numbers.end())
    return {it->second(place), {}};
  Operation *op = value.getDefiningOp();
  if (!op || roots.contains(value))
    return {0, {{value, place, 1}}};
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)))
    if (auto number = numberOf(elements, place))
      return {*number, {}};
  if (value.hasOneUse())
    return expand(value, place);
  if (auto it = known.find({value, place}); it != known.end())
    return it->second;
  LinearForm form = expand(value, place);
  if (known.size() >= maxKnown)
    known.clear();
  known[{value, place}] = form;
  return form;
}

LinearForm LinearForms::expand(Value root, int64_t place) {
  LinearForm self{0, {{root, place, 1}}};
  Operation *op = root.getDefiningOp();
  if (!op || depth >= maxDepth)
    return self;
  ++depth;
  LinearForm form = compute(op, root, place).value_or(self);
  --depth;
  return form;
}

/// The form of an element, or none where the op is not linear.
std::optional<LinearForm> LinearForms::compute(Operation *op, Value value,
                                               int64_t place) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return get(op->getOperand(0), place);
  if (isa<tensor::EmptyOp>(op))
    return LinearForm();
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    if (op->getNumOperands() != 1)
      return std::nullopt;
    SmallVector<int64_t> at = placesOf(shapeOf(value), place);
    for (auto [dim, from] : llvm::enumerate(at))
      from =
          from * slice.getStaticStrides()[dim] + slice.getStaticOffsets()[dim];
    return get(slice.getSource(), flatten(shapeOf(slice.getSource()), at));
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    if (op->getNumOperands() != 2)
      return std::nullopt;
    SmallVector<int64_t> at = placesOf(shapeOf(value), place);
    for (auto [dim, from] : llvm::enumerate(at)) {
      int64_t stride = insert.getStaticStrides()[dim];
      int64_t moved = from - insert.getStaticOffsets()[dim];
      if (moved < 0 || moved % stride != 0 ||
          moved / stride >= insert.getStaticSizes()[dim])
        return get(insert.getDest(), place);
      from = moved / stride;
    }
    return get(insert.getSource(), flatten(insert.getStaticSizes(), at));
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    SmallVector<int64_t> at = placesOf(shapeOf(value), place);
    int64_t &along = at[concat.getDim()];
    for (Value part : concat.getInputs()) {
      int64_t extent = shapeOf(part)[concat.getDim()];
      if (along < extent)
        return get(part, flatten(shapeOf(part), at));
      along -= extent;
    }
    return std::nullopt;
  }
  if (auto loops = dyn_cast<linalg::LinalgOp>(op))
    return runLoops(loops, cast<OpResult>(value), place);
  if (!OpTrait::hasElementwiseMappableTraits(op))
    return std::nullopt;
  Forms operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType())
                           ? get(operand, place)
                           : LinearForm{0, {{operand, 0, 1}}});
  return combine(op, operands);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Computes the scalars of a loop's body at one place.
class LinearForms::Body {
public:
  Body(LinearForms &forms, linalg::LinalgOp op, ArrayRef<int64_t> at,
       const LinearForm &before)
      : forms(forms), op(op), at(at), before(before) {}

  std::optional<LinearForm> get(Value scalar) {
    if (scalar.hasOneUse())
      return compute(scalar);
    if (auto it = scalars.find(scalar); it != scalars.end())
      return it->second;
    std::optional<LinearForm> form = compute(scalar);
    if (form)
      scalars[scalar] = *form;
    return form;
  }

private:
  std::optional<LinearForm> compute(Value scalar) {
    if (auto argument = dyn_cast<BlockArgument>(scalar)) {
      if (argument.getOwner() != op.getBlock())
        return std::nullopt;
      OpOperand *operand = op.getMatchingOpOperand(argument);
      if (op.isDpsInit(operand))
        return before;
      if (!isa<RankedTensorType>(operand->get().getType()))
        return get(operand->get()); // the number of a fill
      AffineMap map = forms.getNest(op).maps[operand->getOperandNumber()];
      return forms.get(operand->get(),
                       flatten(shapeOf(operand->get()), map.compose(at)));
    }
    Operation *inner = scalar.getDefiningOp();
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      return LinearForm{double(at[index.getDim()]), {}};
    Attribute attribute;
    if (matchPattern(inner, m_Constant(&attribute))) {
      if (auto number = numberOf(attribute))
        return LinearForm{*number, {}};
      return std::nullopt;
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      SmallVector<int64_t> from;
      for (Value index : extract.getIndices()) {
        std::optional<LinearForm> form = get(index);
        if (!form || !form->isConstant() || !(std::abs(form->constant) < 1e15))
          return std::nullopt;
        from.push_back(int64_t(form->constant));
      }
      ArrayRef<int64_t> shape = shapeOf(extract.getTensor());
      for (auto [place, extent] : llvm::zip_equal(from, shape))
        if (place < 0 || place >= extent)
          return std::nullopt;
      return forms.get(extract.getTensor(), flatten(shape, from));
    }
    if (inner->getNumRegions() != 0 || inner->getNumResults() != 1)
      return std::nullopt;
    Forms operands;
    for (Value operand : inner->getOperands()) {
      std::optional<LinearForm> form = get(operand);
      if (!form)
        return std::nullopt;
      operands.push_back(std::move(*form));
    }
    return combine(inner, operands);
  }

  LinearForms &forms;
  linalg::LinalgOp op;
  ArrayRef<int64_t> at;
  const LinearForm &before;
  llvm::DenseMap<Value, LinearForm> scalars;
};

std::optional<LinearForm> LinearForms::runBody(linalg::LinalgOp op,
                                               OpResult result,
                                               ArrayRef<int64_t> at,
                                               const LinearForm &before) {
  Operation *yield = op.getBlock()->getTerminator();
  return Body(*this, op, at, before)
      .get(yield->getOperand(result.getResultNumber()));
}

const LinearForms::Nest &LinearForms::getNest(linalg::LinalgOp op) {
  auto [it, isNew] = nests.try_emplace(op);
  if (isNew)
    it->second = {op.getStaticLoopRanges(), op.getIndexingMapsArray()};
  return it->second;
}

std::optional<LinearForm>
LinearForms::runLoops(linalg::LinalgOp op, OpResult result, int64_t place) {
  if (op->getNumRegions() != 1 || op.hasDynamicShape())
    return std::nullopt;
  OpOperand *init = op.getDpsInitOperand(result.getResultNumber());
  AffineMap map = getNest(op).maps[init->getOperandNumber()];
  if (!map.isProjectedPermutation())
    return std::nullopt;
  SmallVector<int64_t> extents = getNest(op).extents;
  SmallVector<int64_t> at(extents.size(), 0);
  SmallVector<bool> isFixed(extents.size(), false);
  SmallVector<int64_t> places = placesOf(shapeOf(result), place);
  for (auto [dim, expression] : llvm::enumerate(map.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expression).getPosition();
    at[loop] = places[dim];
    isFixed[loop] = true;
  }
  if (op.getNumReductionLoops() == 0)
    return sumUp(op, result, place, at, isFixed);
  if (auto it = sums.find({result, place}); it != sums.end())
    return it->second;
  auto form = sumUp(op, result, place, at, isFixed);
  sums[{result, place}] = form;
  return form;
}

/// Runs the loops that the place does not fix.
std::optional<LinearForm> LinearForms::sumUp(linalg::LinalgOp op,
                                             OpResult result, int64_t place,
                                             MutableArrayRef<int64_t> at,
                                             ArrayRef<bool> isFixed) {
  SmallVector<int64_t> extents = getNest(op).extents;
  int64_t steps = 1;
  for (auto [loop, extent] : llvm::enumerate(extents))
    steps *= isFixed[loop] ? 1 : extent;
  if (steps > maxSteps)
    return std::nullopt;
  OpOperand *init = op.getDpsInitOperand(result.getResultNumber());
  LinearForm form = get(init->get(), place);
  for (int64_t step = 0; step < steps; ++step) {
    if (++stepsRun > maxStepsRun)
      return std::nullopt;
    auto next = runBody(op, result, at, form);
    if (!next || next->terms.size() > 64)
      return std::nullopt;
    form = std::move(*next);
    for (size_t loop = extents.size(); loop-- > 0;) {
      if (isFixed[loop])
        continue;
      if (++at[loop] < extents[loop])
        break;
      at[loop] = 0;
    }
  }
  return form;
}
