//===- ListFilters.cpp - Filters on lists and dictionaries ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The filters on many values. Where Jinja's give a generator, these give an
// iterator that holds all items: errors of items that nobody asks for are
// errors here.
//
//===----------------------------------------------------------------------===//

#include "jinja/Operators.h"
#include "jinja/Sort.h"
#include "jinja/Strings.h"

#include <algorithm>
#include <iterator>
#include <set>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

Value length(Parameters &p) {
  const Value &value = p[0];
  if (value.isString())
    return Value::integer(value.characters());
  if (value.isDict())
    return Value::integer(value.asDict().size());
  if (value.isUndefined())
    return Value::integer(0);
  Value count;
  if (value.is(Kind::Loop) &&
      getLoopAttribute(p.runtime, value, "length", count))
    return count;
  if (!value.isSequence() || value.is(Kind::Iterator))
    return p.fail(std::string("a ") + value.typeName() + " has no length");
  return Value::integer(value.items().size());
}

Value iterator(Parameters &p, std::vector<Value> items) {
  return p.runtime.sequence(Kind::Iterator, std::move(items));
}

Value first(Parameters &p) {
  std::vector<Value> items = p.runtime.iterate(p[0]);
  p.runtime.breakOff(p[0]);
  return items.empty() ? Value::undefined("there is no first item") : items[0];
}

Value last(Parameters &p) {
  if (p[0].is(Kind::Iterator))
    return p.fail("an iterator cannot be read from its end; write |list first");
  std::vector<Value> items = p.runtime.iterate(p[0]);
  return items.empty() ? Value::undefined("there is no last item")
                       : items.back();
}

Value list(Parameters &p) { return p.runtime.list(p.runtime.iterate(p[0])); }

Value reverse(Parameters &p) {
  if (p[0].isString())
    return getSlice(p.runtime, p[0], Value::none(), Value::none(),
                    Value::integer(-1));
  bool isIterator = p[0].is(Kind::Iterator);
  std::vector<Value> items = p.runtime.iterate(p[0]);
  std::reverse(items.begin(), items.end());
  return p.runtime.sequence(isIterator ? Kind::List : Kind::Iterator,
                            std::move(items));
}

Value items(Parameters &p) {
  std::vector<Value> pairs;
  if (p[0].isDict()) {
    for (const auto &[key, value] : p[0].asDict().entries())
      pairs.push_back(p.runtime.tuple({key, value}));
  } else if (!p[0].isUndefined()) {
    return p.fail(std::string("expected a dictionary, but got a ") +
                  p[0].typeName());
  }
  return iterator(p, std::move(pairs));
}

/// A string in lower case, so that case does not count; others as they are.
Value ignoreCase(Parameters &p, const Value &value) {
  if (!value.isString())
    return value;
  return p.runtime.string(changeCase(p, value.asText(), Case::Lower));
}

/// What `item` is compared by: what stands at `path`, if it is not none.
Value keyOf(Parameters &p, const Value &item, const Value &path,
            bool caseSensitive) {
  Value key = path.isNone() ? item : getPath(p.runtime, item, path);
  return caseSensitive ? key : ignoreCase(p, key);
}

Value pathIn(Parameters &p, size_t index) {
  return p.has(index) ? p[index] : Value::none();
}

struct Keyed {
  Value key, item;
};

/// Sorts by keys, which must have an order.
void sortByKey(Parameters &p, std::vector<Keyed> &keyed, bool reversed) {
  auto isLess = [&](const Keyed &left, const Keyed &right) {
    return less(p.runtime, left.key, right.key);
  };
  // Equal items keep their order, whichever way.
  if (reversed)
    std::reverse(keyed.begin(), keyed.end());
  mergeSort(keyed, isLess);
  if (reversed)
    std::reverse(keyed.begin(), keyed.end());
}

std::vector<Value> itemsOf(std::vector<Keyed> keyed) {
  std::vector<Value> items;
  for (Keyed &each : keyed)
    items.push_back(std::move(each.item));
  return items;
}

Value sort(Parameters &p) {
  Value path = pathIn(p, 3);
  // Several paths have commas between.
  std::vector<Value> paths = {path};
  const std::string comma = ",";
  if (path.isString())
    paths = split(p, path.asText(), &comma, -1, false);
  std::vector<Keyed> keyed;
  for (const Value &item : p.runtime.iterate(p[0])) {
    std::vector<Value> keys;
    for (const Value &each : paths)
      keys.push_back(keyOf(p, item, each, p.truth(2)));
    // In a list, values that are equal need no order.
    Value key = p.runtime.list(std::move(keys));
    if (p.runtime.failed())
      return Value();
    keyed.push_back({std::move(key), item});
  }
  sortByKey(p, keyed, p.truth(1));
  return p.runtime.list(itemsOf(std::move(keyed)));
}

