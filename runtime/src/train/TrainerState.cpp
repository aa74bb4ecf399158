//===- TrainerState.cpp - A training run at rest --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainerState.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainerState.h"

#include "io/Escape.h"

#include <algorithm>
#include <charconv>
#include <cmath>
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
  if (stored.type() == format::ElementType::i8) {
    std::vector<int8_t> codes(tensor.data.size());
    Status status = session.readState(stored, codes.data(), codes.size());
    if (!status.ok())
      return status;
    std::copy(codes.begin(), codes.end(), tensor.data.begin());
    return tensor;
  }
  if (Status status = session.readState(stored, tensor.data.data());
      !status.ok())
    return status;
  return tensor;
}

Status sterna::writeTensor(Session &session, const format::StateTensor &stored,
                           const NamedTensor &tensor) {
  if (stored.type() != format::ElementType::i8)
    return session.writeState(stored, tensor.data.data());
  std::vector<int8_t> codes(tensor.data.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    float value = tensor.data[i];
    if (!(value >= -128 && value <= 127) || value != std::trunc(value))
      return Status::error("expected tensor '" + tensor.name +
                           "' of the training state to hold codes from -128 "
                           "to 127");
    codes[i] = int8_t(value);
  }
  return session.writeState(stored, codes.data(), codes.size());
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
