//===- TernaryAnalysisTest.cpp - Tests of recognising ternary matrices ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which granularity is found for matrices made with a known one, what is said
// of those that are not ternary, and absmean quantization.
//
//===----------------------------------------------------------------------===//

#include "../import/ModelBytes.h"
#include "sterna/Weights/WeightSource.h"

#include "gtest/gtest.h"

#include <functional>
#include <random>

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

using WeightFn = std::function<float(int64_t, int64_t)>;

/// Writes weight(row, column) as F32 or as its upper half, BF16.
static std::string encodeFloats(StorageType type, int64_t numRows,
                                int64_t numCols, const WeightFn &weight) {
  Bytes bytes;
  for (int64_t row = 0; row < numRows; ++row)
    for (int64_t col = 0; col < numCols; ++col) {
      float value = weight(row, col);
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      if (type == StorageType::F32)
        bytes.u32(bits);
      else
        bytes.number<uint16_t>(bits >> 16);
    }
  return bytes.data;
}

/// An analysis with all the scales.
struct Analysis : TernaryAnalysis {
  std::vector<float> scales;
};

static Analysis analyze(StorageType type, const std::string &data,
                        int64_t numRows, int64_t numCols) {
  TemporaryFile file(data);
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, type, numRows, numCols));
  Analysis result{cantFail(source.analyzeTernary()), {}};
  if (!result.isTernary)
    return result;
  if (result.granularity == ScaleGranularity::Tensor) {
    result.scales = {result.scale};
    return result;
  }
  EXPECT_EQ(result.scale, 0);
  // Row by row, backwards, as a reader in another order does.
  int64_t groups = divideCeil(numCols, result.groupSize);
  result.scales.resize(numRows * groups);
  for (int64_t row = numRows; row-- > 0;)
    cantFail(source.decodeScales(row, 1, result.groupSize,
                                 &result.scales[row * groups]));
  std::vector<float> whole(numRows * groups);
  cantFail(source.decodeScales(0, numRows, result.groupSize, whole.data()));
  EXPECT_EQ(whole, result.scales);
  return result;
}

static Analysis analyzeFloats(int64_t numRows, int64_t numCols,
                              const WeightFn &weight) {
  Analysis single =
      analyze(StorageType::F32,
              encodeFloats(StorageType::F32, numRows, numCols, weight), numRows,
              numCols);
  Analysis brain =
      analyze(StorageType::BF16,
              encodeFloats(StorageType::BF16, numRows, numCols, weight),
              numRows, numCols);
  // The weights used here are exact in both types.
  EXPECT_EQ(single.isTernary, brain.isTernary);
  EXPECT_EQ(single.scales, brain.scales);
  EXPECT_EQ(single.contradiction, brain.contradiction);
  return single;
}

/// A trit without pattern; the first column of every 32 is never zero.
static int trit(int64_t row, int64_t col) {
  int64_t mixed = (row * 7919 + col) * 2654435761 % 1000003;
  return col % 32 == 0 ? (mixed % 2 ? 1 : -1) : int(mixed % 3) - 1;
}

TEST(TernaryAnalysis, ScalePerTensor) {
  for (int64_t numCols : {1, 31, 100, 256, 5460}) {
    Analysis found = analyzeFloats(
        5, numCols, [](int64_t r, int64_t c) { return 0.75f * trit(r, c); });
    ASSERT_TRUE(found.isTernary) << found.contradiction;
    EXPECT_EQ(found.granularity, ScaleGranularity::Tensor);
    EXPECT_EQ(found.groupSize, numCols);
    EXPECT_EQ(found.scales, std::vector<float>{0.75f});
  }
}

TEST(TernaryAnalysis, ScalePerRow) {
  Analysis found = analyzeFloats(3, 100, [](int64_t r, int64_t c) {
    return r == 1 ? 0.0f : float(1 + r) * trit(r, c);
  });
  ASSERT_TRUE(found.isTernary);
  EXPECT_EQ(found.granularity, ScaleGranularity::Row);
  EXPECT_EQ(found.groupSize, 100);
  EXPECT_EQ(found.scales, (std::vector<float>{1.0f, 0.0f, 3.0f}));
}

