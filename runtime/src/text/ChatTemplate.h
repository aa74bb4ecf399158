//===- ChatTemplate.h - Messages to text with spans -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Renders chat messages in the layout that a model was trained on. Templates
// are not interpreted: well-known families are recognised in the model's Jinja
// text, anything else gets a plain layout, and the notice says which. Separate
// from the data set because generation renders prompts with it too.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_CHATTEMPLATE_H
#define STERNA_RUNTIME_TEXT_CHATTEMPLATE_H

#include "io/Status.h"
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

/// The layouts that are known. A newline at the end of a turn is written only
/// when something follows it.
enum class ChatFamily {
  /// For models without a template:
  /// ```
  /// System: CONTENT\n
  /// User: CONTENT\n
  /// Assistant: CONTENT<EOS>\n
  /// ```
  Plain,
  /// `<|im_start|>role\nCONTENT<|im_end|>\n`
  ChatMl,
  /// `<|start_header_id|>role<|end_header_id|>\n\nCONTENT<|eot_id|>`, trimmed
  Llama3,
  /// `<BOS>[INST] <<SYS>>\nCONTENT\n<</SYS>>\n\nCONTENT [/INST] CONTENT <EOS>`
  Llama2,
  /// `<|role|>\nCONTENT<EOS>\n`
  Zephyr,
  /// `<|role|>\nCONTENT<|end|>\n`
  Phi3,
  /// `<|role|>\nCONTENT\n`, with EOS before the newline of the assistant's
  Falcon3,
  /// `Role: CONTENT<|eot_id|>`, trimmed (bitnet-b1.58-2B-4T)
  BitNet
};

/// A layout for conversations, chosen once per model.
class ChatTemplate {
public:
  /// Chooses by the markers in the model's template, `jinja` (empty: none).
  static ChatTemplate choose(std::string_view jinja);

  ChatFamily family() const { return kind; }

  /// One sentence for the user, saying which layout is used and why.
  const std::string &notice() const { return text; }

  /// One sentence for the user where `tokenizer` lacks tokens of the layout, so
  /// that turns have no end that generation stops at; else empty.
  std::string noticeOn(const TokenizerInterface &tokenizer) const;

  /// Renders and tokenizes `messages`, BOS first where the vocabulary asks for
  /// it. `addGenerationPrompt` ends with the header of an assistant's turn.
  /// Markers are matched as control tokens; contents never are. Fails on an
  /// unknown role, on an empty list, and on an order that the layout cannot
  /// express.
  Expected<ChatTokens> render(const TokenizerInterface &tokenizer,
                              const std::vector<ChatMessage> &messages,
                              bool addGenerationPrompt = false) const;

private:
  ChatTemplate(ChatFamily kind, std::string text)
      : kind(kind), text(std::move(text)) {}

  ChatFamily kind;
  std::string text;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_CHATTEMPLATE_H
