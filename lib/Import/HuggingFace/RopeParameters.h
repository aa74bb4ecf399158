//===- RopeParameters.h - How a configuration stretches RoPE ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding in config.json: `rope_theta` and `rope_scaling`, or
// `rope_parameters` since transformers 5.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_ROPEPARAMETERS_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_ROPEPARAMETERS_H

#include "../RotaryEmbedding.h"
#include "Config.h"

namespace sterna {

/// Sets the angles of `model`, whose sizes are known. `theta` is what the
/// family defines where the configuration is silent. Where a model has other
/// angles for long contexts, those of short ones are taken and the model's
/// context becomes what they are good for.
llvm::Error readRopeParameters(Config &config, double theta,
                               ModelDescription &model);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_ROPEPARAMETERS_H
