//===- GGUFParser.cpp - Checking and indexing of GGUF files ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the header of a GGUF file once, trusting no number in it, and fills the
// tables of GGUFFile. All bounds are checked here, and memory is taken only for
// what the file was seen to hold, never for what it claims to hold.
//
//===----------------------------------------------------------------------===//

#include "GGUFTypes.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

/// The first bytes of every GGUF file.
static constexpr StringLiteral magic = "GGUF";

namespace sterna {

/// Recursive-descent parser over the bytes of the file. Every `read` function
/// fails if its value is not wholly inside the file.
class GGUFParser {
public:
  explicit GGUFParser(GGUFFile &file)
      : file(file), bytes(file.buffer->getBuffer()) {}

  Error run();

private:
  Error fail(const Twine &message) const;
  uint64_t remaining() const { return bytes.size() - position; }

  template <typename T> Error readNumber(T &value, const Twine &what);
  Error readString(StringRef &value, const Twine &what);
  Error readName(StringRef &value, const Twine &what);
  Error readValueType(GGUFValueType &type, StringRef key);
  Error readCounts();
  Error readMetadata();
  Error readValue(StringRef key, GGUFValue &value);
  Error readArray(StringRef key, GGUFValue &value);
  Error readAlignment();
  Error readTensors();
  Error readTensor(GGUFTensor &tensor);
  Error checkTensor(const GGUFTensor &tensor);

  GGUFFile &file;
  StringRef bytes;
  uint64_t position = 0;
  uint64_t numTensors = 0;
  uint64_t numValues = 0;
};

} // namespace sterna

using namespace sterna;

Error GGUFParser::fail(const Twine &message) const {
  return createStringError(Twine(file.getPath()) + ": " + message);
}

//===----------------------------------------------------------------------===//
// Primitive values
//===----------------------------------------------------------------------===//

template <typename T>
Error GGUFParser::readNumber(T &value, const Twine &what) {
  if (remaining() < sizeof(T))
    return fail("expected " + Twine(sizeof(T)) + " bytes for " + what +
                " at byte " + Twine(position) + ", but the file ends at " +
                Twine(bytes.size()));
  value = support::endian::read<T, endianness::little>(bytes.data() + position);
  position += sizeof(T);
  return Error::success();
}

Error GGUFParser::readString(StringRef &value, const Twine &what) {
  uint64_t length;
  if (Error error = readNumber(length, "the length of " + what))
    return error;
  if (length > remaining())
    return fail("expected " + Twine(length) + " bytes for " + what +
                " at byte " + Twine(position) + ", but the file ends at " +
                Twine(bytes.size()));
  value = bytes.substr(position, length);
  position += length;
  return Error::success();
}