TEST(TernaryAnalysis, ScalePerGroup) {
  for (int64_t groupSize : {32, 64, 128, 256})
    for (int64_t numCols : {512, 520, 768, 300}) {
      int64_t numGroups = (numCols + groupSize - 1) / groupSize;
      auto scale = [&](int64_t row, int64_t col) {
        int64_t group = row * numGroups + col / groupSize;
        return float(1 + group);
      };
      Analysis found = analyzeFloats(4, numCols, [&](int64_t r, int64_t c) {
        return scale(r, c) * trit(r, c);
      });
      ASSERT_TRUE(found.isTernary);
      EXPECT_EQ(found.granularity, ScaleGranularity::Group);
      ASSERT_EQ(found.groupSize, groupSize);
      std::vector<float> expected;
      for (int64_t i = 0; i < 4 * numGroups; ++i)
        expected.push_back(float(1 + i));
      EXPECT_EQ(found.scales, expected);
    }
}

TEST(TernaryAnalysis, AllZeros) {
  for (float zero : {0.0f, -0.0f}) {
    Analysis found =
        analyzeFloats(2, 40, [&](int64_t, int64_t) { return zero; });
    ASSERT_TRUE(found.isTernary);
    EXPECT_EQ(found.granularity, ScaleGranularity::Tensor);
    EXPECT_EQ(found.scales, std::vector<float>{0.0f});
  }
}

TEST(TernaryAnalysis, ReportsTheFirstContradiction) {
  Analysis found = analyzeFloats(300, 600, [](int64_t r, int64_t c) {
    return r == 251 && c == 599 ? -2.0f : 0.5f * trit(r, c);
  });
  EXPECT_FALSE(found.isTernary);
  EXPECT_TRUE(found.scales.empty());
  std::string first = trit(251, 576) > 0 ? "0.5" : "-0.5";
  EXPECT_EQ(found.contradiction,
            "element [251, 576] is " + first + " but element [251, 599] is -2");
}

TEST(TernaryAnalysis, NeighbouringFloatsDiffer) {
  float next = std::nextafter(0.5f, 1.0f);
  std::string data =
      encodeFloats(StorageType::F32, 1, 2,
                   [&](int64_t, int64_t c) { return c ? next : 0.5f; });
  Analysis found = analyze(StorageType::F32, data, 1, 2);
  EXPECT_FALSE(found.isTernary);
  EXPECT_EQ(found.contradiction,
            "element [0, 0] is 0.5 but element [0, 1] is 0.50000006");
}

TEST(TernaryAnalysis, RefusesWhatIsNotFinite) {
  for (const auto &[value, text] :
       std::vector<std::pair<float, std::string>>{{INFINITY, "infinite"},
                                                  {-INFINITY, "infinite"},
                                                  {NAN, "not a number"}}) {
    float special = value;
    Analysis found = analyzeFloats(2, 33, [&](int64_t r, int64_t c) {
      return r == 1 && c == 32 ? special : 0.0f;
    });
    EXPECT_FALSE(found.isTernary);
    EXPECT_EQ(found.contradiction, "element [1, 32] is " + text);
  }
  for (uint16_t half : {0x7c00, 0xfc00, 0x7c01, 0xffff}) {
    Analysis found = analyze(StorageType::F16, Bytes().number(half).data, 1, 1);
    EXPECT_FALSE(found.isTernary);
  }
}

TEST(TernaryAnalysis, HalfPrecision) {
  // 0x0001 is the smallest subnormal, 0x7bff the largest finite number.
  for (uint16_t half : {0x0001, 0x03ff, 0x0400, 0x3c00, 0x7bff}) {
    Bytes bytes;
    for (uint16_t bits :
         {half, uint16_t(half | 0x8000), uint16_t(0), uint16_t(0x8000)})
      bytes.number(bits);
    Analysis found = analyze(StorageType::F16, bytes.data, 2, 2);
    ASSERT_TRUE(found.isTernary);
    EXPECT_EQ(found.scales, std::vector<float>{float(halfValue(half))});
  }
}

TEST(TernaryAnalysis, TernaryInQ8) {
  std::string data;
  int8_t values[32] = {127, -127, 0, 127};
  appendQ8Block(data, values, 0x2000);
  EXPECT_EQ(analyze(StorageType::Q8_0, data, 1, 32).scales,
            std::vector<float>{float(127 * halfValue(0x2000))});
  values[9] = 126;
  appendQ8Block(data, values, 0x2000);
  EXPECT_FALSE(analyze(StorageType::Q8_0, data, 2, 32).isTernary);
}

