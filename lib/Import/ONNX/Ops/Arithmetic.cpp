//===- Arithmetic.cpp - Elementwise arithmetic ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of one, two or many operands, element by element, and casts.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

using Values = ArrayRef<Value>;

/// The type in which elements of `type` are computed.
DataType computeType(DataType type) {
  return type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16
             ? DataType(TensorProto::FLOAT)
             : type;
}

/// An elementwise op whose result has the type of its first input.
LogicalResult
buildElementwise(NodeBuilder &n, size_t count,
                 function_ref<Value(const Arithmetic &, Values)> build) {
  if (failed(n.expectInputs(count)))
    return failure();
  SmallVector<GraphValue> operands;
  SmallVector<size_t> numbers;
  for (size_t number = 0; number < count; ++number) {
    operands.push_back(n.input(number));
    numbers.push_back(number);
  }
  if (failed(n.expectNumbers(numbers)))
    return failure();
  DataType type = n.dataType(0);
  Arithmetic math{n, computeType(type)};
  Value result = n.elementwise(
      operands, [&](Values values) { return build(math, values); });
  if (!result)
    return failure();
  return n.finish(n.narrow(result, type), type);
}

/// A function of one float or integer.
void addUnary(OpTable &table, StringRef name,
              std::function<Value(const Arithmetic &, Value)> build) {
  table.add(name, [build](NodeBuilder &n) {
    return buildElementwise(n, 1, [&](const Arithmetic &math, Values values) {
      return build(math, values[0]);
    });
  });
}

/// A function of floats alone.
void addFloat(OpTable &table, StringRef name,
              std::function<Value(const TensorBuilder &, Value)> build) {
  table.add(name, [build](NodeBuilder &n) -> LogicalResult {
    if (failed(n.expectInputs(1)))
      return failure();
    if (!isFloat(n.dataType(0)))
      return n.fail("expected floats, but got " + getTypeName(n.dataType(0)));
    return buildElementwise(n, 1, [&](const Arithmetic &math, Values values) {
      return build(math.b, values[0]);
    });
  });
}

template <typename Op> void addFloat(OpTable &table, StringRef name) {
  addFloat(table, name, [](const TensorBuilder &b, Value x) -> Value {
    return Op::create(b.b, b.loc, x);
  });
}

/// A function of an angle, brought near to zero before, in three steps of which
/// the first two are exact where it has less than 2^16 turns.
template <typename Op> void addPeriodic(OpTable &table, StringRef name) {
  addFloat(table, name, [](const TensorBuilder &b, Value x) -> Value {
    auto c = [&](double value) { return b.constant(x.getType(), value); };
    Value turns =
        math::RoundEvenOp::create(b.b, b.loc, b.mul(x, c(0.15915494309189535)));
    for (double part : {6.28125, 0.001934051513671875, 1.255665914356996e-06})
      x = b.sub(x, b.mul(turns, c(part)));
    return Op::create(b.b, b.loc, x);
  });
}

/// Hyperbolic functions and their inverses, by exp and log, with a series where
/// these cancel.
struct Hyperbolic {
  const TensorBuilder &b;
  Value x;

  Value c(double value) const { return b.constant(x.getType(), value); }
  Value exp(Value y) const { return math::ExpOp::create(b.b, b.loc, y); }
  Value log(Value y) const { return math::LogOp::create(b.b, b.loc, y); }
  Value magnitude() const { return math::AbsFOp::create(b.b, b.loc, x); }
  Value less(Value y, double bound) const {
    return b.compare(arith::CmpFPredicate::OLT, y, c(bound));
  }
  Value withSign(Value y) const {
    return math::CopySignOp::create(b.b, b.loc, y, x);
  }
  /// x + third x^3 + fifth x^5.
  Value series(double third, double fifth) const {
    Value square = b.mul(x, x);
    Value tail = b.mul(square, b.add(c(third), b.mul(square, c(fifth))));
    return b.add(x, b.mul(x, tail));
  }
  /// e^(y - ln 2), which overflows later than e^y / 2.
  Value halfExp(Value y) const { return exp(b.sub(y, c(0.69314718055994531))); }
  Value cosh() const { return b.add(halfExp(x), halfExp(b.neg(x))); }
  Value sinh() const {
    Value y = b.sub(halfExp(x), halfExp(b.neg(x)));
    return b.select(less(magnitude(), 0.1), series(1.0 / 6, 1.0 / 120), y);
  }
  /// log(|x| + sqrt(x^2 + one)), or of 2 |x| where the square is too large.
  Value inverse(double one) const {
    Value y = magnitude();
    Value near = log(b.add(y, b.sqrt(b.add(b.mul(y, y), c(one)))));
    Value far = b.add(log(y), c(0.69314718055994531));
    return b.select(less(y, 1e6), near, far);
  }
  Value asinh() const {
    return b.select(less(magnitude(), 0.1), series(-1.0 / 6, 3.0 / 40),
                    withSign(inverse(1)));
  }
  Value acosh() const {
    return b.select(less(x, 1), c(std::numeric_limits<double>::quiet_NaN()),
                    inverse(-1));
  }
  Value atanh() const {
    Value y = b.div(b.add(c(1), x), b.sub(c(1), x));
    return b.select(less(magnitude(), 0.1), series(1.0 / 3, 1.0 / 5),
                    b.mul(c(0.5), log(y)));
  }
};

