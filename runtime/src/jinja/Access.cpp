//===- Access.cpp - Attributes, items and slices --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `a.b` looks for a method first and for an item then, `a['b']` the other way
// round; what is not there is undefined, which only then is an error when more
// is asked of it.
//
//===----------------------------------------------------------------------===//

#include "jinja/Builtins.h"
#include "jinja/Unicode.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

Value missing(const Value &value, const std::string &what) {
  return Value::undefined(std::string("a ") + value.typeName() + " has no " +
                          what);
}

/// What stands at `key` in `value`; false where there is nothing.
bool findItem(Runtime &runtime, const Value &value, const Value &key,
              Value &item) {
  if (value.isDict()) {
    const Value *found = runtime.findKey(value.asDict(), key);
    if (found)
      item = *found;
    return found;
  }
  if (!key.isIntegral() || !(value.isIndexed() || value.isString()))
    return false;
  int64_t size = value.isString() ? value.characters() : value.items().size();
  int64_t index = key.asInteger();
  index += index < 0 ? size : 0;
  if (index < 0 || index >= size)
    return false;
  if (!value.isString()) {
    item = value.items()[index];
    return true;
  }
  const Text &text = value.asText();
  bool ascii = size == int64_t(text.size());
  runtime.spendBytes(ascii ? 1 : text.size());
  size_t begin = ascii ? index : offsetOfCharacter(text.bytes(), index);
  item = runtime.string(
      text.slice(begin, begin + decode(text.bytes(), begin).length));
  return true;
}

/// An attribute that is no item; false where there is none.
bool findAttribute(Runtime &runtime, const Value &value, std::string_view name,
                   Value &attribute) {
  if (name.substr(0, 2) == "__") {
    runtime.fail("access to the attribute '" + std::string(name) +
                 "' is not allowed");
    return true;
  }
  switch (value.kind()) {
  case Kind::Namespace: {
    auto &attributes =
        static_cast<NamespaceObject &>(*value.object()).attributes;
    auto place = attributes.find(name);
    if (place != attributes.end())
      attribute = place->second;
    return place != attributes.end();
  }
  case Kind::Loop:
    return getLoopAttribute(runtime, value, name, attribute);
  case Kind::Tuple: {
    const auto &tuple = static_cast<const SequenceObject &>(*value.object());
    if (tuple.group && (name == "grouper" || name == "list")) {
      attribute = tuple.items[name == "list"];
      return true;
    }
    return findMethod(runtime, value, name, attribute);
  }
  default:
    return findMethod(runtime, value, name, attribute);
  }
}

/// The bounds of a slice in a sequence of `size`, as Python takes them.
struct SliceBounds {
  int64_t start, step, count;
};

SliceBounds boundsOf(int64_t size, const Value &start, const Value &stop,
                     int64_t step) {
  int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  auto clamp = [&](const Value &bound, int64_t otherwise) {
    if (bound.isNone())
      return otherwise;
    int64_t index = bound.asInteger();
    index += index < 0 ? size : 0;
    return std::clamp(index, low, std::max(low, high));
  };
  int64_t first = clamp(start, step < 0 ? high : low);
  int64_t last = clamp(stop, step < 0 ? low : high);
  uint64_t stride = step < 0 ? 0 - uint64_t(step) : uint64_t(step);
  int64_t distance = step < 0 ? first - last : last - first;
  int64_t count =
      distance > 0 ? int64_t((uint64_t(distance) - 1) / stride) + 1 : 0;
  return {first, step, count};
}

Value sliceString(Runtime &runtime, const Value &value,
                  const SliceBounds &bounds) {
  const Text &text = value.asText();
  const std::string &bytes = text.bytes();
  runtime.spendBytes(bytes.size());
  if (bounds.step == 1) {
    bool ascii = value.characters() == bytes.size();
    size_t begin =
        ascii ? bounds.start : offsetOfCharacter(bytes, bounds.start);
    size_t length =
        ascii ? bounds.count
              : offsetOfCharacter(std::string_view(bytes).substr(begin),
                                  bounds.count);
    return runtime.string(text.slice(begin, begin + length));
  }
  std::vector<size_t> offsets;
  for (size_t i = 0; i < bytes.size(); i += decode(bytes, i).length)
    offsets.push_back(i);
  offsets.push_back(bytes.size());
  Text out;
  for (int64_t i = 0, at = bounds.start; i < bounds.count && runtime.spend();
       ++i, at += i < bounds.count ? bounds.step : 0)
    out.append(text.slice(offsets[at], offsets[at + 1]));
  if (!bounds.count)
    out = text.slice(0, 0);
  return runtime.string(std::move(out));
}

} // namespace

Value jinja::getAttribute(Runtime &runtime, const Value &value,
                          std::string_view name) {
  if (value.isUndefined())
    return runtime.fail(value.undefinedMessage());
  Value result;
  if (findAttribute(runtime, value, name, result))
    return result;
  if (value.isDict())
    if (const Value *item = value.asDict().find(name))
      return *item;
  return missing(value, "attribute '" + std::string(name) + "'");
}

Value jinja::getItem(Runtime &runtime, const Value &value, const Value &key) {
  if (value.isUndefined())
    return runtime.fail(value.undefinedMessage());
  if (value.isMarkup())
    return runtime.fail("what |safe or |escape gave can only be written; more "
                        "is not supported");
  Value result;
  if (findItem(runtime, value, key, result))
    return result;
  if (!key.isString())
    return missing(value, "such item");
  if (findAttribute(runtime, value, key.asString(), result))
    return result;
  return missing(value, "item '" + key.asString() + "'");
}

Value jinja::getSlice(Runtime &runtime, const Value &value, const Value &start,
                      const Value &stop, const Value &step) {
  if (value.isUndefined())
    return runtime.fail(value.undefinedMessage());
  if ((!value.isString() && !value.isIndexed()) || value.isMarkup())
    return runtime.fail(std::string("slices of a ") + value.typeName() +
                        " are not supported");
  for (const Value *part : {&start, &stop, &step})
    if (!part->isNone() && !part->isIntegral())
      return runtime.fail("the bounds of a slice have to be integers");
  int64_t stride = step.isNone() ? 1 : step.asInteger();
  if (!stride)
    return runtime.fail("the step of a slice is zero");
  int64_t size = value.isString() ? value.characters() : value.items().size();
  SliceBounds bounds = boundsOf(size, start, stop, stride);
  if (value.isString())
    return sliceString(runtime, value, bounds);
  std::vector<Value> items;
  for (int64_t i = 0; i < bounds.count; ++i)
    items.push_back(value.items()[bounds.start + i * bounds.step]);
  return runtime.sequence(value.kind(), std::move(items));
}

Value jinja::getPath(Runtime &runtime, const Value &value, const Value &path) {
  if (!path.isString())
    return getItem(runtime, value, path);
  Value item = value;
  std::string_view rest = path.asString();
  for (bool more = true; more && !runtime.failed();) {
    size_t dot = rest.find('.');
    more = dot != std::string_view::npos;
    std::string part(rest.substr(0, dot));
    rest.remove_prefix(more ? dot + 1 : rest.size());
    bool number = !part.empty() && part.size() < 10 &&
                  part.find_first_not_of("0123456789") == std::string::npos;
    item =
        getItem(runtime, item,
                number ? Value::integer(std::stoi(part)) : Value::string(part));
  }
  return item;
}
