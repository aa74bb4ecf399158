//===- Builtins.h - Filters, tests, methods and functions -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a template can call by name, in four tables, and how arguments find
// their parameters. Separate from the interpreter, which only looks names up.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_BUILTINS_H
#define STERNA_RUNTIME_JINJA_BUILTINS_H

#include "jinja/Runtime.h"

#include <array>
#include <optional>

namespace sterna::jinja {

/// What a call passes.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Arguments by the parameters of one builtin, in the order of its table.
class Parameters {
public:
  static constexpr size_t most = 8;

  Parameters(Runtime &runtime, const char *name)
      : runtime(runtime), name(name) {}

  /// Whether the call gave the parameter.
  bool has(size_t index) const { return given[index]; }
  const Value &operator[](size_t index) const { return values[index]; }

  /// The parameter as what it has to be; fails where it is not.
  int64_t integer(size_t index, int64_t otherwise = 0);
  bool truth(size_t index, bool otherwise = false);
  /// Of str(parameter).
  Text text(size_t index, const char *otherwise = "");

  /// Fails in the name of the builtin.
  Value fail(const std::string &message);

  Runtime &runtime;
  const char *name;
  std::array<Value, most> values;
  std::array<bool, most> given = {};
  /// What no parameter took, where a builtin has `...`.
  Arguments rest;
};

/// How a builtin takes arguments. Names of parameters with spaces between: `!`
/// after one that must be given, `/` before all where names cannot be used,
/// `...` at the end where there may be more of any kind.
struct Builtin {
  const char *name;
  const char *parameters;
  Value (*function)(Parameters &parameters);
};

/// The filtered or tested value is the first parameter.
struct Filter : Builtin {};
struct Test : Builtin {};

/// A method of strings or dictionaries, ...; the value is the first parameter.
struct Method : Builtin {};

/// Null where there is none of the name.
const Filter *findFilter(std::string_view name);
const Test *findTest(std::string_view name);
const Builtin *findFunction(std::string_view name);

struct MethodObject : Object {
  Value self;
  const Method *method = nullptr;
};

struct FunctionObject : Object {
  const Builtin *function = nullptr;
};

/// What `loop` is in a loop.
struct LoopObject : Object {
  Value items; // a list
  size_t index = 0;
  std::optional<Value> last; // that loop.changed saw
};

/// `loop.name`, and whether there is such an attribute.
bool getLoopAttribute(Runtime &runtime, const Value &loop,
                      std::string_view name, Value &attribute);

/// What `value.name` is in Python if it is a method: that, or a failure if it
/// is not supported. Nothing where Python has no such attribute.
bool findMethod(Runtime &runtime, const Value &value, std::string_view name,
                Value &method);

/// Calls with arguments bound to parameters.
Value invoke(Runtime &runtime, const Builtin &builtin, Arguments arguments);

/// `value.name`, or undefined; items after attributes.
Value getAttribute(Runtime &runtime, const Value &value, std::string_view name);

/// `value[key]`, or undefined; attributes after items.
Value getItem(Runtime &runtime, const Value &value, const Value &key);

/// `value[start:stop:step]`; each may be none.
Value getSlice(Runtime &runtime, const Value &value, const Value &start,
               const Value &stop, const Value &step);

/// The value at a path such as "function.name" or 0 below `value`.
Value getPath(Runtime &runtime, const Value &value, const Value &path);

/// Applies a filter or a test by its name, which a template may compute.
Value applyFilter(Runtime &runtime, const Value &name, Arguments arguments);
bool applyTest(Runtime &runtime, const Value &name, Arguments arguments);

/// A part of a table, each in a file of its own.
template <class Entry> struct Table {
  const Entry *entries;
  size_t count;

  const Entry *find(std::string_view name) const {
    for (size_t i = 0; i < count; ++i)
      if (entries[i].name == name)
        return entries + i;
    return nullptr;
  }
};

extern const Table<Filter> stringFilters, listFilters;
extern const Table<Method> stringMethods;

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_BUILTINS_H
