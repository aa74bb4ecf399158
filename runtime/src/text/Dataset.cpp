//===- Dataset.cpp - Training data ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files into rows, rows into windows, and the validation split, behind
// Dataset.h. The kinds of rows are in DatasetRows.cpp.
//
//===----------------------------------------------------------------------===//

#include "text/Dataset.h"

#include "io/File.h"
#include "io/Json.h"
#include "io/Text.h"
#include "text/Batcher.h"
#include "text/DataFormat.h"
#include "text/DatasetRows.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

using namespace sterna;

namespace {

using Json = nlohmann::json;

/// `text` with CR LF, and CR alone, as LF; counts them in `changed`.
std::string withLineFeeds(std::string_view text, uint64_t &changed) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      result += text[i];
      continue;
    }
    ++changed;
    if (text.substr(i + 1, 1) != "\n")
      result += '\n';
  }
  return result;
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
  uint64_t number = dataset.rows++;
  auto addSample = [&](Sample sample) {
    sample.row = number;
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
      window.labels[0] = maskedLabel;
    ++dataset.windowsCut;
    addSample(std::move(window));
  }
}

/// What a line that is no JSON most likely is: rows laid out otherwise.
std::string layoutHint(std::string_view line, size_t offset, bool lastLine) {
  std::string_view rest = line.substr(std::min(offset, line.size()));
  if (rest.empty() || isBlank(rest))
    return lastLine ? ": the file seems to be cut"
                    : ": a row ends on the line it begins; is the file "
                      "pretty-printed? write one object a line (jq -c .)";
  if (rest[0] == '{' && offset > 0 && line[offset - 1] == '\r')
    return ": lines end with CR alone, convert them to LF";
  if (rest[0] == '{')
    return ": begin a new line for each object";
  if (rest[0] == ',' && isBlank(rest.substr(1)))
    return ": lines do not end with a comma";
  return "";
}

/// Adds a row that was read, or counts one that has no text.
void addRead(Dataset &dataset, std::optional<Sample> sample,
             uint32_t sequenceLength) {
  if (sample) {
    addRow(dataset, std::move(*sample), sequenceLength);
    return;
  }
  ++dataset.rows;
  ++dataset.emptyRows;
}

/// Turns one file into the samples of `dataset`; the members shorten the
/// argument lists.
class FileReader {
public:
  FileReader(const std::string &path, RowReader &reader,
             uint32_t sequenceLength, Dataset &dataset)
      : path(path), reader(reader), sequenceLength(sequenceLength),
        dataset(dataset) {}

  Status read(std::string_view content);

private:
  Status readLines(std::string_view content);
  Status readArray(std::string_view content);
  Status readPlainText(std::string_view content);
  Status readRow(const Json &row, const char *unit, size_t number);

  const std::string &path;
  RowReader &reader;
  uint32_t sequenceLength;
  Dataset &dataset;
};

Status FileReader::read(std::string_view content) {
  if (content.substr(0, 3) == "\xEF\xBB\xBF") // byte order mark
    content.remove_prefix(3);
  if (isBlank(content))
    return Status::error("'" + path + "' holds nothing, or white space alone");
  Expected<DataFormat> format = recogniseData(path, content);
  if (!format.ok())
    return format.status();
  switch (*format) {
  case DataFormat::Lines:
    return readLines(content);
  case DataFormat::Array:
    return readArray(content);
  case DataFormat::PlainText:
    break;
  }
  return readPlainText(content);
}

Status FileReader::readLines(std::string_view content) {
  size_t first = content.find_first_not_of(blanks);
  if (content[first] == '[')
    return Status::error(
        "'" + path +
        "': expected a JSON object on each line, but it begins a list: write "
        "one object a line (jq -c '.[]'), or name the file .json");
  size_t number = 0;
  while (!content.empty()) {
    std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    ++number;
    if (isBlank(line))
      continue;
    Json row;
    if (std::optional<JsonFailure> failure = readJson(line, row))
      return Status::error("'" + path + "', " +
                           describePlace(line, failure->offset, number) + ": " +
                           failure->reason +
                           layoutHint(line, failure->offset, isBlank(content)));
    if (Status status = readRow(row, "line", number); !status.ok())
      return status;
  }
  return Status::success();
}

Status FileReader::readArray(std::string_view content) {
  // A data set may hold more values than any configuration.
  JsonLimits limits;
  limits.values = UINT64_MAX;
  Json rows;
  if (std::optional<JsonFailure> failure = readJson(content, rows, limits))
    return Status::error("'" + path + "', " +
                         describePlace(content, failure->offset) + ": " +
                         failure->reason);
  size_t number = 0;
  for (const Json &row : rows)
    if (Status status = readRow(row, "row", ++number); !status.ok())
      return status;
  return Status::success();
}

Status FileReader::readRow(const Json &row, const char *unit, size_t number) {
  Expected<std::optional<Sample>> sample = reader.read(row);
  if (!sample.ok())
    return Status::error("'" + path + "', " + unit + " " +
                         std::to_string(number) + ": " + sample.message());
  addRead(dataset, std::move(*sample), sequenceLength);
  return Status::success();
}

