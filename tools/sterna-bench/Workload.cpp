//===- Workload.cpp - Kernels of published models, with data --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Workload.h.
//
//===----------------------------------------------------------------------===//

#include "Workload.h"

#include "llvm/Support/FormatVariadic.h"

#include <random>

using namespace sterna::bench;
using namespace sterna::cpu;

namespace {

/// Shapes of benchmarks/ladder.py.
struct Model {
  const char *name;
  int64_t hidden, feedForward, heads, keyHeads, vocabulary;
};

constexpr Model models[] = {
    {"0.7B", 1536, 4096, 16, 16, 32002},
    {"1B", 2048, 3584, 32, 32, 32002},
    {"2B", 2560, 6912, 20, 5, 128256},
};

/// A ternary product with an m x n result, weights in blocks of `blockColumns`.
Workload product(const std::string &name, Root root, const char *left,
                 int64_t m, int64_t n, int64_t k, int64_t blockColumns = 16) {
  KernelCase c;
  c.blockColumns = blockColumns;
  c.root = root;
  c.left = left;
  c.m = m;
  c.n = n;
  c.k = k;
  Workload work;
  work.name = name + "/tokens:" + std::to_string(m);
  work.unit = c.left == "i8"    ? Unit::byteProduct
              : c.left == "i16" ? Unit::wordProduct
                                : Unit::floatFma;
  work.macs = m * n * k;
  work.weights = 1;
  work.make = [=] { return makeData(c, /*withReference=*/false); };
  return work;
}

/// Adds an operand of `count` f32 in [-1, 1).
void addFloats(KernelData &data, int64_t count) {
  std::vector<char> bytes(count * sizeof(float));
  std::mt19937 engine(7);
  auto *values = reinterpret_cast<float *>(bytes.data());
  for (int64_t i = 0; i < count; ++i)
    values[i] = float(engine() >> 8) / float(1 << 23) - 1;
  data.buffers.push_back(std::move(bytes));
}

/// Adds an operand of `count` positive f16 below 2, or of any i8. KernelCase
/// rounds f64 one by one, which takes half a minute for a head.
void addTable(KernelData &data, int64_t count, bool int8) {
  std::vector<char> bytes(count * (int8 ? 1 : 2));
  std::minstd_rand engine(7);
  for (int64_t i = 0; i < int64_t(bytes.size()); ++i) {
    bool high = !int8 && i % 2;
    bytes[i] = char((engine() >> 8) & (high ? 0x3f : 0xff));
  }
  data.buffers.push_back(std::move(bytes));
}

KernelData finish(KernelData data, int64_t resultSize) {
  data.result = data.buffers.size();
  data.buffers.emplace_back(resultSize * sizeof(float));
  for (std::vector<char> &buffer : data.buffers)
    data.pointers.push_back(buffer.data());
  return data;
}

/// Logits of one token; bytes have a scale a row.
Workload head(const Model &model, bool int8) {
  Workload work;
  work.name =
      std::string(int8 ? "head-i8/" : "head-f16/") + model.name + "/tokens:1";
  work.unit = Unit::floatFma;
  work.macs = model.hidden * model.vocabulary;
  work.weights = 1;
  work.make = [=] {
    KernelData data;
    std::string scaling = llvm::formatv(
        R"(
  %f = linalg.broadcast ins(%s : tensor<{0}xf32>) outs(%e : tensor<1x{0}xf32>)
      dimensions = [0]
  %y = arith.mulf %p, %f : tensor<1x{0}xf32>)",
        model.vocabulary);
    data.source = llvm::formatv(
        R"(plan.kernel @k tied [-1] {{
^bb0(%x: tensor<1x{0}xf32>, %w: tensor<{1}x{0}x{2}>, %s: tensor<{1}xf32>):
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x{1}xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x{1}xf32>)
      -> tensor<1x{1}xf32>
  %p = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
                       affine_map<(m, n, k) -> (n, k)>,
                       affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x{0}xf32>, tensor<{1}x{0}x{2}>)
      outs(%z : tensor<1x{1}xf32>) -> tensor<1x{1}xf32>{3}
  plan.yield {4} : tensor<1x{1}xf32>
})",
        model.hidden, model.vocabulary, int8 ? "i8" : "f16",
        int8 ? scaling : "", int8 ? "%y" : "%p");
    addFloats(data, model.hidden);
    addTable(data, model.hidden * model.vocabulary, int8);
    addFloats(data, model.vocabulary);
    return finish(std::move(data), model.vocabulary);
  };
  return work;
}

/// Causal attention of a prompt to itself.
Workload attention(const Model &model, int64_t tokens) {
  int64_t width = model.hidden / model.heads;
  int64_t groups = model.heads / model.keyHeads;
  Workload work;
  work.name = llvm::formatv("attention/{0}/tokens:{1}", model.name, tokens);
  work.unit = Unit::floatFma;
  // Scores and the sum of values, for the columns that a token sees.
  work.macs = 2 * model.hidden * tokens * (tokens + 1) / 2;
  work.make = [=] {
    std::string query = llvm::formatv("tensor<1x{0}x{1}x{2}x{3}xf32>", tokens,
                                      model.keyHeads, groups, width);
    std::string key = llvm::formatv("tensor<1x{0}x{1}x{2}xf32>", tokens,
                                    model.keyHeads, width);
    KernelData data;
    data.source = llvm::formatv(R"(plan.kernel @k tied [-1] {{
^bb0(%q: {0}, %k: {1}, %v: {1}):
  %p = arith.constant dense<0> : tensor<i32>
  %o = tern.attention %q, %k, %v, %p : {0}, {1}, tensor<i32>
  plan.yield %o : {0}
})",
                                query, key);
    addFloats(data, tokens * model.hidden);
    addFloats(data, tokens * model.keyHeads * width);
    addFloats(data, tokens * model.keyHeads * width);
    return finish(std::move(data), tokens * model.hidden);
  };
  return work;
}

} // namespace

std::vector<Workload> sterna::bench::makeWorkloads() {
  constexpr int64_t step = 128;
  std::vector<Workload> workloads;
  for (const Model &model : models) {
    int64_t hidden = model.hidden, wide = model.feedForward;
    for (bool up : {true, false}) {
      int64_t rows = up ? wide : hidden, columns = up ? hidden : wide;
      std::string matrix =
          std::string("/") + model.name + (up ? "/ffn_up" : "/ffn_down");
      for (int64_t tokens : {1, 16, 128, 512})
        workloads.push_back(product("ternary-int8" + matrix, Root::ternary,
                                    "i8", tokens, rows, columns));
      for (int64_t tokens : {1, 128})
        workloads.push_back(product("ternary-int8-base3" + matrix,
                                    Root::ternary, "i8", tokens, rows, columns,
                                    /*blockColumns=*/20));
      workloads.push_back(product("ternary-f32" + matrix, Root::ternary, "f32",
                                  step, rows, columns));
      workloads.push_back(product("ternary-transposed-f32" + matrix,
                                  Root::ternaryTransposed, "f32", step, columns,
                                  rows));
      for (const char *type : {"i16", "i8"})
        workloads.push_back(
            product(std::string("ternary-transposed-") + type + matrix,
                    Root::gradient, type, step, columns, rows));
    }
    for (bool int8 : {false, true})
      workloads.push_back(head(model, int8));
    workloads.push_back(attention(model, step));
  }
  return workloads;
}
