//===- ThreadPool.h - Threads that share out grids of workgroups ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads that execute programs. Each grid is divided among them, and a
// thread that is done takes from the others, so that one that lost its core
// holds up no more than the piece that it runs. Separate from the CPU device so
// that it can be tested on its own.
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
  /// Returns once the counter differs from `old`; sleeps after looking `spins`
  /// times.
  void waitWhile(uint32_t old, unsigned spins);

private:
  std::atomic<uint32_t> counter{0};
  std::atomic<uint32_t> sleepers{0};
  std::mutex mutex;
  std::condition_variable condition;
};

/// Workgroups that are independent of each other.
struct Grid {
  uint32_t workgroups = 0;
  bool barrier = false; // begins after all grids before it have ended
};

/// N threads, of which the one that calls `run` is thread 0.
class ThreadPool {
public:
  /// Runs workgroups [begin, end) of a grid, given by its number. What a thread
  /// runs never goes back to an earlier grid. Which thread runs what depends on
  /// the clock; results must not.
  using Job = void (*)(void *context, unsigned thread, uint32_t grid,
                       uint32_t begin, uint32_t end);

  static constexpr unsigned maxThreads = 1024;

  /// Starts `threads - 1` threads; 0 counts as 1. Fails for more than
  /// `maxThreads` and if the system refuses a thread.
  static Expected<std::unique_ptr<ThreadPool>> create(unsigned threads);
  /// Stops and joins them. Nothing may be running.
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return threadCount; }

  /// Runs all workgroups of `count` grids and returns when they are done. All
  /// memory that a grid wrote is visible after the next barrier and at the end.
  /// Not reentrant: one run at a time.
  void run(const Grid *grids, uint32_t count, Job job, void *context);

private:
  /// What is left of a thread's share of the open grid, in units of which each
  /// share has `unitsOfShare`: the grid's serial number, the first unit, and
  /// the end. One word, so that units are taken of the grid that is open and of
  /// no other; the serial number comes again after four billion grids.
  struct alignas(64) Ticket {
    std::atomic<uint64_t> word{0};
  };

  ThreadPool() = default;
  void work(unsigned thread);
  bool takeFrom(unsigned owner, unsigned thread);
  bool takeAny(unsigned thread);
  void openNext();

  unsigned threadCount = 1;
  unsigned spins = 0;
  std::vector<std::thread> workers;
  std::unique_ptr<Ticket[]> tickets; // one for each thread
  std::atomic<bool> stopping{false};

  // Of the run. A thread reads them with units taken, and then nobody writes.
  const Grid *grids = nullptr;
  uint32_t gridCount = 0;
  Job job = nullptr;
  void *context = nullptr;
  uint32_t nextGrid = 0; // the first that was not opened; serials go on
  uint32_t serial = 0;
  uint32_t firstSerial = 0;

  std::atomic<uint32_t> untaken{0};    // units of the open grid
  std::atomic<uint64_t> unfinished{0}; // units of all grids since the barrier
  std::atomic<bool> done{true};
  Event opened; // a grid was opened, the run is done, or the pool stops
};

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
