//===- ProgramPicture.h - A program's arena as SVG --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_PROGRAMPICTURE_H
#define STERNA_LIB_DRIVER_PROGRAMPICTURE_H

#include "sterna/Dialect/Plan/IR/Plan.h"

#include <string>
#include <vector>

namespace sterna {

/// A tensor in the arena of a program.
struct ArenaTensor {
  int64_t offset, bytes;
  int64_t first, last; // launches, from 0
  plan::KernelOp maker;
  std::string origin; // what of the model it computes, or empty
  mlir::MemRefType type;
};

/// What a program has in its arena over its launches.
struct ArenaHistory {
  std::vector<ArenaTensor> tensors;
  int64_t launches = 0;
  /// The first launch at which the most bytes are alive, and those bytes.
  int64_t peak = 0, peakBytes = 0;
  int64_t arenaBytes = 0;
};

/// Follows the buffers of `program`, whose kernels are in `symbols`.
ArenaHistory followArena(plan::ProgramOp program,
                         const mlir::SymbolTable &symbols);

/// "rms_norm of blk.0.attn_norm.weight, 128x256xf32, 128.0 KiB".
std::string describe(const ArenaTensor &tensor);

/// The history as an element <svg>, in which each tensor has a title.
std::string drawArena(const ArenaHistory &history, llvm::StringRef program);

/// `text` where markup may stand.
std::string escapeMarkup(llvm::StringRef text);

/// `bytes` with a binary unit: "1.5 MiB".
std::string formatSize(int64_t bytes);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_PROGRAMPICTURE_H
