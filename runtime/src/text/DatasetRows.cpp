//===- DatasetRows.cpp - One row of a data set ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kinds of rows behind DatasetRows.h: which keys they have and which of
// their tokens are trained.
//
//===----------------------------------------------------------------------===//

#include "text/DatasetRows.h"

#include "io/Escape.h"
#include "text/RowKeys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace sterna;

namespace {

using Json = nlohmann::json;

Expected<std::string> stringAt(const Json &row, const char *key) {
  auto found = row.find(key);
  if (found == row.end())
    return Status::error("expected the key '" + std::string(key) +
                         "', but it is missing");
  if (!found->is_string())
    return Status::error("expected '" + std::string(key) +
                         "' to be a string, but got " + found->type_name());
  return found->get<std::string>();
}

/// A list of whole numbers; their range is checked later, together with what
/// the tokenizer gives.
Expected<std::vector<int32_t>> integersAt(const Json &row, const char *key) {
  auto fail = [&](const std::string &actual) {
    return Status::error("expected '" + std::string(key) +
                         "' to be a list of token ids, but got " + actual);
  };
  const Json &list = row[key];
  if (!list.is_array())
    return fail(list.type_name());
  std::vector<int32_t> values;
  values.reserve(list.size());
  for (const Json &item : list) {
    if (!item.is_number_integer())
      return fail("a " + std::string(item.type_name()) + " in it");
    // Unsigned numbers beyond the signed range must not wrap into it.
    if (item.is_number_unsigned() && item.get<uint64_t>() > INT32_MAX)
      return fail(std::to_string(item.get<uint64_t>()));
    int64_t value = item.get<int64_t>();
    if (value < INT32_MIN || value > INT32_MAX)
      return fail(std::to_string(value));
    values.push_back(static_cast<int32_t>(value));
  }
  return values;
}

/// One of `messages`. A weight of 0 keeps a turn out of the loss.
Expected<ChatMessage> readMessage(const Json &item) {
  if (!item.is_object())
    return Status::error("expected an object, but got " +
                         std::string(item.type_name()));
  if (Status status = checkMessageKeys(item); !status.ok())
    return status;
  Expected<std::string> role = stringAt(item, "role");
  if (!role.ok())
    return role.status();
  Expected<std::string> content = stringAt(item, "content");
  if (!content.ok())
    return content.status();
  ChatMessage message{std::move(*role), std::move(*content)};
  if (!has(item, "weight"))
    return message;
  const Json &weight = item["weight"];
  if (weight != 0 && weight != 1)
    return Status::error("expected 'weight' to be 0 or 1, but got " +
                         excerpt(weight.dump(-1, ' ', true)));
  message.weighted = weight == 1;
  return message;
}

/// A sample that trains every token.
Sample trainAll(std::vector<int32_t> ids) {
  Sample sample;
  sample.labels = ids;
  sample.tokens = std::move(ids);
  return sample;
}

} // namespace

Expected<std::optional<Sample>> RowReader::read(const Json &row) {
  if (!row.is_object())
    return Status::error(
        "expected a JSON object with one of the keys input_ids, messages, "
        "prompt, instruction, text, but got " +
        std::string(row.type_name()));
  Row sample = readKind(row);
  if (!sample.ok() || !*sample)
    return sample;
  if (Status status = checkRow(**sample, options.vocabularySize); !status.ok())
    return status;
  return sample;
}

RowReader::Row RowReader::readKind(const Json &row) {
  Expected<RowKind> kind = recogniseRow(row);
  if (!kind.ok())
    return kind.status();
  switch (*kind) {
  case RowKind::Tokens:
    return readTokens(row);
  case RowKind::Messages:
    return readMessages(row);
  case RowKind::Completion:
    return readCompletion(row);
  case RowKind::Instruction:
    return readInstruction(row);
  case RowKind::Text:
    break;
  }
  return readText(row);
}

Status RowReader::requireTokenizer() const {
  return tokenizer ? Status::success()
                   : Status::error("the model has no tokenizer: give the rows "
                                   "as input_ids");
}

Status RowReader::refuseAssistantOnly(const char *kind) const {
  if (!options.assistantOnlyLoss)
    return Status::success();
  return Status::error(
      "assistant-only loss needs messages, prompt and completion, or "
      "instruction and output, but got " +
      std::string(kind));
}

Status sterna::checkRow(const Sample &sample, int32_t vocabularySize) {
  if (sample.tokens.empty())
    return Status::error("the row has no tokens");
  if (sample.labels.size() != sample.tokens.size())
    return Status::error("expected " + std::to_string(sample.tokens.size()) +
                         " labels, one for each token, but got " +
                         std::to_string(sample.labels.size()));
  auto inRange = [&](int32_t id) { return id >= 0 && id < vocabularySize; };
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    int32_t label = sample.labels[i];
    bool labelFits = label == maskedLabel || inRange(label);
    if (inRange(sample.tokens[i]) && labelFits)
      continue;
    return Status::error(
        "expected token ids from 0 to " +
        std::to_string(static_cast<int64_t>(vocabularySize) - 1) +
        " and labels of that range or -100, but got " +
        std::to_string(labelFits ? sample.tokens[i] : label) + " at position " +
        std::to_string(i));
  }
  return Status::success();
}

void RowReader::appendEos(std::vector<int32_t> &ids) {
  if (tokenizer->eos() < 0)
    say("the vocabulary has no EOS: rows of text and completions have no end "
        "to learn");
  // Text that spells its own EOS does not get a second one.
  else if (ids.empty() || ids.back() != tokenizer->eos())
    ids.push_back(tokenizer->eos());
}

void RowReader::say(std::string notice) {
  if (std::find(said.begin(), said.end(), notice) == said.end())
    said.push_back(std::move(notice));
}

