//===- StorageLayoutsTest.cpp - Tests of where weights lie ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bytes, read weight by weight from the definition of each layout, at
// shapes that divide as little as the format allows; and damage of the layouts
// whose rows are not whole blocks.
//
//===----------------------------------------------------------------------===//

#include "../import/ModelBytes.h"
#include "sterna/Weights/WeightSource.h"

#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

#include <random>

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

namespace {

/// The bytes of a matrix, and each weight by the definition of its format.
struct Definition {
  StorageType type;
  const uint8_t *bytes;
  int64_t rows, columns;

  float half(const uint8_t *at) const {
    return static_cast<float>(halfValue(at[0] | at[1] << 8));
  }

  float single(const uint8_t *at) const {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }

  /// The block of weight `index` of the matrix.
  const uint8_t *block(int64_t index) const {
    const StorageFormat &format = getStorageFormat(type);
    return bytes + index / format.blockSize * format.blockBytes;
  }

  static int digit(uint8_t byte, int n) {
    int powers[] = {1, 3, 9, 27, 81};
    return (byte * powers[n] & 255) * 3 >> 8;
  }

  float ptq1(const uint8_t *b, int e) const {
    int code;
    if (e < 80)
      code = digit(b[e & 15], e >> 4);
    else if (e < 120)
      code = digit(b[16 + ((e - 80) & 7)], (e - 80) >> 3);
    else
      code = digit(b[24 + ((e - 120) & 1)], (e - 120) >> 1);
    return static_cast<float>(code - 1) * half(b + 26);
  }

  float stq1(const uint8_t *b, int e) const {
    int group = e / 64 * 16 + e % 16, lane = e % 64 / 16;
    int code = b[group / 2] >> (4 * (group & 1)) & 15;
    bool flipped = b[32 + group / 8] >> (group & 7) & 1;
    int zero = code / 4, sign = flipped ? -1 : 1;
    if (lane == zero)
      return 0 * half(b + 40);
    int other = lane - (lane > zero); // of the three that are not zero
    bool differs = other > 0 && (code >> (other - 1) & 1);
    return static_cast<float>(differs ? -sign : sign) * half(b + 40);
  }

  /// Blocks of `b` with scales and offsets of six bits.
  float offsetBlock(const uint8_t *b, int e, const uint8_t *fifths,
                    const uint8_t *nibbles) const {
    int sub = e / 32;
    const uint8_t *q = b + 4;
    int scale, offset;
    if (sub < 4) {
      scale = q[sub] & 63;
      offset = q[sub + 4] & 63;
    } else {
      scale = (q[sub + 4] & 15) | (q[sub - 4] >> 6 << 4);
      offset = (q[sub + 4] >> 4) | (q[sub] >> 6 << 4);
    }
    int code = nibbles[e / 64 * 32 + e % 32] >> (e % 64 < 32 ? 0 : 4) & 15;
    if (fifths)
      code += 16 * (fifths[e % 32] >> sub & 1);
    float product = half(b) * float(scale), minimum = half(b + 2) * offset;
    product *= float(code);
    return product - minimum;
  }

  float q6(const uint8_t *b, int e) const {
    int n = e / 128, l = e % 32, run = e % 128 / 32;
    const uint8_t *low = b + 64 * n, *high = b + 128 + 32 * n;
    int bits[] = {low[l] & 15, low[l + 32] & 15, low[l] >> 4, low[l + 32] >> 4};
    int code = bits[run] | (high[l] >> (2 * run) & 3) << 4;
    auto scale = static_cast<int8_t>(b[192 + e / 16]);
    float product = half(b + 208) * float(scale);
    return product * float(code - 32);
  }

  /// The signed integer of `bits` that is number `index` of a packed run.
  float integerOf(int64_t index, int bits) const {
    int64_t at = index * bits;
    int value = bytes[at / 8] >> (at % 8) & ((1 << bits) - 1);
    if (value >= 1 << (bits - 1))
      value -= 1 << bits;
    return static_cast<float>(value);
  }

  /// The two-bit code of weight `index` of a run of bytes for `lanes` weights.
  int codeOfRun(int64_t index, int lanes) const {
    int e = static_cast<int>(index % (4 * lanes));
    return bytes[index / (4 * lanes) * lanes + e % lanes] >>
               (6 - 2 * (e / lanes)) &
           3;
  }

  int codeOfNeighbours(const uint8_t *codes, int64_t j) const {
    return codes[j / 4] >> (2 * (j % 4)) & 3;
  }

