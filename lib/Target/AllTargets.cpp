//===- AllTargets.cpp - The list of targets -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place of the compiler where a new target is named.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/CPUTarget.h"
#include "sterna/Target/SPIRV/VulkanTarget.h"
#include "sterna/Target/Target.h"

#include <mutex>

void sterna::registerAllTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    registerTarget(cpu::createTarget());
    registerTarget(spirv::createVulkanTarget());
  });
}
