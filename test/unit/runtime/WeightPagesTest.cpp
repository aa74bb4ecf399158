//===- WeightPagesTest.cpp - Where weights lie ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A copy holds what the programs read and nothing else; what is asked for early
// is what is read, each byte once a run.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "cpu/WeightPages.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace sterna;
using namespace sterna::test;

namespace {

using format::Binding;
using format::Space;

constexpr uint64_t size = 5 << 20;

/// Reads two parts of the weights, in an order that is not theirs.
TestModule readsParts() {
  TestModule module = emptyModule();
  module.weights.resize(size);
  for (uint64_t i = 0; i < size; ++i)
    module.weights[i] = char(i * 2654435761u >> 13);
  test::Program program;
  program.name = "reads";
  for (auto [offset, bytes] : {std::pair<uint64_t, uint64_t>{3 << 20, 1 << 20},
                               {4096, 64},
                               {4160, (1 << 20) + 36},
                               {4 << 20, 8192}})
    program.dispatches.push_back(
        {Squares, {Binding(Space::weights, offset, bytes)}, true});
  module.programs = {program};
  return module;
}

TEST(WeightPages, CopiesWhatIsRead) {
  std::shared_ptr<const Module> module = loadValid(readsParts());
  WeightPages pages;
  ASSERT_TRUE(pages.prepare(*module, {0}, WeightsMode::resident).ok());
  const uint8_t *copy = pages.data(), *file = module->weights();
  ASSERT_NE(copy, file);
  auto isCopied = [&](uint64_t begin, uint64_t end) {
    return std::memcmp(copy + begin, file + begin, end - begin) == 0;
  };
  EXPECT_TRUE(isCopied(4096, 4160 + (1 << 20) + 36));
  EXPECT_TRUE(isCopied(3 << 20, (4 << 20) + 8192));
  EXPECT_EQ(copy[2 << 20], 0);
  EXPECT_FALSE(isCopied(2 << 20, (2 << 20) + 64));
}

TEST(WeightPages, MapsTheFile) {
  std::shared_ptr<const Module> module = loadValid(readsParts());
  for (WeightsMode mode : {WeightsMode::mapped, WeightsMode::prefetch}) {
    WeightPages pages;
    ASSERT_TRUE(pages.prepare(*module, {0}, mode).ok());
    EXPECT_EQ(pages.data(), module->weights());
    for (uint32_t dispatch = 0; dispatch < 4; ++dispatch)
      pages.begin(0, dispatch);
  }
}

TEST(WeightPages, AsksForEachByteOnce) {
  std::shared_ptr<const Module> module = loadValid(readsParts());
  WeightPages::Requests requests =
      WeightPages::plan(*module->plan().programs()->Get(0));
  ASSERT_EQ(requests.size(), 4u);
  std::vector<int> asked(size);
  for (const auto &slices : requests)
    for (const WeightPages::Slice &slice : slices)
      for (uint64_t i = 0; i < slice.size; ++i)
        ++asked.at(slice.offset + i);
  std::vector<int> read(size);
  for (auto [begin, end] :
       {std::pair<uint64_t, uint64_t>{4096, 4160 + (1 << 20) + 36},
        {3 << 20, (4 << 20) + 8192}})
    std::fill(read.begin() + begin, read.begin() + end, 1);
  EXPECT_EQ(asked, read);
  // A first dispatch that reads a mebibyte asks for one, from the middle of the
  // circle on; adjoining parts are one piece, and what is small waits.
  ASSERT_EQ(requests[0].size(), 2u);
  EXPECT_EQ(requests[0][0].offset, 4096u + 4146);
  EXPECT_EQ(requests[0][1].offset, 4u << 20);
  EXPECT_TRUE(requests[1].empty());
}

} // namespace
