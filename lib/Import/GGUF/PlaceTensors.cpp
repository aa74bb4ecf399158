//===- PlaceTensors.cpp - What tensors of GGUF files are and take ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Settles what the types of tensors mean, how many bytes each takes and where,
// once all headers of a model are read: one number of a type has several
// meanings, which only the sizes of all its tensors tell apart.
//
//===----------------------------------------------------------------------===//

#include "GGUFTypes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <map>
#include <tuple>

using namespace llvm;

namespace sterna {

class GGUFTensorPlacer {
public:
  GGUFTensorPlacer(MutableArrayRef<GGUFFile> parts, StorageType i2s)
      : parts(parts), i2s(i2s) {}

  Error run();

private:
  Expected<StorageType> findMeaning(uint32_t id, ArrayRef<StorageType> all);
  std::string findContradiction(uint32_t id, StorageType meaning);
  Error resolve();
  Error size(const GGUFFile &file, GGUFTensor &tensor);
  Error place(GGUFFile &file);
  Error checkOverlap(const GGUFFile &file);

  /// Bytes of data in the file of a part.
  static uint64_t getDataSize(const GGUFFile &file) {
    uint64_t size = file.buffer->getBufferSize();
    return size > file.dataStart ? size - file.dataStart : 0;
  }

  MutableArrayRef<GGUFFile> parts;
  StorageType i2s;
};

} // namespace sterna

using namespace sterna;

//===----------------------------------------------------------------------===//
// Meanings
//===----------------------------------------------------------------------===//

static std::string describe(StorageType type) {
  const StorageFormat &format = getStorageFormat(type);
  return formatv("{0} (blocks of {1} in {2} bytes)", format.name,
                 format.blockSize, format.blockBytes);
}

/// "A, B and C".
static std::string describeAll(ArrayRef<StorageType> types,
                               StringRef conjunction) {
  std::string text;
  for (auto [index, type] : enumerate(types)) {
    if (index)
      text += index + 1 == types.size() ? (" " + conjunction + " ").str()
                                        : std::string(", ");
    text += describe(type);
  }
  return text;
}

/// Says which tensor of type `id` does not take the bytes that it would as
/// `meaning`; "" if all do. A tensor takes the bytes up to the next one, padded
/// to the alignment, or up to the end of the file, padded or not.
std::string GGUFTensorPlacer::findContradiction(uint32_t id,
                                                StorageType meaning) {
  const StorageFormat &format = getStorageFormat(meaning);
  for (const GGUFFile &file : parts) {
    std::vector<uint64_t> starts;
    for (const GGUFTensor &tensor : file.tensors)
      starts.push_back(tensor.offset);
    llvm::sort(starts);
    for (const GGUFTensor &tensor : file.tensors) {
      if (tensor.typeId != id)
        continue;
      int64_t rows = tensor.getNumRows(), columns = tensor.dims.back();
      if (!format.isWhole(rows, columns))
        return formatv("{0} has rows of {1}", quoteText(tensor.name), columns);
      auto next = llvm::upper_bound(starts, tensor.offset);
      bool isLast = next == starts.end();
      uint64_t end = isLast ? getDataSize(file) : *next;
      uint64_t taken = end > tensor.offset ? end - tensor.offset : 0;
      uint64_t exact = *format.getMatrixBytes(rows, columns);
      uint64_t padded = alignTo(exact, file.alignment);
      if (taken != padded && !(isLast && taken == exact))
        return formatv("{0} would take {1} bytes, but has {2}",
                       quoteText(tensor.name), isLast ? exact : padded, taken);
    }
  }
  return "";
}

/// The one of `all` meanings of type `id` that fits every tensor.
Expected<StorageType> GGUFTensorPlacer::findMeaning(uint32_t id,
                                                    ArrayRef<StorageType> all) {
  std::vector<StorageType> fitting;
  std::string reasons;
  for (StorageType meaning : all) {
    std::string reason = findContradiction(id, meaning);
    if (reason.empty())
      fitting.push_back(meaning);
    else
      reasons += formatv("{0}as {1}, {2}", reasons.empty() ? "" : "; ",
                         getStorageFormat(meaning).name, reason);
  }
  if (fitting.size() == 1)
    return fitting.front();
  if (fitting.empty())
    return parts.front().makeError(
        "expected tensors of type {0} to be {1}, but they fit none: {2}", id,
        describeAll(all, "or"), reasons);
  return parts.front().makeError(
      "tensors of type {0} fit {1}, and their sizes do not tell which; use "
      "another type, such as TQ2_0, or the numbers 142 of PQ2_0 or 43 of "
      "STQ1_0",
      id, describeAll(fitting, "and"));
}

