//===- TrainerState.cpp - A training run at rest --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainerState.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainerState.h"

#include "io/Escape.h"

#include <charconv>
#include <utility>

using namespace sterna;

namespace {

/// The counts of a state and their keys.
constexpr std::pair<const char *, uint64_t TrainerState::*> counts[] = {
    {"sterna.step", &TrainerState::step},
    {"sterna.updates", &TrainerState::updates},
    {"sterna.skipped", &TrainerState::skipped}};

} // namespace

Expected<NamedTensor> sterna::readTensor(const Session &session,
                                         const format::StateTensor &stored) {
  const auto &shape = orEmpty(stored.shape());
  NamedTensor tensor{stored.name()->str(), {shape.begin(), shape.end()}, {}};
  tensor.data.resize(elementCount(stored.shape()).value_or(0));
  if (Status status = session.readState(stored, tensor.data.data());
      !status.ok())
    return status;
  return tensor;
}

Expected<std::string> sterna::encodeState(const TrainerState &state) {
  SafetensorsMetadata metadata;
  for (auto [key, count] : counts)
    metadata[key] = std::to_string(state.*count);
  std::vector<NamedTensorView> tensors;
  for (const NamedTensor &tensor : state.tensors)
    tensors.push_back({tensor.name, tensor.shape, tensor.data.data()});
  return encodeSafetensors(std::move(tensors), metadata);
}

Expected<TrainerState> sterna::decodeState(std::string_view bytes) {
  SafetensorsMetadata metadata;
  Expected<std::vector<NamedTensor>> tensors =
      decodeSafetensors("training state", bytes, &metadata);
  if (!tensors.ok())
    return tensors.status();
  TrainerState state;
  state.tensors = std::move(*tensors);
  for (auto [key, count] : counts) {
    const std::string &text = metadata[key];
    const char *end = text.data() + text.size();
    auto [read, error] = std::from_chars(text.data(), end, state.*count);
    if (error != std::errc() || read != end)
      return Status::error("expected '" + std::string(key) +
                           "' in the training state to be a count, but got '" +
                           excerpt(text) + "'");
  }
  return state;
}
