//===- LoopGradients.cpp - Differentiation of linalg loops ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operand's gradient runs over the loops of the op: its body computes the
// scalars again, differentiates them with the rules of scalars, and adds what
// each iteration contributes to the element that it read. So any indexing map
// will do for an operand. A tensor that the body reads at places of its own, by
// tensor.extract, has further loops over dimensions whose place is computed: an
// iteration contributes where it is that place. A reduction gives each of its
// terms a cotangent:
//   - a sum, that of the result;
//   - an extremum, an equal share of it to each term that the result is;
//   - a product, times the product of the other terms.
//
//===----------------------------------------------------------------------===//

#include "LoopGradients.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "sterna/Autodiff/Differentiate.h"
#include "sterna/Support/TensorBuilder.h"

using namespace mlir;
using namespace sterna;

namespace {

/// A tensor that loops read or write, and where.
struct Access {
  Value value;
  AffineMap map;
};

/// One result of the loops.
struct LoopResult {
  Value init, value, cotangent;
  AffineMap map;
  /// In the body: what an iteration contributes, and the op that combines it
  /// with what came before; null where each iteration has an element of its
  /// own.
  Value term;
  Operation *combiner = nullptr;
  /// What decides whether an iteration contributes, as it does where this is
  /// `takenIf`; null where each does.
  Value condition;
  bool takenIf = true;
  /// What the cotangents of the terms are made of, elements of the result each.
  SmallVector<Access> parts;
  Value initCotangent;
};

class LoopGradients {
public:
  LoopGradients(linalg::GenericOp op, ValueRange results, OpBuilder &b,
                ValueRange cotangents)
      : op(op), b(b), build{b, op.getLoc()} {
    for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable())) {
      LoopResult result;
      result.init = init.get();
      result.value = results[index];
      result.cotangent = cotangents[index];
      result.map = op.getMatchingIndexingMap(&init);
      loopResults.push_back(result);
    }
  }

  FailureOr<SmallVector<Value>> run(ArrayRef<bool> wanted) {
    for (auto [index, result] : llvm::enumerate(loopResults))
      if (result.cotangent && failed(prepare(index, result)))
        return failure();
    SmallVector<Value> gradients(wanted.size());
    for (OpOperand &operand : op->getOpOperands()) {
      unsigned number = operand.getOperandNumber();
      if (!wanted[number])
        continue;
      LoopResult *reduced = reductionFrom(operand);
      gradients[number] =
          reduced ? reduced->initCotangent : emitGradient(operand);
      if (hasFailed)
        return failure();
    }
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    for (auto [index, value] : llvm::enumerate(captured)) {
      unsigned number = op->getNumOperands() + index;
      if (!wanted[number])
        continue;
      FailureOr<Value> gradient = emitCapturedGradient(value);
      if (failed(gradient) || hasFailed)
        return failure();
      gradients[number] = *gradient;
    }
    return gradients;
  }

