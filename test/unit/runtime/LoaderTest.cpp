//===- LoaderTest.cpp - Device binaries, sound and damaged ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each damage must give its own clear error, and none a crash.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "core/Module.h"
#include "core/Plan.h"
#include "core/Session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace sterna;
using namespace sterna::test;

namespace {

Expected<std::shared_ptr<const Module>> loadBytes(const std::string &bytes) {
  std::string path = temporaryPath("module.stn");
  writeFile(path, bytes);
  return Module::load(path);
}

/// Expects that loading fails with a message that contains `part`.
void expectError(const std::string &bytes, const std::string &part) {
  Expected<std::shared_ptr<const Module>> module = loadBytes(bytes);
  ASSERT_FALSE(module.ok()) << "expected: " << part;
  EXPECT_NE(module.message().find(part), std::string::npos) << module.message();
}

TEST(Loader, ReadsASoundModule) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  EXPECT_EQ(module->model().vocabulary(), test::vocabulary);
  EXPECT_TRUE(module->findProgram("head"));
  EXPECT_FALSE(module->findProgram("forward_128"));
  EXPECT_TRUE(module->findState("a.gradient"));
  EXPECT_TRUE(module->verifyWeights().ok());
}

TEST(Loader, RefusesOtherFiles) {
  EXPECT_FALSE(Module::load(temporaryPath("absent")).ok());
  EXPECT_FALSE(Module::load("/").ok());
  expectError("", "empty");
  expectError("short", "not a Sterna device binary");
  expectError("STERNA\r\n", "header");
  expectError(std::string(4096, 'x'), "not a Sterna device binary");
}

TEST(Loader, RefusesOtherVersions) {
  std::string bytes = toyModel().serialize();
  const char current = bytes[8];
  bytes[8] = char(current - 1);
  expectError(bytes, "format version " + std::to_string(current - 1));
  bytes[8] = current;
  bytes[12] = 65;
  expectError(bytes, "header size");
}

TEST(Loader, RefusesReservedBytesThatAreNotZero) {
  std::string bytes = toyModel().serialize();
  for (size_t i = 48; i < 64; ++i)
    for (int bit : {1, 128}) {
      std::string damaged = bytes;
      damaged[i] = char(bit);
      expectError(damaged, "byte " + std::to_string(i));
    }
}

TEST(Loader, RefusesEveryTruncation) {
  std::string bytes = toyModel().serialize();
  for (size_t size = 0; size < bytes.size(); size += size < 128 ? 1 : 997)
    EXPECT_FALSE(loadBytes(bytes.substr(0, size)).ok()) << size;
  expectError(bytes + "x", "appended");
}

TEST(Loader, RefusesMetadataOutsideTheFile) {
  std::string bytes = toyModel().serialize();
  for (uint64_t value : {uint64_t(0), uint64_t(8), uint64_t(65), UINT64_MAX - 7,
                         uint64_t(bytes.size() / 8 * 8 + 8)}) {
    std::string damaged = bytes;
    std::memcpy(damaged.data() + 16, &value, 8);
    EXPECT_FALSE(loadBytes(damaged).ok()) << value;
  }
  for (uint64_t value : {uint64_t(0), UINT64_MAX, uint64_t(bytes.size())}) {
    std::string damaged = bytes;
    std::memcpy(damaged.data() + 24, &value, 8);
    EXPECT_FALSE(loadBytes(damaged).ok()) << value;
  }
}

TEST(Loader, FindsDamagedMetadata) {
  std::string bytes = toyModel().serialize();
  bytes[200] = char(bytes[200] ^ 4);
  expectError(bytes, "metadata is damaged");
}

TEST(Loader, RefusesBetasThatAreNone) {
  TestModule module = toyModel();
  for (double beta : {-0.1, 1.0, std::nan("")}) {
    module.adamw = format::AdamW(0.9, beta);
    expectError(module.serialize(), "expected betas");
  }
}

