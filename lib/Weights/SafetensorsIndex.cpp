//===- SafetensorsIndex.cpp - Tensors of a safetensors model --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SafetensorsIndex.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/SafetensorsIndex.h"

#include "io/Escape.h"
#include "io/File.h"
#include "io/Json.h"
#include "io/SafetensorsHeader.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <nlohmann/json.hpp>
#include <set>

using namespace sterna;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

/// An index names some thousand tensors.
static constexpr uint64_t maxIndexBytes = 64 << 20;

static Error asError(const Status &status) {
  return llvm::createStringError(status.message());
}

std::optional<StorageType> SafetensorsTensor::getStorage() const {
  return llvm::StringSwitch<std::optional<StorageType>>(type)
      .Case("F32", StorageType::F32)
      .Case("F16", StorageType::F16)
      .Case("BF16", StorageType::BF16)
      .Default(std::nullopt);
}

const SafetensorsTensor *SafetensorsIndex::find(StringRef name) const {
  auto it = tensors.find(name.str());
  return it == tensors.end() ? nullptr : &it->second;
}

/// `size` bytes of the file at `path` from `offset`; fewer at its end.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readSlice(StringRef path, uint64_t size, uint64_t offset) {
  auto slice = llvm::MemoryBuffer::getFileSlice(path, size, offset);
  if (!slice)
    return llvm::createStringError(path + ": " + slice.getError().message());
  return std::move(*slice);
}

Error SafetensorsIndex::addFile(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return llvm::createStringError(path + ": " + code.message());
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return llvm::createStringError(path + ": expected a regular file");
  std::string origin = path.str();
  uint64_t fileSize = status.getSize();
  auto start = readSlice(path, std::min(fileSize, safetensorsLengthSize), 0);
  if (!start)
    return start.takeError();
  auto size = findSafetensorsHeader(
      origin, std::string_view((*start)->getBuffer()), fileSize);
  if (!size.ok())
    return asError(size.status());
  auto text = readSlice(path, *size, safetensorsLengthSize);
  if (!text)
    return text.takeError();
  auto header = parseSafetensorsHeader(
      origin, std::string_view((*text)->getBuffer()), fileSize);
  if (!header.ok())
    return asError(header.status());
  for (SafetensorsEntry &entry : header->entries) {
    SafetensorsTensor tensor;
    tensor.path = origin;
    tensor.type = std::move(entry.type);
    tensor.shape.assign(entry.shape.begin(), entry.shape.end());
    tensor.offset = header->dataOffset + entry.begin;
    tensor.size = entry.end - entry.begin;
    auto [it, isNew] = tensors.try_emplace(entry.name, std::move(tensor));
    if (!isNew)
      return llvm::createStringError(path + ": tensor '" + excerpt(entry.name) +
                                     "' is in " + it->second.path + ", too");
  }
  return Error::success();
}

Error SafetensorsIndex::addMapped(StringRef path) {
  auto text = readFile(path.str(), maxIndexBytes);
  if (!text.ok())
    return asError(text.status());
  auto json = parseJson(*text);
  if (!json.ok())
    return llvm::createStringError(path + ": " + json.message());
  auto fail = [&](const Twine &what) {
    return llvm::createStringError(path + ": " + what);
  };
  const nlohmann::json *map = nullptr;
  if (json->is_object())
    if (auto it = json->find("weight_map"); it != json->end())
      map = &*it;
  if (!map || !map->is_object())
    return fail("expected an object 'weight_map'");
  std::map<std::string, std::string> fileOf;
  std::set<std::string> files;
  for (const auto &[name, file] : map->items()) {
    std::string value = file.is_string() ? file.get<std::string>() : "";
    if (value.empty() || value == "." || value == ".." ||
        StringRef(value).find_first_of(StringRef("/\\\0", 3)) !=
            StringRef::npos)
      return fail("expected the name of a file in the same folder for tensor "
                  "'" +
                  excerpt(name) + "'");
    files.insert(value);
    fileOf[name] = value;
  }
  for (const std::string &file : files) {
    llvm::SmallString<128> beside = llvm::sys::path::parent_path(path);
    llvm::sys::path::append(beside, file);
    if (Error error = addFile(beside))
      return error;
  }
  for (const auto &[name, file] : fileOf) {
    const SafetensorsTensor *tensor = find(name);
    if (!tensor || llvm::sys::path::filename(tensor->path) != file)
      return fail("tensor '" + excerpt(name) + "' is not in " + file);
  }
  for (const auto &[name, tensor] : tensors)
    if (!fileOf.count(name))
      return fail("tensor '" + excerpt(name) + "' of " + tensor.path +
                  " is not in the index");
  return Error::success();
}

llvm::Expected<SafetensorsIndex> SafetensorsIndex::open(StringRef path) {
  SafetensorsIndex index;
  bool isMapped = llvm::sys::path::extension(path) == ".json";
  if (Error error = isMapped ? index.addMapped(path) : index.addFile(path))
    return std::move(error);
  return index;
}
