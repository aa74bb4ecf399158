//===- BatchInputs.h - Where programs take batches ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inputs that training and evaluation have in common.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_BATCHINPUTS_H
#define STERNA_RUNTIME_TRAIN_BATCHINPUTS_H

#include "core/Session.h"
#include "text/Batcher.h"

namespace sterna {

/// Whether `module` was compiled with --pack.
bool isPacked(const Module &module);

class BatchInputs {
public:
  /// Looks up the inputs of `program`, each i32 `[batch, sequence]` of `model`:
  /// tokens and labels and, where it was compiled with --pack, positions and
  /// segments.
  static Expected<BatchInputs> find(const Program &program,
                                    const format::Model &model);

  /// Copies `batch`, which has the sizes of the model, to the inputs.
  Status write(const Batch &batch) const;

private:
  uint64_t count = 0;
  int32_t *tokens = nullptr;
  int32_t *labels = nullptr;
  int32_t *positions = nullptr; // null without --pack, as segments
  int32_t *segments = nullptr;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_BATCHINPUTS_H
