//===- Adapter.h - LoRA adapters in a session's state ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves adapters between PEFT folders and the state space of a session, and
// starts fresh ones. The rank of a module is fixed: smaller adapters are padded
// with zeroes, which training leaves zero, and are cut again when saved.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_ADAPTER_H
#define STERNA_RUNTIME_TRAIN_ADAPTER_H

#include "core/Session.h"
#include "io/Peft.h"
#include "io/Safetensors.h"
#include "random/SplitMix64.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

class Adapter {
public:
  /// A fresh adapter for every linear that the module was compiled for, of the
  /// compiled rank: B zero; A uniform in ±1/√in, filled row by row in order of
  /// layer and of loraTargets() from one SplitMix64(seed), each value
  /// (2 · (next >> 40) / 2²⁴ − 1) / √in. Fails without adapters in the module.
  static Expected<PeftAdapter> fresh(const Module &module, double alpha,
                                     uint64_t seed);

  /// Puts `adapter` into the state, and zeroes into the linears that it does
  /// not adapt. Fails, without using it, if its rank is larger than compiled,
  /// or if it adapts a linear that the module was not compiled for or that has
  /// another shape. `origin` names it in messages: its folder.
  static Expected<Adapter> set(Session &session, const PeftAdapter &adapter,
                               const std::string &origin);

  /// Sets a fresh adapter, and one from a PEFT folder.
  static Expected<Adapter> createFresh(Session &session, double alpha,
                                       uint64_t seed);
  static Expected<Adapter> load(Session &session, const std::string &directory);

  /// Zeroes into every linear: what runs with an adapter is the base model.
  static Status clear(Session &session);

  /// The factor of the adapter's branch: alpha / r, or alpha / √r.
  float scale() const { return float(config.scale()); }

  /// Replaces the alpha of a loaded adapter.
  void setAlpha(double alpha) { config.alpha = alpha; }

  /// The adapter as the state has it now.
  Expected<PeftAdapter> read(const Session &session) const;

  /// Writes the adapter from the state into the PEFT folder `directory`.
  Status save(const Session &session, const std::string &directory) const;

  /// The gradients of the adapter's matrices, in their places.
  Expected<PeftAdapter> readGradients(const Session &session) const;

private:
  /// One adapted linear and its tensors in the state.
  struct Linear {
    uint32_t layer = 0;
    std::string target;
    uint64_t in = 0;
    uint64_t out = 0;
    const format::StateTensor *a = nullptr; // [rank, in]
    const format::StateTensor *b = nullptr; // [out, rank]
  };
  /// The pair of `linear` in a fresh adapter.
  static LoraPair drawPair(const Linear &linear, uint64_t rank,
                           SplitMix64 &random);
  static Expected<std::vector<Linear>> findLinears(const Module &module);
  static Status checkPair(const LoraPair &pair, const Linear *linear,
                          const Module &module, const std::string &origin);
  Status writePair(Session &session, const Linear &linear,
                   const LoraPair &pair) const;
  /// The state tensors `a` and `b` of `linear`, cut to the adapter's rank; one
  /// of them alone.
  Expected<LoraPair> readPair(const Session &session, const Linear &linear,
                              const format::StateTensor &a,
                              const format::StateTensor &b) const;
  Status readMatrix(const Session &session, const Linear &linear, char matrix,
                    const format::StateTensor &stored,
                    std::vector<float> &elements) const;

  PeftConfig config;
  std::vector<Linear> linears; // in order of layer and loraTargets()
};

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_ADAPTER_H
