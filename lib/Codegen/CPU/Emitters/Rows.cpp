//===- Rows.cpp - Norms and quantizers, row by row ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row is passed over once for each sum that the next pass needs: for the mean
// of squares of what is normed, for the largest magnitude of what is quantized,
// and for the codes. What a pass computes and a later one reads lies in its
// result's buffer or, where it is no result, in scratch memory, a row of it.
//
//===----------------------------------------------------------------------===//

#include "EmitEpilogue.h"
#include "Emitters.h"
#include "RowLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "sterna/Codegen/Kernels/Matching.h"
#include "sterna/Codegen/Kernels/Rows.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using namespace sterna::cpu;
using namespace sterna::kernels;

namespace {

class Emission {
public:
  Emission(KernelBuilder &k, const Rows &rows, plan::KernelOp kernel,
           ValueRange buffers)
      : k(k), norm(rows.norm), quantize(rows.quantize), buffers(buffers),
        loops(k, rows.n) {
    for (Operation &op : *kernel.getBodyBlock())
      if (&op == norm || llvm::any_of(op.getOperands(), [&](Value operand) {
            return dependsOnNorm(operand);
          }))
        normed.insert(&op);
    unsigned next = kernel.getBodyBlock()->getNumArguments();
    for (Value result : kernel.getYielded())
      keep(result, buffers[next++], /*isRow=*/false);
    for (Value value : {norm ? norm.getInput() : Value(),
                        quantize ? quantize.getInput() : Value()})
      if (value && !getArgumentNumber(value) && !findKept(value))
        keep(value, k.scratch({rows.n}, k.b.getF32Type()), /*isRow=*/true);
  }

  void emitRow(Value row) {
    Value inverse = norm ? emitInverse(row) : Value();
    if (quantize)
      return emitCodes(
          row, loops.largestMagnitude([&](Value column, int64_t count) {
            TileBuilder tile = emitTile(row, column, count, inverse);
            return tile.get(quantize.getInput());
          }));
    loops.forEach([&](Value column, int64_t count) {
      emitTile(row, column, count, inverse);
    });
  }

private:
  /// A value that is stored, and where: its row, or all of it.
  struct Kept {
    Value value, buffer;
    bool isRow;
    bool isNormed;
  };

  void keep(Value value, Value buffer, bool isRow) {
    if (value.getDefiningOp() != quantize)
      kept.push_back({value, buffer, isRow, dependsOnNorm(value)});
    else if (value == quantize.getQuantized())
      codes = buffer;
    else
      scales = buffer;
  }

  const Kept *findKept(Value value) const {
    const auto *it = llvm::find_if(
        kept, [&](const Kept &other) { return other.value == value; });
    return it == kept.end() ? nullptr : it;
  }

  bool dependsOnNorm(Value value) const {
    return normed.contains(value.getDefiningOp());
  }

  /// The first pass: 1 / sqrt(mean(x^2) + epsilon) of what is normed.
  Value emitInverse(Value row) {
    Value squares = loops.sum([&](Value column, int64_t count) {
      TileBuilder tile(k, buffers, row, column, count);
      storeKept(tile, row, column, /*isNormed=*/false);
      Value x = tile.get(norm.getInput());
      return std::make_pair(x, x);
    });
    return loops.inverseRms(squares, norm.getEpsilon().convertToDouble());
  }

  /// The second pass, or the first where there is no norm.
  TileBuilder emitTile(Value row, Value column, int64_t count, Value inverse) {
    TileBuilder tile(k, buffers, row, column, count);
    if (norm) {
      for (const Kept &known : kept)
        if (!known.isNormed)
          tile.set(known.value, load(known, row, column, count));
      Value x = tile.get(norm.getInput());
      Value weight = buffers[*getArgumentNumber(norm.getWeight())];
      tile.set(norm, mul(mul(x, k.splat(inverse, count)),
                         k.toF32(k.loadVector(weight, column, count))));
    }
    storeKept(tile, row, column, /*isNormed=*/bool(norm));
    return tile;
  }

  void storeKept(TileBuilder &tile, Value row, Value column, bool isNormed) {
    for (const Kept &result : kept)
      if (result.isNormed == isNormed)
        k.storeVector(tile.get(result.value), result.buffer,
                      indices(result, row, column));
  }