  /// The code where two bits are all there is for a weight, else nothing.
  std::optional<int> code(int64_t r, int64_t c) const {
    int64_t index = r * columns + c;
    switch (type) {
    case StorageType::Q2_0:
      return codeOfNeighbours(block(index) + 2, index % 64);
    case StorageType::PQ2_0:
      return codeOfNeighbours(block(index) + 2, index % 128);
    case StorageType::MLXU2:
      return codeOfNeighbours(bytes, index);
    case StorageType::I2_S:
      return codeOfRun(index, 32);
    case StorageType::I2_S_ARM:
      return codeOfRun(index, 16);
    case StorageType::BitNetU8:
      return bytes[r % (rows / 4) * columns + c] >> (2 * (r / (rows / 4))) & 3;
    default:
      return std::nullopt;
    }
  }

  float scaleOfCodes(int64_t index) const {
    if (!getStorageFormat(type).hasScales)
      return 1;
    if (getStorageFormat(type).layout == RowLayout::Run)
      return single(bytes + rows * columns / 4);
    return half(block(index));
  }

  float weight(int64_t r, int64_t c) const {
    int64_t index = r * columns + c;
    const uint8_t *b = block(index);
    if (std::optional<int> bits = code(r, c)) {
      if (*bits == 3 && getStorageFormat(type).layout != RowLayout::Blocks)
        return NAN;
      return static_cast<float>(*bits - 1) * scaleOfCodes(index);
    }
    int e = static_cast<int>(index % getStorageFormat(type).blockSize);
    switch (type) {
    case StorageType::Q4_0:
      return float((b[2 + e % 16] >> (e / 16 * 4) & 15) - 8) * half(b);
    case StorageType::Q4_K:
      return offsetBlock(b, e, nullptr, b + 16);
    case StorageType::Q5_K:
      return offsetBlock(b, e, b + 16, b + 48);
    case StorageType::Q6_K:
      return q6(b, e);
    case StorageType::PTQ1_0:
      return ptq1(b, e);
    case StorageType::STQ1_0:
      return stq1(b, e);
    case StorageType::F32Columns:
      return single(bytes + 4 * (c * rows + r));
    case StorageType::F16Columns:
      return half(bytes + 2 * (c * rows + r));
    case StorageType::BF16Columns: {
      const uint8_t *at = bytes + 2 * (c * rows + r);
      uint32_t word = uint32_t(at[0] | at[1] << 8) << 16;
      return single(reinterpret_cast<const uint8_t *>(&word));
    }
    case StorageType::I8:
      return integerOf(index, 8);
    case StorageType::I4:
      return integerOf(index, 4);
    case StorageType::I2:
      return integerOf(index, 2);
    case StorageType::I8Columns:
      return integerOf(c * rows + r, 8);
    default:
      return NAN;
    }
  }
};

struct Shape {
  StorageType type;
  int64_t rows, columns;
};

/// For messages of failures.
void PrintTo(const Shape &shape, std::ostream *out) {
  *out << stringifyStorageType(shape.type).str() << " " << shape.rows << " x "
       << shape.columns;
}

class Layouts : public testing::TestWithParam<Shape> {
protected:
  /// Random bytes of the matrix, in which every half and single that is a scale
  /// is finite; without the code 3 if `valid`.
  std::string makeBytes(bool valid) const {
    auto [type, rows, columns] = GetParam();
    const StorageFormat &format = getStorageFormat(type);
    std::mt19937 random(7);
    std::string data(*format.getMatrixBytes(rows, columns), '\0');
    for (char &byte : data)
      byte = static_cast<char>(random());
    if (valid && format.widen) // -1, 0 and 1 of any width
      for (char &byte : data)
        byte = format.blockSize == 4   ? "\x7d\x40\x13\x00"[byte & 3]
               : format.blockSize == 2 ? "\x1f\xf0\x01\x00"[byte & 3]
                                       : "\xff\x00\x01\x00"[byte & 3];
    else if (valid) // 3 becomes 2 in every pair of bits
      for (char &byte : data)
        byte = static_cast<char>(byte & ~(byte >> 1 & 0x55));
    if (format.layout == RowLayout::Run) {
      float scale = 0.0375f;
      std::memcpy(&data[rows * columns / 4], &scale, 4);
    }
    // Bit 14 of a half is the highest of its exponent.
    if (format.layout == RowLayout::Blocks && format.hasScales)
      for (size_t at = 0; at < data.size(); at += format.blockBytes)
        for (size_t end : halves(type))
          data[at + end] = static_cast<char>(data[at + end] & 0xbf);
    return data;
  }

