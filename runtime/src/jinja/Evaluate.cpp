//===- Evaluate.cpp - Expressions of a template at work -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for each kind of expression that takes more than a line, so that
// nested expressions need little of the stack.
//
//===----------------------------------------------------------------------===//

#include "jinja/Interpreter.h"
#include "jinja/Print.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Expression::Kind;

namespace {

bool isConstant(const Expression *expression) {
  return !expression || (expression->kind != Kind::Variable &&
                         std::all_of(expression->operands.begin(),
                                     expression->operands.end(), isConstant));
}

/// Jinja2 writes a constant base without parentheses into its Python code, so
/// that `-2 ** x` is 4 or -4 for 2, depending on whether x is a constant.
bool isAmbiguousPower(const Expression &expression, const Value &base) {
  if (expression.op != Operator::Power || !base.isNumber() ||
      !(base.asFloat() < 0))
    return false;
  const Expression *exponent = expression.operands[1];
  if (exponent->kind == Kind::Negate)
    exponent = exponent->operands[0];
  return exponent->kind != Kind::Literal && isConstant(expression.operands[0]);
}

} // namespace

Value Interpreter::evaluate(const Expression &expression) {
  if (expression.kind == Kind::Literal)
    return expression.literal;
  if (runtime.failed() || !runtime.spend())
    return Value();
  if (++depth > runtime.limits.calls)
    runtime.fail("macros or expressions are nested too deep");
  Value value = evaluateKind(expression);
  --depth;
  return value;
}

std::vector<Value>
Interpreter::evaluateAll(const std::vector<Expression *> &expressions) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const Expression *expression : expressions) {
    if (runtime.failed())
      break;
    values.push_back(evaluate(*expression));
  }
  return values;
}

Value Interpreter::evaluateKind(const Expression &expression) {
  const auto &operands = expression.operands;
  auto operand = [&](size_t index) { return evaluate(*operands[index]); };
  switch (expression.kind) {
  case Kind::Literal:
    return expression.literal;
  case Kind::Variable:
    runtime.line = expression.line;
    return lookUp(expression.name);
  case Kind::List:
    return runtime.list(evaluateAll(operands));
  case Kind::Tuple:
    return runtime.tuple(evaluateAll(operands));
  case Kind::Dict:
    return evaluateDict(expression);
  case Kind::Not:
    return Value::boolean(!isTrue(operand(0)));
  case Kind::And: {
    Value left = operand(0);
    return isTrue(left) ? operand(1) : left;
  }
  case Kind::Or: {
    Value left = operand(0);
    return isTrue(left) ? left : operand(1);
  }
  case Kind::Negate:
    return negate(runtime, operand(0));
  case Kind::Plus: {
    // A boolean becomes a number.
    Value value = operand(0);
    return value.is(Value::Kind::Float)
               ? value
               : calculate(runtime, Operator::Add, Value::integer(0), value);
  }
  case Kind::Binary: {
    Value left = operand(0), right = operand(1);
    runtime.line = expression.line;
    if (isAmbiguousPower(expression, left))
      return runtime.fail("a negative constant before ** is not supported; set "
                          "a variable to it");
    return calculate(runtime, expression.op, left, right);
  }
  case Kind::Comparison:
    return evaluateComparison(expression);
  case Kind::Concatenation:
    return evaluateConcatenation(expression);
  case Kind::Conditional:
    if (isTrue(operand(0)))
      return operand(1);
    return operands.size() > 2
               ? operand(2)
               : Value::undefined("an if without an else has no value");
  case Kind::Attribute: {
    Value value = operand(0);
    runtime.line = expression.line;
    return getAttribute(runtime, value, ast.names[expression.name]);
  }
  case Kind::Item: {
    Value value = operand(0), key = operand(1);
    runtime.line = expression.line;
    return getItem(runtime, value, key);
  }
  case Kind::Slice:
    return evaluateSlice(expression);
  case Kind::Call:
    return evaluateCall(expression);
  case Kind::Filter:
    return evaluateFilter(expression);
  case Kind::Test:
    return evaluateTest(expression);
  case Kind::NamespaceTarget:
    break;
  }
  return Value();
}

Value Interpreter::evaluateDict(const Expression &expression) {
  Dict dict;
  for (size_t i = 0; i < expression.operands.size() && !runtime.failed();
       i += 2) {
    Value key = evaluate(*expression.operands[i]);
    runtime.setKey(dict, key, evaluate(*expression.operands[i + 1]));
  }
  return runtime.dict(std::move(dict));
}

