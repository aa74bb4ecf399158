//===- RowsTest.cpp - Norms and quantizers against scalar loops -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise ops, a norm, elementwise ops again and a quantizer, in every
// combination and over odd sizes, against loops in f64. Each kernel runs twice,
// all workgroups at once and one by one: the results must be the same bits.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "SmallStack.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace sterna::cpu;

namespace {

using Floats = std::vector<float>;

struct RowsCase {
  int64_t m = 1, n = 1;
  /// x * exp(-g) before the norm, and + r behind it.
  bool before = false, norm = false, behind = false, quantize = false;
  /// Whether all that is computed is a result, or its end alone.
  bool yieldsAll = false;
  /// An element of row 0, if it is not zero.
  float special = 0;
};

/// Writes the kernel and computes what it should.
class Writer {
public:
  explicit Writer(const RowsCase &c) : c(c) {
    std::mt19937 random(unsigned(c.m * 1000 + c.n));
    std::uniform_real_distribution<float> value(-2, 2);
    for (size_t size : {c.m * c.n, c.m * c.n, c.n, c.m * c.n}) {
      arguments.emplace_back(size);
      for (float &x : arguments.back())
        x = value(random);
    }
    if (c.special != 0)
      arguments[0][size_t(c.n / 2)] = c.special;
    last.assign(arguments[0].begin(), arguments[0].end());
    write();
  }

  std::string source;
  std::vector<Floats> arguments;
  /// By result: floats, codes and scales.
  std::vector<std::vector<double>> expected;
  std::vector<bool> isCodes;

private:
  std::string matrix(const char *element) const {
    return "tensor<" + std::to_string(c.m) + "x" + std::to_string(c.n) + "x" +
           element + ">";
  }
  std::string vector(int64_t size) const {
    return "tensor<" + std::to_string(size) + "xf32>";
  }

  void write() {
    std::string type = matrix("f32");
    if (c.before) {
      body += "  %a = arith.negf %g : " + type +
              "\n  %e = math.exp %a : " + type +
              "\n  %p = arith.mulf %x, %e : " + type + "\n";
      for (size_t i = 0; i < last.size(); ++i)
        last[i] *= std::exp(-double(arguments[1][i]));
      add("%p", c.norm || c.behind);
    }
    if (c.norm) {
      body += "  %n = tern.rms_norm " + name +
              ", %w {epsilon = 1.0e-05 : f64} : " + type + ", " + vector(c.n) +
              "\n";
      norm();
      add("%n", c.behind);
    }
    if (c.behind) {
      body += "  %s = arith.addf " + name + ", %r : " + type + "\n";
      for (size_t i = 0; i < last.size(); ++i)
        last[i] += arguments[3][i];
      add("%s", false);
    }
    if (c.quantize)
      quantize();
    std::vector<std::string> tied(results.size(), "-1");
    source = "plan.kernel @k tied [" + llvm::join(tied, ", ") +
             "] {\n^bb0(%x: " + type + ", %g: " + type +
             ", %w: " + vector(c.n) + ", %r: " + type + "):\n" + body +
             "  plan.yield " + llvm::join(results, ", ") + " : " +
             llvm::join(types, ", ") + "\n}\n";
  }

  /// Goes on with the value `%name`, which is a result at the end at the
  /// latest.
  void add(const std::string &value, bool goesOn) {
    name = value;
    if (c.yieldsAll || (!goesOn && !c.quantize))
      yield(value, matrix("f32"), last, false);
  }

  void yield(const std::string &value, const std::string &type,
             std::vector<double> numbers, bool codes) {
    results.push_back(value);
    types.push_back(type);
    expected.push_back(std::move(numbers));
    isCodes.push_back(codes);
  }

  void norm() {
    for (int64_t row = 0; row < c.m; ++row) {
      double squares = 0;
      for (int64_t i = 0; i < c.n; ++i)
        squares += last[row * c.n + i] * last[row * c.n + i];
      double inverse = 1 / std::sqrt(squares / double(c.n) + 1e-5);
      for (int64_t i = 0; i < c.n; ++i)
        last[row * c.n + i] *= inverse * arguments[2][i];
    }
  }

  void quantize() {
    body += "  %q, %t = tern.quantize " + name + " : " + matrix("f32") +
            " -> " + matrix("i8") + ", " + vector(c.m) + "\n";
    std::vector<double> codes(last.size()), scales(c.m);
    for (int64_t row = 0; row < c.m; ++row) {
      double largest = 1e-5;
      bool finite = true;
      for (int64_t i = 0; i < c.n; ++i) {
        largest = std::max(largest, std::abs(last[row * c.n + i]));
        finite &= std::isfinite(last[row * c.n + i]);
      }
      scales[row] = finite ? largest / 127 : NAN;
      for (int64_t i = 0; i < c.n; ++i)
        codes[row * c.n + i] = finite ? last[row * c.n + i] * 127 / largest : 0;
    }
    yield("%q", matrix("i8"), codes, true);
    yield("%t", vector(c.m), scales, false);
  }