// A checksum that fits random metadata leaves the FlatBuffers verifier and the
// module's own checks to hold.
TEST(Loader, SurvivesRandomMetadata) {
  TestModule sound = toyModel();
  std::string bytes = sound.serialize();
  uint64_t size;
  std::memcpy(&size, bytes.data() + 24, 8);
  uint64_t seed = 1;
  for (int round = 0; round < 500; ++round) {
    std::string damaged = bytes;
    for (int change = 0; change < 1 + round % 4; ++change) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      damaged[64 + (seed >> 33) % size] = char(seed >> 25);
    }
    uint64_t checksum = test::checksumOf(damaged.substr(64, size));
    std::memcpy(damaged.data() + 32, &checksum, 8);
    Expected<std::shared_ptr<const Module>> module = loadBytes(damaged);
    if (module.ok())
      planOf(**module, trainPrograms(**module));
  }
}

TEST(Loader, RefusesAbsurdScratchMemory) {
  TestModule module = toyModel();
  module.kernels[Squares].scratch = (uint64_t(1) << 30) + 1;
  expectError(module.serialize(), "bytes of scratch");
  module.kernels[Squares].scratch = UINT64_MAX;
  expectError(module.serialize(), "bytes of scratch");
}

TEST(Loader, FindsDamagedCode) {
  TestModule module = toyModel();
  module.damageCode = true;
  expectError(module.serialize(), "code for 'generic' is damaged");
}

TEST(Loader, FindsDamagedWeightsOnRequest) {
  TestModule module = toyModel();
  module.damageWeights = true;
  std::shared_ptr<const Module> loaded = loadValid(module);
  ASSERT_TRUE(loaded);
  Status status = loaded->verifyWeights();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("'table'"), std::string::npos);
}

TEST(Loader, ChecksBindings) {
  using format::Binding;
  using format::Space;
  auto withBinding = [](Binding binding) {
    TestModule module = toyModel();
    module.arenaBytes = 4096;
    module.programs[0].dispatches[0].bindings[0] = binding;
    return module.serialize();
  };
  expectError(withBinding(Binding(Space::weights, 64, 64)), "weights space");
  expectError(withBinding(Binding(Space::state, 320, 1)), "state space");
  expectError(withBinding(Binding(Space::block, UINT64_MAX, 8)), "block space");
  expectError(withBinding(Binding(Space::block, 8, UINT64_MAX)), "block space");
  // The module's arena is large enough, the program's own is not.
  expectError(withBinding(Binding(Space::arena, 0, 8)), "program's arena");
  expectError(withBinding(Binding(Space(9), 0, 8)), "unknown space 9");
}

TEST(Loader, ChecksKernelIndices) {
  TestModule module = toyModel();
  module.programs[0].dispatches[0].kernel = KernelCount;
  expectError(module.serialize(), "runs kernel 9, but the module has 9");
}

TEST(Loader, ChecksKernelCode) {
  TestModule module = toyModel();
  module.kernels[Head].size = 3;
  expectError(module.serialize(), "kernel 'head' in code for 'generic'");
  module.kernels[Head].size = module.code.size() / 4 * 4;
  module.kernels[Head].offset = 4;
  expectError(module.serialize(), "bytes of the code object");
  module.kernels[Head].offset = 0;
  expectError(module.serialize(), "2 bindings and 0 slots");
  module.kernels[Head].slots = {0, 4};
  expectError(module.serialize(), "below 4, but got 4");
  module.kernels[Head].slots = {0, 0};
  loadValid(module); // both bindings lie in the block
  auto &bindings = module.programs[6].dispatches[0].bindings;
  bindings[1] = format::Binding(format::Space::state, 0, 64);
  expectError(module.serialize(), "but got block and state");
  bindings[1] = format::Binding(format::Space::block, 2, 64);
  expectError(module.serialize(), "multiples of 4, but got 2");
}