void addHyperbolic(OpTable &table, StringRef name,
                   Value (Hyperbolic::*build)() const) {
  addFloat(table, name, [build](const TensorBuilder &b, Value x) {
    return (Hyperbolic{b, x}.*build)();
  });
}

using Binary = Value (Arithmetic::*)(Value, Value) const;

void addBinary(OpTable &table, StringRef name, Binary build) {
  table.add(name, [build](NodeBuilder &n) {
    return buildElementwise(n, 2, [&](const Arithmetic &math, Values values) {
      return (math.*build)(values[0], values[1]);
    });
  });
}

/// Folds any number of operands; `mean` divides by how many there are.
void addVariadic(OpTable &table, StringRef name, Binary build,
                 bool mean = false) {
  table.add(name, [build, mean](NodeBuilder &n) {
    size_t count = n.getNumInputs();
    return buildElementwise(n, std::max<size_t>(count, 1),
                            [&](const Arithmetic &math, Values values) {
                              Value result = values[0];
                              for (Value value : values.drop_front())
                                result = (math.*build)(result, value);
                              if (mean)
                                result = math.div(
                                    result, n.number(result.getType(), count));
                              return result;
                            });
  });
}

Value sign(const Arithmetic &math, Value x) {
  ArrayBuilder b{math.b};
  Value zero = b.number(x.getType(), 0);
  Value positive = math.less(zero, x);
  Value one = b.number(x.getType(), 1);
  Value result = b.select(positive, one, zero);
  if (!math.isSigned())
    return result;
  return b.select(math.less(x, zero), b.number(x.getType(), -1), result);
}

/// The remainder of floats, whose sign is that of the dividend (fmod) or of the
/// divisor, in f64: exact where the quotient of f32 is less than 2^28.
LogicalResult buildFloatMod(NodeBuilder &n, bool isFmod) {
  DataType type = n.dataType(0);
  auto widest = [&](size_t number) {
    return GraphValue{n.cast(n.operand(number), type, TensorProto::DOUBLE),
                      TensorProto::DOUBLE};
  };
  Value result = n.elementwise({widest(0), widest(1)}, [&](Values values) {
    Value x = values[0], y = values[1];
    Value quotient = n.div(x, y), zero = n.constant(x.getType(), 0);
    Value whole = math::TruncOp::create(n.b, n.loc, quotient);
    Value rest = n.sub(x, n.mul(whole, y));
    auto infinite = [&](Value value) {
      return n.compare(
          arith::CmpFPredicate::OEQ,
          Value(math::AbsFOp::create(n.b, n.loc, value)),
          n.constant(x.getType(), std::numeric_limits<double>::infinity()));
    };
    // Nothing finite reaches an infinite divisor.
    Value isFar = arith::AndIOp::create(
        n.b, n.loc, infinite(y),
        n.compare(
            arith::CmpFPredicate::ONE,
            Value(math::AbsFOp::create(n.b, n.loc, x)),
            n.constant(x.getType(), std::numeric_limits<double>::infinity())));
    rest = n.select(isFar, x, rest);
    Value sign = isFmod ? x : y;
    if (!isFmod) {
      Value isNone = n.compare(arith::CmpFPredicate::OEQ, rest, zero);
      Value differ = arith::XOrIOp::create(
          n.b, n.loc, n.compare(arith::CmpFPredicate::OLT, rest, zero),
          n.compare(arith::CmpFPredicate::OLT, y, zero));
      rest = n.select(isNone, rest, n.select(differ, n.add(rest, y), rest));
    }
    // A remainder of zero has the sign, too.
    Value isZero = n.compare(arith::CmpFPredicate::OEQ, rest, zero);
    Value signedZero = math::CopySignOp::create(n.b, n.loc, zero, sign);
    return n.select(isZero, signedZero, rest);
  });
  if (!result)
    return failure();
  return n.finish(n.cast(result, TensorProto::DOUBLE, type), type);
}

