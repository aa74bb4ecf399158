//===- AdaptLora.cpp - Add LoRA branches to linear layers -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-adapt-lora. Linears are recognised by the parameter
// that they read, `blk.<layer>.<matrix>.weight`.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sterna::tern {
#define GEN_PASS_DEF_ADAPTLORAPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern

using namespace sterna::tern;

namespace {

/// A linear that LoRA can adapt: its flag, its matrix, and PEFT's module.
struct Target {
  llvm::StringLiteral flag, matrix, module;
};
constexpr Target allTargets[] = {
    {"q", "attn_q", "q_proj"},         {"k", "attn_k", "k_proj"},
    {"v", "attn_v", "v_proj"},         {"o", "attn_output", "o_proj"},
    {"gate", "ffn_gate", "gate_proj"}, {"up", "ffn_up", "up_proj"},
    {"down", "ffn_down", "down_proj"}};

/// Adds branches to one function.
class Adapter {
public:
  Adapter(func::FuncOp function, int64_t rank, ArrayRef<Target> targets)
      : function(function), b(function.getContext()), rank(rank),
        targets(targets) {}

  unsigned run() {
    b.setInsertionPointToStart(&function.front());
    scale = addArgument(RankedTensorType::get({}, b.getF32Type()), inputAttr,
                        b.getStringAttr("lora_scale"));
    unsigned count = 0;
    for (auto linear : llvm::to_vector(function.getOps<LinearOp>()))
      count += adapt(linear);
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

  Value addState(StringRef weight, StringRef suffix, StringRef kind,
                 int64_t layer, StringRef module, ArrayRef<int64_t> shape) {
    std::string name = (weight.drop_back(strlen("weight")) + suffix).str();
    return addArgument(
        RankedTensorType::get(shape, b.getF32Type()), stateAttr,
        b.getDictionaryAttr(
            {b.getNamedAttr("name", b.getStringAttr(name)),
             b.getNamedAttr("kind", b.getStringAttr(kind)),
             b.getNamedAttr("layer", b.getI64IntegerAttr(layer)),
             b.getNamedAttr("target", b.getStringAttr(module))}));
  }

  bool adapt(LinearOp linear) {
    auto param = linear.getWeight().getDefiningOp<GetParamOp>();
    if (!param)
      return false;
    SmallVector<StringRef> parts;
    param.getParam().split(parts, '.');
    int64_t layer;
    if (parts.size() != 4 || parts[0] != "blk" ||
        parts[1].getAsInteger(10, layer))
      return false;
    const Target *target = llvm::find_if(
        targets, [&](const Target &t) { return t.matrix == parts[2]; });
    if (target == targets.end())
      return false;
    int64_t in = linear.getInput().getType().getDimSize(1);
    int64_t out = linear.getType().getDimSize(1);
    Value a = addState(param.getParam(), "lora_a", "lora_a", layer,
                       target->module, {rank, in});
    Value bMatrix = addState(param.getParam(), "lora_b", "lora_b", layer,
                             target->module, {out, rank});
    addBranch(linear, a, bMatrix);
    return true;
  }

  void addBranch(LinearOp linear, Value a, Value bMatrix) {
    b.setInsertionPointAfter(linear);
    loc = linear.getLoc();
    Value u = product(linear.getInput(), a);
    auto type = cast<RankedTensorType>(u.getType());
    Value empty =
        tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
    Value factor = linalg::BroadcastOp::create(b, loc, scale, empty,
                                               ArrayRef<int64_t>{0, 1})
                       ->getResult(0);
    Value scaled = arith::MulFOp::create(b, loc, u, factor);
    Value branch = product(scaled, bMatrix);
    auto sum = arith::AddFOp::create(b, loc, branch, linear);
    linear.getResult().replaceAllUsesExcept(sum, sum);
  }

  /// x * w^T
  Value product(Value x, Value w) {
    int64_t rows = cast<RankedTensorType>(x.getType()).getDimSize(0);
    int64_t columns = cast<RankedTensorType>(w.getType()).getDimSize(0);
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value empty = tensor::EmptyOp::create(
        b, loc, ArrayRef<int64_t>{rows, columns}, b.getF32Type());
    Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
    return linalg::MatmulTransposeBOp::create(b, loc, init.getType(),
                                              ValueRange{x, w}, init)
        ->getResult(0);
  }

  func::FuncOp function;
  OpBuilder b;
  Location loc = function.getLoc();
  int64_t rank;
  ArrayRef<Target> targets;
  Value scale;
};

struct AdaptLora : sterna::tern::impl::AdaptLoraPassBase<AdaptLora> {
  using AdaptLoraPassBase::AdaptLoraPassBase;

  void runOnOperation() override {
    SmallVector<Target> selected;
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
      numBranches += Adapter(adapted, rank, selected).run();
    }
  }

private:
  LogicalResult select(SmallVectorImpl<Target> &selected) {
    if (rank < 1)
      return getOperation().emitError()
             << "expected a rank of at least 1, but got " << int64_t(rank);
    bool all = targets.empty();
    for (StringRef name : targets) {
      all |= name == "all";
      if (name != "all" && llvm::none_of(allTargets, [&](const Target &t) {
            return matches(t, name);
          }))
        return getOperation().emitError()
               << "unknown LoRA target '" << name
               << "'; expected all or a list of q, k, v, o, gate, up, down";
    }
    for (const Target &target : allTargets)
      if (all || llvm::any_of(targets, [&](StringRef name) {
            return matches(target, name);
          }))
        selected.push_back(target);
    return success();
  }

  static bool matches(const Target &target, StringRef name) {
    return name == target.flag || name == target.module;
  }

  /// Records rank and targets in the module's description.
  void describe(ArrayRef<Target> selected) {
    Builder b(&getContext());
    NamedAttrList model(
        getOperation()->getAttrOfType<DictionaryAttr>("tern.model"));
    SmallVector<StringRef> names;
    for (const Target &target : selected)
      names.push_back(target.module);
    model.set("lora_rank", b.getI64IntegerAttr(rank));
    model.set("lora_targets", b.getStrArrayAttr(names));
    getOperation()->setAttr("tern.model", model.getDictionary(&getContext()));
  }
};

} // namespace