/// Reads the name of a key or tensor. The format bounds keys to 65535 bytes.
Error GGUFParser::readName(StringRef &value, const Twine &what) {
  if (Error error = readString(value, what))
    return error;
  if (value.empty() || value.size() > 65535)
    return fail("expected 1 to 65535 bytes for " + what + ", but got " +
                Twine(value.size()));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

Error GGUFParser::readCounts() {
  if (!bytes.starts_with(magic))
    return fail("expected a GGUF file, but it does not start with 'GGUF'");
  position = 4;
  if (Error error = readNumber(file.version, "the version"))
    return error;
  if (file.version != 2 && file.version != 3) {
    bool bigEndian = file.version != 0 && (file.version & 0xffff) == 0;
    return fail("expected little-endian GGUF version 2 or 3, but got " +
                (bigEndian ? Twine("a big-endian file")
                           : "version " + Twine(file.version)));
  }
  if (Error error = readNumber(numTensors, "the number of tensors"))
    return error;
  if (Error error = readNumber(numValues, "the number of metadata keys"))
    return error;

  // The smallest key takes 14 bytes, the smallest tensor 33.
  if (numValues > remaining() / 14)
    return fail("expected room for " + Twine(numValues) +
                " metadata keys, but only " + Twine(remaining()) +
                " bytes follow");
  if (numTensors > remaining() / 33)
    return fail("expected room for " + Twine(numTensors) +
                " tensors, but only " + Twine(remaining()) + " bytes follow");
  return Error::success();
}

Error GGUFParser::readValueType(GGUFValueType &type, StringRef key) {
  uint32_t number;
  if (Error error = readNumber(number, "the type of key " + quoteText(key)))
    return error;
  if (number > static_cast<uint32_t>(GGUFValueType::F64))
    return fail("expected a value type from 0 to 12 for key " + quoteText(key) +
                ", but got " + Twine(number));
  type = static_cast<GGUFValueType>(number);
  return Error::success();
}

Error GGUFParser::readArray(StringRef key, GGUFValue &value) {
  if (Error error = readValueType(value.elementType, key))
    return error;
  if (value.elementType == GGUFValueType::Array)
    return fail("key " + quoteText(key) +
                " holds an array of arrays, which is not supported");
  if (Error error =
          readNumber(value.count, "the length of key " + quoteText(key)))
    return error;
  value.data = bytes.data() + position;

  // A string takes 8 bytes or more.
  uint64_t size = getGGUFValueSize(value.elementType);
  if (value.count > remaining() / (size ? size : 8))
    return fail("expected " + Twine(value.count) + " elements for key " +
                quoteText(key) + ", but only " + Twine(remaining()) +
                " bytes follow");
  position += value.count * size;
  if (value.elementType == GGUFValueType::String) {
    std::string what = "a string of key " + quoteText(key);
    StringRef element;
    for (uint64_t i = 0; i != value.count; ++i)
      if (Error error = readString(element, what))
        return error;
  }
  return Error::success();
}

Error GGUFParser::readValue(StringRef key, GGUFValue &value) {
  if (Error error = readValueType(value.type, key))
    return error;
  value.elementType = value.type;
  value.count = 1;
  value.data = bytes.data() + position;
  if (value.type == GGUFValueType::Array)
    return readArray(key, value);
  if (value.type == GGUFValueType::String) {
    StringRef text;
    return readString(text, "the value of key " + quoteText(key));
  }

  uint64_t size = getGGUFValueSize(value.type);
  if (size > remaining())
    return fail("expected " + Twine(size) + " bytes for the value of key " +
                quoteText(key) + ", but the file ends at " +
                Twine(bytes.size()));
  position += size;
  if (value.type == GGUFValueType::Bool &&
      static_cast<unsigned char>(*value.data) > 1)
    return fail(
        "expected 0 or 1 for the bool of key " + quoteText(key) + ", but got " +
        Twine(static_cast<unsigned>(static_cast<unsigned char>(*value.data))));
  return Error::success();
}

Error GGUFParser::readMetadata() {
  for (uint64_t i = 0; i != numValues; ++i) {
    StringRef key;
    if (Error error = readName(key, "the name of key " + Twine(i)))
      return error;
    GGUFValue value;
    if (Error error = readValue(key, value))
      return error;
    value.size = bytes.data() + position - value.data;
    if (!file.values.try_emplace(key, value).second)
      return fail("metadata key " + quoteText(key) + " appears twice");
    file.keys.push_back(key);
  }
  return Error::success();
}

Error GGUFParser::readAlignment() {
  Expected<uint64_t> value = file.getU64Or("general.alignment", file.alignment);
  if (!value)
    return value.takeError();
  if (!isPowerOf2_64(*value) || *value > (uint64_t(1) << 30))
    return fail("expected general.alignment to be a power of two up to 2^30, "
                "but got " +
                Twine(*value));
  file.alignment = *value;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Checks type and dimensions; which of them go together is for later.
Error GGUFParser::checkTensor(const GGUFTensor &tensor) {
  if (getGGUFMeanings(tensor.typeId).empty() &&
      !findGGUFOpaqueType(tensor.typeId))
    return fail("tensor " + quoteText(tensor.name) + " has storage type " +
                Twine(tensor.typeId) + ", which is not supported");
  // No file holds more elements than this; the bound leaves room to multiply
  // by the bytes of a block.
  constexpr int64_t maxElements = int64_t(1) << 50;
  int64_t numElements = 1;
  for (int64_t dim : tensor.dims) {
    if (dim <= 0 || dim > maxElements / numElements)
      return fail("expected the dimensions of tensor " +
                  quoteText(tensor.name) +
                  " to be positive with a product up to 2^50");
    numElements *= dim;
  }
  return Error::success();
}

Error GGUFParser::readTensor(GGUFTensor &tensor) {
  uint32_t numDims;
  if (Error error =
          readNumber(numDims, "the rank of tensor " + quoteText(tensor.name)))
    return error;
  if (numDims < 1 || numDims > 4)
    return fail("expected 1 to 4 dimensions for tensor " +
                quoteText(tensor.name) + ", but got " + Twine(numDims));
  tensor.dims.resize(numDims);
  for (uint32_t i = numDims; i-- != 0;)
    if (Error error = readNumber(tensor.dims[i], "a dimension of tensor " +
                                                     quoteText(tensor.name)))
      return error;
  if (Error error = readNumber(tensor.typeId,
                               "the type of tensor " + quoteText(tensor.name)))
    return error;
  if (Error error = checkTensor(tensor))
    return error;
  if (Error error = readNumber(tensor.offset, "the offset of tensor " +
                                                  quoteText(tensor.name)))
    return error;
  if (tensor.offset % file.alignment != 0)
    return fail("expected the offset of tensor " + quoteText(tensor.name) +
                " to be a multiple of " + Twine(file.alignment) + ", but got " +
                Twine(tensor.offset));
  return Error::success();
}

Error GGUFParser::readTensors() {
  for (uint64_t i = 0; i != numTensors; ++i) {
    GGUFTensor tensor;
    tensor.path = file.getPath();
    if (Error error = readName(tensor.name, "the name of tensor " + Twine(i)))
      return error;
    if (Error error = readTensor(tensor))
      return error;
    if (!file.tensorIndices.try_emplace(tensor.name, i).second)
      return fail("tensor " + quoteText(tensor.name) + " appears twice");
    file.tensors.push_back(std::move(tensor));
  }
  return Error::success();
}

Error GGUFParser::run() {
  if (Error error = readCounts())
    return error;
  if (Error error = readMetadata())
    return error;
  if (Error error = readAlignment())
    return error;
  if (Error error = readTensors())
    return error;
  file.dataStart = alignTo(position, file.alignment);
  return Error::success();
}

Expected<GGUFFile> GGUFFile::readHeader(std::unique_ptr<MemoryBuffer> buffer) {
  GGUFFile file(std::move(buffer));
  if (Error error = GGUFParser(file).run())
    return std::move(error);
  return std::move(file);
}

bool GGUFFile::hasMagic(StringRef path) {
  if (!sys::fs::is_regular_file(path))
    return false;
  ErrorOr<std::unique_ptr<MemoryBuffer>> start =
      MemoryBuffer::getFileSlice(path, magic.size(), /*Offset=*/0);
  return start && (*start)->getBuffer() == magic;
}

Expected<GGUFFile> GGUFFile::readHeader(StringRef path) {
  // A pipe or a device may have no end.
  sys::fs::file_status status;
  std::error_code code = sys::fs::status(path, status);
  if (!code && status.type() != sys::fs::file_type::regular_file)
    return createStringError(Twine(path) + ": expected a regular file");
  if (code)
    return createStringError(Twine(path) + ": " + code.message());
  // Files of some pages or more are mapped, so that tensors cost no memory.
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(Twine(path) + ": " + buffer.getError().message());
  return readHeader(std::move(*buffer));
}
