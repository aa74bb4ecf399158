//===- SafetensorsIndexTest.cpp - Tests of indexing safetensors -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file and several, read through WeightSource at the place that the index
// gives, and what is refused.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/SafetensorsIndex.h"
#include "../io/TemporaryFolder.h"
#include "sterna/Weights/WeightSource.h"

#include "gtest/gtest.h"

using namespace sterna;

namespace {

class SafetensorsIndexTest : public testing::Test {
protected:
  /// Writes a file of the header `json` and `data`; returns its path.
  std::string write(const std::string &name, const std::string &json,
                    const std::string &data) {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i)
      bytes += char((json.size() >> (8 * i)) & 0xff);
    return writeText(name, bytes + json + data);
  }

  std::string writeText(const std::string &name, const std::string &text) {
    return folder.write(name, text);
  }

  static std::string errorOf(const std::string &path) {
    auto index = SafetensorsIndex::open(path);
    return index ? "" : llvm::toString(index.takeError());
  }

  static void expectError(const std::string &path, const std::string &part) {
    EXPECT_NE(errorOf(path).find(part), std::string::npos) << errorOf(path);
  }

  /// bf16 1, -2, 0, 0.5 behind three bytes.
  const std::string bytes =
      std::string("abc\x80\x3f\x00\xc0\x00\x00\x00\x3f", 11);
  const std::string header =
      R"({"__metadata__": {"format": "pt"},)"
      R"("w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [3, 11]},)"
      R"("u": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}})";

  TemporaryFolder folder;
};

} // namespace

TEST_F(SafetensorsIndexTest, FindsTensorsOfOneFile) {
  auto index = llvm::cantFail(
      SafetensorsIndex::open(write("m.safetensors", header, bytes)));
  ASSERT_EQ(index.getTensors().size(), 2u);
  const SafetensorsTensor *u = index.find("u");
  ASSERT_TRUE(u);
  EXPECT_EQ(u->type, "U8");
  EXPECT_EQ(u->size, 3u);
  EXPECT_EQ(u->getStorage(), std::nullopt);
  const SafetensorsTensor *w = index.find("w");
  ASSERT_TRUE(w);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 2}));
  ASSERT_EQ(w->getStorage(), StorageType::BF16);
  WeightSource source = llvm::cantFail(
      WeightSource::open(w->path, w->offset, *w->getStorage(), 2, 2));
  std::vector<float> values(4);
  llvm::cantFail(source.decodeRows(0, 2, values.data()));
  EXPECT_EQ(values, (std::vector<float>{1, -2, 0, 0.5}));
  EXPECT_EQ(index.find("x"), nullptr);
}

TEST_F(SafetensorsIndexTest, FollowsAnIndexOfSeveralFiles) {
  write("1.safetensors", header, bytes);
  write("2.safetensors",
        R"({"v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
        "1234");
  auto path = [&](const std::string &map) {
    return writeText("i.json",
                     R"({"metadata": {}, "weight_map": {)" + map + "}}");
  };
  std::string all = R"("u": "1.safetensors", "w": "1.safetensors")";
  auto index = llvm::cantFail(
      SafetensorsIndex::open(path(all + R"(, "v": "2.safetensors")")));
  EXPECT_EQ(index.getTensors().size(), 3u);
  EXPECT_EQ(index.find("v")->path, folder.path("2.safetensors"));

  expectError(path(R"("u": "1.safetensors")"), "tensor 'w'");
  expectError(path(all + R"(, "v": "1.safetensors")"),
              "tensor 'v' is not in 1.safetensors");
  expectError(path(all + R"(, "x": "2.safetensors")"),
              "tensor 'x' is not in 2.safetensors");
  expectError(path(all + R"(, "v": "3.safetensors")"), "No such file");
  for (const char *elsewhere :
       {R"("../2.safetensors")", R"("/2.safetensors")", R"("")", R"("..")",
        R"("a\\b")", R"("2\u0000")", "7", "[]"})
    expectError(path(all + R"(, "v": )" + elsewhere),
                "expected the name of a file in the same folder");
  write("2.safetensors", header, bytes);
  expectError(path(all + R"(, "v": "2.safetensors")"), "is in");
}

TEST_F(SafetensorsIndexTest, RefusesDamage) {
  expectError(folder.path("none"), "No such file");
  expectError(folder.path(""), "expected a regular file");
  expectError(writeText("short", "abc"), "it has only 3 bytes");
  expectError(write("cut", header, bytes.substr(0, 10)), "ends at byte 11");
  expectError(write("long", header, bytes + "x"), "its tensors end at byte 11");
  expectError(
      write("type",
            R"({"w": {"dtype": "F7", "shape": [], "data_offsets": [0, 1]}})",
            "x"),
      "'F7' is not one of the format");
  expectError(
      write("shape",
            R"({"w": {"dtype": "F64", "shape": [4611686018427387904, 4],)"
            R"( "data_offsets": [0, 1]}})",
            "x"),
      "its shape is too large");
  expectError(writeText("i.json", "{}"), "weight_map");
  expectError(writeText("j.json", "["), "line 1");
  expectError(writeText("k.json", R"({"weight_map": 1})"), "weight_map");
}
