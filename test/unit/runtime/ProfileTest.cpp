//===- ProfileTest.cpp - When each dispatch ran ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What devices record, and what becomes of runs that do not fit.
//
//===----------------------------------------------------------------------===//

#include "VulkanModule.h"

#include "core/Profile.h"
#include "core/Session.h"
#include "vulkan/VulkanTimestamps.h"

using namespace sterna;
using namespace sterna::test;

namespace {

std::unique_ptr<Session> prepare(const TestModule &description,
                                 const std::string &program,
                                 const DeviceOptions &options) {
  std::shared_ptr<const Module> module = loadValid(description);
  if (!module)
    return nullptr;
  auto session =
      Session::create(module, {*module->findProgram(program)}, options);
  EXPECT_TRUE(session.ok()) << session.message();
  return session.ok() ? std::move(*session) : nullptr;
}

/// Each thread's spans follow each other inside their run, and each dispatch's
/// shares are the whole of its grid.
void expectSound(const Profile &profile) {
  const Profile::Subject &subject = profile.subject();
  uint64_t previous = 0;
  for (const ProfileRun &run : profile.runs()) {
    EXPECT_LE(previous, run.begin);
    previous = run.end;
    const auto &dispatches = *profile.program(run.program).dispatches();
    ASSERT_EQ(run.dispatches, dispatches.size());
    std::vector<uint32_t> left;
    for (const format::Dispatch *dispatch : dispatches)
      left.push_back(
          subject.code->kernels()->Get(dispatch->kernel())->workgroups());
    for (unsigned thread = 0; thread < subject.threads; ++thread) {
      uint64_t time = run.begin;
      for (uint32_t i = 0; i < run.dispatches; ++i) {
        const ProfileSpan &span = profile.spans(run, thread)[i];
        if (span.workgroups == 0)
          continue;
        EXPECT_LE(time, span.begin);
        EXPECT_LE(span.begin, span.end);
        time = span.end;
        left[i] -= span.workgroups;
      }
      EXPECT_LE(time, run.end);
    }
    EXPECT_EQ(left, std::vector<uint32_t>(left.size(), 0));
  }
}

TEST(Profile, RecordsEachThread) {
  for (unsigned threads : {1u, 3u, 20u}) {
    auto profile = std::make_shared<Profile>();
    DeviceOptions options = onCpu(threads);
    options.profile = profile;
    std::unique_ptr<Session> session = prepare(toyModel(), "head", options);
    ASSERT_TRUE(session);
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(session->program("head")->run().ok());
    EXPECT_EQ(profile->subject().threads, threads);
    EXPECT_EQ(profile->subject().device, "CPU");
    EXPECT_EQ(profile->runs().size(), 5u);
    EXPECT_EQ(profile->dropped(), 0u);
    expectSound(*profile);
  }
}

TEST(Profile, CountsWhatDoesNotFit) {
  uint64_t room = 0;
  auto profile = std::make_shared<Profile>(
      [&](const Profile &ready) { room = ready.capacity(); }, /*spans=*/7);
  DeviceOptions options = onCpu(2);
  options.profile = profile;
  std::unique_ptr<Session> session = prepare(toyModel(), "head", options);
  ASSERT_TRUE(session);
  EXPECT_EQ(room, 3u); // one dispatch on two threads takes two spans
  auto program = session->program("head");
  ASSERT_TRUE(program.ok());
  auto logits = program->output<float>("logits", test::vocabulary);
  ASSERT_TRUE(logits.ok());
  for (int i = 0; i < 8; ++i) {
    (*logits)[1] = 0;
    ASSERT_TRUE(program->run().ok());
    EXPECT_EQ((*logits)[1], -1); // it runs all the same
  }
  EXPECT_EQ(profile->runs().size(), 3u);
  EXPECT_EQ(profile->dropped(), 5u);
  expectSound(*profile);
}

TEST(Profile, HoldsOneRunAtLeast) {
  auto profile = std::make_shared<Profile>(nullptr, /*spans=*/1);
  DeviceOptions options = onCpu(5);
  options.profile = profile;
  ASSERT_TRUE(prepare(toyModel(), "head", options));
  EXPECT_EQ(profile->capacity(), 1u);
}

TEST(Profile, RecordsOneSessionOnly) {
  DeviceOptions options = onCpu(1);
  options.profile = std::make_shared<Profile>();
  ASSERT_TRUE(prepare(toyModel(), "head", options));
  std::shared_ptr<const Module> module = loadValid(toyModel());
  auto again = Session::create(module, {0}, options);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.message(), "a profile records one session only");
}

class VulkanProfileTest : public VulkanTest {};

TEST_F(VulkanProfileTest, RecordsTheQueue) {
  auto profile = std::make_shared<Profile>(nullptr, /*spans=*/100);
  DeviceOptions options{"vulkan"};
  options.profile = profile;
  constexpr unsigned rounds = 8;
  std::unique_ptr<Session> session =
      prepare(vulkanChain(rounds), "chain", options);
  ASSERT_TRUE(session);
  auto program = session->program("chain");
  ASSERT_TRUE(program.ok());
  auto out = program->output<int32_t>("out", vulkanCells);
  ASSERT_TRUE(out.ok());
  for (int i = 0; i < 15; ++i) {
    Status status = program->run();
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(uint32_t((*out)[1]), chainReference(rounds)[1]);
  }
  EXPECT_EQ(profile->subject().threads, 1u);
  EXPECT_EQ(profile->runs().size(), 11u); // of 9 dispatches each
  EXPECT_EQ(profile->dropped(), 4u);
  expectSound(*profile);
  uint64_t busy = 0;
  const ProfileRun &run = profile->runs().back();
  for (uint32_t i = 0; i < run.dispatches; ++i)
    busy += profile->spans(run, 0)[i].end - profile->spans(run, 0)[i].begin;
  EXPECT_GT(busy, 0u);
}

TEST(VulkanTimestamps, NeedAQueueThatTakesThem) {
  VulkanPhysicalDevice device;
  Status status = VulkanTimestamps::check(device);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("timestampValidBits is 0"),
            std::string::npos);
  device.timestampBits = 36;
  EXPECT_TRUE(VulkanTimestamps::check(device).ok());
}

} // namespace
