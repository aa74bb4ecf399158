//===- Builtins.cpp - Filters, tests, methods and functions ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding builtins and binding arguments; and the functions, which are few.
//
//===----------------------------------------------------------------------===//

#include "jinja/Builtins.h"

#include "jinja/Operators.h"
#include "jinja/Print.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Value::Kind;

namespace {

/// range(stop) or range(start, stop, step).
Value makeRange(Parameters &p) {
  // As many as Jinja's sandbox allows.
  constexpr int64_t most = 100000;
  for (size_t i = 0; i < 3; ++i)
    if (p.has(i) && !p[i].isIntegral())
      return p.fail("expected integers, but got a " +
                    std::string(p[i].typeName()));
  int64_t start = p.has(1) ? p[0].asInteger() : 0;
  int64_t stop = p.has(1) ? p[1].asInteger() : p[0].asInteger();
  int64_t step = p.integer(2, 1);
  if (!step)
    return p.fail("the step is zero");
  std::vector<Value> items;
  // Differences may not fit into 64 bits.
  for (__int128 i = start; step > 0 ? i < stop : i > stop; i += step) {
    if (items.size() == most)
      return p.fail("more than " + std::to_string(most) + " items");
    items.push_back(Value::integer(int64_t(i)));
  }
  return p.runtime.sequence(Kind::Range, std::move(items));
}

Value makeDict(Parameters &p) {
  Dict dict;
  if (p.rest.positional.size() > 1)
    return p.fail("expected one argument without a name at most");
  if (!p.rest.positional.empty()) {
    const Value &from = p.rest.positional[0];
    if (from.isDict()) {
      dict = from.asDict();
    } else {
      for (const Value &pair : p.runtime.iterate(from)) {
        std::vector<Value> items = p.runtime.iterate(pair);
        if (items.size() != 2)
          return p.fail("expected pairs of a key and a value");
        p.runtime.setKey(dict, items[0], items[1]);
      }
    }
  }
  for (auto &[name, value] : p.rest.named)
    dict.set(name, std::move(value));
  return p.runtime.dict(std::move(dict));
}

Value raiseException(Parameters &p) {
  return p.runtime.fail("the template says: " + p.text(0).bytes());
}

Value formatTime(Parameters &p) {
  if (!p[0].isString())
    return p.fail("expected a string");
  std::string format = p[0].asString();
  if (format.size() > 1000 || format.find('\0') != std::string::npos)
    return p.fail("the format is too long");
  std::tm now{};
  std::time_t seconds = std::time(nullptr);
  if (p.runtime.now)
    now = *p.runtime.now;
  else
    localtime_r(&seconds, &now);
  // A character at the end tells an empty result from one that did not fit.
  char buffer[8192];
  size_t size = strftime(buffer, sizeof(buffer), (format + ".").c_str(), &now);
  if (!size)
    return p.fail("the result is too long");
  return p.runtime.string(std::string(buffer, size - 1));
}

Value unsupported(Parameters &p) {
  return p.runtime.fail(std::string("the function ") + p.name +
                        "() is not supported");
}

const Builtin functions[] = {
    {"range", "/ first! second third", makeRange},
    {"dict", "...", makeDict},
    {"namespace", "...", nullptr}, // the interpreter's
    {"raise_exception", "message!", raiseException},
    {"strftime_now", "format!", formatTime},
    {"lipsum", "...", unsupported},
    {"cycler", "...", unsupported},
    {"joiner", "...", unsupported},
};

/// The parameters of a builtin, spelled out.
struct Signature {
  std::array<std::string_view, Parameters::most> names;
  std::array<bool, Parameters::most> required = {};
  size_t count = 0;
  bool positionalOnly = false, rest = false;

  explicit Signature(std::string_view text) {
    while (!text.empty()) {
      size_t end = std::min(text.find(' '), text.size());
      std::string_view word = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (word == "/") {
        positionalOnly = true;
      } else if (word == "...") {
        rest = true;
      } else {
        required[count] = word.back() == '!';
        if (required[count])
          word.remove_suffix(1);
        names[count++] = word;
      }
    }
  }
};

} // namespace

