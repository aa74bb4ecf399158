//===- ExecutorTest.cpp - Programs on the CPU -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs dispatch lists on several thread counts: results must not depend on it.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "core/Session.h"

#include <gtest/gtest.h>

using namespace sterna;
using namespace sterna::test;

namespace {

using format::Binding;
using format::ElementType;
using format::Space;

constexpr uint64_t cells = 64;
constexpr uint64_t bytes = cells * 4;

/// Squares, then `rounds` sums of neighbours with a barrier each, between two
/// buffers of the arena; the last goes to the block.
TestModule chain(unsigned rounds) {
  TestModule module = emptyModule();
  test::Program program;
  program.name = "chain";
  program.outputs = {{"out", ElementType::i32, {cells}, 0}};
  program.arenaBytes = 2 * bytes;
  auto buffer = [&](unsigned round) {
    return round == rounds ? Binding(Space::block, 0, bytes)
                           : Binding(Space::arena, round % 2 * bytes, bytes);
  };
  program.dispatches.push_back({Squares, {buffer(0)}, true});
  for (unsigned round = 1; round <= rounds; ++round)
    program.dispatches.push_back(
        {Neighbours, {buffer(round - 1), buffer(round)}, true});
  module.programs = {program};
  module.arenaBytes = 2 * bytes;
  module.blockBytes = bytes;
  return module;
}

std::vector<uint32_t> chainReference(unsigned rounds) {
  std::vector<uint32_t> values(cells);
  for (uint32_t i = 0; i < cells; ++i)
    values[i] = i * i;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<uint32_t> next(cells);
    for (uint32_t i = 0; i < cells; ++i)
      next[i] = values[i] + values[(i + 1) % cells];
    values = next;
  }
  return values;
}

TEST(Executor, HonoursBarriersOnAnyNumberOfThreads) {
  constexpr unsigned rounds = 40;
  std::shared_ptr<const Module> module = loadValid(chain(rounds));
  ASSERT_TRUE(module);
  std::vector<uint32_t> expected = chainReference(rounds);
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    auto session = Session::create(module, {0}, onCpu(threads));
    ASSERT_TRUE(session.ok()) << session.message();
    EXPECT_EQ((*session)->target(), "generic");
    auto program = (*session)->program("chain");
    ASSERT_TRUE(program.ok());
    auto out = program->output<int32_t>("out", cells);
    ASSERT_TRUE(out.ok()) << out.message();
    for (int repeat = 0; repeat < 20; ++repeat) {
      ASSERT_TRUE(program->run().ok());
      for (uint32_t i = 0; i < cells; ++i)
        ASSERT_EQ(uint32_t((*out)[i]), expected[i]) << threads << " " << i;
    }
  }
}

TEST(Executor, RunsIndependentDispatches) {
  TestModule description = emptyModule();
  description.kernels[Squares].workgroups = 1; // fewer than threads
  test::Program program;
  program.name = "independent";
  program.outputs = {{"out", ElementType::i32, {cells}, 0}};
  for (uint64_t i = 0; i < cells; ++i)
    program.dispatches.push_back(
        {Squares, {Binding(Space::block, i * 4, 4)}, false});
  description.programs = {program};
  description.blockBytes = bytes;
  std::shared_ptr<const Module> module = loadValid(description);
  ASSERT_TRUE(module);
  for (unsigned threads : {1u, 3u, 5u}) {
    auto session = Session::create(module, {0}, onCpu(threads));
    ASSERT_TRUE(session.ok()) << session.message();
    auto prepared = (*session)->program("independent");
    ASSERT_TRUE(prepared.ok());
    auto out = prepared->output<int32_t>("out", cells);
    ASSERT_TRUE(out.ok());
    std::fill(*out, *out + cells, 7);
    ASSERT_TRUE(prepared->run().ok());
    for (uint64_t i = 0; i < cells; ++i)
      EXPECT_EQ((*out)[i], 0);
  }
}

TEST(Executor, GivesEachThreadScratchMemory) {
  TestModule description = emptyModule();
  test::Program program;
  program.name = "scratch";
  program.outputs = {{"out", ElementType::i32, {cells}, 0}};
  program.dispatches.push_back(
      {Scratchpad, {Binding(Space::block, 0, bytes)}, false});
  description.programs = {program};
  description.blockBytes = bytes;
  std::shared_ptr<const Module> module = loadValid(description);
  ASSERT_TRUE(module);
  constexpr uint64_t pages = 2 * 4096;
  for (unsigned threads : {1u, 2u, 3u, 5u}) {
    auto session = Session::create(module, {0}, onCpu(threads));
    ASSERT_TRUE(session.ok()) << session.message();
    EXPECT_EQ((*session)->plannedBytes().scratch, threads * pages);
    auto prepared = (*session)->program("scratch");
    ASSERT_TRUE(prepared.ok());
    auto out = prepared->output<int32_t>("out", cells);
    ASSERT_TRUE(out.ok());
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::fill(*out, *out + cells, 0);
      ASSERT_TRUE(prepared->run().ok());
      for (uint64_t i = 0; i < cells; ++i)
        ASSERT_EQ((*out)[i], 1) << threads << " " << i;
    }
  }
}

TEST(Executor, NamesWhatIsMissing) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  auto head = findPrograms(*module, {"head"});
  ASSERT_TRUE(head.ok());
  auto session = Session::create(module, *head, onCpu(1));
  ASSERT_TRUE(session.ok());
  EXPECT_FALSE((*session)->program("eval").ok());   // not prepared
  EXPECT_FALSE((*session)->program("absent").ok()); // not in the module
  auto program = (*session)->program("head");
  ASSERT_TRUE(program.ok());
  EXPECT_FALSE(program->input<float>("absent", 1).ok());
  EXPECT_FALSE(program->input<float>("hidden", 5).ok());
  EXPECT_FALSE(program->input<int32_t>("hidden", hidden).ok());
  EXPECT_FALSE(program->output<float>("hidden", hidden).ok());
  EXPECT_TRUE(program->input<float>("hidden", hidden).ok());
  auto missing = findPrograms(*module, {"train_absent"});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.message().find("--no-train"), std::string::npos);
}

TEST(Executor, KeepsStateBetweenPrograms) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  auto session = Session::create(module, trainPrograms(*module), onCpu(2));
  ASSERT_TRUE(session.ok()) << session.message();
  const format::StateTensor *a = module->findState("a");
  ASSERT_TRUE(a);
  std::vector<float> values(rank * loraIn, 1.0f);
  ASSERT_TRUE((*session)->readState(*a, values.data()).ok());
  EXPECT_EQ(values, std::vector<float>(rank * loraIn, 0.0f));
  values[3] = 5;
  ASSERT_TRUE((*session)->writeState(*a, values.data()).ok());
  std::vector<float> back(values.size());
  ASSERT_TRUE((*session)->readState(*a, back.data()).ok());
  EXPECT_EQ(back, values);
  EXPECT_FALSE((*session)->readState(*a, back.data(), 4).ok());
}

} // namespace
