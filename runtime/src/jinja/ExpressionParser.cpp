//===- ExpressionParser.cpp - Expressions of the template language --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From what binds least to what binds most: conditional, or, and, not,
// comparison, + and -, ~, * and /, **, sign, filters and tests. Filters bind
// more than operators: in `a + b | trim` only b is trimmed.
//
//===----------------------------------------------------------------------===//

#include "jinja/Builtins.h"
#include "jinja/Parser.h"

#include <charconv>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Expression::Kind;
using TokenKind = Token::Kind;

namespace {

/// Counts how deep rules are in each other, as long as it lives.
class Nested {
public:
  explicit Nested(uint32_t &nesting) : nesting(nesting) { ++nesting; }
  ~Nested() { --nesting; }

private:
  uint32_t &nesting;
};

} // namespace

void Parser::limitHeight(Expression &expression, const Expression *below) {
  if (!below)
    return;
  expression.height = std::max(expression.height, below->height + 1);
  if (expression.height > limits.height)
    failAt(expression.line, "an expression has more than " +
                                std::to_string(limits.height) +
                                " operations in a row");
}

Expression *Parser::make(Kind kind, std::vector<Expression *> operands) {
  Expression &expression = ast.expressions.emplace_back();
  expression.kind = kind;
  expression.line =
      operands.empty() || !operands[0] ? token().line : operands[0]->line;
  for (const Expression *operand : operands)
    limitHeight(expression, operand);
  expression.operands = std::move(operands);
  return &expression;
}

Expression *Parser::parseExpression(bool withConditional) {
  Nested nested(nesting);
  if (nesting > limits.nesting)
    fail("expressions are nested more than " + std::to_string(limits.nesting) +
         " deep");
  // What stands in a conditional may never be evaluated, but that is only
  // known once its `if` is seen.
  size_t begin = place;
  bool wasLenient = lenient;
  if (withConditional && !lenient) {
    int depth = 0;
    for (size_t i = begin; i < tokens.size(); ++i) {
      const Token &each = tokens[i];
      if (each.kind == TokenKind::VariableEnd ||
          each.kind == TokenKind::BlockEnd || depth < 0)
        break;
      if (each.kind == TokenKind::Operator)
        depth += each.text == "(" || each.text == "[" || each.text == "{"   ? 1
                 : each.text == ")" || each.text == "]" || each.text == "}" ? -1
                                                                            : 0;
      if (depth == 0 && each.isOperator(","))
        break;
      if (depth == 0 && each.isName("if"))
        lenient = true;
    }
  }
  Expression *value = parseLogical(0);
  while (withConditional && skipName("if")) {
    Expression *condition = parseLogical(0);
    std::vector<Expression *> operands = {condition, value};
    if (skipName("else"))
      operands.push_back(parseExpression());
    value = make(Kind::Conditional, std::move(operands));
  }
  lenient = wasLenient;
  return value;
}

bool Parser::atTupleEnd(const char *end) const {
  return token().kind == TokenKind::VariableEnd ||
         token().kind == TokenKind::BlockEnd || token().isOperator(")") ||
         (end && token().isName(end));
}

Expression *Parser::parseTuple(bool withConditional, bool parenthesized,
                               const char *end) {
  std::vector<Expression *> items;
  bool isTuple = false;
  while (error.ok() && !atTupleEnd(end)) {
    items.push_back(parseExpression(withConditional));
    if (!skipOperator(","))
      break;
    isTuple = true;
  }
  if (!isTuple && !items.empty())
    return items[0];
  if (!isTuple && !parenthesized)
    fail("expected an expression, but found " + found());
  return make(Kind::Tuple, std::move(items));
}

/// Levels: or, and, not.
Expression *Parser::parseLogical(int level) {
  if (level == 2) {
    if (!token().isName("not"))
      return parseComparison();
    Nested nested(nesting);
    if (nesting > limits.nesting)
      fail("too many 'not' in a row");
    advance();
    return make(Kind::Not, {parseLogical(2)});
  }
  Expression *left = parseLogical(level + 1);
  while (skipName(level ? "and" : "or"))
    left = make(level ? Kind::And : Kind::Or, {left, parseLogical(level + 1)});
  return left;
}

