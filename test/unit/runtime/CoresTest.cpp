//===- CoresTest.cpp - Limits of control groups ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "core/Cores.h"

#include "../io/TemporaryFolder.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace sterna;

namespace {

/// A system's files below a temporary folder.
class CoresTest : public testing::Test {
protected:
  void write(const std::string &path, const std::string &text) {
    std::filesystem::path file = folder.path("root") + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::optional<unsigned> cores() {
    return coresOfControlGroup(folder.path("root"));
  }

  TemporaryFolder folder;
};

TEST_F(CoresTest, NoLimit) {
  EXPECT_EQ(cores(), std::nullopt);
  write("/proc/self/cgroup", "0::/user.slice\n");
  EXPECT_EQ(cores(), std::nullopt);
  write("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), std::nullopt);
}

TEST_F(CoresTest, VersionTwoRoundsUp) {
  write("/proc/self/cgroup", "0::/a/b\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "250000 100000\n");
  EXPECT_EQ(cores(), 3u);
  write("/sys/fs/cgroup/a/b/cpu.max", "10000 100000\n");
  EXPECT_EQ(cores(), 1u);
  write("/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
  EXPECT_EQ(cores(), 2u);
}

TEST_F(CoresTest, TheGroupsAroundCount) {
  write("/proc/self/cgroup", "0::/a/b\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
  EXPECT_EQ(cores(), 4u);
  write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(cores(), 2u);
}

TEST_F(CoresTest, VersionOne) {
  write("/proc/self/cgroup",
        "12:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:cpuset:/\n");
  std::string group = "/sys/fs/cgroup/cpu,cpuacct/docker/1";
  write(group + "/cpu.cfs_quota_us", "-1\n");
  write(group + "/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), std::nullopt);
  write(group + "/cpu.cfs_quota_us", "110000\n");
  EXPECT_EQ(cores(), 2u);
}

TEST_F(CoresTest, DamagedFilesLimitNothing) {
  for (const char *text : {"", "\n", "nonsense\n", "0::", "4:cpu\n"}) {
    write("/proc/self/cgroup", text);
    EXPECT_EQ(cores(), std::nullopt) << text;
  }
  write("/proc/self/cgroup", "0::/\n");
  for (const char *text : {"", "0 100000", "100000 0", "-5 100000", "x"}) {
    write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(cores(), std::nullopt) << text;
  }
}

TEST(Cores, ThereIsOneAtLeast) { EXPECT_GE(availableCores(), 1u); }

} // namespace
