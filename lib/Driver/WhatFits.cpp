//===- WhatFits.cpp - Which trainings fit a memory ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WhatFits.h.
//
//===----------------------------------------------------------------------===//

#include "WhatFits.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;
using namespace sterna;

/// The bytes that are in any of `ranges`, of begin and end.
static int64_t measureUnion(std::vector<std::pair<int64_t, int64_t>> ranges) {
  llvm::sort(ranges);
  int64_t total = 0, covered = 0;
  for (auto [begin, end] : ranges) {
    total += std::max<int64_t>(end - std::max(begin, covered), 0);
    covered = std::max(covered, end);
  }
  return total;
}

int64_t sterna::measureTraining(ModuleOp module) {
  // Programs share weights and state, and may read parts of them.
  std::map<plan::Space, std::vector<std::pair<int64_t, int64_t>>> spaces;
  int64_t arena = 0;
  for (auto program : module.getOps<plan::ProgramOp>()) {
    if (!program.getSymName().starts_with("train_"))
      continue;
    arena = std::max<int64_t>(arena, program.getArenaBytes());
    for (auto buffer : program.getBody().getOps<plan::BufferOp>())
      if (buffer.getSpace() != plan::Space::arena)
        spaces[buffer.getSpace()].emplace_back(
            buffer.getOffset(), buffer.getOffset() + buffer.getBytes());
  }
  int64_t total = arena + plan::processBytes;
  for (auto &[space, ranges] : spaces)
    total += measureUnion(std::move(ranges));
  return total;
}

namespace {

bool isGiven(const CompileOptions &options, StringRef name) {
  return llvm::any_of(options.given, [&](const OptionInfo *info) {
    return info->name == name;
  });
}

/// The values of an axis: those of `usual`, or the one that was given.
template <typename T>
std::vector<T> axis(const CompileOptions &options, StringRef name, T given,
                    std::vector<T> usual) {
  return isGiven(options, name) ? std::vector<T>{given} : usual;
}

std::string left(StringRef text) {
  std::string padded;
  llvm::raw_string_ostream(padded) << llvm::left_justify(text, 16);
  return padded;
}

std::string cell(StringRef text) {
  std::string padded;
  llvm::raw_string_ostream(padded) << llvm::right_justify(text, 8);
  return padded;
}

using Targets = std::vector<std::string>;

class Table {
public:
  Table(const CompileOptions &options, PlanTraining plan)
      : options(options), plan(plan),
        lengths(axis<int64_t>(options, "seq-len", options.sequenceLength,
                              {128, 256, 512, 1024, 2048, 4096})) {}

  std::optional<std::vector<std::string>> list() {
    std::string header = left("targets") + cell("rank");
    for (int64_t length : lengths)
      header += cell(std::to_string(length));
    std::vector<std::string> lines{
        "MiB of a process that trains, by the tokens of a sequence; - does not "
        "fit into " +
            std::to_string(options.whatFits >> 20) +
            ", . is beyond the model's context",
        header};
    for (const Targets &targets : axis<Targets>(
             options, "lora-targets", options.loraTargets, {{"q", "v"}, {}}))
      for (int64_t rank :
           axis<int64_t>(options, "lora-rank", options.loraRank, {8, 16, 64})) {
        std::optional<std::string> line = row(targets, rank);
        if (!line)
          return std::nullopt;
        lines.push_back(*line);
      }
    return lines;
  }

private:
  std::optional<std::string> row(const Targets &targets, int64_t rank) {
    CompileOptions one = options;
    one.loraRank = rank;
    one.loraTargets = targets;
    std::string name = targets.empty() ? "all" : llvm::join(targets, ",");
    std::string line = left(name) + cell(std::to_string(rank));
    bool fits = true;
    for (int64_t length : lengths) {
      // A length that was asked for is planned as it is compiled: with a
      // notice.
      if (length > context && lengths.size() > 1) {
        line += cell(".");
        continue;
      }
      std::string text = "-";
      if (fits) {
        one.sequenceLength = length;
        std::optional<TrainingNeed> need =
            plan(one, (name + " " + Twine(rank) + " " + Twine(length)).str());
        if (!need)
          return std::nullopt;
        context = need->context > 0 ? need->context : context;
        fits = need->bytes <= options.whatFits;
        if (fits)
          text = std::to_string(llvm::divideCeil(need->bytes, 1 << 20));
      }
      line += cell(text);
    }
    return line;
  }

  const CompileOptions &options;
  PlanTraining plan;
  std::vector<int64_t> lengths;
  int64_t context = INT64_MAX; // of the model, once it is known
};

} // namespace

std::optional<std::vector<std::string>>
sterna::listWhatFits(const CompileOptions &options, PlanTraining plan) {
  return Table(options, plan).list();
}

std::optional<int64_t> sterna::chooseBatch(const CompileOptions &options,
                                           PlanTraining plan) {
  CompileOptions one = options;
  one.memoryBudget = 0;
  int64_t chosen = 1;
  for (one.batch = 1; one.batch <= 64; one.batch *= 2) {
    if (llvm::Error tooMany = checkOptions(one)) {
      llvm::consumeError(std::move(tooMany));
      break;
    }
    std::optional<TrainingNeed> need =
        plan(one, ("batch of " + Twine(one.batch)).str());
    if (!need)
      return std::nullopt;
    if (need->bytes > options.memoryBudget)
      break;
    chosen = one.batch;
  }
  return chosen;
}