private:
  //===--------------------------------------------------------------------===//
  // Reductions
  //===--------------------------------------------------------------------===//

  /// The reduction that starts from `operand`, if one does.
  LoopResult *reductionFrom(OpOperand &operand) {
    if (!op.isDpsInit(&operand))
      return nullptr;
    LoopResult &result =
        loopResults[operand.getOperandNumber() - op.getNumDpsInputs()];
    return result.combiner ? &result : nullptr;
  }

  /// Whether each iteration makes an element of its own.
  bool isElementwise(const LoopResult &result) {
    return llvm::all_of(llvm::seq(op.getNumLoops()), [&](unsigned dim) {
      return result.map.isFunctionOfDim(dim);
    });
  }

  /// Whether a scalar depends on what a reduction has so far, as in a prefix
  /// sum. Of elementwise results that is their start.
  bool readsRunningValue(Value scalar) {
    return llvm::any_of(llvm::zip_equal(loopResults, op.getRegionOutputArgs()),
                        [&](auto pair) {
                          auto &[result, old] = pair;
                          return !isElementwise(result) &&
                                 dependsOn(*op.getBlock(), scalar, old);
                        });
  }

  /// Finds what each iteration contributes to the result, and its cotangent.
  LogicalResult prepare(unsigned index, LoopResult &result) {
    if (!result.map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return op.emitOpError("has a differentiation rule for results at plain "
                            "loop indices only, but result #")
             << index << " is at " << AffineMapAttr::get(result.map);
    Value yielded = op.getBlock()->getTerminator()->getOperand(index);
    if (isElementwise(result)) {
      if (readsRunningValue(yielded))
        return op.emitOpError("has no differentiation rule for a result that "
                              "reads another one while that is reduced");
      result.term = yielded;
      result.parts = {{result.cotangent, result.map}};
      return success();
    }
    if (failed(findCombiner(index, yielded, result)))
      return op.emitOpError("has a differentiation rule for sums, products, "
                            "minima and maxima of terms (arith.addf, mulf, "
                            "minimumf, maximumf, minnumf, maxnumf) only");
    splitCotangent(result);
    return success();
  }

  LogicalResult findCombiner(unsigned index, Value yielded,
                             LoopResult &result) {
    BlockArgument old = op.getRegionOutputArgs()[index];
    auto choice = yielded.getDefiningOp<arith::SelectOp>();
    if (choice &&
        (choice.getTrueValue() == old || choice.getFalseValue() == old)) {
      result.condition = choice.getCondition();
      result.takenIf = choice.getFalseValue() == old;
      yielded = result.takenIf ? choice.getTrueValue() : choice.getFalseValue();
      combiners.insert(choice);
    }
    Operation *combiner = yielded.getDefiningOp();
    if (!combiner ||
        !isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxNumFOp, arith::MinNumFOp>(combiner) ||
        llvm::count(combiner->getOperands(), old) != 1 ||
        llvm::any_of(old.getUsers(), [&](Operation *user) {
          return user != combiner && !combiners.contains(user);
        }))
      return failure();
    result.combiner = combiner;
    result.term = combiner->getOperand(combiner->getOperand(0) == old ? 1 : 0);
    combiners.insert(combiner);
    // A term that depends on another result so far is none.
    return failure(llvm::any_of(op.getRegionOutputArgs(), [&](Value other) {
      return dependsOn(*op.getBlock(), result.term, other) ||
             (result.condition &&
              dependsOn(*op.getBlock(), result.condition, other));
    }));
  }

  /// In loops that emit() builds: `value` of an iteration that contributes to
  /// `result`, else `otherwise`.
  static Value ifTaken(const TensorBuilder &build, const LoopResult &result,
                       IRMapping &mapping, Value value, Value otherwise) {
    if (!result.condition)
      return value;
    Value condition = mapping.lookupOrDefault(result.condition);
    return result.takenIf ? build.select(condition, value, otherwise)
                          : build.select(condition, otherwise, value);
  }

  void splitCotangent(LoopResult &result) {
    if (isa<arith::AddFOp>(result.combiner)) {
      result.parts = {{result.cotangent, result.map}};
      result.initCotangent = result.cotangent;
    } else if (isa<arith::MulFOp>(result.combiner)) {
      splitAmongFactors(result);
    } else {
      splitAmongEquals(result);
    }
  }

  /// Parts: the share of a term that the result is, and the result.
  void splitAmongEquals(LoopResult &result) {
    Type type = result.value.getType();
    Value one = build.constant(type, 1), zero = build.constant(type, 0);
    Value isInit = build.same(result.init, result.value);
    Value count = reduce(
        result, {{result.value, result.map}}, build.select(isInit, one, zero),
        [](const TensorBuilder &build, Value term, ValueRange parts,
           Value sum) {
          Value one = build.constant(term.getType(), 1);
          Value zero = build.constant(term.getType(), 0);
          Value isTerm = build.same(term, parts[0]);
          return build.add(sum, build.select(isTerm, one, zero));
        });
    Value share = build.div(result.cotangent, count);
    result.parts = {{share, result.map}, {result.value, result.map}};
    result.initCotangent = build.select(isInit, share, zero);
  }

  /// Parts: the cotangent times the product of all factors, for those that are
  /// not zero, and times the product of the others, for one that is. Of two
  /// zeros each makes the other's derivative zero.
  void splitAmongFactors(LoopResult &result) {
    Type type = result.value.getType();
    Value one = build.constant(type, 1), zero = build.constant(type, 0);
    auto isZero = [](const TensorBuilder &build, Value x) {
      return build.compare(arith::CmpFPredicate::OEQ, x,
                           build.constant(x.getType(), 0));
    };
    Value initIsZero = isZero(build, result.init);
    Value product = reduce(
        result, {}, build.select(initIsZero, one, result.init),
        [&](const TensorBuilder &build, Value term, ValueRange, Value product) {
          Value one = build.constant(term.getType(), 1);
          return build.mul(product,
                           build.select(isZero(build, term), one, term));
        });
    Value zeros = reduce(
        result, {}, build.select(initIsZero, one, zero),
        [&](const TensorBuilder &build, Value term, ValueRange, Value count) {
          Value one = build.constant(term.getType(), 1);
          Value zero = build.constant(term.getType(), 0);
          return build.add(count, build.select(isZero(build, term), one, zero));
        });
    Value scaled = build.mul(result.cotangent, product);
    // Times zero, not zero: a NaN stays one.
    Value hasOne = build.compare(arith::CmpFPredicate::OEQ, zeros, one);
    Value whole =
        build.mul(scaled, build.select(isZero(build, zeros), one, zero));
    Value others = build.mul(scaled, build.select(hasOne, one, zero));
    result.parts = {{whole, result.map}, {others, result.map}};
    result.initCotangent =
        build.select(initIsZero, others, build.div(whole, result.init));
  }

  /// The cotangent of the term, from elements of the parts.
  static Value termCotangent(const TensorBuilder &build,
                             const LoopResult &result, Value term,
                             ValueRange parts) {
    if (parts.size() == 1)
      return parts[0];
    Value zero = build.constant(term.getType(), 0);
    if (!isa<arith::MulFOp>(result.combiner))
      return build.select(build.same(term, parts[1]), parts[0], zero);
    Value isZero = build.compare(arith::CmpFPredicate::OEQ, term, zero);
    return build.select(isZero, parts[1], build.div(parts[0], term));
  }

  //===--------------------------------------------------------------------===//
  // Loops
  //===--------------------------------------------------------------------===//

  using Scalars = function_ref<Value(OpBuilder &, IRMapping &, ValueRange parts,
                                     Value old)>;

  /// Loops over what the op reads and `parts` into `init`, at `map`, which may
  /// have further loops behind those of the op. `body` maps the scalars of the
  /// op's body to those of this one.
  Value emit(ArrayRef<Access> parts, Value init, AffineMap map, Scalars body) {
    SmallVector<Value> inputs(op->getOperands());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (const Access &part : parts) {
      inputs.push_back(part.value);
      maps.push_back(part.map);
    }
    for (AffineMap &read : maps)
      read = AffineMap::get(map.getNumDims(), 0, read.getResults(),
                            map.getContext());
    maps.push_back(map);
    auto loops = linalg::GenericOp::create(b, op.getLoc(), init.getType(),
                                           inputs, init, maps, iterators(map));
    inputs.push_back(init);
    Block &block = loops.getRegion().emplaceBlock();
    for (Value input : inputs)
      block.addArgument(getElementTypeOrSelf(input.getType()), op.getLoc());
    // Scalars keep their locations until they are differentiated: an error
    // names the one that has no rule.
    IRMapping mapping;
    for (auto [from, to] :
         llvm::zip(op.getBlock()->getArguments(), block.getArguments()))
      mapping.map(from, to);
    for (Operation &scalar : op.getBlock()->without_terminator())
      if (!combiners.contains(&scalar))
        block.push_back(scalar.clone(mapping));
    OpBuilder nested = OpBuilder::atBlockEnd(&block);
    ValueRange args = block.getArguments();
    Value result =
        body(nested, mapping, args.slice(op->getNumOperands(), parts.size()),
             args.back());
    linalg::YieldOp::create(nested, op.getLoc(), result);
    return loops.getResult(0);
  }

  /// Loops whose results are at `map` may run in any order along dimensions
  /// that are an index of theirs.
  SmallVector<utils::IteratorType> iterators(AffineMap map) {
    SmallVector<utils::IteratorType> kinds;
    for (unsigned dim = 0; dim < map.getNumDims(); ++dim) {
      unsigned uses = llvm::count_if(map.getResults(), [&](AffineExpr expr) {
        return expr.isFunctionOfDim(dim);
      });
      bool isIndex = llvm::is_contained(
          map.getResults(), getAffineDimExpr(dim, map.getContext()));
      kinds.push_back(uses == 1 && isIndex ? utils::IteratorType::parallel
                                           : utils::IteratorType::reduction);
    }
    return kinds;
  }

  /// A reduction of the terms of `result`, from `init`.
  Value reduce(LoopResult &result, ArrayRef<Access> parts, Value init,
               function_ref<Value(const TensorBuilder &, Value term,
                                  ValueRange parts, Value old)>
                   combine) {
    return emit(parts, init, result.map,
                [&](OpBuilder &nested, IRMapping &mapping, ValueRange parts,
                    Value old) {
                  TensorBuilder inner{nested, op.getLoc()};
                  Value next = combine(
                      inner, mapping.lookupOrDefault(result.term), parts, old);
                  return ifTaken(inner, result, mapping, next, old);
                });
  }

  /// Parts of all results.
  SmallVector<Access> collectParts() {
    SmallVector<Access> parts;
    for (const LoopResult &result : loopResults)
      if (result.cotangent)
        llvm::append_range(parts, result.parts);
    return parts;
  }

  /// The sum of what each iteration's terms say about the element of `operand`
  /// that it reads.
  Value emitGradient(OpOperand &operand) {
    SmallVector<Access> parts = collectParts();
    Type type = operand.get().getType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    // Sums of 16 bits would lose what is small beside them.
    Type element = getElementTypeOrSelf(type), wide = build.wideType(type);
    Value zeros = build.zeros(RankedTensorType::get(
        tensor ? tensor.getShape() : ArrayRef<int64_t>(), wide));
    Value argument = op.getMatchingBlockArgument(&operand);
    Value gradient =
        emit(parts, zeros, op.getMatchingIndexingMap(&operand),
             [&](OpBuilder &nested, IRMapping &mapping, ValueRange parts,
                 Value sum) {
               return addContributions({nested, op.getLoc()}, mapping, parts,
                                       mapping.lookup(argument), sum);
             });
    gradient = build.convert(gradient, element);
    if (tensor)
      return gradient;
    return tensor::ExtractOp::create(b, op.getLoc(), gradient, ValueRange{});
  }

  /// The gradient of a tensor that the body reads at places of its own.
  FailureOr<Value> emitCapturedGradient(Value captured) {
    Value sum;
    for (Operation *user : captured.getUsers()) {
      if (!op->isProperAncestor(user))
        continue;
      auto read = dyn_cast<tensor::ExtractOp>(user);
      if (!read || read->getBlock() != op.getBlock())
        return user->emitOpError("has a differentiated value in a loop's body, "
                                 "for which there is no rule");
      Value gradient = emitReadGradient(read);
      sum = sum ? build.add(sum, gradient) : gradient;
    }
    return sum;
  }

  /// Where the gradient of a read lies: a dimension whose index is a loop's
  /// goes with that loop, any other has one of its own, which `computed` lists
  /// with the index.
  AffineMap placeRead(tensor::ExtractOp read,
                      SmallVectorImpl<std::pair<unsigned, Value>> &computed) {
    unsigned numLoops = op.getNumLoops();
    SmallVector<AffineExpr> places;
    for (Value index : read.getIndices()) {
      auto loop = index.getDefiningOp<linalg::IndexOp>();
      AffineExpr place =
          loop ? b.getAffineDimExpr(loop.getDim()) : AffineExpr();
      if (!place || llvm::is_contained(places, place)) {
        computed.push_back({numLoops, index});
        place = b.getAffineDimExpr(numLoops++);
      }
      places.push_back(place);
    }
    return AffineMap::get(numLoops, 0, places, b.getContext());
  }

  /// The sum of what each iteration's terms say about the element that `read`
  /// gives.
  Value emitReadGradient(tensor::ExtractOp read) {
    SmallVector<std::pair<unsigned, Value>> computed;
    AffineMap map = placeRead(read, computed);
    auto type = cast<RankedTensorType>(read.getTensor().getType());
    SmallVector<int64_t> ranges = op.getStaticLoopRanges(), shape;
    for (auto [place, extent] :
         llvm::zip_equal(map.getResults(), type.getShape())) {
      unsigned dim = cast<AffineDimExpr>(place).getPosition();
      shape.push_back(dim < ranges.size() ? ranges[dim] : extent);
    }
    Value gradient = emit(
        collectParts(),
        build.zeros(RankedTensorType::get(shape, build.wideType(type))), map,
        [&](OpBuilder &nested, IRMapping &mapping, ValueRange parts,
            Value sum) {
          TensorBuilder inner{nested, op.getLoc()};
          Value zero = inner.constant(sum.getType(), 0);
          Value term = addContributions(inner, mapping, parts,
                                        mapping.lookup(read.getResult()), zero);
          for (auto [dim, index] : computed) {
            Value isRead = inner.compare(
                arith::CmpIPredicate::eq, mapping.lookupOrDefault(index),
                linalg::IndexOp::create(nested, op.getLoc(), dim));
            term = inner.select(isRead, term, zero);
          }
          return inner.add(sum, term);
        });
    gradient = build.convert(gradient, type.getElementType());
    if (ArrayRef<int64_t>(shape) == type.getShape())
      return gradient;
    // The loops see a part of it.
    SmallVector<OpFoldResult> zeros(shape.size(), b.getIndexAttr(0)),
        ones(shape.size(), b.getIndexAttr(1));
    return tensor::InsertSliceOp::create(
        b, op.getLoc(), gradient, build.zeros(type), zeros,
        getAsIndexOpFoldResult(b.getContext(), shape), ones);
  }

  Value addContributions(const TensorBuilder &build, IRMapping &mapping,
                         ValueRange parts, Value argument, Value sum) {
    for (const LoopResult &result : loopResults) {
      if (!result.cotangent)
        continue;
      ValueRange own = parts.take_front(result.parts.size());
      parts = parts.drop_front(result.parts.size());
      Value term = mapping.lookupOrDefault(result.term);
      Value cotangent = ifTaken(build, result, mapping,
                                termCotangent(build, result, term, own),
                                build.constant(term.getType(), 0));
      auto gradient = buildGradients(build.b, term, cotangent, argument);
      hasFailed |= failed(gradient);
      if (!hasFailed)
        sum = build.add(sum, build.convert(gradient->front(), sum.getType()));
    }
    return sum;
  }

  linalg::GenericOp op;
  OpBuilder &b;
  TensorBuilder build;
  SmallVector<LoopResult> loopResults;
  DenseSet<Operation *> combiners;
  bool hasFailed = false;
};

} // namespace

FailureOr<SmallVector<Value>>
sterna::buildLoopGradients(linalg::LinalgOp op, OpBuilder &builder,
                           ValueRange cotangents, ArrayRef<bool> wanted) {
  if (auto generic = dyn_cast<linalg::GenericOp>(*op))
    return LoopGradients(generic, op->getResults(), builder, cotangents)
        .run(wanted);
  // A named op is the generic one that it stands for.
  IRRewriter rewriter(builder);
  auto named = cast<linalg::LinalgOp>(rewriter.clone(*op));
  rewriter.setInsertionPoint(named);
  FailureOr<linalg::GenericOp> generic =
      linalg::generalizeNamedOp(rewriter, named);
  if (failed(generic))
    return op->emitOpError("has no differentiation rule");
  auto gradients =
      LoopGradients(*generic, op->getResults(), builder, cotangents)
          .run(wanted);
  rewriter.eraseOp(*generic);
  return gradients;
}
