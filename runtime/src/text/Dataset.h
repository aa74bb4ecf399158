//===- Dataset.h - Training data ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads plain text and JSON lines into samples of token ids and labels.
// Separate from Batcher.h, which orders samples into batches: this file knows
// formats, that one knows epochs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_DATASET_H
#define STERNA_RUNTIME_TEXT_DATASET_H

#include "io/Status.h"
#include "text/TokenizerInterface.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sterna {

/// The label of a token that is not trained.
constexpr int32_t maskedLabel = -100;

/// One sequence of at most `sequenceLength` tokens. `labels` is as long as
/// `tokens` and aligned with it; the program shifts: position t is scored
/// against `labels[t + 1]`, so `labels[0]` is never scored.
struct Sample {
  std::vector<int32_t> tokens;
  std::vector<int32_t> labels;
  uint64_t row = 0; // of the file; windows of one row share it
};

struct DatasetOptions {
  uint32_t sequenceLength = 128; // at least 2
  int32_t vocabularySize = 0;    // ids must be below it
  /// Train only what the assistant says: messages of the role "assistant",
  /// `completion` and `output`. An error for rows without such a part.
  bool assistantOnlyLoss = false;
  std::string chatTemplate; // Jinja text; empty: messages are an error
};

/// Samples in the order of the file, and what happened on the way.
struct Dataset {
  std::vector<Sample> samples;
  uint64_t rows = 0;                // rows of the file; 1 for plain text
  uint64_t emptyRows = 0;           // rows without text, left out
  uint64_t rowsCut = 0;             // rows longer than `sequenceLength`
  uint64_t windowsCut = 0;          // samples that those rows became
  uint64_t padded = 0;              // samples shorter than `sequenceLength`
  uint64_t dropped = 0;             // windows without any token to train
  uint64_t tokens = 0;              // over all samples
  uint64_t trainedTokens = 0;       // labels that are scored, over all samples
  std::vector<std::string> notices; // one sentence each, for the user
};

/// Loads the file at `path`, of the format that DataFormat.h recognises. Rows
/// are JSON objects, by keys:
///
/// - `input_ids`, optional `labels` (aligned, -100 masked; default: input_ids)
/// - `messages`: list of `role`, `content` and optional `weight` (0 leaves the
///   turn out of training), see ChatTemplate.h
/// - `prompt`, `completion`: BOS, both texts, EOS
/// - `instruction`, optional `system`, `input`, `output`: a conversation whose
///   user says instruction, blank line, input
/// - `text`: BOS, text, EOS
///
/// Control tokens spelled out in `prompt`, `completion` and `text` are matched.
/// Rows whose `text`, `completion` or `output` is empty are left out. Keys that
/// are not known are refused, see RowKeys.h. Plain text is tokenized whole,
/// control tokens not matched, BOS first, no EOS; its line ends become "\n".
///
/// Rows longer than `sequenceLength` are cut into windows that overlap by one
/// token, masked in the later one: every token is scored exactly once.
/// `tokenizer` may be null when all rows are `input_ids`. Errors name file and
/// line; the file is refused whole.
Expected<Dataset> loadDataset(const std::string &path,
                              const TokenizerInterface *tokenizer,
                              const DatasetOptions &options);

/// As loadDataset, of the bytes of a file that would be at `path`.
Expected<Dataset> parseDataset(const std::string &path,
                               std::string_view content,
                               const TokenizerInterface *tokenizer,
                               const DatasetOptions &options);

/// As loadDataset, of rows of ids with labels, -100 masked, that the caller
/// holds. Errors name the row, counted from 1.
Expected<Dataset> makeDataset(std::vector<Sample> rows,
                              const DatasetOptions &options);

/// The number of labels of `sample` that the program scores.
uint64_t countTrainedLabels(const Sample &sample);

/// Moves `fraction` (0 to below 1) of the rows, chosen by `seed` and rounded to
/// nearest but at least one, out of `dataset` and returns them with all their
/// windows; both keep their order. A fraction of 0 returns an empty set. Counts
/// of samples and tokens are updated (`sequenceLength` as in the options),
/// counts of rows stay with `dataset`. Fails when nothing would be left to
/// train on.
Expected<Dataset> splitValidation(Dataset &dataset, double fraction,
                                  uint32_t sequenceLength, uint64_t seed);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_DATASET_H
