//===- Operators.cpp - Arithmetic and comparison as Python does them ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers have 64 bits: where Python would go on with more, this fails.
//
//===----------------------------------------------------------------------===//

#include "jinja/Operators.h"

#include "jinja/Format.h"

#include <cmath>
#include <limits>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

Value mismatch(Runtime &runtime, Operator op, const Value &left,
               const Value &right) {
  for (const Value *side : {&left, &right})
    if (side->isUndefined())
      return runtime.fail(side->undefinedMessage());
  return runtime.fail(std::string("cannot apply ") + spelling(op) + " to " +
                      left.typeName() + " and " + right.typeName());
}

Value overflow(Runtime &runtime) {
  return runtime.fail("a number is too large: integers have 64 bits");
}

Value dividedByZero(Runtime &runtime) {
  return runtime.fail("a number is divided by zero");
}

Value powerOf(Runtime &runtime, int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
      return overflow(runtime);
    exponent >>= 1;
    if (exponent && __builtin_mul_overflow(base, base, &base))
      return overflow(runtime);
  }
  return Value::integer(result);
}

/// The remainder with the sign of the divisor.
double floorModulo(double left, double right) {
  double rest = std::fmod(left, right);
  if (rest == 0)
    return std::copysign(0.0, right);
  return (rest < 0) != (right < 0) ? rest + right : rest;
}

double floorDivide(double left, double right) {
  double quotient = (left - floorModulo(left, right)) / right;
  if (quotient == 0)
    return std::copysign(0.0, left / right);
  double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

Value calculateIntegers(Runtime &runtime, Operator op, int64_t left,
                        int64_t right) {
  int64_t result = 0;
  bool fits = true;
  switch (op) {
  case Operator::Add:
    fits = !__builtin_add_overflow(left, right, &result);
    break;
  case Operator::Subtract:
    fits = !__builtin_sub_overflow(left, right, &result);
    break;
  case Operator::Multiply:
    fits = !__builtin_mul_overflow(left, right, &result);
    break;
  case Operator::FloorDivide:
  case Operator::Modulo: {
    if (!right)
      return dividedByZero(runtime);
    if (right == -1)
      return op == Operator::Modulo ? Value::integer(0)
                                    : negate(runtime, Value::integer(left));
    int64_t rest = left % right;
    bool lower = rest && (rest < 0) != (right < 0);
    result = op == Operator::Modulo ? rest + (lower ? right : 0)
                                    : left / right - lower;
    break;
  }
  case Operator::Power:
    return powerOf(runtime, left, right);
  default:
    break;
  }
  return fits ? Value::integer(result) : overflow(runtime);
}

Value calculateFloats(Runtime &runtime, Operator op, double left,
                      double right) {
  double result = 0;
  switch (op) {
  case Operator::Add:
    return Value::real(left + right);
  case Operator::Subtract:
    return Value::real(left - right);
  case Operator::Multiply:
    return Value::real(left * right);
  case Operator::Power:
    if (left == 0 && right < 0)
      return dividedByZero(runtime);
    if (left < 0 && std::isfinite(left) && std::isfinite(right) &&
        right != std::floor(right))
      return runtime.fail("a power is no real number");
    result = std::pow(left, right);
    if (std::isinf(result) && std::isfinite(left) && std::isfinite(right))
      return runtime.fail("a power is too large");
    return Value::real(result);
  default:
    break;
  }
  if (right == 0)
    return dividedByZero(runtime);
  if (op == Operator::Divide)
    return Value::real(left / right);
  return Value::real(op == Operator::Modulo ? floorModulo(left, right)
                                            : floorDivide(left, right));
}

Value concatenate(Runtime &runtime, const Value &left, const Value &right) {
  if (left.isString()) {
    Text text = left.asText();
    if (!runtime.fits(text.weight() + right.asText().weight()))
      return Value();
    text.append(right.asText());
    return runtime.string(std::move(text));
  }
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return runtime.sequence(left.kind(), std::move(items));
}

bool isListOrTuple(const Value &value) {
  return value.is(Kind::List) || value.is(Kind::Tuple);
}

bool equalItems(Runtime &runtime, const std::vector<Value> &left,
                const std::vector<Value> &right) {
  if (left.size() != right.size())
    return false;
  for (size_t i = 0; i < left.size(); ++i)
    if (!equal(runtime, left[i], right[i]) || runtime.failed())
      return false;
  return true;
}

bool equalDicts(Runtime &runtime, const Dict &left, const Dict &right) {
  if (left.size() != right.size())
    return false;
  for (const auto &[key, value] : left.entries()) {
    const Value *other = right.find(key);
    if (!other || !equal(runtime, value, *other) || runtime.failed())
      return false;
  }
  return true;
}

} // namespace

