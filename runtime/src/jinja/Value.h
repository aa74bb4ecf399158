//===- Value.h - What expressions of a template evaluate to ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values are those of Python that templates meet. All but namespaces are
// immutable, so that they are shared, never copied deeply. Separate from the
// interpreter because callers build the context of a rendering from them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_VALUE_H
#define STERNA_RUNTIME_JINJA_VALUE_H

#include "jinja/Text.h"

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace sterna::jinja {

class Dict;

/// Memory that values of one rendering hold, in bytes.
struct MemoryUse {
  size_t held = 0;
};

/// What lies behind values that are not scalars. Counts itself as memory of a
/// rendering, if one made it.
struct Object {
  Object() = default;
  Object(const Object &) = delete;
  Object &operator=(const Object &) = delete;
  virtual ~Object() {
    if (use)
      use->held -= charged;
  }

  /// Nesting of values; that of a value which holds no others is 0.
  uint32_t depth = 0;
  size_t charged = 0;
  MemoryUse *use = nullptr;
};

class Value {
public:
  enum class Kind : uint8_t {
    Undefined,
    None,
    Boolean,
    Integer,
    Float,
    String,
    List,
    Tuple,
    View,     // of a dict: its keys, values or items
    Range,    // as range() gives
    Iterator, // read once, as a filter such as map gives
    Dict,
    Namespace,
    Loop,
    Macro,
    Function, // a global such as range
    Method    // of a value, such as 'a'.upper
  };

  /// Undefined, as a variable that nobody set.
  Value() = default;

  static Value undefined(std::string message);
  static Value none() { return Value(Kind::None); }
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value real(double value);
  static Value string(Text text);
  static Value string(std::string bytes, int32_t origin = templateOrigin) {
    return string(Text(std::move(bytes), origin));
  }
  static Value list(std::vector<Value> items) {
    return sequence(Kind::List, std::move(items));
  }
  static Value tuple(std::vector<Value> items) {
    return sequence(Kind::Tuple, std::move(items));
  }
  /// Any kind from List to Iterator.
  static Value sequence(Kind kind, std::vector<Value> items);
  static Value dict(Dict dict);
  static Value object(Kind kind, std::shared_ptr<Object> object);

  Kind kind() const { return type; }
  bool is(Kind kind) const { return type == kind; }
  bool isUndefined() const { return type == Kind::Undefined; }
  bool isNone() const { return type == Kind::None; }
  bool isString() const { return type == Kind::String; }
  bool isDict() const { return type == Kind::Dict; }
  /// An integer or a boolean, which counts as 0 or 1.
  bool isIntegral() const {
    return type == Kind::Integer || type == Kind::Boolean;
  }
  bool isNumber() const { return isIntegral() || type == Kind::Float; }
  /// Any kind that has items.
  bool isSequence() const {
    return type >= Kind::List && type <= Kind::Iterator;
  }
  /// A list, a tuple or a range: items have indices.
  bool isIndexed() const {
    return type == Kind::List || type == Kind::Tuple || type == Kind::Range;
  }

  /// Each only for values of that kind.
  bool asBoolean() const { return integerValue != 0; }
  int64_t asInteger() const { return integerValue; }
  double asFloat() const;
  const Text &asText() const;
  const std::string &asString() const { return asText().bytes(); }
  const std::vector<Value> &items() const;
  const Dict &asDict() const;
  Object *object() const { return storage.get(); }
  const std::shared_ptr<Object> &sharedObject() const { return storage; }

  /// Whether it is a string that the filters safe or escape gave. Python's has
  /// operators of its own, so that all but writing it is refused.
  bool isMarkup() const;
  /// The number of characters of a string.
  size_t characters() const;
  /// Why a value is undefined.
  std::string undefinedMessage() const;
  uint32_t depth() const { return storage ? storage->depth : 0; }
  /// What an error message calls the kind.
  const char *typeName() const;

private:
  explicit Value(Kind kind) : type(kind) {}

  Kind type = Kind::Undefined;
  union {
    int64_t integerValue = 0;
    double floatValue;
  };
  std::shared_ptr<Object> storage;
};

/// An order of values that can be keys: equal values (1, 1.0 and true) are
/// equivalent.
struct KeyLess {
  bool operator()(const Value &left, const Value &right) const;
};

/// True for scalars, strings and tuples of these.
bool isKey(const Value &value);

/// Pairs in the order in which their keys came.
class Dict {
public:
  using Entry = std::pair<Value, Value>;

  const std::vector<Entry> &entries() const { return pairs; }
  size_t size() const { return pairs.size(); }

  /// The value of `key`, for which isKey holds, or null.
  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;
  /// Adds or replaces.
  void set(Value key, Value value);
  void set(std::string_view key, Value value) {
    set(Value::string(std::string(key)), std::move(value));
  }

private:
  size_t indexOf(const Value &key) const;

  std::vector<Entry> pairs;
  std::map<Value, size_t, KeyLess> index; // once there are many
};

struct StringObject : Object {
  Text text;
  size_t characters = 0;
  bool markup = false; // of the filters safe and escape
};

struct SequenceObject : Object {
  /// Of an iterator: its items are gone; or some may be gone, and it must not
  /// be used again.
  bool taken = false;
  bool broken = false;
  bool group = false; // of the filter groupby
  std::vector<Value> items;
};

struct DictObject : Object {
  Dict dict;
};

struct NamespaceObject : Object {
  std::map<std::string, Value, std::less<>> attributes;
};

/// Exact comparison of numbers, of which at most one is no number: -1, 0 or 1,
/// and 2 where a NaN is among them.
int compareNumbers(const Value &left, const Value &right);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_VALUE_H
