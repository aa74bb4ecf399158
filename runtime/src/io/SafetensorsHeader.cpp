//===- SafetensorsHeader.cpp - What a safetensors file holds --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SafetensorsHeader.h.
//
//===----------------------------------------------------------------------===//

#include "io/SafetensorsHeader.h"

#include "io/Escape.h"
#include "io/Json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

using namespace sterna;

namespace {

using Json = nlohmann::json;

/// The format's own bound, which keeps a damaged length from being believed.
constexpr uint64_t maxHeaderSize = 100000000;

/// Bytes of an element; 0 if the format has no such type.
uint64_t elementSize(std::string_view type) {
  static constexpr std::pair<std::string_view, uint64_t> sizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  for (auto [name, size] : sizes)
    if (name == type)
      return size;
  return 0;
}

bool parseUnsigned(const Json &value, uint64_t &result) {
  if (!value.is_number_unsigned())
    return false;
  result = value.get<uint64_t>();
  return true;
}

/// Reads one tensor's description; the message on failure begins with its name.
Status parseEntry(const std::string &path, const std::string &name,
                  const Json &value, SafetensorsEntry &entry) {
  auto fail = [&](const std::string &what) {
    return unusableSafetensors(path, "tensor '" + excerpt(name) + "': " + what);
  };
  if (!value.is_object() || value.size() != 3)
    return fail("expected the keys dtype, shape and data_offsets");
  auto type = value.find("dtype");
  auto shape = value.find("shape");
  auto offsets = value.find("data_offsets");
  if (type == value.end() || shape == value.end() || offsets == value.end() ||
      !type->is_string() || !shape->is_array() || !offsets->is_array())
    return fail("expected the keys dtype, shape and data_offsets");

  entry.type = type->get<std::string>();
  uint64_t bytes = elementSize(entry.type);
  if (bytes == 0)
    return fail("its element type '" + excerpt(entry.type) +
                "' is not one of the format");

  for (const Json &item : *shape) {
    uint64_t extent;
    if (!parseUnsigned(item, extent))
      return fail("its shape is not a list of sizes");
    if (extent > INT64_MAX || __builtin_mul_overflow(bytes, extent, &bytes))
      return fail("its shape is too large");
    entry.shape.push_back(extent);
  }
  if (offsets->size() != 2 || !parseUnsigned((*offsets)[0], entry.begin) ||
      !parseUnsigned((*offsets)[1], entry.end) || entry.end < entry.begin)
    return fail("its data_offsets are not a range");
  if (entry.end - entry.begin != bytes)
    return fail("its shape needs " + std::to_string(bytes) +
                " bytes, but its data_offsets span " +
                std::to_string(entry.end - entry.begin));
  entry.name = name;
  return Status::success();
}

/// Checks that the tensors fill the data exactly: no overlap, no gap, nothing
/// beyond the end.
Status checkCoverage(const std::string &path,
                     const std::vector<SafetensorsEntry> &entries,
                     uint64_t dataSize) {
  std::vector<const SafetensorsEntry *> byOffset;
  for (const SafetensorsEntry &entry : entries)
    byOffset.push_back(&entry);
  std::sort(byOffset.begin(), byOffset.end(),
            [](const SafetensorsEntry *left, const SafetensorsEntry *right) {
              return std::tie(left->begin, left->end, left->name) <
                     std::tie(right->begin, right->end, right->name);
            });
  uint64_t position = 0;
  for (const SafetensorsEntry *entry : byOffset) {
    if (entry->end > dataSize)
      return unusableSafetensors(
          path, "tensor '" + excerpt(entry->name) + "' ends at byte " +
                    std::to_string(entry->end) + ", but the data has " +
                    std::to_string(dataSize) + " bytes");
    if (entry->begin != position)
      return unusableSafetensors(
          path, "tensor '" + excerpt(entry->name) + "' begins at byte " +
                    std::to_string(entry->begin) + ", expected " +
                    std::to_string(position));
    position = entry->end;
  }
  if (position != dataSize)
    return unusableSafetensors(
        path, "its tensors end at byte " + std::to_string(position) +
                  ", but the data has " + std::to_string(dataSize) + " bytes");
  return Status::success();
}

} // namespace

Status sterna::unusableSafetensors(const std::string &origin,
                                   const std::string &what) {
  return Status::error("'" + origin +
                       "' is not a usable safetensors file: " + what);
}

Expected<uint64_t> sterna::findSafetensorsHeader(const std::string &origin,
                                                 std::string_view start,
                                                 uint64_t fileSize) {
  if (start.size() < safetensorsLengthSize)
    return unusableSafetensors(
        origin, "it has only " + std::to_string(start.size()) + " bytes");
  uint64_t size = 0;
  for (uint64_t i = 0; i < safetensorsLengthSize; ++i)
    size |= static_cast<uint64_t>(static_cast<unsigned char>(start[i]))
            << (8 * i);
  if (size > maxHeaderSize || size > fileSize - safetensorsLengthSize)
    return unusableSafetensors(origin,
                               "its header of " + std::to_string(size) +
                                   " bytes does not fit into the file of " +
                                   std::to_string(fileSize));
  return size;
}

Expected<SafetensorsHeader>
sterna::parseSafetensorsHeader(const std::string &origin, std::string_view text,
                               uint64_t fileSize) {
  Expected<Json> json = parseJson(text);
  if (!json.ok())
    return unusableSafetensors(origin, "its header, " + json.message());
  if (!json->is_object())
    return unusableSafetensors(origin, "its header is not a JSON object");
  SafetensorsHeader header;
  header.dataOffset = safetensorsLengthSize + text.size();
  for (const auto &item : json->items()) {
    if (item.key() == "__metadata__") {
      if (item.value().is_object())
        for (const auto &[key, value] : item.value().items())
          if (value.is_string())
            header.metadata.emplace(key, value);
      continue;
    }
    SafetensorsEntry entry;
    if (Status status = parseEntry(origin, item.key(), item.value(), entry);
        !status.ok())
      return status;
    header.entries.push_back(std::move(entry));
  }
  if (Status status =
          checkCoverage(origin, header.entries, fileSize - header.dataOffset);
      !status.ok())
    return status;
  return header;
}
