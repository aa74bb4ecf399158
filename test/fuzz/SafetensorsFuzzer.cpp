//===- SafetensorsFuzzer.cpp - Tensors of adapters from hostile bytes ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"
#include "io/Safetensors.h"

using namespace sterna;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::InputFile file(data, size);
  (void)readSafetensors(file.path());
  return 0;
}