Error GGUFTensorPlacer::resolve() {
  std::map<uint32_t, StorageType> meanings;
  for (GGUFFile &file : parts)
    for (GGUFTensor &tensor : file.tensors) {
      std::vector<StorageType> all = getGGUFMeanings(tensor.typeId);
      if (all.empty())
        continue;
      auto found = meanings.find(tensor.typeId);
      if (found == meanings.end()) {
        StorageType meaning = all.front();
        if (all.size() > 1) {
          Expected<StorageType> only = findMeaning(tensor.typeId, all);
          if (!only)
            return only.takeError();
          meaning = *only;
        }
        if (meaning == StorageType::I2_S)
          meaning = i2s;
        found = meanings.emplace(tensor.typeId, meaning).first;
      }
      tensor.storage = found->second;
    }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Sizes and places
//===----------------------------------------------------------------------===//

/// Computes the bytes of a tensor from its dimensions and type.
Error GGUFTensorPlacer::size(const GGUFFile &file, GGUFTensor &tensor) {
  int64_t rows = tensor.getNumRows(), columns = tensor.dims.back();
  auto refuse = [&](const char *what, int64_t divisor, int64_t value) {
    return file.makeError("expected the {0} of tensor {1} to be a multiple of "
                          "{2} for {3}, but got {4}",
                          what, quoteText(tensor.name), divisor,
                          tensor.getTypeName(), value);
  };
  if (!tensor.storage) {
    const GGUFOpaqueType &type = *findGGUFOpaqueType(tensor.typeId);
    if (columns % type.blockSize != 0)
      return refuse("row length", type.blockSize, columns);
    tensor.size = rows * (columns / type.blockSize) * type.blockBytes;
    return Error::success();
  }
  const StorageFormat &format = getStorageFormat(*tensor.storage);
  if (!format.isWhole(rows, columns))
    return format.layout == RowLayout::Blocks
               ? refuse("row length", format.blockSize, columns)
               : refuse("number of weights", format.blockSize, rows * columns);
  // The parser has bounded the number of elements.
  tensor.size = *format.getMatrixBytes(rows, columns);
  return Error::success();
}

/// Turns the offsets, which count from the end of the header, into positions in
/// the file and checks them against its size.
Error GGUFTensorPlacer::place(GGUFFile &file) {
  uint64_t available = getDataSize(file);
  for (GGUFTensor &tensor : file.tensors) {
    if (Error error = size(file, tensor))
      return error;
    if (tensor.offset > available || tensor.size > available - tensor.offset)
      return file.makeError(
          "expected {0} bytes of tensor {1} at offset {2} of the data at byte "
          "{3}, but the file ends at {4}",
          tensor.size, quoteText(tensor.name), tensor.offset, file.dataStart,
          file.buffer->getBufferSize());
    tensor.offset += file.dataStart;
  }
  return checkOverlap(file);
}

/// No two tensors may share bytes: each would be right alone, and the model
/// another one.
Error GGUFTensorPlacer::checkOverlap(const GGUFFile &file) {
  std::vector<const GGUFTensor *> order;
  for (const GGUFTensor &tensor : file.tensors)
    order.push_back(&tensor);
  llvm::sort(order, [](const GGUFTensor *a, const GGUFTensor *b) {
    return std::tie(a->offset, a->name) < std::tie(b->offset, b->name);
  });
  for (size_t i = 1; i < order.size(); ++i)
    if (const GGUFTensor &before = *order[i - 1], &tensor = *order[i];
        tensor.offset < before.offset + before.size)
      return file.makeError("expected tensor {0} to begin at byte {1}, where "
                            "tensor {2} ends, or later, but got {3}",
                            quoteText(tensor.name), before.offset + before.size,
                            quoteText(before.name), tensor.offset);
  return Error::success();
}

Error GGUFTensorPlacer::run() {
  if (Error error = resolve())
    return error;
  for (GGUFFile &file : parts)
    if (Error error = place(file))
      return error;
  return Error::success();
}

Error sterna::placeGGUFTensors(MutableArrayRef<GGUFFile> parts,
                               StorageType i2s) {
  return GGUFTensorPlacer(parts, i2s).run();
}
