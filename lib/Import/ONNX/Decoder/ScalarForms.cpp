//===- ScalarForms.cpp - Arithmetic of linear forms -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ScalarForms.h.
//
//===----------------------------------------------------------------------===//

#include "ScalarForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace sterna;

using Forms = ArrayRef<LinearForm>;
using Result = std::optional<LinearForm>;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

static double toDouble(llvm::APFloat value) {
  bool loses;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &loses);
  return value.convertToDouble();
}

static std::optional<double> toDouble(const llvm::APInt &value) {
  if (value.getBitWidth() == 1)
    return value.isZero() ? 0 : 1;
  constexpr int64_t limit = int64_t(1) << 53;
  std::optional<int64_t> number = value.trySExtValue();
  if (!number || *number > limit || *number < -limit)
    return std::nullopt;
  return double(*number);
}

std::optional<double> sterna::numberOf(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return toDouble(number.getValue());
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return toDouble(number.getValue());
  if (auto elements = dyn_cast<DenseElementsAttr>(attribute))
    if (elements.getNumElements() == 1)
      return numberOf(elements, 0);
  return std::nullopt;
}

std::optional<double> sterna::numberOf(DenseElementsAttr elements,
                                       int64_t place) {
  if (elements.isSplat())
    place = 0;
  if (isa<FloatType>(elements.getElementType()))
    return toDouble(*(elements.value_begin<llvm::APFloat>() + place));
  return toDouble(*(elements.value_begin<llvm::APInt>() + place));
}

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static LinearForm scale(const LinearForm &form, double factor) {
  LinearForm result{form.constant * factor, {}};
  if (factor != 0)
    for (const LinearTerm &term : form.terms)
      result.terms.push_back({term.root, term.place, term.factor * factor});
  return result;
}

/// x + factor * y.
static LinearForm add(const LinearForm &x, const LinearForm &y, double factor) {
  LinearForm result = x;
  result.constant += factor * y.constant;
  for (const LinearTerm &term : y.terms) {
    auto *same = llvm::find_if(result.terms, [&](const LinearTerm &each) {
      return each.root == term.root && each.place == term.place;
    });
    if (same == result.terms.end()) {
      result.terms.push_back({term.root, term.place, factor * term.factor});
      continue;
    }
    same->factor += factor * term.factor;
    if (same->factor == 0)
      result.terms.erase(same);
  }
  return result;
}

static Result multiply(const LinearForm &x, const LinearForm &y) {
  if (x.isConstant())
    return scale(y, x.constant);
  if (y.isConstant())
    return scale(x, y.constant);
  return std::nullopt;
}

/// What a condition that is not known picks: both, where they are equal, or `x`
/// of "x is no number ? other : x", for no value of a decoder is one.
static Result choose(Operation *op, Forms v) {
  if (v[0].isConstant())
    return v[0].constant != 0 ? v[1] : v[2];
  auto select = cast<arith::SelectOp>(op);
  auto test = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (test && test.getPredicate() == arith::CmpFPredicate::UNO &&
      test.getLhs() == test.getRhs() && test.getLhs() == select.getFalseValue())
    return v[2];
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Functions of numbers
//===----------------------------------------------------------------------===//

static bool compareFloats(arith::CmpFPredicate predicate, double x, double y) {
  return arith::applyCmpPredicate(predicate, llvm::APFloat(x),
                                  llvm::APFloat(y));
}

static bool compareIntegers(arith::CmpIPredicate predicate, double x,
                            double y) {
  auto wide = [](double value) {
    return llvm::APInt(64, uint64_t(int64_t(value)), /*isSigned=*/true);
  };
  return arith::applyCmpPredicate(predicate, wide(x), wide(y));
}

static double floorDivide(double x, double y) { return std::floor(x / y); }

/// `value` of the element type of `type` without its sign.
static int64_t withoutSign(double value, Type type) {
  type = getElementTypeOrSelf(type);
  unsigned bits = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  auto word = uint64_t(int64_t(value));
  return int64_t(bits < 64 ? word & ((uint64_t(1) << bits) - 1) : word);
}

/// Integers of two's complement; none where there is no quotient.
static std::optional<double> applyInteger(Operation *op, ArrayRef<double> v) {
  for (double value : v)
    if (!(std::abs(value) < 9e18))
      return std::nullopt;
  auto integer = [&](size_t number) { return int64_t(v[number]); };
  auto natural = [&](size_t number) {
    return withoutSign(v[number], op->getOperand(number).getType());
  };
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](arith::DivSIOp) -> std::optional<double> {
        if (integer(1) == 0)
          return std::nullopt;
        int64_t quotient = integer(0) / integer(1);
        return double(quotient);
      })
      .Case([&](arith::DivUIOp) -> std::optional<double> {
        if (natural(1) <= 0 || natural(0) < 0)
          return std::nullopt;
        int64_t quotient = natural(0) / natural(1);
        return double(quotient);
      })
      .Case([&](arith::RemUIOp) -> std::optional<double> {
        if (natural(1) <= 0 || natural(0) < 0)
          return std::nullopt;
        return double(natural(0) % natural(1));
      })
      .Case([&](arith::FloorDivSIOp) -> std::optional<double> {
        if (integer(1) == 0)
          return std::nullopt;
        return floorDivide(v[0], v[1]);
      })
      .Case([&](arith::RemSIOp) -> std::optional<double> {
        if (integer(1) == 0)
          return std::nullopt;
        return double(integer(0) % integer(1));
      })
      .Case([&](arith::AndIOp) { return double(integer(0) & integer(1)); })
      .Case([&](arith::OrIOp) { return double(integer(0) | integer(1)); })
      .Case([&](arith::XOrIOp) { return double(integer(0) ^ integer(1)); })
      .Case([&](arith::ShRUIOp) -> std::optional<double> {
        if (natural(0) < 0 || integer(1) < 0 || integer(1) > 63)
          return std::nullopt;
        return double(natural(0) >> integer(1));
      })
      .Case([&](arith::MaxSIOp) { return std::max(v[0], v[1]); })
      .Case([&](arith::MinSIOp) { return std::min(v[0], v[1]); })
      .Case([&](arith::CmpIOp compare) {
        return double(compareIntegers(compare.getPredicate(), v[0], v[1]));
      })
      .Default(std::nullopt);
}

