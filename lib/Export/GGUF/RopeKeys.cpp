//===- RopeKeys.cpp - Rotary embedding in GGUF's words --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RopeKeys.h. Numbers are rounded to f32, as the format prescribes.
//
//===----------------------------------------------------------------------===//

#include "RopeKeys.h"

#include "sterna/Weights/PackFloats.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

namespace {

class RopeKeyWriter {
public:
  RopeKeyWriter(GGUFWriter &writer, const ModelDescription &model,
                const GGUFArchitecture &architecture)
      : writer(writer), model(model), architecture(architecture),
        scaling(model.ropeScaling) {}

  Error run() {
    if (architecture.interleavedRope && model.ropeDim != model.headDim)
      return refuse(Twine(model.ropeDim) + " of a head's " +
                    Twine(model.headDim) + " elements are rotated");
    writer.addU32(spell("rope.dimension_count"), uint32_t(model.ropeDim));
    writer.addF32(spell("rope.freq_base"), float(model.ropeTheta));
    if (scaling.kind != RopeScalingKind::YaRN && model.ropeAmplitude != 1)
      return refuse("rotated pairs are multiplied by " +
                    formatNumber(model.ropeAmplitude));
    switch (scaling.kind) {
    case RopeScalingKind::None:
      return Error::success();
    case RopeScalingKind::Linear:
      addScaling("linear");
      return Error::success();
    case RopeScalingKind::YaRN:
      return addYaRN();
    case RopeScalingKind::Llama3:
    case RopeScalingKind::Divisors:
      return addDivisors();
    }
    llvm_unreachable("unknown kind of scaling");
  }

private:
  std::string spell(const char *suffix) const {
    return (architecture.name + "." + suffix).str();
  }

  Error refuse(const Twine &what) const {
    return createStringError(
        "rotary embedding: " + what + ", which GGUF's architecture '" +
        architecture.name +
        "' cannot say; write a folder of safetensors instead");
  }

  void addScaling(StringRef type) {
    writer.addString(spell("rope.scaling.type"), type);
    writer.addF32(spell("rope.scaling.factor"), float(scaling.factor));
  }

  Error addYaRN() {
    if (!scaling.truncate)
      return refuse("YaRN's bounds are no whole pairs");
    addScaling("yarn");
    writer.addU32(spell("rope.scaling.original_context_length"),
                  uint32_t(scaling.originalContext));
    writer.addF32(spell("rope.scaling.yarn_beta_fast"),
                  float(scaling.betaFast));
    writer.addF32(spell("rope.scaling.yarn_beta_slow"),
                  float(scaling.betaSlow));
    // The factor is on top of the one that follows from the scaling.
    writer.addF32(
        spell("rope.scaling.attn_factor"),
        float(model.ropeAmplitude / getYaRNAmplitude(scaling.factor)));
    return Error::success();
  }

  /// What each frequency is divided by, whatever it follows from.
  Error addDivisors() {
    if (!architecture.ropeDivisors)
      return refuse("each frequency has a divisor of its own");
    std::vector<float> divisors;
    for (auto [i, frequency] : enumerate(model.ropeFrequencies)) {
      double base =
          std::pow(model.ropeTheta, -2 * double(i) / double(model.ropeDim));
      divisors.push_back(scaling.kind == RopeScalingKind::Divisors
                             ? float(scaling.divisors[i])
                             : float(base / frequency));
    }
    int64_t count = int64_t(divisors.size());
    writer.addTensor("rope_freqs.weight", {count}, StorageType::F32,
                     [divisors = std::move(divisors)](raw_ostream &out) {
                       writeElements(out, ArrayRef<float>(divisors));
                       return Error::success();
                     });
    return Error::success();
  }

  GGUFWriter &writer;
  const ModelDescription &model;
  const GGUFArchitecture &architecture;
  const RopeScaling &scaling;
};

} // namespace

Error sterna::addRopeKeys(GGUFWriter &writer, const ModelDescription &model,
                          const GGUFArchitecture &architecture) {
  return RopeKeyWriter(writer, model, architecture).run();
}
