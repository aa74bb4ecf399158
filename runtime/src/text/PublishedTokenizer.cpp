//===- PublishedTokenizer.cpp - The files beside a tokenizer.json ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tokenizer_config.json, special_tokens_map.json and
// generation_config.json say about the tokens of a tokenizer.json.
//
//===----------------------------------------------------------------------===//

#include "io/Escape.h"
#include "io/Json.h"
#include "io/Text.h"
#include "text/EndOfTurn.h"
#include "text/TokenizerJson.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_map>

using namespace sterna;

namespace {

using Json = nlohmann::json;

class PublishedReader {
public:
  explicit PublishedReader(const TokenizerFiles &files) : files(files) {}

  Expected<PublishedTokenizer> run() {
    Expected<BytePairData> data = readTokenizerJson(files.tokenizer);
    if (!data.ok())
      return Status::error("tokenizer.json: " + data.message());
    result.data = std::move(*data);
    for (size_t i = 0; i < result.data.added.size(); ++i)
      addedIndex.emplace(result.data.added[i].content, i);
    for (auto read :
         {&PublishedReader::parse, &PublishedReader::readAddedTokens,
          &PublishedReader::readSpecialTokens, &PublishedReader::readTemplates,
          &PublishedReader::readGeneration})
      if (Status status = (this->*read)(); !status.ok())
        return status;
    return std::move(result);
  }

private:
  static Status parseObject(std::string_view text, const std::string &name,
                            Json &value) {
    value = Json::object();
    if (text.empty())
      return Status::success();
    Expected<Json> parsed = parseJson(text);
    if (!parsed.ok())
      return Status::error(name + ": " + parsed.message());
    if (!parsed->is_object())
      return Status::error(name + ": expected an object");
    value = std::move(*parsed);
    return Status::success();
  }

  Status parse() {
    Status status = parseObject(files.config, "tokenizer_config.json", config);
    if (status.ok())
      status =
          parseObject(files.specialTokensMap, "special_tokens_map.json", map);
    if (status.ok())
      status = parseObject(files.generationConfig, "generation_config.json",
                           generation);
    return status;
  }

  static Status fail(std::string_view key, const std::string &what) {
    return Status::error("tokenizer_config.json: '" + std::string(key) +
                         "': " + what);
  }

  AddedToken *findAdded(const std::string &content) {
    auto found = addedIndex.find(content);
    return found == addedIndex.end() ? nullptr
                                     : &result.data.added[found->second];
  }

  void add(AddedToken token) {
    addedIndex.emplace(token.content, result.data.added.size());
    result.data.added.push_back(std::move(token));
  }

  int32_t findToken(const std::string &content) {
    if (const AddedToken *token = findAdded(content))
      return token->id;
    const std::vector<std::string> &pieces = result.data.pieces;
    auto piece = std::find(pieces.begin(), pieces.end(), content);
    return piece == pieces.end() || content.empty()
               ? -1
               : static_cast<int32_t>(piece - pieces.begin());
  }

  /// Tokens by id, as text, whose flags count more than tokenizer.json's.
  Status readAddedTokens() {
    constexpr std::string_view key = "added_tokens_decoder";
    auto tokens = config.find(key);
    if (tokens == config.end() || tokens->is_null())
      return Status::success();
    if (!tokens->is_object())
      return fail(key, "expected an object");
    for (const auto &item : tokens->items()) {
      const std::string &number = item.key();
      AddedToken token;
      auto [end, error] = std::from_chars(
          number.data(), number.data() + number.size(), token.id);
      size_t limit = 2 * (result.data.pieces.size() + tokens->size()) + 65536;
      if (error != std::errc() || end != number.data() + number.size() ||
          token.id < 0 || static_cast<size_t>(token.id) >= limit ||
          !readToken(item.value(), token))
        return fail(key,
                    "'" + excerpt(number) +
                        "' is no id, names no token, or has flags that are "
                        "neither true nor false");
      if (Status status = addToken(token); !status.ok())
        return status;
    }
    return Status::success();
  }

  static bool readToken(const Json &value, AddedToken &token) {
    if (!value.is_object() || !value.contains("content") ||
        !value["content"].is_string())
      return false;
    token.content = value["content"].get<std::string>();
    bool areFlags = true;
    auto flag = [&](const char *key, AddedTokenFlag bit, bool otherwise) {
      auto found = value.find(key);
      bool isSet = otherwise;
      if (found != value.end()) {
        areFlags &= found->is_boolean();
        isSet = found->is_boolean() && found->get<bool>();
      }
      token.flags |= isSet ? bit : 0u;
    };
    flag("special", IsSpecial, false);
    flag("single_word", SingleWord, false);
    flag("lstrip", StripLeft, false);
    flag("rstrip", StripRight, false);
    flag("normalized", Normalized, !token.has(IsSpecial));
    return areFlags;
  }

  Status addToken(const AddedToken &token) {
    AddedToken *known = findAdded(token.content);
    if (!known) {
      add(token);
      return Status::success();
    }
    if (known->id != token.id)
      return fail("added_tokens_decoder",
                  "'" + excerpt(token.content) + "' has the id " +
                      std::to_string(token.id) + ", but in tokenizer.json " +
                      std::to_string(known->id));
    known->flags = token.flags;
    return Status::success();
  }

