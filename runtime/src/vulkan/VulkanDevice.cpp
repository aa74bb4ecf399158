//===- VulkanDevice.cpp - Runs programs on a Vulkan device ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See VulkanDevice.h. Everything is made when the device is created; running a
// program submits what was recorded, and allocates nothing.
//
//===----------------------------------------------------------------------===//

#include "vulkan/VulkanDevice.h"

#include "core/Plan.h"
#include "vulkan/VulkanBuffer.h"
#include "vulkan/VulkanRecorder.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace sterna;

namespace {

using Programs = std::vector<std::vector<VulkanDispatch>>;

std::vector<uint32_t> kernelsOf(const Programs &programs) {
  std::set<uint32_t> kernels;
  for (const std::vector<VulkanDispatch> &program : programs)
    for (const VulkanDispatch &dispatch : program)
      kernels.insert(dispatch.kernel);
  return {kernels.begin(), kernels.end()};
}

class VulkanDevice final : public Device {
public:
  VulkanDevice(std::shared_ptr<const Module> module,
               std::unique_ptr<VulkanContext> context,
               std::shared_ptr<Profile> profile)
      : module(std::move(module)), context(std::move(context)),
        pipelines(*this->context), profile(std::move(profile)) {}

  Status prepare(const format::Code &code,
                 const std::vector<uint32_t> &indices);

  std::string target() const override { return "vulkan"; }
  std::string name() const override { return context->physical().name(); }
  PlannedBytes memory() const override;
  uint8_t *block() override { return blockSpace.data(); }
  Status readState(uint64_t offset, uint64_t size, void *out) override {
    return copier->read(state, offset, size, out, "reading the state");
  }
  Status writeState(uint64_t offset, uint64_t size, const void *data) override {
    return copier->write(state, offset, size, data, "writing the state");
  }
  Status run(uint32_t index) override {
    ProfileRun *record = profile ? profile->begin(index) : nullptr;
    Status status = context->submit(commands[index], descriptions[index]);
    return record && status.ok() ? finish(*record) : status;
  }

private:
  Status allocate(const std::vector<uint32_t> &indices);
  Status fillSpaces();
  Status record(const format::Code &code, const std::vector<uint32_t> &indices,
                const Programs &programs);
  Status prepareProfile(const format::Code &code,
                        const std::vector<uint32_t> &indices);
  Status finish(ProfileRun &run);

  std::shared_ptr<const Module> module;
  // Destroyed in reverse: what follows needs the context.
  std::unique_ptr<VulkanContext> context;
  VulkanPipelines pipelines;
  VulkanBuffer weights;
  VulkanBuffer state;
  VulkanBuffer arena;
  VulkanBuffer blockSpace;
  std::optional<VulkanCopier> copier;
  std::unique_ptr<VulkanRecorder> recorder;
  std::vector<VkCommandBuffer> commands; // by index; null if not prepared
  std::vector<std::string> descriptions; // of the runs, for errors
  std::shared_ptr<Profile> profile;      // may be null
  // By index; null if not profiled.
  std::vector<std::unique_ptr<VulkanTimestamps>> timestamps;
};

Status VulkanDevice::prepare(const format::Code &code,
                             const std::vector<uint32_t> &indices) {
  layout = StateLayout(*module, indices);
  Programs programs;
  for (uint32_t index : indices) {
    Expected<std::vector<VulkanDispatch>> planned =
        planVulkan(*module, code, *module->plan().programs()->Get(index),
                   layout, context->physical());
    if (!planned.ok())
      return planned.status();
    programs.push_back(std::move(*planned));
  }
  if (Status status = prepareProfile(code, indices); !status.ok())
    return status;
  if (Status status = context->startQueue(); !status.ok())
    return status;
  if (Status status = allocate(indices); !status.ok())
    return status;
  if (Status status = fillSpaces(); !status.ok())
    return status;
  Status status = pipelines.compile(*module, code, kernelsOf(programs));
  if (!status.ok())
    return status;
  return record(code, indices, programs);
}

Status VulkanDevice::allocate(const std::vector<uint32_t> &indices) {
  const format::Plan &plan = module->plan();
  uint64_t arenaBytes = planOf(*module, indices).arena;
  struct Request {
    VulkanBuffer &buffer;
    uint64_t bytes;
    VulkanPlace place;
    const char *purpose;
  };
  VulkanPlace place = placeFor(context->physical());
  for (const Request &request :
       {Request{weights, plan.weights_bytes(), place, "weights"},
        Request{state, layout.size(), place, "state"},
        Request{arena, arenaBytes, place, "arena"},
        Request{blockSpace, plan.block_bytes(), VulkanPlace::host,
                "parameter block"}}) {
    Expected<VulkanBuffer> buffer = VulkanBuffer::create(
        *context, request.bytes, request.place, request.purpose);
    if (!buffer.ok())
      return buffer.status();
    request.buffer = std::move(*buffer);
  }
  return Status();
}

Status VulkanDevice::fillSpaces() {
  Expected<VulkanCopier> made =
      VulkanCopier::create(*context, {&weights, &state, &arena});
  if (!made.ok())
    return made.status();
  copier.emplace(std::move(*made));
  // All start as the CPU's do, so that no result depends on what was there.
  for (const VulkanBuffer *space : {&weights, &state, &arena, &blockSpace})
    if (Status status = copier->clear(*space, "clearing memory"); !status.ok())
      return status;
  for (const format::Weight *weight : orEmpty(module->plan().weights()))
    if (Status status =
            copier->write(weights, weight->offset(), weight->size(),
                          module->bytesOf(*weight), "uploading the weights");
        !status.ok())
      return status;
  return Status();
}

Status VulkanDevice::record(const format::Code &code,
                            const std::vector<uint32_t> &indices,
                            const Programs &programs) {
  VulkanSpaces spaces;
  spaces[size_t(format::Space::weights)] = weights.handle();
  spaces[size_t(format::Space::state)] = state.handle();
  spaces[size_t(format::Space::arena)] = arena.handle();
  spaces[size_t(format::Space::block)] = blockSpace.handle();
  recorder =
      std::make_unique<VulkanRecorder>(*context, pipelines, code, spaces);
  if (Status status = recorder->allocate(programs); !status.ok())
    return status;
  const auto &all = orEmpty(module->plan().programs());
  commands.resize(all.size());
  descriptions.resize(all.size());
  timestamps.resize(all.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    if (profile) {
      auto made =
          VulkanTimestamps::create(*context, uint32_t(programs[i].size()));
      if (!made.ok())
        return made.status();
      timestamps[indices[i]] = std::move(*made);
    }
    Expected<VkCommandBuffer> recorded =
        recorder->record(programs[i], timestamps[indices[i]].get());
    if (!recorded.ok())
      return recorded.status();
    commands[indices[i]] = *recorded;
    descriptions[indices[i]] =
        "running program '" + all.Get(indices[i])->name()->str() + "'";
  }
  return Status();
}

Status VulkanDevice::prepareProfile(const format::Code &code,
                                    const std::vector<uint32_t> &indices) {
  if (!profile)
    return Status();
  if (Status status = VulkanTimestamps::check(context->physical());
      !status.ok())
    return status;
  return profile->prepare({module, &code, name(), indices, /*threads=*/1});
}

Status VulkanDevice::finish(ProfileRun &run) {
  ProfileSpan *spans = profile->spans(run, /*thread=*/0);
  Status status =
      timestamps[run.program]->read(run.begin, Profile::now(), spans);
  if (!status.ok())
    return status;
  const auto &dispatches = orEmpty(profile->program(run.program).dispatches());
  const auto &kernels = orEmpty(profile->subject().code->kernels());
  for (uint32_t i = 0; i < run.dispatches; ++i)
    spans[i].workgroups =
        kernels.Get(dispatches.Get(i)->kernel())->workgroups();
  profile->end(run);
  return Status();
}

PlannedBytes VulkanDevice::memory() const {
  PlannedBytes bytes;
  bytes.weights = weights.size();
  bytes.state = state.size();
  bytes.arena = arena.size();
  bytes.block = blockSpace.size();
  return bytes;
}

Expected<std::unique_ptr<VulkanContext>>
openContext(std::optional<uint32_t> index) {
  Expected<std::shared_ptr<const VulkanInstance>> instance =
      VulkanInstance::create();
  if (!instance.ok())
    return instance.status();
  Expected<const VulkanPhysicalDevice *> physical = (*instance)->choose(index);
  if (!physical.ok())
    return physical.status();
  return VulkanContext::create(*instance, **physical);
}

} // namespace

