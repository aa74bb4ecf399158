//===- WeightSourceTest.cpp - Tests of chunked weight reading -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every storage type through a file and back, in pieces and at the edges of
// half precision.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/WeightSource.h"
#include "../import/ModelBytes.h"

#include "gtest/gtest.h"

#include <random>

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

static constexpr uint16_t halfOneAndHalf = 0x3e00;

static std::vector<int8_t> randomTrits(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int8_t> trits(count);
  for (int8_t &trit : trits)
    trit = static_cast<int8_t>(int(random() % 3) - 1);
  return trits;
}

/// Appends a block of floats that holds 1.5 times 32 or 256 trits.
static void appendFloatBlock(std::string &out, StorageType type,
                             const int8_t *trits) {
  Bytes bytes;
  auto nibbles = [&](int begin, int size, int zero) {
    for (int i = begin; i < begin + size; ++i)
      bytes.number<uint8_t>((trits[i] + zero) | (trits[i + size] + zero) << 4);
  };
  if (type == StorageType::Q4_0) {
    bytes.number(halfOneAndHalf);
    nibbles(0, 16, 8);
  } else if (type == StorageType::Q6_K) {
    // The integer 32 + trit: low bits 0, 1 or 15, high ones 2 or 1.
    for (int half : {0, 128})
      for (int i = half; i < half + 64; ++i)
        bytes.number<uint8_t>((trits[i] & 15) | (trits[i + 64] & 15) << 4);
    auto high = [&](int i) { return trits[i] < 0 ? 1 : 2; };
    for (int half : {0, 128})
      for (int i = half; i < half + 32; ++i)
        bytes.number<uint8_t>(high(i) | high(i + 32) << 2 | high(i + 64) << 4 |
                              high(i + 96) << 6);
    bytes.data.append(16, 1);
    bytes.number(halfOneAndHalf);
  } else {
    // Scales and offsets are all 1.
    bytes.number(halfOneAndHalf).number(halfOneAndHalf);
    bytes.data.append(8, 1);
    bytes.data.append(4, 0x11);
    if (type == StorageType::Q5_K)
      bytes.data.append(32, 0);
    for (int begin = 0; begin < 256; begin += 64)
      nibbles(begin, 32, 1);
  }
  out += bytes.data;
}

static std::string encode(StorageType type, const std::vector<int8_t> &trits,
                          int64_t numCols);

/// The transpose, as rows of the type that is not of columns.
static std::string encodeColumns(StorageType type,
                                 const std::vector<int8_t> &trits,
                                 int64_t numCols) {
  StorageType ofRows = type == StorageType::F32Columns    ? StorageType::F32
                       : type == StorageType::F16Columns  ? StorageType::F16
                       : type == StorageType::BF16Columns ? StorageType::BF16
                                                          : StorageType::I8;
  int64_t numRows = int64_t(trits.size()) / numCols;
  std::vector<int8_t> transposed;
  for (int64_t col = 0; col < numCols; ++col)
    for (int64_t row = 0; row < numRows; ++row)
      transposed.push_back(trits[row * numCols + col]);
  return encode(ofRows, transposed, numRows);
}

