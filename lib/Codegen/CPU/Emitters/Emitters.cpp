//===- Emitters.cpp - The list of emitters --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A new family of kernels is added here.
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"

using namespace sterna::cpu;

const std::vector<std::unique_ptr<KernelEmitter>> &
sterna::cpu::getKernelEmitters() {
  static const std::vector<std::unique_ptr<KernelEmitter>> emitters = [] {
    std::vector<std::unique_ptr<KernelEmitter>> list;
    list.push_back(createAttentionEmitter());
    list.push_back(createAttentionGradEmitter());
    list.push_back(createRmsNormGradEmitter());
    list.push_back(createRowsEmitter());
    list.push_back(createTernaryGradientEmitter());
    list.push_back(createTernaryInt8Emitter());
    // The special case comes before the general one.
    list.push_back(createFloatDotEmitter());
    list.push_back(createFloatMatmulEmitter());
    return list;
  }();
  return emitters;
}
