//===- CpuDevice.cpp - Runs programs on the host's CPU --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CpuDevice.h. Every pointer is resolved when the device is created;
// running a program is a walk over a flat list, and allocates nothing.
//
//===----------------------------------------------------------------------===//

#include "src/cpu/CpuDevice.h"

#include "src/core/Plan.h"
#include "src/core/Profile.h"
#include "src/core/ThreadPool.h"
#include "src/cpu/CpuFeatures.h"
#include "src/cpu/KernelLibrary.h"

#include <algorithm>
#include <cstring>

using namespace sterna;

namespace {

/// A dispatch with its kernel and buffers resolved to addresses.
struct ReadyDispatch {
  sterna_kernel_fn_t kernel;
  uint32_t firstBinding;
  uint32_t workgroups;
  bool barrier;
};

struct ReadyProgram {
  std::vector<ReadyDispatch> dispatches;
  std::vector<void *> bindings; // of all dispatches, one after another
};

/// Watches a thread walk over a program, or costs nothing.
struct NoWatch {
  void begin(size_t dispatch) {}
  void end(size_t dispatch, Share share) {}
};
struct SpanWatch {
  ProfileSpan *spans;

  void begin(size_t dispatch) { spans[dispatch].begin = Profile::now(); }
  void end(size_t dispatch, Share share) {
    spans[dispatch].end = Profile::now();
    spans[dispatch].workgroups = share.end - share.begin;
  }
};

class CpuDevice final : public Device {
public:
  CpuDevice(std::shared_ptr<const Module> module, const format::Code &code,
            KernelLibrary library, std::shared_ptr<Profile> profile)
      : module(std::move(module)), code(code), library(std::move(library)),
        profile(std::move(profile)) {}

  Status prepare(const std::vector<uint32_t> &indices, unsigned threads);

  std::string target() const override { return code.target()->str(); }
  std::string name() const override { return "CPU"; }
  PlannedBytes memory() const override { return planOf(*module, prepared); }
  uint8_t *block() override { return blockSpace.data(); }

  Status readState(uint64_t offset, uint64_t size, void *out) override {
    std::memcpy(out, state.data() + offset, size);
    return Status();
  }
  Status writeState(uint64_t offset, uint64_t size, const void *data) override {
    std::memcpy(state.data() + offset, data, size);
    return Status();
  }

  Status run(uint32_t index) override;

private:
  Status allocate(const std::vector<uint32_t> &indices);
  void resolve(const format::Program &program, ReadyProgram &ready);
  void *address(const format::Binding &binding);
  template <typename Watch>
  static void runShare(const ReadyProgram &program, ThreadPool &pool,
                       unsigned thread, Watch watch);
  template <typename WatchFor>
  void execute(const ReadyProgram &program, WatchFor watchFor);

  std::shared_ptr<const Module> module;
  const format::Code &code;
  KernelLibrary library;
  std::shared_ptr<Profile> profile; // may be null
  Mapping state;
  Mapping arena;
  Mapping blockSpace;
  std::vector<uint32_t> prepared;
  std::vector<ReadyProgram> programs; // by index; empty if not prepared
  std::unique_ptr<ThreadPool> pool;
};

Status CpuDevice::prepare(const std::vector<uint32_t> &indices,
                          unsigned threads) {
  layout = StateLayout(*module, indices);
  if (Status status = allocate(indices); !status.ok())
    return status;
  prepared = indices;
  const auto &all = orEmpty(module->metadata().programs());
  programs.resize(all.size());
  for (uint32_t index : indices)
    resolve(*all.Get(index), programs[index]);
  Expected<std::unique_ptr<ThreadPool>> newPool = ThreadPool::create(threads);
  if (!newPool.ok())
    return newPool.status();
  pool = std::move(*newPool);
  if (!profile)
    return Status();
  return profile->prepare({module, &code, name(), indices, pool->size()});
}

Status CpuDevice::allocate(const std::vector<uint32_t> &indices) {
  const format::Module &metadata = module->metadata();
  uint64_t arenaBytes = planOf(*module, indices).arena;
  struct Request {
    Mapping &mapping;
    uint64_t bytes;
    const char *purpose;
  };
  for (const Request &request :
       {Request{state, layout.size(), "state"},
        Request{arena, arenaBytes, "arena"},
        Request{blockSpace, metadata.block_bytes(), "parameter block"}}) {
    Expected<Mapping> mapping =
        Mapping::allocate(request.bytes, request.purpose);
    if (!mapping.ok())
      return mapping.status();
    request.mapping = std::move(*mapping);
  }
  return Status();
}

void *CpuDevice::address(const format::Binding &binding) {
  switch (binding.space()) {
  case format::Space::weights:
    // Kernels take every buffer through one type; the page protection keeps
    // weights from being written.
    return const_cast<uint8_t *>(module->weights()) + binding.offset();
  case format::Space::state:
    // There, for the binding's program is one of those prepared.
    return state.data() + *layout.find(binding.offset(), binding.size());
  case format::Space::arena:
    return arena.data() + binding.offset();
  case format::Space::block:
    return blockSpace.data() + binding.offset();
  }
  return nullptr;
}

void CpuDevice::resolve(const format::Program &program, ReadyProgram &ready) {
  const auto &kernels = orEmpty(code.kernels());
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches())) {
    ready.dispatches.push_back(
        {library.kernel(dispatch->kernel()), uint32_t(ready.bindings.size()),
         kernels.Get(dispatch->kernel())->workgroups(), dispatch->barrier()});
    for (const format::Binding *binding : orEmpty(dispatch->bindings()))
      ready.bindings.push_back(address(*binding));
  }
}

