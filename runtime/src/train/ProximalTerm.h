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

private:
  struct Parameter {
    const format::StateTensor *tensor;
    const format::StateTensor *gradient;
    std::vector<float> start;
  };

  ProximalTerm(Session &session, double mu) : session(&session), mu(mu) {}

  Session *session;
  double mu;
  std::vector<Parameter> parameters;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_PROXIMALTERM_H
