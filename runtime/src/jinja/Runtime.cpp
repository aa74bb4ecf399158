//===- Runtime.cpp - Limits and the error of one rendering ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values are made here so that what they hold is counted.
//
//===----------------------------------------------------------------------===//

#include "jinja/Runtime.h"

#include "jinja/Unicode.h"

using namespace sterna;
using namespace sterna::jinja;

Value Runtime::fail(std::string message) {
  if (!failed())
    status = Status::error("line " + std::to_string(line) +
                           " of the template: " + std::move(message));
  return Value();
}

bool Runtime::tooManySteps() {
  fail("it takes more than " + std::to_string(limits.steps) +
       " steps up to here; shorten its loops or the conversation");
  return false;
}

bool Runtime::fits(size_t size) {
  if (size <= limits.value)
    return true;
  fail("a value would have " + std::to_string(size) +
       " bytes or items, and at most " + std::to_string(limits.value) +
       " are allowed");
  return false;
}

void Runtime::charge(Object &object, size_t bytes) {
  if (!object.use)
    object.use = &memory;
  object.charged += bytes;
  memory.held += bytes;
  if (memory.held > limits.memory)
    fail("values hold more than " + std::to_string(limits.memory) +
         " bytes; shorten the conversation");
}

Value Runtime::checkDepth(Value value) {
  if (value.depth() > limits.depth)
    return fail("values are nested in each other more than " +
                std::to_string(limits.depth) + " deep");
  return value;
}

Value Runtime::string(Text text) {
  if (failed() || !fits(text.weight()))
    return Value();
  spendBytes(text.weight());
  Value value = Value::string(std::move(text));
  charge(*value.object(), sizeof(StringObject) + 32 + value.asText().weight());
  return value;
}

Value Runtime::sequence(Value::Kind kind, std::vector<Value> items) {
  if (failed() || !fits(items.size()))
    return Value();
  spend(items.size());
  size_t bytes = sizeof(SequenceObject) + 32 + items.capacity() * sizeof(Value);
  Value value = Value::sequence(kind, std::move(items));
  charge(*value.object(), bytes);
  return checkDepth(std::move(value));
}

Value Runtime::dict(Dict dict) {
  if (failed() || !fits(dict.size()))
    return Value();
  spend(dict.size());
  // An entry, and a node of the index.
  size_t bytes = sizeof(DictObject) + 32 + dict.size() * 5 * sizeof(Value);
  Value value = Value::dict(std::move(dict));
  charge(*value.object(), bytes);
  return checkDepth(std::move(value));
}

const Value *Runtime::findKey(const Dict &dict, const Value &key) {
  if (key.isString())
    spendBytes(key.asText().size());
  return isKey(key) && !failed() ? dict.find(key) : nullptr;
}

bool Runtime::spendSearch(size_t text, size_t part) {
  return spend(1 + text / 64 + uint64_t(text) * part / 1024);
}

void Runtime::setKey(Dict &dict, const Value &key, Value value) {
  if (key.isString())
    spendBytes(key.asText().size());
  if (isKey(key))
    dict.set(key, std::move(value));
  else
    fail(std::string("a ") + key.typeName() + " as a key is not supported");
}

void Runtime::breakOff(const Value &value) {
  if (value.is(Value::Kind::Iterator))
    static_cast<SequenceObject &>(*value.object()).broken = true;
}

std::vector<Value> Runtime::iterate(const Value &value) {
  std::vector<Value> items;
  if (value.is(Value::Kind::Iterator)) {
    auto &iterator = static_cast<SequenceObject &>(*value.object());
    if (iterator.broken)
      fail("what a filter gave is used after a part of it was; write |list "
           "after the filter");
    if (!iterator.taken)
      items = iterator.items;
    iterator.taken = true;
  } else if (value.isSequence()) {
    items = value.items();
  } else if (value.isDict()) {
    for (const auto &[key, item] : value.asDict().entries())
      items.push_back(key);
  } else if (value.isString()) {
    const Text &text = value.asText();
    if (!fits(text.size()))
      return items;
    for (size_t i = 0; i < text.size() && !failed();) {
      size_t length = decode(text.bytes(), i).length;
      items.push_back(string(text.slice(i, i + length)));
      i += length;
    }
  } else if (!value.isUndefined()) {
    fail(std::string("a ") + value.typeName() + " has no items to go through");
  }
  spend(items.size());
  return items;
}