Value Interpreter::evaluateComparison(const Expression &expression) {
  Value left = evaluate(*expression.operands[0]);
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    Value right = evaluate(*expression.operands[i + 1]);
    runtime.line = expression.line;
    if (runtime.failed() ||
        !compare(runtime, expression.comparisons[i], left, right))
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluateConcatenation(const Expression &expression) {
  Text text;
  for (const Expression *operand : expression.operands) {
    print(runtime, text, evaluate(*operand));
    if (runtime.failed() || !runtime.fits(text.weight()))
      return Value();
  }
  return runtime.string(std::move(text));
}

Value Interpreter::evaluateSlice(const Expression &expression) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i) {
    const Expression *operand = expression.operands[i];
    parts[i] = operand ? evaluate(*operand) : Value::none();
  }
  runtime.line = expression.line;
  if (runtime.failed())
    return Value();
  return getSlice(runtime, parts[0], parts[1], parts[2], parts[3]);
}

void Interpreter::evaluateArguments(const CallArguments *from,
                                    Arguments &arguments) {
  if (!from)
    return;
  for (const Expression *expression : from->positional)
    arguments.positional.push_back(evaluate(*expression));
  for (const auto &[name, expression] : from->named)
    arguments.named.emplace_back(ast.names[name], evaluate(*expression));
  if (from->morePositional)
    for (Value &value : runtime.iterate(evaluate(*from->morePositional)))
      arguments.positional.push_back(std::move(value));
  if (from->moreNamed) {
    Value more = evaluate(*from->moreNamed);
    if (!more.isDict()) {
      runtime.fail("** takes a dictionary");
      return;
    }
    for (const auto &[key, value] : more.asDict().entries()) {
      if (key.isString())
        arguments.named.emplace_back(key.asString(), value);
      else
        runtime.fail("the name of an argument has to be a string");
    }
  }
  // Sorted, so that a long list is checked quickly.
  std::vector<std::string_view> names;
  for (const auto &[name, value] : arguments.named)
    names.push_back(name);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end())
    runtime.fail("an argument is given twice");
}

Value Interpreter::evaluateCall(const Expression &expression) {
  Value function = evaluate(*expression.operands[0]);
  Arguments arguments;
  evaluateArguments(expression.arguments, arguments);
  runtime.line = expression.line;
  if (runtime.failed())
    return Value();
  return call(function, std::move(arguments));
}

Value Interpreter::call(const Value &function, Arguments arguments) {
  switch (function.kind()) {
  case Value::Kind::Undefined:
    return runtime.fail(function.undefinedMessage());
  case Value::Kind::Macro:
    return callMacro(static_cast<const MacroObject &>(*function.object()),
                     std::move(arguments));
  case Value::Kind::Method: {
    const auto &method = static_cast<const MethodObject &>(*function.object());
    arguments.positional.insert(arguments.positional.begin(), method.self);
    return invoke(runtime, *method.method, std::move(arguments));
  }
  case Value::Kind::Function: {
    const auto &object =
        static_cast<const FunctionObject &>(*function.object());
    // Namespaces belong to the interpreter.
    if (!object.function->function)
      return makeNamespace(std::move(arguments));
    return invoke(runtime, *object.function, std::move(arguments));
  }
  case Value::Kind::Loop:
    return runtime.fail("calling loop() recursively is not supported");
  default:
    return runtime.fail(std::string("a ") + function.typeName() +
                        " cannot be called");
  }
}

Value Interpreter::evaluateFilter(const Expression &expression) {
  Arguments arguments;
  arguments.positional.push_back(expression.operands.empty()
                                     ? blockInput
                                     : evaluate(*expression.operands[0]));
  evaluateArguments(expression.arguments, arguments);
  runtime.line = expression.line;
  if (runtime.failed())
    return Value();
  if (!expression.filter)
    return runtime.fail("the filter '" + ast.names[expression.name] +
                        "' is not supported");
  return invoke(runtime, *expression.filter, std::move(arguments));
}

Value Interpreter::evaluateTest(const Expression &expression) {
  Arguments arguments;
  arguments.positional.push_back(evaluate(*expression.operands[0]));
  evaluateArguments(expression.arguments, arguments);
  runtime.line = expression.line;
  if (runtime.failed())
    return Value();
  if (!expression.test)
    return runtime.fail("the test '" + ast.names[expression.name] +
                        "' is not supported");
  return invoke(runtime, *expression.test, std::move(arguments));
}