RowReader::Row RowReader::readTokens(const Json &row) const {
  if (Status status = refuseAssistantOnly("input_ids"); !status.ok())
    return status;
  Expected<std::vector<int32_t>> ids = integersAt(row, "input_ids");
  if (!ids.ok())
    return ids.status();
  Sample sample = trainAll(std::move(*ids));
  auto read = [&](const char *key) -> Expected<std::vector<int32_t>> {
    Expected<std::vector<int32_t>> values = integersAt(row, key);
    if (values.ok() && values->size() != sample.tokens.size())
      return Status::error("expected as many " + std::string(key) +
                           " as input_ids, but got " +
                           std::to_string(values->size()) + " and " +
                           std::to_string(sample.tokens.size()));
    return values;
  };
  if (has(row, "attention_mask")) {
    Expected<std::vector<int32_t>> mask = read("attention_mask");
    if (!mask.ok())
      return mask.status();
    for (int32_t value : *mask)
      if (value != 1)
        return Status::error(
            "expected attention_mask to hold only 1, but got " +
            std::to_string(value) + ": leave padding out of input_ids");
  }
  if (has(row, "labels")) {
    Expected<std::vector<int32_t>> labels = read("labels");
    if (!labels.ok())
      return labels.status();
    sample.labels = std::move(*labels);
  }
  return std::optional<Sample>(std::move(sample));
}

RowReader::Row RowReader::readText(const Json &row) {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (Status status = refuseAssistantOnly("text"); !status.ok())
    return status;
  Expected<std::string> text = stringAt(row, "text");
  if (!text.ok())
    return text.status();
  if (text->empty())
    return std::optional<Sample>();
  std::vector<int32_t> ids =
      tokenizer->encode(*text, /*addBos=*/true, /*parseSpecial=*/true);
  appendEos(ids);
  return std::optional<Sample>(trainAll(std::move(ids)));
}

Expected<Sample> RowReader::readPlainText(std::string_view text) const {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (Status status = refuseAssistantOnly("plain text"); !status.ok())
    return status;
  Sample sample = trainAll(
      tokenizer->encode(text, /*addBos=*/true, /*parseSpecial=*/false));
  if (Status status = checkRow(sample, options.vocabularySize); !status.ok())
    return status;
  return sample;
}

RowReader::Row RowReader::readCompletion(const Json &row) {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  Expected<std::string> prompt = stringAt(row, "prompt");
  if (!prompt.ok())
    return prompt.status();
  Expected<std::string> completion = stringAt(row, "completion");
  if (!completion.ok())
    return completion.status();
  if (completion->empty())
    return std::optional<Sample>();
  std::vector<PartToken> tokens = tokenizer->encodeParts(
      {{*prompt, /*parseSpecial=*/true}, {*completion, /*parseSpecial=*/true}},
      /*addBos=*/true);
  std::vector<int32_t> ids;
  size_t promptSize = 0;
  for (const PartToken &token : tokens) {
    ids.push_back(token.id);
    promptSize += token.part == 0;
  }
  appendEos(ids);
  Sample sample = trainAll(std::move(ids));
  if (options.assistantOnlyLoss)
    std::fill_n(sample.labels.begin(), promptSize, maskedLabel);
  return std::optional<Sample>(std::move(sample));
}

RowReader::Row RowReader::readMessages(const Json &row) {
  const Json &list = row["messages"];
  if (!list.is_array())
    return Status::error("expected 'messages' to be a list, but got " +
                         std::string(list.type_name()));
  std::vector<ChatMessage> messages;
  for (const Json &item : list) {
    Expected<ChatMessage> message = readMessage(item);
    if (!message.ok())
      return Status::error("message " + std::to_string(messages.size() + 1) +
                           ": " + message.message());
    messages.push_back(std::move(*message));
  }
  return renderChat(messages);
}

RowReader::Row RowReader::readInstruction(const Json &row) {
  Expected<std::string> instruction = stringAt(row, "instruction");
  if (!instruction.ok())
    return instruction.status();
  Expected<std::string> output = stringAt(row, "output");
  if (!output.ok())
    return output.status();
  std::vector<ChatMessage> messages;
  if (has(row, "system")) {
    Expected<std::string> system = stringAt(row, "system");
    if (!system.ok())
      return system.status();
    if (!system->empty())
      messages.push_back({"system", std::move(*system)});
  }
  std::string question = std::move(*instruction);
  if (has(row, "input")) {
    Expected<std::string> input = stringAt(row, "input");
    if (!input.ok())
      return input.status();
    if (!input->empty())
      question += "\n\n" + *input;
  }
  if (output->empty())
    return std::optional<Sample>();
  messages.push_back({"user", std::move(question)});
  messages.push_back({"assistant", std::move(*output)});
  return renderChat(messages);
}

RowReader::Row RowReader::renderChat(const std::vector<ChatMessage> &messages) {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (!chat) {
    Expected<ChatTemplate> parsed = ChatTemplate::parse(options.chatTemplate);
    if (!parsed.ok())
      return parsed.status();
    chat = std::move(*parsed);
    if (std::string notice = chat->noticeOn(*tokenizer); !notice.empty())
      say(std::move(notice));
  }
  Expected<ChatTokens> tokens = chat->render(*tokenizer, messages);
  if (!tokens.ok())
    return tokens.status();
  Sample sample = trainAll(std::move(tokens->ids));
  for (size_t i = 0; i < sample.labels.size(); ++i) {
    const ChatSpan &span = tokens->spans[i];
    if (!span.weighted || (options.assistantOnlyLoss && !span.assistant))
      sample.labels[i] = maskedLabel;
  }
  return std::optional<Sample>(std::move(sample));
}