const char *jinja::spelling(Operator op) {
  static const char *const names[] = {"+",  "-",  "*",  "/",  "//",
                                      "%",  "**", "==", "!=", "<",
                                      "<=", ">",  ">=", "in", "not in"};
  return names[size_t(op)];
}

Value jinja::toFloat(Runtime &runtime, const Value &number) {
  double value = number.asFloat();
  if (number.isIntegral() && compareNumbers(number, Value::real(value)) != 0)
    return runtime.fail("an integer with so many digits is not supported "
                        "as a float");
  return Value::real(value);
}

Value jinja::repeat(Runtime &runtime, const Value &value, int64_t count) {
  size_t size =
      value.isString() ? value.asText().weight() : value.items().size();
  count = size ? std::max<int64_t>(count, 0) : count > 0;
  size_t total = 0;
  if (__builtin_mul_overflow(size, size_t(count), &total))
    total = std::numeric_limits<size_t>::max();
  if (!runtime.fits(total))
    return Value();
  if (!runtime.spend(total / 16))
    return Value();
  if (value.isString()) {
    Text text;
    for (int64_t i = 0; i < count; ++i)
      text.append(value.asText());
    return runtime.string(std::move(text));
  }
  if (!runtime.spend(total))
    return Value();
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i)
    items.insert(items.end(), value.items().begin(), value.items().end());
  return runtime.sequence(value.kind(), std::move(items));
}

Value jinja::calculate(Runtime &runtime, Operator op, const Value &left,
                       const Value &right) {
  if (left.isNumber() && right.isNumber()) {
    bool integers = left.isIntegral() && right.isIntegral();
    if (op == Operator::Divide ||
        (op == Operator::Power && integers && right.asInteger() < 0))
      integers = false;
    if (integers)
      return calculateIntegers(runtime, op, left.asInteger(),
                               right.asInteger());
    Value first = toFloat(runtime, left), second = toFloat(runtime, right);
    if (runtime.failed())
      return Value();
    return calculateFloats(runtime, op, first.asFloat(), second.asFloat());
  }
  if (left.isMarkup() || right.isMarkup())
    return runtime.fail("what |safe or |escape gave can only be written; more "
                        "is not supported");
  if (op == Operator::Modulo && left.isString())
    return formatPercent(runtime, left, right);
  if (op == Operator::Add && left.kind() == right.kind() &&
      (left.isString() || isListOrTuple(left)))
    return concatenate(runtime, left, right);
  if (op == Operator::Multiply)
    for (auto [value, count] : {std::pair(&left, &right), {&right, &left}})
      if ((value->isString() || isListOrTuple(*value)) && count->isIntegral())
        return repeat(runtime, *value, count->asInteger());
  return mismatch(runtime, op, left, right);
}

Value jinja::negate(Runtime &runtime, const Value &value) {
  if (value.is(Kind::Float))
    return Value::real(-value.asFloat());
  if (!value.isIntegral())
    return mismatch(runtime, Operator::Subtract, Value::integer(0), value);
  int64_t result = 0;
  if (__builtin_sub_overflow(int64_t(0), value.asInteger(), &result))
    return overflow(runtime);
  return Value::integer(result);
}

