//===- Probes.cpp - Functions known by their values -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Probes.h.
//
//===----------------------------------------------------------------------===//

#include "Probes.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace sterna;

/// A number in (-limit, limit) for each place of each `series`: bits of a
/// multiplicative hash.
static double probe(int64_t place, uint64_t series, double limit) {
  uint64_t bits = (uint64_t(place) * 2 + series) * 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 29) * 0xbf58476d1ce4e5b9;
  return (double((bits ^ bits >> 32) >> 11) / double(1ll << 52) - 1) * limit;
}

static bool areClose(double x, double y, double size) {
  return std::abs(x - y) <= 1e-6 * size;
}

//===----------------------------------------------------------------------===//
// Quantizers
//===----------------------------------------------------------------------===//

/// The value whose magnitudes `value` depends on; null where there is none
/// before the roots.
static Value findMagnitudes(Value value, const LinearForms &forms) {
  SmallVector<Value> work{value};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !seen.insert(next).second ||
        (next != value && forms.isRoot(next)))
      continue;
    if (auto magnitudes = dyn_cast<math::AbsFOp>(op))
      return magnitudes.getOperand();
    llvm::append_range(work, op->getOperands());
  }
  return nullptr;
}

llvm::Expected<LinearInput>
sterna::readLinearInput(Value input, int64_t columns,
                        const LinearForms &forms) {
  Value source = forms.isRoot(input) ? Value() : findMagnitudes(input, forms);
  if (!source)
    return LinearInput{input, false};
  LinearForms probes;
  auto number = [](int64_t place) { return probe(place, 0, 4); };
  probes.assign(peelViews(source), number);
  int64_t rows = cast<RankedTensorType>(input.getType()).getNumElements() /
                 columns;
  for (int64_t row : {int64_t(0), rows - 1}) {
    double largest = 1e-5;
    for (int64_t i = 0; i < columns; ++i)
      largest = std::max(largest, std::abs(number(row * columns + i)));
    double scale = 127 / largest;
    for (int64_t i = 0; i < columns; i += std::max<int64_t>(1, columns / 64)) {
      int64_t place = row * columns + i;
      double code = std::nearbyint(number(place) * scale);
      double expected = std::clamp(code, -128.0, 127.0) / scale;
      LinearForm form = probes.get(input, place);
      if (!form.isConstant() || !areClose(form.constant, expected, largest))
        return makeError(input.getDefiningOp(),
                         "expected the quantizer of BitNet b1.58, 127 by the "
                         "largest magnitude of a token's row");
    }
  }
  return LinearInput{source, true};
}

//===----------------------------------------------------------------------===//
// Gated units
//===----------------------------------------------------------------------===//

static double activate(FeedForwardActivation activation, double x) {
  if (activation == FeedForwardActivation::SiLU)
    return x / (1 + std::exp(-x));
  return x > 0 ? x * x : 0;
}

std::optional<GatedUnit> sterna::readGatedUnit(Value value,
                                               const LinearForms &forms) {
  SmallVector<Value> leaves = findLeaves(value, forms);
  int64_t count = cast<RankedTensorType>(value.getType()).getNumElements();
  if (leaves.size() != 2)
    return std::nullopt;
  for (Value leaf : leaves)
    if (cast<RankedTensorType>(leaf.getType()).getNumElements() != count)
      return std::nullopt;
  auto number = [](uint64_t series) {
    return [series](int64_t place) { return probe(place, series, 12); };
  };
  LinearForms probes;
  for (auto [series, leaf] : llvm::enumerate(leaves))
    probes.assign(leaf, number(series));
  for (size_t gate : {0, 1})
    for (auto activation :
         {FeedForwardActivation::SiLU, FeedForwardActivation::ReLUSquared}) {
      bool fits = true;
      for (int64_t i = 0; fits && i < 1024; ++i) {
        int64_t place = i < 256 ? i : i * (count / 1024);
        if (place >= count)
          break;
        double up = number(1 - gate)(place);
        double expected = activate(activation, number(gate)(place)) * up;
        LinearForm form = probes.get(value, place);
        fits = form.isConstant() && areClose(form.constant, expected, 144);
      }
      if (fits)
        return GatedUnit{leaves[gate], leaves[1 - gate], activation};
    }
  return std::nullopt;
}
