//===- sterna-bench.cpp - Kernels against the limits of the machine -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles kernels through their emitters and measures them alone with Google
// Benchmark. Each is related to the least time that the machine needs for it,
// by limits measured in the same run: the longer of reading its weights and
// computing its multiply-adds.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"
#include "Workload.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <benchmark/benchmark.h>
#include <chrono>
#include <cstring>
#include <map>

using namespace sterna;
using namespace sterna::bench;
using namespace sterna::cpu;

namespace {

constexpr unsigned threadCounts[] = {1, 2};

ThreadPool &getPool(unsigned threads) {
  static std::map<unsigned, std::unique_ptr<ThreadPool>> pools;
  std::unique_ptr<ThreadPool> &pool = pools[threads];
  if (!pool) {
    auto created = ThreadPool::create(threads);
    if (!created.ok())
      llvm::report_fatal_error("cannot start threads",
                               /*gen_crash_diag=*/false);
    pool = std::move(*created);
  }
  return *pool;
}

/// The limits, measured when first asked for.
const std::vector<Limit> &getLimits(unsigned threads) {
  static std::map<unsigned, std::vector<Limit>> limits;
  auto it = limits.find(threads);
  if (it == limits.end())
    it = limits.emplace(threads, measureLimits(getPool(threads))).first;
  return it->second;
}

/// The fastest multiply-add that code of a level may use.
const char *limitName(Unit unit, const Level &level) {
  bool wide = level.info.registers == 32;
  if (unit == Unit::floatFma)
    return !level.hasFma ? "mulps+addps xmm"
           : wide        ? "vfmadd zmm"
                         : "vfmadd ymm";
  bool words = unit == Unit::wordProduct;
  switch (level.info.byteProduct) {
  case ByteProduct::ssse3:
    return words ? "pmaddwd+paddd xmm" : "pmaddubsw+paddw xmm";
  case ByteProduct::avx2:
    return words ? "vpmaddwd+vpaddd ymm" : "vpmaddubsw+vpaddw ymm";
  default:
    if (words)
      return wide ? "vpdpwssd zmm" : "vpdpwssd ymm";
    return wide ? "vpdpbusd zmm" : "vpdpbusd ymm";
  }
}

const Limit &findLimit(unsigned threads, llvm::StringRef name) {
  return *llvm::find_if(getLimits(threads),
                        [&](const Limit &limit) { return limit.name == name; });
}

/// A compiled workload with copies of its weights, run by all threads of a
/// pool.
class Runner {
public:
  Runner(const Workload &work, const Level &level)
      : data(work.make()), kernel(CompiledKernel::create(data.source, level)),
        weights(work.weights) {
    if (!kernel || weights < 0)
      return;
    constexpr int64_t page = 4096;
    const std::vector<char> &packed = data.buffers[weights];
    size = int64_t(packed.size());
    stride = int64_t(llvm::alignTo(size, page));
    copies = llvm::divideCeil(beyondCaches(), stride);
    storage.resize(copies * stride + page);
    first = reinterpret_cast<char *>(
        llvm::alignTo(reinterpret_cast<uintptr_t>(storage.data()), page));
    for (int64_t i = 0; i < copies; ++i)
      std::memcpy(first + i * stride, packed.data(), size);
  }

  bool isCompiled() const { return bool(kernel); }
  int64_t weightBytes() const { return size; }

