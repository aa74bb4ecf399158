//===- GGUFFile.cpp - Access to the contents of GGUF files ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The typed accessors and the type tables. Parsing has checked that every value
// lies inside the file, so that nothing here needs a bound; it lives in
// GGUFParser.cpp.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/GGUFFile.h"

#include "GGUFTypes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace sterna;

namespace endian = llvm::support::endian;

//===----------------------------------------------------------------------===//
// Type tables
//===----------------------------------------------------------------------===//

uint64_t sterna::getGGUFValueSize(GGUFValueType type) {
  switch (type) {
  case GGUFValueType::U8:
  case GGUFValueType::I8:
  case GGUFValueType::Bool:
    return 1;
  case GGUFValueType::U16:
  case GGUFValueType::I16:
    return 2;
  case GGUFValueType::U32:
  case GGUFValueType::I32:
  case GGUFValueType::F32:
    return 4;
  case GGUFValueType::U64:
  case GGUFValueType::I64:
  case GGUFValueType::F64:
    return 8;
  case GGUFValueType::String:
  case GGUFValueType::Array:
    return 0;
  }
  return 0;
}

StringRef sterna::stringifyGGUFValueType(GGUFValueType type) {
  static constexpr const char *names[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

/// Of the numbers of one type, the last is the one with fewest meanings.
static constexpr std::pair<uint32_t, StorageType> storageTypes[] = {
    {0, StorageType::F32},     {1, StorageType::F16},
    {2, StorageType::Q4_0},    {8, StorageType::Q8_0},
    {12, StorageType::Q4_K},   {13, StorageType::Q5_K},
    {14, StorageType::Q6_K},   {30, StorageType::BF16},
    {34, StorageType::TQ1_0},  {35, StorageType::TQ2_0},
    {36, StorageType::I2_S},   {42, StorageType::Q2_0},
    {42, StorageType::PQ2_0},  {42, StorageType::STQ1_0},
    {43, StorageType::STQ1_0}, {142, StorageType::PQ2_0},
    {143, StorageType::PTQ1_0}};

/// Types that cannot be decoded: they are listed so that a file is refused for
/// the tensor that matters, not for its mere presence.
static constexpr std::pair<uint32_t, GGUFOpaqueType> opaqueTypes[] = {
    {3, {"Q4_1", 32, 20}},   {6, {"Q5_0", 32, 22}},    {7, {"Q5_1", 32, 24}},
    {10, {"Q2_K", 256, 84}}, {11, {"Q3_K", 256, 110}}, {24, {"I8", 1, 1}},
    {25, {"I16", 1, 2}},     {26, {"I32", 1, 4}},      {27, {"I64", 1, 8}},
    {28, {"F64", 1, 8}}};

const GGUFOpaqueType *sterna::findGGUFOpaqueType(uint32_t id) {
  for (const auto &[number, type] : opaqueTypes)
    if (number == id)
      return &type;
  return nullptr;
}

std::vector<StorageType> sterna::getGGUFMeanings(uint32_t id) {
  std::vector<StorageType> meanings;
  for (auto [number, storage] : storageTypes)
    if (number == id)
      meanings.push_back(storage);
  return meanings;
}

std::optional<uint32_t> sterna::getGGUFNumber(StorageType type) {
  std::optional<uint32_t> result;
  for (auto [number, storage] : storageTypes)
    if (storage == type)
      result = number;
  return result;
}

StringRef GGUFTensor::getTypeName() const {
  return storage ? getStorageFormat(*storage).name
                 : findGGUFOpaqueType(typeId)->name;
}

int64_t GGUFTensor::getNumRows() const {
  int64_t rows = 1;
  for (int64_t dim : ArrayRef(dims).drop_back())
    rows *= dim;
  return rows;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// Reads an integer of any type as 64 bits, zero- or sign-extended. Returns
/// nothing for other types and for u64 values beyond the range of i64.
static std::optional<int64_t> readInteger(GGUFValueType type,
                                          const char *data) {
  switch (type) {
  case GGUFValueType::U8:
    return endian::read<uint8_t, endianness::little>(data);
  case GGUFValueType::I8:
    return endian::read<int8_t, endianness::little>(data);
  case GGUFValueType::U16:
    return endian::read<uint16_t, endianness::little>(data);
  case GGUFValueType::I16:
    return endian::read<int16_t, endianness::little>(data);
  case GGUFValueType::U32:
    return endian::read<uint32_t, endianness::little>(data);
  case GGUFValueType::I32:
    return endian::read<int32_t, endianness::little>(data);
  case GGUFValueType::I64:
    return endian::read<int64_t, endianness::little>(data);
  case GGUFValueType::U64: {
    uint64_t value = endian::read<uint64_t, endianness::little>(data);
    if (value > static_cast<uint64_t>(INT64_MAX))
      return std::nullopt;
    return static_cast<int64_t>(value);
  }
  default:
    return std::nullopt;
  }
}

/// Reads the string whose length stands at `data`.
static StringRef readString(const char *data) {
  return StringRef(data + 8, endian::read<uint64_t, endianness::little>(data));
}

GGUFFile::GGUFFile(std::unique_ptr<MemoryBuffer> buffer)
    : buffer(std::move(buffer)) {}

Error GGUFFile::typeError(StringRef key, const GGUFValue &value,
                          StringRef expected) const {
  std::string found = stringifyGGUFValueType(value.type).str();
  if (value.type == GGUFValueType::Array)
    found += " of " + stringifyGGUFValueType(value.elementType).str();
  return createStringError(Twine(getPath()) + ": expected metadata key '" +
                           key + "' to be " + expected + ", but got " + found);
}

Expected<const GGUFValue *> GGUFFile::getValue(StringRef key) const {
  auto it = values.find(key);
  if (it == values.end())
    return createStringError(Twine(getPath()) + ": expected metadata key '" +
                             key + "', but the file does not have it");
  it->second.wasRead = true;
  return &it->second;
}

Expected<StringRef> GGUFFile::getString(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != GGUFValueType::String)
    return typeError(key, **value, "string");
  return readString((*value)->data);
}

Expected<uint64_t> GGUFFile::getU64(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  if ((*value)->type == GGUFValueType::U64)
    return endian::read<uint64_t, endianness::little>((*value)->data);
  std::optional<int64_t> integer = readInteger((*value)->type, (*value)->data);
  if (!integer)
    return typeError(key, **value, "an integer");
  if (*integer < 0)
    return createStringError(Twine(getPath()) + ": expected metadata key '" +
                             key + "' not to be negative, but got " +
                             Twine(*integer));
  return static_cast<uint64_t>(*integer);
}

Expected<int64_t> GGUFFile::getI64(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  std::optional<int64_t> integer = readInteger((*value)->type, (*value)->data);
  if (!integer)
    return typeError(key, **value, "an integer below 2^63");
  return *integer;
}

Expected<float> GGUFFile::getF32(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  if ((*value)->type == GGUFValueType::F32)
    return endian::read<float, endianness::little>((*value)->data);
  if ((*value)->type == GGUFValueType::F64)
    return static_cast<float>(
        endian::read<double, endianness::little>((*value)->data));
  return typeError(key, **value, "f32");
}

Expected<bool> GGUFFile::getBool(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != GGUFValueType::Bool)
    return typeError(key, **value, "bool");
  return *(*value)->data != 0;
}

Expected<double> GGUFFile::getNumber(StringRef key) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  const char *data = (*value)->data;
  switch ((*value)->type) {
  case GGUFValueType::Bool:
    return *data != 0;
  case GGUFValueType::U64:
    return static_cast<double>(
        endian::read<uint64_t, endianness::little>(data));
  case GGUFValueType::F32:
    return endian::read<float, endianness::little>(data);
  case GGUFValueType::F64:
    return endian::read<double, endianness::little>(data);
  default:
    break;
  }
  std::optional<int64_t> integer = readInteger((*value)->type, data);
  if (!integer)
    return typeError(key, **value, "a number");
  return static_cast<double>(*integer);
}