//===----------------------------------------------------------------------===//
// Ternary block types
//===----------------------------------------------------------------------===//

/// A matrix of TQ blocks, whose scales are given; `zeroBlocks` hold no weight.
static Analysis analyzeBlocks(StorageType type, int64_t numRows,
                              const std::vector<uint16_t> &scales,
                              const std::vector<size_t> &zeroBlocks) {
  std::string data;
  for (size_t block = 0; block < scales.size(); ++block) {
    int8_t trits[256] = {};
    if (std::find(zeroBlocks.begin(), zeroBlocks.end(), block) ==
        zeroBlocks.end())
      for (int i = 0; i < 256; ++i)
        trits[i] = static_cast<int8_t>(trit(block, i));
    if (type == StorageType::TQ1_0)
      appendTQ1Block(data, trits, scales[block]);
    else
      appendTQ2Block(data, trits, scales[block]);
  }
  return analyze(type, data, numRows, scales.size() / numRows * 256);
}

class TernaryBlocks : public testing::TestWithParam<StorageType> {};

INSTANTIATE_TEST_SUITE_P(TernaryAnalysis, TernaryBlocks,
                         testing::Values(StorageType::TQ1_0,
                                         StorageType::TQ2_0),
                         [](const auto &info) {
                           return std::string(
                               getStorageFormat(info.param).name);
                         });

TEST_P(TernaryBlocks, IgnoreTheScaleOfZeroBlocks) {
  // Block 1 has no weight and no scale, block 4 no weight but a scale; block 2
  // has a negative scale, which only swaps signs.
  Analysis found = analyzeBlocks(
      GetParam(), 3, {0x3c00, 0x0000, 0xbc00, 0x3c00, 0x4400, 0x3c00}, {1, 4});
  ASSERT_TRUE(found.isTernary);
  EXPECT_EQ(found.granularity, ScaleGranularity::Tensor);
  EXPECT_EQ(found.scales, std::vector<float>{1.0f});
}

TEST_P(TernaryBlocks, ScalePerRow) {
  Analysis found = analyzeBlocks(
      GetParam(), 3, {0x3c00, 0x0000, 0x4000, 0x4000, 0, 0x4400}, {1, 4, 5});
  ASSERT_TRUE(found.isTernary);
  EXPECT_EQ(found.granularity, ScaleGranularity::Row);
  EXPECT_EQ(found.scales, (std::vector<float>{1.0f, 2.0f, 0.0f}));
}

TEST_P(TernaryBlocks, ScalePerBlock) {
  Analysis found =
      analyzeBlocks(GetParam(), 2, {0x3c00, 0x4000, 0x4000, 0x0000}, {3});
  ASSERT_TRUE(found.isTernary);
  EXPECT_EQ(found.granularity, ScaleGranularity::Group);
  EXPECT_EQ(found.groupSize, 256);
  EXPECT_EQ(found.scales, (std::vector<float>{1.0f, 2.0f, 2.0f, 0.0f}));
}

TEST_P(TernaryBlocks, RefuseAScaleThatIsNotFinite) {
  for (uint16_t scale : {0x7c00, 0xfc00, 0x7e00})
    EXPECT_FALSE(analyzeBlocks(GetParam(), 2, {0x3c00, scale}, {}).isTernary);
}

TEST(TernaryAnalysis, RefusesTheInvalidCode) {
  int8_t trits[256] = {};
  trits[200] = 2;
  std::string data;
  appendTQ2Block(data, trits, 0x3c00);
  EXPECT_EQ(analyze(StorageType::TQ2_0, data, 1, 256).contradiction,
            "row 0 holds the code 3, which is no trit");
  trits[7] = -1;
  data.clear();
  appendTQ2Block(data, trits, 0x3c00);
  EXPECT_EQ(analyze(StorageType::TQ2_0, data, 1, 256).contradiction,
            "element [0, 7] is -1 but element [0, 200] is 2");
}

