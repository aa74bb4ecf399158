//===- Level.h - Instruction levels of CPUs ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The levels that code is generated for: what a machine needs to run it, what
// LLVM and the emitters are told. The only list of them in the compiler.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_CODEGEN_CPU_LEVEL_H
#define STERNA_CODEGEN_CPU_LEVEL_H

#include "sterna/Codegen/CPU/KernelEmitter.h"

namespace sterna::cpu {

struct Level {
  /// As --target and the device binary name it: "x86-64-v3".
  llvm::StringRef name;
  /// LLVM's names of the system, the CPU, the one whose pipeline instructions
  /// are ordered for (the former if empty), and features beyond the CPU's.
  llvm::StringRef triple, cpu, tune, features;
  /// What the code needs of a machine, by LLVM's names of features. Of the
  /// levels that a machine runs, `preference` of the runtime's ArmCore.h
  /// chooses.
  std::vector<std::string> needs;
  /// Whether the machine multiplies and adds in one instruction, and converts
  /// f16; without these the compiler expands them.
  bool hasFma, hasF16;
  TargetInfo info;
};

/// All levels, of each architecture from the least to the most.
llvm::ArrayRef<Level> getLevels();

/// The levels that this machine runs, from the least to the most.
std::vector<const Level *> getHostLevels();

/// Of these the one that the runtime would choose, or null if there is none.
const Level *getHostLevel();

/// The level called `name`, or null.
const Level *findLevel(llvm::StringRef name);

} // namespace sterna::cpu

#endif // STERNA_CODEGEN_CPU_LEVEL_H