Expression *Parser::parseComparison() {
  static const std::pair<const char *, Operator> operators[] = {
      {"==", Operator::Equal},  {"!=", Operator::NotEqual},
      {"<", Operator::Less},    {"<=", Operator::LessEqual},
      {">", Operator::Greater}, {">=", Operator::GreaterEqual}};
  Expression *first = parseArithmetic(0);
  std::vector<Expression *> operands = {first};
  std::vector<Operator> comparisons;
  while (error.ok()) {
    const auto *known =
        std::find_if(std::begin(operators), std::end(operators),
                     [&](const auto &op) { return skipOperator(op.first); });
    if (known != std::end(operators)) {
      comparisons.push_back(known->second);
    } else if (skipName("in")) {
      comparisons.push_back(Operator::In);
    } else if (token().isName("not") && next().isName("in")) {
      advance();
      advance();
      comparisons.push_back(Operator::NotIn);
    } else {
      break;
    }
    operands.push_back(parseArithmetic(0));
  }
  if (comparisons.empty())
    return first;
  Expression *comparison = make(Kind::Comparison, std::move(operands));
  comparison->comparisons = std::move(comparisons);
  return comparison;
}

/// Levels: + and -, ~, * and /, **.
Expression *Parser::parseArithmetic(int level) {
  struct Spelled {
    int level;
    const char *text;
    Operator op;
  };
  static const Spelled operators[] = {
      {0, "+", Operator::Add},          {0, "-", Operator::Subtract},
      {2, "*", Operator::Multiply},     {2, "/", Operator::Divide},
      {2, "//", Operator::FloorDivide}, {2, "%", Operator::Modulo},
      {3, "**", Operator::Power}};
  if (level == 4)
    return parseUnary();
  Expression *left = parseArithmetic(level + 1);
  if (level == 1) {
    std::vector<Expression *> operands = {left};
    while (skipOperator("~"))
      operands.push_back(parseArithmetic(level + 1));
    return operands.size() == 1 ? left : make(Kind::Concatenation, operands);
  }
  while (error.ok()) {
    const auto *known = std::find_if(
        std::begin(operators), std::end(operators), [&](const Spelled &each) {
          return each.level == level && skipOperator(each.text);
        });
    if (known == std::end(operators))
      break;
    left = make(Kind::Binary, {left, parseArithmetic(level + 1)});
    left->op = known->op;
  }
  return left;
}

Expression *Parser::parseUnary(bool withFilter) {
  Nested nested(nesting);
  if (nesting > limits.nesting)
    fail("expressions are nested more than " + std::to_string(limits.nesting) +
         " deep");
  Expression *value = nullptr;
  if (skipOperator("-"))
    value = make(Kind::Negate, {parseUnary(false)});
  else if (skipOperator("+"))
    value = make(Kind::Plus, {parseUnary(false)});
  else
    value = parsePrimary();
  value = parsePostfix(value);
  return withFilter ? parseFilters(value) : value;
}

Expression *Parser::parsePrimary() {
  switch (token().kind) {
  case TokenKind::Name:
    return parseName();
  case TokenKind::String:
    return parseString();
  case TokenKind::Integer:
  case TokenKind::Float:
    return parseNumber();
  default:
    break;
  }
  if (skipOperator("(")) {
    Expression *value = parseTuple(true, true);
    expectOperator(")");
    return value;
  }
  if (skipOperator("["))
    return parseList();
  if (skipOperator("{"))
    return parseDict();
  fail("expected an expression, but found " + found());
  return make(Kind::Literal, {});
}

