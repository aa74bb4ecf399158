//===- OptimizerProgram.cpp - The program of the optimizer ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OptimizerProgram.h.
//
//===----------------------------------------------------------------------===//

#include "train/OptimizerProgram.h"

#include "core/Plan.h"
#include "train/ProgramFields.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace sterna;

Expected<OptimizerProgram> OptimizerProgram::create(const Session &session) {
  const Module &module = session.module();
  if (!module.model().adamw())
    return Status::error("the module does not say by which constants it is "
                         "trained: compile the model again");
  Expected<Program> program = session.program(trainProgramNames(module).back());
  if (!program.ok())
    return program.status();
  OptimizerProgram result(*program);
  if (Status status = result.findInputs(module.model()); !status.ok())
    return status;
  return result;
}

Status OptimizerProgram::findInputs(const format::Model &model) {
  beta1 = model.adamw()->beta1();
  beta2 = model.adamw()->beta2();
  if (Status status = assignScalars(program, {{"learning_rate", learningRate},
                                              {"weight_decay", weightDecay}});
      !status.ok())
    return status;
  Status clipping;
  switch (model.clipping()) {
  case format::GradientClipping::exact:
    clipping = assignScalars(program, {{"max_grad_norm", maxGradNorm}});
    break;
  case format::GradientClipping::previous:
    clipping = assignScalars(program, {{"clip", clip}, {"hold", hold}});
    break;
  case format::GradientClipping::off:
    clipping = assignScalars(program, {{"hold", hold}});
    break;
  }
  if (!clipping.ok())
    return clipping;
  if (model.optimizer() == format::OptimizerKind::adamw)
    if (Status status =
            assignScalars(program, {{"bias_correction1", biasCorrection1},
                                    {"bias_correction2", biasCorrection2}});
        !status.ok())
      return status;
  if (Expected<int32_t *> seed = program.input<int32_t>("rounding_seed", 1);
      seed.ok())
    roundingSeed = *seed;
  return assignField(gradNorm, program.output<float>("grad_norm", 1));
}

void OptimizerProgram::write(const OptimizerStep &settings) {
  double step = double(settings.step);
  *learningRate = float(settings.learningRate);
  *weightDecay = float(settings.weightDecay);
  if (maxGradNorm)
    *maxGradNorm = float(settings.maxGradNorm);
  if (clip) {
    // As the exact form clips, by the norm that is known.
    bool clips = settings.maxGradNorm > 0 && settings.previousNorm > 0;
    *clip = clips ? float(std::min(1.0, settings.maxGradNorm /
                                            (settings.previousNorm + 1e-6)))
                  : 1.0f;
  }
  if (biasCorrection1) {
    *biasCorrection1 = float(1 - std::pow(beta1, step));
    *biasCorrection2 = float(1 - std::pow(beta2, step));
  }
  if (roundingSeed)
    *roundingSeed = int32_t(uint32_t(settings.step));
  if (hold)
    *hold = 0;
}

void OptimizerProgram::writeHold() {
  write(OptimizerStep());
  *hold = std::numeric_limits<float>::infinity();
}

Expected<float> OptimizerProgram::apply(const OptimizerStep &settings) {
  write(settings);
  if (Status status = program.run(); !status.ok())
    return status;
  return *gradNorm;
}
