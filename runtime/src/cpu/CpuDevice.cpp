//===- CpuDevice.cpp - Runs programs on the host's CPU --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CpuDevice.h. Every pointer is resolved when the device is created;
// running a program is a walk over a flat list, and allocates nothing.
//
//===----------------------------------------------------------------------===//

#include "cpu/CpuDevice.h"

#include "core/Cores.h"
#include "core/Plan.h"
#include "core/Profile.h"
#include "core/ThreadPool.h"
#include "cpu/CpuFeatures.h"
#include "cpu/KernelLibrary.h"
#include "cpu/WeightPages.h"

#include <algorithm>
#include <cstring>

using namespace sterna;

namespace {

/// A dispatch with its kernel and buffers resolved to addresses.
struct ReadyDispatch {
  sterna_kernel_fn_t kernel;
  uint32_t firstBinding;
};

struct ReadyProgram {
  uint32_t index = 0; // in the module
  std::vector<ReadyDispatch> dispatches;
  std::vector<Grid> grids;      // of the dispatches
  std::vector<void *> bindings; // of all dispatches, one after another
};

class CpuDevice final : public Device {
public:
  CpuDevice(std::shared_ptr<const Module> module, const format::Code &code,
            KernelLibrary library, std::shared_ptr<Profile> profile)
      : module(std::move(module)), code(code), library(std::move(library)),
        profile(std::move(profile)) {}

  Status prepare(const std::vector<uint32_t> &indices, unsigned threads,
                 WeightsMode mode);

  std::string target() const override { return code.target()->str(); }
  std::string name() const override { return "CPU"; }
  PlannedBytes memory() const override {
    PlannedBytes bytes = planOf(*module, prepared);
    bytes.scratch = scratchBytes * pool->size();
    return bytes;
  }
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
  Status allocate(const std::vector<uint32_t> &indices, unsigned threads);
  /// Workgroups [begin, end) of a dispatch, on one thread.
  void run(const ReadyProgram &program, uint32_t dispatch, unsigned thread,
           uint32_t begin, uint32_t end) {
    if (begin == 0)
      weights.begin(program.index, dispatch);
    const ReadyDispatch &ready = program.dispatches[dispatch];
    ready.kernel(program.bindings.data() + ready.firstBinding, begin, end,
                 scratch.data() + thread * scratchBytes);
  }
  void resolve(const format::Program &program, ReadyProgram &ready);
  void *address(const format::Binding &binding);
  void execute(const ReadyProgram &program);
  void executeWatched(const ReadyProgram &program, const ProfileRun &record);

  std::shared_ptr<const Module> module;
  const format::Code &code;
  KernelLibrary library;
  std::shared_ptr<Profile> profile; // may be null
  WeightPages weights;
  Mapping state;
  Mapping arena;
  Mapping blockSpace;
  Mapping scratch; // of all threads, one after another
  uint64_t scratchBytes = 0;
  std::vector<uint32_t> prepared;
  std::vector<ReadyProgram> programs; // by index; empty if not prepared
  std::unique_ptr<ThreadPool> pool;
};

Status CpuDevice::prepare(const std::vector<uint32_t> &indices,
                          unsigned threads, WeightsMode mode) {
  Expected<std::unique_ptr<ThreadPool>> newPool = ThreadPool::create(threads);
  if (!newPool.ok())
    return newPool.status();
  pool = std::move(*newPool);
  layout = StateLayout(*module, indices);
  if (Status status = allocate(indices, pool->size()); !status.ok())
    return status;
  if (Status status = weights.prepare(*module, indices, mode); !status.ok())
    return status;
  prepared = indices;
  const auto &all = orEmpty(module->plan().programs());
  programs.resize(all.size());
  for (uint32_t index : indices) {
    programs[index].index = index;
    resolve(*all.Get(index), programs[index]);
  }
  if (!profile)
    return Status();
  return profile->prepare({module, &code, name(), indices, pool->size()});
}

Status CpuDevice::allocate(const std::vector<uint32_t> &indices,
                           unsigned threads) {
  const format::Plan &plan = module->plan();
  uint64_t arenaBytes = planOf(*module, indices).arena;
  scratchBytes = scratchOf(*module, code, indices);
  struct Request {
    Mapping &mapping;
    uint64_t bytes;
    const char *purpose;
  };
  for (const Request &request :
       {Request{state, layout.size(), "state"},
        Request{arena, arenaBytes, "arena"},
        Request{blockSpace, plan.block_bytes(), "parameter block"},
        Request{scratch, scratchBytes * threads, "scratch"}}) {
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
    return const_cast<uint8_t *>(weights.data()) + binding.offset();
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
        {library.kernel(dispatch->kernel()), uint32_t(ready.bindings.size())});
    ready.grids.push_back(
        {kernels.Get(dispatch->kernel())->workgroups(), dispatch->barrier()});
    for (const format::Binding *binding : orEmpty(dispatch->bindings()))
      ready.bindings.push_back(address(*binding));
  }
}