  /// The last byte of each half in a block.
  static std::vector<size_t> halves(StorageType type) {
    switch (type) {
    case StorageType::Q4_K:
    case StorageType::Q5_K:
      return {1, 3};
    case StorageType::Q6_K:
      return {209};
    case StorageType::PTQ1_0:
      return {27};
    case StorageType::STQ1_0:
      return {41};
    default:
      return {1};
    }
  }

  WeightSource open(const std::string &data) {
    file.emplace("!" + data);
    auto [type, rows, columns] = GetParam();
    return cantFail(
        WeightSource::open(file->getPath(), 1, type, rows, columns));
  }

  Definition define(const std::string &data) const {
    auto [type, rows, columns] = GetParam();
    return {type, reinterpret_cast<const uint8_t *>(data.data()), rows,
            columns};
  }

  std::optional<TemporaryFile> file;
};

INSTANTIATE_TEST_SUITE_P(
    StorageLayouts, Layouts,
    testing::Values(
        Shape{StorageType::Q4_0, 7, 96}, Shape{StorageType::Q4_K, 5, 768},
        Shape{StorageType::Q5_K, 5, 768}, Shape{StorageType::Q6_K, 5, 768},
        Shape{StorageType::Q2_0, 7, 192}, Shape{StorageType::PQ2_0, 7, 384},
        Shape{StorageType::PTQ1_0, 7, 384}, Shape{StorageType::STQ1_0, 5, 768},
        Shape{StorageType::I2_S, 4, 96}, Shape{StorageType::I2_S, 12, 160},
        Shape{StorageType::I2_S, 128, 3}, Shape{StorageType::I2_S, 18, 8640},
        Shape{StorageType::I2_S_ARM, 2, 96},
        Shape{StorageType::I2_S_ARM, 14, 160},
        Shape{StorageType::I2_S_ARM, 64, 5},
        Shape{StorageType::I2_S_ARM, 19, 8640},
        Shape{StorageType::BitNetU8, 4, 37},
        Shape{StorageType::BitNetU8, 148, 1003},
        Shape{StorageType::MLXU2, 7, 48}, Shape{StorageType::MLXU2, 61, 2064},
        Shape{StorageType::F32Columns, 7, 33},
        Shape{StorageType::F32Columns, 300, 2064},
        Shape{StorageType::F16Columns, 7, 33},
        Shape{StorageType::BF16Columns, 300, 5}, Shape{StorageType::I8, 7, 33},
        Shape{StorageType::I4, 7, 34}, Shape{StorageType::I2, 61, 2064},
        Shape{StorageType::I8Columns, 7, 33},
        Shape{StorageType::I8Columns, 300, 2064}),
    [](const auto &info) {
      return stringifyStorageType(info.param.type).str() + "_" +
             std::to_string(info.param.rows) + "x" +
             std::to_string(info.param.columns);
    });

/// Both are no number, or they have the same bits.
bool areSame(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         (a == b && std::signbit(a) == std::signbit(b));
}

TEST_P(Layouts, WeightsAreWhereTheDefinitionSays) {
  std::string data = makeBytes(/*valid=*/false);
  WeightSource source = open(data);
  Definition defined = define(data);
  int64_t rows = source.getNumRows(), columns = source.getNumCols();
  // All at once, and by ranges that begin and end anywhere.
  for (int64_t step : {rows, int64_t(1), int64_t(3)})
    for (int64_t row = 0; row < rows; row += step) {
      int64_t count = std::min(step, rows - row);
      std::vector<float> weights(count * columns);
      std::vector<int8_t> trits(count * columns);
      cantFail(source.decodeRows(row, count, weights.data()));
      cantFail(source.decodeTrits(row, count, trits.data()));
      for (int64_t i = 0; i < count * columns; ++i) {
        float expected = defined.weight(row + i / columns, i % columns);
        ASSERT_TRUE(areSame(weights[i], expected))
            << row << " + " << i << ": " << weights[i] << ", not " << expected;
        if (!std::isnan(expected))
          ASSERT_EQ(trits[i], (expected > 0) - (expected < 0));
      }
    }
}

TEST_P(Layouts, ScalesAreThoseOfTheWeights) {
  const StorageFormat &format = getStorageFormat(GetParam().type);
  if (format.isFloat)
    return; // random floats are not ternary
  std::string data = makeBytes(/*valid=*/true);
  WeightSource source = open(data);
  Definition defined = define(data);
  TernaryAnalysis analysis = cantFail(source.analyzeTernary());
  ASSERT_TRUE(analysis.isTernary) << analysis.contradiction;
  int64_t rows = source.getNumRows(), columns = source.getNumCols();
  bool byBlock = format.layout == RowLayout::Blocks && format.hasScales;
  int64_t group = byBlock ? format.blockSize : columns;
  EXPECT_EQ(analysis.granularity,
            byBlock ? ScaleGranularity::Group : ScaleGranularity::Tensor);
  EXPECT_EQ(analysis.groupSize, group);
  int64_t groups = divideCeil(columns, group);
  std::vector<float> scales(rows * groups);
  cantFail(source.decodeScales(0, rows, group, scales.data()));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      float largest = 0;
      for (int64_t c = g * group; c < std::min(columns, (g + 1) * group); ++c)
        largest = std::max(largest, std::fabs(defined.weight(r, c)));
      ASSERT_EQ(scales[r * groups + g], largest) << r << ", " << g;
    }
}

