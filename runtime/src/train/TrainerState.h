//===- TrainerState.h - A training run at rest ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is left of a run between two steps, as a struct and as bytes.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_TRAINERSTATE_H
#define STERNA_RUNTIME_TRAIN_TRAINERSTATE_H

#include "core/Session.h"
#include "io/Safetensors.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// All that a run depends on, beside its data and options: taken after a step
/// and restored, it goes on as if it had never stopped. Random numbers and the
/// order of samples derive from seeds and `step`.
struct TrainerState {
  uint64_t step = 0;    // steps of the run behind it, skipped ones too
  uint64_t updates = 0; // those that moved the parameters
  uint64_t skipped = 0; // wholly masked batches
  /// Parameters and moments, by the names of the module's state tensors (codes
  /// of 8 bits as their numbers); with --proximal-mu where the parameters
  /// began, and where gradients are clipped by it the last step's norm.
  std::vector<NamedTensor> tensors;
};

/// The elements of a state tensor of f32 or i8 in `session`, under its name.
Expected<NamedTensor> readTensor(const Session &session,
                                 const format::StateTensor &stored);

/// Writes `tensor`, of as many elements, to `stored`. Fails where one of them
/// is no number of its type.
Status writeTensor(Session &session, const format::StateTensor &stored,
                   const NamedTensor &tensor);

/// The bytes of a safetensors file that holds `state`, its counts as metadata.
Expected<std::string> encodeState(const TrainerState &state);

/// The state in such bytes. Fails where they are none.
Expected<TrainerState> decodeState(std::string_view bytes);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_TRAINERSTATE_H