/// Encodes trits in rows of `numCols` times getUnit().
static std::string encode(StorageType type, const std::vector<int8_t> &trits,
                          int64_t numCols) {
  Bytes bytes;
  if (type == StorageType::I2_S || type == StorageType::I2_S_ARM)
    return encodeRun(trits, type == StorageType::I2_S ? 32 : 16, 1.5f);
  if (type == StorageType::BitNetU8)
    return encodeQuarters(trits, numCols);
  if (getStorageFormat(type).layout == RowLayout::Columns)
    return encodeColumns(type, trits, numCols);
  size_t block = getStorageFormat(type).blockSize;
  for (size_t i = 0; i < trits.size(); i += block) {
    uint16_t sign = trits[i] < 0 ? 0x8000 : 0;
    switch (type) {
    case StorageType::F32:
      bytes.number(1.5f * trits[i]);
      break;
    case StorageType::I8:
      bytes.number(trits[i]);
      break;
    case StorageType::I4:
      bytes.number<uint8_t>((trits[i] & 15) | (trits[i + 1] & 15) << 4);
      break;
    case StorageType::I2:
      bytes.number<uint8_t>((trits[i] & 3) | (trits[i + 1] & 3) << 2 |
                            (trits[i + 2] & 3) << 4 | (trits[i + 3] & 3) << 6);
      break;
    case StorageType::F16:
      bytes.number<uint16_t>(trits[i] ? sign | halfOneAndHalf : sign);
      break;
    case StorageType::BF16:
      bytes.number<uint16_t>(trits[i] ? sign | 0x3fc0 : sign);
      break;
    case StorageType::Q8_0:
      appendQ8Block(bytes.data, &trits[i], halfOneAndHalf);
      break;
    case StorageType::TQ1_0:
      appendTQ1Block(bytes.data, &trits[i], halfOneAndHalf);
      break;
    case StorageType::TQ2_0:
      appendTQ2Block(bytes.data, &trits[i], halfOneAndHalf);
      break;
    case StorageType::Q2_0:
    case StorageType::PQ2_0:
      bytes.number(halfOneAndHalf);
      appendNeighbours(bytes.data, &trits[i], block);
      break;
    case StorageType::PTQ1_0:
      appendPTQ1Block(bytes.data, &trits[i], halfOneAndHalf);
      break;
    case StorageType::STQ1_0:
      appendSTQ1Block(bytes.data, &trits[i], halfOneAndHalf);
      break;
    case StorageType::MLXU2:
      appendNeighbours(bytes.data, &trits[i], block);
      break;
    default:
      appendFloatBlock(bytes.data, type, &trits[i]);
    }
  }
  return bytes.data;
}

/// The magnitude of what encode() writes.
static float getUnit(StorageType type) {
  return getStorageFormat(type).hasScales ? 1.5f : 1.0f;
}

/// Trits that `type` can hold: STQ1_0 has one zero among four.
static std::vector<int8_t> makeTrits(StorageType type, size_t count,
                                     unsigned seed) {
  std::vector<int8_t> trits = randomTrits(count, seed);
  if (type != StorageType::STQ1_0)
    return trits;
  for (size_t i = 0; i < count; ++i)
    if (i % 64 < 16) {
      int zero = (trits[i] + trits[i + 16] + 4) % 4;
      for (int lane = 0; lane < 4; ++lane) {
        int8_t &trit = trits[i + 16 * lane];
        trit = static_cast<int8_t>(lane == zero ? 0 : trit < 0 ? -1 : 1);
      }
    }
  return trits;
}

static std::vector<StorageType> listTypes() {
  std::vector<StorageType> types;
  for (uint32_t i = 0; i <= tern::getMaxEnumValForStorageType(); ++i)
    types.push_back(StorageType(i));
  return types;
}

class EveryFormat : public testing::TestWithParam<StorageType> {};

INSTANTIATE_TEST_SUITE_P(WeightSource, EveryFormat,
                         testing::ValuesIn(listTypes()), [](const auto &info) {
                           return stringifyStorageType(info.param).str();
                         });

