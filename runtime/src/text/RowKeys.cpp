//===- RowKeys.cpp - The keys of rows of data -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tables behind RowKeys.h, which docs/training.md lists.
//
//===----------------------------------------------------------------------===//

#include "text/RowKeys.h"

#include "io/Escape.h"
#include "io/Text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

using namespace sterna;

namespace {

using Json = nlohmann::json;
using Names = std::vector<std::string_view>;

struct KindKeys {
  RowKind kind;
  Names decisive; // one of them makes a row of this kind
  Names others;   // that the kind uses
};

const std::vector<KindKeys> &kinds() {
  static const std::vector<KindKeys> table = {
      {RowKind::Tokens, {"input_ids"}, {"labels", "attention_mask"}},
      {RowKind::Messages, {"messages"}, {}},
      {RowKind::Completion, {"prompt", "completion"}, {}},
      {RowKind::Instruction, {"instruction"}, {"input", "output", "system"}},
      {RowKind::Text, {"text"}, {}}};
  return table;
}

/// Says where a row is from or what it is about, not what to train.
constexpr std::string_view rowNotes[] = {
    "_id",       "author",      "category",    "conversation_id",
    "created",   "data_source", "dataset",     "date",
    "doc_id",    "domain",      "file",        "hash",
    "id",        "idx",         "index",       "lang",
    "language",  "length",      "license",     "md5",
    "meta",      "metadata",    "name",        "num_tokens",
    "path",      "prompt_id",   "score",       "sha256",
    "source",    "split",       "subset",      "tags",
    "timestamp", "title",       "token_count", "topic",
    "url",       "uuid",
};

/// What to do about keys that other tools know.
struct Advice {
  std::string_view key;
  std::string_view text;
};
constexpr Advice rowAdvice[] = {
    {"history", "write the earlier turns and this one as messages"},
    {"conversations", "write the turns as messages with role and content"},
    {"system", "write the row as messages, with one of the role system"},
    {"tools", "tools are not supported"},
    {"functions", "tools are not supported"},
    {"tool_calls", "tools are not supported"},
    {"tool_call_id", "tools are not supported"},
    {"function_call", "tools are not supported"},
    {"chosen", "preferences are not trained"},
    {"rejected", "preferences are not trained"},
    {"weight", "a weight belongs to a message"},
    {"position_ids", "positions count from 0"},
    {"token_type_ids", "segments are not supported"},
};

/// Whether the value of a key says nothing, as exported tables have it in rows
/// without the key.
bool saysNothing(const Json &value) {
  return value.is_null() || value == "" ||
         (value.is_structured() && value.empty());
}

std::string inQuotes(std::string_view key) { return "'" + excerpt(key) + "'"; }

Status unknownKey(const std::string &key, const char *where) {
  std::string advice =
      "remove it, or name it 'meta' if it is a note that changes nothing";
  for (const Advice &known : rowAdvice)
    if (known.key == key)
      advice = known.text;
  return Status::error("the key " + inQuotes(key) + " is not one that " +
                       where + " can have: " + advice);
}

/// Where a list of objects stands in `row` under one key, as in exports of
/// whole data sets.
std::string wrappedHint(const Json &row) {
  for (const auto &item : row.items())
    if (item.value().is_array() && !item.value().empty() &&
        item.value()[0].is_object())
      return ": if the rows are in " + inQuotes(item.key()) +
             ", write that list alone";
  return "";
}

} // namespace

bool sterna::has(const Json &row, std::string_view key) {
  auto found = row.find(key);
  return found != row.end() && !found->is_null();
}

Expected<RowKind> sterna::recogniseRow(const Json &row) {
  const KindKeys *found = nullptr;
  std::string_view decisive;
  for (const KindKeys &kind : kinds())
    for (std::string_view key : kind.decisive) {
      if (!has(row, key))
        continue;
      if (found && found != &kind)
        return Status::error("expected the keys of one kind of row, but got " +
                             inQuotes(decisive) + " beside " + inQuotes(key));
      found = &kind;
      decisive = key;
    }
  if (!found)
    return Status::error("expected one of the keys input_ids, messages, "
                         "prompt, instruction, text, but got none of them" +
                         wrappedHint(row));
  for (const auto &item : row.items())
    if (!contains(found->decisive, item.key()) &&
        !contains(found->others, item.key()) &&
        !contains(rowNotes, item.key()) && !saysNothing(item.value()))
      return unknownKey(item.key(), "such a row");
  return found->kind;
}

Status sterna::checkMessageKeys(const Json &message) {
  constexpr std::string_view used[] = {"role", "content", "weight"};
  constexpr std::string_view notes[] = {"id", "index", "meta", "metadata",
                                        "timestamp"};
  for (const auto &item : message.items())
    if (!contains(used, item.key()) && !contains(notes, item.key()) &&
        !saysNothing(item.value()))
      return unknownKey(item.key(), "a message");
  return Status::success();
}