/// Integers: the remainder with the sign of the dividend (fmod) or of the
/// divisor.
LogicalResult buildMod(NodeBuilder &n) {
  bool isFmod = n.getInt("fmod", 0) != 0;
  if (failed(n.expectInputs(2)) || failed(n.expectNumbers({0, 1})))
    return failure();
  if (isFloat(n.dataType(0)))
    return buildFloatMod(n, isFmod);
  return buildElementwise(n, 2, [&](const Arithmetic &math, Values values) {
    Value x = values[0], y = values[1], zero = n.number(x.getType(), 0);
    // What the quotient, which does not trap, leaves.
    Value rest = math.sub(x, math.mul(math.div(x, y), y));
    if (isFmod || !math.isSigned())
      return rest;
    Value differ = arith::XOrIOp::create(n.b, n.loc, math.less(rest, zero),
                                         math.less(y, zero));
    Value isNone = math.equal(rest, zero);
    Value moved = math.add(rest, y);
    return n.select(isNone, rest, n.select(differ, moved, rest));
  });
}

/// Whole powers of integers by squaring, modulo what their type holds.
LogicalResult buildIntegerPow(NodeBuilder &n) {
  DataType type = n.dataType(0);
  Value result = n.elementwise({n.input(0), n.input(1)}, [&](Values values) {
    Value square = values[0], power = n.integer(square.getType(), 1);
    Value bits = values[1], one = n.integer(bits.getType(), 1);
    unsigned width = n.elementOf(bits).getIntOrFloatBitWidth();
    for (unsigned bit = 0; bit + 1 < width; ++bit) {
      Value low = arith::AndIOp::create(n.b, n.loc, bits, one);
      Value isSet = n.compare(arith::CmpIPredicate::eq, low, one);
      Value next = arith::MulIOp::create(n.b, n.loc, power, square);
      power = n.select(isSet, next, power);
      square = arith::MulIOp::create(n.b, n.loc, square, square);
      bits = arith::ShRUIOp::create(n.b, n.loc, bits, one);
    }
    return power;
  });
  if (!result)
    return failure();
  return n.finish(result, type);
}

/// x to the power `exponent`, a whole number of at most 16.
Value wholePower(const NodeBuilder &n, Value x, int exponent) {
  Value power;
  for (int rest = std::abs(exponent); rest; rest /= 2, x = n.mul(x, x))
    if (rest % 2)
      power = power ? n.mul(power, x) : x;
  Value one = n.constant(x.getType(), 1);
  if (!power)
    return one;
  return exponent < 0 ? n.div(one, power) : power;
}

/// x to the power y, floats, as C's pow.
Value powerOf(const NodeBuilder &n, Value x, Value y) {
  auto c = [&](double value) { return n.constant(x.getType(), value); };
  auto equal = [&](Value a, Value b) {
    return n.compare(arith::CmpFPredicate::OEQ, a, b);
  };
  auto isWhole = [&](Value a) {
    return equal(a, math::RoundEvenOp::create(n.b, n.loc, a));
  };
  Value magnitude = math::AbsFOp::create(n.b, n.loc, x);
  Value logarithm = math::LogOp::create(n.b, n.loc, magnitude);
  Value power = math::ExpOp::create(n.b, n.loc, n.mul(y, logarithm));
  // One to a power that is infinite or no number. Of others the selection would
  // hide a derivative.
  Value isInfinite =
      n.compare(arith::CmpFPredicate::UGE, math::AbsFOp::create(n.b, n.loc, y),
                c(std::numeric_limits<double>::infinity()));
  power = n.select(
      arith::AndIOp::create(n.b, n.loc, equal(magnitude, c(1)), isInfinite),
      c(1), power);
  // Of a negative base: by whether the exponent is odd, even or no integer.
  Value isEven = isWhole(n.mul(y, c(0.5)));
  Value ofNegative = n.select(isEven, power, n.neg(power));
  ofNegative = n.select(isWhole(y), ofNegative,
                        c(std::numeric_limits<double>::quiet_NaN()));
  Value isNegative = n.compare(arith::CmpFPredicate::OLT, x, c(0));
  power = n.select(isNegative, ofNegative, power);
  return n.select(equal(y, c(0)), c(1), power);
}

