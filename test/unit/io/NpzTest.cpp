//===- NpzTest.cpp - Unit tests of io/Npz.h -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Archives that NumPy has written, whole and damaged in each byte.
//
//===----------------------------------------------------------------------===//

#include "io/Npz.h"

#include "io/File.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

std::string seed() {
  auto file = readFile(STERNA_SOURCE_DIR "/test/fuzz/corpus/npy/two.npz");
  EXPECT_TRUE(file.ok()) << file.message();
  return file.ok() ? *file : "";
}

TEST(NpzTest, ArraysOfNumPy) {
  std::string content = seed();
  auto arrays = viewNpz("two.npz", content);
  ASSERT_TRUE(arrays.ok()) << arrays.message();
  ASSERT_EQ(arrays->size(), 2u);
  const NpyView &x = arrays->at("x");
  EXPECT_EQ(x.type, "<f4");
  EXPECT_EQ(x.shape, std::vector<uint64_t>{3});
  const float expected[] = {0, 1, 2};
  EXPECT_EQ(x.elements,
            std::string_view(reinterpret_cast<const char *>(expected), 12));
  EXPECT_EQ(arrays->at("y").type, "<f8");
}

TEST(NpzTest, ACommentBehind) {
  std::string content = seed();
  content[content.size() - 2] = 3;
  content += "abc";
  EXPECT_TRUE(viewNpz("two.npz", content).ok());
}

TEST(NpzTest, CutOff) {
  std::string content = seed();
  for (size_t size = 0; size < content.size(); ++size)
    EXPECT_FALSE(viewNpz("two.npz", content.substr(0, size)).ok()) << size;
}

// Whatever a byte is changed to, names and elements are those of the file or
// there is an error.
TEST(NpzTest, DamagedInAByte) {
  std::string content = seed();
  auto whole = viewNpz("two.npz", content);
  ASSERT_TRUE(whole.ok());
  for (size_t place = 0; place < content.size(); ++place)
    for (char change : {1, 16, -128}) {
      std::string damaged = content;
      damaged[place] = char(damaged[place] ^ change);
      auto arrays = viewNpz("two.npz", damaged);
      if (!arrays.ok())
        continue;
      for (auto &[name, array] : *arrays) {
        ASSERT_EQ(whole->count(name), 1u) << name << " at " << place;
        EXPECT_EQ(array.shape, whole->at(name).shape) << place;
        EXPECT_EQ(array.elements, whole->at(name).elements) << place;
      }
    }
}

} // namespace
} // namespace sterna
