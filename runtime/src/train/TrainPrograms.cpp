//===- TrainPrograms.cpp - One micro-batch, one optimizer step ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainPrograms.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainPrograms.h"

#include "core/Plan.h"
#include "random/SplitMix64.h"
#include "train/ProgramFields.h"

using namespace sterna;

Expected<TrainPrograms> TrainPrograms::create(Session &session, float loraScale,
                                              uint64_t seed) {
  const format::Model &model = session.module().model();
  Expected<Program> microProgram =
      session.program(trainProgramNames(session.module()).front());
  if (!microProgram.ok())
    return microProgram.status();
  Expected<OptimizerProgram> optimizer = OptimizerProgram::create(session);
  if (!optimizer.ok())
    return optimizer.status();
  Expected<BatchInputs> inputs = BatchInputs::find(*microProgram, model);
  if (!inputs.ok())
    return inputs.status();
  Micro micro{*microProgram, *inputs};
  for (Status status :
       {assignScalars(*microProgram, {{"lora_scale", micro.loraScale},
                                      {"loss_scale", micro.lossScale}}),
        optimizer->keepsGradients()
            ? assignScalars(*microProgram, {{"accumulate", micro.accumulate}})
            : Status(),
        findRoundingSeeds(session, micro),
        assignField(micro.loss, microProgram->output<float>("loss", 1))})
    if (!status.ok())
      return status;
  // The adapter is drawn from the numbers of `seed` itself.
  return TrainPrograms(session, micro, *optimizer, loraScale, ~seed);
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
  return assignField(micro.roundingSeeds,
                     micro.program.input<int32_t>(name, micro.roundings));
}

Expected<float> TrainPrograms::micro(const Batch &batch, float lossScale,
                                     bool accumulate, MicroPlace place) {
  if (Status status = microProgram.inputs.write(batch); !status.ok())
    return status;
  *microProgram.loraScale = loraScale;
  *microProgram.lossScale = lossScale;
  if (microProgram.accumulate)
    *microProgram.accumulate = accumulate ? 1.0f : 0.0f;
  SplitMix64 random = SplitMix64::at({seed, place.step, place.micro});
  for (uint64_t i = 0; i < microProgram.roundings; ++i)
    microProgram.roundingSeeds[i] = int32_t(uint32_t(random.next() >> 32));
  if (Status status = microProgram.program.run(); !status.ok())
    return status;
  return *microProgram.loss;
}
