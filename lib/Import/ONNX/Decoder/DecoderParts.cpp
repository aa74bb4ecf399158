//===- DecoderParts.cpp - Parts of a language model's graph ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DecoderParts.h.
//
//===----------------------------------------------------------------------===//

#include "DecoderParts.h"

#include "DecoderWeights.h"

#include "ScalarForms.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/Matmul.h"

using namespace mlir;
using namespace sterna;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

SmallVector<int64_t> sterna::spreadTokens(int64_t tokens) {
  SmallVector<int64_t> spread;
  for (int64_t i = 1; i <= 12; ++i)
    spread.push_back(i * 7919 % tokens);
  return spread;
}

llvm::Error sterna::makeError(Operation *op, const Twine &message) {
  auto name = dyn_cast<NameLoc>(op->getLoc());
  return llvm::createStringError(
      "node '" + (name ? name.getName().getValue() : StringRef("?")) +
      "': " + message);
}

static bool isView(Operation *op) {
  return isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         arith::ExtFOp, arith::TruncFOp>(op);
}

Value sterna::peelViews(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

Value sterna::peelBroadcasts(Value value) {
  value = peelViews(value);
  while (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>())
    value = peelViews(broadcast.getInput());
  return value;
}

SmallVector<Value> sterna::findLeaves(Value value, const LinearForms &forms) {
  llvm::SetVector<Value> leaves;
  SmallVector<Value> work{value};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    Operation *op = next.getDefiningOp();
    bool isLeaf = !op || isa<tern::GetParamOp>(op) ||
                  (next != value && forms.isRoot(next));
    if (isLeaf) {
      leaves.insert(next);
      continue;
    }
    // Bodies of loops read tensors from around them, too.
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (isa<RankedTensorType>(operand.getType()) &&
            !op->isAncestor(operand.getParentRegion()->getParentOp()))
          work.push_back(operand);
    });
  }
  return leaves.takeVector();
}

llvm::SetVector<Operation *> sterna::findSlice(Value value,
                                               const LinearForms &forms) {
  llvm::SetVector<Operation *> slice;
  Operation *last = value.getDefiningOp();
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.omitUsesFromAbove = false;
  options.filter = [&](Operation *op) {
    return op == last || llvm::none_of(op->getResults(), [&](Value result) {
             return forms.isRoot(result);
           });
  };
  // Only a block argument that is followed can fail.
  if (last)
    (void)getBackwardSlice(last, &slice, options);
  return slice;
}

//===----------------------------------------------------------------------===//
// Small patterns
//===----------------------------------------------------------------------===//

/// The number that every element of `value` is, or none.
static std::optional<double> findNumber(Value value) {
  DenseElementsAttr elements;
  value = peelBroadcasts(value);
  if (matchPattern(value, m_Constant(&elements)) &&
      (elements.isSplat() || elements.getNumElements() == 1))
    return numberOf(elements, 0);
  return std::nullopt;
}

/// The other operand of `op`, an op of two, where one is a number.
static Value findOther(Operation *op, double &number) {
  for (unsigned side : {1, 0})
    if (auto found = findNumber(op->getOperand(side))) {
      number = *found;
      return op->getOperand(1 - side);
    }
  return nullptr;
}

/// The operand of a reduction of rows, the last dimensions, by `Combiner`.
template <typename... Combiner> static Value findReduced(Value value) {
  auto op = peelBroadcasts(value).getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0 || op->getNumRegions() != 1)
    return nullptr;
  // Reduced loops are the last, and the operand has all in order.
  SmallVector<utils::IteratorType> loops = op.getIteratorTypesArray();
  bool isLast = true;
  for (size_t loop = 1; loop < loops.size(); ++loop)
    isLast &= loops[loop - 1] == utils::IteratorType::parallel ||
              loops[loop] == utils::IteratorType::reduction;
  Block *body = op.getBlock();
  if (!isLast || !op.getIndexingMapsArray()[0].isIdentity() ||
      !llvm::hasNItems(body->begin(), body->end(), 2) ||
      !isa<Combiner...>(body->front()))
    return nullptr;
  return op->getOperand(0);
}

Value sterna::findSumOf(Value value) {
  for (Operation *user : value.getUsers()) {
    if (isView(user))
      if (Value sum = findSumOf(user->getResult(0)))
        return sum;
    if (isa<linalg::LinalgOp>(user))
      if (Value summed = findReduced<arith::AddFOp>(user->getResult(0)))
        if (peelViews(summed) == peelViews(value))
          return user->getResult(0);
  }
  return nullptr;
}

