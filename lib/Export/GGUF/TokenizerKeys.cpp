//===- TokenizerKeys.cpp - Vocabularies in GGUF's words -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenizerKeys.h.
//
//===----------------------------------------------------------------------===//

#include "TokenizerKeys.h"

#include "../SentencePieceMerges.h"
#include "sterna/Import/Vocabulary.h"
#include "text/EndOfTurn.h"
#include "text/GgufBytePairs.h"
#include "text/SentencePieceTokenizer.h"

#include "llvm/ADT/STLExtras.h"

// No using-directives: the runtime has an Expected of its own.
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using sterna::TokenType;

namespace {

/// Tokens by id, as GGUF lists them.
struct TokenList {
  std::vector<std::string> texts;
  std::vector<int32_t> types; // of TokenType

  void set(size_t id, const std::string &text, TokenType type) {
    texts[id] = text;
    types[id] = static_cast<int32_t>(type);
  }
};

class TokenizerKeyWriter {
public:
  TokenizerKeyWriter(sterna::GGUFWriter &writer,
                     const sterna::ModelDescription &model)
      : writer(writer), tokenizer(model.tokenizer),
        rows(size_t(model.vocabulary)) {}

  Error run() {
    Error error = tokenizer.model == "llama" ? addSentencePiece(tokenizer)
                                             : addBytePairs();
    if (error)
      return error;
    if (Error error = addSpecialTokens())
      return error;
    writer.addBool("tokenizer.ggml.add_bos_token", tokenizer.addBos);
    if (!tokenizer.chatTemplate.empty())
      writer.addString("tokenizer.chat_template", tokenizer.chatTemplate);
    return Error::success();
  }

private:
  //===--------------------------------------------------------------------===//
  // Kinds
  //===--------------------------------------------------------------------===//

  Error addSentencePiece(const sterna::TokenizerDescription &vocabulary) {
    size_t count = vocabulary.pieces.size();
    TokenList tokens = makeList(count);
    for (size_t id = 0; id < count; ++id)
      tokens.set(id, vocabulary.pieces[id],
                 static_cast<TokenType>(vocabulary.types[id]));
    std::vector<float> scores = vocabulary.scores;
    scores.resize(tokens.texts.size());
    addTokens("llama", "default", tokens);
    writer.addF32s("tokenizer.ggml.scores", scores);
    writer.addBool("tokenizer.ggml.add_space_prefix",
                   vocabulary.addSpacePrefix);
    return Error::success();
  }

  Error addBytePairs() {
    sterna::BytePairData data = sterna::getBytePairs(tokenizer);
    if (auto vocabulary = sterna::findSentencePiece(data))
      return addSentencePiece(*vocabulary);
    std::string split = sterna::findGgufSplit(data);
    if (split.empty() || data.byteFallback || data.fuseUnk ||
        data.decoders.size() != 1 ||
        data.decoders[0].kind != sterna::StepKind::ByteLevel)
      return llvm::createStringError(
          "tokenizer: text is split and joined in a way that no value of "
          "tokenizer.ggml.pre means; write a folder of safetensors instead");
    auto tokens = listBytePairs(data);
    if (!tokens)
      return tokens.takeError();
    addTokens("gpt2", split, *tokens);
    std::vector<std::string> merges;
    for (size_t i = 0; i < data.merges.size(); i += 2)
      merges.push_back(data.pieces[size_t(data.merges[i])] + " " +
                       data.pieces[size_t(data.merges[i + 1])]);
    writer.addStrings("tokenizer.ggml.merges", merges);
    return Error::success();
  }

  llvm::Expected<TokenList> listBytePairs(const sterna::BytePairData &data) {
    size_t count = data.pieces.size();
    for (const sterna::AddedToken &token : data.added)
      count = std::max(count, size_t(token.id) + 1);
    TokenList tokens = makeList(count);
    for (size_t id = 0; id < data.pieces.size(); ++id)
      if (!data.pieces[id].empty())
        tokens.set(id, data.pieces[id], TokenType::Normal);
    for (const sterna::AddedToken &token : data.added) {
      // Without a normalizer, text is normalized as it comes.
      bool matters =
          token.has(sterna::SingleWord) || token.has(sterna::StripLeft) ||
          token.has(sterna::StripRight) ||
          (token.has(sterna::Normalized) && !data.normalizers.empty());
      if (matters)
        return llvm::createStringError(
            "tokenizer: token " + Twine(token.id) + ", " +
            sterna::quoteText(token.content) +
            ", is matched in a way that GGUF cannot say; write a folder of "
            "safetensors instead");
      tokens.set(size_t(token.id), token.content,
                 token.has(sterna::IsSpecial) ? TokenType::Control
                                              : TokenType::UserDefined);
    }
    return std::move(tokens);
  }

  //===--------------------------------------------------------------------===//
  // Lists
  //===--------------------------------------------------------------------===//

  /// A list of `count` tokens and of what fills the embedding up, for llama.cpp
  /// takes a token for each of its rows. All are unused yet.
  TokenList makeList(size_t count) const {
    TokenList tokens;
    tokens.texts.resize(std::max(count, rows));
    tokens.types.resize(tokens.texts.size());
    for (size_t id = 0; id < tokens.texts.size(); ++id)
      tokens.set(id, "[PAD" + std::to_string(id) + "]", TokenType::Unused);
    return tokens;
  }

  void addTokens(StringRef kind, StringRef split, const TokenList &tokens) {
    writer.addString("tokenizer.ggml.model", kind);
    writer.addString("tokenizer.ggml.pre", split);
    writer.addStrings("tokenizer.ggml.tokens", tokens.texts);
    writer.addI32s("tokenizer.ggml.token_type", tokens.types);
    list = tokens;
  }

  /// Ends of a generation that readers find by their names need no key.
  bool isKnownEnd(int32_t id) const {
    return llvm::is_contained(sterna::endOfTurn,
                              std::string_view(list.texts[size_t(id)])) &&
           list.types[size_t(id)] == static_cast<int32_t>(TokenType::Control);
  }

  Error addSpecialTokens() {
    const std::pair<const char *, int32_t> ids[] = {{"bos", tokenizer.bos},
                                                    {"eos", tokenizer.eos},
                                                    {"unknown", tokenizer.unk},
                                                    {"padding", tokenizer.pad}};
    for (auto [role, id] : ids)
      addId(role, id);
    std::vector<const char *> roles = {"eom", "eot"};
    for (int32_t id : tokenizer.endIds) {
      if (id == tokenizer.eos || isKnownEnd(id))
        continue;
      if (roles.empty())
        return llvm::createStringError(
            "tokenizer: generation ends at token " + Twine(id) + ", " +
            sterna::quoteText(list.texts[size_t(id)]) +
            ", for which GGUF has no key left; write a folder of safetensors "
            "instead");
      addId(roles.back(), id);
      roles.pop_back();
    }
    return Error::success();
  }

  void addId(StringRef role, int32_t id) {
    if (id >= 0)
      writer.addU32(("tokenizer.ggml." + role + "_token_id").str(),
                    uint32_t(id));
  }

  sterna::GGUFWriter &writer;
  const sterna::TokenizerDescription &tokenizer;
  size_t rows; // of the embedding
  TokenList list;
};

} // namespace

Error sterna::addTokenizerKeys(GGUFWriter &writer,
                               const ModelDescription &model) {
  return TokenizerKeyWriter(writer, model).run();
}