Expression *Parser::parseName() {
  Expression *value = make(Kind::Literal, {});
  std::string_view name = token().text;
  advance();
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    value->literal = Value::boolean(name == "true" || name == "True");
  } else if (name == "none" || name == "None") {
    value->literal = Value::none();
  } else {
    value->kind = Kind::Variable;
    value->name = ast.nameOf(name);
  }
  return value;
}

Expression *Parser::parseString() {
  Expression *value = make(Kind::Literal, {});
  std::string text;
  while (token().kind == TokenKind::String && error.ok()) {
    auto piece = unescape(token().text);
    if (!piece.ok()) {
      fail(piece.message());
      break;
    }
    text += *piece;
    advance();
  }
  value->literal = Value::string(std::move(text));
  return value;
}

Expression *Parser::parseNumber() {
  Expression *value = make(Kind::Literal, {});
  std::string digits;
  for (char c : token().text)
    if (c != '_')
      digits += c;
  const char *begin = digits.data(), *end = begin + digits.size();
  std::errc problem{};
  if (token().kind == TokenKind::Float) {
    double number = 0;
    problem = std::from_chars(begin, end, number).ec;
    value->literal = Value::real(number);
  } else {
    char mark = digits.size() > 1 ? char(digits[1] | 32) : '0';
    int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    int64_t number = 0;
    problem =
        std::from_chars(begin + (base == 10 ? 0 : 2), end, number, base).ec;
    value->literal = Value::integer(number);
  }
  if (problem != std::errc())
    fail("the number " + digits.substr(0, 40) +
         " is out of range: integers have 64 bits");
  advance();
  return value;
}

Expression *Parser::parseList() {
  std::vector<Expression *> items;
  while (error.ok() && !token().isOperator("]")) {
    items.push_back(parseExpression());
    if (!token().isOperator("]"))
      expectOperator(",");
  }
  expectOperator("]");
  return make(Kind::List, std::move(items));
}

Expression *Parser::parseDict() {
  std::vector<Expression *> items;
  while (error.ok() && !token().isOperator("}")) {
    items.push_back(parseExpression());
    expectOperator(":");
    items.push_back(parseExpression());
    if (!token().isOperator("}"))
      expectOperator(",");
  }
  expectOperator("}");
  return make(Kind::Dict, std::move(items));
}

Expression *Parser::parsePostfix(Expression *value) {
  while (error.ok()) {
    if (token().isOperator(".") || token().isOperator("["))
      value = parseSubscript(value);
    else if (token().isOperator("("))
      value = makeCall(value);
    else
      break;
  }
  return value;
}

Expression *Parser::makeCall(Expression *function) {
  Expression *call = make(Kind::Call, {function});
  call->line = token().line;
  call->arguments = parseArguments();
  limitHeight(*call, call->arguments->morePositional);
  limitHeight(*call, call->arguments->moreNamed);
  for (const Expression *argument : call->arguments->positional)
    limitHeight(*call, argument);
  for (const auto &[name, argument] : call->arguments->named)
    limitHeight(*call, argument);
  return call;
}

Expression *Parser::parseSubscript(Expression *value) {
  uint32_t line = token().line;
  Expression *result = nullptr;
  if (skipOperator(".")) {
    if (token().kind == TokenKind::Name) {
      result = make(Kind::Attribute, {value});
      result->name = ast.nameOf(token().text);
      advance();
    } else if (token().kind == TokenKind::Integer) {
      result = make(Kind::Item, {value, parseNumber()});
    } else {
      fail("expected a name or a number after '.', but found " + found());
      return value;
    }
  } else {
    expectOperator("[");
    result = parseSubscripted(value);
    if (token().isOperator(","))
      fail("several indices at a time are not supported");
    expectOperator("]");
  }
  result->line = line;
  return result;
}

