//===- EndOfTurn.h - Names of the tokens that end a turn ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files of models often name one end of a text alone; these end a generation as
// well where a vocabulary has them.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_ENDOFTURN_H
#define STERNA_RUNTIME_TEXT_ENDOFTURN_H

#include <string_view>

namespace sterna {

/// Tokens that end a turn in the chat formats in use.
constexpr std::string_view endOfTurn[] = {"<|im_end|>", "<|eot_id|>", "<|end|>",
                                          "<|endoftext|>", "<|end_of_text|>"};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_ENDOFTURN_H
