//===- NarrowSaved.cpp - Keep values in fewer bytes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See NarrowSaved.h. The forward pass reads the values themselves, so that the
// loss is the one without rounding. Dispatches of their own convert: a pass
// over a block's input is nothing beside the block.
//
//===----------------------------------------------------------------------===//

#include "NarrowSaved.h"

#include "Grouping.h"
#include "ProgramFunctions.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace sterna;
using namespace sterna::plan;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

using Body =
    llvm::function_ref<SmallVector<Value>(const TensorBuilder &, ValueRange)>;

static KernelOp buildKernel(StringRef name, Location loc, TypeRange arguments,
                            size_t results, Body body) {
  OpBuilder b(loc.getContext());
  OperationState state(loc, KernelOp::getOperationName());
  KernelOp::build(b, state, name, SmallVector<int64_t>(results, -1));
  auto kernel = cast<KernelOp>(Operation::create(state));
  Block &block = kernel.getBody().emplaceBlock();
  for (Type type : arguments)
    block.addArgument(type, loc);
  b.setInsertionPointToEnd(&block);
  YieldOp::create(b, loc, body(TensorBuilder{b, loc}, block.getArguments()));
  return kernel;
}

/// The types of what keeps a matrix of `type`.
static SmallVector<Type> keptTypes(RankedTensorType type, Type element) {
  SmallVector<Type> types{type.clone(element)};
  if (element.isInteger(8))
    types.push_back(RankedTensorType::get(type.getShape().take_front(),
                                          type.getElementType()));
  return types;
}

int64_t SavedType::bytesFor(RankedTensorType type) const {
  int64_t bytes = 0;
  for (Type kept : keptTypes(type, element))
    bytes += getBufferBytes(tern::getBufferType(cast<RankedTensorType>(kept)));
  return bytes;
}

KernelOp SavedType::kernelFor(StringRef name, RankedTensorType type,
                              llvm::function_ref<KernelOp()> build) {
  KernelOp &kernel = kernels[{name.str(), type.getShape().vec()}];
  if (!kernel) {
    kernel = build();
    symbols.insert(kernel);
  }
  return kernel;
}

static SmallVector<Value> runKernel(OpBuilder &b, Location loc, KernelOp kernel,
                                    TypeRange results, ValueRange arguments) {
  return DispatchOp::create(b, loc, results,
                            FlatSymbolRefAttr::get(kernel.getSymNameAttr()),
                            arguments)
      .getOutputs();
}

SmallVector<Value> SavedType::narrow(OpBuilder &b, Location loc, Value matrix) {
  SmallVector<Type> types = keptTypes(typeOf(matrix), element);
  KernelOp kernel = kernelFor("narrow", typeOf(matrix), [&] {
    return buildKernel(
        "narrow", loc, matrix.getType(), types.size(),
        [&](const TensorBuilder &build, ValueRange arguments) {
          if (types.size() == 1)
            return SmallVector<Value>{build.convert(arguments[0], element)};
          auto op = tern::QuantizeOp::create(build.b, loc, types, arguments[0]);
          return SmallVector<Value>(op->getResults());
        });
  });
  return runKernel(b, loc, kernel, types, matrix);
}

