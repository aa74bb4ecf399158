//===- NpyFuzzer.cpp - Arrays of NumPy from hostile bytes -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"
#include "io/Npz.h"

using namespace sterna;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::InputFile file(data, size);
  std::string_view content(reinterpret_cast<const char *>(data), size);
  (void)viewNpy("input", content);
  (void)viewNpz("input", content);
  (void)readNpyF32(file.path());
  (void)readNpyI32(file.path());
  return 0;
}
