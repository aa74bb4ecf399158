//===- Value.cpp - What expressions of a template evaluate to -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Making and reading values, and dictionaries.
//
//===----------------------------------------------------------------------===//

#include "jinja/Value.h"

#include "jinja/Unicode.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace sterna;
using namespace sterna::jinja;

namespace {

struct UndefinedObject : Object {
  std::string message;
};

/// Keys of different classes are never equal.
int keyClass(const Value &value) {
  if (value.isNone())
    return 0;
  if (value.isNumber())
    return 1;
  return value.isString() ? 2 : 3;
}

int compareKeys(const Value &left, const Value &right) {
  int classes = keyClass(left) - keyClass(right);
  if (classes)
    return classes;
  switch (keyClass(left)) {
  case 0:
    return 0;
  case 1: {
    int order = compareNumbers(left, right);
    if (order != 2)
      return order;
    // NaNs come last.
    auto isNaN = [](const Value &value) {
      return value.is(Value::Kind::Float) && std::isnan(value.asFloat());
    };
    return int(isNaN(left)) - int(isNaN(right));
  }
  case 2:
    return left.asString().compare(right.asString());
  default: {
    const auto &first = left.items(), &second = right.items();
    for (size_t i = 0; i < std::min(first.size(), second.size()); ++i)
      if (int order = compareKeys(first[i], second[i]))
        return order;
    return first.size() < second.size() ? -1 : first.size() > second.size();
  }
  }
}

/// Below this, looking at each pair is quicker.
constexpr size_t fewPairs = 8;

} // namespace

Value Value::undefined(std::string message) {
  Value value;
  auto object = std::make_shared<UndefinedObject>();
  object->message = std::move(message);
  value.storage = std::move(object);
  return value;
}

Value Value::boolean(bool value) {
  Value result(Kind::Boolean);
  result.integerValue = value;
  return result;
}

Value Value::integer(int64_t value) {
  Value result(Kind::Integer);
  result.integerValue = value;
  return result;
}

Value Value::real(double value) {
  Value result(Kind::Float);
  result.floatValue = value;
  return result;
}

Value Value::string(Text text) {
  auto object = std::make_shared<StringObject>();
  object->text = std::move(text);
  object->characters = countCharacters(object->text.bytes());
  return Value::object(Kind::String, std::move(object));
}

Value Value::sequence(Kind kind, std::vector<Value> items) {
  auto object = std::make_shared<SequenceObject>();
  for (const Value &item : items)
    object->depth = std::max(object->depth, item.depth());
  ++object->depth;
  object->items = std::move(items);
  return Value::object(kind, std::move(object));
}

Value Value::dict(Dict dict) {
  auto object = std::make_shared<DictObject>();
  for (const auto &[key, value] : dict.entries())
    object->depth = std::max({object->depth, key.depth(), value.depth()});
  ++object->depth;
  object->dict = std::move(dict);
  return Value::object(Kind::Dict, std::move(object));
}

Value Value::object(Kind kind, std::shared_ptr<Object> object) {
  Value value(kind);
  value.storage = std::move(object);
  return value;
}

double Value::asFloat() const {
  return type == Kind::Float ? floatValue : double(integerValue);
}

const Text &Value::asText() const {
  assert(isString());
  return static_cast<const StringObject &>(*storage).text;
}

bool Value::isMarkup() const {
  return isString() && static_cast<const StringObject &>(*storage).markup;
}

size_t Value::characters() const {
  assert(isString());
  return static_cast<const StringObject &>(*storage).characters;
}

const std::vector<Value> &Value::items() const {
  assert(isSequence());
  return static_cast<const SequenceObject &>(*storage).items;
}

const Dict &Value::asDict() const {
  assert(isDict());
  return static_cast<const DictObject &>(*storage).dict;
}

std::string Value::undefinedMessage() const {
  return storage ? static_cast<const UndefinedObject &>(*storage).message
                 : "the value is undefined";
}

const char *Value::typeName() const {
  static const char *const names[] = {
      "undefined", "None",  "bool",      "int",      "float",    "str",
      "list",      "tuple", "dict view", "range",    "iterator", "dict",
      "namespace", "loop",  "macro",     "function", "method"};
  return names[size_t(type)];
}

bool KeyLess::operator()(const Value &left, const Value &right) const {
  return compareKeys(left, right) < 0;
}

bool sterna::jinja::isKey(const Value &value) {
  if (value.is(Value::Kind::Tuple))
    return std::all_of(value.items().begin(), value.items().end(),
                       [](const Value &item) {
                         return !item.is(Value::Kind::Tuple) && isKey(item);
                       });
  return value.isNone() || value.isNumber() || value.isString();
}

size_t Dict::indexOf(const Value &key) const {
  if (pairs.size() > fewPairs) {
    auto place = index.find(key);
    return place == index.end() ? pairs.size() : place->second;
  }
  return std::find_if(pairs.begin(), pairs.end(),
                      [&](const Entry &entry) {
                        return compareKeys(entry.first, key) == 0;
                      }) -
         pairs.begin();
}

const Value *Dict::find(const Value &key) const {
  size_t place = indexOf(key);
  return place < pairs.size() ? &pairs[place].second : nullptr;
}

const Value *Dict::find(std::string_view key) const {
  if (pairs.size() > fewPairs)
    return find(Value::string(std::string(key)));
  for (const Entry &entry : pairs)
    if (entry.first.isString() && entry.first.asString() == key)
      return &entry.second;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  size_t place = indexOf(key);
  if (place < pairs.size()) {
    pairs[place].second = std::move(value);
    return;
  }
  pairs.emplace_back(std::move(key), std::move(value));
  if (pairs.size() == fewPairs + 1)
    for (size_t i = 0; i < pairs.size(); ++i)
      index.emplace(pairs[i].first, i);
  else if (pairs.size() > fewPairs)
    index.emplace(pairs.back().first, pairs.size() - 1);
}

int sterna::jinja::compareNumbers(const Value &left, const Value &right) {
  auto order = [](auto a, auto b) { return a < b ? -1 : a > b ? 1 : 0; };
  if (left.isIntegral() && right.isIntegral())
    return order(left.asInteger(), right.asInteger());
  if (left.is(Value::Kind::Float) && right.is(Value::Kind::Float)) {
    double a = left.asFloat(), b = right.asFloat();
    return std::isnan(a) || std::isnan(b) ? 2 : order(a, b);
  }
  if (left.is(Value::Kind::Float)) {
    int result = compareNumbers(right, left);
    return result == 2 ? 2 : -result;
  }
  // An integer may have more digits than a double holds.
  int64_t a = left.asInteger();
  double b = right.asFloat();
  if (std::isnan(b))
    return 2;
  if (b >= 0x1p63)
    return -1;
  if (b < -0x1p63)
    return 1;
  int64_t whole = int64_t(b);
  return a != whole ? order(a, whole) : order(0.0, b - double(whole));
}