void CpuDevice::execute(const ReadyProgram &program) {
  struct Run {
    const ReadyProgram &program;
    CpuDevice &device;
  } run{program, *this};
  pool->run(
      program.grids.data(), uint32_t(program.grids.size()),
      [](void *context, unsigned thread, uint32_t grid, uint32_t begin,
         uint32_t end) {
        const Run &run = *static_cast<const Run *>(context);
        run.device.run(run.program, grid, thread, begin, end);
      },
      &run);
}

/// The same, with a span for each dispatch that a thread ran something of.
void CpuDevice::executeWatched(const ReadyProgram &program,
                               const ProfileRun &record) {
  struct Run {
    const ReadyProgram &program;
    const ProfileRun &record;
    CpuDevice &device;
  } run{program, record, *this};
  pool->run(
      program.grids.data(), uint32_t(program.grids.size()),
      [](void *context, unsigned thread, uint32_t grid, uint32_t begin,
         uint32_t end) {
        const Run &run = *static_cast<const Run *>(context);
        ProfileSpan &span = run.device.profile->spans(run.record, thread)[grid];
        if (span.workgroups == 0)
          span.begin = Profile::now();
        run.device.run(run.program, grid, thread, begin, end);
        span.end = Profile::now();
        span.workgroups += end - begin;
      },
      &run);
}

Status CpuDevice::run(uint32_t index) {
  const ReadyProgram &program = programs[index];
  ProfileRun *record = profile ? profile->begin(index) : nullptr;
  if (!record) {
    execute(program);
    return Status();
  }
  executeWatched(program, *record);
  profile->end(*record);
  return Status();
}

} // namespace

static Expected<std::unique_ptr<Device>>
createCpuDevice(std::shared_ptr<const Module> module,
                const std::vector<uint32_t> &programs,
                const DeviceOptions &options, std::optional<uint32_t>) {
  if (!module->weights() && module->plan().weights_bytes() > 0)
    return Status::error("expected the weights of the plan for the CPU in one "
                         "piece, but they lie apart");
  Expected<const format::Code *> code = selectCode(*module);
  if (!code.ok())
    return code.status();
  uint32_t kernels = orEmpty(module->plan().kernels()).size();
  const sterna_kernel_library_t *linked = module->linkedKernels(**code);
  Expected<KernelLibrary> library =
      linked
          ? KernelLibrary::link(linked, kernels)
          : KernelLibrary::load(module->code(**code), (*code)->size(), kernels);
  if (!library.ok())
    return library.status();
  auto device = std::make_unique<CpuDevice>(
      std::move(module), **code, std::move(*library), options.profile);
  unsigned threads = options.threads == 0 ? availableCores() : options.threads;
  if (Status status = device->prepare(programs, threads, options.weights);
      !status.ok())
    return status;
  return std::unique_ptr<Device>(std::move(device));
}

const DeviceDriver sterna::cpuDriver = {"cpu", "host", /*indexed=*/false,
                                        createCpuDevice};
