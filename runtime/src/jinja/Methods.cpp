//===- Methods.cpp - Methods of strings and containers --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which methods Python's types have, and those that are supported. As in the
// sandbox that templates are written for, what would change a value is
// undefined.
//
//===----------------------------------------------------------------------===//

#include "jinja/Operators.h"
#include "jinja/Strings.h"

#include <algorithm>
#include <iterator>
#include <string>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

/// Python's attributes of a type, but for those that are supported: a word for
/// each; those after a '|' would change the value.
const char *attributesOf(Kind kind) {
  switch (kind) {
  case Kind::List:
    return "|append clear extend insert pop remove reverse sort";
  case Kind::Dict:
    return "fromkeys|clear pop popitem setdefault update";
  case Kind::Range:
    return "start stop step";
  case Kind::View:
    return "isdisjoint mapping";
  case Kind::Integer:
  case Kind::Boolean:
    return "as_integer_ratio bit_count bit_length conjugate denominator "
           "from_bytes imag numerator real to_bytes";
  case Kind::Float:
    return "as_integer_ratio conjugate fromhex hex imag is_integer real";
  case Kind::Iterator:
    return "close send throw gi_code gi_frame gi_running gi_yieldfrom";
  case Kind::Macro:
    return "name arguments catch_kwargs catch_varargs caller explicit_caller";
  default:
    return "";
  }
}

bool hasWord(std::string_view words, std::string_view word) {
  for (size_t at = words.find(word); at != std::string_view::npos;
       at = words.find(word, at + 1)) {
    auto ends = [&](size_t i) {
      return i >= words.size() || words[i] == ' ' || words[i] == '|';
    };
    if ((at == 0 || ends(at - 1)) && ends(at + word.size()))
      return !word.empty();
  }
  return false;
}

// Of dictionaries.

template <bool keys, bool values> Value view(Parameters &p) {
  std::vector<Value> items;
  for (const auto &[key, value] : p[0].asDict().entries())
    items.push_back(keys && values ? p.runtime.tuple({key, value})
                    : keys         ? key
                                   : value);
  return p.runtime.sequence(Kind::View, std::move(items));
}

Value get(Parameters &p) {
  if (!isKey(p[1]) && !p[1].isUndefined())
    return p.fail(std::string("a ") + p[1].typeName() + " cannot be a key");
  if (const Value *value = p.runtime.findKey(p[0].asDict(), p[1]))
    return *value;
  return p.has(2) ? p[2] : Value::none();
}

Value copy(Parameters &p) { return p[0]; }

const Method dictMethods[] = {
    {{"items", "/ self!", view<true, true>}},
    {{"keys", "/ self!", view<true, false>}},
    {{"values", "/ self!", view<false, true>}},
    {{"get", "/ self! key! default", get}},
    {{"copy", "/ self!", copy}},
};

// Of lists, tuples and ranges.

Value indexOf(Parameters &p) {
  const auto &items = p[0].items();
  for (size_t i = 0; i < items.size() && !p.runtime.failed(); ++i)
    if (equal(p.runtime, items[i], p[1]))
      return Value::integer(i);
  return p.fail("there is no such item");
}

Value countItems(Parameters &p) {
  int64_t count = 0;
  for (const Value &item : p[0].items())
    count += equal(p.runtime, item, p[1]);
  return Value::integer(count);
}

const Method listMethods[] = {
    {{"index", "/ self! value!", indexOf}},
    {{"count", "/ self! value!", countItems}},
    {{"copy", "/ self!", copy}}, // of lists alone
};

// Of loops.

Value cycle(Parameters &p) {
  const auto &loop = static_cast<const LoopObject &>(*p[0].object());
  if (p.rest.positional.empty() || !p.rest.named.empty())
    return p.fail("expected values to go through");
  return p.rest.positional[loop.index % p.rest.positional.size()];
}

Value changed(Parameters &p) {
  auto &loop = static_cast<LoopObject &>(*p[0].object());
  for (const Value &value : p.rest.positional)
    if (value.depth())
      if (!value.isString())
        return p.fail("values that hold others are not supported");
  Value values = p.runtime.tuple(p.rest.positional);
  bool same = loop.last && equal(p.runtime, *loop.last, values);
  loop.last = values;
  return Value::boolean(!same);
}

const Method loopMethods[] = {
    {{"cycle", "/ self! ...", cycle}},
    {{"changed", "/ self! ...", changed}},
};

Table<Method> methodsOf(Kind kind) {
  switch (kind) {
  case Kind::String:
    return stringMethods;
  case Kind::Dict:
    return {dictMethods, std::size(dictMethods)};
  case Kind::List:
    return {listMethods, std::size(listMethods)};
  case Kind::Tuple:
  case Kind::Range:
    return {listMethods, std::size(listMethods) - 1};
  case Kind::Loop:
    return {loopMethods, std::size(loopMethods)};
  default:
    return {nullptr, 0};
  }
}

} // namespace

bool jinja::findMethod(Runtime &runtime, const Value &value,
                       std::string_view name, Value &method) {
  if (const Method *known = methodsOf(value.kind()).find(name)) {
    if (!known->function) {
      runtime.fail("the method '" + std::string(name) + "' of a " +
                   value.typeName() + " is not supported");
      return true;
    }
    auto object = std::make_shared<MethodObject>();
    object->self = value;
    object->method = known;
    object->depth = value.depth() + 1;
    runtime.charge(*object, sizeof(MethodObject) + 32);
    if (object->depth > runtime.limits.depth)
      runtime.fail("values are nested in each other too deep");
    method = Value::object(Kind::Method, std::move(object));
    return true;
  }
  std::string_view words = attributesOf(value.kind());
  if (!hasWord(words, name))
    return false;
  size_t changing = words.find('|');
  if (changing < words.size() && hasWord(words.substr(changing + 1), name)) {
    method = Value::undefined("the method '" + std::string(name) +
                              "' would change a " + value.typeName() +
                              ", and values cannot be changed");
    return true;
  }
  runtime.fail("the attribute '" + std::string(name) + "' of a " +
               value.typeName() + " is not supported");
  return true;
}

bool jinja::getLoopAttribute(Runtime &runtime, const Value &value,
                             std::string_view name, Value &attribute) {
  const auto &loop = static_cast<const LoopObject &>(*value.object());
  const std::vector<Value> &items = loop.items.items();
  int64_t index = loop.index, size = items.size();
  if (name == "index")
    attribute = Value::integer(index + 1);
  else if (name == "index0")
    attribute = Value::integer(index);
  else if (name == "revindex")
    attribute = Value::integer(size - index);
  else if (name == "revindex0")
    attribute = Value::integer(size - index - 1);
  else if (name == "first")
    attribute = Value::boolean(index == 0);
  else if (name == "last")
    attribute = Value::boolean(index + 1 == size);
  else if (name == "length")
    attribute = Value::integer(size);
  else if (name == "depth" || name == "depth0")
    attribute = Value::integer(name == "depth");
  else if (name == "previtem")
    attribute = index ? items[index - 1]
                      : Value::undefined("there is no previous item");
  else if (name == "nextitem")
    attribute = index + 1 < size ? items[index + 1]
                                 : Value::undefined("there is no next item");
  else
    return findMethod(runtime, value, name, attribute);
  return true;
}
