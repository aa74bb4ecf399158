//===- Plan.cpp - Memory that a set of programs uses ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Plan.h.
//
//===----------------------------------------------------------------------===//

#include "core/Plan.h"

#include "core/StateLayout.h"

#include <algorithm>

using namespace sterna;

Ranges sterna::weightRanges(const Module &module,
                            const std::vector<uint32_t> &programs) {
  Ranges all;
  for (uint32_t index : programs)
    for (const format::Dispatch *dispatch :
         orEmpty(module.plan().programs()->Get(index)->dispatches()))
      for (const format::Binding *binding : orEmpty(dispatch->bindings()))
        if (binding->space() == format::Space::weights)
          all.emplace_back(binding->offset(),
                           binding->offset() + binding->size());
  std::sort(all.begin(), all.end());
  Ranges merged;
  for (auto [begin, end] : all)
    if (merged.empty() || begin > merged.back().second)
      merged.emplace_back(begin, end);
    else
      merged.back().second = std::max(merged.back().second, end);
  return merged;
}

PlannedBytes sterna::planOf(const Module &module,
                            const std::vector<uint32_t> &programs) {
  PlannedBytes bytes;
  for (uint32_t index : programs)
    bytes.arena = std::max(bytes.arena,
                           module.plan().programs()->Get(index)->arena_bytes());
  for (auto [begin, end] : weightRanges(module, programs))
    bytes.weights += end - begin;
  bytes.state = StateLayout(module, programs).size();
  bytes.block = programs.empty() ? 0 : module.plan().block_bytes();
  return bytes;
}

uint64_t sterna::scratchOf(const Module &module, const format::Code &code,
                           const std::vector<uint32_t> &programs) {
  constexpr uint64_t page = 4096;
  uint64_t bytes = 0;
  for (uint32_t index : programs)
    for (const format::Dispatch *dispatch :
         orEmpty(module.plan().programs()->Get(index)->dispatches()))
      bytes =
          std::max(bytes, code.kernels()->Get(dispatch->kernel())->scratch());
  return (bytes + page - 1) / page * page;
}

std::vector<uint32_t> sterna::trainPrograms(const Module &module) {
  std::vector<uint32_t> programs;
  for (const char *name : {"train_micro", "train_apply", "train_step"})
    if (std::optional<uint32_t> index = module.findProgram(name))
      programs.push_back(*index);
  return programs;
}

std::vector<std::string> sterna::trainProgramNames(const Module &module) {
  if (module.findProgram("train_step"))
    return {"train_step"};
  return {"train_micro", "train_apply"};
}

std::vector<uint32_t> sterna::generatePrograms(const Module &module,
                                               bool lora) {
  std::vector<uint32_t> programs;
  uint32_t index = 0;
  for (const format::Program *program : orEmpty(module.plan().programs())) {
    std::string name = program->name()->str();
    if (headTokens(name) != 0 || forwardTokens(name, lora) != 0)
      programs.push_back(index);
    ++index;
  }
  return programs;
}

/// T, if `name` is `prefix`, the number T and `suffix`; else 0.
static uint32_t countBetween(const std::string &name, const std::string &prefix,
                             const std::string &suffix) {
  if (name.size() <= prefix.size() + suffix.size() ||
      name.compare(0, prefix.size(), prefix) != 0 ||
      name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
    return 0;
  uint32_t tokens = 0;
  for (size_t i = prefix.size(); i < name.size() - suffix.size(); ++i) {
    if (name[i] < '0' || name[i] > '9' || tokens > 100000)
      return 0;
    tokens = tokens * 10 + uint32_t(name[i] - '0');
  }
  return tokens;
}

uint32_t sterna::forwardTokens(const std::string &name, bool lora) {
  return countBetween(name, "forward_", lora ? "_lora" : "");
}

uint32_t sterna::headTokens(const std::string &name) {
  return name == "head" ? 1 : countBetween(name, "head_", "");
}