Value sortDict(Parameters &p) {
  std::string by = p.text(2, "key").bytes();
  if (by != "key" && by != "value")
    return p.fail("it sorts by 'key' or by 'value'");
  if (!p[0].isDict())
    return p.fail("expected a dictionary");
  std::vector<Keyed> keyed;
  for (const auto &[key, value] : p[0].asDict().entries()) {
    Value sorted = by == "key" ? key : value;
    keyed.push_back({p.truth(1) ? sorted : ignoreCase(p, sorted),
                     p.runtime.tuple({key, value})});
  }
  sortByKey(p, keyed, p.truth(3));
  return p.runtime.list(itemsOf(std::move(keyed)));
}

template <bool greatest> Value extreme(Parameters &p) {
  std::vector<Value> items = p.runtime.iterate(p[0]);
  if (items.empty())
    return Value::undefined("an empty sequence has no least or greatest item");
  size_t best = 0;
  Value bestKey = keyOf(p, items[0], pathIn(p, 2), p.truth(1));
  for (size_t i = 1; i < items.size() && !p.runtime.failed(); ++i) {
    Value key = keyOf(p, items[i], pathIn(p, 2), p.truth(1));
    if (greatest ? less(p.runtime, bestKey, key)
                 : less(p.runtime, key, bestKey)) {
      best = i;
      bestKey = std::move(key);
    }
  }
  return items[best];
}

Value sum(Parameters &p) {
  Value total = p.has(2) ? p[2] : Value::integer(0);
  if (total.isString())
    return p.fail("strings are joined by |join");
  for (const Value &item : p.runtime.iterate(p[0])) {
    Value path = pathIn(p, 1);
    total = calculate(p.runtime, Operator::Add, total,
                      path.isNone() ? item : getPath(p.runtime, item, path));
    if (p.runtime.failed())
      break;
  }
  return total;
}

Value unique(Parameters &p) {
  std::set<Value, KeyLess> seen;
  std::vector<Value> kept;
  for (const Value &item : p.runtime.iterate(p[0])) {
    Value key = keyOf(p, item, pathIn(p, 2), p.truth(1));
    if (p.runtime.failed())
      break;
    if (!isKey(key))
      return p.fail(std::string("values of type ") + key.typeName() +
                    " are not supported");
    if (key.isString())
      p.runtime.spendBytes(4 * key.asText().size());
    if (seen.insert(key).second)
      kept.push_back(item);
  }
  return iterator(p, std::move(kept));
}

Value joinFilter(Parameters &p) {
  std::vector<Value> items = p.runtime.iterate(p[0]);
  if (p.has(2) && !p[2].isNone())
    for (Value &item : items)
      item = getPath(p.runtime, item, p[2]);
  return join(p, p.text(1), items, false);
}

/// The arguments of a filter or test that another applies to `item`.
Arguments argumentsFor(Parameters &p, const Value &item, size_t skipped) {
  Arguments arguments;
  arguments.positional = p.rest.positional;
  arguments.positional.erase(arguments.positional.begin(),
                             arguments.positional.begin() + skipped);
  arguments.positional.insert(arguments.positional.begin(), item);
  arguments.named = p.rest.named;
  return arguments;
}

Value map(Parameters &p) {
  // As in Jinja, nothing is asked of what is false, whatever it is.
  if (!isTrue(p[0]))
    return iterator(p, {});
  std::vector<Value> mapped;
  Value path, otherwise = Value::none();
  bool byPath = p.rest.positional.empty();
  for (const auto &[name, value] : p.rest.named) {
    if (byPath && name == "attribute")
      path = value;
    else if (byPath && name == "default")
      otherwise = value;
    else if (byPath)
      return p.fail("there is no parameter '" + name + "'");
  }
  if (byPath && path.isUndefined())
    return p.fail("expected the name of a filter, or attribute=");
  if (byPath && !otherwise.isNone() && path.isString() &&
      path.asString().find('.') != std::string::npos)
    return p.fail("default= with a path of attributes is not supported");
  for (const Value &item : p.runtime.iterate(p[0])) {
    if (p.runtime.failed())
      break;
    Value result = byPath ? getPath(p.runtime, item, path)
                          : applyFilter(p.runtime, p.rest.positional[0],
                                        argumentsFor(p, item, 1));
    bool replace = byPath && result.isUndefined() && !otherwise.isNone();
    mapped.push_back(replace ? otherwise : std::move(result));
  }
  return iterator(p, std::move(mapped));
}

