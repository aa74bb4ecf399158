//===- ThreadPool.h - Fixed set of threads with a barrier -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads that execute programs. Work is divided statically, never stolen,
// so that which thread computes what depends on nothing but the thread count.
// Separate from the CPU device so that it can be tested on its own.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_THREADPOOL_H
#define STERNA_RUNTIME_CORE_THREADPOOL_H

#include "io/Status.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sterna {

/// A counter that threads wait for: a waiter spins for some microseconds, for
/// the usual wait is shorter than a sleep, and then sleeps.
class Event {
public:
  uint32_t value() const { return counter.load(std::memory_order_acquire); }
  /// Raises the counter by one and wakes all sleepers.
  void advance();
  /// Returns once the counter differs from `old`.
  void waitWhile(uint32_t old);

private:
  std::atomic<uint32_t> counter{0};
  std::atomic<uint32_t> sleepers{0};
  std::mutex mutex;
  std::condition_variable condition;
};

/// N threads, of which the one that calls `run` is thread 0.
class ThreadPool {
public:
  /// A job runs once on every thread; `thread` counts from 0.
  using Job = void (*)(void *context, unsigned thread);

  static constexpr unsigned maxThreads = 1024;

  /// Starts `threads - 1` threads; 0 counts as 1. Fails for more than
  /// `maxThreads` and if the system refuses a thread.
  static Expected<std::unique_ptr<ThreadPool>> create(unsigned threads);
  /// Stops and joins them. No job may be running.
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return unsigned(workers.size()) + 1; }

  /// Runs `job(context, i)` for every thread i and returns when all are done.
  /// Not reentrant: one run at a time.
  void run(Job job, void *context);

  /// Inside a job: waits until every thread has called it. All memory written
  /// before by any thread is visible after. Every thread must call it equally
  /// often.
  void barrier();

private:
  ThreadPool() = default;
  void work(unsigned thread);

  std::vector<std::thread> workers;
  Job job = nullptr;
  void *context = nullptr;
  bool stopping = false;
  Event start;
  Event released;
  std::atomic<unsigned> arrived{0};
};

/// The number of cores that this process may use, at least 1.
unsigned availableCores();

/// The share of `count` items that thread `thread` of `threads` takes, as a
/// range [begin, end). The shares are contiguous, cover all items and differ by
/// at most one in size.
struct Share {
  uint32_t begin;
  uint32_t end;
};
Share shareOf(uint32_t count, unsigned thread, unsigned threads);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_THREADPOOL_H
