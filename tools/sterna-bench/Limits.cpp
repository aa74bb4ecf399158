//===- Limits.cpp - Limits of this machine, measured ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Limits.h.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"
#include "Probes.h"
#include "io/File.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <unistd.h>

using namespace sterna;
using namespace sterna::bench;

namespace {

/// The fastest of these counts, as in STREAM: slower ones were disturbed.
constexpr int passes = 20;

double secondsOf(const std::function<void()> &work) {
  auto start = std::chrono::steady_clock::now();
  work();
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  return time.count();
}

/// Seconds of the fastest pass of `job`, one workgroup for each thread. A
/// thread that begins late may find its own taken; the fastest pass has none.
double fastest(ThreadPool &pool, ThreadPool::Job job, void *context) {
  double seconds = 1e9;
  Grid grid{pool.size()};
  for (int i = 0; i < passes; ++i)
    seconds = std::min(seconds, secondsOf([&] {
                         pool.run(&grid, /*count=*/1, job, context);
                       }));
  return seconds;
}

/// Stops when a loop was not computed: its time means nothing.
void require(bool computed, const std::string &name) {
  if (!computed)
    llvm::report_fatal_error(llvm::Twine("the probe was not computed: ") + name,
                             /*gen_crash_diag=*/false);
}

Limit measureProbe(ThreadPool &pool, const Probe &probe) {
  struct Context {
    const Probe &probe;
    std::atomic<bool> computed{true};
    Context(const Probe &probe) : probe(probe) {}
  } context(probe);
  double seconds = fastest(
      pool,
      [](void *data, unsigned, uint32_t, uint32_t begin, uint32_t end) {
        auto *context = static_cast<Context *>(data);
        for (uint32_t i = begin; i != end; ++i)
          if (!context->probe.run())
            context->computed = false;
      },
      &context);
  require(context.computed, probe.name);
  constexpr int64_t cycles = 48 << 16;
  double clock =
      cycles / fastest(
                   pool,
                   [](void *, unsigned, uint32_t, uint32_t begin,
                      uint32_t end) { spendCycles(cycles * (end - begin)); },
                   nullptr);
  double rounds = double(probeRounds) / seconds;
  Limit limit;
  limit.name = probe.name;
  limit.rate = 1e-9 * rounds * double(probe.macs) * pool.size();
  limit.perCycle = rounds * double(probe.instructions) / clock;
  return limit;
}

Limit measureRead(ThreadPool &pool) {
  struct Context {
    std::vector<uint64_t> words;
    unsigned threads;
    std::atomic<uint64_t> sum{0};
  } context;
  constexpr int64_t lineWords = 8;
  context.words.resize(beyondCaches() / sizeof(uint64_t));
  context.threads = pool.size();
  for (uint64_t i = 0; i < context.words.size(); ++i)
    context.words[i] = i;
  double seconds = fastest(
      pool,
      [](void *data, unsigned, uint32_t, uint32_t begin, uint32_t end) {
        auto *context = static_cast<Context *>(data);
        auto lines = uint32_t(context->words.size() / lineWords);
        for (uint32_t i = begin; i != end; ++i) {
          Share share = shareOf(lines, i, context->threads);
          context->sum +=
              sumWords(context->words.data() + size_t(share.begin) * lineWords,
                       (share.end - share.begin) * lineWords);
        }
      },
      &context);
  uint64_t count = context.words.size();
  require(context.sum == passes * (count / 2 * (count - 1)), streamingRead);
  Limit limit;
  limit.name = streamingRead;
  limit.rate = 1e-9 * double(count * sizeof(uint64_t)) / seconds;
  return limit;
}

/// A hypervisor may hide the model's name, so its numbers belong to the key.
std::string cpuModel() {
  auto file = llvm::MemoryBuffer::getFileAsStream("/proc/cpuinfo");
  std::string model;
  if (!file)
    return "unknown";
  llvm::StringRef rest = (*file)->getBuffer().split("\n\n").first;
  while (!rest.empty()) {
    llvm::StringRef line;
    std::tie(line, rest) = rest.split('\n');
    auto [key, value] = line.split(':');
    key = key.trim();
    if (key == "model name" || key == "cpu family" || key == "model" ||
        key == "stepping")
      model += (model.empty() ? "" : " ") + value.trim().str();
  }
  return model;
}

/// Empty when the user has no directory for caches.
std::string bestFile() {
  llvm::SmallString<128> path;
  if (auto cache = llvm::sys::Process::GetEnv("XDG_CACHE_HOME"))
    path = *cache;
  else if (!llvm::sys::path::cache_directory(path))
    return "";
  llvm::sys::path::append(path, "sterna", "limits.json");
  return path.str().str();
}

/// Fills in `best` and raises what the file holds.
void keepBest(std::vector<Limit> &limits, unsigned threads) {
  std::string path = bestFile();
  llvm::json::Object all;
  if (auto file = llvm::MemoryBuffer::getFile(path)) {
    // What cannot be read is written anew.
    auto parsed = llvm::json::parse((*file)->getBuffer());
    if (!parsed)
      llvm::consumeError(parsed.takeError());
    else if (auto *object = parsed->getAsObject())
      all = std::move(*object);
  }
  std::string model = cpuModel();
  if (!all.getObject(model))
    all[model] = llvm::json::Object();
  llvm::json::Object &known = *all.getObject(model);
  for (Limit &limit : limits) {
    std::string key = limit.name + "/threads:" + std::to_string(threads);
    limit.best = std::max(limit.rate, known.getNumber(key).value_or(0));
    known[key] = limit.best;
  }
  // A folder that cannot be made is told by the file in it.
  (void)llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path));
  std::string text =
      llvm::formatv("{0:2}\n", llvm::json::Value(std::move(all))).str();
  if (Status status = writeFileAtomically(path, text); !status.ok())
    llvm::errs() << "sterna-bench: the limits are not kept: "
                 << status.message() << "\n";
}

} // namespace

int64_t sterna::bench::beyondCaches() {
  // A guest may see less of the cache than it uses.
  constexpr int64_t least = int64_t(256) << 20;
  return std::max<int64_t>(least, 4 * sysconf(_SC_LEVEL3_CACHE_SIZE));
}

std::vector<Limit> sterna::bench::measureLimits(ThreadPool &pool) {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  std::vector<Limit> limits = {measureRead(pool)};
  for (const Probe &probe : getProbes())
    if (std::all_of(probe.needs.begin(), probe.needs.end(),
                    [&](const std::string &feature) {
                      return features.lookup(feature);
                    }))
      limits.push_back(measureProbe(pool, probe));
  keepBest(limits, pool.size());
  return limits;
}
