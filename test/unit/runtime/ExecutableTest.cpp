//===- ExecutableTest.cpp - A module appended to an executable ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executables built here as docs/device-binary.md says, whole and damaged.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "core/Executable.h"
#include "core/Module.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

using namespace sterna;
using namespace sterna::test;

namespace {

constexpr uint64_t trailerSize = 32;

std::string runtimeBytes() {
  std::ifstream file(STERNA_RUN, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void append(std::string &file, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    file += char(value >> (8 * i));
}

/// `file` as it is, `module` on the next page, the trailer.
std::string executable(std::string file, const std::string &module) {
  file.resize((file.size() + 4095) / 4096 * 4096);
  uint64_t offset = file.size();
  file += module;
  append(file, offset, 8);
  append(file, module.size(), 8);
  append(file, 0, 4);
  append(file, 1, 4);
  return file + "STERNEXE";
}

Expected<std::optional<ModuleRange>> find(const std::string &file) {
  return findAppendedModule(reinterpret_cast<const uint8_t *>(file.data()),
                            file.size());
}

TEST(Executable, IsAModule) {
  std::string module = toyModel().serialize();
  std::string file = executable(runtimeBytes(), module);
  auto range = find(file);
  ASSERT_TRUE(range.ok()) << range.message();
  ASSERT_TRUE(range->has_value());
  EXPECT_EQ((*range)->offset % 4096, 0u);
  EXPECT_EQ(file.substr((*range)->offset, (*range)->size), module);

  std::string path = temporaryPath("model");
  writeFile(path, file);
  auto loaded = Module::load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_TRUE((*loaded)->verifyWeights().ok());
  EXPECT_EQ((*loaded)->weights()[99], 'w');

  // Its module is verified like any other.
  TestModule damaged = toyModel();
  damaged.damageCode = true;
  writeFile(path, executable(runtimeBytes(), damaged.serialize()));
  auto refused = Module::load(path);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("is damaged"), std::string::npos);
}

TEST(Executable, IsNotWhatCarriesNothing) {
  for (const std::string &file : {runtimeBytes(), toyModel().serialize(),
                                  std::string("\177ELF"), std::string()}) {
    auto range = find(file);
    ASSERT_TRUE(range.ok()) << range.message();
    EXPECT_FALSE(range->has_value());
  }
  auto own = carriesModule();
  ASSERT_TRUE(own.ok()) << own.message();
  EXPECT_FALSE(*own);
}

TEST(Executable, IsRefusedWhereverItIsCut) {
  std::string runtime = runtimeBytes();
  std::string file = executable(runtime, toyModel().serialize());
  for (size_t size : {size_t(64), size_t(100), size_t(5000), runtime.size() - 1,
                      runtime.size() + 1, file.size() - 5000,
                      file.size() - trailerSize, file.size() - 1}) {
    auto range = find(file.substr(0, size));
    ASSERT_FALSE(range.ok()) << size;
    EXPECT_NE(range.message().find("compile the model again"),
              std::string::npos)
        << range.message();
  }
  EXPECT_FALSE(find(file + "x").ok());
}

TEST(Executable, IsRefusedWithADamagedTrailer) {
  std::string file = executable(runtimeBytes(), toyModel().serialize());
  for (size_t i = file.size() - trailerSize; i < file.size(); ++i) {
    for (int bit : {1, 128}) {
      std::string damaged = file;
      damaged[i] = char(damaged[i] ^ bit);
      EXPECT_FALSE(find(damaged).ok()) << i - file.size();
    }
  }
}

// Tables that lie anywhere must not be followed out of the file.
TEST(Executable, IsRefusedWithAnAbsurdHeader) {
  std::string file = executable(runtimeBytes(), toyModel().serialize());
  for (size_t field : {32, 40}) { // offsets of the two tables
    std::string damaged = file;
    damaged.replace(field, 8, 8, '\xff');
    EXPECT_FALSE(find(damaged).ok()) << field;
  }
  for (size_t field : {56, 60}) { // and their lengths
    std::string damaged = file;
    damaged.replace(field, 2, 2, '\xff');
    (void)find(damaged); // what it finds depends on the bytes there
  }
}

} // namespace
