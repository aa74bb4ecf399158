//===- AttentionTest.cpp - Attention kernels against scalar loops ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention and its gradient over odd head sizes, groups, prompts, cache sizes
// and positions, against loops in f64. Each kernel runs twice, all workgroups
// at once and one by one: the results must be the same bits. Columns that no
// token may see hold NaN: reading one shows.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "SmallStack.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace sterna::cpu;

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Types of keys and values.
enum class Kept { F32, F16, I8 };

struct AttentionCase {
  int64_t batch = 1, tokens = 1, heads = 1, groups = 1, width = 1, columns = 1;
  int32_t position = 0;
  /// The position is a constant in the kernel, not an argument.
  bool constant = false;
  Kept kept = Kept::F32;

  int64_t querySize() const { return batch * tokens * heads * groups * width; }
  int64_t keySize() const { return batch * columns * heads * width; }
  int64_t queryAt(int64_t b, int64_t s, int64_t h, int64_t g) const {
    return (((b * tokens + s) * heads + h) * groups + g) * width;
  }
  int64_t keyAt(int64_t b, int64_t c, int64_t h) const {
    return ((b * columns + c) * heads + h) * width;
  }
  int64_t bound(int64_t s) const { return std::min(position + s + 1, columns); }

  std::string queryType() const {
    return "tensor<" + std::to_string(batch) + "x" + std::to_string(tokens) +
           "x" + std::to_string(heads) + "x" + std::to_string(groups) + "x" +
           std::to_string(width) + "xf32>";
  }
  std::string keyType() const {
    return "tensor<" + std::to_string(batch) + "x" + std::to_string(columns) +
           "x" + std::to_string(heads) + "x" + std::to_string(width) +
           (kept == Kept::F32   ? "xf32>"
            : kept == Kept::F16 ? "xf16>"
                                : "xi8>");
  }
  std::string scaleType() const {
    return "tensor<" + std::to_string(batch) + "x" + std::to_string(columns) +
           "x" + std::to_string(heads) + "xf32>";
  }

  std::string source(bool gradient) const {
    std::string q = queryType(), k = keyType();
    std::string arguments = "%q: " + q + ", %k: " + k + ", %v: " + k;
    if (gradient)
      arguments += ", %do: " + q;
    if (!constant)
      arguments += ", %p: tensor<i32>";
    std::string scales;
    if (kept == Kept::I8) {
      arguments += ", %ks: " + scaleType() + ", %vs: " + scaleType();
      scales = " scales %ks, %vs";
    }
    std::string text = gradient ? "[-1, -1, -1]" : "[-1]";
    text = "plan.kernel @k tied " + text + " {\n^bb0(" + arguments + "):\n";
    if (constant)
      text += "  %p = arith.constant dense<" + std::to_string(position) +
              "> : tensor<i32>\n";
    std::string types = " : " + q + ", " + k + ", tensor<i32>\n";
    if (!gradient)
      return text + "  %o = tern.attention %q, %k, %v, %p" + scales + types +
             "  plan.yield %o : " + q + "\n}\n";
    return text + "  %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %p, %do" +
           types + "  plan.yield %dq, %dk, %dv : " + q + ", " + k + ", " + k +
           "\n}\n";
  }
};

/// Operands and the results of scalar loops.
struct AttentionData {
  AttentionCase c;
  std::mt19937 engine{7};
  Floats query, key, value, cotangent;
  Doubles result, queryGrad, keyGrad, valueGrad;
  /// What the kernel gets in place of `key` and `value` where they are narrow.
  std::vector<_Float16> keyHalves, valueHalves;
  std::vector<int8_t> keyCodes, valueCodes;
  Floats keyScales, valueScales;