TEST(Loader, ChecksFields) {
  TestModule module = toyModel();
  module.programs[0].inputs[0].offset = 254;
  expectError(module.serialize(), "multiple of 4");
  module.programs[0].inputs[0].offset = 256;
  expectError(module.serialize(), "exceeds the 256 bytes of the block");
  module.programs[0].inputs[0].shape = {1ull << 33, 1ull << 33};
  expectError(module.serialize(), "absurd");
  module.programs[0].inputs[0].shape = {1ull << 62};
  expectError(module.serialize(), "absurd");
}

TEST(Loader, ChecksState) {
  TestModule module = toyModel();
  module.state[1].offset = 400;
  expectError(module.serialize(), "state tensor 'b'");
}

TEST(Loader, ChecksProgramNames) {
  TestModule module = toyModel();
  module.programs.push_back(module.programs[0]);
  expectError(module.serialize(), "defined twice");
}

TEST(Loader, RefusesAbsurdSpaces) {
  TestModule module = toyModel();
  module.stateBytes = UINT64_MAX;
  module.state.back().shape = {UINT64_MAX / 8}; // the cache
  std::shared_ptr<const Module> loaded = loadValid(module);
  ASSERT_TRUE(loaded);
  Expected<std::unique_ptr<Session>> session =
      Session::create(loaded, {0}, onCpu(1));
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.message().find("for the state"), std::string::npos);
}

TEST(Loader, RefusesMissingCpuFeatures) {
  TestModule module = toyModel();
  module.features = {"avx2", "warp-drive"};
  std::shared_ptr<const Module> loaded = loadValid(module);
  ASSERT_TRUE(loaded);
  Expected<std::unique_ptr<Session>> session =
      Session::create(loaded, {0}, onCpu(1));
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.message().find("this CPU lacks"), std::string::npos);
  EXPECT_NE(session.message().find("warp-drive"), std::string::npos);
}

TEST(Loader, RefusesCodeThatIsNoElf) {
  TestModule module = toyModel();
  module.code = std::string(5000, 'c');
  std::shared_ptr<const Module> loaded = loadValid(module);
  ASSERT_TRUE(loaded);
  Expected<std::unique_ptr<Session>> session =
      Session::create(loaded, {0}, onCpu(1));
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.message().find("not an ELF"), std::string::npos);
}

TEST(Loader, RefusesCodeWithOtherKernels) {
  TestModule module = toyModel();
  module.kernels.push_back({"tenth", 1});
  std::shared_ptr<const Module> loaded = loadValid(module);
  ASSERT_TRUE(loaded);
  Expected<std::unique_ptr<Session>> session =
      Session::create(loaded, {0}, onCpu(1));
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.message().find("expected 10 kernels"), std::string::npos);
}

TEST(Plan, CountsSharedBytesOnce) {
  std::shared_ptr<const Module> module = loadValid(toyModel());
  ASSERT_TRUE(module);
  PlannedBytes train = planOf(*module, trainPrograms(*module));
  EXPECT_EQ(train.state, 4 * 64u); // A, B and their gradients, aligned
  EXPECT_EQ(train.weights, 0u);
  EXPECT_EQ(train.block, 256u);
  PlannedBytes generate = planOf(*module, generatePrograms(*module, false));
  EXPECT_EQ(generate.state, 64u); // the cache
}

TEST(Plan, ParsesProgramNames) {
  EXPECT_EQ(forwardTokens("forward_128", false), 128u);
  EXPECT_EQ(forwardTokens("forward_128", true), 0u);
  EXPECT_EQ(forwardTokens("forward_16_lora", true), 16u);
  EXPECT_EQ(forwardTokens("forward_16_lora", false), 0u);
  EXPECT_EQ(forwardTokens("forward_", false), 0u);
  EXPECT_EQ(forwardTokens("forward_99999999999", false), 0u);
  EXPECT_EQ(forwardTokens("head", false), 0u);
}

} // namespace
