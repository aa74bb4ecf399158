//===- ChatTemplate.cpp - Messages to tokens with spans -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a template is given, and what its output says of each token. Contents
// go in with the number of their message as their origin; bytes keep it on
// their way through the template.
//
//===----------------------------------------------------------------------===//

#include "text/ChatTemplate.h"

#include "io/Escape.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <optional>

using namespace sterna;

namespace {

bool isBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Status checkRoles(const std::vector<ChatMessage> &messages) {
  if (messages.empty())
    return Status::error("expected at least one message, but got none");
  for (const ChatMessage &message : messages)
    if (message.role != "system" && message.role != "user" &&
        message.role != "assistant")
      return Status::error(
          "expected role system, user or assistant, but got '" +
          excerpt(message.role) + "'");
  return Status::success();
}

/// The variables of transformers' apply_chat_template. Tokens that a vocabulary
/// lacks are undefined, as there.
jinja::Value makeContext(const TokenizerInterface &tokenizer,
                         const std::vector<ChatMessage> &messages,
                         bool addGenerationPrompt) {
  std::vector<jinja::Value> list;
  for (const ChatMessage &message : messages) {
    jinja::Dict item;
    // Roles are words that were checked: markers may be made of them.
    item.set("role", jinja::Value::string(message.role));
    item.set("content",
             jinja::Value::string(message.content, int32_t(list.size())));
    list.push_back(jinja::Value::dict(std::move(item)));
  }
  jinja::Dict context;
  context.set("messages", jinja::Value::list(std::move(list)));
  context.set("add_generation_prompt",
              jinja::Value::boolean(addGenerationPrompt));
  context.set("tools", jinja::Value::none());
  context.set("documents", jinja::Value::none());
  const SpecialTokens &special = tokenizer.special();
  const std::pair<const char *, int32_t> tokens[] = {
      {"bos_token", special.bos},
      {"eos_token", special.eos},
      {"unk_token", special.unk},
      {"pad_token", special.pad}};
  for (auto [name, id] : tokens)
    if (id >= 0)
      context.set(name, jinja::Value::string(tokenizer.spelling(id)));
  return jinja::Value::dict(std::move(context));
}

/// The time that SOURCE_DATE_EPOCH says, in UTC, if it is set.
Expected<std::optional<std::tm>> readSourceDate() {
  const char *text = std::getenv("SOURCE_DATE_EPOCH");
  if (!text)
    return std::optional<std::tm>();
  char *end = nullptr;
  std::time_t seconds = std::strtoll(text, &end, 10);
  std::tm time = {};
  if (*text == '\0' || *end != '\0' || seconds < 0 ||
      !gmtime_r(&seconds, &time))
    return Status::error("SOURCE_DATE_EPOCH: expected seconds since 1970, but "
                         "got '" +
                         excerpt(text) + "'");
  return std::optional<std::tm>(time);
}

/// Bytes of one origin, in or out of a generation block, and where the tokens
/// that end in them are.
struct Part {
  TextPart text;
  int32_t message = jinja::templateOrigin;
  bool generated = false;
  size_t begin = 0, end = 0; // tokens

  bool isContent() const { return message != jinja::templateOrigin; }
};

/// Cuts a rendering where the origin changes or a generation block begins or
/// ends.
class Cutter {
public:
  explicit Cutter(const jinja::Rendered &rendered) : rendered(rendered) {}

  std::vector<Part> run() {
    for (const jinja::Run &run : rendered.text.runs()) {
      size_t end = offset + run.length;
      do {
        auto [stop, generated] = nextEdge(end);
        add(stop - offset, run.origin, generated);
        offset = stop;
      } while (offset < end);
    }
    return std::move(parts);
  }

private:
  /// Where the part from `offset` ends, at `end` at the latest, and whether it
  /// is in a block.
  std::pair<size_t, bool> nextEdge(size_t end) {
    while (block < rendered.generations.size() &&
           rendered.generations[block].end <= offset)
      ++block;
    if (block == rendered.generations.size())
      return {end, false};
    const jinja::ByteSpan &span = rendered.generations[block];
    if (offset < span.begin)
      return {std::min(end, span.begin), false};
    return {std::min(end, span.end), true};
  }

  void add(size_t length, int32_t origin, bool generated) {
    std::string_view bytes = rendered.text.bytes();
    Part part;
    part.text = {bytes.substr(offset, length),
                 /*parseSpecial=*/origin == jinja::templateOrigin};
    part.message = origin;
    part.generated = generated;
    parts.push_back(part);
  }

  const jinja::Rendered &rendered;
  std::vector<Part> parts;
  size_t offset = 0;
  size_t block = 0;
};

/// Gives every token its span.
class SpanFinder {
public:
  SpanFinder(const TokenizerInterface &tokenizer,
             const std::vector<ChatMessage> &messages,
             const std::vector<Part> &parts, bool marked, ChatTokens &result)
      : tokenizer(tokenizer), messages(messages), parts(parts), marked(marked),
        result(result) {
    result.spans.resize(result.ids.size());
  }

  void run() {
    size_t written = 0; // tokens that have a span
    for (size_t i = 0; i < parts.size(); ++i) {
      if (!parts[i].isContent())
        continue;
      // What no earlier turn has taken leads to this content.
      const ChatMessage &message = messages[size_t(parts[i].message)];
      put(written, parts[i].begin, {false, message.weighted});
      size_t end = findEnd(i);
      put(parts[i].begin, end, {message.role == "assistant", message.weighted});
      written = end;
    }
    if (marked)
      for (const Part &part : parts)
        for (size_t token = part.begin; token < part.end; ++token)
          result.spans[token].assistant = part.generated;
  }

private:
  void put(size_t begin, size_t end, ChatSpan span) {
    for (size_t token = begin; token < end; ++token)
      result.spans[token] = span;
  }

