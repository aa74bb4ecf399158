//===- RotaryEmbedding.h - Angles of rotary embedding -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The angles that follow from what a model's files say of its rotary embedding.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ROTARYEMBEDDING_H
#define STERNA_LIB_IMPORT_ROTARYEMBEDDING_H

#include "sterna/Import/Model.h"

namespace sterna {

/// Sets the angles of `model` for heads of which `rotated` elements are turned,
/// pair i by `theta^(-2 i / rotated)` before scaling, and notes what they are
/// made of.
void setRopeAngles(ModelDescription &model, double theta, int64_t rotated,
                   const RopeScaling &scaling);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ROTARYEMBEDDING_H
