//===- TrainApply.cpp - Clipping and the optimizer's step
//---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds `@train_apply`. It knows nothing of matrices: all trainables lie side
// by side in a few flat tensors, as do gradients and moments, so that a model
// of a thousand matrices is updated by a handful of ops.
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;

namespace {

/// A flat tensor is rows of 1024 elements, 64 MiB at most unless one trainable
/// is larger: a GPU binds no more than 128 MiB at once. Each trainable begins
/// at a multiple of 64 bytes, as all buffers do; what is between holds zeros.
constexpr int64_t rowElements = 1024, maxElements = 1 << 24,
                  alignedElements = 16;

/// Partial sums of a row's squares, enough to fill vectors.
constexpr int64_t rowLanes = 64;

/// Trainables that lie side by side, as one flat tensor.
struct Chunk {
  SmallVector<const Trainable *> trainables;
  SmallVector<int64_t> offsets; // in elements
  int64_t elements = 0;

  void append(const Trainable &trainable) {
    trainables.push_back(&trainable);
    offsets.push_back(elements);
    elements = llvm::alignTo(elements + trainable.type.getNumElements(),
                             alignedElements);
  }

  RankedTensorType getType() const {
    return RankedTensorType::get(
        {int64_t(llvm::divideCeil(elements, rowElements)), rowElements},
        trainables.front()->type.getElementType());
  }

  /// The `tern.states` of the flat tensor of all trainables or, with a `kind`,
  /// of what accompanies them.
  DictionaryAttr describe(std::optional<tern::StateKind> kind) const {
    SmallVector<Attribute> parts;
    MLIRContext *context = trainables.front()->state.getContext();
    for (auto [trainable, offset] : llvm::zip_equal(trainables, offsets))
      parts.push_back(tern::StatePartAttr::get(
          context, kind ? companionState(*trainable, *kind) : trainable->state,
          trainable->type, offset));
    return singleAttr(tern::statesAttr, ArrayAttr::get(context, parts));
  }
};

std::vector<Chunk> cutIntoChunks(ArrayRef<Trainable> trainables) {
  std::vector<Chunk> chunks(1);
  for (const Trainable &trainable : trainables) {
    const Chunk &last = chunks.back();
    if (!last.trainables.empty() &&
        last.elements + trainable.type.getNumElements() > maxElements)
      chunks.emplace_back();
    chunks.back().append(trainable);
  }
  return chunks;
}

/// Sum of the squares of a flat tensor: by lanes of each row, then of all rows,
/// then over the lanes. The order depends on the shape alone.
Value sumOfSquares(const TensorBuilder &build, Value flat) {
  auto type = cast<RankedTensorType>(flat.getType());
  OpBuilder &b = build.b;
  int64_t rows = type.getDimSize(0);
  Value lanes = tensor::ExpandShapeOp::create(
      b, build.loc, type.clone({rows, rowElements / rowLanes, rowLanes}), flat,
      ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  RankedTensorType sumType = type.clone({rows, rowLanes});
  AffineExpr row = b.getAffineDimExpr(0), lane = b.getAffineDimExpr(2);
  AffineMap maps[] = {b.getMultiDimIdentityMap(3),
                      AffineMap::get(3, 0, {row, lane}, b.getContext())};
  utils::IteratorType iterators[] = {utils::IteratorType::parallel,
                                     utils::IteratorType::reduction,
                                     utils::IteratorType::parallel};
  // A generic op and not a reduction, so that rows go to different threads.
  Value sums =
      linalg::GenericOp::create(
          b, build.loc, sumType, lanes, build.zeros(sumType), maps, iterators,
          [](OpBuilder &nested, Location loc, ValueRange args) {
            TensorBuilder inner{nested, loc};
            Value square = inner.mul(args[0], args[0]);
            Value sum = inner.add(args[1], square);
            linalg::YieldOp::create(nested, loc, sum);
          })
          .getResult(0);
  return build.sumAll(build.sum(sums, {0}, type.clone({rowLanes})));
}

/// State that accompanies a flat tensor as a whole, which is not of any one
/// matrix: codes of blocks and their scales.
DictionaryAttr describeWhole(MLIRContext *context, size_t chunk,
                             tern::StateKind kind, StringRef suffix) {
  std::string name = ("optimizer." + Twine(chunk) + "." +
                      format::EnumNameStateKind(kind) + suffix)
                         .str();
  return singleAttr(tern::stateAttr,
                    tern::StateAttr::get(context, name, kind, 0, ""));
}

/// A flat tensor and what accompanies it, as arguments of the program.
struct FlatState {
  Value parameter, gradient;
  SmallVector<Value> state;
};

FlatState addFlat(func::FuncOp function, const OptimizerUpdate &optimizer,
                  const Chunk &chunk, size_t number, bool wholeState) {
  RankedTensorType type = chunk.getType();
  FlatState flat;
  flat.parameter = addArgument(function, type, chunk.describe(std::nullopt));
  flat.gradient =
      addArgument(function, type, chunk.describe(tern::StateKind::gradient));
  flat.state = optimizer.addState(
      function, type,
      [&](tern::StateKind kind, StringRef suffix, RankedTensorType) {
        return wholeState
                   ? describeWhole(function.getContext(), number, kind, suffix)
                   : chunk.describe(kind);
      });
  return flat;
}

} // namespace

void sterna::buildTrainApply(ModuleOp module, Location loc,
                             ArrayRef<Trainable> trainables,
                             const OptimizerOptions &options) {
  std::vector<Chunk> chunks = cutIntoChunks(trainables);
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  auto function =
      func::FuncOp::create(b, loc, "train_apply", b.getFunctionType({}, {}));
  b.setInsertionPointToEnd(function.addEntryBlock());
  OptimizerUpdate optimizer(function, options);
  std::vector<FlatState> states;
  for (auto [number, chunk] : llvm::enumerate(chunks))
    states.push_back(
        addFlat(function, optimizer, chunk, number, options.int8State));
  TensorBuilder build{b, optimizer.getLoc()};
  Value total;
  for (const FlatState &flat : states) {
    Value sum = sumOfSquares(build, flat.gradient);
    total = total ? build.add(total, sum) : sum;
  }
  Value norm = build.sqrt(total);
  optimizer.prepare(build, norm);
  ProgramResults results;
  results.addOutput("grad_norm", norm);
  for (const FlatState &flat : states)
    optimizer.update(build, flat.parameter, flat.state, flat.gradient, norm,
                     results);
  results.finish(function);
}