  explicit AttentionData(const AttentionCase &c)
      : c(c), query(random(c.querySize(), 2)), key(random(c.keySize(), 2)),
        value(random(c.keySize(), 1)), cotangent(random(c.querySize(), 1)),
        result(c.querySize()), queryGrad(c.querySize()), keyGrad(c.keySize()),
        valueGrad(c.keySize()) {
    if (c.kept == Kept::I8) {
      encode(key, keyCodes, keyScales);
      encode(value, valueCodes, valueScales);
    }
    if (c.kept == Kept::F16)
      for (Floats *floats : {&key, &value})
        for (float &x : *floats)
          x = float(_Float16(x));
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t h = 0; h < c.heads; ++h) {
        for (int64_t s = 0; s < c.tokens; ++s)
          for (int64_t g = 0; g < c.groups; ++g)
            computeRow(b, s, h, g);
        for (int64_t column = c.bound(c.tokens - 1); column < c.columns;
             ++column)
          for (int64_t d = 0; d < c.width; ++d)
            key[c.keyAt(b, column, h) + d] = value[c.keyAt(b, column, h) + d] =
                NAN;
        if (c.kept == Kept::I8)
          for (int64_t column = c.bound(c.tokens - 1); column < c.columns;
               ++column)
            keyScales[c.keyAt(b, column, h) / c.width] =
                valueScales[c.keyAt(b, column, h) / c.width] = NAN;
      }
    keyHalves.assign(key.begin(), key.end());
    valueHalves.assign(value.begin(), value.end());
  }

private:
  /// Codes and scales of rows, each row of another size, which `values` become.
  void encode(Floats &values, std::vector<int8_t> &codes, Floats &scales) {
    codes.resize(values.size());
    scales.resize(values.size() / c.width);
    for (size_t i = 0; i < values.size(); ++i) {
      float &scale = scales[i / c.width];
      scale = float(1 + i / c.width % 5) / 127;
      codes[i] = int8_t(std::lround(values[i] / 2 * 127));
      values[i] = codes[i] * scale;
    }
  }

  Floats random(int64_t size, float scale) {
    Floats values(size);
    for (float &value : values)
      value = scale * (float(engine() >> 8) / float(1 << 23) - 1);
    return values;
  }

  double dot(const Floats &x, int64_t xAt, const Floats &y, int64_t yAt) {
    double sum = 0;
    for (int64_t d = 0; d < c.width; ++d)
      sum += double(x[xAt + d]) * y[yAt + d];
    return sum;
  }

  void computeRow(int64_t b, int64_t s, int64_t h, int64_t g) {
    int64_t bound = c.bound(s), q = c.queryAt(b, s, h, g);
    double root = 1 / std::sqrt(double(c.width));
    Doubles p(bound), dp(bound);
    double maximum = -INFINITY, sum = 0, product = 0;
    for (int64_t i = 0; i < bound; ++i) {
      p[i] = dot(query, q, key, c.keyAt(b, i, h)) * root;
      dp[i] = dot(cotangent, q, value, c.keyAt(b, i, h));
      maximum = std::max(maximum, p[i]);
    }
    for (double &x : p)
      sum += x = std::exp(x - maximum);
    for (int64_t i = 0; i < bound; ++i)
      product += (p[i] /= sum) * dp[i];
    for (int64_t i = 0; i < bound; ++i) {
      int64_t k = c.keyAt(b, i, h);
      double ds = p[i] * (dp[i] - product) * root;
      for (int64_t d = 0; d < c.width; ++d) {
        result[q + d] += p[i] * value[k + d];
        queryGrad[q + d] += ds * key[k + d];
        keyGrad[k + d] += ds * query[q + d];
        valueGrad[k + d] += p[i] * cotangent[q + d];
      }
    }
  }
};

void expectNear(const Floats &actual, const Doubles &expected,
                const char *what) {
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 2e-6 * (1 + std::abs(expected[i])))
        << what << ", element " << i;
}

