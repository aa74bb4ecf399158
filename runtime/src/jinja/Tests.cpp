//===- Tests.cpp - What follows `is` --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tests of Jinja, each on one line of the table at the end.
//
//===----------------------------------------------------------------------===//

#include "jinja/Builtins.h"
#include "jinja/Operators.h"
#include "jinja/Print.h"

#include <algorithm>
#include <iterator>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

template <Kind kind> Value isKind(Parameters &p) {
  return Value::boolean(p[0].is(kind));
}

template <Operator op> Value compares(Parameters &p) {
  return Value::boolean(compare(p.runtime, op, p[0], p[1]));
}

Value isDefined(Parameters &p) { return Value::boolean(!p[0].isUndefined()); }

Value remainderIs(Parameters &p, const Value &divisor, int64_t expected) {
  Value rest = calculate(p.runtime, Operator::Modulo, p[0], divisor);
  return Value::boolean(equal(p.runtime, rest, Value::integer(expected)));
}

Value isOdd(Parameters &p) { return remainderIs(p, Value::integer(2), 1); }
Value isEven(Parameters &p) { return remainderIs(p, Value::integer(2), 0); }
Value isDivisible(Parameters &p) { return remainderIs(p, p[1], 0); }

template <bool expected> Value isBoolean(Parameters &p) {
  return Value::boolean(p[0].is(Kind::Boolean) && p[0].asBoolean() == expected);
}

Value isNumber(Parameters &p) { return Value::boolean(p[0].isNumber()); }

Value isSequence(Parameters &p) {
  // What has a length and indices; of an undefined value, both are none.
  return Value::boolean(p[0].isIndexed() || p[0].isString() || p[0].isDict() ||
                        p[0].isUndefined());
}

Value isIterable(Parameters &p) {
  return Value::boolean(p[0].isSequence() || p[0].isString() || p[0].isDict() ||
                        p[0].isUndefined() || p[0].is(Kind::Loop));
}

Value isCallable(Parameters &p) {
  return Value::boolean(p[0].kind() >= Kind::Loop || p[0].isUndefined());
}

Value isSame(Parameters &p) {
  const Value &left = p[0], &right = p[1];
  if (left.kind() != right.kind())
    return Value::boolean(false);
  if (left.isNone() || left.is(Kind::Boolean))
    return Value::boolean(left.isNone() ||
                          left.asBoolean() == right.asBoolean());
  if (left.object() && left.object() == right.object())
    return Value::boolean(true);
  if (left.isNumber() || left.isString() || left.isUndefined())
    return p.fail("only booleans, none and containers are supported; compare "
                  "other values with ==");
  return Value::boolean(false);
}

/// str.islower and str.isupper.
template <bool upper> Value isCase(Parameters &p) {
  bool found = false;
  Text text = p.text(0);
  for (char c : text.bytes()) {
    if (c & 0x80)
      return p.fail("characters beyond ASCII are not supported");
    bool isUpper = c >= 'A' && c <= 'Z', isLower = c >= 'a' && c <= 'z';
    if (upper ? isLower : isUpper)
      return Value::boolean(false);
    found |= isUpper || isLower;
  }
  return Value::boolean(found);
}

/// What Jinja has and this has not.
const std::string_view otherFilters[] = {
    "attr",      "filesizeformat", "forceescape", "pprint",   "random",
    "striptags", "urlencode",      "urlize",      "wordwrap", "xmlattr"};

Value isFilter(Parameters &p) {
  if (!isKey(p[0]) && !p[0].isUndefined())
    return p.fail("expected a name");
  if (!p[0].isString())
    return Value::boolean(false);
  const std::string &name = p[0].asString();
  return Value::boolean(
      findFilter(name) ||
      std::count(std::begin(otherFilters), std::end(otherFilters), name));
}

Value isTest(Parameters &p) {
  if (!isKey(p[0]) && !p[0].isUndefined())
    return p.fail("expected a name");
  return Value::boolean(p[0].isString() && (findTest(p[0].asString()) ||
                                            p[0].asString() == "escaped"));
}

const Test tests[] = {
    {{"defined", "value!", isDefined}},
    {{"undefined", "value!", isKind<Kind::Undefined>}},
    {{"none", "value!", isKind<Kind::None>}},
    {{"boolean", "value!", isKind<Kind::Boolean>}},
    {{"integer", "value!", isKind<Kind::Integer>}},
    {{"float", "value!", isKind<Kind::Float>}},
    {{"string", "value!", isKind<Kind::String>}},
    {{"mapping", "value!", isKind<Kind::Dict>}},
    {{"true", "value!", isBoolean<true>}},
    {{"false", "value!", isBoolean<false>}},
    {{"number", "value!", isNumber}},
    {{"sequence", "value!", isSequence}},
    {{"iterable", "value!", isIterable}},
    {{"callable", "/ value!", isCallable}},
    {{"sameas", "value! other!", isSame}},
    {{"odd", "value!", isOdd}},
    {{"even", "value!", isEven}},
    {{"divisibleby", "value! num!", isDivisible}},
    {{"lower", "value!", isCase<false>}},
    {{"upper", "value!", isCase<true>}},
    {{"in", "value! seq!", compares<Operator::In>}},
    {{"eq", "/ value! other!", compares<Operator::Equal>}},
    {{"==", "/ value! other!", compares<Operator::Equal>}},
    {{"equalto", "/ value! other!", compares<Operator::Equal>}},
    {{"ne", "/ value! other!", compares<Operator::NotEqual>}},
    {{"!=", "/ value! other!", compares<Operator::NotEqual>}},
    {{"lt", "/ value! other!", compares<Operator::Less>}},
    {{"<", "/ value! other!", compares<Operator::Less>}},
    {{"lessthan", "/ value! other!", compares<Operator::Less>}},
    {{"le", "/ value! other!", compares<Operator::LessEqual>}},
    {{"<=", "/ value! other!", compares<Operator::LessEqual>}},
    {{"gt", "/ value! other!", compares<Operator::Greater>}},
    {{">", "/ value! other!", compares<Operator::Greater>}},
    {{"greaterthan", "/ value! other!", compares<Operator::Greater>}},
    {{"ge", "/ value! other!", compares<Operator::GreaterEqual>}},
    {{">=", "/ value! other!", compares<Operator::GreaterEqual>}},
    {{"filter", "value!", isFilter}},
    {{"test", "value!", isTest}},
};

} // namespace

const Test *jinja::findTest(std::string_view name) {
  return Table<Test>{tests, std::size(tests)}.find(name);
}
