//===- FromJson.h - JSON as values of a template --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns what nlohmann's parser read into values. Separate, and a template, so
// that only callers which have JSON include the parser, with whichever of its
// types: ordered_json keeps the order of keys, which tojson shows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_FROMJSON_H
#define STERNA_RUNTIME_JINJA_FROMJSON_H

#include "jinja/Value.h"

#include <cstdint>
#include <limits>
#include <string>

namespace sterna::jinja {

/// `json` as a value, its strings of the given origin, keys of the template's.
/// An integer beyond 64 bits becomes a float. `json` must not be nested deep:
/// parseJson limits it.
template <class Json>
Value fromJson(const Json &json, int32_t origin = templateOrigin) {
  if (json.is_null())
    return Value::none();
  if (json.is_boolean())
    return Value::boolean(json.template get<bool>());
  if (json.is_number_unsigned() &&
      json.template get<uint64_t>() >
          uint64_t(std::numeric_limits<int64_t>::max()))
    return Value::real(json.template get<double>());
  if (json.is_number_integer())
    return Value::integer(json.template get<int64_t>());
  if (json.is_number())
    return Value::real(json.template get<double>());
  if (json.is_string())
    return Value::string(json.template get<std::string>(), origin);
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json &item : json)
      items.push_back(fromJson(item, origin));
    return Value::list(std::move(items));
  }
  Dict dict;
  for (auto item = json.begin(); item != json.end(); ++item)
    dict.set(item.key(), fromJson(item.value(), origin));
  return Value::dict(std::move(dict));
}

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_FROMJSON_H