// The matrix takes several pieces, starts at an odd byte and is followed by
// others' bytes; rows are read in ranges that do not divide anything.
TEST_P(EveryFormat, RoundTrips) {
  bool inQuarters = GetParam() == StorageType::BitNetU8;
  const int64_t numRows = inQuarters ? 300 : 301, numCols = 768;
  std::vector<int8_t> trits = makeTrits(GetParam(), numRows * numCols, 1);
  TemporaryFile file("abc" + encode(GetParam(), trits, numCols) + "tail");
  WeightSource source = cantFail(
      WeightSource::open(file.getPath(), 3, GetParam(), numRows, numCols));
  EXPECT_EQ(source.getType(), GetParam());
  EXPECT_EQ(source.getNumRows(), numRows);
  EXPECT_EQ(source.getNumCols(), numCols);

  std::vector<float> floats(trits.size());
  std::vector<int8_t> decoded(trits.size());
  for (int64_t row = 0; row < numRows; row += 97) {
    int64_t count = std::min<int64_t>(97, numRows - row);
    cantFail(source.decodeRows(row, count, &floats[row * numCols]));
    cantFail(source.decodeTrits(row, count, &decoded[row * numCols]));
  }
  EXPECT_EQ(decoded, trits);
  for (size_t i = 0; i < trits.size(); ++i)
    ASSERT_EQ(floats[i], getUnit(GetParam()) * trits[i]) << i;

  std::fill(decoded.begin(), decoded.end(), 9);
  cantFail(source.decodeTrits(0, numRows, decoded.data()));
  EXPECT_EQ(decoded, trits);
  cantFail(source.decodeTrits(numRows, 0, nullptr));

  TernaryAnalysis analysis = cantFail(source.analyzeTernary());
  EXPECT_TRUE(analysis.isTernary) << analysis.contradiction;
  EXPECT_EQ(analysis.granularity, ScaleGranularity::Tensor);
  EXPECT_EQ(analysis.scale, getUnit(GetParam()));
}

TEST_P(EveryFormat, RefusesWhatDoesNotFit) {
  TemporaryFile file(encode(GetParam(), makeTrits(GetParam(), 1024, 2), 256));
  auto opens = [&](uint64_t offset, int64_t rows, int64_t cols) {
    Expected<WeightSource> source =
        WeightSource::open(file.getPath(), offset, GetParam(), rows, cols);
    return source ? true : (consumeError(source.takeError()), false);
  };
  bool inQuarters = GetParam() == StorageType::BitNetU8;
  EXPECT_TRUE(opens(0, 4, 256));
  EXPECT_EQ(opens(0, 1, 1024), !inQuarters);
  EXPECT_FALSE(opens(1, 4, 256));
  EXPECT_FALSE(opens(~uint64_t(0), 4, 256));
  EXPECT_FALSE(opens(0, 8, 256));
  EXPECT_FALSE(opens(0, 0, 256));
  EXPECT_FALSE(opens(0, 4, 0));
  EXPECT_FALSE(opens(0, -4, 256));
  EXPECT_FALSE(opens(0, INT64_MAX / 4 * 4, 256));
  EXPECT_FALSE(opens(0, 256, INT64_MAX / 256 * 256));
  // 2^56 x 256 weights: their number is 0 in 64 bits.
  EXPECT_FALSE(opens(0, int64_t(1) << 56, 256));
  EXPECT_FALSE(opens(0, int64_t(1) << 62, int64_t(1) << 62));
  EXPECT_EQ(opens(0, 1, 255), getStorageFormat(GetParam()).blockSize == 1);
}

TEST_P(EveryFormat, RefusesRowsOutside) {
  TemporaryFile file(encode(GetParam(), makeTrits(GetParam(), 1024, 3), 256));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, GetParam(), 4, 256));
  int8_t trits[1024];
  float floats[1024];
  for (auto [first, count] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 1}, {0, 5}, {4, 1}, {5, 0}, {1, INT64_MAX}, {0, -1}}) {
    EXPECT_NE(toString(source.decodeTrits(first, count, trits)), "");
    EXPECT_NE(toString(source.decodeRows(first, count, floats)), "");
    EXPECT_NE(toString(source.quantizeAbsmean(first, count, 1, trits)), "");
  }
}

TEST(WeightSource, ReportsAFileThatShrank) {
  TemporaryFile file(std::string(4096, '\0'));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, StorageType::F32, 4, 256));
  std::error_code code;
  raw_fd_ostream(file.getPath(), code) << "short";
  std::vector<float> out(1024);
  EXPECT_NE(
      toString(source.decodeRows(0, 4, out.data())).find("has become shorter"),
      std::string::npos);
}

TEST(WeightSource, MovesItsFile) {
  TemporaryFile file(std::string(16, '\0'));
  auto open = [&] {
    return cantFail(
        WeightSource::open(file.getPath(), 0, StorageType::F32, 1, 4));
  };
  WeightSource first = open();
  WeightSource second = std::move(first);
  first = open();
  second = std::move(first);
  float out[4] = {1, 1, 1, 1};
  cantFail(second.decodeRows(0, 1, out));
  EXPECT_EQ(out[3], 0.0f);
}

