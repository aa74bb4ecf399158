//===- VulkanTest.cpp - Programs on a Vulkan device -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offsets, grids, barriers and state on a device, then the same again under the
// Khronos validation layer, which finds what a software device forgives.
//
//===----------------------------------------------------------------------===//

#include "VulkanModule.h"

#include "core/Session.h"
#include "vulkan/VulkanBuffer.h"
#include "vulkan/VulkanDevice.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/wait.h>

using namespace sterna;
using namespace sterna::test;

namespace {

using format::Binding;
using format::ElementType;
using format::Space;

constexpr uint64_t bytes = vulkanCells * 4;

class VulkanDeviceTest : public VulkanTest {
protected:
  /// A session with all programs of `description`; null on failure.
  std::unique_ptr<Session> prepare(const TestModule &description) {
    std::shared_ptr<const Module> module = loadValid(description);
    if (!module)
      return nullptr;
    std::vector<uint32_t> programs(description.programs.size());
    for (uint32_t i = 0; i < programs.size(); ++i)
      programs[i] = i;
    auto session = Session::create(module, programs, {"vulkan"});
    EXPECT_TRUE(session.ok()) << session.message();
    return session.ok() ? std::move(*session) : nullptr;
  }

  /// Fills a state tensor, or reads it.
  static void writeState(Session &session, const char *name,
                         const std::vector<float> &values) {
    const format::StateTensor *tensor = session.module().findState(name);
    ASSERT_TRUE(tensor);
    Status status = session.writeState(*tensor, values.data());
    EXPECT_TRUE(status.ok()) << status.message();
  }
  static std::vector<uint32_t> readState(const Session &session,
                                         const char *name, uint32_t count) {
    std::vector<uint32_t> values(count);
    const format::StateTensor *tensor = session.module().findState(name);
    Status status = session.readState(*tensor, values.data(), count * 4);
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
};

TEST_F(VulkanDeviceTest, HonoursBarriersAndReplays) {
  constexpr unsigned rounds = 40;
  std::vector<uint32_t> expected = chainReference(rounds);
  std::unique_ptr<Session> session = prepare(vulkanChain(rounds));
  ASSERT_TRUE(session);
  EXPECT_EQ(session->target(), "vulkan");
  EXPECT_NE(session->deviceName(), "");
  EXPECT_EQ(session->plannedBytes().total(), 512 + 4 + 2 * bytes + bytes);
  auto program = session->program("chain");
  ASSERT_TRUE(program.ok());
  auto out = program->output<int32_t>("out", vulkanCells);
  ASSERT_TRUE(out.ok()) << out.message();
  for (int repeat = 0; repeat < 100; ++repeat) {
    std::memset(*out, 0xff, bytes);
    Status status = program->run();
    ASSERT_TRUE(status.ok()) << status.message();
    for (uint32_t i = 0; i < vulkanCells; ++i)
      ASSERT_EQ(uint32_t((*out)[i]), expected[i]) << repeat << " " << i;
  }
}

// Two operands in one slot, at offsets that no device aligns descriptors to, in
// each of the spaces.
TEST_F(VulkanDeviceTest, ResolvesOffsetsAndSlots) {
  TestModule description = vulkanModule();
  for (uint32_t i = 0; i < 128; ++i)
    description.weights[i * 4] = char(i); // words that count up
  auto add = [&](const char *name, Space space) {
    test::Program program;
    program.name = name;
    program.inputs = {{"in", ElementType::i32, {128}, 0}};
    program.outputs = {{"out", ElementType::i32, {vulkanCells}, 516}};
    program.arenaBytes = 1024;
    program.dispatches = {
        {VulkanSubtract,
         {Binding(space, 4 * 61, bytes), Binding(space, 4 * 3, bytes),
          Binding(Space::block, 516, bytes)},
         false}};
    description.programs.push_back(program);
  };
  add("weights", Space::weights);
  add("state", Space::state);
  add("arena", Space::arena);
  description.state = {{"s", format::StateKind::kv_cache, {128}, 0, ""}};
  description.stateBytes = 512;
  description.arenaBytes = 1024;
  description.blockBytes = 1024;
  // The input goes to the arena by subtracting zeroes: 64 words at a time.
  auto &arena = description.programs[2].dispatches;
  for (uint64_t half : {0, 256})
    arena.insert(arena.begin(), {VulkanSubtract,
                                 {Binding(Space::block, half, bytes),
                                  Binding(Space::block, 776, 248),
                                  Binding(Space::arena, half, bytes)},
                                 false});
  arena.back().barrier = true;
  std::unique_ptr<Session> session = prepare(description);
  ASSERT_TRUE(session);
  std::vector<float> words(128);
  for (uint32_t i = 0; i < 128; ++i)
    std::memcpy(&words[i], &i, 4);
  writeState(*session, "s", words);
  for (const char *name : {"weights", "state", "arena"}) {
    auto program = session->program(name);
    ASSERT_TRUE(program.ok());
    auto in = program->inputBytes("in");
    ASSERT_TRUE(in.ok());
    std::memcpy(in->data, words.data(), 512);
    auto out = program->output<int32_t>("out", vulkanCells);
    ASSERT_TRUE(out.ok());
    ASSERT_TRUE(program->run().ok());
    for (uint32_t i = 0; i < vulkanCells; ++i)
      // The last words of the weights lie beyond the file's 128.
      ASSERT_EQ((*out)[i], 58) << name << " " << i;
  }
}

// Each output lies between the inputs of both, which share a window.
TEST_F(VulkanDeviceTest, SeparatesOverlappingWindows) {
  TestModule description = vulkanModule();
  test::Program program;
  program.name = "overlap";
  for (uint64_t out : {512, 768})
    program.dispatches.push_back(
        {VulkanSubtract,
         {Binding(Space::state, 0, bytes), Binding(Space::state, 1024, bytes),
          Binding(Space::state, out, bytes)},
         false});
  description.programs = {program};
  description.state = {{"a", format::StateKind::kv_cache, {64}, 0, ""},
                       {"out", format::StateKind::kv_cache, {128}, 512, ""}};
  description.stateBytes = 1024 + bytes;
  std::unique_ptr<Session> session = prepare(description);
  ASSERT_TRUE(session);
  writeState(*session, "a", std::vector<float>(vulkanCells, 1.5f));
  ASSERT_TRUE(session->program("overlap")->run().ok());
  EXPECT_EQ(readState(*session, "out", 128),
            std::vector<uint32_t>(128, 0x3fc00000)); // the bits of 1.5
}

TEST_F(VulkanDeviceTest, RunsGridsOfSeveralRows) {
  TestModule description = vulkanModule();
  constexpr uint64_t size = vulkanCount * 4;
  test::Program program;
  program.name = "count";
  program.dispatches = {{VulkanCount, {Binding(Space::state, 8, size)}, false}};
  description.programs = {program};
  description.state = {
      {"s", format::StateKind::kv_cache, {vulkanCount + 4}, 0, ""}};
  description.stateBytes = size + 16;
  std::unique_ptr<Session> session = prepare(description);
  ASSERT_TRUE(session);
  for (uint32_t run = 1; run < 4; ++run) {
    ASSERT_TRUE(session->program("count")->run().ok());
    std::vector<uint32_t> cells = readState(*session, "s", vulkanCount + 4);
    for (uint32_t i = 0; i < cells.size(); ++i)
      ASSERT_EQ(cells[i], i >= 2 && i < vulkanCount + 2 ? run : 0) << i;
  }
}

TEST_F(VulkanDeviceTest, KeepsStateBetweenPrograms) {
  TestModule description = vulkanModule();
  for (const char *name : {"first", "second"}) {
    test::Program program;
    program.name = name;
    uint64_t offset = name[0] == 'f' ? 0 : 256;
    program.inputs = {{"in", ElementType::i32, {vulkanCells}, offset}};
    program.dispatches = {{VulkanAccumulate,
                           {Binding(Space::block, offset, bytes),
                            Binding(Space::state, 16, bytes)},
                           false}};
    description.programs.push_back(program);
  }
  description.state = {
      {"s", format::StateKind::kv_cache, {vulkanCells}, 16, ""}};
  description.stateBytes = 16 + bytes;
  description.blockBytes = 512;
  std::unique_ptr<Session> session = prepare(description);
  ASSERT_TRUE(session);
  EXPECT_EQ(readState(*session, "s", vulkanCells),
            std::vector<uint32_t>(vulkanCells, 0));
  uint32_t expected = 0;
  for (uint32_t run = 0; run < 6; ++run) {
    auto program = session->program(run % 2 ? "second" : "first");
    auto in = program->input<int32_t>("in", vulkanCells);
    ASSERT_TRUE(in.ok());
    std::fill(*in, *in + vulkanCells, run + 1);
    ASSERT_TRUE(program->run().ok());
    expected = 3 * expected + run + 1;
    EXPECT_EQ(readState(*session, "s", vulkanCells),
              std::vector<uint32_t>(vulkanCells, expected));
    if (run == 3) {
      writeState(*session, "s", std::vector<float>(vulkanCells, 0));
      expected = 0;
    }
  }
}

// Devices with memory of their own are reached through a staging buffer.
TEST_F(VulkanDeviceTest, CopiesThroughStaging) {
  auto instance = VulkanInstance::create();
  ASSERT_TRUE(instance.ok());
  auto physical = (*instance)->choose(0);
  ASSERT_TRUE(physical.ok());
  auto context = VulkanContext::create(*instance, **physical);
  ASSERT_TRUE(context.ok()) << context.message();
  ASSERT_TRUE((*context)->startQueue().ok());
  uint64_t size = (40 << 20) + 5; // more than two stages, and a rest
  auto buffer =
      VulkanBuffer::create(**context, size, VulkanPlace::device, "test");
  ASSERT_TRUE(buffer.ok()) << buffer.message();
  ASSERT_FALSE(buffer->data());
  EXPECT_EQ(buffer->size(), size + 3);
  auto copier = VulkanCopier::create(**context, {&*buffer});
  ASSERT_TRUE(copier.ok()) << copier.message();
  std::string data(size, '\0');
  for (uint64_t i = 0; i < size; ++i)
    data[i] = char(i * 2654435761u >> 24);
  ASSERT_TRUE(copier->clear(*buffer, "clearing").ok());
  ASSERT_TRUE(
      copier->write(*buffer, 3, size - 3, data.data() + 3, "writing").ok());
  std::string back(size, 'x');
  ASSERT_TRUE(copier->read(*buffer, 0, size, back.data(), "reading").ok());
  std::memset(data.data(), 0, 3);
  EXPECT_TRUE(back == data);
  ASSERT_TRUE(copier->read(*buffer, 777, 9, back.data(), "reading").ok());
  EXPECT_EQ(back.substr(0, 9), data.substr(777, 9));
}

TEST_F(VulkanDeviceTest, KeepsCompiledPipelines) {
  auto instance = VulkanInstance::create();
  ASSERT_TRUE(instance.ok());
  std::shared_ptr<const Module> module = loadValid(vulkanChain(2));
  ASSERT_TRUE(module);
  auto check = [&] {
    auto result = checkVulkanModule(*module, 0);
    ASSERT_TRUE(result.ok()) << result.message();
    EXPECT_EQ(result->pipelines, 5u);
    EXPECT_EQ(result->dispatches, 3u);
    EXPECT_EQ(result->programs, 1u);
    EXPECT_TRUE(result->missing.empty());
  };
  check();
  std::filesystem::path folder = temporaryPath("cache/sterna");
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1u);
  auto size = std::filesystem::file_size(files[0]);
  EXPECT_GE(size, 16u + 32); // its header, the driver's header
  check();
  // Damaged, another file, cut off: each is replaced by a sound one.
  for (const std::string &content :
       {std::string(size, 'x'), std::string(), std::string("STERNAPC")}) {
    writeFile(files[0].string(), content);
    check();
    EXPECT_EQ(std::filesystem::file_size(files[0]), size);
  }
  // A file is where the folder should be.
  std::filesystem::remove_all(folder);
  writeFile(folder.string(), "");
  check();
}

TEST_F(VulkanDeviceTest, ReportsWhatCannotRun) {
  auto expectError = [](const TestModule &description, const char *device,
                        const char *part) {
    std::shared_ptr<const Module> module = loadValid(description);
    ASSERT_TRUE(module);
    auto session = Session::create(module, {0}, {device});
    ASSERT_FALSE(session.ok()) << part;
    EXPECT_NE(session.message().find(part), std::string::npos)
        << session.message();
  };
  expectError(toyModel(), "vulkan", "compile it with --target=vulkan");
  expectError(vulkanChain(1), "cpu", "run it with --device=vulkan");
  expectError(vulkanChain(1), "vulkan:99",
              "there is no Vulkan device 99: 0 is");
  expectError(vulkanChain(1), "metal", "but got 'metal'");

  TestModule description = vulkanChain(1);
  description.kernels[VulkanSquares].size = 0;
  expectError(description, "vulkan",
              "program 'chain' has no Vulkan code for kernel 'squares'");
  description.programs[0].name = "train_micro";
  expectError(description, "vulkan", "training on Vulkan is not there yet");

  description = vulkanChain(1);
  description.code[0] = char(description.code[0] ^ 1);
  expectError(description, "vulkan",
              "cannot compile kernel 'squares': its code is not SPIR-V");

  description = vulkanChain(1);
  description.programs[0].dispatches.push_back(
      {VulkanSquares, {format::Binding(format::Space::state, 0, 256)}, false});
  description.state = {
      {"s", format::StateKind::kv_cache, {UINT64_MAX / 4}, 0, ""}};
  description.stateBytes = UINT64_MAX;
  expectError(description, "vulkan",
              "cannot allocate 18446744073709551615 bytes for the state");
}

/// Runs tests of this program under the validation layer; what they print.
std::string validate(const std::string &filter) {
  std::string program = std::filesystem::read_symlink("/proc/self/exe");
  // As one part of a run in shards it would leave tests to the others.
  std::string command =
      "env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX "
      "VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_ENABLES="
      "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT "
      "STERNA_TEST_RACE=1 " +
      program + " --gtest_filter=" + filter + " 2>&1";
  std::string output;
  std::FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return "cannot start";
  char buffer[4096];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0)
    output.append(buffer, count);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 0) << output;
  return output;
}

