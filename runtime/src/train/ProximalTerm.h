//===- ProximalTerm.h - What keeps a run near its start -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The term mu/2 ||w - w0||^2 of FedProx (Li et al. 2020, arXiv:1812.06127),
// which keeps the parameters w of a run near those that it began with, w0.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_PROXIMALTERM_H
#define STERNA_RUNTIME_TRAIN_PROXIMALTERM_H

#include "core/Session.h"
#include "io/Safetensors.h"

#include <map>
#include <string_view>
#include <vector>

namespace sterna {

class ProximalTerm {
public:
  /// Remembers the parameters of `session`, which must outlive this object. A
  /// weight `mu` of 0 is no term and costs nothing. Fails where a parameter has
  /// no gradient of its shape.
  static Expected<ProximalTerm> create(Session &session, double mu);

  /// Adds mu (w - w0) to the gradients.
  Status addGradients();

  /// w0, under the parameters' names and ".start": of the state of a run.
  std::vector<NamedTensor> tensors() const;
  size_t tensorCount() const { return parameters.size(); }

  /// Takes w0 from such tensors. Fails, naming the tensor and changing nothing,
  /// where one is not there or has another shape.
  Status restore(const std::map<std::string_view, const NamedTensor *> &byName);

private:
  struct Parameter {
    const format::StateTensor *tensor;
    const format::StateTensor *gradient;
    NamedTensor start;
  };

  ProximalTerm(Session &session, double mu) : session(&session), mu(mu) {}

  Session *session;
  double mu;
  std::vector<Parameter> parameters;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_PROXIMALTERM_H
