//===- WeightPages.cpp - Where weights lie and when they are read ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See WeightPages.h.
//
//===----------------------------------------------------------------------===//

#include "cpu/WeightPages.h"

#include "core/Plan.h"

#include <algorithm>
#include <cstring>

using namespace sterna;

Status WeightPages::prepare(const Module &module,
                            const std::vector<uint32_t> &programs,
                            WeightsMode mode) {
  base = module.weights();
  if (mode == WeightsMode::resident)
    return copy(module, programs);
  if (mode != WeightsMode::prefetch)
    return Status();
  const auto &all = orEmpty(module.plan().programs());
  requests.resize(all.size());
  for (uint32_t index : programs)
    requests[index] = plan(*all.Get(index));
  return Status();
}

/// Copies piece by piece, so that no weight is counted twice for long.
Status WeightPages::copy(const Module &module,
                         const std::vector<uint32_t> &programs) {
  constexpr uint64_t piece = 16 << 20;
  Expected<Mapping> memory =
      Mapping::allocate(module.plan().weights_bytes(), "weights");
  if (!memory.ok())
    return memory.status();
  resident = std::move(*memory);
  useHugePages(resident);
  for (auto [begin, end] : weightRanges(module, programs))
    for (; begin < end; begin += std::min(piece, end - begin)) {
      uint64_t size = std::min(piece, end - begin);
      std::memcpy(resident.data() + begin, base + begin, size);
      dropPages(base + begin, size);
    }
  protect(resident);
  base = resident.data();
  return Status();
}

void WeightPages::append(std::vector<Slice> &slices, Slice next) {
  if (!slices.empty() &&
      slices.back().offset + slices.back().size == next.offset)
    slices.back().size += next.size;
  else
    slices.push_back(next);
}

/// A program's reads are a circle, for it runs again: step after step, token
/// after token. When a dispatch begins that reads n bytes, the n bytes that lie
/// `lookahead` further on the circle are asked for, but not before there are
/// enough of them to be worth a call.
WeightPages::Requests WeightPages::plan(const format::Program &program) {
  std::vector<Slice> reads;
  std::vector<uint64_t> bytesOf; // of each dispatch
  uint64_t total = 0;
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches())) {
    uint64_t before = total;
    for (const format::Binding *binding : orEmpty(dispatch->bindings()))
      if (binding->space() == format::Space::weights) {
        reads.push_back({binding->offset(), binding->size()});
        total += binding->size();
      }
    bytesOf.push_back(total - before);
  }
  Requests result(bytesOf.size());
  if (reads.empty())
    return result;
  // A cursor that starts `lookahead` ahead of the first dispatch.
  size_t read = 0;
  uint64_t at = 0;
  auto advance = [&](uint64_t size, std::vector<Slice> *slices) {
    while (size > 0) {
      uint64_t taken = std::min(size, reads[read].size - at);
      if (slices && taken > 0)
        append(*slices, {reads[read].offset + at, taken});
      size -= taken;
      at += taken;
      if (at == reads[read].size) {
        read = (read + 1) % reads.size();
        at = 0;
      }
    }
  };
  advance(std::min(lookahead, total / 2), nullptr);
  std::vector<Slice> due;
  uint64_t dueBytes = 0;
  for (size_t i = 0; i < bytesOf.size(); ++i) {
    advance(bytesOf[i], &due);
    dueBytes += bytesOf[i];
    if (dueBytes < enough && i + 1 < bytesOf.size())
      continue;
    result[i].swap(due);
    dueBytes = 0;
  }
  return result;
}

void WeightPages::begin(uint32_t program, uint32_t dispatch) const {
  if (requests.empty())
    return;
  for (const Slice &slice : requests[program][dispatch])
    askForPages(base + slice.offset, slice.size);
}