/// The exponent may have another type than the base.
LogicalResult buildPow(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  DataType type = n.dataType(0);
  if (failed(n.expectNumbers({0})) || failed(n.expectNumbers({1})))
    return failure();
  if (isInteger(type) && isInteger(n.dataType(1)))
    return buildIntegerPow(n);
  DataType compute = type == TensorProto::DOUBLE ? type
                     : isFloat(type)             ? TensorProto::FLOAT
                                                 : TensorProto::DOUBLE;
  GraphValue x{n.cast(n.operand(0), type, compute), compute};
  GraphValue y{n.cast(n.operand(1), n.dataType(1), compute), compute};
  DenseElementsAttr exponent = n.findElements(1);
  Value result = n.elementwise({x, y}, [&](Values values) -> Value {
    // What models have, exactly.
    if (exponent && exponent.isSplat() && isFloat(n.dataType(1))) {
      double power = exponent.getSplatValue<FloatAttr>().getValueAsDouble();
      if (std::abs(power) <= 16 && power == std::floor(power))
        return wholePower(n, values[0], int(power));
      if (power == 0.5)
        return n.sqrt(values[0]);
    }
    return powerOf(n, values[0], values[1]);
  });
  if (!result)
    return failure();
  // A power that is whole but for rounding is meant to be whole.
  if (!isFloat(type)) {
    Value whole = math::RoundEvenOp::create(n.b, n.loc, result);
    Value distance = math::AbsFOp::create(n.b, n.loc, n.sub(result, whole));
    Value isWhole =
        n.compare(arith::CmpFPredicate::OLT, distance,
                  n.mul(Value(math::AbsFOp::create(n.b, n.loc, whole)),
                        n.constant(result.getType(), 1e-12)));
    result = n.select(isWhole, whole, result);
  }
  return n.finish(n.cast(result, compute, type), type);
}

LogicalResult buildClip(NodeBuilder &n) {
  if (failed(n.expectInputs(1)) || failed(n.expectNumbers({0, 1, 2})))
    return failure();
  DataType type = n.dataType(0);
  Arithmetic math{n, computeType(type)};
  Value x = n.widen(n.operand(0));
  for (size_t number : {1, 2}) {
    if (!n.has(number))
      continue;
    GraphValue bound = n.widened(number);
    if (typeOf(bound.value).getNumElements() != 1)
      return n.fail("expected one number as its bound");
    Value limit = n.broadcastTo(n.reshape(bound.value, {}), n.shapeOf(x));
    x = number == 1 ? math.max(x, limit) : math.min(x, limit);
  }
  return n.finish(n.narrow(x, type), type);
}

LogicalResult buildCast(NodeBuilder &n, DataType to) {
  if (!getElementType(n.b.getContext(), to))
    return n.fail("type " + getTypeName(to) + " is not supported");
  n.ignore("saturate"); // of floats of 8 bits alone
  n.ignore("round_mode");
  return n.finish(n.cast(n.operand(0), n.dataType(0), to), to);
}

void addCasts(OpTable &table) {
  table.add("Cast", [](NodeBuilder &n) {
    if (failed(n.expectInputs(1)))
      return failure();
    return buildCast(n, DataType(n.getInt("to", 0)));
  });
  table.add("CastLike", [](NodeBuilder &n) {
    if (failed(n.expectInputs(2)))
      return failure();
    return buildCast(n, n.dataType(1));
  });
  table.add("Identity", [](NodeBuilder &n) {
    if (failed(n.expectInputs(1)))
      return failure();
    return n.finish(n.operand(0), n.dataType(0));
  });
}

/// By no bits of those that there are, only the sign is left.
LogicalResult buildShift(NodeBuilder &n) {
  std::string direction = n.getString("direction", "");
  bool isLeft = direction == "LEFT";
  if (!isLeft && direction != "RIGHT")
    return n.fail("expected a direction, LEFT or RIGHT");
  return buildElementwise(n, 2, [&](const Arithmetic &math, Values values) {
    Value x = values[0], by = values[1];
    unsigned bits = n.elementOf(x).getIntOrFloatBitWidth();
    Value inside =
        n.compare(arith::CmpIPredicate::ult, by, n.integer(x.getType(), bits));
    Value shifted, sign = n.integer(x.getType(), 0);
    if (isLeft) {
      shifted = arith::ShLIOp::create(n.b, n.loc, x, by);
    } else if (math.isSigned()) {
      shifted = arith::ShRSIOp::create(n.b, n.loc, x, by);
      sign = arith::ShRSIOp::create(n.b, n.loc, x,
                                    n.integer(x.getType(), bits - 1));
    } else {
      shifted = arith::ShRUIOp::create(n.b, n.loc, x, by);
    }
    return n.select(inside, shifted, sign);
  });
}

