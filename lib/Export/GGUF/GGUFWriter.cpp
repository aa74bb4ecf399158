//===- GGUFWriter.cpp - Writing of GGUF files -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GGUFWriter.h.
//
//===----------------------------------------------------------------------===//

#include "GGUFWriter.h"

#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace sterna;

/// What offsets of tensors are multiples of unless metadata say otherwise.
static constexpr uint64_t alignment = 32;

template <typename T> static void append(std::string &bytes, T value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

static void appendString(std::string &bytes, StringRef text) {
  append<uint64_t>(bytes, text.size());
  bytes.append(text.data(), text.size());
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

void GGUFWriter::addKey(StringRef key, GGUFValueType type) {
  appendString(metadata, key);
  append(metadata, static_cast<uint32_t>(type));
  ++numKeys;
}

void GGUFWriter::addArray(StringRef key, GGUFValueType type, uint64_t count) {
  addKey(key, GGUFValueType::Array);
  append(metadata, static_cast<uint32_t>(type));
  append(metadata, count);
}

void GGUFWriter::addU32(StringRef key, uint32_t value) {
  addKey(key, GGUFValueType::U32);
  append(metadata, value);
}

void GGUFWriter::addF32(StringRef key, float value) {
  addKey(key, GGUFValueType::F32);
  append(metadata, value);
}

void GGUFWriter::addBool(StringRef key, bool value) {
  addKey(key, GGUFValueType::Bool);
  append<uint8_t>(metadata, value);
}

void GGUFWriter::addString(StringRef key, StringRef value) {
  addKey(key, GGUFValueType::String);
  appendString(metadata, value);
}

void GGUFWriter::addStrings(StringRef key, ArrayRef<std::string> values) {
  addArray(key, GGUFValueType::String, values.size());
  for (const std::string &value : values)
    appendString(metadata, value);
}

void GGUFWriter::addF32s(StringRef key, ArrayRef<float> values) {
  addArray(key, GGUFValueType::F32, values.size());
  for (float value : values)
    append(metadata, value);
}

void GGUFWriter::addI32s(StringRef key, ArrayRef<int32_t> values) {
  addArray(key, GGUFValueType::I32, values.size());
  for (int32_t value : values)
    append(metadata, value);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

void GGUFWriter::addTensor(StringRef name, ArrayRef<int64_t> dims,
                           StorageType storage, TensorData::Write write) {
  int64_t rows = 1;
  for (int64_t dim : dims.drop_back())
    rows *= dim;
  uint64_t size = *getStorageFormat(storage).getMatrixBytes(rows, dims.back());
  tensors.push_back({{name.str(), size, std::move(write)},
                     dims.vec(),
                     *getGGUFNumber(storage)});
}

Error GGUFWriter::write(raw_ostream &out) const {
  std::string header = "GGUF";
  append<uint32_t>(header, 3);
  append<uint64_t>(header, tensors.size());
  append(header, numKeys);
  header += metadata;
  uint64_t offset = 0;
  for (const Tensor &tensor : tensors) {
    appendString(header, tensor.data.name);
    append(header, static_cast<uint32_t>(tensor.dims.size()));
    for (int64_t dim : reverse(tensor.dims))
      append<uint64_t>(header, dim);
    append(header, tensor.typeId);
    append(header, offset);
    offset += alignTo(tensor.data.size, alignment);
  }
  header.resize(alignTo(header.size(), alignment));
  out << header;
  for (const Tensor &tensor : tensors) {
    if (Error error = tensor.data.write(out))
      return error;
    out.write_zeros(alignTo(tensor.data.size, alignment) - tensor.data.size);
  }
  return Error::success();
}
