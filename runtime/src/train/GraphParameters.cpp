//===- GraphParameters.cpp - Trained parameters of graphs -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GraphParameters.h.
//
//===----------------------------------------------------------------------===//

#include "train/GraphParameters.h"

#include "io/Escape.h"
#include "train/TrainerState.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

using namespace sterna;

namespace {

/// State of `kind` by the name of its parameter: "w" of "w.parameter" and of
/// "w.parameter.gradient".
std::map<std::string, const format::StateTensor *>
findStates(const Module &module, format::StateKind kind) {
  std::string ending = std::string(".") +
                       format::EnumNameStateKind(format::StateKind::parameter);
  if (kind != format::StateKind::parameter)
    ending += std::string(".") + format::EnumNameStateKind(kind);
  std::map<std::string, const format::StateTensor *> states;
  for (const format::StateTensor *tensor : orEmpty(module.plan().state())) {
    std::string name = tensor->name()->str();
    if (tensor->kind() == kind && name.size() > ending.size() &&
        name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      states[name.substr(0, name.size() - ending.size())] = tensor;
  }
  return states;
}

std::vector<uint64_t> shapeOf(const format::StateTensor &tensor) {
  const auto &shape = orEmpty(tensor.shape());
  return {shape.begin(), shape.end()};
}

Status save(const Session &session, format::StateKind kind,
            const std::string &path) {
  std::vector<NamedTensor> tensors;
  for (auto &[name, state] : findStates(session.module(), kind)) {
    Expected<NamedTensor> tensor = readTensor(session, *state);
    if (!tensor.ok())
      return tensor.status();
    tensor->name = name;
    if (!std::all_of(tensor->data.begin(), tensor->data.end(),
                     [](float value) { return std::isfinite(value); }))
      return Status::error("the " +
                           std::string(format::EnumNameStateKind(kind)) + " '" +
                           excerpt(name) + "' is not finite");
    tensors.push_back(std::move(*tensor));
  }
  std::vector<NamedTensorView> views;
  for (const NamedTensor &tensor : tensors)
    views.push_back({tensor.name, tensor.shape, tensor.data.data()});
  return writeSafetensors(path, std::move(views));
}

} // namespace

Status sterna::saveParameters(const Session &session, const std::string &path) {
  return save(session, format::StateKind::parameter, path);
}

Status sterna::saveGradients(const Session &session, const std::string &path) {
  return save(session, format::StateKind::gradient, path);
}

Status sterna::loadParameters(Session &session, const std::string &path) {
  std::string file = path;
  if (std::error_code error; std::filesystem::is_directory(path, error))
    file += std::string("/") + parametersFile;
  Expected<std::vector<NamedTensor>> tensors = readSafetensors(file);
  if (!tensors.ok())
    return tensors.status();
  auto states = findStates(session.module(), format::StateKind::parameter);
  if (states.empty())
    return Status::error("the graph has no parameters to read from '" + file +
                         "': compile it with --train");
  std::map<std::string, const NamedTensor *> byName;
  for (const NamedTensor &tensor : *tensors) {
    auto state = states.find(tensor.name);
    if (state == states.end() || shapeOf(*state->second) != tensor.shape)
      return Status::error("'" + file + "': the graph has no parameter '" +
                           excerpt(tensor.name) + "' of its shape");
    byName[tensor.name] = &tensor;
  }
  for (auto &[name, state] : states)
    if (!byName.count(name))
      return Status::error("'" + file + "' has no tensor '" + excerpt(name) +
                           "'");
  for (auto &[name, state] : states)
    if (Status status = session.writeState(*state, byName[name]->data.data());
        !status.ok())
      return status;
  return Status();
}
