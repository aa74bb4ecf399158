//===- ChatTemplate.cpp - Messages to text with spans ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layouts behind ChatTemplate.h, as a table, and how a model's own template
// is recognised as one of them.
//
//===----------------------------------------------------------------------===//

#include "text/ChatTemplate.h"

#include <cctype>

using namespace sterna;

namespace {

/// Stands for the EOS token in a layout.
constexpr std::string_view eosMarker = "{eos}";

/// A turn is: headerBegin, role, headerEnd, contentBegin, content, its end,
/// and `between` when something follows. Llama2 is not of this form.
struct Layout {
  std::string_view name;
  std::string_view headerBegin;
  std::string_view headerEnd;
  /// The space between "Assistant:" and the content belongs to the content:
  /// tokenizers merge it with the word that follows.
  std::string_view contentBegin;
  std::string_view endOfOthers; // system and user
  std::string_view endOfAssistant;
  std::string_view between;
  bool capitalise = false;
  bool trim = false;
};

const Layout &layoutOf(ChatFamily family) {
  static const Layout plain = {"plain",   "",   ":",  " ",  "",
                               eosMarker, "\n", true, false};
  static const Layout chatMl = {"ChatML", "<|im_start|>", "\n",
                                "",       "<|im_end|>",   "<|im_end|>",
                                "\n",     false,          false};
  static const Layout llama3 = {"Llama 3",
                                "<|start_header_id|>",
                                "<|end_header_id|>\n\n",
                                "",
                                "<|eot_id|>",
                                "<|eot_id|>",
                                "",
                                false,
                                true};
  static const Layout llama2 = {"Llama 2", "", "",    " ", "",
                                eosMarker, "", false, true};
  static const Layout zephyr = {"Zephyr",  "<|", "|>\n", "",   eosMarker,
                                eosMarker, "\n", false,  false};
  static const Layout phi3 = {"Phi-3",   "<|", "|>\n", "",   "<|end|>",
                              "<|end|>", "\n", false,  false};
  static const Layout falcon3 = {"Falcon 3", "<|", "|>\n", "",   "",
                                 eosMarker,  "\n", false,  false};
  static const Layout bitNet = {
      "BitNet b1.58 2B4T", "", ":",  " ", "<|eot_id|>",
      "<|eot_id|>",        "", true, true};
  switch (family) {
  case ChatFamily::Plain:
    return plain;
  case ChatFamily::ChatMl:
    return chatMl;
  case ChatFamily::Llama3:
    return llama3;
  case ChatFamily::Llama2:
    return llama2;
  case ChatFamily::Zephyr:
    return zephyr;
  case ChatFamily::Phi3:
    return phi3;
  case ChatFamily::Falcon3:
    return falcon3;
  case ChatFamily::BitNet:
    return bitNet;
  }
  return plain;
}

/// What is spelled `<|...|>` in a part of a layout. "<|" alone begins a header
/// that is text: `<|role|>`.
std::vector<std::string_view> controlTokensIn(std::string_view text) {
  std::vector<std::string_view> tokens;
  for (size_t begin; (begin = text.find("<|")) != std::string_view::npos;) {
    size_t end = text.find("|>", begin);
    if (end == std::string_view::npos)
      break;
    tokens.push_back(text.substr(begin, end + 2 - begin));
    text.remove_prefix(end + 2);
  }
  return tokens;
}

bool isSpace(char character) {
  return std::isspace(static_cast<unsigned char>(character)) != 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && isSpace(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back()))
    text.remove_suffix(1);
  return text;
}

/// A template without what authors vary: white space, newline escapes, kind of
/// quotes.
std::string normalise(std::string_view jinja) {
  std::string result;
  for (size_t i = 0; i < jinja.size(); ++i) {
    if (jinja.substr(i, 2) == "\\n")
      ++i;
    else if (jinja[i] == '"')
      result += '\'';
    else if (!isSpace(jinja[i]))
      result += jinja[i];
  }
  return result;
}

