//===- Safetensors.cpp - Safetensors files --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole files behind Safetensors.h; SafetensorsHeader.h has the format.
//
//===----------------------------------------------------------------------===//

#include "io/Safetensors.h"

#include "io/Escape.h"
#include "io/File.h"
#include "io/Half.h"
#include "io/SafetensorsHeader.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace sterna;

namespace {

using Json = nlohmann::json;

/// The elements of `entry` as f32; `data` holds those of all tensors. Fails on
/// types that are not floats.
Expected<std::vector<float>> convert(const std::string &origin,
                                     const SafetensorsEntry &entry,
                                     const char *data) {
  bool isSingle = entry.type == "F32", isHalf = entry.type == "F16";
  if (!isSingle && !isHalf && entry.type != "BF16")
    return unusableSafetensors(
        origin, "tensor '" + excerpt(entry.name) +
                    "': expected element type F32, F16 or BF16, but got " +
                    entry.type);
  uint64_t size = isSingle ? 4 : 2;
  std::vector<float> result((entry.end - entry.begin) / size);
  const char *source = data + entry.begin;
  if (isSingle && !result.empty())
    std::memcpy(result.data(), source, result.size() * size);
  for (uint64_t i = 0; !isSingle && i < result.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + 2 * i, sizeof bits);
    result[i] = isHalf ? halfToFloat(bits) : bfloatToFloat(bits);
  }
  return result;
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
  for (unsigned i = 0; i < safetensorsLengthSize; ++i)
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
  Expected<uint64_t> size =
      findSafetensorsHeader(origin, content, content.size());
  if (!size.ok())
    return size.status();
  Expected<SafetensorsHeader> header = parseSafetensorsHeader(
      origin, content.substr(safetensorsLengthSize, *size), content.size());
  if (!header.ok())
    return header.status();
  if (metadata)
    metadata->merge(header->metadata);
  std::vector<NamedTensor> tensors;
  for (SafetensorsEntry &entry : header->entries) {
    NamedTensor tensor;
    Expected<std::vector<float>> data =
        convert(origin, entry, content.data() + header->dataOffset);
    if (!data.ok())
      return data.status();
    tensor.data = std::move(*data);
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
  std::vector<float> elements;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const float *data = tensors[i].data;
    if (tensors[i].read) {
      if (Status status = tensors[i].read(elements); !status.ok())
        return status;
      data = elements.data();
    }
    if (Status status = file->write(data, sizes[i]); !status.ok())
      return status;
  }
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
