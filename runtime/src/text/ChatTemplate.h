//===- ChatTemplate.h - Messages to tokens with spans ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Renders chat messages by the model's own template and tells whose each token
// is. Separate from the data set because generation renders prompts with it
// too, and from the interpreter, which knows neither messages nor tokens.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_CHATTEMPLATE_H
#define STERNA_RUNTIME_TEXT_CHATTEMPLATE_H

#include "io/Status.h"
#include "jinja/Template.h"
#include "text/TokenizerInterface.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// One message of a conversation. Roles: "system", "user", "assistant".
struct ChatMessage {
  std::string role;
  std::string content;
  bool weighted = true; // false: no token of the turn is to be trained
};

/// Whose a token is.
struct ChatSpan {
  bool assistant = false; // written by the assistant, its end token included
  bool weighted = true;   // of a message that is
};

/// A rendered conversation: its text, in which special tokens are spelled out;
/// its token ids, those of the text as a whole; and a span for each: known from
/// the rendering, never found by searching text. A token that lies in two spans
/// belongs to the later.
struct ChatTokens {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<ChatSpan> spans;
};

/// A template for models that were trained on none: `Role: CONTENT`, a line
/// each, EOS after the assistant's; BOS first where `addBos` asks for it.
std::string plainChatTemplate(bool addBos);

/// A chat template as it is published with a model: Jinja text in the dialect
/// of transformers' apply_chat_template.
class ChatTemplate {
public:
  /// Reads `jinja`. Fails on an empty text, which is what a model without a
  /// template has, and on what the interpreter does not know, by name.
  static Expected<ChatTemplate> parse(std::string_view jinja);

  /// One sentence for the user where the template ends the assistant's turns
  /// with no token at which generation stops; else empty.
  std::string noticeOn(const TokenizerInterface &tokenizer) const;

  /// Renders and tokenizes `messages` with the variables that transformers
  /// gives; there are no tools. `addGenerationPrompt` asks for the header of an
  /// assistant's turn. Control tokens are matched in what the template writes,
  /// never in contents; BOS is where the template writes it.
  ///
  /// The assistant's span is what {% generation %} blocks write, where the
  /// template has some; else a content and what follows it up to the first
  /// token that ends a generation, unless another content comes before.
  ///
  /// The time of strftime_now is that of the clock, or of SOURCE_DATE_EPOCH
  /// (https://reproducible-builds.org/specs/source-date-epoch) where it is set.
  ///
  /// Fails on an unknown role, on an empty list, where the template raises an
  /// exception, and where it leaves a message out.
  Expected<ChatTokens> render(const TokenizerInterface &tokenizer,
                              const std::vector<ChatMessage> &messages,
                              bool addGenerationPrompt = false) const;

private:
  explicit ChatTemplate(jinja::Template program)
      : program(std::move(program)) {}

  jinja::Template program;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_CHATTEMPLATE_H
