//===- ModuleSeed.cpp - A device binary to begin fuzzing with -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../unit/runtime/TestModule.h"

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fputs("usage: sterna-fuzz-module-seed FILE\n", stderr);
    return 1;
  }
  sterna::test::writeFile(argv[1], sterna::test::toyModel().serialize());
  return 0;
}
