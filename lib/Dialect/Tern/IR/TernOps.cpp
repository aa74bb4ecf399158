//===- TernOps.cpp - Verifiers of the tern ops ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ODS cannot say about the ops. Tags such as /*linear_c1*/ refer to the
// numbered constraints in TernOps.td.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace sterna::tern;

#define GET_OP_CLASSES
#include "sterna/Dialect/Tern/IR/TernOps.cpp.inc"

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Checks that `value`, called `name` in the message, has shape `expected`.
static LogicalResult expectShape(Operation *op, StringRef name, Value value,
                                 ArrayRef<int64_t> expected) {
  if (shapeOf(value) == expected)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError()
                                  << "expected " << name << " of shape [";
  llvm::interleaveComma(expected, diagnostic);
  diagnostic << "], but got [";
  llvm::interleaveComma(shapeOf(value), diagnostic);
  return diagnostic << "]";
}

/// Checks the scale of a ternary matrix `weight` `[N, K]`.
static LogicalResult verifyScale(Operation *op, Value weight, Value scale,
                                 std::optional<int64_t> group) {
  int64_t rows = shapeOf(weight)[0], columns = shapeOf(weight)[1];
  ArrayRef<int64_t> shape = shapeOf(scale);
  if (group) {
    if (*group <= 0)
      return op->emitOpError()
             << "expected a positive group size, but got " << *group;
    return expectShape(op, "scale", scale,
                       {rows, (columns + *group - 1) / *group});
  }
  if (shape.size() == 2)
    return op->emitOpError("expected a group size with a scale per group");
  if (shape[0] != 1 && shape[0] != rows)
    return op->emitOpError()
           << "expected 1 or " << rows << " scales, but got " << shape[0];
  return success();
}

/// Checks `[M, K] x [N, K] -> [M, N]`.
static LogicalResult verifyProduct(Operation *op, Value lhs, Value weight,
                                   Value result) {
  if (shapeOf(lhs)[1] != shapeOf(weight)[1])
    return op->emitOpError()
           << "expected inner dimensions to agree, but got " << shapeOf(lhs)[1]
           << " and " << shapeOf(weight)[1];
  return expectShape(op, "result", result,
                     {shapeOf(lhs)[0], shapeOf(weight)[0]});
}

LogicalResult ParamOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  auto file = dyn_cast<FileSourceAttr>(getSource());
  if (file && file.getScales() && isa<TritType>(type.getElementType()))
    return emitOpError() << "expected scales of trits in a parameter of their "
                            "own, but the source has some";
  auto scales = dyn_cast<TernaryScalesAttr>(getSource());
  if (!scales || !scales.getFactors() || type.getRank() == 0)
    return success();
  int64_t rows = type.getDimSize(0), count = scales.getNumFactors();
  int64_t groups = llvm::divideCeil(scales.getColumns(), scales.getGroup());
  // Divided, because the product may be too large for its type.
  bool isMatrix = rows > 0 && count % rows == 0 && count / rows == groups;
  if (count == 1 || count == rows || isMatrix)
    return success();
  return emitOpError() << "expected 1 factor, " << rows << " or " << rows
                       << " x " << groups << ", but got " << count;
}

LogicalResult GetParamOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto param = symbols.lookupNearestSymbolFrom<ParamOp>(*this, getParamAttr());
  if (!param) // get_param_c1
    return emitOpError() << "expected @" << getParam() << " to be a tern.param";
  if (param.getType() != getType()) { // get_param_c2
    InFlightDiagnostic diagnostic = emitOpError()
                                    << "expected type " << param.getType()
                                    << ", but got " << getType();
    diagnostic.attachNote(param.getLoc()) << "parameter declared here";
    return diagnostic;
  }
  return success();
}

LogicalResult LinearOp::verify() {
  if (failed(verifyProduct(*this, getInput(), getWeight(), getResult())))
    return failure(); // linear_c1, linear_c2
  return verifyScale(*this, getWeight(), getScale(), getGroup()); // linear_c3
}

LogicalResult QuantizeOp::verify() {
  if (failed(expectShape(*this, "quantized", getQuantized(),
                         shapeOf(getInput())))) // quantize_c1
    return failure();
  return expectShape(*this, "scale", getScale(),
                     shapeOf(getInput()).take_front()); // quantize_c2
}