template <bool wanted, bool ofAttribute> Value select(Parameters &p) {
  std::vector<Value> kept;
  const auto &given = p.rest.positional;
  if (!isTrue(p[0]))
    return iterator(p, {});
  if (ofAttribute && given.empty())
    return p.fail("expected the name of an attribute");
  for (const Value &item : p.runtime.iterate(p[0])) {
    if (p.runtime.failed())
      break;
    Value tested = ofAttribute ? getPath(p.runtime, item, given[0]) : item;
    bool holds = given.size() > ofAttribute
                     ? applyTest(p.runtime, given[ofAttribute],
                                 argumentsFor(p, tested, 1 + ofAttribute))
                     : isTrue(tested);
    if (holds == wanted)
      kept.push_back(item);
  }
  return iterator(p, std::move(kept));
}

Value batch(Parameters &p) {
  int64_t size = p.integer(1);
  if (size < 1)
    return p.fail("the size has to be positive");
  std::vector<Value> batches, current;
  for (const Value &item : p.runtime.iterate(p[0])) {
    if (int64_t(current.size()) == size)
      batches.push_back(p.runtime.list(std::exchange(current, {})));
    current.push_back(item);
  }
  if (!current.empty()) {
    if (p.has(2) && !p[2].isNone() && p.runtime.fits(size) &&
        p.runtime.spend(size))
      current.resize(size, p[2]);
    batches.push_back(p.runtime.list(std::move(current)));
  }
  return iterator(p, std::move(batches));
}

Value slice(Parameters &p) {
  int64_t count = p.integer(1);
  if (count < 1)
    return p.fail("the number of slices has to be positive");
  std::vector<Value> items = p.runtime.iterate(p[0]), slices;
  int64_t each = items.size() / count, longer = items.size() % count;
  auto next = items.begin();
  for (int64_t i = 0; i < count && !p.runtime.failed(); ++i) {
    auto end = next + each + (i < longer);
    std::vector<Value> current(next, end);
    if (p.has(2) && !p[2].isNone() && i >= longer)
      current.push_back(p[2]);
    slices.push_back(p.runtime.list(std::move(current)));
    next = end;
  }
  return iterator(p, std::move(slices));
}

Value groupBy(Parameters &p) {
  bool caseSensitive = p.truth(3);
  auto keyIn = [&](const Value &item) {
    Value key = getPath(p.runtime, item, p[1]);
    return key.isUndefined() && p.has(2) && !p[2].isNone() ? p[2] : key;
  };
  std::vector<Keyed> keyed;
  for (const Value &item : p.runtime.iterate(p[0])) {
    Value key = keyIn(item);
    keyed.push_back({caseSensitive ? key : ignoreCase(p, key), item});
  }
  sortByKey(p, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size() && !p.runtime.failed();) {
    std::vector<Value> members;
    size_t end = begin;
    while (end < keyed.size() && !p.runtime.failed() &&
           equal(p.runtime, keyed[begin].key, keyed[end].key))
      members.push_back(keyed[end++].item);
    if (p.runtime.failed())
      break;
    Value key = keyIn(members[0]);
    Value group = p.runtime.tuple({key, p.runtime.list(std::move(members))});
    if (p.runtime.failed())
      break;
    static_cast<SequenceObject &>(*group.object()).group = true;
    groups.push_back(std::move(group));
    begin = end;
  }
  return p.runtime.list(std::move(groups));
}

const Filter filters[] = {
    {{"length", "/ value!", length}},
    {{"count", "/ value!", length}},
    {{"first", "seq!", first}},
    {{"last", "seq!", last}},
    {{"list", "value!", list}},
    {{"reverse", "value!", reverse}},
    {{"items", "value!", items}},
    {{"sort", "value! reverse case_sensitive attribute", sort}},
    {{"dictsort", "value! case_sensitive by reverse", sortDict}},
    {{"min", "value! case_sensitive attribute", extreme<false>}},
    {{"max", "value! case_sensitive attribute", extreme<true>}},
    {{"sum", "iterable! attribute start", sum}},
    {{"unique", "value! case_sensitive attribute", unique}},
    {{"join", "value! d attribute", joinFilter}},
    {{"map", "value! ...", map}},
    {{"select", "value! ...", select<true, false>}},
    {{"reject", "value! ...", select<false, false>}},
    {{"selectattr", "value! ...", select<true, true>}},
    {{"rejectattr", "value! ...", select<false, true>}},
    {{"batch", "value! linecount! fill_with", batch}},
    {{"slice", "value! slices! fill_with", slice}},
    {{"groupby", "value! attribute! default case_sensitive", groupBy}},
};

} // namespace

const Table<Filter> jinja::listFilters = {filters, std::size(filters)};