Status FileReader::readPlainText(std::string_view content) {
  uint64_t changed = 0;
  std::string text = withLineFeeds(content, changed);
  if (changed > 0)
    dataset.notices.push_back(std::to_string(changed) +
                              " line ends with CR became LF");
  Expected<Sample> sample = reader.readPlainText(text);
  if (!sample.ok())
    return Status::error("'" + path + "': " + sample.message());
  addRow(dataset, std::move(*sample), sequenceLength);
  return Status::success();
}

void addNotices(Dataset &dataset, const std::vector<std::string> &read,
                uint32_t sequenceLength) {
  for (const std::string &notice : read)
    dataset.notices.push_back(notice);
  if (dataset.emptyRows > 0)
    dataset.notices.push_back(
        std::to_string(dataset.emptyRows) + " of " +
        std::to_string(dataset.rows) +
        " rows have an empty text, completion or output and were left out");
  if (dataset.rowsCut > 0)
    dataset.notices.push_back(
        std::to_string(dataset.rowsCut) + " of " +
        std::to_string(dataset.rows) + " rows are longer than " +
        std::to_string(sequenceLength) + " tokens and were cut into " +
        std::to_string(dataset.windowsCut) + " windows");
  if (dataset.dropped > 0)
    dataset.notices.push_back(std::to_string(dataset.dropped) +
                              " samples hold no token to score and were left "
                              "out");
}

} // namespace

uint64_t sterna::countTrainedLabels(const Sample &sample) {
  uint64_t count = 0;
  for (size_t i = 1; i < sample.labels.size(); ++i)
    count += sample.labels[i] != maskedLabel;
  return count;
}

Expected<Dataset> sterna::loadDataset(const std::string &path,
                                      const TokenizerInterface *tokenizer,
                                      const DatasetOptions &options) {
  Expected<std::string> content = readFile(path);
  if (!content.ok())
    return content.status();
  return parseDataset(path, *content, tokenizer, options);
}

Expected<Dataset> sterna::parseDataset(const std::string &path,
                                       std::string_view content,
                                       const TokenizerInterface *tokenizer,
                                       const DatasetOptions &options) {
  assert(options.sequenceLength >= 2 && "one token predicts nothing");
  RowReader reader(tokenizer, options);
  Dataset dataset;
  FileReader file(path, reader, options.sequenceLength, dataset);
  if (Status status = file.read(content); !status.ok())
    return status;
  if (dataset.samples.empty())
    return Status::error("'" + path + "' holds no token to score");
  countSamples(dataset, options.sequenceLength);
  addNotices(dataset, reader.notices(), options.sequenceLength);
  return dataset;
}

Expected<Dataset> sterna::makeDataset(std::vector<Sample> rows,
                                      const DatasetOptions &options) {
  Dataset dataset;
  for (Sample &row : rows) {
    if (Status status = checkRow(row, options.vocabularySize); !status.ok())
      return Status::error("row " + std::to_string(dataset.rows + 1) + ": " +
                           status.message());
    addRow(dataset, std::move(row), options.sequenceLength);
  }
  if (dataset.samples.empty())
    return Status::error("the rows hold no token to score");
  countSamples(dataset, options.sequenceLength);
  addNotices(dataset, /*read=*/{}, options.sequenceLength);
  return dataset;
}

Expected<Dataset> sterna::splitValidation(Dataset &dataset, double fraction,
                                          uint32_t sequenceLength,
                                          uint64_t seed) {
  if (!(fraction >= 0 && fraction < 1))
    return Status::error("expected a validation split of at least 0 and below "
                         "1, but got " +
                         std::to_string(fraction));
  Dataset validation;
  if (fraction == 0)
    return validation;
  // Windows of one row are neighbours: a row is held out whole.
  std::vector<uint64_t> rows;
  for (const Sample &sample : dataset.samples)
    if (rows.empty() || rows.back() != sample.row)
      rows.push_back(sample.row);
  size_t count = std::max<size_t>(
      1, static_cast<size_t>(std::llround(fraction * double(rows.size()))));
  if (count >= rows.size())
    return Status::error(
        "expected a validation split that leaves a row to train on, but " +
        std::to_string(fraction) + " of " + std::to_string(rows.size()) +
        (rows.size() == 1 ? " row" : " rows") +
        " holds out all: rows are held out whole, give --validation a file");
  std::vector<uint64_t> order = shuffledOrder(rows.size(), SplitMix64(seed));
  std::set<uint64_t> chosen;
  for (size_t i = 0; i < count; ++i)
    chosen.insert(rows[order[i]]);
  std::vector<Sample> kept;
  for (Sample &sample : dataset.samples)
    (chosen.count(sample.row) ? validation.samples : kept)
        .push_back(std::move(sample));
  dataset.samples = std::move(kept);
  countSamples(dataset, sequenceLength);
  countSamples(validation, sequenceLength);
  return validation;
}
