//===- DatasetRows.h - One row of a data set ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns one JSON row into token ids and labels. Separate from Dataset.cpp,
// which reads files and cuts windows: here are the kinds of rows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_DATASETROWS_H
#define STERNA_RUNTIME_TEXT_DATASETROWS_H

#include "text/ChatTemplate.h"
#include "text/Dataset.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// Fails unless `row` has tokens, a label for each of them, ids below
/// `vocabularySize`, and labels that are such ids or masked.
Status checkRow(const Sample &row, int32_t vocabularySize);

/// Reads rows of the kinds that Dataset.h lists. The tokenizer and the options
/// must outlive it.
class RowReader {
public:
  /// `tokenizer` may be null: then only `input_ids` can be read.
  RowReader(const TokenizerInterface *tokenizer, const DatasetOptions &options)
      : tokenizer(tokenizer), options(options) {}

  /// One whole row, of any length of at least one token; none where its text,
  /// completion or output is empty. The message on failure names the key, not
  /// the place in the file.
  Expected<std::optional<Sample>> read(const nlohmann::json &row);

  /// A row of plain text, BOS first.
  Expected<Sample> readPlainText(std::string_view text) const;

  /// What there is to say about the chat template and the vocabulary, as far as
  /// rows asked for them.
  const std::vector<std::string> &notices() const { return said; }

private:
  using Row = Expected<std::optional<Sample>>;

  Row readKind(const nlohmann::json &row);
  Row readTokens(const nlohmann::json &row) const;
  Row readText(const nlohmann::json &row);
  Row readCompletion(const nlohmann::json &row);
  Row readMessages(const nlohmann::json &row);
  Row readInstruction(const nlohmann::json &row);
  Row renderChat(const std::vector<ChatMessage> &messages);
  Status requireTokenizer() const;
  Status refuseAssistantOnly(const char *kind) const;
  void appendEos(std::vector<int32_t> &ids);
  /// Adds a notice unless it was added before.
  void say(std::string notice);

  const TokenizerInterface *tokenizer;
  const DatasetOptions &options;
  std::optional<ChatTemplate> chat;
  std::vector<std::string> said;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_DATASETROWS_H