TEST(WeightSource, ConvertsEveryHalf) {
  Bytes bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits)
    bytes.number<uint16_t>(bits);
  TemporaryFile file(bytes.data);
  WeightSource source = cantFail(
      WeightSource::open(file.getPath(), 0, StorageType::F16, 1, 65536));
  std::vector<float> floats(65536);
  std::vector<int8_t> signs(65536);
  cantFail(source.decodeRows(0, 1, floats.data()));
  cantFail(source.decodeTrits(0, 1, signs.data()));
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    double expected = halfValue(bits);
    ASSERT_EQ(std::signbit(floats[bits]), std::signbit(expected)) << bits;
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(floats[bits])) << bits;
      continue;
    }
    ASSERT_EQ(floats[bits], expected) << bits;
    ASSERT_EQ(signs[bits], (expected > 0) - (expected < 0)) << bits;
  }
}

TEST(WeightSource, ConvertsEveryBFloat) {
  Bytes bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits)
    bytes.number<uint16_t>(bits);
  TemporaryFile file(bytes.data);
  WeightSource source = cantFail(
      WeightSource::open(file.getPath(), 0, StorageType::BF16, 256, 256));
  std::vector<float> floats(65536);
  cantFail(source.decodeRows(0, 256, floats.data()));
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint32_t raw;
    std::memcpy(&raw, &floats[bits], 4);
    ASSERT_EQ(raw, bits << 16);
  }
}

TEST(WeightSource, ScalesQ8Values) {
  int8_t values[32];
  for (int i = 0; i < 32; ++i)
    values[i] = static_cast<int8_t>(i * 8 - 128);
  std::string data;
  appendQ8Block(data, values, 0x2e66);
  TemporaryFile file(data);
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, StorageType::Q8_0, 1, 32));
  float floats[32];
  cantFail(source.decodeRows(0, 1, floats));
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(floats[i], values[i] * static_cast<float>(halfValue(0x2e66)));
}

// A negative scale swaps the signs and a zero one leaves none: decoding to
// trits must agree with decoding to floats.
TEST(WeightSource, TritsFollowTheScale) {
  std::vector<int8_t> trits = randomTrits(256, 4);
  for (StorageType type : {StorageType::TQ1_0, StorageType::TQ2_0})
    for (uint16_t scale : {0x3c00, 0xbc00, 0x0000, 0x8000, 0x0001, 0x8001}) {
      std::string data;
      if (type == StorageType::TQ1_0)
        appendTQ1Block(data, trits.data(), scale);
      else
        appendTQ2Block(data, trits.data(), scale);
      TemporaryFile file(data);
      WeightSource source =
          cantFail(WeightSource::open(file.getPath(), 0, type, 1, 256));
      float floats[256];
      int8_t decoded[256];
      cantFail(source.decodeRows(0, 1, floats));
      cantFail(source.decodeTrits(0, 1, decoded));
      for (int i = 0; i < 256; ++i) {
        ASSERT_EQ(floats[i], trits[i] * halfValue(scale));
        ASSERT_EQ(decoded[i], (floats[i] > 0) - (floats[i] < 0));
      }
    }
}

// Bytes that no encoder writes still decode to trits.
TEST_P(EveryFormat, AnyBytesDecodeToTrits) {
  std::mt19937 random(5);
  std::string data(1 << 15, '\0');
  for (char &byte : data)
    byte = static_cast<char>(random());
  // The scale of a run, which is 0.
  std::fill(data.begin() + 2048, data.begin() + 2052, '\0');
  TemporaryFile file(data);
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, GetParam(), 8, 1024));
  std::vector<int8_t> trits(8 * 1024);
  cantFail(source.decodeTrits(0, 8, trits.data()));
  for (int8_t trit : trits)
    ASSERT_TRUE(trit >= -1 && trit <= 1);
}
