//===- AdaptLora.cpp - Add LoRA branches to linear layers -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-adapt-lora. Linears are recognised by their role.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "sterna/Support/TensorBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_ADAPTLORAPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

/// Adds branches to one function.
class Adapter {
public:
  Adapter(func::FuncOp function, int64_t rank, ArrayRef<Projection> targets)
      : function(function), b(function.getContext()), rank(rank),
        targets(targets) {}

  /// The number of branches, or failure.
  FailureOr<unsigned> run() {
    b.setInsertionPointToStart(&function.front());
    scale = addArgument(RankedTensorType::get({}, b.getF32Type()), inputAttr,
                        b.getStringAttr("lora_scale"));
    unsigned count = 0;
    for (auto linear : llvm::to_vector(function.getOps<LinearOp>())) {
      FailureOr<bool> adapted = adapt(linear);
      if (failed(adapted))
        return failure();
      count += *adapted;
    }
    return count;
  }

private:
  Value addArgument(RankedTensorType type, StringRef name, Attribute value) {
    unsigned number = function.getNumArguments();
    (void)function.insertArgument(
        number, type, b.getDictionaryAttr(b.getNamedAttr(name, value)),
        function.getLoc());
    return function.getArgument(number);
  }

  Value addState(LinearOp linear, StateKind kind, ArrayRef<int64_t> shape) {
    RoleAttr role = linear.getRoleAttr();
    std::string name =
        nameOf(linear) + "." + sterna::format::EnumNameStateKind(kind);
    return addArgument(
        RankedTensorType::get(shape, b.getF32Type()), stateAttr,
        StateAttr::get(
            b.getContext(), name, kind, role.getLayer(),
            sterna::format::EnumNameProjection(role.getProjection())));
  }

  /// What the linear's parameter is called or, without one, its role.
  static std::string nameOf(LinearOp linear) {
    if (auto param = linear.getWeight().getDefiningOp<GetParamOp>()) {
      StringRef name = param.getParam();
      name.consume_back(".weight");
      return name.str();
    }
    RoleAttr role = linear.getRoleAttr();
    return ("layers." + Twine(role.getLayer()) + "." +
            sterna::format::EnumNameProjection(role.getProjection()))
        .str();
  }

  FailureOr<bool> adapt(LinearOp linear) {
    RoleAttr role = linear.getRoleAttr();
    if (!role || !llvm::is_contained(targets, role.getProjection()))
      return false;
    Value input = linear.getInput();
    if (role.getNormed()) {
      auto norm = input.getDefiningOp<RmsNormOp>();
      if (!norm)
        return linear.emitOpError()
               << "expected its input to be a tern.rms_norm, as its role says";
      input = norm.getInput();
    }
    int64_t in = linear.getInput().getType().getDimSize(1);
    int64_t out = linear.getType().getDimSize(1);
    Value a = addState(linear, StateKind::lora_a, {rank, in});
    Value bMatrix = addState(linear, StateKind::lora_b, {out, rank});
    addBranch(linear, input, a, bMatrix);
    return true;
  }

  void addBranch(LinearOp linear, Value input, Value a, Value bMatrix) {
    b.setInsertionPointAfter(linear);
    loc = linear.getLoc();
    Value u = product(input, a);
    sterna::TensorBuilder build{b, loc};
    Value scaled = build.mul(u, build.splat(scale, sterna::typeOf(u)));
    Value branch = product(scaled, bMatrix);
    auto sum = arith::AddFOp::create(b, loc, branch, linear);
    linear.getResult().replaceAllUsesExcept(sum, sum);
  }

  /// x * w^T
  Value product(Value x, Value w) {
    auto type = RankedTensorType::get(
        {sterna::typeOf(x).getDimSize(0), sterna::typeOf(w).getDimSize(0)},
        b.getF32Type());
    return sterna::TensorBuilder{b, loc}.matmul({x}, {w, /*transposed=*/true},
                                                type);
  }

  func::FuncOp function;
  OpBuilder b;
  Location loc = function.getLoc();
  int64_t rank;
  ArrayRef<Projection> targets;
  Value scale;
};

struct AdaptLora : sterna::tern::impl::AdaptLoraPassBase<AdaptLora> {
  using AdaptLoraPassBase::AdaptLoraPassBase;

  void runOnOperation() override {
    SmallVector<Projection> selected;
    if (failed(select(selected)))
      return signalPassFailure();
    describe(selected);
    for (auto function :
         llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (function.getOps<LinearOp>().empty())
        continue;
      auto adapted = cast<func::FuncOp>(function->clone());
      adapted.setName((function.getName() + "_lora").str());
      getOperation().push_back(adapted);
      FailureOr<unsigned> count = Adapter(adapted, rank, selected).run();
      if (failed(count))
        return signalPassFailure();
      numBranches += *count;
    }
  }

private:
  LogicalResult select(SmallVectorImpl<Projection> &selected) {
    if (rank < 1)
      return getOperation().emitError()
             << "expected a rank of at least 1, but got " << int64_t(rank);
    bool all = targets.empty();
    SmallVector<Projection> named;
    for (const std::string &name : targets) {
      if (name == "all") {
        all = true;
        continue;
      }
      std::optional<Projection> projection = symbolizeProjection(name);
      if (!projection)
        projection = symbolizeProjection(name + "_proj");
      if (!projection)
        return getOperation().emitError()
               << "unknown LoRA target '" << name
               << "'; expected all or a list of q, k, v, o, gate, up, down";
      named.push_back(*projection);
    }
    for (Projection projection : sterna::format::EnumValuesProjection())
      if (all || llvm::is_contained(named, projection))
        selected.push_back(projection);
    return success();
  }

  /// Records rank and targets in the module.
  void describe(ArrayRef<Projection> selected) {
    SmallVector<StringRef> names;
    for (Projection target : selected)
      names.push_back(sterna::format::EnumNameProjection(target));
    getOperation()->setAttr(
        loraAttr, LoraAttr::get(&getContext(), rank,
                                Builder(&getContext()).getStrArrayAttr(names)));
  }
};

} // namespace
