//===- StateLayout.h - The state that a session allocates -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state space of a module holds what all of its programs keep: KV caches,
// an adapter, gradients, moments. A session allocates only what its programs
// touch. Separate because devices, sessions and reports must agree on it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_STATELAYOUT_H
#define STERNA_RUNTIME_CORE_STATELAYOUT_H

#include "core/Module.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace sterna {

/// Where the state of some programs lies in a session: the order of the state
/// space, without what none of them touches. Distances between buffers never
/// grow, so that what fits a device's limits in the module does here.
class StateLayout {
public:
  /// Nothing is touched.
  StateLayout() = default;

  /// What `programs`, indices into the module's programs, bind, and state
  /// tensors that they bind a part of.
  StateLayout(const Module &module, const std::vector<uint32_t> &programs);

  /// Bytes to allocate.
  uint64_t size() const { return total; }

  /// Where the bytes [offset, offset + size) of the module's state space lie;
  /// absent unless the programs touch all of them.
  std::optional<uint64_t> find(uint64_t offset, uint64_t size) const;

private:
  /// Bytes [begin, end) of the module's state space, and where they lie.
  struct Run {
    uint64_t begin;
    uint64_t end;
    uint64_t place;
  };
  std::vector<Run> runs; // in order, apart
  uint64_t total = 0;
};

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_STATELAYOUT_H
