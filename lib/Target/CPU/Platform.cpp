//===- Platform.cpp - Systems that code is made for -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Platform.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/Platform.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/Triple.h"

using namespace sterna::cpu;

static std::vector<Platform> makePlatforms() {
  auto levelsFrom = [](llvm::StringRef least) {
    const Level *first = findLevel(least);
    std::vector<const Level *> levels;
    for (const Level &level : getLevels())
      if (&level >= first && level.triple == first->triple)
        levels.push_back(&level);
    return levels;
  };
  std::vector<const Level *> x86 = levelsFrom("x86-64-v2");
  std::vector<const Level *> arm = levelsFrom("armv8.0");
  return {
      {"x86-64", x86.front()->triple, x86, false},
      {"aarch64-linux", arm.front()->triple, arm, false},
      // The first whose C library has memfd_create, which the runtime uses.
      {"aarch64-linux-android", "aarch64-unknown-linux-android30", arm, true},
      // The first whose C++ library has all of C++17 that the runtime uses.
      {"aarch64-apple-ios", "arm64-apple-ios13.0", arm, true},
      // The first for Arm, whose machines all have dot products.
      {"aarch64-apple-macos", "arm64-apple-macosx11.0",
       levelsFrom("armv8.0-dotprod"), true},
  };
}

llvm::ArrayRef<Platform> sterna::cpu::getPlatforms() {
  static const std::vector<Platform> platforms = makePlatforms();
  return platforms;
}

const Platform *sterna::cpu::findPlatform(llvm::StringRef name) {
  for (const Platform &platform : getPlatforms())
    if (platform.name == name)
      return &platform;
  return nullptr;
}

const Platform &sterna::cpu::platformOf(const Level &level) {
  return *llvm::find_if(getPlatforms(), [&](const Platform &platform) {
    return !platform.isLinked && llvm::is_contained(platform.levels, &level);
  });
}
