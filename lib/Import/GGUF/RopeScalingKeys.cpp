//===- RopeScalingKeys.cpp - How a GGUF file stretches RoPE ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RopeScalingKeys.h.
//
//===----------------------------------------------------------------------===//

#include "RopeScalingKeys.h"

using namespace llvm;
using namespace sterna;

namespace {

class ScalingReader {
public:
  ScalingReader(const GGUFFile &file, const ArchitectureKeys &keys,
                const TensorTable *table, ParameterReader &parameters,
                int64_t rotated, int64_t &contextLength)
      : file(file), keys(keys), table(table), parameters(parameters),
        rotated(rotated), contextLength(contextLength) {}

  Expected<RopeScaling> run() {
    // A factor without a type is linear, as others take it.
    Expected<StringRef> type =
        file.getStringOr(keys.spell("rope.scaling.type"), "linear");
    if (!type)
      return type.takeError();
    Error error = *type == "none"                ? readFactor(/*isUsed=*/false)
                  : *type == "linear"            ? readFactor(/*isUsed=*/true)
                  : *type == "yarn"              ? readYaRN()
                  : *type == "longrope" && table ? readLongRope()
                                                 : refuse(*type);
    if (!error && table && table->find(divisors))
      error = readDivisors();
    if (error)
      return std::move(error);
    return scaling;
  }

private:
  Error refuse(StringRef type) {
    return file.makeError("{0}: expected none, linear{1}, but got {2}",
                          keys.spell("rope.scaling.type"),
                          table ? ", yarn or longrope" : " or yarn",
                          quoteText(type));
  }

  /// `scale_linear` is the older name of the factor.
  Error readFactor(bool isUsed) {
    double factor = 1, older = 1;
    if (Error error = keys.readPositiveIfAny("rope.scaling.factor", factor))
      return error;
    if (Error error = keys.readPositiveIfAny("rope.scale_linear", older))
      return error;
    bool hasFactor = keys.has("rope.scaling.factor");
    if (hasFactor && older != 1 && older != factor)
      return file.makeError(
          "expected {0} and {1} to be equal, but got {2} and {3}",
          keys.spell("rope.scaling.factor"), keys.spell("rope.scale_linear"),
          formatNumber(factor), formatNumber(older));
    scaling.factor = hasFactor ? factor : older;
    if (isUsed && scaling.factor != 1)
      scaling.kind = RopeScalingKind::Linear;
    return Error::success();
  }

  Error readYaRN() {
    scaling.kind = RopeScalingKind::YaRN;
    if (Error error = keys.readPositive("rope.scaling.factor", scaling.factor))
      return error;
    int64_t original = 0;
    if (Error error = keys.readSize("rope.scaling.original_context_length",
                                    original, 1 << 30))
      return error;
    scaling.originalContext = double(original);
    if (Error error = keys.readPositiveIfAny("rope.scaling.yarn_beta_fast",
                                             scaling.betaFast))
      return error;
    if (Error error = keys.readPositiveIfAny("rope.scaling.yarn_beta_slow",
                                             scaling.betaSlow))
      return error;
    return readAmplitude();
  }

  /// How much of YaRN is applied is all, and its factor of the scores is on top
  /// of the one that follows from the scaling.
  Error readAmplitude() {
    std::string extent = keys.spell("rope.scaling.yarn_ext_factor");
    if (file.hasKey(extent)) {
      Expected<double> value = file.getNumber(extent);
      if (!value)
        return value.takeError();
      if (*value != 1 && *value != -1)
        return file.makeError("{0}: expected 1, or -1 for the same, but got "
                              "{1}",
                              extent, formatNumber(*value));
    }
    double extra = 1;
    for (const char *name :
         {"rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor"})
      if (Error error = keys.readPositiveIfAny(name, extra))
        return error;
    scaling.amplitude = extra * getYaRNAmplitude(scaling.factor);
    return Error::success();
  }

  Error readLongRope() {
    auto shortOnes = readPositiveVector("rope_factors_short.weight");
    if (!shortOnes)
      return shortOnes.takeError();
    auto longOnes = readPositiveVector("rope_factors_long.weight");
    if (!longOnes)
      return longOnes.takeError();
    if (*shortOnes != *longOnes)
      if (Error error = keys.readSize("rope.scaling.original_context_length",
                                      contextLength, 1 << 30))
        return error;
    return setDivisors(*shortOnes);
  }

  Error readDivisors() {
    if (scaling.kind != RopeScalingKind::None)
      return file.makeError("{0}: expected no tensor {1} beside it",
                            keys.spell("rope.scaling"), divisors);
    auto read = readPositiveVector(divisors);
    if (!read)
      return read.takeError();
    return setDivisors(*read);
  }

  Error setDivisors(ArrayRef<float> values) {
    scaling.kind = RopeScalingKind::Divisors;
    scaling.divisors.assign(values.begin(), values.end());
    return Error::success();
  }

  Expected<std::vector<float>> readPositiveVector(StringRef name) {
    auto values = parameters.readVector(name, rotated / 2);
    if (!values)
      return values;
    for (float value : *values)
      if (!(value > 0))
        return file.makeError("{0}: expected positive numbers, but got {1}",
                              name, formatNumber(value));
    return values;
  }

  static constexpr StringLiteral divisors = "rope_freqs.weight";

  const GGUFFile &file;
  const ArchitectureKeys &keys;
  const TensorTable *table;
  ParameterReader &parameters;
  int64_t rotated;
  int64_t &contextLength;
  RopeScaling scaling;
};

} // namespace

Expected<RopeScaling>
sterna::readRopeScaling(const GGUFFile &file, const ArchitectureKeys &keys,
                        const TensorTable *table, ParameterReader &parameters,
                        int64_t rotated, int64_t &contextLength) {
  return ScalingReader(file, keys, table, parameters, rotated, contextLength)
      .run();
}
