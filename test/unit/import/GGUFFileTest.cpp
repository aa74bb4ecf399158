//===- GGUFFileTest.cpp - Tests of GGUF reading ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Headers written byte by byte: what a good one yields, and that every way of
// damaging one ends in an error.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/GGUFFile.h"
#include "ModelBytes.h"

#include "gtest/gtest.h"

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

static Expected<GGUFFile> parse(const std::string &data) {
  return GGUFFile::parse(MemoryBuffer::getMemBufferCopy(data, "file"));
}

/// Returns the message of the error, or "" on success.
template <typename T> static std::string message(Expected<T> value) {
  return value ? std::string() : toString(value.takeError());
}

/// A file with a key of every kind and two tensors. `headerSize` is where the
/// header ends and the tensor data, padding aside, begins.
static std::string makeFile(size_t *headerSize = nullptr) {
  Bytes file = ggufHeader(2, 11);
  file.key("general.alignment", 4).u32(64);
  file.key("a.u8", 0).number<uint8_t>(200);
  file.key("a.i32", 5).number<int32_t>(-7);
  file.key("a.u64", 10).u64(~uint64_t(0));
  file.key("a.f32", 6).number(1.5f);
  file.key("a.f64", 12).number(2.5);
  file.key("a.bool", 7).number<uint8_t>(1);
  file.key("a.string", 8).string("text");
  file.key("a.strings", 9).u32(8).u64(3).string("x").string("").string("yz");
  file.key("a.floats", 9).u32(6).u64(2).number(0.25f).number(-1.0f);
  file.key("a.ints", 9).u32(5).u64(2).number<int32_t>(3).number<int32_t>(-4);
  file.tensor("w", {3, 2}, 0, 0).tensor("v", {256}, 35, 64);
  if (headerSize)
    *headerSize = file.data.size();
  file.pad(64);
  for (int i = 0; i < 6; ++i)
    file.number(float(i));
  file.pad(64);
  file.data.append(66, '\x55');
  return file.data;
}

TEST(GGUFFile, ReadsEveryKind) {
  Expected<GGUFFile> file = parse(makeFile());
  ASSERT_TRUE(bool(file)) << toString(file.takeError());
  EXPECT_EQ(file->getVersion(), 3u);
  EXPECT_EQ(file->getKeys().size(), 11u);
  EXPECT_EQ(file->getKeys()[1], "a.u8");
  EXPECT_EQ(cantFail(file->getU64("a.u8")), 200u);
  EXPECT_EQ(cantFail(file->getU64("a.u64")), ~uint64_t(0));
  EXPECT_EQ(cantFail(file->getF32("a.f32")), 1.5f);
  EXPECT_EQ(cantFail(file->getF32("a.f64")), 2.5f);
  EXPECT_TRUE(cantFail(file->getBool("a.bool")));
  EXPECT_EQ(cantFail(file->getString("a.string")), "text");
  EXPECT_EQ(cantFail(file->getStringArray("a.strings")),
            (std::vector<StringRef>{"x", "", "yz"}));
  EXPECT_EQ(cantFail(file->getF32Array("a.floats")),
            (std::vector<float>{0.25f, -1.0f}));
  EXPECT_EQ(cantFail(file->getI64Array("a.ints")),
            (std::vector<int64_t>{3, -4}));
}

TEST(GGUFFile, DefaultsApplyToAbsentKeysOnly) {
  GGUFFile file = cantFail(parse(makeFile()));
  EXPECT_FALSE(file.hasKey("none"));
  EXPECT_EQ(cantFail(file.getU64Or("none", 5)), 5u);
  EXPECT_EQ(cantFail(file.getBoolOr("none", true)), true);
  EXPECT_EQ(cantFail(file.getStringOr("none", "d")), "d");
  EXPECT_EQ(message(file.getU64Or("a.string", 5)),
            "file: expected metadata key 'a.string' to be an integer, but got "
            "string");
}

