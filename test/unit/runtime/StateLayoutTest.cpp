//===- StateLayoutTest.cpp - The state that a session allocates -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is allocated, where it lies, and what a session says of the rest.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"
#include "core/Session.h"

#include "gtest/gtest.h"

#include <random>

using namespace sterna;
using namespace sterna::test;

namespace {

std::optional<uint64_t> find(const StateLayout &layout, const Module &module,
                             const char *name) {
  const format::StateTensor *tensor = module.findState(name);
  return layout.find(tensor->offset(), *elementCount(tensor->shape()) * 4);
}

TEST(StateLayout, HoldsWhatProgramsTouch) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  StateLayout nothing(*module, {});
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_FALSE(find(nothing, *module, "cache"));
  StateLayout generate(*module, generatePrograms(*module, /*lora=*/false));
  EXPECT_EQ(generate.size(), 64u);
  EXPECT_EQ(find(generate, *module, "cache"), 0u);
  EXPECT_FALSE(find(generate, *module, "a"));
  StateLayout adapted(*module, generatePrograms(*module, /*lora=*/true));
  EXPECT_EQ(find(adapted, *module, "b"), 64u);
  EXPECT_EQ(find(adapted, *module, "cache"), 128u);
  EXPECT_FALSE(find(adapted, *module, "b.gradient"));
  StateLayout train(*module, trainPrograms(*module));
  EXPECT_EQ(train.size(), 256u);
  EXPECT_EQ(find(train, *module, "b.gradient"), 192u);
  EXPECT_FALSE(find(train, *module, "cache"));
}

/// A module of one program without kernels' meaning, whose dispatches bind
/// `ranges` of a state of `stateBytes`.
TestModule bindingModule(const std::vector<format::Binding> &ranges,
                         uint64_t stateBytes) {
  TestModule module = emptyModule();
  test::Program program;
  program.name = "binds";
  for (const format::Binding &range : ranges)
    program.dispatches.push_back({0, {range}, false});
  module.programs = {program};
  module.stateBytes = stateBytes;
  return module;
}

TEST(StateLayout, HoldsTensorsWhole) {
  TestModule description =
      bindingModule({format::Binding(format::Space::state, 1000, 4)}, 100000);
  description.state = {{"before", format::StateKind::kv_cache, {16}, 64, ""},
                       {"bound", format::StateKind::kv_cache, {500}, 640, ""},
                       {"behind", format::StateKind::kv_cache, {16}, 2688, ""}};
  std::shared_ptr<const Module> module = loadValid(description);
  ASSERT_TRUE(module);
  StateLayout layout(*module, {0});
  EXPECT_EQ(layout.size(), 2048u); // 2000 bytes, aligned
  EXPECT_EQ(find(layout, *module, "bound"), 0u);
  EXPECT_EQ(layout.find(1000, 4), 360u);
  EXPECT_FALSE(find(layout, *module, "before"));
  EXPECT_FALSE(find(layout, *module, "behind"));
  EXPECT_FALSE(layout.find(640, 2049));
  EXPECT_FALSE(layout.find(640, UINT64_MAX));
}

TEST(StateLayout, KeepsOrderAlignmentAndDistance) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<format::Binding> ranges;
    for (uint64_t i = 0; i < 1 + random() % 12; ++i)
      ranges.emplace_back(format::Space::state, random() % 5000 * 4,
                          1 + random() % 900);
    std::sort(ranges.begin(), ranges.end(), [](const auto &x, const auto &y) {
      return x.offset() < y.offset();
    });
    uint64_t stateBytes = 21000;
    std::shared_ptr<const Module> module =
        loadValid(bindingModule(ranges, stateBytes));
    ASSERT_TRUE(module);
    StateLayout layout(*module, {0});
    ASSERT_LE(layout.size(), stateBytes);
    for (size_t i = 0; i < ranges.size(); ++i) {
      uint64_t offset = ranges[i].offset();
      auto place = layout.find(offset, ranges[i].size());
      ASSERT_TRUE(place);
      EXPECT_EQ(*place % 64, offset % 64);
      EXPECT_LE(*place + ranges[i].size(), layout.size());
      for (size_t j = 0; j < i; ++j) {
        auto before = layout.find(ranges[j].offset(), ranges[j].size());
        uint64_t distance = offset - ranges[j].offset();
        ASSERT_GE(*place, *before);
        EXPECT_LE(*place - *before, distance);
        // Where they overlap they still do, byte by byte.
        if (distance < ranges[j].size())
          EXPECT_EQ(*place - *before, distance);
        else
          EXPECT_GE(*place - *before, ranges[j].size());
      }
    }
  }
}

TEST(Session, AllocatesNoStateOfOtherPrograms) {
  TestModule description = toyModel();
  // More than any machine has, but for programs that this session lacks.
  description.stateBytes = UINT64_MAX;
  description.state.back().shape = {UINT64_MAX / 8};
  ASSERT_EQ(description.state.back().name, "cache");
  std::shared_ptr<const Module> module = loadValid(description);
  ASSERT_TRUE(module);
  auto session = Session::create(module, trainPrograms(*module), onCpu(1));
  ASSERT_TRUE(session.ok()) << session.message();
  EXPECT_EQ((*session)->plannedBytes().state, 256u);
  std::vector<float> values(rank * loraIn, 3.0f), back(values.size());
  const format::StateTensor &a = *module->findState("a");
  ASSERT_TRUE((*session)->writeState(a, values.data()).ok());
  ASSERT_TRUE((*session)->readState(a, back.data()).ok());
  EXPECT_EQ(back, values);
}

TEST(Session, SaysThatStateIsNotThere) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  auto session = Session::create(
      module, generatePrograms(*module, /*lora=*/false), onCpu(1));
  ASSERT_TRUE(session.ok()) << session.message();
  std::vector<float> values(rank * loraIn);
  const format::StateTensor &a = *module->findState("a");
  for (const Status &status : {(*session)->writeState(a, values.data()),
                               (*session)->readState(a, values.data())}) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.message(),
              "state tensor 'a' is not there: none of the programs that the "
              "session was created for touches it");
  }
}

} // namespace
