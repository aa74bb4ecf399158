//===- Safetensors.cpp - Safetensors files --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The safetensors format behind Safetensors.h: eight bytes of header length, a
// JSON header, then the tensors' bytes without gaps.
//
//===----------------------------------------------------------------------===//

#include "io/Safetensors.h"

#include "io/File.h"
#include "io/Json.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace sterna;

namespace {

using Json = nlohmann::json;

constexpr uint64_t lengthSize = 8;
/// The format's own bound, which keeps a damaged length from being believed.
constexpr uint64_t maxHeaderSize = 100000000;

enum class ElementType { F32, F16, BF16 };

/// One tensor as the header describes it; offsets count from the end of the
/// header.
struct Entry {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<uint64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

uint64_t elementSize(ElementType type) {
  return type == ElementType::F32 ? 4 : 2;
}

/// Tensors hold few elements next to a model, so reading converts in plain
/// code.
float halfToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t mantissa = half & 0x3ff;
  uint32_t bits;
  if (exponent == 0x1f) {
    bits = sign | 0x7f800000 | (mantissa << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else {
    // Subnormal or zero: mantissa · 2⁻²⁴ is exact in f32.
    float value = static_cast<float>(mantissa) * 0x1p-24f;
    std::memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  }
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

float bfloatToFloat(uint16_t value) {
  uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

Status badFile(const std::string &path, const std::string &what) {
  return Status::error("'" + path +
                       "' is not a usable safetensors file: " + what);
}

bool parseUnsigned(const Json &value, uint64_t &result) {
  if (!value.is_number_unsigned())
    return false;
  result = value.get<uint64_t>();
  return true;
}

/// Reads one tensor's description; the message on failure begins with its name.
Status parseEntry(const std::string &path, const std::string &name,
                  const Json &value, Entry &entry) {
  auto fail = [&](const std::string &what) {
    return badFile(path, "tensor '" + name + "': " + what);
  };
  if (!value.is_object() || value.size() != 3)
    return fail("expected the keys dtype, shape and data_offsets");
  auto type = value.find("dtype");
  auto shape = value.find("shape");
  auto offsets = value.find("data_offsets");
  if (type == value.end() || shape == value.end() || offsets == value.end() ||
      !type->is_string() || !shape->is_array() || !offsets->is_array())
    return fail("expected the keys dtype, shape and data_offsets");

  const std::string &typeName = type->get_ref<const std::string &>();
  if (typeName == "F32")
    entry.type = ElementType::F32;
  else if (typeName == "F16")
    entry.type = ElementType::F16;
  else if (typeName == "BF16")
    entry.type = ElementType::BF16;
  else
    return fail("expected element type F32, F16 or BF16, but got " + typeName);

  uint64_t bytes = elementSize(entry.type);
  for (const Json &item : *shape) {
    uint64_t extent;
    if (!parseUnsigned(item, extent))
      return fail("its shape is not a list of sizes");
    if (__builtin_mul_overflow(bytes, extent, &bytes))
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
Status checkCoverage(const std::string &path, const std::vector<Entry> &entries,
                     uint64_t dataSize) {
  std::vector<const Entry *> byOffset;
  for (const Entry &entry : entries)
    byOffset.push_back(&entry);
  std::sort(byOffset.begin(), byOffset.end(),
            [](const Entry *left, const Entry *right) {
              return std::tie(left->begin, left->end, left->name) <
                     std::tie(right->begin, right->end, right->name);
            });
  uint64_t position = 0;
  for (const Entry *entry : byOffset) {
    if (entry->end > dataSize)
      return badFile(path, "tensor '" + entry->name + "' ends at byte " +
                               std::to_string(entry->end) +
                               ", but the data has " +
                               std::to_string(dataSize) + " bytes");
    if (entry->begin != position)
      return badFile(path, "tensor '" + entry->name + "' begins at byte " +
                               std::to_string(entry->begin) + ", expected " +
                               std::to_string(position));
    position = entry->end;
  }
  if (position != dataSize)
    return badFile(path, "its tensors end at byte " + std::to_string(position) +
                             ", but the data has " + std::to_string(dataSize) +
                             " bytes");
  return Status::success();
}

void convert(const Entry &entry, const char *data, std::vector<float> &result) {
  uint64_t size = elementSize(entry.type);
  uint64_t count = (entry.end - entry.begin) / size;
  result.resize(count);
  const char *source = data + entry.begin;
  if (entry.type == ElementType::F32) {
    if (count > 0)
      std::memcpy(result.data(), source, count * size);
    return;
  }
  for (uint64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + 2 * i, sizeof bits);
    result[i] = entry.type == ElementType::F16 ? halfToFloat(bits)
                                               : bfloatToFloat(bits);
  }
}

/// The header's entries, in order of name.
Status parseHeader(const std::string &path, std::string_view content,
                   std::vector<Entry> &entries, uint64_t &dataOffset,
                   SafetensorsMetadata *metadata) {
  if (content.size() < lengthSize)
    return badFile(path,
                   "it has only " + std::to_string(content.size()) + " bytes");
  uint64_t headerSize = 0;
  for (uint64_t i = 0; i < lengthSize; ++i)
    headerSize |= static_cast<uint64_t>(static_cast<unsigned char>(content[i]))
                  << (8 * i);
  if (headerSize > maxHeaderSize || headerSize > content.size() - lengthSize)
    return badFile(path, "its header of " + std::to_string(headerSize) +
                             " bytes does not fit into the file of " +
                             std::to_string(content.size()));
  dataOffset = lengthSize + headerSize;
  std::string_view text(content.data() + lengthSize, headerSize);
  Expected<Json> header = parseJson(text);
  if (!header.ok())
    return badFile(path, "its header, " + header.message());
  if (!header->is_object())
    return badFile(path, "its header is not a JSON object");
  for (const auto &item : header->items()) {
    if (item.key() == "__metadata__") {
      if (metadata && item.value().is_object())
        for (const auto &[key, value] : item.value().items())
          if (value.is_string())
            metadata->emplace(key, value);
      continue;
    }
    Entry entry;
    if (Status status = parseEntry(path, item.key(), item.value(), entry);
        !status.ok())
      return status;
    entries.push_back(std::move(entry));
  }
  return checkCoverage(path, entries, content.size() - dataOffset);
}

/// The header of a file of `tensors`, which it puts into order, with the bytes
/// of each. The message on failure is only what is wrong.
Expected<std::string> makeHeader(std::vector<NamedTensorView> &tensors,
                                 const SafetensorsMetadata &metadata,
                                 std::vector<uint64_t> &sizes) {
  std::sort(tensors.begin(), tensors.end(),
            [](const NamedTensorView &left, const NamedTensorView &right) {
              return left.name < right.name;
            });
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  for (const auto &[key, value] : metadata)
    header["__metadata__"][key] = value;
  uint64_t position = 0;
  for (const NamedTensorView &tensor : tensors) {
    if (tensor.name.empty() || header.contains(tensor.name))
      return Status::error("tensor name '" + tensor.name +
                           "' is empty or occurs twice");
    uint64_t bytes = sizeof(float);
    for (uint64_t extent : tensor.shape)
      bytes *= extent;
    header[tensor.name] = {{"dtype", "F32"},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, position + bytes}}};
    sizes.push_back(bytes);
    position += bytes;
  }
  // Spaces after the header align the data to eight bytes.
  std::string text =
      header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length;
  for (unsigned i = 0; i < lengthSize; ++i)
    length += static_cast<char>((text.size() >> (8 * i)) & 0xff);
  return length + text;
}

} // namespace

Expected<std::vector<NamedTensor>>
sterna::readSafetensors(const std::string &path) {
  Expected<std::string> content = readFile(path);
  if (!content.ok())
    return content.status();
  return decodeSafetensors(path, *content);
}

Expected<std::vector<NamedTensor>>
sterna::decodeSafetensors(const std::string &origin, std::string_view content,
                          SafetensorsMetadata *metadata) {
  std::vector<Entry> entries;
  uint64_t dataOffset = 0;
  if (Status status =
          parseHeader(origin, content, entries, dataOffset, metadata);
      !status.ok())
    return status;
  std::vector<NamedTensor> tensors;
  for (Entry &entry : entries) {
    NamedTensor tensor;
    convert(entry, content.data() + dataOffset, tensor.data);
    tensor.name = std::move(entry.name);
    tensor.shape = std::move(entry.shape);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Status sterna::writeSafetensors(const std::string &path,
                                std::vector<NamedTensorView> tensors) {
  std::vector<uint64_t> sizes;
  Expected<std::string> header = makeHeader(tensors, /*metadata=*/{}, sizes);
  if (!header.ok())
    return Status::error("cannot write '" + path + "': " + header.message());
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(header->data(), header->size()); !status.ok())
    return status;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (Status status = file->write(tensors[i].data, sizes[i]); !status.ok())
      return status;
  return file->commit();
}

Expected<std::string>
sterna::encodeSafetensors(std::vector<NamedTensorView> tensors,
                          const SafetensorsMetadata &metadata) {
  std::vector<uint64_t> sizes;
  Expected<std::string> bytes = makeHeader(tensors, metadata, sizes);
  if (!bytes.ok())
    return bytes;
  for (size_t i = 0; i < tensors.size(); ++i)
    bytes->append(reinterpret_cast<const char *>(tensors[i].data), sizes[i]);
  return bytes;
}