TEST(GGUFFile, MismatchNamesKeyAndType) {
  GGUFFile file = cantFail(parse(makeFile()));
  EXPECT_EQ(message(file.getString("none")),
            "file: expected metadata key 'none', but the file does not have "
            "it");
  EXPECT_EQ(message(file.getF32("a.u8")),
            "file: expected metadata key 'a.u8' to be f32, but got u8");
  EXPECT_EQ(message(file.getStringArray("a.floats")),
            "file: expected metadata key 'a.floats' to be array of string, "
            "but got array of f32");
  EXPECT_EQ(message(file.getU64("a.i32")),
            "file: expected metadata key 'a.i32' not to be negative, but got "
            "-7");
  EXPECT_NE(message(file.getBool("a.u8")), "");
  EXPECT_NE(message(file.getString("a.strings")), "");
  EXPECT_NE(message(file.getF32Array("a.f32")), "");
  EXPECT_NE(message(file.getI64Array("a.strings")), "");
}

TEST(GGUFFile, ListsTensors) {
  GGUFFile file = cantFail(parse(makeFile()));
  ASSERT_EQ(file.getTensors().size(), 2u);
  const GGUFTensor &w = file.getTensors()[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.dims, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(w.getTypeName(), "F32");
  EXPECT_EQ(w.size, 24u);
  EXPECT_EQ(w.offset % 64, 0u);
  const GGUFTensor *v = file.findTensor("v");
  ASSERT_NE(v, nullptr);
  EXPECT_EQ(v->getStorage(), StorageType::TQ2_0);
  EXPECT_EQ(v->offset, w.offset + 64);
  EXPECT_EQ(v->size, 66u);
  EXPECT_EQ(file.findTensor("u"), nullptr);
}

TEST(GGUFFile, OpensWeightsFromDisk) {
  TemporaryFile disk(makeFile());
  GGUFFile file = cantFail(GGUFFile::open(disk.getPath()));
  GGUFFile moved = std::move(file);
  WeightSource source = cantFail(moved.openWeight(*moved.findTensor("w")));
  std::vector<float> rows(6);
  cantFail(source.decodeRows(0, 2, rows.data()));
  EXPECT_EQ(rows, (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST(GGUFFile, RefusesToOpenOtherTypes) {
  Bytes bytes = ggufHeader(1, 0);
  bytes.tensor("q", {32}, 3, 0).pad(32).data.append(20, '\0');
  GGUFFile file = cantFail(parse(bytes.data));
  EXPECT_EQ(message(file.openWeight(file.getTensors()[0])),
            "file: tensor 'q' has type Q4_1, expected F32, F16, BF16, Q8_0, "
            "Q4_0, Q4_K, Q5_K, Q6_K, TQ1_0, TQ2_0, Q2_0, PQ2_0, PTQ1_0, STQ1_0 "
            "or I2_S");
}

TEST(GGUFFile, RefusesWhatIsNoFile) {
  EXPECT_NE(message(GGUFFile::open("/nonexistent/model.gguf")), "");
  EXPECT_NE(message(GGUFFile::open("/")), "");
  EXPECT_NE(message(GGUFFile::open("/dev/zero")), "");
  EXPECT_NE(message(parse("")), "");
}

TEST(GGUFFile, RefusesEveryTruncation) {
  size_t headerSize;
  std::string data = makeFile(&headerSize);
  for (size_t size = 0; size < data.size(); ++size)
    EXPECT_NE(message(parse(data.substr(0, size))), "") << size;
  EXPECT_EQ(message(parse(data)), "");
}

// A changed byte may give another good file, but never a crash; whatever it
// gives must be readable to the end.
TEST(GGUFFile, SurvivesEveryChangedByte) {
  size_t headerSize;
  std::string data = makeFile(&headerSize);
  for (size_t position = 0; position < headerSize; ++position)
    for (int bits : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      std::string changed = data;
      changed[position] = static_cast<char>(changed[position] ^ bits);
      Expected<GGUFFile> file = parse(changed);
      if (!file) {
        consumeError(file.takeError());
        continue;
      }
      for (StringRef key : file->getKeys()) {
        message(file->getU64(key));
        message(file->getF32(key));
        message(file->getBool(key));
        message(file->getString(key));
        message(file->getStringArray(key));
        message(file->getF32Array(key));
        message(file->getI64Array(key));
      }
      for (const GGUFTensor &tensor : file->getTensors())
        EXPECT_LE(tensor.offset + tensor.size, data.size());
    }
}

/// Expects that parsing `bytes` fails with a message that contains `part`.
static void expectRefused(const Bytes &bytes, const std::string &part) {
  std::string text = message(parse(bytes.data));
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(GGUFFile, RefusesBadHeaders) {
  Bytes bytes;
  bytes.data = "GGML";
  expectRefused(bytes, "expected a GGUF file");
  expectRefused(ggufHeader(0, 0, 1), "but got version 1");
  expectRefused(ggufHeader(0, 0, 4), "but got version 4");
  expectRefused(ggufHeader(0, 0, 0x03000000), "big-endian");
  expectRefused(ggufHeader(0, ~uint64_t(0)), "metadata keys");
  expectRefused(ggufHeader(~uint64_t(0), 0), "tensors");
  EXPECT_EQ(message(parse(ggufHeader(0, 0, 2).data)), "");
}

TEST(GGUFFile, RefusesBadMetadata) {
  expectRefused(ggufHeader(0, 1).key("", 0).u64(0).u64(0),
                "expected 1 to 65535 bytes");
  expectRefused(ggufHeader(0, 1).u64(~uint64_t(0)).u64(0).u64(0),
                "name of key");
  expectRefused(ggufHeader(0, 1).key("k", 13).u64(0), "value type");
  expectRefused(ggufHeader(0, 1).key("k", 7).number<uint8_t>(2),
                "expected 0 or 1");
  expectRefused(ggufHeader(0, 1).key("k", 8).u64(~uint64_t(0)), "value of key");
  expectRefused(ggufHeader(0, 1).key("k", 9).u32(9).u64(1), "array of arrays");
  expectRefused(ggufHeader(0, 1).key("k", 9).u32(12).u64(uint64_t(1) << 61),
                "elements for key");
  expectRefused(ggufHeader(0, 1).key("k", 9).u32(8).u64(uint64_t(1) << 60),
                "elements for key");
  expectRefused(ggufHeader(0, 2).key("k", 4).u32(1).key("k", 4).u32(1),
                "appears twice");
  for (uint32_t alignment : {0u, 24u, 0x80000000u})
    expectRefused(ggufHeader(0, 1).key("general.alignment", 4).u32(alignment),
                  "power of two");
  expectRefused(ggufHeader(0, 1).key("general.alignment", 8).string("32"),
                "to be an integer");
  // Names from the file reach the message escaped.
  expectRefused(ggufHeader(0, 1).key("\x1b[2J", 99).u64(0), "'\\1B[2J'");
}

TEST(GGUFFile, RefusesBadTensors) {
  auto file = [](const std::vector<uint64_t> &dims, uint32_t type,
                 uint64_t offset) {
    Bytes bytes = ggufHeader(1, 0);
    bytes.tensor("t", dims, type, offset).pad(32).data.append(1024, '\0');
    return bytes;
  };
  EXPECT_EQ(message(parse(file({8, 8}, 0, 0).data)), "");
  EXPECT_EQ(message(parse(file({8, 8}, 0, 768).data)), "");
  expectRefused(file({8, 8}, 0, 800), "but the file ends");
  expectRefused(file({8, 8}, 0, ~uint64_t(31)), "but the file ends");
  expectRefused(file({8, 8}, 0, 4), "multiple of 32");
  expectRefused(file({}, 0, 0), "1 to 4 dimensions");
  expectRefused(file({1, 1, 1, 1, 1}, 0, 0), "1 to 4 dimensions");
  expectRefused(file({8, 0}, 0, 0), "to be positive");
  expectRefused(file({uint64_t(1) << 63, 2}, 0, 0), "to be positive");
  expectRefused(file({uint64_t(1) << 32, uint64_t(1) << 32}, 0, 0), "2^50");
  expectRefused(file({uint64_t(1) << 49}, 0, 0), "but the file ends");
  expectRefused(file({128}, 35, 0), "multiple of 256");
  expectRefused(file({8}, 999, 0), "storage type 999");

  Bytes twice = ggufHeader(2, 0);
  twice.tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).pad(32);
  twice.data.append(64, '\0');
  expectRefused(twice, "appears twice");
}
