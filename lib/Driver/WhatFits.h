//===- WhatFits.h - Which trainings fit a memory ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table of sequence length, rank and targets, by planning each of them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_WHATFITS_H
#define STERNA_LIB_DRIVER_WHATFITS_H

#include "sterna/Driver/Options.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// What one training takes.
struct TrainingNeed {
  int64_t bytes;   // of the process, of several targets the most
  int64_t context; // tokens that the model was made for
};

/// Bytes of a process that runs the training programs of `plan`, a module after
/// the phase schedule.
int64_t measureTraining(mlir::ModuleOp plan);

/// Plans one training, called `name`; none where that fails, which was told.
using PlanTraining = llvm::function_ref<std::optional<TrainingNeed>(
    const CompileOptions &options, llvm::StringRef name)>;

/// The most sequences in a micro-batch, a power of two up to 64, that
/// `options.memoryBudget` bytes have room for without more recomputation than
/// is usual, of blocks from their inputs; 1 where none fits so. None where
/// `plan` fails.
std::optional<int64_t> chooseBatch(const CompileOptions &options,
                                   PlanTraining plan);

/// The lines of the table for `options.whatFits` bytes: rows of targets and
/// rank with the mebibytes that training takes at each sequence length, up to
/// the first that does not fit. Axes that were given have that value alone.
/// None where `plan` fails.
std::optional<std::vector<std::string>>
listWhatFits(const CompileOptions &options, PlanTraining plan);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_WHATFITS_H
