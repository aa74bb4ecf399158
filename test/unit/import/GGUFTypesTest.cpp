//===- GGUFTypesTest.cpp - Tests of types and sizes of GGUF tensors -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each number of a type stands for and takes, and which of its three
// meanings number 42 has, by sizes alone.
//
//===----------------------------------------------------------------------===//

#include "ModelBytes.h"
#include "sterna/Import/GGUF/GGUFFile.h"

#include "gtest/gtest.h"

#include <numeric>

using namespace llvm;
using namespace sterna;
using namespace sterna::test;

namespace {

/// A tensor, and the bytes of data that it has.
struct Entry {
  std::vector<uint64_t> dims; // innermost first
  uint32_t type;
  uint64_t size;
};

/// A file of tensors t0, t1, ... padded to `alignment`; the last is not if not
/// `padsLast`.
std::string makeFile(const std::vector<Entry> &entries, uint32_t alignment = 32,
                     bool padsLast = true) {
  Bytes bytes = ggufHeader(entries.size(), alignment == 32 ? 0 : 1);
  if (alignment != 32)
    bytes.key("general.alignment", 4).u32(alignment);
  uint64_t offset = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    bytes.tensor("t" + std::to_string(i), entries[i].dims, entries[i].type,
                 offset);
    offset += (entries[i].size + alignment - 1) / alignment * alignment;
  }
  bytes.pad(alignment);
  for (size_t i = 0; i < entries.size(); ++i) {
    bytes.data.append(entries[i].size, '\0');
    if (padsLast || i + 1 < entries.size())
      bytes.pad(alignment);
  }
  return bytes.data;
}

Expected<GGUFFile> parse(const std::string &data) {
  return GGUFFile::parse(MemoryBuffer::getMemBufferCopy(data, "file"));
}

/// The storage of all tensors, or the error.
std::string typesOf(const std::string &data) {
  Expected<GGUFFile> file = parse(data);
  if (!file)
    return toString(file.takeError());
  std::string text;
  for (const GGUFTensor &tensor : file->getTensors())
    text +=
        (text.empty() ? "" : " ") +
        (tensor.storage ? stringifyStorageType(*tensor.storage).str() : "none");
  return text;
}