/// `value` without what stands for it in rows that see nothing.
static Value peelGuard(Value value) {
  value = peelBroadcasts(value);
  if (auto select = value.getDefiningOp<arith::SelectOp>()) {
    auto test = select.getCondition().getDefiningOp<arith::CmpFOp>();
    double infinity = -std::numeric_limits<double>::infinity();
    if (test && test.getPredicate() == arith::CmpFPredicate::OEQ &&
        findNumber(test.getRhs()) == infinity)
      return select.getFalseValue();
  }
  return value;
}

Value sterna::findSoftmaxInput(Value value) {
  auto quotient = peelViews(value).getDefiningOp<arith::DivFOp>();
  if (!quotient)
    return nullptr;
  Value powers = peelViews(quotient.getLhs());
  Value summed = findReduced<arith::AddFOp>(peelGuard(quotient.getRhs()));
  auto exp = powers.getDefiningOp<math::ExpOp>();
  if (!summed || peelViews(summed) != powers || !exp)
    return nullptr;
  auto moved = peelViews(exp.getOperand()).getDefiningOp<arith::SubFOp>();
  if (!moved)
    return nullptr;
  Value most = findReduced<arith::MaximumFOp>(peelGuard(moved.getRhs()));
  return most && peelViews(most) == peelViews(moved.getLhs()) ? moved.getLhs()
                                                              : Value();
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// sqrt(mean(x^2) + epsilon).
struct Root {
  Value squared;
  double epsilon = 0;
};

static std::optional<Root> findRoot(Value value) {
  auto sum = peelViews(value).getDefiningOp<arith::AddFOp>();
  Root root;
  Value mean = sum ? findOther(sum, root.epsilon) : Value();
  if (!mean)
    return std::nullopt;
  Operation *op = peelBroadcasts(mean).getDefiningOp();
  double factor = 0;
  if (!isa_and_nonnull<arith::DivFOp, arith::MulFOp>(op))
    return std::nullopt;
  Value total = findOther(op, factor);
  if (isa<arith::DivFOp>(op) && total != op->getOperand(0))
    return std::nullopt;
  Value squares = total ? findReduced<arith::AddFOp>(total) : Value();
  if (!squares)
    return std::nullopt;
  double count = isa<arith::DivFOp>(op) ? factor : 1 / factor;
  double expected = double(shapeOf(squares).back());
  if (std::abs(count - expected) > 1e-3)
    return std::nullopt;
  Operation *square = peelViews(squares).getDefiningOp();
  if (auto power = dyn_cast_if_present<math::PowFOp>(square)) {
    if (findNumber(power.getRhs()) != 2)
      return std::nullopt;
    root.squared = peelViews(power.getLhs());
    return root;
  }
  if (!isa_and_nonnull<arith::MulFOp>(square))
    return std::nullopt;
  root.squared = peelViews(square->getOperand(0));
  if (peelViews(square->getOperand(1)) != root.squared)
    return std::nullopt;
  return root;
}

/// The root that `value` is, or is one by.
static std::optional<Root> findFactor(Value value, bool isInverse) {
  Operation *op = peelBroadcasts(value).getDefiningOp();
  if (auto power = dyn_cast_if_present<math::PowFOp>(op))
    return findNumber(power.getRhs()) == (isInverse ? -0.5 : 0.5)
               ? findRoot(power.getLhs())
               : std::nullopt;
  if (!isInverse) {
    auto root = dyn_cast_if_present<math::SqrtOp>(op);
    return root ? findRoot(root.getOperand()) : std::nullopt;
  }
  if (auto inverse = dyn_cast_if_present<math::RsqrtOp>(op))
    return findRoot(inverse.getOperand());
  if (auto quotient = dyn_cast_if_present<arith::DivFOp>(op))
    if (findNumber(quotient.getLhs()) == 1)
      return findFactor(quotient.getRhs(), /*isInverse=*/false);
  return std::nullopt;
}

static std::optional<NormPart> findNorm(Operation *op) {
  if (auto norm = dyn_cast<tern::RmsNormOp>(op))
    return NormPart{peelViews(norm.getInput()), norm.getWeight(),
                    norm.getEpsilon().convertToDouble(),
                    shapeOf(norm.getInput()).back()};
  bool isProduct = isa<arith::MulFOp>(op);
  if ((!isProduct && !isa<arith::DivFOp>(op)) ||
      !isa<RankedTensorType>(op->getResult(0).getType()) ||
      shapeOf(op->getResult(0)).empty())
    return std::nullopt;
  for (unsigned side : {1, 0}) {
    if (side == 0 && !isProduct)
      break;
    auto root = findFactor(op->getOperand(side), isProduct);
    int64_t size = shapeOf(op->getResult(0)).back();
    if (root && peelViews(op->getOperand(1 - side)) == root->squared &&
        computesNorm(op->getResult(0), root->squared, root->epsilon, size))
      return NormPart{root->squared, nullptr, root->epsilon, size};
  }
  return std::nullopt;
}

/// Whether `value` repeats one vector of `size`, a constant or a parameter.
static bool isVector(Value value, int64_t size) {
  Value vector = peelBroadcasts(value);
  auto type = cast<RankedTensorType>(vector.getType());
  Operation *op = vector.getDefiningOp();
  return type.getNumElements() == size && type.getRank() > 0 &&
         type.getShape().back() == size && shapeOf(value).back() == size &&
         isa_and_nonnull<arith::ConstantOp, tern::GetParamOp>(op);
}

/// The uses of `value`, behind its views.
static void findUses(Value value, SmallVectorImpl<OpOperand *> &uses) {
  for (OpOperand &use : value.getUses()) {
    if (isView(use.getOwner()))
      findUses(use.getOwner()->getResult(0), uses);
    else
      uses.push_back(&use);
  }
}

/// `norm`, of `result`, times its weight; several, where it is used so alone
/// with weights that differ.
static SmallVector<std::pair<Value, NormPart>> applyWeights(Value result,
                                                            NormPart norm) {
  SmallVector<OpOperand *> uses;
  findUses(result, uses);
  SmallVector<std::pair<Value, NormPart>> weighted;
  for (OpOperand *use : uses) {
    Operation *user = use->getOwner();
    if (!isa<arith::MulFOp>(user))
      break;
    Value other = user->getOperand(1 - use->getOperandNumber());
    if (!isVector(other, norm.size))
      break;
    norm.weight = peelBroadcasts(other);
    if (!computesNorm(user->getResult(0), norm.input, norm.epsilon, norm.size,
                      norm.weight))
      break;
    weighted.push_back({user->getResult(0), norm});
  }
  if (weighted.size() == uses.size() && !uses.empty())
    return weighted;
  norm.weight = nullptr;
  return {{result, norm}};
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

int64_t ProductPart::getPlace(unsigned operand, int64_t b, int64_t m, int64_t n,
                              int64_t k) const {
  auto linalg = op;
  SmallVector<int64_t> extents = linalg.getStaticLoopRanges();
  ArrayRef<int64_t> outer = ArrayRef(extents).drop_back(3);
  SmallVector<int64_t> at = delinearize(b, computeStrides(outer));
  at.append({m, n, k});
  AffineMap map = linalg.getIndexingMapsArray()[operand];
  return linearize(map.compose(at),
                   computeStrides(shapeOf(op->getOperand(operand))));
}

/// A product over batches: loops [.., m, n, k], of which k is summed.
static std::optional<ProductPart> findProduct(Operation *op) {
  auto linalg = dyn_cast<linalg::LinalgOp>(op);
  if (!linalg || linalg.getNumDpsInputs() != 2 ||
      linalg.getNumDpsInits() != 1 || linalg.getNumReductionLoops() != 1 ||
      linalg.getNumLoops() < 3 || linalg.hasDynamicShape())
    return std::nullopt;
  Block *body = linalg.getBlock();
  bool isSum = llvm::hasNItems(body->begin(), body->end(), 3) &&
               isa<arith::MulFOp>(body->front()) &&
               isa<arith::AddFOp>(*std::next(body->begin()));
  unsigned loops = linalg.getNumLoops();
  auto map = [&](unsigned operand) {
    return linalg.getIndexingMapsArray()[operand];
  };
  if (!isSum ||
      linalg.getIteratorTypesArray().back() != utils::IteratorType::reduction)
    return std::nullopt;
  // Which side is which: m is a loop of the left, n of the right alone.
  if (map(0).isFunctionOfDim(loops - 2) || map(1).isFunctionOfDim(loops - 3) ||
      !map(0).isFunctionOfDim(loops - 1) || !map(1).isFunctionOfDim(loops - 1))
    return std::nullopt;
  SmallVector<int64_t> extents = linalg.getStaticLoopRanges();
  return ProductPart{linalg, llvm::product_of(ArrayRef(extents).drop_back(3)),
                     extents[loops - 3], extents[loops - 2],
                     extents[loops - 1]};
}

static bool comesFromParameters(Value value, const LinearForms &forms) {
  SmallVector<Value> leaves = findLeaves(value, forms);
  return !leaves.empty() && llvm::all_of(leaves, [](Value leaf) {
    return leaf.getDefiningOp<tern::GetParamOp>() != nullptr;
  });
}

static std::optional<LinearPart> findLinear(Operation *op,
                                            const LinearForms &forms) {
  auto matmul = dyn_cast<linalg::MatmulOp>(op);
  if (!matmul)
    return std::nullopt;
  std::optional<MatmulFactors> factors = getFactors(matmul);
  if (!factors || factors->lhs.transposed ||
      !comesFromParameters(factors->rhs.matrix, forms))
    return std::nullopt;
  LinearPart part;
  part.input = factors->lhs.matrix;
  part.weight = factors->rhs.matrix;
  part.isTransposed = factors->rhs.transposed;
  part.rows = shapeOf(op->getResult(0))[1];
  part.columns = shapeOf(part.input)[1];
  part.op = op;
  return part;
}

/// Whether a product of `rows` tokens times `value` is scaled as a layer's: by
/// a vector of one number, or by what is computed for each token. Factors of
/// other kinds are scalars.
static bool isScale(Value value, int64_t rows) {
  Value scale = peelBroadcasts(value);
  auto type = cast<RankedTensorType>(scale.getType());
  if (isa_and_nonnull<arith::ConstantOp>(scale.getDefiningOp()))
    return type.getRank() == 1 && type.getNumElements() == 1;
  return type.getNumElements() == rows &&
         (rows != 1 || scale.getDefiningOp<linalg::LinalgOp>() == nullptr);
}

/// The result of `part` with its scale, which it notes.
static Value applyScale(Value result, LinearPart &part) {
  int64_t rows = shapeOf(result)[0];
  Value last = result;
  while (last.hasOneUse()) {
    Operation *user = *last.user_begin();
    if (isView(user)) {
      last = user->getResult(0);
      continue;
    }
    bool isFirst = user->getOperand(0) == last;
    if (!isa<arith::MulFOp>(user) && !(isa<arith::DivFOp>(user) && isFirst))
      break;
    Value other = user->getOperand(isFirst ? 1 : 0);
    if (!isScale(other, rows))
      break;
    part.scale = other;
    part.isDivided = isa<arith::DivFOp>(user);
    return user->getResult(0);
  }
  return result;
}

/// The elements of a table of floats in a file, read a row at a time.
static std::function<double(int64_t)> readTable(Value table) {
  auto shape = shapeOf(table);
  auto stored = locateTensor(table, {shape[0], shape[1]});
  if (!stored) {
    llvm::consumeError(stored.takeError());
    return {};
  }
  auto source = stored->open();
  if (!source) {
    llvm::consumeError(source.takeError());
    return {};
  }
  auto rows = std::make_shared<WeightSource>(std::move(*source));
  auto read = std::make_shared<llvm::DenseMap<int64_t, std::vector<float>>>();
  return [rows, read, columns = shape[1]](int64_t place) -> double {
    std::vector<float> &row = (*read)[place / columns];
    if (row.empty()) {
      row.resize(columns);
      // What cannot be read fits nothing.
      if (llvm::Error error =
              rows->decodeRows(place / columns, 1, row.data())) {
        llvm::consumeError(std::move(error));
        row.assign(columns, NAN);
      }
    }
    return row[place % columns];
  };
}

/// Makes the elements of tables known, which are all matrices of floats but
/// those that products and embeddings read.
static void assignTables(func::FuncOp function, LinearForms &forms) {
  llvm::DenseSet<Value> weights;
  for (Operation &op : function.getOps()) {
    if (auto embeds = dyn_cast<tern::EmbeddingOp>(op))
      weights.insert(embeds.getTable());
    if (auto matmul = dyn_cast<linalg::MatmulOp>(op))
      for (Value leaf : findLeaves(matmul->getOperand(1), forms))
        weights.insert(leaf);
  }
  for (auto get : function.getOps<tern::GetParamOp>()) {
    auto type = cast<RankedTensorType>(get.getType());
    if (type.getRank() != 2 || !isa<FloatType>(type.getElementType()) ||
        weights.contains(get.getResult()))
      continue;
    if (auto number = readTable(get.getResult()))
      forms.assign(get.getResult(), std::move(number));
  }
}

void DecoderParts::find(func::FuncOp function, LinearForms &forms) {
  assignTables(function, forms);
  for (Operation &op : function.getOps()) {
    if (auto embeds = dyn_cast<tern::EmbeddingOp>(op)) {
      embedding = embedding ? embedding : embeds.getResult();
      forms.addRoot(embeds.getResult());
    } else if (auto norm = findNorm(&op)) {
      SmallVector<std::pair<Value, NormPart>> found{{op.getResult(0), *norm}};
      if (!norm->weight)
        found = applyWeights(op.getResult(0), *norm);
      forms.addRoot(norm->input);
      for (auto &[result, part] : found) {
        forms.addRoot(result);
        norms[result] = part;
      }
    } else if (auto linear = findLinear(&op, forms)) {
      Value result = applyScale(op.getResult(0), *linear);
      forms.addRoot(result);
      linears[result] = *linear;
    } else if (auto product = findProduct(&op)) {
      if (forms.get(op.getResult(0), 0).isConstant())
        continue;
      forms.addRoot(op.getResult(0));
      products.insert({op.getResult(0), *product});
    }
  }
}
