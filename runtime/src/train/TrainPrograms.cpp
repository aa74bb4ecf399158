//===- TrainPrograms.cpp - One micro-batch, one optimizer step ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainPrograms.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainPrograms.h"

#include "random/SplitMix64.h"

#include <algorithm>
#include <cmath>

using namespace sterna;

namespace {

/// Sets `field` to where `found` points, or returns why there is none.
template <typename T> Status assign(T *&field, Expected<T *> found) {
  if (!found.ok())
    return found.status();
  field = *found;
  return Status();
}

struct ScalarInput {
  const char *name;
  float *&field;
};

Status assignScalars(const Program &program,
                     std::initializer_list<ScalarInput> inputs) {
  for (const ScalarInput &input : inputs) {
    Status status = assign(input.field, program.input<float>(input.name, 1));
    if (!status.ok())
      return status;
  }
  return Status();
}

} // namespace

Expected<TrainPrograms> TrainPrograms::create(Session &session, float loraScale,
                                              uint64_t seed) {
  const format::Model &model = session.module().model();
  if (!model.adamw())
    return Status::error("the module does not say by which constants it is "
                         "trained: compile the model again");
  Expected<Program> microProgram = session.program("train_micro");
  if (!microProgram.ok())
    return microProgram.status();
  Expected<Program> applyProgram = session.program("train_apply");
  if (!applyProgram.ok())
    return applyProgram.status();

  Expected<BatchInputs> inputs = BatchInputs::find(*microProgram, model);
  if (!inputs.ok())
    return inputs.status();
  Micro micro{*microProgram, *inputs};
  Apply apply{*applyProgram};
  for (Status status :
       {assignScalars(*microProgram, {{"lora_scale", micro.loraScale},
                                      {"loss_scale", micro.lossScale},
                                      {"accumulate", micro.accumulate}}),
        findRoundingSeeds(session, micro),
        assign(micro.loss, microProgram->output<float>("loss", 1)),
        assignScalars(*applyProgram,
                      {{"learning_rate", apply.learningRate},
                       {"weight_decay", apply.weightDecay},
                       {"max_grad_norm", apply.maxGradNorm},
                       {"bias_correction1", apply.biasCorrection1},
                       {"bias_correction2", apply.biasCorrection2}}),
        assign(apply.gradNorm, applyProgram->output<float>("grad_norm", 1))})
    if (!status.ok())
      return status;
  // The adapter is drawn from the numbers of `seed` itself.
  return TrainPrograms(session, micro, apply, loraScale, ~seed);
}

Status TrainPrograms::findRoundingSeeds(const Session &session, Micro &micro) {
  constexpr const char *name = "rounding_seeds";
  const flatbuffers::String *gradients = session.module().model().gradients();
  if (!gradients || gradients->str() != "int8")
    return Status();
  Expected<Program::Bytes> bytes = micro.program.inputBytes(name);
  if (!bytes.ok())
    return bytes.status();
  micro.roundings = bytes->size / sizeof(int32_t);
  return assign(micro.roundingSeeds,
                micro.program.input<int32_t>(name, micro.roundings));
}

Expected<float> TrainPrograms::micro(const Batch &batch, float lossScale,
                                     bool accumulate, MicroPlace place) {
  if (Status status = microProgram.inputs.write(batch); !status.ok())
    return status;
  *microProgram.loraScale = loraScale;
  *microProgram.lossScale = lossScale;
  *microProgram.accumulate = accumulate ? 1.0f : 0.0f;
  SplitMix64 random = SplitMix64::at({seed, place.step, place.micro});
  for (uint64_t i = 0; i < microProgram.roundings; ++i)
    microProgram.roundingSeeds[i] = int32_t(uint32_t(random.next() >> 32));
  if (Status status = microProgram.program.run(); !status.ok())
    return status;
  return *microProgram.loss;
}

Expected<float> TrainPrograms::apply(const OptimizerStep &settings) {
  const format::AdamW &adamw = *owner->module().model().adamw();
  double step = double(settings.step);
  *applyProgram.learningRate = float(settings.learningRate);
  *applyProgram.weightDecay = float(settings.weightDecay);
  *applyProgram.maxGradNorm = float(settings.maxGradNorm);
  *applyProgram.biasCorrection1 = float(1 - std::pow(adamw.beta1(), step));
  *applyProgram.biasCorrection2 = float(1 - std::pow(adamw.beta2(), step));
  if (Status status = applyProgram.program.run(); !status.ok())
    return status;
  return *applyProgram.gradNorm;
}
