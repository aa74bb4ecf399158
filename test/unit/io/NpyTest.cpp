//===- NpyTest.cpp - Unit tests of io/Npy.h -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Round trips of every rank, the exact bytes of the header, and files that are
// damaged.
//
//===----------------------------------------------------------------------===//

#include "io/Npy.h"

#include "io/TemporaryFolder.h"

#include <gtest/gtest.h>

namespace sterna {
namespace {

/// A version 1 file with the given header and elements.
std::string npyFile(const std::string &header, const std::string &elements) {
  std::string file = "\x93NUMPY";
  file += '\x01';
  file += '\x00';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  return file + header + elements;
}

TEST(NpyTest, RoundTripOfEveryRank) {
  TemporaryFolder folder;
  std::vector<float> data(105);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<float>(i) * 0.37f - 3;
  for (const std::vector<uint64_t> &shape :
       {std::vector<uint64_t>{}, {105}, {1}, {0}, {7, 15}, {3, 5, 7}, {2, 0}}) {
    uint64_t count = 1;
    for (uint64_t extent : shape)
      count *= extent;
    ASSERT_TRUE(writeNpy(folder.path("x.npy"), shape, data.data()).ok());
    auto array = readNpyF32(folder.path("x.npy"));
    ASSERT_TRUE(array.ok()) << array.message();
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->data,
              std::vector<float>(data.begin(),
                                 data.begin() + static_cast<long>(count)));
  }
  EXPECT_EQ(folder.count(), 1u) << "temporary files were left behind";
}

TEST(NpyTest, RoundTripOfIntegers) {
  TemporaryFolder folder;
  std::vector<int32_t> data = {INT32_MIN, -1, 0, 1, INT32_MAX};
  ASSERT_TRUE(writeNpy(folder.path("x.npy"), {5}, data.data()).ok());
  auto array = readNpyI32(folder.path("x.npy"));
  ASSERT_TRUE(array.ok()) << array.message();
  EXPECT_EQ(array->data, data);
}

TEST(NpyTest, HeaderAsNumPyWritesIt) {
  TemporaryFolder folder;
  float one = 1;
  ASSERT_TRUE(writeNpy(folder.path("x.npy"), {1}, &one).ok());
  std::string content = folder.read("x.npy");
  EXPECT_EQ(content.size(), 128u + 4u);
  EXPECT_EQ(content.substr(10, 58),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } ");
  EXPECT_EQ(content[127], '\n');
}

TEST(NpyTest, RefusesOtherElementTypes) {
  TemporaryFolder folder;
  float one = 1;
  ASSERT_TRUE(writeNpy(folder.path("x.npy"), {1}, &one).ok());
  auto array = readNpyI32(folder.path("x.npy"));
  ASSERT_FALSE(array.ok());
  EXPECT_NE(array.message().find("expected element type <i4, but got <f4"),
            std::string::npos)
      << array.message();
}

TEST(NpyTest, RefusesEveryTruncation) {
  TemporaryFolder folder;
  std::vector<float> data(6, 1.0f);
  ASSERT_TRUE(writeNpy(folder.path("x.npy"), {2, 3}, data.data()).ok());
  std::string content = folder.read("x.npy");
  for (size_t size = 0; size < content.size(); ++size)
    EXPECT_FALSE(
        readNpyF32(folder.write("y.npy", content.substr(0, size))).ok())
        << size;
  EXPECT_FALSE(readNpyF32(folder.write("y.npy", content + "x")).ok());
}

TEST(NpyTest, RefusesHostileHeaders) {
  TemporaryFolder folder;
  const char *headers[] = {
      "",
      "{",
      "{}",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} trailing",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
      "{'descr': '<f4', 'fortran_order': False, 'shape': "
      "(4611686018427387905,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': "
      "(99999999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536, 65536, "
      "65536)}",
      "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}",
  };
  for (const char *header : headers)
    EXPECT_FALSE(
        readNpyF32(folder.write("x.npy", npyFile(header, "abcd"))).ok())
        << header;
  EXPECT_TRUE(readNpyF32(folder.write("x.npy",
                                      npyFile("{\"shape\":(1),\"fortran_order\""
                                              ":False,\"descr\":\"<f4\"}\n",
                                              "abcd")))
                  .ok());
}

TEST(NpyTest, MissingFileAndFolderAreErrors) {
  TemporaryFolder folder;
  EXPECT_FALSE(readNpyF32(folder.path("none.npy")).ok());
  EXPECT_FALSE(readNpyF32(folder.path()).ok());
  float one = 1;
  EXPECT_FALSE(writeNpy(folder.path("no/such/x.npy"), {1}, &one).ok());
}

} // namespace
} // namespace sterna
