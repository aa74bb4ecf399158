//===- DatasetRows.h - One row of a data set --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns one JSON row into token ids and labels. Separate from Dataset.cpp,
// which reads files and cuts windows: here are the kinds of rows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEXT_DATASETROWS_H
#define STERNA_TEXT_DATASETROWS_H

#include "text/ChatTemplate.h"
#include "text/Dataset.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace sterna {

/// Reads rows of the kinds that Dataset.h lists. The tokenizer and the options
/// must outlive it.
class RowReader {
public:
  /// `tokenizer` may be null: then only `input_ids` can be read.
  RowReader(const Tokenizer *tokenizer, const DatasetOptions &options)
      : tokenizer(tokenizer), options(options) {}

  /// One whole row, of any length of at least one token. The message on failure
  /// names the key, not the place in the file.
  Expected<Sample> read(const nlohmann::json &row);

  /// A row of plain text, BOS first.
  Expected<Sample> readPlainText(const std::string &text) const;

  /// What the chat template's choice has to say; empty when no row asked.
  std::string notice() const { return chat ? chat->notice() : std::string(); }

private:
  Expected<Sample> readTokens(const nlohmann::json &row) const;
  Expected<Sample> readText(const nlohmann::json &row) const;
  Expected<Sample> readCompletion(const nlohmann::json &row) const;
  Expected<Sample> readMessages(const nlohmann::json &row);
  Expected<Sample> readInstruction(const nlohmann::json &row);
  Expected<Sample> renderChat(const std::vector<ChatMessage> &messages);
  Status checkTokens(const Sample &sample) const;
  Status requireTokenizer() const;
  Status refuseAssistantOnly(const char *kind) const;
  void appendEos(std::vector<int32_t> &ids) const;
  std::vector<int32_t> encodeStart(const std::string &text) const;

  const Tokenizer *tokenizer;
  const DatasetOptions &options;
  std::optional<ChatTemplate> chat;
};

} // namespace sterna

#endif // STERNA_TEXT_DATASETROWS_H
