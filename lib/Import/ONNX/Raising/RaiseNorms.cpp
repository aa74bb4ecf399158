//===- RaiseNorms.cpp - Norms by the root mean square ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-raise-norms.
//
//===----------------------------------------------------------------------===//

#include "../ArrayBuilder.h"
#include "../Decoder/Uniform.h"
#include "Raising.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/ONNX/Passes.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_RAISENORMSPASS
#include "sterna/Import/ONNX/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

/// Replaces `result`, which is computed as `norm`.
void raise(Value result, const NormPart &norm, Replacements &replacements) {
  OpBuilder builder(result.getDefiningOp());
  ArrayBuilder b{builder, result.getLoc()};
  auto widen = [&](Value x, Shape shape) {
    return b.reshape(b.convert(x, builder.getF32Type()), shape);
  };
  int64_t rows = typeOf(result).getNumElements() / norm.size;
  Value input = widen(replacements.lookUp(norm.input), {rows, norm.size});
  auto vector = RankedTensorType::get({norm.size}, builder.getF32Type());
  Value weight =
      norm.weight ? widen(norm.weight, {norm.size}) : b.constant(vector, 1);
  Value y =
      tern::RmsNormOp::create(builder, b.loc, input.getType(), input, weight,
                              builder.getF64FloatAttr(norm.epsilon));
  replacements.replace(result, b.reshape(y, typeOf(result).getShape()));
}

struct RaiseNorms : sterna::impl::RaiseNormsPassBase<RaiseNorms> {
  using RaiseNormsPassBase::RaiseNormsPassBase;

  void runOnOperation() override {
    func::FuncOp main = findGraph(getOperation());
    if (!main)
      return;
    DecoderParts parts;
    LinearForms forms;
    parts.find(main, forms);
    Replacements replacements;
    for (auto &[result, norm] : parts.norms) {
      if (result.getDefiningOp<tern::RmsNormOp>() ||
          !getElementTypeOrSelf(result.getType()).isF32() ||
          analyzeComputation(result, forms).isRounded)
        continue;
      raise(result, norm, replacements);
      ++numRaised;
    }
    eraseUnused(main);
  }
};

} // namespace
