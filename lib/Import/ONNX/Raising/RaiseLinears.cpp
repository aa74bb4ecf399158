//===- RaiseLinears.cpp - Products with ternary matrices ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-raise-linears. How matrices and quantizers are
// spelled is for what reads decoders; here all is found first, then replaced.
//
//===----------------------------------------------------------------------===//

#include "../Decoder/Probes.h"
#include "../Decoder/Uniform.h"
#include "Raising.h"
#include "TernaryMatrices.h"
#include "mlir/IR/Matchers.h"
#include "sterna/Import/ONNX/Passes.h"

using namespace mlir;

namespace sterna {
#define GEN_PASS_DEF_RAISELINEARSPASS
#include "sterna/Import/ONNX/Passes.h.inc"
} // namespace sterna

using namespace sterna;

namespace {

/// A linear, and the result that it is to give.
struct RaisedLinear {
  LinearPart part;
  LinearInput input;
  Value result;
  TernaryMatrix matrix;
};

class LinearRaiser {
public:
  explicit LinearRaiser(func::FuncOp main)
      : main(main), matrices(main, forms) {}

  unsigned run() {
    DecoderParts parts;
    parts.find(main, forms);
    std::vector<RaisedLinear> found;
    for (auto &[result, part] : parts.linears)
      if (auto linear = describe(result, part))
        found.push_back(std::move(*linear));
    for (RaisedLinear &linear : found)
      raise(linear);
    eraseUnused(main);
    return found.size();
  }

private:
  /// What `part` becomes, of which `result` is the product times its scale.
  std::optional<RaisedLinear> describe(Value result, const LinearPart &part) {
    auto fill = part.op->getOperand(2).getDefiningOp<linalg::FillOp>();
    if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ||
        !isF32(part.op->getResult(0)))
      return std::nullopt;
    auto matrix = matrices.find(part);
    if (!matrix)
      return std::nullopt;
    // A scale that is no quantizer's stays where it is.
    if (auto input = readQuantizer(result, part))
      return RaisedLinear{part, *input, result, std::move(*matrix)};
    return RaisedLinear{
        part, {part.input}, part.op->getResult(0), std::move(*matrix)};
  }

  static bool isF32(Value value) {
    return getElementTypeOrSelf(value.getType()).isF32();
  }

  /// Whether `value` is computed from rows as quantizers do it. Codes may be
  /// integers in between: that they fit is seen by what comes out.
  bool isOfRows(Value value) const {
    Computation computed = analyzeComputation(value, forms);
    return computed.isUniform && !computed.isRounded && computed.tables.empty();
  }

  /// What BitNet's quantizer before `part` reads, of which `result` is the
  /// product times its steps; none where there is no such.
  std::optional<LinearInput> readQuantizer(Value result,
                                           const LinearPart &part) const {
    if (!isF32(result) || !isOfRows(part.input) ||
        (part.scale && !isOfRows(part.scale)) ||
        analyzeComputation(result, forms).isRounded)
      return std::nullopt;
    auto input = takeIfAny(readLinearInput(part, forms));
    return input && input->isQuantized ? input : std::nullopt;
  }

  void raise(const RaisedLinear &linear) {
    const LinearPart &part = linear.part;
    OpBuilder builder(linear.result.getDefiningOp());
    ArrayBuilder b{builder, part.op->getLoc()};
    Value source = b.convert(replacements.lookUp(linear.input.source),
                             builder.getF32Type());
    int64_t rows = typeOf(source).getNumElements() / part.columns;
    std::optional<int64_t> group = linear.matrix.parameter.group;
    Value y = tern::LinearOp::create(
        builder, b.loc,
        RankedTensorType::get({rows, part.rows}, builder.getF32Type()),
        b.reshape(source, {rows, part.columns}),
        matrices.getTrits(b, linear.matrix),
        matrices.getScale(b, linear.matrix),
        linear.input.isQuantized ? builder.getUnitAttr() : UnitAttr(),
        group ? builder.getI64IntegerAttr(*group) : IntegerAttr(),
        /*role=*/nullptr);
    if (linear.input.factor != 1) {
      Value factor = b.constant(y.getType(), linear.input.factor);
      y = linear.input.isDivided ? b.div(y, factor) : b.mul(y, factor);
    }
    y = b.reshape(y, typeOf(linear.result).getShape());
    replacements.replace(linear.result, y);
  }

  func::FuncOp main;
  LinearForms forms;
  TernaryMatrices matrices;
  Replacements replacements;
};

struct RaiseLinears : sterna::impl::RaiseLinearsPassBase<RaiseLinears> {
  using RaiseLinearsPassBase::RaiseLinearsPassBase;

  void runOnOperation() override {
    if (func::FuncOp main = findGraph(getOperation()))
      numRaised += LinearRaiser(main).run();
  }
};

} // namespace
