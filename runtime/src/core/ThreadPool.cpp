//===- ThreadPool.cpp - Fixed set of threads with a barrier ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ThreadPool.h.
//
//===----------------------------------------------------------------------===//

#include "src/core/ThreadPool.h"

#include <sched.h>
#include <string>
#include <system_error>

using namespace sterna;

namespace {

/// About 30 microseconds on current machines: longer than most gaps between
/// dispatches, short enough not to hurt when cores are shared.
constexpr unsigned spinLimit = 1500;

void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

} // namespace

void Event::advance() {
  // Sequentially consistent, as is the sleepers' registration: either the
  // sleeper sees the new counter or this thread sees the sleeper.
  counter.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) == 0)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  condition.notify_all();
}

void Event::waitWhile(uint32_t old) {
  for (unsigned spin = 0; spin < spinLimit; ++spin) {
    if (counter.load(std::memory_order_acquire) != old)
      return;
    pauseCore();
  }
  std::unique_lock<std::mutex> lock(mutex);
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  condition.wait(
      lock, [&] { return counter.load(std::memory_order_seq_cst) != old; });
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

Expected<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads) {
  if (threads > maxThreads)
    return Status::error("expected at most " + std::to_string(maxThreads) +
                         " threads, but got " + std::to_string(threads));
  std::unique_ptr<ThreadPool> pool(new ThreadPool());
  for (unsigned thread = 1; thread < threads; ++thread) {
    // The standard library reports a refused thread by an exception only.
    try {
      pool->workers.emplace_back(
          [&pool = *pool, thread] { pool.work(thread); });
    } catch (const std::system_error &) {
      return Status::error("cannot start thread " + std::to_string(thread + 1) +
                           " of " + std::to_string(threads) +
                           ": use fewer threads");
    }
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping = true;
  start.advance();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(Job newJob, void *newContext) {
  job = newJob;
  context = newContext;
  start.advance();
  job(context, 0);
  barrier();
}

void ThreadPool::barrier() {
  if (workers.empty())
    return;
  uint32_t generation = released.value();
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    arrived.store(0, std::memory_order_relaxed);
    released.advance();
    return;
  }
  released.waitWhile(generation);
}

void ThreadPool::work(unsigned thread) {
  // The pool starts at event 0; a worker that starts late must not miss it, so
  // the count is kept here rather than read.
  for (uint32_t seen = 0;; ++seen) {
    start.waitWhile(seen);
    if (stopping)
      return;
    job(context, thread);
    barrier();
  }
}

unsigned sterna::availableCores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
    return unsigned(CPU_COUNT(&set));
#endif
  unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : cores;
}

Share sterna::shareOf(uint32_t count, unsigned thread, unsigned threads) {
  auto bound = [&](uint64_t index) {
    return uint32_t(uint64_t(count) * index / threads);
  };
  return {bound(thread), bound(uint64_t(thread) + 1)};
}