  /// The first token behind the turn whose content is part `i`.
  size_t findEnd(size_t i) const {
    size_t next = i + 1;
    while (next < parts.size() && !parts[next].isContent())
      ++next;
    bool isLast = next == parts.size();
    size_t limit = isLast ? result.ids.size() : parts[next].begin;
    size_t end = parts[i].end;
    while (end < limit && !tokenizer.isEndOfGeneration(result.ids[end]))
      ++end;
    if (end < limit)
      ++end;
    // A template may write a content in pieces, with its own words between.
    else if (isLast || parts[next].message != parts[i].message)
      end = parts[i].end;
    // What its block says behind it belongs to the content, too.
    for (size_t part = i + 1; part < next && parts[part].generated; ++part)
      end = std::max(end, parts[part].end);
    return end;
  }

  const TokenizerInterface &tokenizer;
  const std::vector<ChatMessage> &messages;
  const std::vector<Part> &parts;
  bool marked;
  ChatTokens &result;
};

/// Fails where a message with a content is no part of the rendering: what a
/// user gave would be lost.
Status checkMessages(const std::vector<ChatMessage> &messages,
                     const std::vector<Part> &parts) {
  for (size_t i = 0; i < messages.size(); ++i) {
    bool found = isBlank(messages[i].content) ||
                 std::any_of(parts.begin(), parts.end(), [&](const Part &part) {
                   return part.message == int32_t(i);
                 });
    if (!found)
      return Status::error("the chat template leaves out message " +
                           std::to_string(i + 1) + ", the " + messages[i].role +
                           "'s");
  }
  return Status::success();
}

} // namespace

std::string sterna::plainChatTemplate(bool addBos) {
  // The space before the content belongs to what the assistant says: tokenizers
  // merge it with the word that follows.
  return std::string(addBos ? "{{ bos_token }}" : "") +
         "{% for message in messages %}"
         "{{ message.role | capitalize }}:"
         "{% if message.role == 'assistant' %}"
         "{% generation %} {{ message.content }}{{ eos_token }}"
         "{% endgeneration %}"
         "{% else %} {{ message.content }}{% endif %}"
         "{% if not loop.last or add_generation_prompt %}{{ '\\n' }}{% endif %}"
         "{% endfor %}"
         "{% if add_generation_prompt %}Assistant:{% endif %}";
}

Expected<ChatTemplate> ChatTemplate::parse(std::string_view jinja) {
  if (isBlank(jinja))
    return Status::error("the model has no chat template: compile it with "
                         "--chat-template=FILE, or --chat-template=plain for "
                         "\"User: ...\" and \"Assistant: ...\"");
  Expected<jinja::Template> program = jinja::Template::parse(jinja);
  if (!program.ok())
    return Status::error("chat template: " + program.message());
  return ChatTemplate(std::move(*program));
}

std::string ChatTemplate::noticeOn(const TokenizerInterface &tokenizer) const {
  Expected<ChatTokens> probe =
      render(tokenizer, {{"user", "Hello"}, {"assistant", "Hello"}});
  // A template that refuses this conversation says so when it is used.
  if (!probe.ok())
    return "";
  std::string behind; // the assistant's last token
  bool stops = false;
  for (size_t i = 0; i < probe->ids.size(); ++i) {
    int32_t id = probe->ids[i];
    bool isEnd = tokenizer.isEndOfGeneration(id);
    if (probe->spans[i].assistant && isEnd)
      return "";
    stops = isEnd || (stops && !probe->spans[i].assistant);
    if (probe->spans[i].assistant)
      behind.clear();
    else
      behind += tokenizer.isSpecial(id) ? tokenizer.spelling(id)
                                        : tokenizer.tokenBytes(id);
  }
  return "the chat template ends the assistant's turns with no token that ends "
         "a generation" +
         (behind.empty() ? "" : ", but with '" + excerpt(behind) + "'") +
         ": turns have no end to learn" +
         (stops ? "" : ", and generation does not stop there");
}

Expected<ChatTokens>
ChatTemplate::render(const TokenizerInterface &tokenizer,
                     const std::vector<ChatMessage> &messages,
                     bool addGenerationPrompt) const {
  if (Status status = checkRoles(messages); !status.ok())
    return status;
  Expected<std::optional<std::tm>> date = readSourceDate();
  if (!date.ok())
    return date.status();
  Expected<jinja::Rendered> rendered =
      program.render(makeContext(tokenizer, messages, addGenerationPrompt),
                     /*limits=*/{}, *date ? &**date : nullptr);
  if (!rendered.ok())
    return Status::error("chat template: " + rendered.message());
  std::vector<Part> parts = Cutter(*rendered).run();
  if (Status status = checkMessages(messages, parts); !status.ok())
    return status;

  std::vector<TextPart> texts;
  for (const Part &part : parts)
    texts.push_back(part.text);
  ChatTokens result;
  size_t part = 0;
  for (const PartToken &token :
       tokenizer.encodeParts(texts, /*addBos=*/false)) {
    for (; part < token.part; ++part)
      parts[part].end = parts[part + 1].begin = result.ids.size();
    result.ids.push_back(token.id);
  }
  for (; part < parts.size(); ++part) {
    parts[part].end = result.ids.size();
    if (part + 1 < parts.size())
      parts[part + 1].begin = result.ids.size();
  }
  result.text = rendered->text.bytes();
  SpanFinder(tokenizer, messages, parts, program.marksGenerations(), result)
      .run();
  return result;
}