  void run(ThreadPool &pool) {
    if (copies)
      data.pointers[weights] = first + next++ % copies * stride;
    Grid grid{uint32_t(kernel->groups)};
    pool.run(
        &grid, /*count=*/1,
        [](void *context, unsigned, uint32_t, uint32_t begin, uint32_t end) {
          auto &runner = *static_cast<Runner *>(context);
          runner.kernel->run(runner.data.pointers, begin, end);
        },
        this);
  }

private:
  KernelData data;
  std::unique_ptr<CompiledKernel> kernel;
  int weights;
  std::vector<char> storage;
  char *first = nullptr;
  int64_t size = 0, stride = 0, copies = 0, next = 0;
};

/// Only the last one is kept: the benchmarks of a workload follow each other.
Runner &getRunner(const Workload &work, const Level &level) {
  static const Workload *last = nullptr;
  static std::unique_ptr<Runner> runner;
  if (last != &work) {
    runner.reset();
    runner = std::make_unique<Runner>(work, level);
    last = &work;
  }
  return *runner;
}

void measure(benchmark::State &state, const Workload &work, const Level &level,
             unsigned threads) {
  const Limit &compute = findLimit(threads, limitName(work.unit, level));
  const Limit &read = findLimit(threads, streamingRead);
  Runner &runner = getRunner(work, level);
  if (!runner.isCompiled()) {
    state.SkipWithError("the kernel does not compile");
    return;
  }
  ThreadPool &pool = getPool(threads);
  runner.run(pool);
  auto start = std::chrono::steady_clock::now();
  for (auto _ : state)
    runner.run(pool);
  std::chrono::duration<double, std::nano> time =
      std::chrono::steady_clock::now() - start;
  // Nanoseconds, so that a count divided by them is in G/s.
  double each = time.count() / double(state.iterations());
  auto bytes = double(runner.weightBytes());
  double computing = double(work.macs) / compute.rate;
  double reading = bytes / read.rate;
  const Limit &binding = reading > computing ? read : compute;
  state.counters["GMAC/s"] = double(work.macs) / each;
  state.counters["GB/s"] = bytes / each;
  state.counters["limit%"] = 100 * std::max(reading, computing) / each;
  state.SetLabel("of " + binding.name +
                 (binding.isLow() ? ", LOW: below 80% of the best seen" : ""));
}

/// A row for a limit itself.
void reportLimit(benchmark::State &state, const std::string &name,
                 unsigned threads) {
  const Limit &limit = findLimit(threads, name);
  for (auto _ : state)
    state.SetIterationTime(1e-9);
  state.counters[name == streamingRead ? "GB/s" : "GMAC/s"] = limit.rate;
  if (limit.perCycle != 0)
    state.counters["instr/cycle"] = limit.perCycle;
  state.counters["best%"] = 100 * limit.rate / limit.best;
  if (limit.isLow())
    state.SetLabel("LOW: below 80% of the best seen");
}

void printHelp() {
  llvm::outs() << R"(Usage: sterna-bench [--level=NAME] [options]

Measures kernels as the compiler emits them, with one and two threads, over the
shapes of three published models. Weights are read from memory, beyond the last
cache. For each kernel:
  GMAC/s   multiply-adds
  GB/s     packed weights read
  limit%   the least time that the machine needs, in percent of the time taken;
           the label names the limit that binds

The limits (rows limit/...) are measured in the same run: a streaming read, and
the multiply-adds that the level has. The best ever seen on this kind of CPU are
kept in $XDG_CACHE_HOME/sterna/limits.json; LOW marks a limit below 80% of it,
and such a run says little. Limits are measured again at the end.

  --level=NAME   instruction level; the best of this machine by default, out of:
)";
  for (const Level *level : getHostLevels())
    llvm::outs() << "                   " << level->name << "\n";
  llvm::outs() << R"(
Options of Google Benchmark:
  --benchmark_list_tests
  --benchmark_filter=REGEX          -REGEX excludes
  --benchmark_min_time=SECONDS
  --benchmark_repetitions=N
  --benchmark_report_aggregates_only
  --benchmark_format=console|json|csv
  --benchmark_out=FILE  --benchmark_out_format=json|console|csv
)";
  llvm::outs().flush();
}

/// Handles --level, takes it out of the arguments, and returns the level.
const Level *chooseLevel(int &argc, char **argv) {
  std::vector<const Level *> levels = getHostLevels();
  const Level *level = levels.back();
  constexpr llvm::StringLiteral flag = "--level=";
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (!argument.consume_front(flag)) {
      argv[kept++] = argv[i];
      continue;
    }
    level = findLevel(argument);
    if (!llvm::is_contained(levels, level)) {
      llvm::errs() << "sterna-bench: this machine does not run level '"
                   << argument << "'\n";
      return nullptr;
    }
  }
  argc = kept;
  return level;
}

/// Measures the limits again that kernels were related to, and warns of those
/// that have changed: the figures between are then in doubt.
void checkLimitsAgain(const std::vector<unsigned> &used) {
  for (unsigned threads : used) {
    std::vector<Limit> before = getLimits(threads);
    std::vector<Limit> after = measureLimits(getPool(threads));
    for (auto [limit, now] : llvm::zip_equal(before, after))
      if (limit.rate < 0.8 * now.best || now.isLow())
        llvm::errs() << "sterna-bench: warning: " << limit.name << " with "
                     << threads << " threads: "
                     << llvm::format("%.1f, at the end %.1f, best seen %.1f\n",
                                     limit.rate, now.rate, now.best);
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv, printHelp);
  const Level *level = chooseLevel(argc, argv);
  if (!level || benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  benchmark::AddCustomContext("level", level->name.str());

  std::vector<unsigned> used;
  std::vector<std::string> names = {
      streamingRead, limitName(Unit::byteProduct, *level),
      limitName(Unit::wordProduct, *level), limitName(Unit::floatFma, *level)};
  for (const std::string &name : names)
    for (unsigned threads : threadCounts)
      benchmark::RegisterBenchmark(
          ("limit/" + name + "/threads:" + std::to_string(threads)).c_str(),
          [=](benchmark::State &state) { reportLimit(state, name, threads); })
          ->UseManualTime()
          ->Iterations(1);
  std::vector<Workload> workloads = makeWorkloads();
  for (const Workload &work : workloads)
    for (unsigned threads : threadCounts)
      benchmark::RegisterBenchmark(
          (work.name + "/threads:" + std::to_string(threads)).c_str(),
          [=, &work, &used](benchmark::State &state) {
            measure(state, work, *level, threads);
            if (!llvm::is_contained(used, threads))
              used.push_back(threads);
          })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
  checkLimitsAgain(used);
  benchmark::Shutdown();
}
