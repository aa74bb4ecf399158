//===- StreamDecoder.h - Token ids to text, one at a time -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of a generation as it grows: whole characters only, whatever bytes the
// tokens are cut at.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_STREAMDECODER_H
#define STERNA_RUNTIME_TEXT_STREAMDECODER_H

#include "text/TokenizerInterface.h"

#include <cstdint>
#include <string>

namespace sterna {

/// Turns ids into text one at a time, for streaming: holds back bytes until
/// they form whole characters. The tokenizer must outlive it.
class StreamDecoder {
public:
  /// `atStart` is true when the first id begins a text, so that the space that
  /// encode puts first is removed; false when it continues a prompt.
  explicit StreamDecoder(const TokenizerInterface &tokenizer,
                         bool atStart = true);

  /// The text that `id` completes; may be empty. Always valid UTF-8.
  std::string push(int32_t id);

  /// What is held back at the end, as U+FFFD; empty when nothing is.
  std::string finish();

private:
  const TokenizerInterface *tokenizer;
  bool stripSpace;
  std::string pending;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_STREAMDECODER_H
