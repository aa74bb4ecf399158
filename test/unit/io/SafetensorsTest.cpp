//===- SafetensorsTest.cpp - Unit tests of io/Safetensors.h ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Round trips, conversion of narrow floats, and headers that lie.
//
//===----------------------------------------------------------------------===//

#include "io/Safetensors.h"

#include "io/File.h"
#include "io/TemporaryFolder.h"

#include <cmath>
#include <gtest/gtest.h>

namespace sterna {
namespace {

/// A file with the given JSON header and data.
std::string safetensorsFile(const std::string &header,
                            const std::string &data) {
  std::string file;
  for (unsigned i = 0; i < 8; ++i)
    file += static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file + header + data;
}

/// A header with one tensor.
std::string oneTensor(const std::string &type, const std::string &shape,
                      const std::string &offsets) {
  return "{\"x\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}}";
}

TEST(SafetensorsTest, RoundTripInOrderOfName) {
  TemporaryFolder folder;
  std::vector<float> b = {1, -2, 3.5f, 0, 1e-30f, INFINITY};
  std::vector<float> a = {42};
  std::string path = folder.path("x.safetensors");
  ASSERT_TRUE(writeSafetensors(path, {{"b", {2, 3}, b.data()},
                                      {"a", {}, a.data()},
                                      {"empty", {0, 5}, nullptr}})
                  .ok());
  auto tensors = readSafetensors(path);
  ASSERT_TRUE(tensors.ok()) << tensors.message();
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].shape, std::vector<uint64_t>());
  EXPECT_EQ((*tensors)[0].data, a);
  EXPECT_EQ((*tensors)[1].name, "b");
  EXPECT_EQ((*tensors)[1].shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ((*tensors)[1].data, b);
  EXPECT_TRUE((*tensors)[2].data.empty());
  EXPECT_EQ(folder.count(), 1u) << "temporary files were left behind";
}

TEST(SafetensorsTest, HeaderIsAlignedAndNamesItsFormat) {
  TemporaryFolder folder;
  float one = 1;
  std::string path = folder.path("x.safetensors");
  ASSERT_TRUE(writeSafetensors(path, {{"tensor", {1}, &one}}).ok());
  std::string content = folder.read("x.safetensors");
  EXPECT_EQ((content.size() - sizeof(float)) % 8, 0u);
  EXPECT_NE(content.find("\"__metadata__\":{\"format\":\"pt\"}"),
            std::string::npos)
      << content;
}

TEST(SafetensorsTest, ConvertsNarrowFloats) {
  TemporaryFolder folder;
  // 1, -2, smallest subnormal, largest, infinity, -0
  std::string half("\x00\x3c\x00\xc0\x01\x00\xff\x7b\x00\x7c\x00\x80", 12);
  auto tensors = readSafetensors(folder.write(
      "x", safetensorsFile(oneTensor("F16", "[6]", "[0,12]"), half)));
  ASSERT_TRUE(tensors.ok()) << tensors.message();
  const std::vector<float> &values = (*tensors)[0].data;
  EXPECT_EQ(values, (std::vector<float>{1, -2, 0x1p-24f, 65504, INFINITY, 0}));
  EXPECT_TRUE(std::signbit(values[5]));

  std::string bfloat("\x80\x3f\x49\xc0", 4);
  tensors = readSafetensors(folder.write(
      "x", safetensorsFile(oneTensor("BF16", "[2,1]", "[0,4]"), bfloat)));
  ASSERT_TRUE(tensors.ok()) << tensors.message();
  EXPECT_EQ((*tensors)[0].data, (std::vector<float>{1, -3.140625f}));
}

TEST(SafetensorsTest, RefusesHostileHeaders) {
  TemporaryFolder folder;
  std::string four(4, '\0');
  const std::string headers[] = {
      "",
      "{",
      "[]",
      "{\"x\":1}",
      "{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}",
      oneTensor("F64", "[1]", "[0,8]"),
      oneTensor("F32", "[-1]", "[0,4]"),
      oneTensor("F32", "[1.5]", "[0,4]"),
      oneTensor("F32", "1", "[0,4]"),
      oneTensor("F32", "[1]", "[4,0]"),
      oneTensor("F32", "[1]", "[0]"),
      oneTensor("F32", "[2]", "[0,8]"),
      oneTensor("F32", "[0]", "[0,0]"),
      oneTensor("F32", "[1]", "[4,8]"),
      oneTensor("F32", "[4611686018427387905]", "[0,4]"),
      oneTensor("F32", "[4611686018427387904,4]", "[0,0]"),
      oneTensor("F32", "[1]", "[18446744073709551612,18446744073709551616]"),
      // A name that occurs twice, and what nobody reads nested too deeply.
      ("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
       "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
      "{\"__metadata__\":" + std::string(100000, '[') +
          std::string(100000, ']') +
          ",\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      // Two tensors that share bytes.
      ("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
       "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
  };
  for (const std::string &header : headers)
    EXPECT_FALSE(
        readSafetensors(folder.write("x", safetensorsFile(header, four))).ok())
        << header;
}

TEST(SafetensorsTest, RefusesAbsurdLengthsAndTruncation) {
  TemporaryFolder folder;
  EXPECT_FALSE(readSafetensors(folder.write("x", std::string(8, '\xff'))).ok());
  std::string content =
      safetensorsFile(oneTensor("F32", "[1]", "[0,4]"), "abcd");
  for (size_t size = 0; size < content.size(); ++size)
    EXPECT_FALSE(
        readSafetensors(folder.write("x", content.substr(0, size))).ok())
        << size;
  EXPECT_TRUE(readSafetensors(folder.write("x", content)).ok());
  std::string deep(100000, '[');
  EXPECT_FALSE(
      readSafetensors(folder.write("x", safetensorsFile(deep, ""))).ok());
}

TEST(SafetensorsTest, EncodesWhatItWrites) {
  TemporaryFolder folder;
  const float values[] = {1, -2.5f, 3e-40f};
  const std::vector<NamedTensorView> tensors = {
      {"b", {3}, values}, {"a", {1, 2}, values}, {"none", {0}, values}};
  Expected<std::string> bytes = encodeSafetensors(tensors, {});
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  ASSERT_TRUE(writeSafetensors(folder.path("x"), tensors).ok());
  Expected<std::string> file = readFile(folder.path("x"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*bytes, *file);

  const SafetensorsMetadata metadata = {{"step", "3"}, {"\"", "\n\xC3\xA4"}};
  bytes = encodeSafetensors(tensors, metadata);
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  SafetensorsMetadata read;
  auto decoded = decodeSafetensors("x", *bytes, &read);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(read.erase("format"), 1u);
  EXPECT_EQ(read, metadata);
  ASSERT_EQ(decoded->size(), 3u);
  EXPECT_EQ((*decoded)[0].name, "a");
  EXPECT_EQ((*decoded)[1].data, std::vector<float>(values, values + 3));
  EXPECT_FALSE(encodeSafetensors({{"", {1}, values}}, {}).ok());
}

TEST(SafetensorsTest, RefusesToWriteNamesTwice) {
  TemporaryFolder folder;
  float one = 1;
  EXPECT_FALSE(
      writeSafetensors(folder.path("x"), {{"a", {1}, &one}, {"a", {1}, &one}})
          .ok());
  EXPECT_FALSE(
      writeSafetensors(folder.path("x"), {{"__metadata__", {1}, &one}}).ok());
  EXPECT_EQ(folder.count(), 0u);
}

} // namespace
} // namespace sterna