Value SavedType::widen(OpBuilder &b, Location loc, ValueRange kept,
                       RankedTensorType type) {
  KernelOp kernel = kernelFor("widen", type, [&] {
    return buildKernel("widen", loc, kept.getTypes(), /*results=*/1,
                       [&](const TensorBuilder &build, ValueRange arguments) {
                         if (arguments.size() == 1)
                           return SmallVector<Value>{build.convert(
                               arguments[0], type.getElementType())};
                         Value codes = arith::SIToFPOp::create(
                             build.b, loc, type, arguments[0]);
                         Value scale = build.broadcast(arguments[1], {1}, type);
                         return SmallVector<Value>{build.mul(codes, scale)};
                       });
  });
  return runKernel(b, loc, kernel, type, kept).front();
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

namespace {

class Narrowing {
public:
  Narrowing(func::FuncOp function, SavedType &saved)
      : function(function), saved(saved) {
    llvm::DenseSet<Operation *> backward = getBackwardOps(function);
    for (auto dispatch : function.getOps<DispatchOp>()) {
      if (firstLate < 0 && backward.contains(dispatch))
        firstLate = int64_t(steps.size());
      if (firstLate < 0)
        forward.push_back(dispatch);
      steps.try_emplace(dispatch, int64_t(steps.size()));
    }
  }

  unsigned run() {
    unsigned count = 0;
    if (firstLate >= 0)
      for (DispatchOp dispatch : forward)
        for (Value output : dispatch.getOutputs())
          count += narrow(output);
    eraseDeadViews();
    return count;
  }

private:
  /// Who reads a value, itself or by views.
  struct Readers {
    SmallVector<OpOperand *> late; // in the backward pass
    int64_t lastEarly = -1, firstLate = INT64_MAX;
    Operation *first = nullptr; // of the late ones
    bool isReturned = false;
  };

  Readers readersOf(Value value) const {
    Readers readers;
    readers.lastEarly = steps.lookup(value.getDefiningOp());
    SmallVector<Value> worklist{value};
    while (!worklist.empty())
      for (OpOperand &use : worklist.pop_back_val().getUses()) {
        Operation *user = use.getOwner();
        if (isView(user)) {
          worklist.push_back(user->getResult(0));
          continue;
        }
        auto it = steps.find(user);
        if (it == steps.end()) {
          readers.isReturned = true;
        } else if (it->second < firstLate) {
          readers.lastEarly = std::max(readers.lastEarly, it->second);
        } else {
          readers.late.push_back(&use);
          if (it->second < readers.firstLate) {
            readers.firstLate = it->second;
            readers.first = user;
          }
        }
      }
    return readers;
  }

  bool narrow(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.getElementType().isF32() || type.getRank() < 2 ||
        isSmall(value) || 2 * saved.bytesFor(matrixOf(type)) > bytesOf(value))
      return false;
    Readers readers = readersOf(value);
    // Where both passes read it one after the other, it is alive anyway.
    if (readers.late.empty() || readers.isReturned ||
        readers.firstLate <= readers.lastEarly + 1)
      return false;
    Location loc = value.getLoc();
    auto rows = rowsOf(type);
    OpBuilder b(value.getContext());
    b.setInsertionPointAfterValue(value);
    Value matrix = value;
    if (type.getRank() > 2)
      matrix = tensor::CollapseShapeOp::create(b, loc, value, rows);
    SmallVector<Value> kept = saved.narrow(b, loc, matrix);
    b.setInsertionPoint(readers.first);
    Value widened = saved.widen(b, loc, kept, typeOf(matrix));
    if (type.getRank() > 2)
      widened = tensor::ExpandShapeOp::create(b, loc, type, widened, rows);
    IRMapping copies;
    copies.map(value, widened);
    for (OpOperand *use : readers.late)
      use->set(viewOf(use->get(), b, copies));
    return true;
  }

  static RankedTensorType matrixOf(RankedTensorType type) {
    int64_t columns = type.getShape().back();
    return RankedTensorType::get({type.getNumElements() / columns, columns},
                                 type.getElementType());
  }

  /// All dimensions but the last as rows.
  static SmallVector<ReassociationIndices> rowsOf(RankedTensorType type) {
    int64_t last = type.getRank() - 1;
    return {llvm::to_vector<2>(llvm::seq(last)), {last}};
  }

  /// `value`, of which `copies` has what it views, of the copy.
  static Value viewOf(Value value, OpBuilder &b, IRMapping &copies) {
    if (Value copy = copies.lookupOrNull(value))
      return copy;
    Operation *view = value.getDefiningOp();
    viewOf(view->getOperand(0), b, copies);
    return b.clone(*view, copies)->getResult(0);
  }

  /// Views of values, in the place of which copies are viewed.
  void eraseDeadViews() {
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.front())))
      if (isView(&op) && isOpTriviallyDead(&op))
        op.erase();
  }

  func::FuncOp function;
  SavedType &saved;
  llvm::DenseMap<Operation *, int64_t> steps; // of dispatches
  SmallVector<DispatchOp> forward;
  int64_t firstLate = -1; // the backward pass's first step
};

} // namespace

unsigned plan::narrowSaved(func::FuncOp function, SavedType &saved) {
  return saved.isNarrow() ? Narrowing(function, saved).run() : 0;
}