TEST_P(Layouts, RefusesTheCodeThatIsNoTrit) {
  auto [type, rows, columns] = GetParam();
  std::string data = makeBytes(/*valid=*/true);
  if (!define(data).code(0, 0))
    return; // every code is a trit
  // All bits of the byte of the last weight, wherever that is.
  std::string changed = data;
  for (size_t at = 0;
       at < data.size() && define(changed).code(rows - 1, columns - 1) != 3;
       ++at) {
    changed = data;
    changed[at] = '\xff';
  }
  ASSERT_EQ(define(changed).code(rows - 1, columns - 1), 3);
  TernaryAnalysis analysis = cantFail(open(changed).analyzeTernary());
  EXPECT_FALSE(analysis.isTernary);
  if (getStorageFormat(type).layout != RowLayout::Blocks)
    EXPECT_NE(analysis.contradiction.find("has the code 3, which is no trit"),
              std::string::npos)
        << analysis.contradiction;
}

TEST_P(Layouts, RefusesAFileThatIsAByteShort) {
  auto [type, rows, columns] = GetParam();
  std::string data = makeBytes(/*valid=*/true);
  data.pop_back();
  TemporaryFile shorter(data);
  Expected<WeightSource> source =
      WeightSource::open(shorter.getPath(), 0, type, rows, columns);
  ASSERT_FALSE(bool(source));
  std::string text = toString(source.takeError());
  EXPECT_NE(text.find("but the file ends at"), std::string::npos) << text;
}

/// The error of opening a matrix of zeros with the scale of a run after them.
std::string openRun(float scale, int64_t rows, int64_t columns) {
  TemporaryFile file(encodeRun(std::vector<int8_t>(512), 32, scale));
  Expected<WeightSource> source =
      WeightSource::open(file.getPath(), 0, StorageType::I2_S, rows, columns);
  return source ? "" : toString(source.takeError());
}

TEST(StorageLayouts, ScaleOfARunIsFinite) {
  EXPECT_EQ(openRun(-2, 4, 128), "");
  EXPECT_EQ(openRun(0, 4, 128), "");
  for (float scale : {INFINITY, -INFINITY, NAN}) {
    std::string text = openRun(scale, 4, 128);
    EXPECT_NE(text.find("expected a finite scale of the I2_S matrix at byte 0"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("at byte 128"), std::string::npos) << text;
  }
}

TEST(StorageLayouts, NegativeScaleOfARunSwapsSigns) {
  std::vector<int8_t> trits(128);
  trits[5] = 1;
  trits[77] = -1;
  TemporaryFile file(encodeRun(trits, 32, -0.5f));
  WeightSource source =
      cantFail(WeightSource::open(file.getPath(), 0, StorageType::I2_S, 2, 64));
  TernaryAnalysis analysis = cantFail(source.analyzeTernary());
  ASSERT_TRUE(analysis.isTernary);
  EXPECT_EQ(analysis.scale, 0.5f);
  std::vector<int8_t> decoded(128);
  cantFail(source.decodeTrits(0, 2, decoded.data()));
  EXPECT_EQ(decoded[5], -1);
  EXPECT_EQ(decoded[77], 1);
}

TEST(StorageLayouts, SaysWhatMustDivide) {
  EXPECT_NE(openRun(1, 3, 100).find("weights to be a multiple of 128 for I2_S, "
                                    "but got 3 x 100"),
            std::string::npos);
  TemporaryFile file(std::string(64, '\0'));
  auto message = [&](StorageType type, int64_t rows, int64_t columns) {
    return toString(
        WeightSource::open(file.getPath(), 0, type, rows, columns).takeError());
  };
  EXPECT_NE(message(StorageType::BitNetU8, 6, 4)
                .find("rows to be a multiple "
                      "of 4 for BitNet U8"),
            std::string::npos);
  EXPECT_NE(message(StorageType::MLXU2, 4, 24)
                .find("columns to be a multiple "
                      "of 16 for MLX 2-bit"),
            std::string::npos);
}

} // namespace