void expectRefused(const std::string &data, const std::string &part) {
  std::string text = typesOf(data);
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(GGUFTypes, EachNumberHasItsSize) {
  const std::vector<std::pair<Entry, const char *>> entries = {
      {{{32, 3}, 2, 54}, "q4_0"},      {{{256, 3}, 12, 432}, "q4_k"},
      {{{256, 3}, 13, 528}, "q5_k"},   {{{256, 3}, 14, 630}, "q6_k"},
      {{{128, 3}, 142, 102}, "pq2_0"}, {{{128, 3}, 143, 84}, "ptq1_0"},
      {{{256, 3}, 43, 126}, "stq1_0"}, {{{96, 4}, 36, 96 + 32}, "i2_s"},
      {{{32, 3}, 3, 60}, "none"},      {{{256, 3}, 10, 252}, "none"}};
  for (const auto &[entry, name] : entries) {
    EXPECT_EQ(typesOf(makeFile({entry}, 32, /*padsLast=*/false)), name);
    Entry shorter = entry;
    --shorter.size;
    expectRefused(makeFile({shorter}, 32, /*padsLast=*/false),
                  "but the file ends at");
    // The next tensor may begin where this one ends, not before: offsets are
    // multiples of 4 here.
    std::string data = makeFile({entry, {{1}, 0, 4}}, 4);
    EXPECT_EQ(typesOf(data), std::string(name) + " f32");
    Entry halved = entry;
    halved.size = entry.size / 2;
    expectRefused(makeFile({halved, {{200}, 0, 800}}, 4),
                  "expected tensor 't1' to begin at byte");
  }
}

TEST(GGUFTypes, SizesMustDivide) {
  expectRefused(makeFile({{{64, 2}, 142, 68}}),
                "expected the row length of tensor 't0' to be a multiple of "
                "128 for PQ2_0, but got 64");
  expectRefused(makeFile({{{100, 3}, 36, 107}}),
                "expected the number of weights of tensor 't0' to be a "
                "multiple of 128 for I2_S, but got 300");
}

TEST(GGUFTypes, I2SHasTheLayoutThatIsAskedFor) {
  std::string data = makeFile({{{96, 4}, 36, 128}});
  for (StorageType type : {StorageType::I2_S, StorageType::I2_S_ARM}) {
    GGUFFile file = cantFail(
        GGUFFile::parse(MemoryBuffer::getMemBufferCopy(data, "file"), type));
    EXPECT_EQ(file.getTensors()[0].getStorage(), type);
    EXPECT_EQ(file.getTensors()[0].getTypeName(), "I2_S");
  }
}

//===----------------------------------------------------------------------===//
// Number 42
//===----------------------------------------------------------------------===//

/// Bytes of `weights` in blocks of `block` that take `bytes`.
uint64_t sizeOf(uint64_t weights, uint64_t block, uint64_t bytes) {
  return weights / block * bytes;
}

TEST(GGUFTypes, SizesTellTheMeaningsOf42Apart) {
  const std::tuple<const char *, uint64_t, uint64_t> meanings[] = {
      {"q2_0", 64, 18}, {"pq2_0", 128, 34}, {"stq1_0", 256, 42}};
  for (uint32_t alignment : {32, 64, 4096})
    for (bool padsLast : {true, false})
      for (auto [name, block, bytes] : meanings) {
        uint64_t weights = 768 * 301;
        Entry entry{{768, 301}, 42, sizeOf(weights, block, bytes)};
        Entry small{{256}, 42, sizeOf(256, block, bytes)};
        Entry other{{5}, 0, 20};
        std::string one = name;
        EXPECT_EQ(typesOf(makeFile({entry}, alignment, padsLast)), one);
        // A tensor that fits several is of the kind of the others.
        EXPECT_EQ(typesOf(makeFile({small, entry, other}, alignment, padsLast)),
                  one + " " + one + " f32");
        EXPECT_EQ(typesOf(makeFile({entry, other, small}, alignment, padsLast)),
                  one + " f32 " + one);
      }
}

TEST(GGUFTypes, MeaningsWhoseRowsDoNotDivideAreOut) {
  // In 4096 bytes either would fit, but rows of 192 are no blocks of 128.
  EXPECT_EQ(typesOf(makeFile({{{192}, 42, 54}}, 4096)), "q2_0");
}

TEST(GGUFTypes, RefusesA42ThatFitsSeveralMeanings) {
  // 36 bytes, or 34, or none of 256: both are padded to 64.
  expectRefused(makeFile({{{128}, 42, 36}}),
                "tensors of type 42 fit Q2_0 (blocks of 64 in 18 bytes) and "
                "PQ2_0 (blocks of 128 in 34 bytes), and their sizes do not "
                "tell which");
  // Without padding the end of the file tells.
  EXPECT_EQ(typesOf(makeFile({{{128}, 42, 34}}, 32, /*padsLast=*/false)),
            "pq2_0");
  expectRefused(makeFile({{{256}, 42, 42}, {{256}, 42, 68}}, 4096),
                "PQ2_0 (blocks of 128 in 34 bytes) and STQ1_0");
}

TEST(GGUFTypes, RefusesA42ThatFitsNone) {
  std::string none = "expected tensors of type 42 to be Q2_0 (blocks of 64 in "
                     "18 bytes), PQ2_0 (blocks of 128 in 34 bytes) or STQ1_0 "
                     "(blocks of 256 in 42 bytes), but they fit none: as Q2_0, "
                     "'t0' would take ";
  expectRefused(makeFile({{{768, 301}, 42, 500}}), none);
  // Each fits one, but not the same.
  expectRefused(makeFile({{{768, 301}, 42, sizeOf(768 * 301, 128, 34)},
                          {{768, 301}, 42, sizeOf(768 * 301, 64, 18)}}),
                none);
  expectRefused(makeFile({{{100, 301}, 42, 4096}}),
                "as Q2_0, 't0' has rows of 100");
  // A byte short, and some too many.
  uint64_t size = sizeOf(768 * 301, 64, 18);
  expectRefused(makeFile({{{768, 301}, 42, size - 1}}, 32, false), none);
  expectRefused(makeFile({{{768, 301}, 42, size + 64}}), none);
}

} // namespace