/// Plain when nothing is recognised.
ChatFamily recognise(std::string_view jinja) {
  std::string text = normalise(jinja);
  auto has = [&](std::string_view marker) {
    return text.find(marker) != std::string::npos;
  };
  if (has("<|im_start|>"))
    return ChatFamily::ChatMl;
  if (has("<|start_header_id|>"))
    return ChatFamily::Llama3;
  if (has("|capitalize") && has("<|eot_id|>"))
    return ChatFamily::BitNet;
  // Others use [INST] too, with system prompts and spaces of their own.
  if (has("[INST]") && has("<<SYS>>"))
    return ChatFamily::Llama2;
  // Three families share this marker and differ in how a user's turn ends.
  if (has("<|user|>") && has("<|end|>"))
    return ChatFamily::Phi3;
  if (has("<|user|>'+message['content']+eos_token"))
    return ChatFamily::Zephyr;
  if (has("<|user|>'+message['content']+''"))
    return ChatFamily::Falcon3;
  return ChatFamily::Plain;
}

/// Collects the parts of a conversation; runs of text between tokens that are
/// put in by id are encoded as a whole.
class Renderer {
public:
  explicit Renderer(const TokenizerInterface &tokenizer)
      : tokenizer(tokenizer) {}

  /// Layout text, in which control tokens are matched.
  void marker(std::string_view text, ChatSpan span) {
    if (text == eosMarker)
      token(tokenizer.eos(), span);
    else
      add(text, /*parseSpecial=*/true, span);
  }

  /// Text from the data, which is never taken for control tokens.
  void content(std::string_view text, ChatSpan span) {
    add(text, /*parseSpecial=*/false, span);
  }

  /// One token; nothing when `id` is -1.
  void token(int32_t id, ChatSpan span) {
    if (id < 0)
      return;
    encodeRun();
    result.text += tokenizer.spelling(id);
    result.ids.push_back(id);
    result.spans.push_back(span);
  }

  ChatTokens take() {
    encodeRun();
    return std::move(result);
  }

private:
  struct Part {
    std::string text;
    bool parseSpecial = false;
    ChatSpan span;
  };

  void add(std::string_view text, bool parseSpecial, ChatSpan span) {
    result.text += text;
    run.push_back({std::string(text), parseSpecial, span});
  }

  void encodeRun() {
    std::vector<TextPart> parts;
    for (const Part &part : run)
      parts.push_back({part.text, part.parseSpecial});
    bool atStart = result.ids.empty() || tokenizer.isSpecial(result.ids.back());
    for (const PartToken &token :
         tokenizer.encodeParts(parts, /*addBos=*/false, atStart)) {
      result.ids.push_back(token.id);
      result.spans.push_back(run[token.part].span);
    }
    run.clear();
  }

  const TokenizerInterface &tokenizer;
  std::vector<Part> run;
  ChatTokens result;
};

/// The span of what a turn says itself, and of all around that.
ChatSpan insideOf(const ChatMessage &message) {
  return {message.role == "assistant", message.weighted};
}
ChatSpan aroundOf(const ChatMessage &message) {
  return {/*assistant=*/false, message.weighted};
}

void renderHeader(Renderer &renderer, const Layout &layout, std::string role,
                  ChatSpan span) {
  if (layout.capitalise)
    role[0] = static_cast<char>(std::toupper(role[0]));
  renderer.marker(std::string(layout.headerBegin) + role +
                      std::string(layout.headerEnd),
                  span);
}

void renderTurns(Renderer &renderer, const Layout &layout,
                 const std::vector<ChatMessage> &messages,
                 bool addGenerationPrompt) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage &message = messages[i];
    bool assistant = message.role == "assistant";
    ChatSpan inside = insideOf(message), around = aroundOf(message);
    renderHeader(renderer, layout, message.role, around);
    std::string_view content =
        layout.trim ? trim(message.content) : std::string_view(message.content);
    renderer.content(std::string(layout.contentBegin) + std::string(content),
                     inside);
    renderer.marker(assistant ? layout.endOfAssistant : layout.endOfOthers,
                    inside);
    if (i + 1 < messages.size() || addGenerationPrompt)
      renderer.marker(layout.between, around);
  }
  if (addGenerationPrompt)
    renderHeader(renderer, layout, "assistant", ChatSpan());
}

