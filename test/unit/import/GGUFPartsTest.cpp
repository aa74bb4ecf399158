//===- GGUFPartsTest.cpp - Tests of split GGUF models ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models in several files: what is read from which, whichever part is opened,
// and an error for each way in which parts do not belong together.
//
//===----------------------------------------------------------------------===//

#include "ModelBytes.h"
#include "sterna/Import/GGUF/GGUFFile.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

namespace {

/// What one part says; by default, of a model of three parts and four tensors.
struct Part {
  uint16_t number = 0, count = 3;
  int32_t tensorCount = 4;
  /// Name and type of tensors of 256 columns, whose data are their place.
  std::vector<std::pair<std::string, uint32_t>> tensors;
  /// A key of text, if not empty.
  std::string key, value;
};

std::string encode(const Part &part) {
  Bytes bytes = ggufHeader(part.tensors.size(), part.key.empty() ? 3 : 4);
  bytes.key("split.no", 2).number(part.number);
  bytes.key("split.count", 2).number(part.count);
  bytes.key("split.tensors.count", 5).number(part.tensorCount);
  if (!part.key.empty())
    bytes.key(part.key, 8).string(part.value);
  uint64_t offset = 0;
  for (const auto &[name, type] : part.tensors) {
    bytes.tensor(name, {256}, type, offset);
    offset += type == 42 ? 96 : 1024; // 72 bytes in blocks of 64, padded
  }
  bytes.pad(32);
  for (size_t i = 0; i < part.tensors.size(); ++i)
    if (part.tensors[i].second == 42)
      bytes.data.append(96, '\0');
    else
      for (int column = 0; column < 256; ++column)
        bytes.number(float(10 * part.number + i));
  return bytes.data;
}

class GGUFPartsTest : public testing::Test {
protected:
  GGUFPartsTest() {
    (void)sys::fs::createUniqueDirectory("sterna-parts", folder);
    parts.resize(3);
    for (uint16_t i = 0; i < 3; ++i)
      parts[i].number = i;
    parts[0].tensors = {{"a", 0}};
    parts[1].tensors = {{"b", 0}, {"c", 0}};
    parts[2].tensors = {{"d", 0}};
    parts[0].key = "general.architecture";
    parts[0].value = "bitnet";
  }
  ~GGUFPartsTest() override { (void)sys::fs::remove_directories(folder); }

  std::string path(int number, int count = 3) const {
    std::string text;
    raw_string_ostream(text)
        << folder << "/m"
        << llvm::format("-%05d-of-%05d.gguf", number + 1, count);
    return text;
  }

  void write(const std::string &path, const Part &part) {
    std::error_code code;
    raw_fd_ostream(path, code) << encode(part);
  }

  void writeAll() {
    for (size_t i = 0; i < parts.size(); ++i)
      write(path(int(i)), parts[i]);
  }

  /// The error of opening part `number`.
  std::string open(int number) {
    Expected<GGUFFile> file = GGUFFile::open(path(number));
    return file ? "" : toString(file.takeError());
  }