  /// The text of a token: as such, or an object with its content. A value in
  /// the configuration, be it null, counts more than one in the map.
  std::string textOf(std::string_view key) const {
    const Json *value = nullptr;
    for (const Json *object : {&map, &config})
      if (auto found = object->find(key); found != object->end())
        value = &*found;
    if (value && value->is_object() && value->contains("content"))
      value = &(*value)["content"];
    return value && value->is_string() ? value->get<std::string>()
                                       : std::string();
  }

  /// Sets `id` to the token named by `key`, which is special from then on.
  Status readSpecialToken(std::string_view key, bool mayLack, int32_t &id) {
    std::string text = textOf(key);
    if (text.empty())
      return Status::success();
    int32_t found = findToken(text);
    if (found < 0 && !mayLack)
      return fail(key, "'" + excerpt(text) + "' is no token");
    if (found < 0)
      return Status::success();
    if (!findAdded(text))
      add({found, text, IsSpecial});
    id = found;
    return Status::success();
  }

  Status readSpecialTokens() {
    BytePairData &data = result.data;
    int32_t unk = data.unk; // the model's; the files may name another
    int32_t templateBos = data.bos, templateEos = data.eos;
    Status status = readSpecialToken("bos_token", false, data.bos);
    if (status.ok())
      status = readSpecialToken("eos_token", false, data.eos);
    // Padding is masked, and what is unknown is the model's matter: names that
    // no token has change nothing.
    if (status.ok())
      status = readSpecialToken("pad_token", true, data.pad);
    if (status.ok())
      status = readSpecialToken("unk_token", true, unk);
    if (!status.ok())
      return status;
    if (hasFlag("add_bos_token") || hasFlag("add_eos_token")) {
      data.addBos = isSet("add_bos_token") && data.bos >= 0;
      data.addEos = isSet("add_eos_token") && data.eos >= 0;
      return Status::success();
    }
    if (data.addBos && data.bos != templateBos)
      return fail("bos_token", "the post-processor of tokenizer.json begins "
                               "texts with another token");
    if (data.addEos && data.eos != templateEos)
      return fail("eos_token", "the post-processor of tokenizer.json ends "
                               "texts with another token");
    return Status::success();
  }

  bool hasFlag(std::string_view key) const {
    auto found = config.find(key);
    return found != config.end() && found->is_boolean();
  }
  bool isSet(std::string_view key) const {
    return hasFlag(key) && config.find(key)->get<bool>();
  }

  /// One template, or a list of them with names.
  Status readTemplates() {
    if (auto name = config.find("tokenizer_class");
        name != config.end() && name->is_string())
      result.tokenizerClass = name->get<std::string>();
    auto value = config.find("chat_template");
    if (value != config.end() && value->is_string()) {
      result.chatTemplate = value->get<std::string>();
    } else if (value != config.end() && value->is_array()) {
      for (const Json &each : *value) {
        bool isNamed = each.is_object() && each.contains("name") &&
                       each["name"].is_string() && each.contains("template") &&
                       each["template"].is_string();
        if (!isNamed)
          return fail("chat_template", "expected a list of templates with "
                                       "names");
        NamedTemplate named{each["name"].get<std::string>(),
                            each["template"].get<std::string>()};
        if (named.name == "default")
          result.chatTemplate = named.text;
        result.templates.push_back(std::move(named));
      }
    } else if (value != config.end() && !value->is_null()) {
      return fail("chat_template", "expected a text, or a list");
    }
    // A file of its own is newer than what the configuration says.
    if (!files.chatTemplate.empty())
      result.chatTemplate = std::string(files.chatTemplate);
    return Status::success();
  }

  Status readGeneration() {
    BytePairData &data = result.data;
    auto read = [&](const Json &id) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= INT32_MAX)
        return false;
      data.endIds.push_back(id.get<int32_t>());
      return true;
    };
    auto ends = generation.find("eos_token_id");
    if (ends == generation.end() || ends->is_null()) {
      addEndsOfTurn();
      return Status::success();
    }
    bool valid = ends->is_array()
                     ? std::all_of(ends->begin(), ends->end(), read)
                     : read(*ends);
    if (!valid)
      return Status::error("generation_config.json: expected 'eos_token_id' to "
                           "be an id or a list of ids, but got " +
                           excerpt(ends->dump()));
    return Status::success();
  }

  void addEndsOfTurn() {
    for (const AddedToken &token : result.data.added)
      if (contains(endOfTurn, std::string_view(token.content)))
        result.data.endIds.push_back(token.id);
  }

  const TokenizerFiles &files;
  PublishedTokenizer result;
  std::unordered_map<std::string, size_t> addedIndex; // by content
  Json config, map, generation;
};

} // namespace

Expected<PublishedTokenizer>
sterna::readPublishedTokenizer(const TokenizerFiles &files) {
  return PublishedReader(files).run();
}
