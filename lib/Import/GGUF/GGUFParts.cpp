//===- GGUFParts.cpp - Models in one GGUF file or several -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens a model. One that is split lies in NAME-00001-of-0000N.gguf and so on,
// in one folder: the first part has the metadata, each has some of the tensors,
// and all say which part of how many they are.
//
//===----------------------------------------------------------------------===//

#include "GGUFTypes.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace sterna {

/// Reads the parts of the model that one of them belongs to.
class GGUFParts {
public:
  /// Whether there are others beside `file`.
  static Expected<bool> isPart(const GGUFFile &file);

  /// Takes the part that was asked for.
  explicit GGUFParts(GGUFFile opened) : opened(std::move(opened)) {}

  Expected<GGUFFile> run(StorageType i2s);

private:
  Error readPlace();
  Error readAll();
  Error checkPlace(const GGUFFile &part, uint64_t number);
  Error checkKeys(const GGUFFile &part);
  Error join();

  /// The end of the name of part `number`, which counts from 0.
  std::string suffixOf(uint64_t number) const;

  std::optional<GGUFFile> opened;
  uint64_t openedNumber = 0, count = 0;
  std::string stem; // of all paths, in front of the suffix
  std::vector<GGUFFile> parts;
};

} // namespace sterna

using namespace sterna;

Expected<bool> GGUFParts::isPart(const GGUFFile &file) {
  Expected<uint64_t> count = file.getU64Or("split.count", 1);
  if (!count)
    return count.takeError();
  return *count > 1;
}

std::string GGUFParts::suffixOf(uint64_t number) const {
  std::string text;
  raw_string_ostream(text) << llvm::format("-%05llu-of-%05llu.gguf",
                                           (unsigned long long)number + 1,
                                           (unsigned long long)count);
  return text;
}

/// Finds out which part was opened, of how many, and how all are called.
Error GGUFParts::readPlace() {
  Expected<uint64_t> number = opened->getU64("split.no");
  if (!number)
    return number.takeError();
  Expected<uint64_t> total = opened->getU64("split.count");
  if (!total)
    return total.takeError();
  openedNumber = *number;
  count = *total;
  if (openedNumber >= count)
    return opened->makeError("split.no: expected 0 to {0}, but got {1}",
                             count - 1, openedNumber);
  std::string suffix = suffixOf(openedNumber);
  StringRef name = opened->getPath();
  if (!name.consume_back(suffix))
    return opened->makeError("expected a file name that ends in {0}, because "
                             "this is part {1} of {2}",
                             suffix, openedNumber + 1, count);
  stem = name.str();
  return Error::success();
}

/// Fails unless `part` says that it is part `number`.
Error GGUFParts::checkPlace(const GGUFFile &part, uint64_t number) {
  Expected<uint64_t> itsNumber = part.getU64("split.no");
  if (!itsNumber)
    return itsNumber.takeError();
  Expected<uint64_t> itsCount = part.getU64("split.count");
  if (!itsCount)
    return itsCount.takeError();
  if (*itsNumber != number || *itsCount != count)
    return part.makeError("expected part {0} of {1}, as its name says, but its "
                          "keys split.no and split.count say {2} of {3}",
                          number + 1, count, *itsNumber + 1, *itsCount);
  return Error::success();
}

/// What a part says of the model must be what the first says.
Error GGUFParts::checkKeys(const GGUFFile &part) {
  const GGUFFile &first = parts.front();
  for (StringRef key : part.keys) {
    if (key == "split.no")
      continue;
    const GGUFValue &value = part.values.at(key);
    auto same = first.values.find(key);
    if (same != first.values.end() && same->second.type == value.type &&
        same->second.elementType == value.elementType &&
        StringRef(same->second.data, same->second.size) ==
            StringRef(value.data, value.size))
      continue;
    return part.makeError("expected metadata key {0} to be as in {1}; is this "
                          "a part of another model?",
                          quoteText(key), first.getPath());
  }
  return Error::success();
}

Error GGUFParts::readAll() {
  for (uint64_t number = 0; number < count; ++number) {
    std::string path = stem + suffixOf(number);
    if (number == openedNumber) {
      parts.push_back(std::move(*opened));
    } else {
      if (!sys::fs::exists(path))
        return createStringError(Twine(path) + ": expected part " +
                                 Twine(number + 1) + " of " + Twine(count) +
                                 " of the model, but there is no such file");
      Expected<GGUFFile> part = GGUFFile::readHeader(path);
      if (!part)
        return part.takeError();
      parts.push_back(std::move(*part));
    }
    if (Error error = checkPlace(parts.back(), number))
      return error;
    if (Error error = checkKeys(parts.back()))
      return error;
  }
  return Error::success();
}

/// Moves the tensors of all parts to the first.
Error GGUFParts::join() {
  GGUFFile &first = parts.front();
  for (GGUFFile &part : llvm::drop_begin(parts)) {
    for (GGUFTensor &tensor : part.tensors) {
      if (const GGUFTensor *twin = first.findTensor(tensor.name))
        return part.makeError("tensor {0} is in {1}, too",
                              quoteText(tensor.name), twin->path);
      first.tensorIndices[tensor.name] = first.tensors.size();
      first.tensors.push_back(std::move(tensor));
    }
    first.otherParts.push_back(std::move(part.buffer));
  }
  Expected<uint64_t> total = first.getU64("split.tensors.count");
  if (!total)
    return total.takeError();
  if (*total != first.tensors.size())
    return first.makeError("expected {0} tensors in all {1} parts, as "
                           "split.tensors.count says, but got {2}",
                           *total, count, first.tensors.size());
  return Error::success();
}

Expected<GGUFFile> GGUFParts::run(StorageType i2s) {
  if (Error error = readPlace())
    return std::move(error);
  if (Error error = readAll())
    return std::move(error);
  if (Error error = placeGGUFTensors(parts, i2s))
    return std::move(error);
  if (Error error = join())
    return std::move(error);
  return std::move(parts.front());
}

Expected<GGUFFile> GGUFFile::open(StringRef path, StorageType i2s) {
  Expected<GGUFFile> file = readHeader(path);
  if (!file)
    return file.takeError();
  Expected<bool> isPart = GGUFParts::isPart(*file);
  if (!isPart)
    return isPart.takeError();
  if (*isPart)
    return GGUFParts(std::move(*file)).run(i2s);
  if (Error error = placeGGUFTensors(*file, i2s))
    return std::move(error);
  return std::move(*file);
}

Expected<GGUFFile> GGUFFile::parse(std::unique_ptr<MemoryBuffer> buffer,
                                   StorageType i2s) {
  Expected<GGUFFile> file = readHeader(std::move(buffer));
  if (!file)
    return file.takeError();
  if (Error error = placeGGUFTensors(*file, i2s))
    return std::move(error);
  return std::move(*file);
}