LogicalResult MatmulOp::verify() {
  if (failed(verifyProduct(*this, getLhs(), getWeight(), getResult())))
    return failure(); // matmul_c1, matmul_c2
  return verifyScale(*this, getWeight(), getScale(), getGroup()); // matmul_c3
}

LogicalResult MatmulTransposedOp::verify() {
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  int64_t tokens = shapeOf(getLhs())[0];
  if (failed(expectShape(*this, "lhs", getLhs(), {tokens, weight[0]})) ||
      failed(expectShape(*this, "result", getResult(), {tokens, weight[1]})))
    return failure(); // matmul_transposed_c1, matmul_transposed_c2
  return verifyScale(*this, getWeight(), getScale(), getGroup()); // ..._c3
}

LogicalResult QuantizeGradientOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getInput());
  if (failed(expectShape(*this, "quantized", getQuantized(), shape)) ||
      failed(expectShape(*this, "step", getStep(), shape.take_front())))
    return failure(); // quantize_gradient_c1, quantize_gradient_c2
  int64_t scales = shapeOf(getScale())[0];
  if (scales != 1 && scales != shape[1]) // quantize_gradient_c3
    return emitOpError() << "expected 1 or " << shape[1] << " scales, but got "
                         << scales;
  return success();
}

int64_t sterna::tern::getGradientLimit(Type element) {
  return element.isInteger(8) ? 127 : 127 * 256 + 127;
}

int64_t sterna::tern::getMostGradientRows(Type element) {
  return std::numeric_limits<int32_t>::max() / getGradientLimit(element);
}

LogicalResult QuantizedMatmulTransposedOp::verify() {
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  int64_t tokens = shapeOf(getLhs())[0];
  if (failed(expectShape(*this, "lhs", getLhs(), {tokens, weight[0]})) ||
      failed(expectShape(*this, "step", getStep(), {tokens})) ||
      failed(expectShape(*this, "result", getResult(), {tokens, weight[1]})))
    return failure(); // quantized_matmul_transposed_c1, ..._c2, ..._c3
  int64_t most = getMostGradientRows(
      cast<RankedTensorType>(getLhs().getType()).getElementType());
  if (weight[0] > most) // quantized_matmul_transposed_c4
    return emitOpError() << "expected at most " << most
                         << " rows, whose sum fits 32 bits, but got "
                         << weight[0];
  return success();
}

LogicalResult UnpackOp::verify() {
  return expectShape(*this, "result", getResult(), // unpack_c1
                     shapeOf(getInput()));
}

LogicalResult DequantizeOp::verify() {
  int64_t rows = shapeOf(getScale())[0], groups = shapeOf(getScale())[1];
  int64_t bytes = groups * getBlockBytes(getMinimum() ? 4 : 6);
  if (failed(expectShape(*this, "codes", getCodes(), {rows, bytes})))
    return failure(); // dequantize_c2
  return expectShape(*this, "result", getResult(),
                     {rows, groups * blockColumns});
}

/// Checks that ids name the rows of a table that begin at `offset`.
static LogicalResult expectIds(Operation *op, int64_t offset, int64_t rows) {
  if (offset >= 0 && offset <= (int64_t(1) << 31) - rows)
    return success();
  return op->emitOpError() << "expected ids of at most 31 bits, but got rows "
                           << offset << " to " << offset << " + " << rows;
}

LogicalResult EmbeddingOp::verify() {
  if (failed(expectIds(*this, getOffset(), // embedding_c2
                       shapeOf(getTable())[0])))
    return failure();
  auto table = cast<RankedTensorType>(getTable().getType());
  bool isBytes = table.getElementType().isInteger(8);
  bool givesBytes = getType().getElementType().isInteger(8);
  if ((isBytes && !givesBytes) != bool(getScale())) // embedding_c5
    return emitOpError()
           << "expected a scale with a table of i8 alone, but got "
           << (getScale() ? "one" : "none") << " with " << table;
  if (givesBytes && !isBytes) // embedding_c6
    return emitOpError() << "expected bytes of a table of i8, but got "
                         << table;
  return expectShape(*this, "result", getResult(), // embedding_c1
                     {shapeOf(getIds())[0], shapeOf(getTable())[1]});
}