/// Runs the kernel of `c` at `level` and returns its results.
std::vector<Floats> run(AttentionData &data, bool gradient,
                        const Level &level) {
  const AttentionCase &c = data.c;
  auto kernel = CompiledKernel::create(c.source(gradient), level);
  if (!kernel) {
    ADD_FAILURE() << c.source(gradient);
    return {};
  }
  EXPECT_EQ(kernel->emitter, gradient ? "attention-grad" : "attention");
  std::vector<Floats> results{Floats(c.querySize(), NAN)};
  if (gradient)
    results.resize(3, Floats(c.keySize(), NAN));
  std::vector<void *> buffers{data.query.data(), data.key.data(),
                              data.value.data()};
  if (c.kept == Kept::F16)
    buffers = {data.query.data(), data.keyHalves.data(),
               data.valueHalves.data()};
  if (c.kept == Kept::I8)
    buffers = {data.query.data(), data.keyCodes.data(), data.valueCodes.data()};
  int32_t position = c.position;
  if (gradient)
    buffers.push_back(data.cotangent.data());
  if (!c.constant)
    buffers.push_back(&position);
  if (c.kept == Kept::I8) {
    buffers.push_back(data.keyScales.data());
    buffers.push_back(data.valueScales.data());
  }
  std::vector<Floats> again = results;
  size_t inputs = buffers.size();
  for (Floats &result : results)
    buffers.push_back(result.data());
  onSmallStack([&] { kernel->run(buffers, 0, kernel->groups); });
  for (size_t i = 0; i < again.size(); ++i)
    buffers[inputs + i] = again[i].data();
  for (int64_t group = kernel->groups; group-- > 0;)
    kernel->run(buffers, group, group + 1);
  EXPECT_EQ(results, again) << "depends on the workgroups";
  return results;
}

void check(const AttentionCase &c) {
  SCOPED_TRACE(c.source(false));
  AttentionData data(c);
  for (const Level *level : getHostLevels()) {
    SCOPED_TRACE(level->name.str());
    std::vector<Floats> forward = run(data, false, *level);
    ASSERT_EQ(forward.size(), 1u);
    expectNear(forward[0], data.result, "result");
    if (c.kept != Kept::F32)
      continue;
    std::vector<Floats> grads = run(data, true, *level);
    ASSERT_EQ(grads.size(), 3u);
    expectNear(grads[0], data.queryGrad, "query gradient");
    expectNear(grads[1], data.keyGrad, "key gradient");
    expectNear(grads[2], data.valueGrad, "value gradient");
  }
}

TEST(Attention, HeadSizes) {
  for (int64_t width : {1, 5, 8, 36, 48, 64, 100, 128})
    for (int64_t groups : {1, 3})
      check({2, 3, 2, groups, width, 21, 9, groups == 3});
}

TEST(Attention, Groups) {
  for (int64_t groups : {1, 2, 3, 4, 5, 9})
    for (int64_t tokens : {1, 3, 17})
      check({1, tokens, 2, groups, 20, 40, 11, false});
}

TEST(Attention, Positions) {
  for (int64_t columns : {1, 7, 8, 65, 200})
    for (int32_t position : {0, 1, 6, 63, 64, 130, 250})
      check({1, 4, 1, 2, 12, columns, position, false});
}

TEST(Attention, Training) {
  for (int64_t tokens : {1, 8, 24, 67})
    check({2, tokens, 3, 2, 16, tokens, 0, true});
}

TEST(Attention, NarrowKeysAndValues) {
  for (Kept kept : {Kept::F16, Kept::I8}) {
    for (int64_t width : {1, 5, 36, 64, 100, 128})
      check({2, 3, 2, 3, width, 21, 9, false, kept});
    for (int64_t columns : {1, 7, 8, 65, 200})
      for (int32_t position : {0, 6, 63, 130, 250})
        check({1, 4, 1, 2, 12, columns, position, false, kept});
  }
}

// A token's result must not depend on the prompt that it came with.
TEST(Attention, SameBitsAloneAndInPrompt) {
  AttentionCase prompt{1, 13, 2, 3, 40, 64, 20, false};
  AttentionData data(prompt);
  const Level &level = *getHostLevels().back();
  Floats whole = run(data, false, level)[0];
  for (int64_t s = 0; s < prompt.tokens; ++s) {
    AttentionCase one = prompt;
    one.tokens = 1;
    one.position = prompt.position + int32_t(s);
    AttentionData alone(one);
    alone.key = data.key;
    alone.value = data.value;
    auto first = data.query.begin() + prompt.queryAt(0, s, 0, 0);
    alone.query.assign(first, first + one.querySize());
    auto expected = whole.begin() + prompt.queryAt(0, s, 0, 0);
    EXPECT_EQ(run(alone, false, level)[0],
              Floats(expected, expected + one.querySize()));
  }
}

} // namespace