Expected<StringRef> GGUFFile::getStringOr(StringRef key,
                                          StringRef value) const {
  return hasKey(key) ? getString(key) : Expected<StringRef>(value);
}

Expected<uint64_t> GGUFFile::getU64Or(StringRef key, uint64_t value) const {
  return hasKey(key) ? getU64(key) : Expected<uint64_t>(value);
}

Expected<bool> GGUFFile::getBoolOr(StringRef key, bool value) const {
  return hasKey(key) ? getBool(key) : Expected<bool>(value);
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

Expected<const GGUFValue *> GGUFFile::getArray(StringRef key,
                                               StringRef expected) const {
  Expected<const GGUFValue *> value = getValue(key);
  if (!value)
    return value.takeError();
  if ((*value)->type != GGUFValueType::Array)
    return typeError(key, **value, expected);
  return value;
}

Expected<std::vector<StringRef>> GGUFFile::getStringArray(StringRef key) const {
  Expected<const GGUFValue *> value = getArray(key, "array of string");
  if (!value)
    return value.takeError();
  if ((*value)->elementType != GGUFValueType::String)
    return typeError(key, **value, "array of string");
  std::vector<StringRef> result;
  result.reserve((*value)->count);
  const char *data = (*value)->data;
  for (uint64_t i = 0; i != (*value)->count; ++i) {
    result.push_back(readString(data));
    data = result.back().end();
  }
  return result;
}

Expected<std::vector<float>> GGUFFile::getF32Array(StringRef key) const {
  Expected<const GGUFValue *> value = getArray(key, "array of f32");
  if (!value)
    return value.takeError();
  if ((*value)->elementType != GGUFValueType::F32)
    return typeError(key, **value, "array of f32");
  std::vector<float> result((*value)->count);
  for (uint64_t i = 0; i != (*value)->count; ++i)
    result[i] = endian::read<float, endianness::little>((*value)->data + 4 * i);
  return result;
}

Expected<std::vector<int64_t>> GGUFFile::getI64Array(StringRef key) const {
  Expected<const GGUFValue *> value = getArray(key, "array of integers");
  if (!value)
    return value.takeError();
  GGUFValueType elementType = (*value)->elementType;
  uint64_t size = getGGUFValueSize(elementType);
  std::vector<int64_t> result;
  // An empty array is accepted whatever its element type says.
  for (uint64_t i = 0; i != (*value)->count; ++i) {
    std::optional<int64_t> integer =
        readInteger(elementType, (*value)->data + size * i);
    if (!integer)
      return typeError(key, **value, "array of integers");
    result.push_back(*integer);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

const GGUFTensor *GGUFFile::findTensor(StringRef name) const {
  auto it = tensorIndices.find(name);
  return it == tensorIndices.end() ? nullptr : &tensors[it->second];
}

Expected<WeightSource> GGUFFile::openWeight(const GGUFTensor &tensor) const {
  if (!tensor.storage)
    return createStringError(Twine(tensor.path) + ": tensor " +
                             quoteText(tensor.name) + " has type " +
                             tensor.getTypeName() + ", expected " +
                             listStorageFormats());
  Expected<WeightSource> source =
      WeightSource::open(tensor.path, tensor.offset, *tensor.storage,
                         tensor.getNumRows(), tensor.dims.back());
  if (!source)
    return createStringError("tensor " + quoteText(tensor.name) + ": " +
                             toString(source.takeError()));
  return source;
}
