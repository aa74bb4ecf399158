//===- Json.h - JSON, read within limits ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one way in which JSON comes in: rows of data, configurations, headers.
// Depth and number of values are limited, since code that walks or prints a
// value recurses; a key that occurs twice is an error, since one of the two
// would be dropped. Separate from the formats, which say what values mean.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_JSON_H
#define STERNA_RUNTIME_IO_JSON_H

#include "io/Status.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sterna {

/// What a text may hold; a text that holds more is refused.
struct JsonLimits {
  uint32_t depth = 64;          // of lists and objects in each other
  uint64_t values = 1ull << 24; // of any kind, at any depth
};

/// Why and where a text cannot be read.
struct JsonFailure {
  size_t offset = 0;    // of the byte where reading stopped
  bool byLimit = false; // JSON so far, but more than is read
  std::string reason;
};

/// Parses `text`, which is one JSON value, into `value`; says why it cannot.
std::optional<JsonFailure> readJson(std::string_view text,
                                    nlohmann::json &value,
                                    const JsonLimits &limits = {});

/// The place of a byte in `text`: "line 2, column 7", columns in characters.
std::string describePlace(std::string_view text, size_t offset,
                          size_t firstLine = 1);

/// As readJson; the message begins with the place: "line 2, column 7: ...".
Expected<nlohmann::json> parseJson(std::string_view text,
                                   const JsonLimits &limits = {});

} // namespace sterna

#endif // STERNA_RUNTIME_IO_JSON_H