static Expected<std::unique_ptr<Device>> createVulkanDevice(
    std::shared_ptr<const Module> module, const std::vector<uint32_t> &programs,
    const DeviceOptions &options, std::optional<uint32_t> index) {
  Expected<const format::Code *> code = findVulkanCode(*module);
  if (!code.ok())
    return code.status();
  Expected<std::unique_ptr<VulkanContext>> context = openContext(index);
  if (!context.ok())
    return context.status();
  auto device = std::make_unique<VulkanDevice>(
      std::move(module), std::move(*context), options.profile);
  if (Status status = device->prepare(**code, programs); !status.ok())
    return status;
  return std::unique_ptr<Device>(std::move(device));
}

const DeviceDriver sterna::vulkanDriver = {"vulkan", "vulkan", /*indexed=*/true,
                                           createVulkanDevice};

Expected<VulkanCheck> sterna::checkVulkanModule(const Module &whole,
                                                std::optional<uint32_t> index) {
  Expected<std::shared_ptr<const Module>> planned =
      viewFor(whole, vulkanDriver);
  if (!planned.ok())
    return planned.status();
  const Module &module = **planned;
  Expected<const format::Code *> code = findVulkanCode(module);
  if (!code.ok())
    return code.status();
  Expected<std::unique_ptr<VulkanContext>> context = openContext(index);
  if (!context.ok())
    return context.status();
  VulkanCheck check;
  check.device = (*context)->physical().name();
  const auto &programs = orEmpty(module.plan().programs());
  std::vector<uint32_t> all(programs.size());
  std::iota(all.begin(), all.end(), 0);
  StateLayout layout(module, all);
  for (const format::Program *program : programs) {
    if (missingKernel(module, **code, *program)) {
      check.missing.push_back(program->name()->str());
      continue;
    }
    Expected<std::vector<VulkanDispatch>> planned =
        planVulkan(module, **code, *program, layout, (*context)->physical());
    if (!planned.ok())
      return planned.status();
    ++check.programs;
    check.dispatches += planned->size();
  }
  std::vector<uint32_t> kernels;
  for (uint32_t i = 0; i < orEmpty((*code)->kernels()).size(); ++i)
    if ((*code)->kernels()->Get(i)->size() > 0)
      kernels.push_back(i);
  VulkanPipelines pipelines(**context);
  if (Status status = pipelines.compile(module, **code, kernels); !status.ok())
    return status;
  check.pipelines = uint32_t(kernels.size());
  return check;
}