LogicalResult buildBitCast(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  DataType to = DataType(n.getInt("to", 0));
  Type element = getElementType(n.b.getContext(), to);
  if (!element || getStoredBits(to) != getStoredBits(n.dataType(0)) ||
      getStoredBits(to) < 8)
    return n.fail("expected a type of as many bits, but got " +
                  getTypeName(to));
  // A boolean is a byte of 0 or 1.
  Value x = n.operand(0);
  if (n.dataType(0) == TensorProto::BOOL || to == TensorProto::BOOL)
    return n.finish(n.cast(x, n.dataType(0), to), to);
  if (n.elementOf(x) != element)
    x = arith::BitcastOp::create(n.b, n.loc, typeOf(x).clone(element), x);
  return n.finish(x, to);
}

template <typename Op> void addBitwise(OpTable &table, StringRef name) {
  table.add(name, [](NodeBuilder &n) {
    return buildElementwise(
        n, 2, [&](const Arithmetic &, Values values) -> Value {
          return Op::create(n.b, n.loc, values[0], values[1]);
        });
  });
}

void addBitOps(OpTable &table) {
  table.add("BitShift", buildShift);
  table.add("BitCast", buildBitCast);
  addBitwise<arith::AndIOp>(table, "BitwiseAnd");
  addBitwise<arith::OrIOp>(table, "BitwiseOr");
  addBitwise<arith::XOrIOp>(table, "BitwiseXor");
  addUnary(table, "BitwiseNot", [](const Arithmetic &math, Value x) -> Value {
    Value ones = ArrayBuilder{math.b}.integer(x.getType(), -1);
    return arith::XOrIOp::create(math.b.b, math.b.loc, x, ones);
  });
}

} // namespace

void sterna::addArithmeticOps(OpTable &table) {
  addBinary(table, "Add", &Arithmetic::add);
  addBinary(table, "Sub", &Arithmetic::sub);
  addBinary(table, "Mul", &Arithmetic::mul);
  addBinary(table, "Div", &Arithmetic::div);
  addVariadic(table, "Max", &Arithmetic::max);
  addVariadic(table, "Min", &Arithmetic::min);
  addVariadic(table, "Sum", &Arithmetic::add);
  addVariadic(table, "Mean", &Arithmetic::add, /*mean=*/true);
  addUnary(table, "Neg",
           [](const Arithmetic &math, Value x) { return math.neg(x); });
  addUnary(table, "Abs",
           [](const Arithmetic &math, Value x) { return math.abs(x); });
  addUnary(table, "Sign", sign);
  addFloat<math::CeilOp>(table, "Ceil");
  addFloat<math::ErfOp>(table, "Erf");
  addFloat<math::ExpOp>(table, "Exp");
  addFloat<math::FloorOp>(table, "Floor");
  addFloat<math::LogOp>(table, "Log");
  addFloat<math::RoundEvenOp>(table, "Round");
  addFloat<math::SqrtOp>(table, "Sqrt");
  addFloat<math::TanhOp>(table, "Tanh");
  addFloat<math::AcosOp>(table, "Acos");
  addFloat<math::AsinOp>(table, "Asin");
  addFloat<math::AtanOp>(table, "Atan");
  addHyperbolic(table, "Acosh", &Hyperbolic::acosh);
  addHyperbolic(table, "Asinh", &Hyperbolic::asinh);
  addHyperbolic(table, "Atanh", &Hyperbolic::atanh);
  addHyperbolic(table, "Cosh", &Hyperbolic::cosh);
  addHyperbolic(table, "Sinh", &Hyperbolic::sinh);
  addPeriodic<math::CosOp>(table, "Cos");
  addPeriodic<math::SinOp>(table, "Sin");
  addPeriodic<math::TanOp>(table, "Tan");
  addFloat(table, "Reciprocal", [](const TensorBuilder &b, Value x) {
    return b.div(b.constant(x.getType(), 1), x);
  });
  table.add("Mod", buildMod);
  table.add("Pow", buildPow);
  table.add("Clip", buildClip);
  addCasts(table);
  addBitOps(table);
}
