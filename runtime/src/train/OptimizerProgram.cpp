//===- OptimizerProgram.cpp - The optimizer's step as a function ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OptimizerProgram.h.
//
//===----------------------------------------------------------------------===//

#include "train/OptimizerProgram.h"

#include "train/ProgramFields.h"

#include <cmath>

using namespace sterna;

Expected<OptimizerProgram> OptimizerProgram::create(const Session &session) {
  const format::AdamW *adamw = session.module().model().adamw();
  if (!adamw)
    return Status::error("the module does not say by which constants it is "
                         "trained: compile the model again");
  Expected<Program> program = session.program("train_apply");
  if (!program.ok())
    return program.status();
  OptimizerProgram result(*program);
  result.beta1 = adamw->beta1();
  result.beta2 = adamw->beta2();
  for (Status status :
       {assignScalars(*program, {{"learning_rate", result.learningRate},
                                 {"weight_decay", result.weightDecay},
                                 {"max_grad_norm", result.maxGradNorm},
                                 {"bias_correction1", result.biasCorrection1},
                                 {"bias_correction2", result.biasCorrection2}}),
        assignField(result.gradNorm, program->output<float>("grad_norm", 1))})
    if (!status.ok())
      return status;
  return result;
}

Expected<float> OptimizerProgram::apply(const OptimizerStep &settings) {
  double step = double(settings.step);
  *learningRate = float(settings.learningRate);
  *weightDecay = float(settings.weightDecay);
  *maxGradNorm = float(settings.maxGradNorm);
  *biasCorrection1 = float(1 - std::pow(beta1, step));
  *biasCorrection2 = float(1 - std::pow(beta2, step));
  if (Status status = program.run(); !status.ok())
    return status;
  return *gradNorm;
}
