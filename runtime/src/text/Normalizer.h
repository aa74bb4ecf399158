//===- Normalizer.h - What happens to text before it is split -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The normalizing steps of a tokenizer, in their order: each rewrites the whole
// text between two added tokens. Separate from pre-tokenizers, which cut it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_NORMALIZER_H
#define STERNA_RUNTIME_TEXT_NORMALIZER_H

#include "io/Status.h"
#include "text/AlignedText.h"
#include "text/BytePairData.h"
#include "text/Regex.h"

#include <optional>
#include <vector>

namespace sterna {

/// Immutable; shared by threads.
class Normalizer {
public:
  /// Fails on a step that is no normalizer, or lacks what it needs.
  static Expected<Normalizer> create(std::vector<TextStep> steps);

  /// Rewrites `source`, which is valid UTF-8. Gives it back where nothing
  /// changes it, else what was written to `first` or `second`.
  TextSpan run(const TextSpan &source, AlignedText &first,
               AlignedText &second) const;

  /// A text on its own, as added tokens are normalized.
  std::string normalize(std::string_view text) const;

private:
  struct Step {
    TextStep data;
    std::optional<Regex> regex;
  };

  static bool changes(const Step &step, const TextSpan &source);
  static void apply(const Step &step, const TextSpan &source,
                    AlignedText &result);

  std::vector<Step> steps;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_NORMALIZER_H
