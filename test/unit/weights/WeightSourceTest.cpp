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
    trit = static_cast<int8_t>(random() % 3) - 1;
  return trits;
}

/// Encodes trits times 1.5 in any type.
static std::string encode(StorageType type, const std::vector<int8_t> &trits) {
  Bytes bytes;
  size_t block = getStorageFormat(type).blockSize;
  for (size_t i = 0; i < trits.size(); i += block) {
    uint16_t sign = trits[i] < 0 ? 0x8000 : 0;
    switch (type) {
    case StorageType::F32:
      bytes.number(1.5f * trits[i]);
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
    }
  }
  return bytes.data;
}

class EveryFormat : public testing::TestWithParam<StorageType> {};

INSTANTIATE_TEST_SUITE_P(
    WeightSource, EveryFormat,
    testing::Values(StorageType::F32, StorageType::F16, StorageType::BF16,
                    StorageType::Q8_0, StorageType::TQ1_0, StorageType::TQ2_0),
    [](const auto &info) {
      return std::string(getStorageFormat(info.param).name);
    });

// The matrix takes several pieces, starts at an odd byte and is followed by
// others' bytes; rows are read in ranges that do not divide anything.
TEST_P(EveryFormat, RoundTrips) {
  const int64_t numRows = 301, numCols = 768;
  std::vector<int8_t> trits = randomTrits(numRows * numCols, 1);
  TemporaryFile file("abc" + encode(GetParam(), trits) + "tail");
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
    ASSERT_EQ(floats[i], 1.5f * trits[i]) << i;

  std::fill(decoded.begin(), decoded.end(), 9);
  cantFail(source.decodeTrits(0, numRows, decoded.data()));
  EXPECT_EQ(decoded, trits);
  cantFail(source.decodeTrits(numRows, 0, nullptr));
}

TEST_P(EveryFormat, RefusesWhatDoesNotFit) {
  std::string data = encode(GetParam(), randomTrits(512, 2));
  TemporaryFile file(data);
  auto opens = [&](uint64_t offset, int64_t rows, int64_t cols) {
    Expected<WeightSource> source =
        WeightSource::open(file.getPath(), offset, GetParam(), rows, cols);
    return source ? true : (consumeError(source.takeError()), false);
  };
  EXPECT_TRUE(opens(0, 2, 256));
  EXPECT_TRUE(opens(0, 1, 512));
  EXPECT_FALSE(opens(1, 2, 256));
  EXPECT_FALSE(opens(~uint64_t(0), 1, 256));
  EXPECT_FALSE(opens(0, 3, 256));
  EXPECT_FALSE(opens(0, 0, 256));
  EXPECT_FALSE(opens(0, 2, 0));
  EXPECT_FALSE(opens(0, -1, 256));
  EXPECT_FALSE(opens(0, INT64_MAX, 256));
  EXPECT_FALSE(opens(0, 256, INT64_MAX / 256 * 256));
  EXPECT_EQ(opens(0, 1, 255), getStorageFormat(GetParam()).blockSize == 1);
}

TEST_P(EveryFormat, RefusesRowsOutside) {
  TemporaryFile file(encode(GetParam(), randomTrits(512, 3)));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, GetParam(), 2, 256));
  int8_t trits[512];
  float floats[512];
  for (auto [first, count] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 1}, {0, 3}, {2, 1}, {3, 0}, {1, INT64_MAX}, {0, -1}}) {
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
TEST(WeightSource, AnyBytesDecodeToTrits) {
  std::mt19937 random(5);
  std::string data(66 * 54, '\0');
  for (char &byte : data)
    byte = static_cast<char>(random());
  TemporaryFile file(data);
  for (StorageType type : {StorageType::TQ1_0, StorageType::TQ2_0}) {
    int64_t numBlocks = data.size() / getStorageFormat(type).blockBytes;
    WeightSource source =
        cantFail(WeightSource::open(file.getPath(), 0, type, numBlocks, 256));
    std::vector<int8_t> trits(numBlocks * 256);
    cantFail(source.decodeTrits(0, numBlocks, trits.data()));
    for (int8_t trit : trits)
      ASSERT_TRUE(trit >= -1 && trit <= 1);
  }
}