bool hasValidationLayer() {
  return std::filesystem::exists("/usr/share/vulkan/explicit_layer.d/"
                                 "VkLayer_khronos_validation.json");
}

class VulkanValidationTest : public VulkanTest {};

TEST_F(VulkanValidationTest, IsSilent) {
  if (!hasValidationLayer())
    GTEST_SKIP() << "the Khronos validation layer is not installed";
  std::string output = validate("VulkanDeviceTest.*:VulkanProfileTest.*");
  EXPECT_NE(output.find("PASSED"), std::string::npos);
  for (const char *part : {"VUID", "SYNC-", "Validation"})
    EXPECT_EQ(output.find(part), std::string::npos) << output;
}

// Shows that silence means something.
TEST_F(VulkanValidationTest, FindsAMissingBarrier) {
  if (!hasValidationLayer())
    GTEST_SKIP() << "the Khronos validation layer is not installed";
  EXPECT_NE(validate("VulkanRaceTest.*").find("SYNC-HAZARD"),
            std::string::npos);
}

class VulkanRaceTest : public VulkanDeviceTest {};

TEST_F(VulkanRaceTest, RunsWithoutBarriers) {
  // Only with the layer; see above.
  if (!std::getenv("STERNA_TEST_RACE"))
    return;
  std::unique_ptr<Session> session = prepare(vulkanChain(3, false));
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->program("chain")->run().ok());
}

} // namespace
