//===- EmitterTest.cpp - Tuned kernels against scalar loops ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every emitter over shapes with odd sizes, all layouts, scales and epilogues.
// Each kernel runs twice, all workgroups at once and one by one: the results
// must be the same bits.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "SmallStack.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace sterna::cpu;

namespace {

/// Runs `c` at one level and compares. `emitter` is the one that must have
/// taken it.
void checkLevel(const KernelCase &c, const std::string &emitter,
                const Level &level) {
  SCOPED_TRACE(c.describe() + " at " + level.name.str());
  KernelData data = makeData(c);
  std::unique_ptr<CompiledKernel> kernel =
      CompiledKernel::create(data.source, level);
  ASSERT_TRUE(kernel) << data.source;
  EXPECT_EQ(kernel->emitter, emitter);
  std::vector<char> before = data.buffers[data.result];
  onSmallStack([&] { kernel->run(data.pointers, 0, kernel->groups); });
  std::vector<char> whole = data.buffers[data.result];
  std::memcpy(data.pointers[data.result], before.data(), before.size());
  for (int64_t group = kernel->groups; group-- > 0;)
    kernel->run(data.pointers, group, group + 1);
  EXPECT_EQ(whole, data.buffers[data.result]) << "depends on the workgroups";

  std::vector<float> result(data.expected.size());
  std::memcpy(result.data(), whole.data(), whole.size());
  for (size_t i = 0; i < result.size(); ++i) {
    double bound = 1e-6 * data.magnitude[i] + 1e-6;
    ASSERT_NEAR(result[i], data.expected[i], bound)
        << "row " << i / size_t(c.n) << ", column " << i % size_t(c.n);
  }
}

/// Runs `c` at every level of this machine.
void check(const KernelCase &c, const std::string &emitter) {
  for (const Level *level : getHostLevels())
    checkLevel(c, emitter, *level);
}

KernelCase shaped(int64_t m, int64_t n, int64_t k) {
  KernelCase c;
  c.m = m;
  c.n = n;
  c.k = k;
  return c;
}

TEST(FloatMatmul, Shapes) {
  const int64_t sizes[][3] = {{1, 1, 1},      {1, 24, 7},     {2, 50, 9},
                              {3, 33, 100},   {4, 24, 256},   {5, 16, 263},
                              {17, 100, 264}, {128, 8, 520},  {300, 4, 16},
                              {8, 130, 128},  {131, 49, 1027}};
  for (auto [m, n, k] : sizes)
    for (bool leftTransposed : {false, true})
      for (End end : {End::none, End::residual}) {
        KernelCase c = shaped(m, n, k);
        c.leftTransposed = leftTransposed;
        c.end = end;
        check(c, "float-matmul");
      }
}

TEST(FloatMatmul, RightTransposed) {
  const int64_t sizes[][3] = {{9, 24, 3},   {9, 25, 8},    {16, 30, 17},
                              {17, 9, 259}, {128, 8, 700}, {2, 40, 5}};
  for (auto [m, n, k] : sizes) {
    KernelCase c = shaped(m, n, k);
    c.rightTransposed = true;
    check(c, "float-matmul");
  }
}

TEST(FloatMatmul, ElementTypes) {
  for (const char *left : {"f32", "f16", "bf16"})
    for (const char *right : {"f32", "f16", "bf16", "i8"})
      for (bool rightTransposed : {false, true}) {
        KernelCase c = shaped(9, 29, 45);
        c.left = left;
        c.right = right;
        c.rightTransposed = rightTransposed;
        check(c, "float-matmul");
      }
}

TEST(FloatMatmul, Accumulates) {
  for (End end : {End::none, End::residual}) {
    KernelCase c = shaped(9, 35, 300);
    c.accumulate = true;
    c.end = end;
    check(c, "float-matmul");
  }
}

TEST(FloatMatmul, Ternary) {
  const int64_t sizes[][3] = {{1, 8, 16},    {3, 17, 100},   {17, 70, 333},
                              {16, 48, 544}, {2, 100, 1030}, {40, 23, 300}};
  for (auto [m, n, k] : sizes)
    for (Root root : {Root::ternary, Root::ternaryTransposed})
      for (Scale scale : {Scale::tensor, Scale::row, Scale::group}) {
        KernelCase c = shaped(m, n, k);
        c.root = root;
        c.scale = scale;
        c.group = scale == Scale::group ? 48 : 0;
        c.end = m == 17 ? End::residual : End::none;
        check(c, "float-matmul");
      }
}

TEST(FloatMatmul, TernaryBase3) {
  const int64_t sizes[][3] = {{1, 8, 20},    {3, 17, 100},   {17, 70, 333},
                              {16, 48, 544}, {2, 100, 1030}, {40, 23, 300},
                              {30, 124, 260}};
  for (auto [m, n, k] : sizes)
    for (Root root : {Root::ternary, Root::ternaryTransposed})
      for (Scale scale : {Scale::tensor, Scale::row}) {
        KernelCase c = shaped(m, n, k);
        c.root = root;
        c.scale = scale;
        c.blockColumns = 20;
        c.end = m == 17 ? End::residual : End::none;
        check(c, "float-matmul");
      }
}

TEST(FloatDot, Shapes) {
  const int64_t sizes[][3] = {{1, 8, 8},    {1, 33, 100}, {2, 7, 64},
                              {4, 700, 19}, {5, 9, 40},   {6, 33, 100},
                              {7, 16, 24},  {8, 75, 136}};
  for (auto [m, n, k] : sizes)
    for (const char *right : {"f32", "f16", "bf16", "i8"}) {
      KernelCase c = shaped(m, n, k);
      c.right = right;
      c.rightTransposed = true;
      c.end = n == 33 ? End::residual : End::none;
      check(c, "float-dot");
    }
}

/// What a row gives does not depend on those beside it: drafts rest on that.
TEST(FloatDot, RowsAlone) {
  for (const Level *level : getHostLevels())
    for (int64_t m : {2, 4, 6, 8}) {
      SCOPED_TRACE(std::to_string(m) + " rows at " + level->name.str());
      KernelCase c = shaped(m, 37, 300);
      c.right = "i8";
      c.rightTransposed = true;
      KernelData data = makeData(c);
      auto together = CompiledKernel::create(data.source, *level);
      c.m = 1;
      auto alone = CompiledKernel::create(makeData(c).source, *level);
      ASSERT_TRUE(together && alone);
      together->run(data.pointers, 0, together->groups);
      for (int64_t row = 0; row < m; ++row) {
        std::vector<float> result(c.n);
        std::vector<void *> pointers = data.pointers;
        pointers[0] = data.buffers[0].data() + row * c.k * 4;
        pointers[data.result] = result.data();
        alone->run(pointers, 0, alone->groups);
        EXPECT_EQ(std::memcmp(result.data(),
                              data.buffers[data.result].data() + row * c.n * 4,
                              c.n * 4),
                  0)
            << "row " << row;
      }
    }
}

TEST(TernaryInt8, Shapes) {
  const int64_t sizes[][3] = {{1, 8, 16},   {1, 35, 100},  {1, 9, 5460},
                              {2, 40, 256}, {3, 17, 272},  {5, 24, 8640},
                              {17, 50, 7},  {16, 64, 544}, {4, 1, 1}};
  for (auto [m, n, k] : sizes)
    for (Scale scale : {Scale::tensor, Scale::row, Scale::group})
      for (int64_t group : {16, 48, 128, 512}) {
        if (scale != Scale::group && group != 16)
          continue;
        KernelCase c = shaped(m, n, k);
        c.root = Root::ternary;
        c.left = "i8";
        c.scale = scale;
        c.group = scale == Scale::group ? group : 0;
        c.end = m == 1 || m == 17 ? End::residual : End::none;
        check(c, "ternary-int8");
      }
}

TEST(TernaryInt8, Base3) {
  // Rows that end within, at and beyond what is copied of a token at once.
  const int64_t sizes[][3] = {{1, 8, 20},   {1, 35, 100},  {1, 9, 5460},
                              {2, 40, 256}, {3, 17, 32},   {5, 24, 8640},
                              {17, 50, 7},  {16, 64, 544}, {4, 1, 1}};
  for (auto [m, n, k] : sizes)
    for (Scale scale : {Scale::tensor, Scale::row}) {
      KernelCase c = shaped(m, n, k);
      c.root = Root::ternary;
      c.left = "i8";
      c.scale = scale;
      c.blockColumns = 20;
      c.end = m == 1 || m == 17 ? End::residual : End::none;
      check(c, "ternary-int8");
    }
}

TEST(TernaryInt8, ExtremeActivations) {
  for (int activation : {-128, 127})
    for (int64_t m : {1, 6, 7}) {
      KernelCase c = shaped(m, 40, 1030);
      c.blockColumns = m == 7 ? 20 : 16;
      c.root = Root::ternary;
      c.left = "i8";
      c.integer = int16_t(activation);
      c.trit = 1; // the largest code: sums of pairs reach the end of int16
      check(c, "ternary-int8");
    }
}

/// K is the number of rows of weights that a sum runs over. Sizes reach several
/// blocks of depth, of tokens and of columns, with and without a rest.
TEST(TernaryGradient, Shapes) {
  const int64_t sizes[][3] = {{1, 1, 1},      {3, 17, 9},     {2, 40, 256},
                              {5, 24, 770},   {17, 50, 7},    {16, 64, 1544},
                              {40, 23, 3074}, {128, 130, 96}, {1030, 18, 12}};
  for (auto [m, n, k] : sizes)
    for (const char *left : {"i8", "i16"}) {
      KernelCase c = shaped(m, n, k);
      c.root = Root::gradient;
      c.left = left;
      c.end = m == 5 || m == 17 ? End::residual : End::none;
      check(c, "ternary-gradient");
    }
}

TEST(TernaryGradient, ExtremeGradients) {
  for (int value : {-32639, 32639, -32512, -127, 127})
    for (int trit : {-1, 0, 1}) {
      KernelCase c = shaped(6, 40, 5000);
      c.root = Root::gradient;
      c.left = std::abs(value) > 127 ? "i16" : "i8";
      c.integer = int16_t(value);
      c.trit = trit;
      check(c, "ternary-gradient");
    }
}

} // namespace