  Value load(const Kept &known, Value row, Value column, int64_t count) {
    return k.loadVector(known.buffer, indices(known, row, column), count);
  }

  static SmallVector<Value> indices(const Kept &value, Value row,
                                    Value column) {
    if (value.isRow)
      return {column};
    return {row, column};
  }

  /// The last pass, as tern.quantize says it.
  void emitCodes(Value row, Value largest) {
    Type f32 = k.b.getF32Type();
    Value magnitude = arith::BitcastOp::create(k.b, k.loc, f32, largest);
    Value factor =
        arith::DivFOp::create(k.b, k.loc, loops.constant(127),
                              atLeast(magnitude, loops.constant(1e-5)));
    if (scales)
      k.store(scaleOf(largest, factor), scales, row);
    if (!codes)
      return;
    loops.forEach([&](Value column, int64_t count) {
      Value scaled = mul(quantized(row, column, count), k.splat(factor, count));
      Value rounded = math::RoundEvenOp::create(k.b, k.loc, scaled);
      Value low = atLeast(rounded, k.floatVector(-128, count));
      Value code =
          bounded(arith::CmpFPredicate::OLT, low, k.floatVector(127, count));
      auto type = VectorType::get(count, k.b.getI32Type());
      Value wide = arith::FPToSIOp::create(k.b, k.loc, type, code);
      k.storeVector(arith::TruncIOp::create(k.b, k.loc,
                                            type.clone(k.b.getI8Type()), wide),
                    codes, {row, column});
    });
  }

  /// What is quantized, which the pass before has stored if it computed it.
  Value quantized(Value row, Value column, int64_t count) {
    Value input = quantize.getInput();
    if (const Kept *known = findKept(input))
      return load(*known, row, column, count);
    return k.loadVector(buffers[*getArgumentNumber(input)], {row, column},
                        count);
  }

  /// 1 / `factor`, or NaN where an element is not finite.
  Value scaleOf(Value largest, Value factor) {
    Value infinity = arith::BitcastOp::create(k.b, k.loc, k.b.getI32Type(),
                                              loops.constant(INFINITY));
    Value isFinite = arith::CmpIOp::create(
        k.b, k.loc, arith::CmpIPredicate::slt, largest, infinity);
    Value scale = arith::DivFOp::create(k.b, k.loc, loops.constant(1), factor);
    return k.select(isFinite, scale, loops.constant(NAN));
  }

  Value atLeast(Value x, Value bound) {
    return bounded(arith::CmpFPredicate::OGT, x, bound);
  }
  Value bounded(arith::CmpFPredicate predicate, Value x, Value bound) {
    Value isInside = arith::CmpFOp::create(k.b, k.loc, predicate, x, bound);
    return k.select(isInside, x, bound);
  }

  Value mul(Value x, Value y) {
    return arith::MulFOp::create(k.b, k.loc, x, y);
  }

  KernelBuilder &k;
  tern::RmsNormOp norm;
  tern::QuantizeOp quantize;
  ValueRange buffers;
  RowLoops loops;
  llvm::DenseSet<Operation *> normed;
  SmallVector<Kept> kept;
  Value codes, scales;
};

class RowsPlan : public KernelPlan {
public:
  RowsPlan(const Rows &rows, plan::KernelOp kernel)
      : rows(rows), kernel(kernel) {}

  int64_t getWorkgroups() const override {
    return RowLoops::getWorkgroups(rows.m, rows.n);
  }

  void emit(OpBuilder &builder, Location loc, ValueRange buffers, Value begin,
            Value end) const override {
    KernelBuilder k(builder, loc);
    Emission emission(k, rows, kernel, buffers);
    RowLoops(k, rows.n).forEachRow(rows.m, begin, end,
                                   [&](Value row) { emission.emitRow(row); });
  }

private:
  Rows rows;
  plan::KernelOp kernel;
};

struct RowsEmitter : KernelEmitter {
  StringRef getName() const override { return "rows"; }

  std::unique_ptr<KernelPlan> match(plan::KernelOp kernel,
                                    const TargetInfo &) const override {
    std::optional<Rows> rows = Rows::match(kernel);
    if (!rows)
      return nullptr;
    return std::make_unique<RowsPlan>(*rows, kernel);
  }
};

} // namespace

std::unique_ptr<KernelEmitter> sterna::cpu::createRowsEmitter() {
  return std::make_unique<RowsEmitter>();
}