Value Parameters::fail(const std::string &message) {
  return runtime.fail(std::string(name) + ": " + message);
}

int64_t Parameters::integer(size_t index, int64_t otherwise) {
  if (!has(index) || values[index].isNone())
    return otherwise;
  if (values[index].isIntegral())
    return values[index].asInteger();
  fail(std::string("expected an integer, but got a ") +
       values[index].typeName());
  return otherwise;
}

bool Parameters::truth(size_t index, bool otherwise) {
  return has(index) ? isTrue(values[index]) : otherwise;
}

Text Parameters::text(size_t index, const char *otherwise) {
  if (!has(index))
    return Text(otherwise);
  if (values[index].isString())
    return values[index].asText();
  Text text;
  print(runtime, text, values[index]);
  return text;
}

const Builtin *jinja::findFunction(std::string_view name) {
  return Table<Builtin>{functions, std::size(functions)}.find(name);
}

const Filter *jinja::findFilter(std::string_view name) {
  const Filter *filter = stringFilters.find(name);
  return filter ? filter : listFilters.find(name);
}

Value jinja::invoke(Runtime &runtime, const Builtin &builtin,
                    Arguments arguments) {
  Parameters p(runtime, builtin.name);
  Signature signature(builtin.parameters);
  for (const Value &argument : arguments.positional)
    if (argument.isString())
      runtime.spendBytes(argument.asText().weight());
  if (runtime.failed())
    return Value();
  for (const Value &argument : arguments.positional)
    if (argument.isMarkup() && std::string_view(builtin.name) != "safe" &&
        std::string_view(builtin.name) != "length" &&
        std::string_view(builtin.name) != "count")
      return p.fail("what |safe or |escape gave can only be written; more is "
                    "not supported");
  size_t positional = std::min(signature.count, arguments.positional.size());
  for (size_t i = 0; i < positional; ++i) {
    p.values[i] = std::move(arguments.positional[i]);
    p.given[i] = true;
  }
  arguments.positional.erase(arguments.positional.begin(),
                             arguments.positional.begin() + positional);
  for (auto &[name, value] : arguments.named) {
    size_t index = signature.positionalOnly ? signature.count : 0;
    while (index < signature.count && signature.names[index] != name)
      ++index;
    if (index < signature.count && !p.given[index]) {
      p.values[index] = std::move(value);
      p.given[index] = true;
    } else if (signature.rest && index == signature.count) {
      p.rest.named.emplace_back(name, std::move(value));
    } else {
      return p.fail("there is no parameter '" + name +
                    "', or it is given twice");
    }
  }
  if (!arguments.positional.empty() && !signature.rest)
    return p.fail("too many arguments");
  p.rest.positional = std::move(arguments.positional);
  for (size_t i = 0; i < signature.count; ++i)
    if (signature.required[i] && !p.given[i])
      return p.fail("the argument '" + std::string(signature.names[i]) +
                    "' is missing");
  return builtin.function(p);
}

Value jinja::applyFilter(Runtime &runtime, const Value &name,
                         Arguments arguments) {
  const Filter *filter =
      name.isString() ? findFilter(name.asString()) : nullptr;
  if (!filter)
    return runtime.fail("the filter '" +
                        (name.isString() ? name.asString() : "") +
                        "' is not supported");
  return invoke(runtime, *filter, std::move(arguments));
}

bool jinja::applyTest(Runtime &runtime, const Value &name,
                      Arguments arguments) {
  const Test *test = name.isString() ? findTest(name.asString()) : nullptr;
  if (!test) {
    runtime.fail("the test '" + (name.isString() ? name.asString() : "") +
                 "' is not supported");
    return false;
  }
  return isTrue(invoke(runtime, *test, std::move(arguments)));
}
