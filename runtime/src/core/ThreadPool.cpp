//===- ThreadPool.cpp - Fixed set of threads with a barrier ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ThreadPool.h.
//
//===----------------------------------------------------------------------===//

#include "core/ThreadPool.h"

#include "core/Cores.h"

#include <algorithm>
#include <string>
#include <system_error>

using namespace sterna;

namespace {

/// About 30 microseconds on current machines: longer than most gaps between
/// dispatches, short enough not to hurt when cores are shared.
constexpr unsigned spinLimit = 1500;

/// How finely a thread's share of a grid can be divided again.
constexpr uint32_t unitsOfShare = 8;

/// Units [begin, end) of a thread's share of the grid with a serial number.
struct Units {
  uint32_t serial;
  uint32_t begin;
  uint32_t end;
};

uint64_t pack(const Units &units) {
  return uint64_t(units.serial) << 32 | units.begin << 16 | units.end;
}

Units unpack(uint64_t word) {
  return {uint32_t(word >> 32), uint32_t(word >> 16) & 0xffff,
          uint32_t(word) & 0xffff};
}

/// Workgroups of a share that come before one of its units.
uint32_t workgroupsBefore(Share share, uint32_t unit) {
  return uint32_t(uint64_t(share.end - share.begin) * unit / unitsOfShare);
}

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
  // Sleepers are woken once: one that waits for a core meanwhile costs nothing.
  if (sleepers.load(std::memory_order_seq_cst) == 0 ||
      sleepers.exchange(0, std::memory_order_seq_cst) == 0)
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
  }
  condition.notify_all();
}

void Event::waitWhile(uint32_t old, unsigned spins) {
  for (unsigned spin = 0; spin < spins; ++spin) {
    if (value() != old)
      return;
    pauseCore();
  }
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    // Anew after each wake, which took the registration away.
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    if (counter.load(std::memory_order_seq_cst) != old)
      return;
    condition.wait(lock);
  }
}

Expected<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads) {
  if (threads > maxThreads)
    return Status::error("expected at most " + std::to_string(maxThreads) +
                         " threads, but got " + std::to_string(threads));
  std::unique_ptr<ThreadPool> pool(new ThreadPool());
  threads = std::max(threads, 1u);
  pool->threadCount = threads;
  pool->tickets = std::make_unique<Ticket[]>(threads);
  // Where threads share cores, the one that is waited for needs this one's.
  pool->spins = threads <= availableCores() ? spinLimit : 0;
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
  stopping.store(true, std::memory_order_release);
  opened.advance();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(const Grid *newGrids, uint32_t count, Job newJob,
                     void *newContext) {
  if (threadCount == 1) {
    for (uint32_t grid = 0; grid < count; ++grid)
      if (newGrids[grid].workgroups != 0)
        newJob(newContext, 0, grid, 0, newGrids[grid].workgroups);
    return;
  }
  grids = newGrids;
  gridCount = count;
  job = newJob;
  context = newContext;
  nextGrid = 0;
  firstSerial = serial + 1;
  done.store(false, std::memory_order_relaxed);
  openNext();
  while (true) {
    uint32_t seen = opened.value();
    if (done.load(std::memory_order_acquire))
      return;
    if (!takeAny(0))
      opened.waitWhile(seen, spins);
  }
}

void ThreadPool::work(unsigned thread) {
  while (true) {
    uint32_t seen = opened.value();
    if (stopping.load(std::memory_order_acquire))
      return;
    if (!takeAny(thread))
      opened.waitWhile(seen, spins);
  }
}

/// Opens the next grid, or ends the run. Called by one thread at a time: the
/// one that took the last unit of a grid which no barrier follows, or finished
/// the last unit before one.
void ThreadPool::openNext() {
  if (nextGrid == gridCount) {
    done.store(true, std::memory_order_release);
    opened.advance();
    return;
  }
  ++nextGrid;
  ++serial;
  uint32_t units = size() * unitsOfShare;
  untaken.store(units, std::memory_order_relaxed);
  unfinished.fetch_add(units, std::memory_order_relaxed);
  for (unsigned thread = 0; thread < size(); ++thread)
    tickets[thread].word.store(pack({serial, 0, unitsOfShare}),
                               std::memory_order_release);
  opened.advance();
}

/// Runs something of the open grid; false if nothing of it is left.
bool ThreadPool::takeAny(unsigned thread) {
  for (unsigned i = 0; i < size(); ++i)
    if (takeFrom((thread + i) % size(), thread))
      return true;
  return false;
}

/// Takes half of what is left of a share, and runs it: large pieces first, for
/// kernels have work to do in each call, and small ones for the end. Those of
/// others are taken from their end, furthest from where the owner goes on.
bool ThreadPool::takeFrom(unsigned owner, unsigned thread) {
  std::atomic<uint64_t> &word = tickets[owner].word;
  uint64_t old = word.load(std::memory_order_relaxed);
  Units left, taken;
  do {
    left = unpack(old);
    if (left.begin == left.end)
      return false;
    uint32_t half = (left.end - left.begin + 1) / 2;
    taken = left;
    if (owner == thread)
      taken.end = left.begin = left.begin + half;
    else
      taken.begin = left.end = left.end - half;
    // What the opening thread wrote before is visible with its ticket.
  } while (!word.compare_exchange_weak(
      old, pack(left), std::memory_order_acquire, std::memory_order_relaxed));
  uint32_t grid = taken.serial - firstSerial;
  uint32_t count = taken.end - taken.begin;
  // Opened before the work is done, so that others have some meanwhile, and so
  // that units left unfinished are those of all grids up to the barrier.
  if (untaken.fetch_sub(count, std::memory_order_acq_rel) == count &&
      grid + 1 < gridCount && !grids[grid + 1].barrier)
    openNext();
  Share share = shareOf(grids[grid].workgroups, owner, size());
  uint32_t begin = share.begin + workgroupsBefore(share, taken.begin);
  uint32_t end = share.begin + workgroupsBefore(share, taken.end);
  if (begin != end)
    job(context, thread, grid, begin, end);
  if (unfinished.fetch_sub(count, std::memory_order_acq_rel) == count)
    openNext();
  return true;
}

Share sterna::shareOf(uint32_t count, unsigned thread, unsigned threads) {
  auto bound = [&](uint64_t index) {
    return uint32_t(uint64_t(count) * index / threads);
  };
  return {bound(thread), bound(uint64_t(thread) + 1)};
}