/// What stands between brackets: an index, or a slice.
Expression *Parser::parseSubscripted(Expression *value) {
  auto atEnd = [&] {
    return token().isOperator("]") || token().isOperator(",");
  };
  Expression *parts[3] = {nullptr, nullptr, nullptr};
  if (!token().isOperator(":")) {
    parts[0] = parseExpression();
    if (!token().isOperator(":"))
      return make(Kind::Item, {value, parts[0]});
  }
  expectOperator(":");
  if (!token().isOperator(":") && !atEnd())
    parts[1] = parseExpression();
  if (skipOperator(":") && !atEnd())
    parts[2] = parseExpression();
  return make(Kind::Slice, {value, parts[0], parts[1], parts[2]});
}

Expression *Parser::parseFilters(Expression *value) {
  while (error.ok()) {
    if (token().isOperator("|"))
      value = parseFilter(value);
    else if (token().isName("is"))
      value = parseTest(value);
    else if (token().isOperator("("))
      value = makeCall(value);
    else
      break;
  }
  return value;
}

/// At the '|' before a filter's name, or, for a block, at the name.
Expression *Parser::parseFilter(Expression *value) {
  skipOperator("|");
  uint32_t line = token().line;
  std::string_view name = expectName();
  Expression *filter = make(Kind::Filter, {});
  if (value) {
    filter->operands.push_back(value);
    limitHeight(*filter, value);
  }
  filter->line = line;
  filter->name = ast.nameOf(name);
  filter->filter = findFilter(name);
  if (!filter->filter && !lenient)
    failAt(line, "the filter '" + std::string(name) + "' is not supported");
  if (token().isOperator("(")) {
    Expression *call = makeCall(filter);
    filter->arguments = call->arguments;
    filter->height = call->height;
  }
  return filter;
}

/// At `is`.
Expression *Parser::parseTest(Expression *value) {
  uint32_t line = token().line;
  advance();
  bool negated = skipName("not");
  std::string_view name = expectName();
  Expression *test = make(Kind::Test, {value});
  test->line = line;
  test->name = ast.nameOf(name);
  test->test = findTest(name);
  if (!test->test && !lenient)
    failAt(line, "the test '" + std::string(name) + "' is not supported");
  bool isPrimary =
      token().kind == TokenKind::String || token().kind == TokenKind::Integer ||
      token().kind == TokenKind::Float || token().isOperator("[") ||
      token().isOperator("{") ||
      (token().kind == TokenKind::Name && !token().isName("else") &&
       !token().isName("or") && !token().isName("and"));
  if (token().isOperator("(")) {
    Expression *call = makeCall(test);
    test->arguments = call->arguments;
    test->height = call->height;
  } else if (isPrimary) {
    if (token().isName("is"))
      fail("tests cannot follow each other; put the first in parentheses");
    test->arguments = &ast.arguments.emplace_back();
    test->arguments->positional.push_back(parsePostfix(parsePrimary()));
    limitHeight(*test, test->arguments->positional[0]);
  }
  return negated ? make(Kind::Not, {test}) : test;
}

void Parser::parseArgument(CallArguments &arguments) {
  bool more = arguments.morePositional || arguments.moreNamed;
  if (token().isOperator("*")) {
    if (more)
      fail("an argument cannot follow *argument or **argument");
    advance();
    arguments.morePositional = parseExpression();
  } else if (token().isOperator("**")) {
    if (arguments.moreNamed)
      fail("a call has two **argument");
    advance();
    arguments.moreNamed = parseExpression();
  } else if (token().kind == TokenKind::Name && next().isOperator("=")) {
    if (arguments.moreNamed)
      fail("an argument cannot follow **argument");
    Name name = ast.nameOf(token().text);
    advance();
    advance();
    Expression *value = parseExpression();
    arguments.named.emplace_back(name, value);
  } else {
    if (more || !arguments.named.empty())
      fail("an argument without a name cannot follow one with a name");
    arguments.positional.push_back(parseExpression());
  }
}

CallArguments *Parser::parseArguments() {
  CallArguments &arguments = ast.arguments.emplace_back();
  expectOperator("(");
  while (error.ok() && !token().isOperator(")")) {
    parseArgument(arguments);
    if (!token().isOperator(")"))
      expectOperator(",");
  }
  expectOperator(")");
  return &arguments;
}
