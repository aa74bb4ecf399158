//===- BatchInputs.cpp - Where programs take batches ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BatchInputs.h.
//
//===----------------------------------------------------------------------===//

#include "train/BatchInputs.h"

#include <algorithm>

using namespace sterna;

/// What only programs of packed sequences take.
static constexpr const char *segmentsInput = "segments";

bool sterna::isPacked(const Module &module) {
  for (const format::Program *program : orEmpty(module.plan().programs()))
    for (const format::Field *input : orEmpty(program->inputs()))
      if (input->name()->string_view() == segmentsInput)
        return true;
  return false;
}

Expected<BatchInputs> BatchInputs::find(const Program &program,
                                        const format::Model &model) {
  BatchInputs inputs;
  inputs.count = uint64_t(model.batch()) * model.sequence_length();
  struct Input {
    const char *name;
    int32_t *&field;
  };
  std::vector<Input> wanted = {{"tokens", inputs.tokens},
                               {"labels", inputs.labels}};
  if (program.inputBytes(segmentsInput).ok()) {
    wanted.push_back({"positions", inputs.positions});
    wanted.push_back({segmentsInput, inputs.segments});
  }
  for (const Input &input : wanted) {
    Expected<int32_t *> found =
        program.input<int32_t>(input.name, inputs.count);
    if (!found.ok())
      return found.status();
    input.field = *found;
  }
  return inputs;
}

Status BatchInputs::write(const Batch &batch) const {
  if (batch.tokens.size() != count || batch.labels.size() != count)
    return Status::error("expected a batch of " + std::to_string(count) +
                         " tokens, but got " +
                         std::to_string(batch.tokens.size()));
  std::copy(batch.tokens.begin(), batch.tokens.end(), tokens);
  std::copy(batch.labels.begin(), batch.labels.end(), labels);
  if (!segments)
    return Status();
  std::copy(batch.positions.begin(), batch.positions.end(), positions);
  std::copy(batch.segments.begin(), batch.segments.end(), segments);
  return Status();
}
