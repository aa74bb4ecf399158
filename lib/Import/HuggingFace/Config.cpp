//===- Config.cpp - A model's config.json ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Config.h.
//
//===----------------------------------------------------------------------===//

#include "Config.h"

#include "io/File.h"
#include "io/Json.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace sterna;
using llvm::Error;
using llvm::StringRef;

/// Configurations have some dozens of keys, and lists of factors.
static constexpr uint64_t maxConfigBytes = 16 << 20;

llvm::Expected<Config> Config::open(StringRef path) {
  auto text = readFile(path.str(), maxConfigBytes);
  if (!text.ok())
    return llvm::createStringError(text.message());
  auto json = parseJson(*text);
  if (!json.ok())
    return llvm::createStringError(path + ": " + json.message());
  if (!json->is_object())
    return llvm::createStringError(path + ": expected a JSON object");
  return Config(path.str(), "", std::move(*json));
}

bool Config::has(StringRef key) const {
  auto it = object.find(key.str());
  return it != object.end() && !it->is_null();
}

const nlohmann::json &Config::get(StringRef key) {
  static const nlohmann::json none;
  wasRead.insert(key.str());
  auto it = object.find(key.str());
  return it == object.end() ? none : *it;
}

Error Config::unexpected(StringRef key, const char *expected) const {
  auto it = object.find(key.str());
  if (it == object.end())
    return makeError("missing key '{0}': expected {1}", spell(key), expected);
  std::string text =
      it->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return makeError("{0}: expected {1}, but got {2}", spell(key), expected,
                   text.size() > 80 ? text.substr(0, 80) + "..." : text);
}

/// `value` if it is an integer of 64 bits.
static std::optional<int64_t> asInteger(const nlohmann::json &value) {
  if (value.is_number_unsigned()) {
    uint64_t number = value.get<uint64_t>();
    return number <= INT64_MAX ? std::optional(int64_t(number)) : std::nullopt;
  }
  if (value.is_number_integer())
    return value.get<int64_t>();
  return std::nullopt;
}

/// `value` if it is a number that is positive and finite.
static std::optional<double> asPositive(const nlohmann::json &value) {
  if (!value.is_number())
    return std::nullopt;
  double number = value.get<double>();
  return number > 0 && std::isfinite(number) ? std::optional(number)
                                             : std::nullopt;
}

Error Config::readSize(StringRef key, int64_t &size, int64_t limit,
                       int64_t least) {
  std::optional<int64_t> value = asInteger(get(key));
  if (!value || *value < least || *value > limit)
    return unexpected(key, ("an integer of " + std::to_string(least) + " to " +
                            std::to_string(limit))
                               .c_str());
  size = *value;
  return Error::success();
}

Error Config::readPositive(StringRef key, double &number) {
  std::optional<double> value = asPositive(get(key));
  if (!value)
    return unexpected(key, "a positive finite number");
  number = *value;
  return Error::success();
}

Error Config::readString(StringRef key, std::string &text) {
  const nlohmann::json &value = get(key);
  if (!value.is_string())
    return unexpected(key, "a string");
  text = value.get<std::string>();
  return Error::success();
}

Error Config::readStrings(StringRef key, std::vector<std::string> &texts) {
  const nlohmann::json &value = get(key);
  if (!value.is_array())
    return unexpected(key, "a list of strings");
  for (const nlohmann::json &element : value) {
    if (!element.is_string())
      return unexpected(key, "a list of strings");
    texts.push_back(element.get<std::string>());
  }
  return Error::success();
}

Error Config::readPositives(StringRef key, std::vector<double> &numbers,
                            int64_t size) {
  const nlohmann::json &value = get(key);
  std::string expected =
      "a list of " + std::to_string(size) + " positive finite numbers";
  if (!value.is_array() || int64_t(value.size()) != size)
    return unexpected(key, expected.c_str());
  for (const nlohmann::json &element : value) {
    std::optional<double> number = asPositive(element);
    if (!number)
      return unexpected(key, expected.c_str());
    numbers.push_back(*number);
  }
  return Error::success();
}

Error Config::readSizeIfAny(StringRef key, int64_t &size, int64_t limit,
                            int64_t least) {
  return get(key).is_null() ? Error::success()
                            : readSize(key, size, limit, least);
}

Error Config::readPositiveIfAny(StringRef key, double &number) {
  return get(key).is_null() ? Error::success() : readPositive(key, number);
}

Error Config::readStringIfAny(StringRef key, std::string &text) {
  return get(key).is_null() ? Error::success() : readString(key, text);
}

Error Config::readStringsIfAny(StringRef key, std::vector<std::string> &texts) {
  return get(key).is_null() ? Error::success() : readStrings(key, texts);
}

Error Config::readBoolIfAny(StringRef key, bool &result) {
  const nlohmann::json &value = get(key);
  if (value.is_null())
    return Error::success();
  if (!value.is_boolean())
    return unexpected(key, "true or false");
  result = value.get<bool>();
  return Error::success();
}

llvm::Expected<Config> Config::getObject(StringRef key) {
  const nlohmann::json &value = get(key);
  if (!value.is_object())
    return unexpected(key, "an object");
  return Config(path, spell(key) + ".", value);
}

Error Config::checkUnread(llvm::ArrayRef<HarmlessKey> harmless) const {
  for (const auto &item : object.items()) {
    const std::string &key = item.key();
    const nlohmann::json &value = item.value();
    // Null says the same as no key.
    if (wasRead.count(key) || value.is_null())
      continue;
    const auto *known = llvm::find_if(
        harmless, [&](const HarmlessKey &each) { return each.name == key; });
    if (known == harmless.end())
      return makeError(
          "unknown key {0}: it may change what the model computes; "
          "docs/import.md lists the keys that are understood",
          quoteText(spell(key)));
    if (known->values.empty())
      continue;
    std::string text =
        value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    llvm::SmallVector<StringRef> values;
    known->values.split(values, ' ');
    if (!llvm::is_contained(values, text))
      return makeError("{0}: expected {1}, but got {2}, which changes the "
                       "model in a way that it is not compiled for",
                       spell(key), llvm::join(values, " or "), quoteText(text));
  }
  return Error::success();
}
