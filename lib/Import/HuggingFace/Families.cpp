//===- Families.cpp - Classes of models in transformers -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Families.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/HuggingFace/Families.h"

using namespace sterna;

static constexpr CheckpointFamily families[] = {
    {"BitNetForCausalLM", "bitnet", 5e5, false, /*subNorms=*/true},
    {"LlamaForCausalLM", "llama", 1e4, false},
    {"MiniCPMForCausalLM", "minicpm", 1e4, true, false, false, /*scales=*/true},
    {"Qwen3ForCausalLM", "qwen3", 1e4, false, false, /*headNorms=*/true, false,
     /*windows=*/true},
};

llvm::ArrayRef<CheckpointFamily> sterna::getCheckpointFamilies() {
  return families;
}