LogicalResult EmbeddingGradOp::verify() {
  if (failed(expectIds(*this, getOffset(), // embedding_grad_c2
                       shapeOf(getResult())[0])))
    return failure();
  return expectShape(*this, "cotangent", getCotangent(), // embedding_grad_c1
                     {shapeOf(getIds())[0], shapeOf(getResult())[1]});
}

LogicalResult RmsNormOp::verify() {
  return expectShape(*this, "weight", getWeight(), // rms_norm_c1
                     shapeOf(getInput()).take_back());
}

LogicalResult RmsNormGradOp::verify() {
  return expectShape(*this, "weight", getWeight(), // rms_norm_grad_c1
                     shapeOf(getInput()).take_back());
}

LogicalResult RopeOp::verify() {
  int64_t half = shapeOf(getInput())[3] / 2, width = shapeOf(getCosine())[1];
  if (width > half) // rope_c1
    return emitOpError() << "expected a table at most " << half
                         << " wide, but got " << width;
  if (shapeOf(getPosition()).empty())
    return success();
  return expectShape(*this, "position", getPosition(), // rope_c2
                     shapeOf(getInput()).take_front(2));
}

LogicalResult CacheUpdateOp::verify() {
  ArrayRef<int64_t> cache = shapeOf(getCache());
  if (failed(expectShape(*this, "update", getUpdate(), // cache_update_c1
                         {shapeOf(getUpdate())[0], cache[1], cache[2]})))
    return failure();
  Type kept = getCache().getType().getElementType();
  Type given = getUpdate().getType().getElementType();
  if (kept.isInteger() != given.isInteger()) // cache_update_c2
    return emitOpError() << "expected an update that " << kept
                         << " can hold, but got " << given;
  return success();
}

double sterna::tern::getScoreScale(FloatAttr scale, int64_t width) {
  return scale ? scale.getValueAsDouble() : 1 / std::sqrt(double(width));
}

template <typename Op> static LogicalResult verifyAttention(Op op) {
  ArrayRef<int64_t> q = shapeOf(op.getQuery());
  int64_t columns = shapeOf(op.getKey())[1];
  if (failed(expectShape(op, "key", op.getKey(), {q[0], columns, q[2], q[4]})))
    return failure();                                           // attention_c1
  if (bool(op.getQuerySegments()) != bool(op.getKeySegments())) // attention_c2
    return op.emitOpError("expected segments of queries and of keys, or none");
  std::optional<int64_t> window = op.getWindow();
  if (window && *window <= 0) // attention_c4
    return op.emitOpError()
           << "expected a positive window, but got " << *window;
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  bool areCodes = getKey().getType().getElementType().isInteger();
  if (bool(getKeyScales()) != areCodes || // attention_c5
      bool(getValueScales()) != areCodes)
    return emitOpError("expected scales for keys and values of i8, and none "
                       "for others");
  return success();
}

LogicalResult AttentionGradOp::verify() { return verifyAttention(*this); }

LogicalResult CrossEntropyOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getLogits()).take_front();
  if (failed(expectShape(*this, "labels", getLabels(), rows)))
    return failure();                                 // cross_entropy_c1
  return expectShape(*this, "loss", getLoss(), rows); // cross_entropy_c1
}

LogicalResult CrossEntropyGradOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getLogits()).take_front();
  if (failed(expectShape(*this, "labels", getLabels(), rows)))
    return failure(); // cross_entropy_grad_c1
  return expectShape(*this, "cotangent", getCotangent(), rows);
}

LogicalResult SoftmaxStatisticsOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getLogits()).take_front();
  if (failed(expectShape(*this, "labels", getLabels(), rows)))
    return failure(); // softmax_statistics_c1
  return expectShape(*this, "maximum", getMaximum(), rows);
}

LogicalResult BlockwiseAdamWOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getParameter());
  if (failed(expectShape(*this, "moment1", getMoment1(), shape)) ||
      failed(expectShape(*this, "scale1", getScale1(), shape.take_front())))
    return failure();      // blockwise_adamw_c1, blockwise_adamw_c2
  if (getGuards().empty()) // blockwise_adamw_c3
    return emitOpError("expected a guard");
  return success();
}
