//===- TokenizerJson.cpp - A tokenizer.json -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary, merges and added tokens. What BytePairTokenizer::create
// checks, whoever asks, is not checked here.
//
//===----------------------------------------------------------------------===//

#include "text/TokenizerJson.h"

#include "io/Escape.h"
#include "io/Json.h"
#include "io/Text.h"
#include "text/TokenizerSteps.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

using namespace sterna;

namespace {

using Json = nlohmann::json;

/// Ids may have gaps, but not so many that they alone would take memory.
uint64_t idLimit(size_t tokens) { return 2 * uint64_t{tokens} + 65536; }

class JsonReader {
public:
  explicit JsonReader(const Json &root) : root(root) {}

  Expected<BytePairData> run() {
    for (auto read : {&JsonReader::checkRoot, &JsonReader::readModel,
                      &JsonReader::readVocabulary, &JsonReader::readMerges,
                      &JsonReader::readAddedTokens, &JsonReader::readSteps})
      if (Status status = (this->*read)(); !status.ok())
        return status;
    return std::move(data);
  }

private:
  static const Json &memberOf(const Json &object, std::string_view key) {
    static const Json none;
    auto found = object.find(key);
    return found == object.end() ? none : *found;
  }

  Status checkRoot() {
    if (!root.is_object())
      return Status::error("expected an object");
    if (!memberOf(root, "model").is_object())
      return Status::error("expected the object 'model'");
    constexpr std::string_view known[] = {
        "version",        "truncation", "padding",
        "added_tokens",   "normalizer", "pre_tokenizer",
        "post_processor", "decoder",    "model"};
    for (const auto &item : root.items())
      if (!contains(known, std::string_view(item.key())))
        return Status::error("'" + excerpt(item.key()) + "' is not known");
    return Status::success();
  }

  /// Older files do not name the model's type; only BPE has merges.
  Status checkModelType(const Json &model) {
    const Json &type = memberOf(model, "type");
    if (type.is_null() && memberOf(model, "merges").is_array())
      return Status::success();
    if (!type.is_string())
      return Status::error("expected the type of the model");
    if (type != "BPE")
      return Status::error("expected a model of the type BPE, but got '" +
                           excerpt(type.get<std::string>()) + "'");
    return Status::success();
  }

  Status readModel() {
    const Json &model = memberOf(root, "model");
    if (Status status = checkModelType(model); !status.ok())
      return status;
    MemberReader members(model, "the model");
    data.ignoreMerges = members.flag("ignore_merges");
    data.byteFallback = members.flag("byte_fallback");
    data.fuseUnk = members.flag("fuse_unk");
    unkToken = members.text("unk_token");
    for (std::string_view key :
         {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!members.text(key).empty())
        members.refuse(key, "it is not supported");
    const Json &dropout = memberOf(model, "dropout");
    if (!dropout.is_null() && dropout != 0)
      members.refuse("dropout", "merging at random is not supported");
    members.allowOnly({"vocab", "merges", "dropout"});
    return members.status();
  }

  Status readVocabulary() {
    const Json &vocabulary = memberOf(memberOf(root, "model"), "vocab");
    if (!vocabulary.is_object() || vocabulary.empty())
      return Status::error("expected the object 'vocab' of the model");
    uint64_t limit = idLimit(vocabulary.size());
    uint64_t count = 0;
    for (const Json &id : vocabulary) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= limit)
        return Status::error("expected the ids of " +
                             std::to_string(vocabulary.size()) +
                             " tokens, but got " + excerpt(id.dump()));
      count = std::max(count, id.get<uint64_t>() + 1);
    }
    data.pieces.resize(static_cast<size_t>(count));
    for (const auto &item : vocabulary.items()) {
      uint64_t id = item.value().get<uint64_t>();
      std::string &piece = data.pieces[static_cast<size_t>(id)];
      if (!piece.empty() || item.key().empty())
        return Status::error("token " + std::to_string(id) +
                             " has no text, or two");
      piece = item.key();
      ids.emplace(item.key(), static_cast<int32_t>(id));
    }
    if (unkToken.empty())
      return Status::success();
    data.unk = find(unkToken);
    if (data.unk < 0)
      return Status::error("the unknown token '" + excerpt(unkToken) +
                           "' is not in the vocabulary");
    return Status::success();
  }

  int32_t find(std::string_view piece) const {
    auto found = ids.find(std::string(piece));
    return found == ids.end() ? -1 : found->second;
  }

  /// A merge is a list of two pieces, or a text with a space between them.
  Status readMerges() {
    const Json &merges = memberOf(memberOf(root, "model"), "merges");
    if (!merges.is_array())
      return Status::error("expected the list 'merges' of the model");
    data.merges.reserve(2 * merges.size());
    for (const Json &merge : merges) {
      std::string left, right;
      if (merge.is_string()) {
        const auto &text = merge.get_ref<const std::string &>();
        size_t space = text.find(' ');
        left = text.substr(0, space);
        right = space == std::string::npos ? "" : text.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 &&
                 merge[0].is_string() && merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      }
      int32_t first = find(left), second = find(right);
      if (first < 0 || second < 0)
        return Status::error(
            "expected merge " + std::to_string(data.merges.size() / 2) +
            " to be of two pieces, but got " + excerpt(merge.dump()));
      data.merges.push_back(first);
      data.merges.push_back(second);
    }
    return Status::success();
  }

  Status readAddedTokens() {
    const Json &tokens = memberOf(root, "added_tokens");
    if (tokens.is_null())
      return Status::success();
    if (!tokens.is_array())
      return Status::error("expected 'added_tokens' to be a list");
    uint64_t limit = idLimit(data.pieces.size() + tokens.size());
    for (const Json &token : tokens) {
      const Json *id = token.is_object() ? &memberOf(token, "id") : nullptr;
      if (!id || !id->is_number_unsigned() || id->get<uint64_t>() >= limit)
        return Status::error("expected added tokens with ids below " +
                             std::to_string(limit) + ", but got " +
                             excerpt(token.dump()));
      MemberReader members(token, "an added token");
      AddedToken added;
      added.id = id->get<int32_t>();
      added.content = members.text("content");
      auto flag = [&](std::string_view key, AddedTokenFlag bit) {
        added.flags |= members.flag(key) ? bit : 0u;
      };
      flag("special", IsSpecial);
      flag("single_word", SingleWord);
      flag("lstrip", StripLeft);
      flag("rstrip", StripRight);
      flag("normalized", Normalized);
      members.allowOnly({"id"});
      if (!members.status().ok())
        return members.status();
      data.added.push_back(std::move(added));
    }
    return Status::success();
  }

  Status readSteps() {
    Status status =
        readNormalizer(memberOf(root, "normalizer"), data.normalizers);
    if (status.ok())
      status =
          readPreTokenizer(memberOf(root, "pre_tokenizer"), data.preTokenizers);
    if (status.ok())
      status = readDecoder(memberOf(root, "decoder"), data.decoders);
    if (status.ok())
      status = readPostProcessor(memberOf(root, "post_processor"), data);
    return status;
  }

  const Json &root;
  BytePairData data;
  std::string unkToken;
  std::unordered_map<std::string, int32_t> ids;
};

} // namespace

Expected<BytePairData> sterna::readTokenizerJson(std::string_view json) {
  Expected<Json> root = parseJson(json);
  if (!root.ok())
    return root.status();
  return JsonReader(*root).run();
}
