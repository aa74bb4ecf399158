//===- Probes.cpp - Functions known by their values -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Probes.h.
//
//===----------------------------------------------------------------------===//

#include "Probes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <cmath>

using namespace mlir;
using namespace sterna;

/// A number in (-limit, limit) for each place of each `series`, 0 to 7: bits of
/// a multiplicative hash.
static double probe(int64_t place, uint64_t series, double limit) {
  uint64_t bits = (uint64_t(place) * 8 + series) * 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 29) * 0xbf58476d1ce4e5b9;
  return (double((bits ^ bits >> 32) >> 11) / double(1ll << 52) - 1) * limit;
}

static bool areClose(double x, double y, double size) {
  return std::abs(x - y) <= 1e-6 * std::abs(size);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// One of `extent` places, chosen by `i` and `series`.
static int64_t choose(int64_t i, uint64_t series, int64_t extent) {
  return int64_t((probe(i, series, 0.5) + 0.5) * double(extent));
}

/// Whether some elements of some rows of `result` are what `compute` makes of
/// the numbers of a row of `input`, in place, times those of `weight`, if any.
static bool
computesRows(Value result, Value input, int64_t size, Value weight,
             llvm::function_ref<void(std::vector<double> &)> compute) {
  auto number = [](int64_t place) { return probe(place, 7, 3); };
  auto factor = [=](int64_t place) { return weight ? probe(place, 6, 2) : 1; };
  int64_t count = cast<RankedTensorType>(input.getType()).getNumElements();
  if (size < 1 || count % size != 0 ||
      cast<RankedTensorType>(result.getType()).getNumElements() != count)
    return false;
  LinearForms probes;
  probes.assign(peelViews(input), number);
  if (weight)
    probes.assign(weight, factor);
  int64_t rows = count / size;
  std::vector<double> row(size);
  for (int64_t at : {int64_t(0), rows / 2, rows - 1}) {
    for (int64_t i = 0; i < size; ++i)
      row[i] = number(at * size + i);
    compute(row);
    for (int64_t i : {int64_t(0), size / 3, size / 2, size - 1}) {
      LinearForm form = probes.get(result, at * size + i);
      double expected = row[i] * factor(i);
      if (!form.isConstant() || !areClose(form.constant, expected, expected))
        return false;
    }
  }
  return true;
}

bool sterna::computesNorm(Value result, Value input, double epsilon,
                          int64_t size, Value weight) {
  return epsilon >= 0 &&
         computesRows(result, input, size, weight,
                      [&](std::vector<double> &row) {
                        double sum = 0;
                        for (double x : row)
                          sum += x * x;
                        for (double &x : row)
                          x /= std::sqrt(sum / double(size) + epsilon);
                      });
}

bool sterna::computesSoftmax(Value result, Value input, int64_t size) {
  return computesRows(result, input, size, nullptr,
                      [](std::vector<double> &row) {
                        double sum = 0;
                        for (double &x : row)
                          sum += x = std::exp(x);
                        for (double &x : row)
                          x /= sum;
                      });
}

//===----------------------------------------------------------------------===//
// Inputs of linears
//===----------------------------------------------------------------------===//

namespace {

/// Compares what a linear reads, and its scale, with the quantizer of rows of
/// known numbers.
class InputProbe {
public:
  /// Rows have magnitudes that depend on `turn`: in four turns, each has all.
  InputProbe(const LinearPart &linear, Value source, int64_t turn)
      : linear(linear), turn(turn) {
    if (source)
      probes.assign(peelViews(source),
                    [this](int64_t place) { return numberOf(place); });
  }

  /// Whether row `row` is quantized as BitNet b1.58 does. It may be left in
  /// integers, by whose step the product is multiplied then.
  bool isQuantized(int64_t row) {
    int64_t columns = linear.columns, begin = row * columns, top = begin;
    for (int64_t i = 0; i < columns; ++i)
      if (std::abs(numberOf(begin + i)) > std::abs(numberOf(top)))
        top = begin + i;
    double scale = 127 / std::max(std::abs(numberOf(top)), 1e-5);
    double largest = std::nearbyint(numberOf(top) * scale);
    isInteger = areClose(get(linear.input, top), largest, 127);
    if (isInteger && !linear.scale)
      return false;
    step = !isInteger ? 1 : linear.isDivided ? scale : 1 / scale;
    for (int64_t i = 0; i < columns; i += std::max<int64_t>(1, columns / 64)) {
      double code = std::nearbyint(numberOf(begin + i) * scale);
      code = std::clamp(code, -128.0, 127.0);
      double found = get(linear.input, begin + i);
      if (!areClose(found * (isInteger ? 1 : scale), code, 127))
        return false;
    }
    return true;
  }

  /// The scale of row `row` without the quantizer's step; not a number where it
  /// has several.
  double getFactor(int64_t row) {
    if (!linear.scale)
      return 1;
    double first = get(linear.scale, row * linear.rows);
    for (int64_t column : {linear.rows / 2, linear.rows - 1})
      if (get(linear.scale, row * linear.rows + column) != first)
        return NAN;
    return first / step;
  }

private:
  /// Rows are of magnitudes from below the least that is told apart on.
  double numberOf(int64_t place) const {
    constexpr double limits[] = {4, 1e-7, 1e-2, 1e3};
    return probe(place, 0, limits[(place / linear.columns + turn) % 4]);
  }

  double get(Value value, int64_t place) {
    LinearForm form = probes.get(value, place);
    return form.isConstant() ? form.constant : NAN;
  }

  const LinearPart &linear;
  int64_t turn;
  LinearForms probes;
  bool isInteger = false;
  double step = 1;
};

} // namespace

llvm::Expected<LinearInput> sterna::readLinearInput(const LinearPart &linear,
                                                    const LinearForms &forms) {
  LinearInput read{linear.input, false, 1, linear.isDivided};
  if (!forms.isRoot(linear.input))
    if (auto magnitudes = findOp<math::AbsFOp>(linear.input, forms))
      read = {magnitudes.getOperand(), true, 1, linear.isDivided};
  int64_t count =
      cast<RankedTensorType>(linear.input.getType()).getNumElements();
  int64_t rows = count / linear.columns;
  auto wrong = [&] {
    return makeError(linear.op, "expected the quantizer of BitNet b1.58, 127 "
                                "by the largest magnitude of a token's row");
  };
  if (cast<RankedTensorType>(read.source.getType()).getNumElements() != count)
    return wrong();
  std::optional<double> factor;
  for (int64_t turn = 0; turn < (read.isQuantized ? 4 : 1); ++turn) {
    InputProbe probe(linear, read.isQuantized ? read.source : Value(), turn);
    for (int64_t row : {int64_t(0), rows / 3, rows / 2, rows - 1}) {
      if (read.isQuantized && !probe.isQuantized(row))
        return wrong();
      double found = probe.getFactor(row);
      factor = factor ? factor : found;
      if (!areClose(found, *factor, std::abs(*factor)))
        return makeError(linear.op, "expected a scale that only its quantizer "
                                    "has for each token");
    }
  }
  read.factor = *factor;
  return read;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The place of element [row, column] of the matrix of `linear`.
static int64_t placeOf(const LinearPart &linear, int64_t row, int64_t column) {
  return linear.isTransposed ? row * linear.columns + column
                             : column * linear.rows + row;
}

Value sterna::readPacked(const LinearPart &linear, const LinearForms &forms) {
  SmallVector<Value> leaves = findLeaves(linear.weight, forms);
  if (leaves.size() != 1 || linear.rows % 4 != 0)
    return nullptr;
  auto type = cast<RankedTensorType>(leaves[0].getType());
  if (!type.getElementType().isInteger(8) ||
      type.getNumElements() * 4 != linear.rows * linear.columns)
    return nullptr;
  // Bytes of four codes of 0 to 2 each, the last below 2: they have no sign.
  auto number = [](int64_t place) {
    int byte = 0;
    for (int64_t i = 0; i < 4; ++i) {
      double code = std::floor(probe(place, 3 + i, 1.5) + 1.5);
      byte |= int(std::min(code, i == 3 ? 1.0 : 2.0)) << (2 * i);
    }
    return double(byte);
  };
  LinearForms probes;
  probes.assign(leaves[0], number);
  int64_t quarter = linear.rows / 4;
  for (int64_t i = 0; i < 512; ++i) {
    int64_t row = choose(i, 1, linear.rows);
    int64_t column = choose(i, 2, linear.columns);
    auto byte = int(number(row % quarter * linear.columns + column));
    int code = byte >> (2 * (row / quarter)) & 3;
    LinearForm form = probes.get(linear.weight, placeOf(linear, row, column));
    if (!form.isConstant() || form.constant != code - 1)
      return nullptr;
  }
  return leaves[0];
}

std::optional<ComputedMatrix> sterna::readLatent(const LinearPart &linear,
                                                 const LinearForms &forms) {
  auto magnitudes = findOp<math::AbsFOp>(linear.weight, forms);
  if (!magnitudes)
    return std::nullopt;
  ComputedMatrix matrix{peelViews(magnitudes.getOperand())};
  // The mean is that of all magnitudes, and so is taken for known.
  Value sum = findSumOf(magnitudes.getResult());
  if (!sum || !matrix.parameter.getDefiningOp<tern::GetParamOp>())
    return std::nullopt;
  double count = double(linear.rows) * double(linear.columns);
  // The mean is one of those above and below the least that is divided by.
  auto fits = [&](bool isTransposed, double mean) {
    double scale = 1 / std::max(mean, 1e-5);
    auto number = [=](int64_t place) { return probe(place, 2, 3.3 * mean); };
    LinearForms probes;
    probes.assign(sum, [=](int64_t) { return mean * count; });
    probes.assign(matrix.parameter, number);
    for (int64_t i = 0; i < 512; ++i) {
      int64_t row = choose(i, 3, linear.rows);
      int64_t column = choose(i, 4, linear.columns);
      int64_t rowMajor = row * linear.columns + column;
      int64_t columnMajor = column * linear.rows + row;
      double stored = number(isTransposed ? columnMajor : rowMajor);
      double trit = std::clamp(std::nearbyint(stored * scale), -1.0, 1.0);
      LinearForm form = probes.get(linear.weight, placeOf(linear, row, column));
      if (!form.isConstant() ||
          !areClose(form.constant, trit / scale, 1 / scale))
        return false;
    }
    return true;
  };
  for (bool isTransposed : {false, true})
    if (fits(isTransposed, 0.37) && fits(isTransposed, 1e-6)) {
      matrix.isTransposed = isTransposed;
      return matrix;
    }
  return std::nullopt;
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
    return [series](int64_t place) {
      constexpr double limits[] = {12, 1, 100, 1e4};
      return probe(place, series, limits[place % 4]);
    };
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
        fits = form.isConstant() &&
               areClose(form.constant, expected, std::abs(expected) + 1e-9);
      }
      if (fits)
        return GatedUnit{leaves[gate], leaves[1 - gate], activation};
    }
  return std::nullopt;
}
