//===- TrainApply.cpp - Clipping and the optimizer's step -----------------===//
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
      [&](tern::StateKind kind, StringRef suffix) {
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
    Value sum = sumOfSquares(build, flat.gradient, rowElements);
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
