//===- FileTest.cpp - Unit tests of io/File.h -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Outputs at every kind of place, and writes that fail at every point: what was
// there stays, and nothing is left. Device nodes are the tests' own.
//
//===----------------------------------------------------------------------===//

#include "io/File.h"

#include "io/TemporaryFolder.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>

namespace sterna {
namespace {

namespace fs = std::filesystem;

/// A node like /dev/full (minor 7) or /dev/null (3); empty where the system
/// makes none.
std::string makeDevice(const TemporaryFolder &folder, unsigned minorNumber) {
  std::string path = folder.path("device" + std::to_string(minorNumber));
  bool made = mknod(path.c_str(), S_IFCHR | 0666, makedev(1, minorNumber)) == 0;
  // A file system may refuse to open nodes.
  return made && access(path.c_str(), W_OK) == 0 &&
                 AtomicFile::create(path).ok()
             ? path
             : std::string();
}

/// Files may hold no more than `bytes` while it lives.
class SizeLimit {
public:
  explicit SizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = before;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() { setrlimit(RLIMIT_FSIZE, &before); }

private:
  rlimit before;
};

TEST(FileTest, NewFilesHaveUsualPermissions) {
  TemporaryFolder folder;
  mode_t mask = umask(0027);
  Status status = writeFileAtomically(folder.path("x"), "abc");
  umask(mask);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(folder.read("x"), "abc");
  EXPECT_EQ(fs::status(folder.path("x")).permissions(), fs::perms(0640));
  EXPECT_EQ(folder.count(), 1u);
}

TEST(FileTest, ReplacesAFileAndKeepsItsPermissions) {
  TemporaryFolder folder;
  folder.write("x", "before");
  fs::permissions(folder.path("x"), fs::perms(0604));
  ASSERT_TRUE(writeFileAtomically(folder.path("x"), "after").ok());
  EXPECT_EQ(folder.read("x"), "after");
  EXPECT_EQ(fs::status(folder.path("x")).permissions(), fs::perms(0604));
}

TEST(FileTest, NothingAppearsBeforeCommit) {
  TemporaryFolder folder;
  folder.write("x", "before");
  {
    Expected<AtomicFile> file = AtomicFile::create(folder.path("x"));
    ASSERT_TRUE(file.ok()) << file.message();
    ASSERT_TRUE(file->write("after", 5).ok());
    EXPECT_EQ(folder.read("x"), "before");
    EXPECT_EQ(folder.count(), 2u) << "the temporary file lies beside it";
  }
  EXPECT_EQ(folder.read("x"), "before");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(FileTest, TemporaryNamesCannotBeGuessed) {
  TemporaryFolder folder;
  Expected<AtomicFile> one = AtomicFile::create(folder.path("x"));
  Expected<AtomicFile> two = AtomicFile::create(folder.path("x"));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(folder.count(), 2u);
  for (const auto &entry : fs::directory_iterator(folder.path())) {
    std::string name = entry.path().filename().string();
    EXPECT_EQ(name.find(std::to_string(getpid())), std::string::npos) << name;
    EXPECT_GE(name.size(), 32u);
  }
}

TEST(FileTest, WritesWhereLinksLead) {
  TemporaryFolder folder;
  fs::create_directory(folder.path("a"));
  fs::create_directory(folder.path("b"));
  folder.write("a/file", "before");
  fs::create_symlink("../a/file", folder.path("b/relative"));
  fs::create_symlink(folder.path("b/relative"), folder.path("absolute"));
  fs::create_symlink("a/new", folder.path("dangling"));
  fs::create_symlink("b", folder.path("folder"));
  for (const char *name : {"absolute", "b/relative", "folder/relative"}) {
    Status status = writeFileAtomically(folder.path(name), name);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(folder.read("a/file"), name);
    EXPECT_TRUE(fs::is_symlink(folder.path(name)));
  }
  ASSERT_TRUE(writeFileAtomically(folder.path("dangling"), "x").ok());
  EXPECT_TRUE(fs::is_symlink(folder.path("dangling")));
  EXPECT_EQ(folder.read("a/new"), "x");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("a")), {}), 2);

  fs::create_symlink("loop", folder.path("loop"));
  EXPECT_FALSE(writeFileAtomically(folder.path("loop"), "x").ok());
  EXPECT_TRUE(fs::is_symlink(folder.path("loop")));
}

