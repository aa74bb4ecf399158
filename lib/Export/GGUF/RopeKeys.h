//===- RopeKeys.h - Rotary embedding in GGUF's words ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says base, size and scaling of a model's rotary embedding by the keys of GGUF
// and by the tensor of divisors.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_GGUF_ROPEKEYS_H
#define STERNA_LIB_EXPORT_GGUF_ROPEKEYS_H

#include "GGUFWriter.h"
#include "sterna/Import/GGUF/Architectures.h"

namespace sterna {

/// Fails where `architecture` has no words for what `model` does.
llvm::Error addRopeKeys(GGUFWriter &writer, const ModelDescription &model,
                        const GGUFArchitecture &architecture);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_GGUF_ROPEKEYS_H