  /// Expects the error from whichever part is opened; it begins with the path
  /// of part `at`.
  void expectRefused(int at, const std::string &part) {
    writeAll();
    for (int number = 0; number < 3; ++number) {
      std::string text = open(number);
      EXPECT_EQ(text.rfind(path(at), 0), 0u) << text;
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }

  SmallString<128> folder;
  std::vector<Part> parts;
};

TEST_F(GGUFPartsTest, AnyPartOpensTheModel) {
  writeAll();
  for (int number = 0; number < 3; ++number) {
    GGUFFile opened = cantFail(GGUFFile::open(path(number)));
    GGUFFile file = std::move(opened);
    EXPECT_EQ(file.getPath(), path(0));
    EXPECT_EQ(cantFail(file.getString("general.architecture")), "bitnet");
    ASSERT_EQ(file.getTensors().size(), 4u);
    const std::pair<const char *, float> expected[] = {
        {"a", 0.0f}, {"b", 10.0f}, {"c", 11.0f}, {"d", 20.0f}};
    for (auto [name, value] : expected) {
      const GGUFTensor *tensor = file.findTensor(name);
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->path, path(int(value) / 10));
      float row[256];
      cantFail(cantFail(file.openWeight(*tensor)).decodeRows(0, 1, row));
      EXPECT_EQ(row[255], value);
    }
  }
}

TEST_F(GGUFPartsTest, OnePartIsAModel) {
  Part whole = parts[0];
  whole.count = whole.tensorCount = 1;
  std::string name = (folder + "/whole.gguf").str();
  write(name, whole);
  EXPECT_EQ(cantFail(GGUFFile::open(name)).getTensors().size(), 1u);
}

TEST_F(GGUFPartsTest, KeysMayBeRepeated) {
  for (Part &part : parts) {
    part.key = "general.architecture";
    part.value = "bitnet";
  }
  writeAll();
  EXPECT_EQ(open(1), "");
}

TEST_F(GGUFPartsTest, RefusesAMissingPart) {
  writeAll();
  (void)sys::fs::remove(path(1));
  EXPECT_EQ(open(2), path(1) + ": expected part 2 of 3 of the model, but there "
                               "is no such file");
}

TEST_F(GGUFPartsTest, RefusesANameThatSaysNothing) {
  std::string name = (folder + "/model.gguf").str();
  write(name, parts[1]);
  EXPECT_EQ(toString(GGUFFile::open(name).takeError()),
            name + ": expected a file name that ends in -00002-of-00003.gguf, "
                   "because this is part 2 of 3");
}

TEST_F(GGUFPartsTest, RefusesNumbersThatDoNotFit) {
  writeAll();
  parts[1].number = 0;
  write(path(1), parts[1]);
  EXPECT_NE(open(0).find("expected part 2 of 3, as its name says, but its keys "
                         "split.no and split.count say 1 of 3"),
            std::string::npos);
  parts[1].number = 1;
  parts[1].count = 4;
  write(path(1), parts[1]);
  EXPECT_NE(open(0).find(path(1) + ": expected part 2 of 3"),
            std::string::npos);
  parts[1].count = 3;
  parts[1].number = 3;
  write(path(1), parts[1]);
  EXPECT_NE(open(1).find("split.no: expected 0 to 2, but got 3"),
            std::string::npos);
}

TEST_F(GGUFPartsTest, RefusesAPartOfAnotherModel) {
  parts[2].key = "general.architecture";
  parts[2].value = "llama";
  expectRefused(2, "expected metadata key 'general.architecture' to be as in " +
                       path(0) + "; is this a part of another model?");
  // Nor may a part know more than the first.
  parts[2].key = "general.name";
  expectRefused(2, "expected metadata key 'general.name' to be as in");
  parts[2].key = "";
  parts[2].tensorCount = 5;
  expectRefused(2, "expected metadata key 'split.tensors.count' to be as in");
}

TEST_F(GGUFPartsTest, RefusesAWrongNumberOfTensors) {
  for (Part &part : parts)
    part.tensorCount = 5;
  expectRefused(0, "expected 5 tensors in all 3 parts, as split.tensors.count "
                   "says, but got 4");
}

TEST_F(GGUFPartsTest, RefusesATensorTwice) {
  parts[2].tensors[0].first = "b";
  expectRefused(2, "tensor 'b' is in " + path(1) + ", too");
}

TEST_F(GGUFPartsTest, RefusesADamagedPart) {
  writeAll();
  std::error_code code;
  raw_fd_ostream(path(2), code) << encode(parts[2]).substr(0, 700);
  EXPECT_EQ(open(0).rfind(path(2) + ": expected 1024 bytes of tensor 'd'", 0),
            0u)
      << open(0);
}

TEST_F(GGUFPartsTest, MeaningsOfTypesAreThoseOfAllParts) {
  // Two rows of 256: 72 bytes, 68 or 42. The last ends with its file, which
  // leaves the first two open.
  parts[0].tensors = {{"a", 42}};
  parts[1].tensors = {{"b", 42}, {"c", 0}};
  writeAll();
  EXPECT_NE(open(0).find("fit Q2_0"), std::string::npos);
  std::error_code code;
  std::string data = encode(parts[0]);
  raw_fd_ostream(path(0), code) << data.substr(0, data.size() - 24);
  GGUFFile file = cantFail(GGUFFile::open(path(2)));
  EXPECT_EQ(file.findTensor("a")->storage, StorageType::Q2_0);
  EXPECT_EQ(file.findTensor("b")->storage, StorageType::Q2_0);
}

} // namespace