  RowsCase c;
  std::vector<double> last;
  std::string name = "%x", body;
  std::vector<std::string> results, types;
};

void checkResult(const std::vector<char> &bytes,
                 const std::vector<double> &expected, bool isCodes) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (isCodes) {
      // What is nearly halfway may be rounded either way.
      EXPECT_NEAR(int8_t(bytes[i]), expected[i], 0.5 + 1e-3) << "code " << i;
      continue;
    }
    float value;
    std::memcpy(&value, bytes.data() + i * sizeof(float), sizeof(float));
    if (std::isfinite(expected[i]))
      EXPECT_NEAR(value, expected[i], 1e-5 + 1e-5 * std::abs(expected[i]))
          << "element " << i;
    else
      EXPECT_FALSE(std::isfinite(value)) << "element " << i;
  }
}

void checkLevel(const RowsCase &c, const Level &level) {
  Writer w(c);
  SCOPED_TRACE(w.source + level.name.str());
  auto kernel = CompiledKernel::create(w.source, level);
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->emitter, "rows");
  std::vector<std::vector<char>> whole, parts;
  std::vector<void *> all, each;
  for (Floats &argument : w.arguments) {
    all.push_back(argument.data());
    each.push_back(argument.data());
  }
  for (size_t i = 0; i < w.expected.size(); ++i)
    for (auto *buffers : {&whole, &parts})
      buffers->emplace_back(w.expected[i].size() * (w.isCodes[i] ? 1 : 4));
  for (size_t i = 0; i < whole.size(); ++i) {
    all.push_back(whole[i].data());
    each.push_back(parts[i].data());
  }
  onSmallStack([&] { kernel->run(all, 0, kernel->groups); });
  for (int64_t group = kernel->groups; group-- > 0;)
    kernel->run(each, group, group + 1);
  EXPECT_EQ(whole, parts) << "depends on the workgroups";
  for (size_t i = 0; i < whole.size(); ++i)
    checkResult(whole[i], w.expected[i], w.isCodes[i]);
}

void check(const RowsCase &c) {
  for (const Level *level : getHostLevels())
    checkLevel(c, *level);
}

TEST(Rows, Combinations) {
  const int64_t sizes[][2] = {{1, 1}, {1, 5}, {3, 16}, {2, 33}, {19, 1000}};
  for (auto [m, n] : sizes)
    for (int bits = 0; bits < 32; ++bits) {
      RowsCase c;
      c.m = m;
      c.n = n;
      c.before = bits & 1;
      c.norm = bits & 2;
      c.behind = bits & 4;
      c.quantize = bits & 8;
      c.yieldsAll = bits & 16;
      if (c.norm || c.quantize)
        check(c);
    }
}

// A row of temporaries takes more than a thread's stack has.
TEST(Rows, LongRows) {
  RowsCase c;
  c.m = 2;
  c.n = 20001;
  c.before = c.norm = c.behind = c.quantize = true;
  check(c);
}

// Codes cannot tell that a row is not finite: its scale does, and others' do
// not.
TEST(Rows, NotFinite) {
  for (float special : {INFINITY, -INFINITY, NAN})
    for (bool norm : {false, true}) {
      RowsCase c;
      c.m = 3;
      c.n = 37;
      c.norm = norm;
      c.quantize = true;
      c.special = special;
      for (const Level *level : getHostLevels()) {
        Writer w(c);
        auto kernel = CompiledKernel::create(w.source, *level);
        ASSERT_TRUE(kernel);
        std::vector<char> codes(c.m * c.n);
        Floats scales(c.m);
        std::vector<void *> buffers;
        for (Floats &argument : w.arguments)
          buffers.push_back(argument.data());
        buffers.insert(buffers.end(), {codes.data(), scales.data()});
        kernel->run(buffers, 0, kernel->groups);
        EXPECT_TRUE(std::isnan(scales[0]));
        EXPECT_FLOAT_EQ(scales[1], float(w.expected[1][1]));
        EXPECT_FLOAT_EQ(scales[2], float(w.expected[1][2]));
      }
    }
}

// Zeros have the smallest scale there is, and codes of zero.
TEST(Rows, Zeros) {
  RowsCase c;
  c.m = 1;
  c.n = 24;
  c.quantize = true;
  for (const Level *level : getHostLevels()) {
    Writer w(c);
    auto kernel = CompiledKernel::create(w.source, *level);
    ASSERT_TRUE(kernel);
    std::fill(w.arguments[0].begin(), w.arguments[0].end(), 0.0f);
    std::vector<char> codes(c.n, 1);
    float scale = 0;
    std::vector<void *> buffers;
    for (Floats &argument : w.arguments)
      buffers.push_back(argument.data());
    buffers.insert(buffers.end(), {codes.data(), &scale});
    kernel->run(buffers, 0, kernel->groups);
    EXPECT_EQ(codes, std::vector<char>(c.n, 0));
    EXPECT_FLOAT_EQ(scale, 1e-5f / 127);
  }
}

} // namespace
