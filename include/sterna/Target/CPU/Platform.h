//===- Platform.h - Systems that code is made for ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An instruction level says what a CPU runs, a platform what the system around
// it expects of an object file. The only list of them in the compiler.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CPU_PLATFORM_H
#define STERNA_TARGET_CPU_PLATFORM_H

#include "sterna/Codegen/CPU/Level.h"

namespace sterna::cpu {

struct Platform {
  /// As --target names it, which means all of its levels.
  llvm::StringRef name;
  /// LLVM's name, with the least version of the system where that has one.
  llvm::StringRef triple;
  /// From the least that its machines run, to the most.
  std::vector<const Level *> levels;
  /// Programs there are linked with their code and load none.
  bool isLinked;
};

/// All platforms.
llvm::ArrayRef<Platform> getPlatforms();

/// The platform called `name`, or null.
const Platform *findPlatform(llvm::StringRef name);

/// The platform that `level` is for when it is named alone: the one that loads
/// code.
const Platform &platformOf(const Level &level);

} // namespace sterna::cpu

#endif // STERNA_TARGET_CPU_PLATFORM_H