TEST(FileTest, WritesThroughDevices) {
  TemporaryFolder folder;
  std::string null = makeDevice(folder, 3), full = makeDevice(folder, 7);
  if (null.empty() || full.empty())
    GTEST_SKIP() << "no device node can be made here";
  fs::create_symlink(null, folder.path("link"));
  for (const std::string &path : {null, folder.path("link")}) {
    EXPECT_TRUE(checkWritable(path).ok());
    Status status = writeFileAtomically(path, "abc");
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(fs::is_character_file(path));
  }
  Status status = writeFileAtomically(full, "abc");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("No space left"), std::string::npos)
      << status.message();
  EXPECT_TRUE(fs::is_character_file(full));
  EXPECT_EQ(folder.count(), 3u);
}

TEST(FileTest, WritesThroughPipes) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  std::string content(100000, 'x'), received;
  // A check must not end the reader.
  std::thread reader([&] { received = folder.read("pipe"); });
  EXPECT_TRUE(checkWritable(folder.path("pipe")).ok());
  Status status = writeFileAtomically(folder.path("pipe"), content);
  reader.join();
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(received, content);
  EXPECT_TRUE(fs::is_fifo(folder.path("pipe")));
  EXPECT_FALSE(readFile(folder.path("pipe")).ok()) << "and does not wait";
}

TEST(FileTest, RefusesFolders) {
  TemporaryFolder folder;
  fs::create_directory(folder.path("x"));
  fs::create_symlink("x", folder.path("link"));
  for (const char *name : {"x", "link", "."}) {
    for (const Status &status : {writeFileAtomically(folder.path(name), "a"),
                                 checkWritable(folder.path(name))}) {
      ASSERT_FALSE(status.ok()) << name;
      EXPECT_NE(status.message().find("a folder is there"), std::string::npos)
          << status.message();
    }
  }
  EXPECT_FALSE(checkWritable(folder.path("none/x")).ok());
  EXPECT_EQ(folder.count(), 2u);
}

TEST(FileTest, ReplacesNothingThatCameMeanwhile) {
  TemporaryFolder folder;
  for (const char *kind : {"folder", "pipe", "link"}) {
    std::string path = folder.path(kind);
    Expected<AtomicFile> file = AtomicFile::create(path);
    ASSERT_TRUE(file.ok());
    if (kind == std::string("folder"))
      fs::create_directory(path);
    else if (kind == std::string("pipe"))
      mkfifo(path.c_str(), 0600);
    else
      fs::create_symlink("elsewhere", path);
    EXPECT_FALSE(file->commit().ok()) << kind;
    EXPECT_FALSE(fs::is_regular_file(path)) << kind;
  }
  EXPECT_EQ(folder.count(), 3u) << "temporary files were left behind";
}

TEST(FileTest, AFullDiskLeavesNothing) {
  TemporaryFolder folder;
  folder.write("x", "before");
  SizeLimit limit(5);
  for (const char *name : {"x", "y"}) {
    Status status = writeFileAtomically(folder.path(name), "after all");
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.message().find(folder.path(name)), std::string::npos);
  }
  EXPECT_EQ(folder.read("x"), "before");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(FileTest, TakesTheLongestNames) {
  TemporaryFolder folder;
  std::string name(255, 'n');
  EXPECT_TRUE(writeFileAtomically(folder.path(name), "x").ok());
  EXPECT_EQ(folder.read(name), "x");
}

TEST(FileTest, OutputFoldersStayOnlyWhenKept) {
  TemporaryFolder folder;
  fs::create_directory(folder.path("here"));
  for (const char *name : {"a", "a/b/c", "here", "here/d/", "a//b/../e"}) {
    {
      EXPECT_TRUE(OutputFolder::create(folder.path(name)).ok()) << name;
    }
    EXPECT_EQ(folder.count(), 1u) << name;
  }
  {
    auto used = OutputFolder::create(folder.path("a/b"));
    ASSERT_TRUE(used.ok());
    folder.write("a/b/file", "x");
  }
  EXPECT_EQ(folder.read("a/b/file"), "x");
  {
    auto kept = OutputFolder::create(folder.path("c/d"));
    ASSERT_TRUE(kept.ok());
    kept->keep();
  }
  EXPECT_TRUE(fs::is_directory(folder.path("c/d")));
  EXPECT_FALSE(OutputFolder::create(folder.path("a/b/file")).ok());
  EXPECT_FALSE(OutputFolder::create(folder.path("a/b/file/x")).ok());
}

} // namespace
} // namespace sterna
