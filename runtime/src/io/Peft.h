//===- Peft.h - LoRA adapters as PEFT stores them -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes a folder holding adapter_config.json and
// adapter_model.safetensors, the format of the PEFT library. Separate from
// Safetensors.h because here names and settings have meaning: what an adapter
// asks for and this runtime cannot do is refused, never ignored.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_PEFT_H
#define STERNA_RUNTIME_IO_PEFT_H

#include "io/Safetensors.h"
#include "io/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sterna {

/// What adapter_config.json says that the runtime uses.
struct PeftConfig {
  uint32_t rank = 0; // `r`
  double alpha = 0;  // `lora_alpha`
  bool useRslora = false;
  /// Which linears are adapted, as in the file: names such as "q_proj", or the
  /// single one "all-linear".
  std::vector<std::string> targetModules;
  std::vector<std::string> excludedModules; // `exclude_modules`
  std::vector<uint32_t> layers;             // `layers_to_transform`; empty: all
  std::string baseModel; // `base_model_name_or_path`; may be empty

  /// What the product B·A·x is multiplied by: alpha / r, or alpha / sqrt(r)
  /// when `useRslora` is set.
  double scale() const;
};

/// The two matrices of one adapted linear, row-major f32.
struct LoraPair {
  uint32_t layer = 0;
  std::string target; // "q_proj" ... "down_proj"
  uint64_t in = 0;
  uint64_t out = 0;
  std::vector<float> a; // [rank, in]
  std::vector<float> b; // [out, rank]
};

/// As LoraPair, but the matrices belong to the caller.
struct LoraPairView {
  uint32_t layer = 0;
  std::string target;
  uint64_t in = 0;
  uint64_t out = 0;
  const float *a = nullptr; // [rank, in]
  const float *b = nullptr; // [out, rank]
  /// Of matrices that are in no memory of this shape: resizes one of them, 'A'
  /// or 'B', and fills it, each time it is called.
  std::function<Status(char matrix, std::vector<float> &)> read = nullptr;
};

/// An adapter as read from a folder; pairs are in order of layer, then of
/// target as in loraTargets().
struct PeftAdapter {
  PeftConfig config;
  std::vector<LoraPair> pairs;
};

/// The linears of a block that can be adapted: q_proj, k_proj, v_proj, o_proj,
/// gate_proj, up_proj, down_proj.
const std::vector<std::string> &loraTargets();

/// The position of `target` among them; their number if it is none of them.
size_t targetIndex(const std::string &target);

/// The name of a matrix in adapter_model.safetensors, for example
/// `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight`. `matrix`
/// is 'A' or 'B'; `target` is one of loraTargets().
std::string peftTensorName(uint32_t layer, const std::string &target,
                           char matrix);

/// Reads the adapter in the folder `directory`. Fails, naming the key or the
/// tensor, on settings that would change the result and are not supported
/// (bias, DoRA, modules_to_save, rank_pattern, alpha_pattern, ...), on unknown
/// tensors and those that the settings do not choose, on half a pair, on shapes
/// that disagree with the rank, and on numbers or a scale that are not finite.
Expected<PeftAdapter> readPeft(const std::string &directory);

/// The adapter of `tensors`, called as in adapter_model.safetensors, with what
/// `config` says. Fails as readPeft does; `origin` begins the message.
Expected<PeftAdapter> assemblePeft(const std::string &origin, PeftConfig config,
                                   std::vector<NamedTensor> tensors);

/// Writes an adapter into `directory`, which is created when absent. Both
/// files are on the disk before the first gets its name, the configuration
/// last; on failure nothing is left, but if only the last step fails, the
/// matrices. Every pair has the rank of `config`; of its settings rank, alpha,
/// `useRslora` and `baseModel` are written, and the targets of `pairs`. Fails
/// on numbers or a scale that are not finite.
Status writePeft(const std::string &directory, const PeftConfig &config,
                 const std::vector<LoraPairView> &pairs);

/// The same for an adapter as readPeft gives it.
Status savePeft(const std::string &directory, const PeftAdapter &adapter);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_PEFT_H
