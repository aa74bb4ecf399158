//===- Tern.h - The tern dialect ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops, type and attributes of the `tern` dialect; TernOps.td documents them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_TERN_IR_TERN_H
#define STERNA_DIALECT_TERN_IR_TERN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "sterna/Interfaces/DecomposableOpInterface.h"
#include "sterna/Interfaces/DifferentiableOpInterface.h"

#include "module_generated.h"

namespace sterna::tern {

/// What a state tensor holds: one enumeration of compiler and device binary.
using StateKind = format::StateKind;

/// A linear of a transformer block, likewise.
using Projection = format::Projection;

/// Which optimizer trains, and when it clips gradients, likewise.
using OptimizerKind = format::OptimizerKind;
using GradientClipping = format::GradientClipping;

/// Parse a name; report any other.
mlir::FailureOr<StateKind> parseStateKind(mlir::AsmParser &parser);
mlir::FailureOr<Projection> parseProjection(mlir::AsmParser &parser);
mlir::FailureOr<OptimizerKind> parseOptimizerKind(mlir::AsmParser &parser);
mlir::FailureOr<GradientClipping>
parseGradientClipping(mlir::AsmParser &parser);

/// The kind called `name`, such as "lora_a".
std::optional<StateKind> symbolizeStateKind(llvm::StringRef name);

/// The projection called `name`, such as "q_proj".
std::optional<Projection> symbolizeProjection(llvm::StringRef name);

/// The optimizer called `name`, "adamw" or "sgd".
std::optional<OptimizerKind> symbolizeOptimizerKind(llvm::StringRef name);

/// The clipping called `name`: "exact", "previous" or "off".
std::optional<GradientClipping> symbolizeGradientClipping(llvm::StringRef name);

} // namespace sterna::tern

#include "sterna/Dialect/Tern/IR/TernDialect.h.inc"
#include "sterna/Dialect/Tern/IR/TernEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "sterna/Dialect/Tern/IR/TernTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "sterna/Dialect/Tern/IR/TernAttributes.h.inc"

namespace sterna::tern {

/// The type of the scales of `matrix`, a ranked tensor: one f32 for each row
/// along its last dimension.
mlir::RankedTensorType getRowScaleType(mlir::Type matrix);

/// Columns of a block of tern.dequantize.
constexpr int64_t blockColumns = 32;

/// Bytes of the codes of a block whose codes have `bits` bits.
constexpr int64_t getBlockBytes(unsigned bits) {
  return blockColumns * bits / 8;
}

/// The type of the segments of `tokens`, a ranked tensor: one i32 for each
/// element of its first two dimensions.
mlir::RankedTensorType getSegmentsType(mlir::Type tokens);

} // namespace sterna::tern

#define GET_OP_CLASSES
#include "sterna/Dialect/Tern/IR/TernOps.h.inc"

namespace sterna::tern {

/// Attributes of a program function's arguments and results; TernDialect.td
/// says what they hold.
constexpr llvm::StringLiteral inputAttr = "tern.input";
constexpr llvm::StringLiteral stateAttr = "tern.state";
constexpr llvm::StringLiteral statesAttr = "tern.states";
constexpr llvm::StringLiteral lossScaleAttr = "tern.loss_scale";
constexpr llvm::StringLiteral unsignedAttr = "tern.unsigned";
constexpr llvm::StringLiteral outputAttr = "tern.output";
constexpr llvm::StringLiteral tiedAttr = "tern.tied";
constexpr llvm::StringLiteral lossAttr = "tern.loss";

/// Attribute of a parameter.
constexpr llvm::StringLiteral trainableAttr = "tern.trainable";

/// Attributes of a module.
constexpr llvm::StringLiteral modelAttr = "tern.model";
constexpr llvm::StringLiteral tokenizerAttr = "tern.tokenizer";
constexpr llvm::StringLiteral shapesAttr = "tern.shapes";
constexpr llvm::StringLiteral loraAttr = "tern.lora";
constexpr llvm::StringLiteral optimizerAttr = "tern.optimizer";
constexpr llvm::StringLiteral gradientsAttr = "tern.gradients";
constexpr llvm::StringLiteral phaseAttr = "tern.phase";

/// The negative label that marks a masked position; any negative one does.
constexpr int32_t maskedLabel = -100;

/// Where row `row` of a rotate-half matrix stands in one whose heads of
/// `headDim` rows are in the order of interleaved rotary embedding.
inline int64_t interleavedRow(int64_t row, int64_t headDim) {
  int64_t head = row / headDim, i = row % headDim, half = headDim / 2;
  return head * headDim + (i < half ? 2 * i : 2 * (i - half) + 1);
}

/// The inverse: the row in rotate-half order that `interleavedRow` maps to
/// `row`.
inline int64_t rotateHalfRow(int64_t row, int64_t headDim) {
  int64_t head = row / headDim, i = row % headDim;
  return head * headDim + (i % 2) * (headDim / 2) + i / 2;
}

/// What attention of heads of `width` multiplies scores by: `scale`, or
/// 1 / sqrt(width) if that is null.
double getScoreScale(mlir::FloatAttr scale, int64_t width);

/// The largest magnitude of a quantized gradient of integers `element`, i8 or
/// i16: 127 or 127 * 256 + 127.
int64_t getGradientLimit(mlir::Type element);

/// The most rows of a matrix for which a sum of such gradients fits int32.
int64_t getMostGradientRows(mlir::Type element);

/// The buffer of a tensor of static shape: a memref of its elements or, of a
/// packed ternary matrix, of its bytes.
mlir::MemRefType getBufferType(mlir::RankedTensorType type);

} // namespace sterna::tern

#endif // STERNA_DIALECT_TERN_IR_TERN_H
