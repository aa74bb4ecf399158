//===- Trainer.cpp - The training loop ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Trainer.h.
//
//===----------------------------------------------------------------------===//

#include "train/Trainer.h"

#include "train/TokenBatches.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace sterna;

uint64_t sterna::stepsPerEpoch(uint64_t sequences, uint32_t batch,
                               uint32_t gradAccumulation) {
  uint64_t batches = (sequences + batch - 1) / batch;
  return (batches + gradAccumulation - 1) / gradAccumulation;
}

/// Forgets what a run before on the session left: AdamW begins at zero.
static Status clearMoments(Session &session) {
  for (const format::StateTensor *tensor :
       orEmpty(session.module().plan().state())) {
    if (tensor->kind() != format::StateKind::moment1 &&
        tensor->kind() != format::StateKind::moment2)
      continue;
    std::vector<char> zeroes(*elementCount(tensor->shape()) *
                             elementSize(tensor->type()));
    if (Status status =
            session.writeState(*tensor, zeroes.data(), zeroes.size());
        !status.ok())
      return status;
  }
  return Status();
}

/// Makes `options` those of the module's programs. Fails on what they cannot
/// do.
static Status fitOptions(const Module &module, TrainOptions &options) {
  format::GradientClipping clipping = module.model().clipping();
  bool clips = clipping != format::GradientClipping::off;
  if (!clips && options.maxGradNorm.value_or(0) != 0)
    return Status::error("--grad-clip: the model was compiled with "
                         "--grad-clip-mode=off");
  options.maxGradNorm = options.maxGradNorm.value_or(clips ? 1 : 0);
  if (clipping == format::GradientClipping::exact)
    return Status();
  std::string reason = ": the model was compiled with --grad-clip-mode=" +
                       std::string(format::EnumNameGradientClipping(clipping)) +
                       ", which keeps no gradients";
  if (options.gradAccumulation > 1)
    return Status::error("--grad-accumulation" + reason);
  if (options.proximalMu != 0)
    return Status::error("--proximal-mu" + reason);
  return Status();
}

/// Gives back what reading data and adapters has freed: a plan is of a process
/// that holds nothing else. The C library keeps it for allocations to come.
static void returnFreeMemory() {
#ifdef __GLIBC__
  malloc_trim(/*pad=*/0);
#endif
}

Expected<Trainer> Trainer::create(Session &session,
                                  std::unique_ptr<MicroBatches> batches,
                                  const TrainOptions &given) {
  TrainOptions options = given;
  if (Status status = fitOptions(session.module(), options); !status.ok())
    return status;
  Expected<OptimizerProgram> optimizer = OptimizerProgram::create(session);
  if (!optimizer.ok())
    return optimizer.status();
  if (Status status = clearMoments(session); !status.ok())
    return status;
  Expected<ProximalTerm> proximal =
      ProximalTerm::create(session, options.proximalMu);
  if (!proximal.ok())
    return proximal.status();
  returnFreeMemory();
  Trainer trainer(session, std::move(batches), *optimizer, std::move(*proximal),
                  options);
  while (trainer.batches->prepare(trainer.firstStep).weight == 0)
    ++trainer.firstStep;
  return Expected<Trainer>(std::move(trainer));
}

Expected<Trainer> Trainer::create(TrainPrograms &programs,
                                  const std::vector<Sample> &samples,
                                  const TrainOptions &options) {
  if (samples.empty())
    return Status::error("the data has no sample to train on");
  if (std::none_of(samples.begin(), samples.end(), [](const Sample &sample) {
        return countTrainedLabels(sample) > 0;
      }))
    return Status::error("the data has no token to train on");
  return create(programs.session(),
                std::make_unique<TokenBatches>(programs, samples,
                                               options.batches,
                                               options.gradAccumulation),
                options);
}

Expected<double> Trainer::accumulate(const MicroBatches::Step &step) {
  float lossScale = float(1.0 / double(step.weight));
  double loss = 0;
  for (size_t i = 0; i < step.count; ++i) {
    Expected<float> part = batches->run(i, lossScale);
    if (!part.ok())
      return part.status();
    loss += *part;
  }
  return loss;
}

/// Where a state keeps the norm that the next step is clipped by.
static constexpr const char *previousNormTensor = "optimizer.grad_norm";

static Status notFinite(const char *what, uint64_t step) {
  return Status::error(std::string("the ") + what + " is not finite at step " +
                       std::to_string(step + 1) +
                       ": lower --learning-rate or check the data");
}

