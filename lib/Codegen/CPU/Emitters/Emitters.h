//===- Emitters.h - Makers of the emitters --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One maker per family of kernels; Emitters.cpp lists them in order.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITTERS_H
#define STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITTERS_H

#include "sterna/Codegen/CPU/KernelEmitter.h"

namespace sterna::cpu {

std::unique_ptr<KernelEmitter> createAttentionEmitter();
std::unique_ptr<KernelEmitter> createAttentionGradEmitter();
std::unique_ptr<KernelEmitter> createFloatDotEmitter();
std::unique_ptr<KernelEmitter> createFloatMatmulEmitter();
std::unique_ptr<KernelEmitter> createRmsNormGradEmitter();
std::unique_ptr<KernelEmitter> createRowsEmitter();
std::unique_ptr<KernelEmitter> createTernaryGradientEmitter();
std::unique_ptr<KernelEmitter> createTernaryInt8Emitter();

} // namespace sterna::cpu

#endif // STERNA_LIB_CODEGEN_CPU_EMITTERS_EMITTERS_H