static std::optional<double> applyFloat(Operation *op, ArrayRef<double> v) {
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](arith::CmpFOp compare) {
        return double(compareFloats(compare.getPredicate(), v[0], v[1]));
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>(
          [&](auto) { return std::max(v[0], v[1]); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>(
          [&](auto) { return std::min(v[0], v[1]); })
      .Case([&](arith::FPToSIOp) { return std::trunc(v[0]); })
      .Case([&](math::AbsFOp) { return std::fabs(v[0]); })
      .Case([&](math::AbsIOp) { return std::fabs(v[0]); })
      .Case([&](math::CosOp) { return std::cos(v[0]); })
      .Case([&](math::SinOp) { return std::sin(v[0]); })
      .Case([&](math::ExpOp) { return std::exp(v[0]); })
      .Case([&](math::LogOp) { return std::log(v[0]); })
      .Case([&](math::SqrtOp) { return std::sqrt(v[0]); })
      .Case([&](math::RsqrtOp) { return 1 / std::sqrt(v[0]); })
      .Case([&](math::PowFOp) { return std::pow(v[0], v[1]); })
      .Case([&](math::FloorOp) { return std::floor(v[0]); })
      .Case([&](math::CeilOp) { return std::ceil(v[0]); })
      .Case([&](math::RoundEvenOp) { return std::nearbyint(v[0]); })
      .Default(std::nullopt);
}

static Result applyNumbers(Operation *op, Forms operands) {
  SmallVector<double> numbers;
  for (const LinearForm &form : operands) {
    if (!form.isConstant())
      return std::nullopt;
    numbers.push_back(form.constant);
  }
  auto number = applyFloat(op, numbers);
  if (!number)
    number = applyInteger(op, numbers);
  if (!number)
    return std::nullopt;
  return LinearForm{*number, {}};
}

Result sterna::combine(Operation *op, Forms v) {
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<arith::AddFOp, arith::AddIOp>(
          [&](auto) { return add(v[0], v[1], 1); })
      .Case<arith::SubFOp, arith::SubIOp>(
          [&](auto) { return add(v[0], v[1], -1); })
      .Case([&](arith::NegFOp) { return scale(v[0], -1); })
      .Case<arith::MulFOp, arith::MulIOp>(
          [&](auto) { return multiply(v[0], v[1]); })
      .Case([&](arith::DivFOp) -> Result {
        if (!v[1].isConstant())
          return std::nullopt;
        if (v[0].isConstant())
          return LinearForm{v[0].constant / v[1].constant, {}};
        return scale(v[0], 1 / v[1].constant);
      })
      // Numbers keep their values: integers of a type too small for them are no
      // part of a decoder.
      .Case<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::ExtSIOp,
            arith::IndexCastOp>([&](auto) { return v[0]; })
      .Case<arith::UIToFPOp, arith::ExtUIOp>([&](auto) -> Result {
        if (!v[0].isConstant())
          return v[0];
        Type from = op->getOperand(0).getType();
        return LinearForm{double(withoutSign(v[0].constant, from)), {}};
      })
      .Case([&](arith::TruncIOp truncated) -> Result {
        bool isBool = getElementTypeOrSelf(truncated.getType()).isInteger(1);
        return isBool ? std::nullopt : Result(v[0]);
      })
      .Case([&](arith::SelectOp) { return choose(op, v); })
      .Default([&](Operation *) { return applyNumbers(op, v); });
}
