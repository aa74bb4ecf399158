//===- Runtime.h - Limits and the error of one rendering ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What everything that evaluates shares: how much work and memory is left, and
// the error. Errors are sticky, as in a stream: the first is kept, and what is
// computed after it is thrown away, so that only loops and what changes state
// need to look. Separate from the interpreter because filters, tests and
// methods know no syntax tree.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_RUNTIME_H
#define STERNA_RUNTIME_JINJA_RUNTIME_H

#include "io/Status.h"
#include "jinja/Value.h"

#include <ctime>
#include <optional>

namespace sterna::jinja {

/// What a template may use. A template that needs more is refused.
struct Limits {
  size_t source = 1 << 20;    // bytes of the template
  uint32_t nesting = 100;     // of statements, and of expressions
  uint32_t height = 300;      // of an expression: operations in a row
  uint32_t calls = 800;       // of nodes in evaluation, through macros
  uint32_t depth = 64;        // of values in each other
  uint64_t steps = 4'000'000; // nodes evaluated, items and 64 bytes touched
  size_t value = 16 << 20;    // bytes of one string, items of one list
  size_t memory = 96 << 20;   // bytes that values hold at a time
  size_t output = 16 << 20;   // bytes
};

class Runtime {
public:
  explicit Runtime(const Limits &limits) : limits(limits) {}
  Runtime(const Runtime &) = delete;
  Runtime &operator=(const Runtime &) = delete;

  /// Keeps the first message, with the line that is evaluated.
  Value fail(std::string message);
  bool failed() const { return !status.ok(); }
  const Status &error() const { return status; }

  /// Counts work; false when there was too much.
  bool spend(uint64_t count = 1) {
    steps += count;
    return steps <= limits.steps || tooManySteps();
  }
  /// As much work as touching so many bytes.
  bool spendBytes(size_t bytes) { return spend(1 + bytes / 64); }

  /// As much work as looking for `part` bytes in `text` bytes may be.
  bool spendSearch(size_t text, size_t part);

  /// True if a string of so many bytes, or a list of so many items, may be.
  bool fits(size_t size);

  /// Values that count as memory of this rendering.
  Value string(Text text);
  Value string(std::string bytes) { return string(Text(std::move(bytes))); }
  Value list(std::vector<Value> items) {
    return sequence(Value::Kind::List, std::move(items));
  }
  Value tuple(std::vector<Value> items) {
    return sequence(Value::Kind::Tuple, std::move(items));
  }
  Value sequence(Value::Kind kind, std::vector<Value> items);
  Value dict(Dict dict);

  /// Charges `bytes` to `object`, until it dies.
  void charge(Object &object, size_t bytes);

  /// The value of `key`, or null; also where it cannot be a key.
  const Value *findKey(const Dict &dict, const Value &key);

  /// Sets `key` in `dict`; fails where it cannot be a key.
  void setKey(Dict &dict, const Value &key, Value value);

  /// The items of `value` as iterating over it gives them: characters of a
  /// string, keys of a dictionary. Uses an iterator up.
  std::vector<Value> iterate(const Value &value);

  /// Says that not all of what iterate gave was looked at.
  void breakOff(const Value &value);

  const Limits limits;
  uint32_t line = 1;          // of the template, that is evaluated
  std::optional<std::tm> now; // what strftime_now takes for the time

private:
  bool tooManySteps();
  Value checkDepth(Value value);

  MemoryUse memory;
  uint64_t steps = 0;
  Status status;
};

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_RUNTIME_H
