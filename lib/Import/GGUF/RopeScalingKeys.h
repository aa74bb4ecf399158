//===- RopeScalingKeys.h - How a GGUF file stretches RoPE -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The keys and tensors by which GGUF files say how rotary embedding is scaled.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_GGUF_ROPESCALINGKEYS_H
#define STERNA_LIB_IMPORT_GGUF_ROPESCALINGKEYS_H

#include "../ParameterReader.h"
#include "../RotaryEmbedding.h"
#include "ArchitectureKeys.h"

namespace sterna {

/// Reads the keys below ARCH.rope.scaling and the tensors of `table` that
/// divide frequencies, of which there are `rotated` / 2; null: the architecture
/// has none. With two sets of
/// divisors, for short and for long contexts, the short ones are taken and
/// `contextLength` becomes what they are good for, unless both are the same.
llvm::Expected<RopeScaling>
readRopeScaling(const GGUFFile &file, const ArchitectureKeys &keys,
                const TensorTable *table, ParameterReader &parameters,
                int64_t rotated, int64_t &contextLength);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_ROPESCALINGKEYS_H
