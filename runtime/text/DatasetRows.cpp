//===- DatasetRows.cpp - One row of a data set ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kinds of rows behind DatasetRows.h: which keys they have and which of
// their tokens are trained.
//
//===----------------------------------------------------------------------===//

#include "text/DatasetRows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sterna {

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

/// A sample that trains every token.
Sample trainAll(std::vector<int32_t> ids) {
  Sample sample;
  sample.labels = ids;
  sample.tokens = std::move(ids);
  return sample;
}

} // namespace

Expected<Sample> RowReader::read(const Json &row) {
  if (!row.is_object())
    return Status::error(
        "expected a JSON object with one of the keys input_ids, messages, "
        "prompt, instruction, text, but got " +
        std::string(row.is_discarded() ? "invalid JSON" : row.type_name()));
  Expected<Sample> sample = [&]() -> Expected<Sample> {
    if (row.contains("input_ids"))
      return readTokens(row);
    if (row.contains("messages"))
      return readMessages(row);
    if (row.contains("prompt") || row.contains("completion"))
      return readCompletion(row);
    if (row.contains("instruction"))
      return readInstruction(row);
    if (row.contains("text"))
      return readText(row);
    return Status::error("expected one of the keys input_ids, messages, "
                         "prompt, instruction, text, but got none of them");
  }();
  if (!sample.ok())
    return sample;
  if (Status status = checkTokens(*sample); !status.ok())
    return status;
  return sample;
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

Status RowReader::checkTokens(const Sample &sample) const {
  if (sample.tokens.empty())
    return Status::error("the row has no tokens");
  auto inRange = [&](int32_t id) {
    return id >= 0 && id < options.vocabularySize;
  };
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    int32_t label = sample.labels[i];
    bool labelFits = label == kMaskedLabel || inRange(label);
    if (inRange(sample.tokens[i]) && labelFits)
      continue;
    return Status::error(
        "expected token ids from 0 to " +
        std::to_string(static_cast<int64_t>(options.vocabularySize) - 1) +
        " and labels of that range or -100, but got " +
        std::to_string(labelFits ? sample.tokens[i] : label) + " at position " +
        std::to_string(i));
  }
  return Status::success();
}

void RowReader::appendEos(std::vector<int32_t> &ids) const {
  // Text that spells its own EOS does not get a second one.
  if (tokenizer->eos() >= 0 && (ids.empty() || ids.back() != tokenizer->eos()))
    ids.push_back(tokenizer->eos());
}

std::vector<int32_t> RowReader::encodeStart(const std::string &text) const {
  std::vector<int32_t> ids =
      tokenizer->encode(text, /*addBos=*/true, /*parseSpecial=*/true);
  // Text that spells its own BOS does not get a second one.
  if (ids.size() >= 2 && ids[0] == ids[1] && ids[0] == tokenizer->bos())
    ids.erase(ids.begin());
  return ids;
}

Expected<Sample> RowReader::readTokens(const Json &row) const {
  if (Status status = refuseAssistantOnly("input_ids"); !status.ok())
    return status;
  Expected<std::vector<int32_t>> ids = integersAt(row, "input_ids");
  if (!ids.ok())
    return ids.status();
  if (row.contains("attention_mask")) {
    Expected<std::vector<int32_t>> mask = integersAt(row, "attention_mask");
    if (!mask.ok())
      return mask.status();
    for (int32_t value : *mask)
      if (value != 1)
        return Status::error(
            "expected attention_mask to hold only 1, but got " +
            std::to_string(value) + ": leave padding out of input_ids");
  }
  Sample sample = trainAll(std::move(*ids));
  if (!row.contains("labels"))
    return sample;
  Expected<std::vector<int32_t>> labels = integersAt(row, "labels");
  if (!labels.ok())
    return labels.status();
  if (labels->size() != sample.tokens.size())
    return Status::error("expected as many labels as input_ids, but got " +
                         std::to_string(labels->size()) + " and " +
                         std::to_string(sample.tokens.size()));
  sample.labels = std::move(*labels);
  return sample;
}

Expected<Sample> RowReader::readText(const Json &row) const {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (Status status = refuseAssistantOnly("text"); !status.ok())
    return status;
  Expected<std::string> text = stringAt(row, "text");
  if (!text.ok())
    return text.status();
  std::vector<int32_t> ids = encodeStart(*text);
  appendEos(ids);
  return trainAll(std::move(ids));
}

Expected<Sample> RowReader::readPlainText(const std::string &text) const {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (Status status = refuseAssistantOnly("plain text"); !status.ok())
    return status;
  Sample sample = trainAll(
      tokenizer->encode(text, /*addBos=*/true, /*parseSpecial=*/false));
  if (Status status = checkTokens(sample); !status.ok())
    return status;
  return sample;
}

Expected<Sample> RowReader::readCompletion(const Json &row) const {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  Expected<std::string> prompt = stringAt(row, "prompt");
  if (!prompt.ok())
    return prompt.status();
  Expected<std::string> completion = stringAt(row, "completion");
  if (!completion.ok())
    return completion.status();
  std::vector<int32_t> ids = encodeStart(*prompt);
  size_t promptSize = ids.size();
  std::vector<int32_t> rest =
      tokenizer->encode(*completion, /*addBos=*/false, /*parseSpecial=*/true,
                        /*atStart=*/prompt->empty());
  appendEos(rest);
  ids.insert(ids.end(), rest.begin(), rest.end());
  Sample sample = trainAll(std::move(ids));
  if (options.assistantOnlyLoss)
    std::fill_n(sample.labels.begin(), promptSize, kMaskedLabel);
  return sample;
}

Expected<Sample> RowReader::readMessages(const Json &row) {
  const Json &list = row["messages"];
  if (!list.is_array())
    return Status::error("expected 'messages' to be a list, but got " +
                         std::string(list.type_name()));
  std::vector<ChatMessage> messages;
  for (const Json &item : list) {
    if (!item.is_object())
      return Status::error("expected each of 'messages' to be an object, but "
                           "got " +
                           std::string(item.type_name()));
    Expected<std::string> role = stringAt(item, "role");
    if (!role.ok())
      return role.status();
    Expected<std::string> content = stringAt(item, "content");
    if (!content.ok())
      return content.status();
    messages.push_back({std::move(*role), std::move(*content)});
  }
  return renderChat(messages);
}

Expected<Sample> RowReader::readInstruction(const Json &row) {
  Expected<std::string> instruction = stringAt(row, "instruction");
  if (!instruction.ok())
    return instruction.status();
  Expected<std::string> output = stringAt(row, "output");
  if (!output.ok())
    return output.status();
  std::string question = std::move(*instruction);
  if (row.contains("input") && !row["input"].is_null()) {
    Expected<std::string> input = stringAt(row, "input");
    if (!input.ok())
      return input.status();
    if (!input->empty())
      question += "\n\n" + *input;
  }
  return renderChat({{"user", question}, {"assistant", *output}});
}

Expected<Sample>
RowReader::renderChat(const std::vector<ChatMessage> &messages) {
  if (Status status = requireTokenizer(); !status.ok())
    return status;
  if (!chat)
    chat = ChatTemplate::choose(options.chatTemplate);
  Expected<ChatTokens> tokens = chat->render(*tokenizer, messages);
  if (!tokens.ok())
    return tokens.status();
  Sample sample = trainAll(std::move(tokens->ids));
  if (options.assistantOnlyLoss)
    for (size_t i = 0; i < sample.labels.size(); ++i)
      if (!tokens->trained[i])
        sample.labels[i] = kMaskedLabel;
  return sample;
}

} // namespace sterna