bool jinja::equal(Runtime &runtime, const Value &left, const Value &right) {
  if (!runtime.spend())
    return false;
  if (left.isNumber() && right.isNumber())
    return compareNumbers(left, right) == 0;
  if (left.kind() != right.kind())
    return false;
  switch (left.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::String:
    runtime.spendBytes(left.asText().size());
    return left.asString() == right.asString();
  case Kind::List:
  case Kind::Tuple:
  case Kind::Range:
    return equalItems(runtime, left.items(), right.items());
  case Kind::Dict:
    return equalDicts(runtime, left.asDict(), right.asDict());
  case Kind::View:
  case Kind::Method:
  case Kind::Function:
    runtime.fail(std::string("comparing values of type ") + left.typeName() +
                 " is not supported");
    return false;
  default:
    return left.object() == right.object();
  }
}

bool jinja::less(Runtime &runtime, const Value &left, const Value &right) {
  if (!runtime.spend())
    return false;
  if (left.isNumber() && right.isNumber())
    return compareNumbers(left, right) == -1;
  if (left.isString() && right.isString()) {
    runtime.spendBytes(left.asText().size());
    // The order of UTF-8 is that of characters.
    return left.asString() < right.asString();
  }
  if (left.kind() == right.kind() && isListOrTuple(left)) {
    const auto &first = left.items(), &second = right.items();
    for (size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
      if (runtime.failed())
        return false;
      if (!equal(runtime, first[i], second[i]))
        return less(runtime, first[i], second[i]);
    }
    return first.size() < second.size();
  }
  mismatch(runtime, Operator::Less, left, right);
  return false;
}

bool jinja::contains(Runtime &runtime, const Value &container,
                     const Value &item) {
  if (container.isString()) {
    if (!item.isString()) {
      mismatch(runtime, Operator::In, item, container);
      return false;
    }
    runtime.spendSearch(container.asText().size(), item.asText().size());
    return !runtime.failed() &&
           container.asString().find(item.asString()) != std::string::npos;
  }
  if (container.isDict()) {
    if (item.isUndefined())
      return false;
    if (!isKey(item)) {
      runtime.fail(std::string("a ") + item.typeName() + " cannot be a key");
      return false;
    }
    return runtime.findKey(container.asDict(), item);
  }
  if (container.is(Kind::Iterator)) {
    for (const Value &each : runtime.iterate(container))
      if (equal(runtime, each, item) || runtime.failed()) {
        runtime.breakOff(container);
        return true;
      }
    return false;
  }
  if (container.isSequence()) {
    for (const Value &each : container.items())
      if (equal(runtime, each, item) || runtime.failed())
        return true;
    return false;
  }
  if (!container.isUndefined())
    mismatch(runtime, Operator::In, item, container);
  return false;
}

bool jinja::compare(Runtime &runtime, Operator op, const Value &left,
                    const Value &right) {
  auto isNaN = [](const Value &value) {
    return value.is(Kind::Float) && std::isnan(value.asFloat());
  };
  switch (op) {
  case Operator::Equal:
    return equal(runtime, left, right);
  case Operator::NotEqual:
    return !equal(runtime, left, right);
  case Operator::Less:
    return less(runtime, left, right);
  case Operator::Greater:
    return less(runtime, right, left);
  case Operator::LessEqual:
  case Operator::GreaterEqual: {
    if (isNaN(left) || isNaN(right))
      return false;
    bool reversed = op == Operator::LessEqual ? less(runtime, right, left)
                                              : less(runtime, left, right);
    return !reversed;
  }
  case Operator::In:
    return contains(runtime, right, left);
  default:
    return !contains(runtime, right, left);
  }
}

bool jinja::isTrue(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Boolean:
  case Kind::Integer:
    return value.asInteger() != 0;
  case Kind::Float:
    return value.asFloat() != 0;
  case Kind::String:
    return !value.asText().empty();
  case Kind::List:
  case Kind::Tuple:
  case Kind::View:
  case Kind::Range:
    return !value.items().empty();
  case Kind::Dict:
    return value.asDict().size() != 0;
  default:
    return true;
  }
}
