//===- Operators.h - Arithmetic and comparison as Python does them --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operators of expressions. Separate from the interpreter because filters
// and tests compare and add, too.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_OPERATORS_H
#define STERNA_RUNTIME_JINJA_OPERATORS_H

#include "jinja/Runtime.h"

namespace sterna::jinja {

enum class Operator : uint8_t {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn
};

/// How a template spells the operator.
const char *spelling(Operator op);

/// Any operator up to Power.
Value calculate(Runtime &runtime, Operator op, const Value &left,
                const Value &right);
Value negate(Runtime &runtime, const Value &value);

/// Any operator from Equal on.
bool compare(Runtime &runtime, Operator op, const Value &left,
             const Value &right);
bool equal(Runtime &runtime, const Value &left, const Value &right);
bool less(Runtime &runtime, const Value &left, const Value &right);
bool contains(Runtime &runtime, const Value &container, const Value &item);

/// Whether `if` takes the value for true.
bool isTrue(const Value &value);

/// `number` as a float, refused where another would be written as it.
Value toFloat(Runtime &runtime, const Value &number);

/// A string, or a list or tuple, `count` times over.
Value repeat(Runtime &runtime, const Value &value, int64_t count);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_OPERATORS_H