Expected<std::optional<StepReport>> Trainer::step() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  MicroBatches::Step current;
  do {
    if (done())
      return std::optional<StepReport>();
    current = batches->prepare(position++);
    skipped += current.skipped;
  } while (current.weight == 0);

  OptimizerStep settings;
  settings.learningRate = options.schedule.learningRate(current.index);
  settings.weightDecay = options.weightDecay;
  settings.maxGradNorm = *options.maxGradNorm;
  settings.previousNorm = previousNorm;
  settings.step = updates + 1;
  if (!optimizer.keepsGradients())
    optimizer.write(settings);
  Expected<double> loss = accumulate(current);
  if (!loss.ok())
    return loss.status();
  if (!std::isfinite(*loss))
    return notFinite("loss", current.index);
  Expected<float> norm = update(settings);
  if (!norm.ok())
    return norm.status();
  if (!std::isfinite(*norm))
    return notFinite("gradient", current.index);
  previousNorm = *norm;
  ++updates;
  StepReport report;
  report.step = current.index + 1;
  report.loss = *loss;
  report.gradNorm = *norm;
  report.learningRate = settings.learningRate;
  report.tokens = current.tokens;
  report.computed = current.computed;
  report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return std::optional<StepReport>(report);
}

Expected<float> Trainer::update(const OptimizerStep &settings) {
  if (!optimizer.keepsGradients())
    return optimizer.norm();
  if (Status status = proximal.addGradients(); !status.ok())
    return status;
  return optimizer.apply(settings);
}

Expected<double> Trainer::firstStepLoss() {
  if (!optimizer.keepsGradients())
    optimizer.writeHold();
  Expected<double> loss = accumulate(batches->prepare(firstStep));
  if (loss.ok() && !std::isfinite(*loss))
    return Status::error("the loss is not finite after " +
                         std::to_string(updates) +
                         " steps: lower --learning-rate or check the data");
  return loss;
}

bool Trainer::clipsByPrevious() const {
  return session->module().model().clipping() ==
         format::GradientClipping::previous;
}

std::vector<const format::StateTensor *> Trainer::tensors() const {
  std::vector<const format::StateTensor *> found;
  const Module &module = session->module();
  for (const format::StateTensor *tensor : orEmpty(module.plan().state()))
    switch (tensor->kind()) {
    case format::StateKind::lora_a:
    case format::StateKind::lora_b:
    case format::StateKind::parameter:
    case format::StateKind::moment1:
    case format::StateKind::moment2:
      found.push_back(tensor);
      break;
    case format::StateKind::gradient: // overwritten by each step
    case format::StateKind::kv_cache:
      break;
    }
  return found;
}

Expected<TrainerState> Trainer::state() const {
  TrainerState state;
  state.step = position;
  state.updates = updates;
  state.skipped = skipped;
  for (const format::StateTensor *stored : tensors()) {
    Expected<NamedTensor> tensor = readTensor(*session, *stored);
    if (!tensor.ok())
      return tensor.status();
    state.tensors.push_back(std::move(*tensor));
  }
  for (NamedTensor &start : proximal.tensors())
    state.tensors.push_back(std::move(start));
  if (clipsByPrevious())
    state.tensors.push_back({previousNormTensor, {1}, {float(previousNorm)}});
  return state;
}

Status Trainer::restore(const TrainerState &state) {
  std::vector<const format::StateTensor *> wanted = tensors();
  size_t count =
      wanted.size() + proximal.tensorCount() + (clipsByPrevious() ? 1 : 0);
  if (state.tensors.size() != count)
    return Status::error("expected a training state of " +
                         std::to_string(count) + " tensors, but got " +
                         std::to_string(state.tensors.size()));
  std::map<std::string_view, const NamedTensor *> byName;
  for (const NamedTensor &tensor : state.tensors)
    byName[tensor.name] = &tensor;
  for (const format::StateTensor *stored : wanted) {
    auto found = byName.find(stored->name()->string_view());
    const auto &shape = orEmpty(stored->shape());
    if (found == byName.end() ||
        found->second->shape !=
            std::vector<uint64_t>(shape.begin(), shape.end()) ||
        found->second->data.size() != elementCount(stored->shape()))
      return Status::error("expected tensor '" + stored->name()->str() +
                           "' of the module in the training state, but it is "
                           "not there or has another shape");
  }
  auto norm = byName.find(previousNormTensor);
  if (clipsByPrevious() &&
      (norm == byName.end() || norm->second->data.size() != 1))
    return Status::error("expected a tensor '" +
                         std::string(previousNormTensor) +
                         "' of one element in the training state");
  if (Status status = proximal.restore(byName); !status.ok())
    return status;
  for (const format::StateTensor *stored : wanted)
    if (Status status = writeTensor(*session, *stored,
                                    *byName[stored->name()->string_view()]);
        !status.ok())
      return status;
  previousNorm = clipsByPrevious() ? norm->second->data.front() : 0;
  position = state.step;
  updates = state.updates;
  skipped = state.skipped;
  return Status();
}
