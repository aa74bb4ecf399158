//===- OnnxFile.cpp - A model's file and the data beside it ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OnnxFile.h.
//
//===----------------------------------------------------------------------===//

#include "OnnxFile.h"

#include "ElementTypes.h"
#include "OutlineTensors.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace sterna;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

/// The most bytes that a message may have.
static constexpr uint64_t maxMessageBytes = INT32_MAX;

bool OnnxFile::accepts(StringRef path) {
  auto file = llvm::sys::fs::openNativeFileForRead(path);
  if (!file) {
    llvm::consumeError(file.takeError());
    return false;
  }
  char begin[2] = {};
  auto size = llvm::sys::fs::readNativeFile(*file, begin);
  (void)llvm::sys::fs::closeFile(*file);
  if (!size) {
    llvm::consumeError(size.takeError());
    return false;
  }
  // Field 1 is ir_version, which writers put first and which is 1 to 127.
  return *size == 2 && begin[0] == 0x08 && begin[1] > 0;
}

Expected<OnnxFile> OnnxFile::open(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.size() > maxMessageBytes)
    return llvm::createStringError(
        path + ": a model of ONNX has at most 2 GiB; save its tensors as "
               "external data");
  Expected<std::string> outlined = outlineTensors(bytes);
  if (!outlined)
    return llvm::createStringError(path + ": " +
                                   llvm::toString(outlined.takeError()));
  OnnxFile file;
  file.path = path.str();
  if (!file.model.ParseFromString(*outlined))
    return llvm::createStringError(
        path + ": the file is damaged or not a model of ONNX");
  return file;
}

/// The value of `key` of a tensor's external data; none where it has no such.
static std::optional<StringRef> findEntry(const onnx::TensorProto &tensor,
                                          StringRef key) {
  for (const auto &entry : tensor.external_data())
    if (entry.key() == key)
      return StringRef(entry.value());
  return std::nullopt;
}

Expected<std::optional<ByteRange>>
OnnxFile::locate(const onnx::TensorProto &tensor) const {
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL)
    return std::nullopt;
  auto fail = [&](const Twine &message) -> Error {
    return llvm::createStringError(path + ": tensor '" + tensor.name() +
                                   "': " + message);
  };
  std::optional<StringRef> location = findEntry(tensor, "location");
  if (!location)
    return fail("its external data has no location");
  ByteRange range;
  range.path = path;
  if (!location->empty()) {
    // A model names files beneath its own folder, whoever wrote it.
    if (llvm::sys::path::is_absolute(*location) ||
        llvm::is_contained(llvm::make_range(llvm::sys::path::begin(*location),
                                            llvm::sys::path::end(*location)),
                           ".."))
      return fail("expected external data beneath the model's folder, but got "
                  "'" +
                  *location + "'");
    llvm::SmallString<128> beside(llvm::sys::path::parent_path(path));
    llvm::sys::path::append(beside, *location);
    range.path = beside.str().str();
  }
  uint64_t fileSize = 0;
  if (std::error_code code = llvm::sys::fs::file_size(range.path, fileSize))
    return fail(range.path + ": " + code.message());
  if (auto text = findEntry(tensor, "offset"))
    if (text->getAsInteger(10, range.offset))
      return fail("expected an offset, but got '" + *text + "'");
  auto length = findEntry(tensor, "length");
  range.size = fileSize - std::min(fileSize, range.offset);
  uint64_t available = range.size;
  if (length && length->getAsInteger(10, range.size))
    return fail("expected a length, but got '" + *length + "'");
  if (range.offset > fileSize || range.size > available)
    return fail(range.path + " has " + Twine(fileSize) +
                " bytes, too few for " + Twine(range.size) + " at " +
                Twine(range.offset));
  return range;
}

Expected<llvm::SmallVector<int64_t>>
sterna::getShape(const onnx::TensorProto &tensor) {
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  if (!isShape(shape))
    return llvm::createStringError("tensor '" + tensor.name() +
                                   "': its shape is absurd");
  return shape;
}

/// `values` as their `width` low bytes each.
template <typename Values>
static std::string packNumbers(const Values &values, unsigned width) {
  std::string bytes;
  bytes.reserve(size_t(values.size()) * width);
  for (auto value : values)
    for (unsigned i = 0; i < width; ++i)
      bytes.push_back(char(uint64_t(value) >> (8 * i)));
  return bytes;
}

template <typename Values> static std::string packFloats(const Values &values) {
  // Little-endian, as every machine that the compiler runs on.
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(*values.data()));
}

/// The elements in the fields of a message that is not raw.
static std::string packFields(const onnx::TensorProto &tensor,
                              unsigned elementBytes) {
  switch (tensor.data_type()) {
  case onnx::TensorProto::FLOAT:
    return packFloats(tensor.float_data());
  case onnx::TensorProto::DOUBLE:
    return packFloats(tensor.double_data());
  case onnx::TensorProto::INT64:
    return packNumbers(tensor.int64_data(), 8);
  case onnx::TensorProto::UINT32:
  case onnx::TensorProto::UINT64:
    return packNumbers(tensor.uint64_data(), elementBytes);
  default:
    return packNumbers(tensor.int32_data(), elementBytes);
  }
}

Expected<std::string> OnnxFile::read(const onnx::TensorProto &tensor) const {
  auto fail = [&](const Twine &message) -> Error {
    return llvm::createStringError(path + ": tensor '" + tensor.name() +
                                   "': " + message);
  };
  auto shape = getShape(tensor);
  if (!shape)
    return shape.takeError();
  unsigned bits = getStoredBits(tensor.data_type());
  if (bits == 0)
    return fail("elements of type " + getTypeName(tensor.data_type()) +
                " are not supported");
  uint64_t count = 1;
  for (int64_t extent : *shape)
    count *= extent;
  uint64_t expected = llvm::divideCeil(count * bits, 8);
  auto range = locate(tensor);
  if (!range)
    return range.takeError();
  std::string bytes;
  if (*range) {
    if ((*range)->size != expected)
      return fail("expected " + Twine(expected) + " bytes, but got " +
                  Twine((*range)->size));
    auto buffer = llvm::MemoryBuffer::getFileSlice(
        (*range)->path, (*range)->size, (*range)->offset);
    if (!buffer)
      return fail((*range)->path + ": " + buffer.getError().message());
    bytes = (*buffer)->getBuffer().str();
  } else {
    bytes = tensor.has_raw_data() ? tensor.raw_data()
                                  : packFields(tensor, (bits + 7) / 8);
  }
  if (bytes.size() != expected)
    return fail("expected " + Twine(expected) + " bytes, but got " +
                Twine(bytes.size()));
  return bytes;
}
