//===- GraphParameters.h - Trained parameters of graphs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parameters that training changes, as safetensors files whose tensors are
// called as the graph's initializers.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_GRAPHPARAMETERS_H
#define STERNA_RUNTIME_TRAIN_GRAPHPARAMETERS_H

#include "core/Session.h"

#include <string>

namespace sterna {

/// The file in a folder that training writes.
constexpr const char *parametersFile = "parameters.safetensors";

/// Writes the parameters in `session` to the file at `path`. Fails if one is
/// not finite; nothing is written then.
Status saveParameters(const Session &session, const std::string &path);

/// Writes the gradients likewise.
Status saveGradients(const Session &session, const std::string &path);

/// Reads parameters from a file, or from that in a folder, into `session`.
/// Fails, naming the tensor, where it has others than the graph.
Status loadParameters(Session &session, const std::string &path);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_GRAPHPARAMETERS_H