/// Llama 2 puts the system prompt into the first user turn and wraps each pair
/// of turns in BOS and EOS.
Status renderLlama2(Renderer &renderer, const TokenizerInterface &tokenizer,
                    const std::vector<ChatMessage> &messages,
                    bool addGenerationPrompt) {
  size_t first = messages[0].role == "system" ? 1 : 0;
  std::string system;
  if (first == 1)
    system = "<<SYS>>\n" + messages[0].content + "\n<</SYS>>\n\n";
  bool endsWithUser = false;
  for (size_t i = first; i < messages.size(); ++i) {
    bool userTurn = (i - first) % 2 == 0;
    const char *expected = userTurn ? "user" : "assistant";
    if (messages[i].role != expected)
      return Status::error("expected message " + std::to_string(i + 1) +
                           " to be the " + expected +
                           "'s, as the Llama 2 chat layout alternates, but got "
                           "the " +
                           messages[i].role + "'s");
    std::string content(trim(messages[i].content));
    ChatSpan span = insideOf(messages[i]);
    if (userTurn) {
      renderer.token(tokenizer.bos(), span);
      renderer.marker("[INST] ", span);
      if (!system.empty())
        renderer.content(system, insideOf(messages[0]));
      renderer.content(content, span);
      renderer.marker(" [/INST]", span);
      system.clear();
    } else {
      renderer.content(" " + content + " ", span);
      renderer.token(tokenizer.eos(), span);
    }
    endsWithUser = userTurn;
  }
  if (first == messages.size() || (addGenerationPrompt && !endsWithUser))
    return Status::error("expected a message of the user before the "
                         "assistant's turn, as the Llama 2 chat layout has it");
  return Status::success();
}

} // namespace

ChatTemplate ChatTemplate::choose(std::string_view jinja) {
  const std::string plain =
      "conversations use a plain layout (\"User: ...\", \"Assistant: ...\")";
  if (trim(jinja).empty())
    return ChatTemplate(ChatFamily::Plain,
                        "the model has no chat template: " + plain);
  ChatFamily family = recognise(jinja);
  if (family == ChatFamily::Plain)
    return ChatTemplate(family, "the model's chat template is of no known "
                                "family and is not used: " +
                                    plain);
  return ChatTemplate(family, "the model's chat template was recognised as " +
                                  std::string(layoutOf(family).name) +
                                  "; its default system prompt and tools, if "
                                  "any, are not used");
}

std::string ChatTemplate::noticeOn(const TokenizerInterface &tokenizer) const {
  const Layout &layout = layoutOf(kind);
  std::string missing;
  bool endIsMissing = false;
  for (std::string_view text : {layout.headerBegin, layout.headerEnd,
                                layout.endOfOthers, layout.endOfAssistant})
    for (std::string_view token : controlTokensIn(text)) {
      std::string name = "'" + std::string(token) + "'";
      if (tokenizer.isSpecial(tokenizer.find(token)))
        continue;
      endIsMissing |= text == layout.endOfAssistant;
      if (missing.find(name) == std::string::npos)
        missing += (missing.empty() ? "" : ", ") + name;
    }
  if (!missing.empty())
    return "the vocabulary has no control tokens " + missing + " of the " +
           std::string(layout.name) +
           " layout: they are trained letter by letter" +
           (endIsMissing ? ", and generation does not stop at the end of a turn"
                         : "");
  if (layout.endOfAssistant == eosMarker && tokenizer.eos() < 0)
    return "the vocabulary has no EOS, which ends a turn in the " +
           std::string(layout.name) +
           " layout: turns have no end to learn, and generation does not stop";
  return "";
}

Expected<ChatTokens>
ChatTemplate::render(const TokenizerInterface &tokenizer,
                     const std::vector<ChatMessage> &messages,
                     bool addGenerationPrompt) const {
  if (messages.empty())
    return Status::error("expected at least one message, but got none");
  for (const ChatMessage &message : messages)
    if (message.role != "system" && message.role != "user" &&
        message.role != "assistant")
      return Status::error(
          "expected role system, user or assistant, but got '" + message.role +
          "'");
  Renderer renderer(tokenizer);
  if (kind == ChatFamily::Llama2) {
    if (Status status =
            renderLlama2(renderer, tokenizer, messages, addGenerationPrompt);
        !status.ok())
      return status;
    return renderer.take();
  }
  if (tokenizer.special().addBos)
    renderer.token(tokenizer.bos(), ChatSpan());
  renderTurns(renderer, layoutOf(kind), messages, addGenerationPrompt);
  return renderer.take();
}
