//===- Config.h - A model's config.json -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed access to a JSON object of a configuration, which remembers what was
// asked for: what nobody asks for is not understood, and is refused unless it
// is known to change nothing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_CONFIG_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_CONFIG_H

#include "sterna/Weights/WeightSource.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/FormatVariadic.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sterna {

/// A key that changes nothing with one of some values: JSON texts that are
/// separated by spaces; with any value if there are none.
struct HarmlessKey {
  llvm::StringLiteral name;
  llvm::StringLiteral values;
};

class Config {
public:
  /// Reads the file at `path`, which must hold a JSON object.
  static llvm::Expected<Config> open(llvm::StringRef path);

  /// Whether there is a value for `key` that is not null.
  bool has(llvm::StringRef key) const;

  // Typed access. Each fails, naming the key, where the value is absent, null,
  // or not of the type.

  /// An integer in [least, limit].
  llvm::Error readSize(llvm::StringRef key, int64_t &size, int64_t limit,
                       int64_t least = 1);
  /// A number that is positive and finite.
  llvm::Error readPositive(llvm::StringRef key, double &number);
  llvm::Error readString(llvm::StringRef key, std::string &text);
  llvm::Error readStrings(llvm::StringRef key, std::vector<std::string> &texts);
  /// A list of `size` numbers that are positive and finite.
  llvm::Error readPositives(llvm::StringRef key, std::vector<double> &numbers,
                            int64_t size);

  // The same; an absent key, or null, leaves the value as it is.

  llvm::Error readSizeIfAny(llvm::StringRef key, int64_t &size, int64_t limit,
                            int64_t least = 1);
  llvm::Error readPositiveIfAny(llvm::StringRef key, double &number);
  llvm::Error readStringIfAny(llvm::StringRef key, std::string &text);
  llvm::Error readBoolIfAny(llvm::StringRef key, bool &value);
  llvm::Error readStringsIfAny(llvm::StringRef key,
                               std::vector<std::string> &texts);

  /// The object at `key`, whose keys messages call `KEY.NAME`.
  llvm::Expected<Config> getObject(llvm::StringRef key);

  /// The keys and values, for objects whose keys are no fixed names.
  const nlohmann::json &getJson() const { return object; }

  /// Fails on the first key that was not asked for and is not among `harmless`,
  /// or has another value there.
  llvm::Error checkUnread(llvm::ArrayRef<HarmlessKey> harmless) const;

  /// An error about the file: its path, then `format` as of llvm::formatv.
  template <typename... Args>
  llvm::Error makeError(const char *format, Args &&...args) const {
    return llvm::createStringError(
        path + ": " + llvm::formatv(format, std::forward<Args>(args)...).str());
  }

  /// The whole name of `key`, for messages.
  std::string spell(llvm::StringRef key) const { return prefix + key.str(); }

private:
  Config(std::string path, std::string prefix, nlohmann::json object)
      : path(std::move(path)), prefix(std::move(prefix)),
        object(std::move(object)) {}

  /// The value of `key`, or null if it is absent; notes that it was asked for.
  const nlohmann::json &get(llvm::StringRef key);

  llvm::Error unexpected(llvm::StringRef key, const char *expected) const;

  std::string path;
  std::string prefix;
  nlohmann::json object;
  std::set<std::string> wasRead;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_CONFIG_H
