//===- TokenizerFiles.cpp - Files of a checkpoint's tokenizer -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenizerFiles.h. Files that are made are read again: a tokenizer that
// encodes its own pieces in another way is refused.
//
//===----------------------------------------------------------------------===//

#include "TokenizerFiles.h"

#include "../SentencePieceMerges.h"
#include "WriteTokenizerJson.h"

#include "io/File.h"
#include "io/Utf8.h"
#include "sterna/Import/Vocabulary.h"
#include "sterna/Weights/WeightSource.h"
#include "text/BytePairTokenizer.h"
#include "text/SentencePieceTokenizer.h"
#include "text/TokenizerJson.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

// No using-directives: the runtime has an Expected of its own.
using llvm::Error;
using llvm::StringRef;
using Json = nlohmann::ordered_json;

static constexpr llvm::StringLiteral fileNames[] = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "generation_config.json", "chat_template.jinja"};

llvm::ArrayRef<llvm::StringLiteral> sterna::getTokenizerFileNames() {
  return fileNames;
}

static llvm::Expected<std::vector<sterna::FolderFile>>
copyFiles(StringRef folder) {
  std::vector<sterna::FolderFile> files;
  for (StringRef name : fileNames) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    if (!llvm::sys::fs::exists(path))
      continue;
    auto text = sterna::readFile(path.str().str());
    if (!text.ok())
      return llvm::createStringError(text.message());
    files.push_back({name.str(), std::move(*text)});
  }
  return files;
}

namespace {

class TokenizerFileMaker {
public:
  explicit TokenizerFileMaker(const sterna::ModelDescription &model)
      : model(model), tokenizer(model.tokenizer) {}

  llvm::Expected<std::vector<sterna::FolderFile>> run() {
    auto data = getData();
    if (!data)
      return data.takeError();
    if (Error error = checkText(*data))
      return std::move(error);
    add("tokenizer.json", sterna::makeTokenizerJson(*data));
    add("tokenizer_config.json", makeConfig(*data));
    add("generation_config.json", makeGeneration(*data));
    if (!tokenizer.chatTemplate.empty())
      files.push_back({"chat_template.jinja", tokenizer.chatTemplate});
    if (Error error = readAgain())
      return std::move(error);
    return std::move(files);
  }

private:
  template <typename Value> void add(const char *name, const Value &value) {
    files.push_back({name, value.dump(2) + "\n"});
  }

  /// The facts of either kind of vocabulary, as a tokenizer.json has them.
  llvm::Expected<sterna::BytePairData> getData() {
    if (tokenizer.model == "llama") {
      auto data = sterna::makeBytePairs(tokenizer);
      if (!data)
        return data.takeError();
      original = makeSentencePiece();
      // Those that it finds by their names among them.
      data->endIds = original->special().ends;
      return data;
    }
    sterna::BytePairData data = sterna::getBytePairs(tokenizer);
    auto built = sterna::BytePairTokenizer::create(data);
    assert(built.ok() && "the importer has built the same");
    original = std::make_unique<sterna::BytePairTokenizer>(std::move(*built));
    return std::move(data);
  }

  std::unique_ptr<sterna::TokenizerInterface> makeSentencePiece() const {
    auto built = sterna::SentencePieceTokenizer::create(
        sterna::getSentencePieces(tokenizer));
    assert(built.ok() && "the importer has built the same");
    return std::make_unique<sterna::SentencePieceTokenizer>(std::move(*built));
  }

  /// JSON holds UTF-8 alone.
  Error checkText(const sterna::BytePairData &data) const {
    auto check = [](int64_t id, StringRef text) -> Error {
      if (sterna::findInvalidUtf8(std::string_view(text)) == text.size())
        return Error::success();
      return llvm::createStringError(
          "tokenizer: token " + llvm::Twine(id) + ", " +
          sterna::quoteText(text) +
          ", is no UTF-8, which tokenizer.json needs");
    };
    for (size_t id = 0; id < data.pieces.size(); ++id)
      if (Error error = check(int64_t(id), data.pieces[id]))
        return error;
    for (const sterna::AddedToken &token : data.added)
      if (Error error = check(token.id, token.content))
        return error;
    return Error::success();
  }

  Json makeConfig(const sterna::BytePairData &data) const {
    Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                   {"add_bos_token", data.addBos},
                   {"clean_up_tokenization_spaces", false},
                   {"model_max_length", model.contextLength}};
    const std::pair<const char *, int32_t> tokens[] = {{"bos_token", data.bos},
                                                       {"eos_token", data.eos},
                                                       {"unk_token", data.unk},
                                                       {"pad_token", data.pad}};
    for (auto [key, id] : tokens)
      if (id >= 0)
        config[key] = original->spelling(id);
    return config;
  }

  static Json makeGeneration(const sterna::BytePairData &data) {
    Json generation = Json::object();
    if (data.bos >= 0)
      generation["bos_token_id"] = data.bos;
    std::vector<int32_t> ends = data.endIds;
    if (data.eos >= 0 && !llvm::is_contained(ends, data.eos))
      ends.insert(ends.begin(), data.eos);
    if (!ends.empty())
      generation["eos_token_id"] = ends;
    if (data.pad >= 0)
      generation["pad_token_id"] = data.pad;
    return generation;
  }

  /// Reads the files as the importer does and compares.
  Error readAgain() const {
    sterna::TokenizerFiles contents;
    contents.tokenizer = files[0].text;
    contents.config = files[1].text;
    contents.generationConfig = files[2].text;
    auto published = sterna::readPublishedTokenizer(contents);
    if (!published.ok())
      return llvm::createStringError(
          "tokenizer: as files of a folder it cannot be read: " +
          published.message());
    auto built = sterna::BytePairTokenizer::create(std::move(published->data));
    if (!built.ok())
      return llvm::createStringError(
          "tokenizer: as files of a folder it cannot be used: " +
          built.message());
    return compare(*built);
  }

  Error compare(const sterna::TokenizerInterface &read) const {
    std::string all;
    for (int32_t id = 0; id < original->size(); ++id) {
      std::string text = original->tokenBytes(id);
      if (text.empty() || sterna::findInvalidUtf8(text) != text.size())
        continue;
      all += text;
      if (original->encode(text, true, true) != read.encode(text, true, true))
        return llvm::createStringError(
            "tokenizer: the text of token " + llvm::Twine(id) + ", " +
            sterna::quoteText(text) +
            ", is other tokens by a tokenizer.json; write GGUF instead");
    }
    if (original->encode(all, true, true) != read.encode(all, true, true))
      return llvm::createStringError(
          "tokenizer: a text of all its tokens is others by a "
          "tokenizer.json; write GGUF instead");
    return Error::success();
  }

  const sterna::ModelDescription &model;
  const sterna::TokenizerDescription &tokenizer;
  std::unique_ptr<sterna::TokenizerInterface> original;
  std::vector<sterna::FolderFile> files;
};

} // namespace

llvm::Expected<std::vector<sterna::FolderFile>>
sterna::makeTokenizerFiles(const ModelDescription &model, StringRef source) {
  if (llvm::sys::fs::is_directory(source))
    return copyFiles(source);
  return TokenizerFileMaker(model).run();
}
