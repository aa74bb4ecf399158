//===- RopeScaling.h - How rotary embedding is stretched --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How models stretch rotary embedding beyond the context that they were first
// trained with. One place for what formats spell in different ways.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_ROPESCALING_H
#define STERNA_IMPORT_ROPESCALING_H

#include <optional>
#include <vector>

namespace sterna {

enum class RopeScalingKind {
  None,
  /// All frequencies divided by `factor` (position interpolation,
  /// arXiv:2306.15595).
  Linear,
  /// As Llama 3.1: low frequencies divided by `factor`, high ones kept, those
  /// between blended.
  Llama3,
  /// The same with another blend, and larger scores (arXiv:2309.00071).
  YaRN,
  /// Each frequency divided by its own of `divisors`.
  Divisors
};

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::None;
  double factor = 1;
  /// Tokens of the context before stretching.
  double originalContext = 0;
  /// Llama3: turns within that context which bound the blend.
  double lowFrequencyFactor = 1, highFrequencyFactor = 4;
  /// YaRN: the same, and whether the bounds are rounded to whole pairs.
  double betaFast = 32, betaSlow = 1;
  bool truncate = true;
  /// YaRN: what cosines and sines are multiplied by; none:
  /// getYaRNAmplitude.
  std::optional<double> amplitude;
  std::vector<double> divisors;
};

/// What YaRN multiplies cosines and sines by where positions are stretched by
/// `factor`: 0.1 `weight` ln(factor) + 1, at least 1.
double getYaRNAmplitude(double factor, double weight = 1);

} // namespace sterna

#endif // STERNA_IMPORT_ROPESCALING_H
