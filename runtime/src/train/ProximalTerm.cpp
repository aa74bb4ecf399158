//===- ProximalTerm.cpp - What keeps a run near its start -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ProximalTerm.h.
//
//===----------------------------------------------------------------------===//

#include "train/ProximalTerm.h"

#include "train/TrainerState.h"

#include <string>

using namespace sterna;

Expected<ProximalTerm> ProximalTerm::create(Session &session, double mu) {
  ProximalTerm term(session, mu);
  if (mu == 0)
    return term;
  const Module &module = session.module();
  for (const format::StateTensor *tensor : orEmpty(module.plan().state())) {
    if (tensor->kind() != format::StateKind::lora_a &&
        tensor->kind() != format::StateKind::lora_b &&
        tensor->kind() != format::StateKind::parameter)
      continue;
    std::string name = tensor->name()->str() + ".gradient";
    const format::StateTensor *gradient = module.findState(name);
    if (!gradient ||
        elementCount(gradient->shape()) != elementCount(tensor->shape()))
      return Status::error("--proximal-mu: the module has no state tensor '" +
                           name + "' of its parameter's shape");
    Expected<NamedTensor> start = readTensor(session, *tensor);
    if (!start.ok())
      return start.status();
    start->name += ".start";
    term.parameters.push_back({tensor, gradient, std::move(*start)});
  }
  return term;
}

Status ProximalTerm::addGradients() {
  for (const Parameter &parameter : parameters) {
    Expected<NamedTensor> now = readTensor(*session, *parameter.tensor);
    if (!now.ok())
      return now.status();
    Expected<NamedTensor> gradient = readTensor(*session, *parameter.gradient);
    if (!gradient.ok())
      return gradient.status();
    const std::vector<float> &start = parameter.start.data;
    for (size_t i = 0; i < start.size(); ++i)
      gradient->data[i] += float(mu) * (now->data[i] - start[i]);
    if (Status status =
            session->writeState(*parameter.gradient, gradient->data.data());
        !status.ok())
      return status;
  }
  return Status();
}

std::vector<NamedTensor> ProximalTerm::tensors() const {
  std::vector<NamedTensor> result;
  for (const Parameter &parameter : parameters)
    result.push_back(parameter.start);
  return result;
}

Status ProximalTerm::restore(
    const std::map<std::string_view, const NamedTensor *> &byName) {
  for (const Parameter &parameter : parameters) {
    auto found = byName.find(parameter.start.name);
    if (found == byName.end() ||
        found->second->shape != parameter.start.shape ||
        found->second->data.size() != parameter.start.data.size())
      return Status::error("expected tensor '" + parameter.start.name +
                           "' of --proximal-mu in the training state, but it "
                           "is not there or has another shape");
  }
  for (Parameter &parameter : parameters)
    parameter.start.data = byName.find(parameter.start.name)->second->data;
  return Status();
}
