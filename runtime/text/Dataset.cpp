//===- Dataset.cpp - Training data ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files into rows, rows into windows, and the validation split, behind
// Dataset.h. The kinds of rows are in DatasetRows.cpp.
//
//===----------------------------------------------------------------------===//

#include "text/Dataset.h"

#include "io/File.h"
#include "text/Batcher.h"
#include "text/DatasetRows.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sterna {

namespace {

using Json = nlohmann::json;

bool endsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() &&
         text.substr(text.size() - ending.size()) == ending;
}

bool isBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Counts of samples and tokens, from the samples.
void countSamples(Dataset &dataset, uint32_t sequenceLength) {
  dataset.padded = dataset.tokens = dataset.trainedTokens = 0;
  for (const Sample &sample : dataset.samples) {
    dataset.padded += sample.tokens.size() < sequenceLength;
    dataset.tokens += sample.tokens.size();
    dataset.trainedTokens += countTrainedLabels(sample);
  }
}

/// Adds a row to `dataset`, cut into windows where it is too long.
void addRow(Dataset &dataset, Sample row, uint32_t sequenceLength) {
  ++dataset.rows;
  auto addSample = [&](Sample sample) {
    bool trained = countTrainedLabels(sample) > 0;
    dataset.dropped += !trained;
    if (trained)
      dataset.samples.push_back(std::move(sample));
  };
  size_t size = row.tokens.size();
  if (size <= sequenceLength) {
    addSample(std::move(row));
    return;
  }
  ++dataset.rowsCut;
  // The first token of a window is never scored, so the next window repeats
  // the last token of this one.
  for (size_t begin = 0; begin + 1 < size; begin += sequenceLength - 1) {
    auto first = static_cast<std::ptrdiff_t>(begin);
    auto last = static_cast<std::ptrdiff_t>(
        std::min<size_t>(size, begin + sequenceLength));
    Sample window;
    window.tokens.assign(row.tokens.begin() + first, row.tokens.begin() + last);
    window.labels.assign(row.labels.begin() + first, row.labels.begin() + last);
    if (begin > 0)
      window.labels[0] = kMaskedLabel;
    ++dataset.windowsCut;
    addSample(std::move(window));
  }
}

Status failAt(const std::string &path, const char *unit, size_t number,
              const std::string &message) {
  return Status::error("'" + path + "', " + unit + " " +
                       std::to_string(number) + ": " + message);
}

Status loadLines(const std::string &path, std::string_view content,
                 RowReader &reader, uint32_t sequenceLength, Dataset &dataset) {
  size_t number = 0;
  while (!content.empty()) {
    std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    ++number;
    if (isBlank(line))
      continue;
    Json row = Json::parse(line.begin(), line.end(), nullptr, false);
    Expected<Sample> sample = reader.read(row);
    if (!sample.ok())
      return failAt(path, "line", number, sample.message());
    addRow(dataset, std::move(*sample), sequenceLength);
  }
  return Status::success();
}

Status loadArray(const std::string &path, std::string_view content,
                 RowReader &reader, uint32_t sequenceLength, Dataset &dataset) {
  Json rows = Json::parse(content.begin(), content.end(), nullptr, false);
  if (!rows.is_array())
    return Status::error("'" + path + "' is not valid JSON");
  size_t number = 0;
  for (const Json &row : rows) {
    Expected<Sample> sample = reader.read(row);
    if (!sample.ok())
      return failAt(path, "row", number + 1, sample.message());
    addRow(dataset, std::move(*sample), sequenceLength);
    ++number;
  }
  return Status::success();
}

Status loadRows(const std::string &path, const std::string &content,
                RowReader &reader, uint32_t sequenceLength, Dataset &dataset) {
  std::string_view text = content;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") // byte order mark
    text.remove_prefix(3);
  if (isBlank(text))
    return Status::error("'" + path + "' is empty");
  if (!endsWith(path, ".json") && !endsWith(path, ".jsonl")) {
    Expected<Sample> sample = reader.readPlainText(std::string(text));
    if (!sample.ok())
      return Status::error("'" + path + "': " + sample.message());
    addRow(dataset, std::move(*sample), sequenceLength);
    return Status::success();
  }
  bool array =
      endsWith(path, ".json") && text[text.find_first_not_of(" \t\r\n")] == '[';
  return array ? loadArray(path, text, reader, sequenceLength, dataset)
               : loadLines(path, text, reader, sequenceLength, dataset);
}

void addNotices(Dataset &dataset, const RowReader &reader,
                uint32_t sequenceLength) {
  if (!reader.notice().empty())
    dataset.notices.push_back(reader.notice());
  if (dataset.rowsCut > 0)
    dataset.notices.push_back(
        std::to_string(dataset.rowsCut) + " of " +
        std::to_string(dataset.rows) + " rows are longer than " +
        std::to_string(sequenceLength) + " tokens and were cut into " +
        std::to_string(dataset.windowsCut) + " windows");
  if (dataset.dropped > 0)
    dataset.notices.push_back(std::to_string(dataset.dropped) +
                              " samples hold no token to train and were left "
                              "out");
}

} // namespace

uint64_t countTrainedLabels(const Sample &sample) {
  uint64_t count = 0;
  for (size_t i = 1; i < sample.labels.size(); ++i)
    count += sample.labels[i] != kMaskedLabel;
  return count;
}

Expected<Dataset> loadDataset(const std::string &path,
                              const Tokenizer *tokenizer,
                              const DatasetOptions &options) {
  assert(options.sequenceLength >= 2 && "one token predicts nothing");
  Expected<std::string> content = readFile(path);
  if (!content.ok())
    return content.status();
  RowReader reader(tokenizer, options);
  Dataset dataset;
  if (Status status =
          loadRows(path, *content, reader, options.sequenceLength, dataset);
      !status.ok())
    return status;
  if (dataset.samples.empty())
    return Status::error("'" + path + "' holds no token to train");
  countSamples(dataset, options.sequenceLength);
  addNotices(dataset, reader, options.sequenceLength);
  return dataset;
}

Expected<Dataset> splitValidation(Dataset &dataset, double fraction,
                                  uint32_t sequenceLength, uint64_t seed) {
  if (!(fraction >= 0 && fraction < 1))
    return Status::error("expected a validation split of at least 0 and below "
                         "1, but got " +
                         std::to_string(fraction));
  Dataset validation;
  if (fraction == 0)
    return validation;
  size_t total = dataset.samples.size();
  size_t count = std::max<size_t>(
      1,
      static_cast<size_t>(std::llround(fraction * static_cast<double>(total))));
  if (count >= total)
    return Status::error("a validation split of " + std::to_string(fraction) +
                         " leaves no sample to train on of " +
                         std::to_string(total));
  std::vector<uint64_t> order = shuffledOrder(total, seed);
  std::vector<bool> chosen(total, false);
  for (size_t i = 0; i < count; ++i)
    chosen[order[i]] = true;
  std::vector<Sample> kept;
  for (size_t i = 0; i < total; ++i)
    (chosen[i] ? validation.samples : kept)
        .push_back(std::move(dataset.samples[i]));
  dataset.samples = std::move(kept);
  countSamples(dataset, sequenceLength);
  countSamples(validation, sequenceLength);
  return validation;
}

} // namespace sterna