TEST(TernaryAnalysis, DecodesOnlyScalesThatAreThere) {
  TemporaryFile file(
      encodeFloats(StorageType::F32, 2, 64, [](int64_t r, int64_t c) {
        return r == 1 && c >= 32 ? 2.0f : 1.0f;
      }));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, StorageType::F32, 2, 64));
  std::vector<float> scales(4);
  auto message = [&](int64_t first, int64_t count, int64_t group) {
    return toString(source.decodeScales(first, count, group, scales.data()));
  };
  EXPECT_EQ(message(0, 1, 64), "");
  EXPECT_EQ(message(0, 2, 32), "");
  EXPECT_EQ(scales, (std::vector<float>{1, 1, 1, 2}));
  EXPECT_NE(message(0, 2, 64).find("row 1 of the matrix at byte 0 is not "
                                   "ternary in groups of 64"),
            std::string::npos);
  for (int64_t group : {-1, 0, 16, 48})
    EXPECT_NE(message(0, 1, group).find("expected a group of a multiple of 32"),
              std::string::npos)
        << group;
  EXPECT_NE(message(1, 2, 32), "");
}

//===----------------------------------------------------------------------===//
// Absmean quantization
//===----------------------------------------------------------------------===//

TEST(AbsmeanQuantization, RoundsHalfToEven) {
  // The mean magnitude is 1, so that weights are rounded as they are.
  std::vector<float> weights = {0.5f,  -0.5f,  1.5f, -1.5f,
                                0.75f, -0.25f, 2.0f, 1.0f};
  TemporaryFile file(
      encodeFloats(StorageType::F32, 2, 4,
                   [&](int64_t r, int64_t c) { return weights[r * 4 + c]; }));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, StorageType::F32, 2, 4));
  float multiplier = cantFail(source.computeAbsmeanMultiplier());
  EXPECT_EQ(multiplier, 1.0f);
  std::vector<int8_t> trits(8);
  cantFail(source.quantizeAbsmean(0, 2, multiplier, trits.data()));
  EXPECT_EQ(trits, (std::vector<int8_t>{0, 0, 1, -1, 1, 0, 1, 1}));
  cantFail(source.quantizeAbsmean(1, 1, multiplier, trits.data()));
  EXPECT_EQ(trits[0], 1);
}

TEST(AbsmeanQuantization, FollowsTheFormula) {
  const int64_t numRows = 130, numCols = 1003;
  std::mt19937 random(6);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> weights(numRows * numCols);
  double sum = 0;
  for (float &weight : weights) {
    weight = normal(random);
    sum += std::fabs(double(weight));
  }
  TemporaryFile file(encodeFloats(
      StorageType::F32, numRows, numCols,
      [&](int64_t r, int64_t c) { return weights[r * numCols + c]; }));
  WeightSource source = cantFail(WeightSource::open(
      file.getPath(), 0, StorageType::F32, numRows, numCols));
  float multiplier = cantFail(source.computeAbsmeanMultiplier());
  EXPECT_NEAR(multiplier * sum / weights.size(), 1.0, 1e-6);
  std::vector<int8_t> trits(weights.size());
  cantFail(source.quantizeAbsmean(0, numRows, multiplier, trits.data()));
  for (size_t i = 0; i < weights.size(); ++i) {
    float rounded = std::nearbyint(weights[i] * multiplier);
    ASSERT_EQ(trits[i], std::max(-1.0f, std::min(1.0f, rounded))) << i;
  }
}

TEST(AbsmeanQuantization, BoundsTheMultiplier) {
  TemporaryFile zeros(std::string(64, '\0'));
  WeightSource source =
      cantFail(WeightSource::open(zeros.getPath(), 0, StorageType::F32, 4, 4));
  EXPECT_EQ(cantFail(source.computeAbsmeanMultiplier()), 1.0f / 1e-5f);
}

TEST(AbsmeanQuantization, RefusesWhatIsNotFinite) {
  for (float special : {INFINITY, NAN}) {
    TemporaryFile file(
        encodeFloats(StorageType::F32, 1, 9, [&](int64_t, int64_t c) {
          return c == 8 ? special : 1.0f;
        }));
    WeightSource source =
        cantFail(WeightSource::open(file.getPath(), 0, StorageType::F32, 1, 9));
    Expected<float> multiplier = source.computeAbsmeanMultiplier();
    EXPECT_FALSE(bool(multiplier));
    consumeError(multiplier.takeError());
  }
}
