//===- WeightPages.h - Where weights lie and when they are read -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The three ways in which a CPU has a module's weights: pages of the file that
// the system may drop and reads again when they are touched; the same, asked
// for before they are touched; or a copy in memory that stays. Separate because
// the device only wants an address and a word when a dispatch begins.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CPU_WEIGHTPAGES_H
#define STERNA_RUNTIME_CPU_WEIGHTPAGES_H

#include "core/Device.h"
#include "core/Mapping.h"
#include "core/Module.h"

#include <cstdint>
#include <vector>

namespace sterna {

class WeightPages {
public:
  /// Makes ready what `programs`, indices into the module's programs, read.
  /// `module` must outlive this. Fails if memory for a copy is refused.
  Status prepare(const Module &module, const std::vector<uint32_t> &programs,
                 WeightsMode mode);

  /// Start of the weights space. Only what the programs read is there.
  const uint8_t *data() const { return base; }

  /// Tells that a dispatch of a program begins: with WeightsMode::prefetch asks
  /// for what is read `lookahead` bytes later. Any thread may call it.
  void begin(uint32_t program, uint32_t dispatch) const;

  /// How far prefetching is ahead: more than a layer of a 7B model.
  static constexpr uint64_t lookahead = 64 << 20;
  /// Bytes that are asked for together.
  static constexpr uint64_t enough = 1 << 20;

  /// Bytes of the weights space.
  struct Slice {
    uint64_t offset;
    uint64_t size;
  };
  /// What to ask for when each dispatch of a program begins.
  using Requests = std::vector<std::vector<Slice>>;

  /// The requests of one run: all that it reads, each byte as often.
  static Requests plan(const format::Program &program);

private:
  Status copy(const Module &module, const std::vector<uint32_t> &programs);
  static void append(std::vector<Slice> &slices, Slice next);

  const uint8_t *base = nullptr;
  Mapping resident;
  std::vector<Requests> requests; // by program; empty unless prefetching
};

} // namespace sterna

#endif // STERNA_RUNTIME_CPU_WEIGHTPAGES_H