template <typename Watch>
void CpuDevice::runShare(const ReadyProgram &program, ThreadPool &pool,
                         unsigned thread, Watch watch) {
  unsigned threads = pool.size();
  unsigned turn = 0;
  for (const ReadyDispatch &dispatch : program.dispatches) {
    if (dispatch.barrier && turn > 0)
      pool.barrier();
    // A grid smaller than the pool leaves threads idle: let each such dispatch
    // begin at another thread, so that concurrent ones spread.
    unsigned rank =
        dispatch.workgroups < threads ? (thread + turn) % threads : thread;
    Share share = shareOf(dispatch.workgroups, rank, threads);
    watch.begin(turn);
    if (share.begin != share.end)
      dispatch.kernel(program.bindings.data() + dispatch.firstBinding,
                      share.begin, share.end);
    watch.end(turn, share);
    ++turn;
  }
}

/// Runs a program on all threads, each watched by what `watchFor` gives it.
template <typename WatchFor>
void CpuDevice::execute(const ReadyProgram &program, WatchFor watchFor) {
  struct Run {
    const ReadyProgram &program;
    ThreadPool &pool;
    WatchFor watchFor;
  } run{program, *pool, watchFor};
  pool->run(
      [](void *context, unsigned thread) {
        auto *run = static_cast<Run *>(context);
        runShare(run->program, run->pool, thread, run->watchFor(thread));
      },
      &run);
}

Status CpuDevice::run(uint32_t index) {
  const ReadyProgram &program = programs[index];
  ProfileRun *record = profile ? profile->begin(index) : nullptr;
  if (!record) {
    execute(program, [](unsigned) { return NoWatch(); });
    return Status();
  }
  execute(program, [&](unsigned thread) {
    return SpanWatch{profile->spans(*record, thread)};
  });
  profile->end(*record);
  return Status();
}

} // namespace

Expected<std::unique_ptr<Device>>
sterna::createCpuDevice(std::shared_ptr<const Module> module,
                        const std::vector<uint32_t> &programs, unsigned threads,
                        std::shared_ptr<Profile> profile) {
  Expected<const format::Code *> code = selectCode(*module);
  if (!code.ok())
    return code.status();
  uint32_t kernels = orEmpty(module->metadata().kernels()).size();
  const sterna_kernel_library_t *linked = module->linkedKernels(**code);
  Expected<KernelLibrary> library =
      linked
          ? KernelLibrary::link(linked, kernels)
          : KernelLibrary::load(module->code(**code), (*code)->size(), kernels);
  if (!library.ok())
    return library.status();
  auto device = std::make_unique<CpuDevice>(
      std::move(module), **code, std::move(*library), std::move(profile));
  if (Status status = device->prepare(programs, threads); !status.ok())
    return status;
  return std::unique_ptr<Device>(std::move(device));
}
