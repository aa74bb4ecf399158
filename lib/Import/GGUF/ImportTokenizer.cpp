//===- ImportTokenizer.cpp - Vocabularies from GGUF files -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ImportTokenizer.h. What the runtime's tokenizer refuses is refused here,
// by that tokenizer itself: a model that compiles can be run.
//
//===----------------------------------------------------------------------===//

#include "ImportTokenizer.h"

#include "../DescribeBytePairs.h"
#include "sterna/Import/Vocabulary.h"
#include "text/GgufBytePairs.h"
#include "text/SentencePieceTokenizer.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

// No using-directives: the runtime has an Expected of its own.
using llvm::Error;
using llvm::StringRef;

namespace {

class TokenizerImporter {
public:
  TokenizerImporter(const sterna::GGUFFile &file, int64_t rows)
      : file(file), rows(rows) {}

  llvm::Expected<sterna::TokenizerDescription> run() {
    auto kind = file.getString("tokenizer.ggml.model");
    if (!kind)
      return kind.takeError();
    if (*kind == "gpt2")
      return importBytePairs();
    if (*kind != "llama")
      return file.makeError("tokenizer.ggml.model: expected llama "
                            "(SentencePiece) or gpt2 (byte-level BPE), but got "
                            "{0}",
                            sterna::quoteText(*kind));
    tokenizer.model = kind->str();
    if (Error error = readVocabulary())
      return std::move(error);
    if (Error error = checkVocabulary())
      return std::move(error);
    if (Error error = readSpecialTokens())
      return std::move(error);
    if (Error error = readSettings())
      return std::move(error);
    if (Error error = askRuntime())
      return std::move(error);
    return std::move(tokenizer);
  }

private:
  /// A vocabulary of byte-level byte-pair encoding.
  llvm::Expected<sterna::TokenizerDescription> importBytePairs() {
    sterna::GgufBytePairs facts;
    if (Error error = readBytePairs(facts))
      return std::move(error);
    tokenizer.pieces = facts.tokens;
    if (Error error = readSpecialTokens())
      return std::move(error);
    facts.bos = tokenizer.bos;
    facts.eos = tokenizer.eos;
    facts.unk = tokenizer.unk;
    facts.pad = tokenizer.pad;
    facts.endIds = tokenizer.endIds;
    auto data = sterna::readGgufBytePairs(std::move(facts));
    if (!data.ok())
      return file.makeError("{0}", data.message());
    auto described = sterna::describeBytePairs(std::move(*data), rows);
    if (!described)
      return file.makeError("{0}", llvm::toString(described.takeError()));
    tokenizer = std::move(*described);
    if (Error error = readTemplate())
      return std::move(error);
    return std::move(tokenizer);
  }

  Error readBytePairs(sterna::GgufBytePairs &facts) {
    auto pre = file.getString("tokenizer.ggml.pre");
    if (!pre)
      return pre.takeError();
    facts.pre = pre->str();
    auto tokens = file.getStringArray("tokenizer.ggml.tokens");
    if (!tokens)
      return tokens.takeError();
    facts.tokens.assign(tokens->begin(), tokens->end());
    auto merges = file.getStringArray("tokenizer.ggml.merges");
    if (!merges)
      return merges.takeError();
    facts.merges.assign(merges->begin(), merges->end());
    if (file.hasKey("tokenizer.ggml.token_type")) {
      auto types = file.getI64Array("tokenizer.ggml.token_type");
      if (!types)
        return types.takeError();
      for (int64_t type : *types)
        if (type != int32_t(type))
          return file.makeError("tokenizer.ggml.token_type: expected 1 to 6, "
                                "but got {0}",
                                type);
      facts.types.assign(types->begin(), types->end());
    }
    return readBytePairSettings(facts);
  }

  Error readBytePairSettings(sterna::GgufBytePairs &facts) {
    constexpr StringRef beginsKey = "tokenizer.ggml.add_bos_token";
    if (file.hasKey(beginsKey)) {
      auto begins = file.getBool(beginsKey);
      if (!begins)
        return begins.takeError();
      facts.addBos = *begins;
    }
    auto space = file.getBoolOr("tokenizer.ggml.add_space_prefix", false);
    if (!space)
      return space.takeError();
    facts.addSpacePrefix = *space;
    return Error::success();
  }

  Error readVocabulary() {
    auto split = file.getStringOr("tokenizer.ggml.pre", "default");
    if (!split)
      return split.takeError();
    if (*split != "default")
      return file.makeError(
          "tokenizer.ggml.pre: expected default, for SentencePiece "
          "does not split text first, but got {0}",
          sterna::quoteText(*split));
    auto pieces = file.getStringArray("tokenizer.ggml.tokens");
    if (!pieces)
      return pieces.takeError();
    tokenizer.pieces.assign(pieces->begin(), pieces->end());
    auto scores = file.getF32Array("tokenizer.ggml.scores");
    if (!scores)
      return scores.takeError();
    tokenizer.scores = std::move(*scores);
    auto read = file.getI64Array("tokenizer.ggml.token_type");
    if (!read)
      return read.takeError();
    types = std::move(*read);
    return Error::success();
  }

  /// Names what is wrong where the runtime would only count.
  Error checkVocabulary() {
    size_t count = tokenizer.pieces.size();
    if (count == 0 || int64_t(count) > rows)
      return file.makeError(
          "tokenizer.ggml.tokens: expected 1 to {0} tokens, the "
          "rows of token_embd.weight, but got {1}",
          rows, count);
    if (tokenizer.scores.size() != count || types.size() != count)
      return file.makeError(
          "tokenizer: expected {0} scores and types, but got {1} "
          "and {2}",
          count, tokenizer.scores.size(), types.size());
    for (size_t i = 0; i < count; ++i) {
      std::string piece = sterna::quoteText(tokenizer.pieces[i]);
      if (std::isnan(tokenizer.scores[i]))
        return file.makeError(
            "tokenizer.ggml.scores: the score of token {0}, {1}, "
            "is not a number",
            i, piece);
      if (types[i] < int64_t(sterna::TokenType::Normal) ||
          types[i] > int64_t(sterna::TokenType::Byte))
        return file.makeError(
            "tokenizer.ggml.token_type: expected 1 to 6 for token "
            "{0}, {1}, but got {2}",
            i, piece, types[i]);
    }
    tokenizer.types.assign(types.begin(), types.end());
    return Error::success();
  }

  /// Every key that names a token is checked, also those of tokens for other
  /// uses, such as infilling.
  Error readSpecialTokens() {
    for (StringRef key : file.getKeys()) {
      StringRef role = key;
      if (!role.consume_front("tokenizer.ggml.") ||
          !role.consume_back("_token_id"))
        continue;
      auto id = file.getI64(key);
      if (!id)
        return id.takeError();
      // -1, also in the 32 bits that writers of unsigned numbers have, is none.
      if (*id == -1 || *id == int64_t(UINT32_MAX))
        continue;
      if (*id < 0 || *id >= int64_t(tokenizer.pieces.size()))
        return file.makeError(
            "{0}: expected less than {1}, or -1 for none, but got "
            "{2}",
            key, tokenizer.pieces.size(), *id);
      setSpecialToken(role, int32_t(*id));
    }
    llvm::sort(tokenizer.endIds);
    tokenizer.endIds.erase(llvm::unique(tokenizer.endIds),
                           tokenizer.endIds.end());
    return Error::success();
  }

  void setSpecialToken(StringRef role, int32_t id) {
    if (role == "bos")
      tokenizer.bos = id;
    else if (role == "eos")
      tokenizer.eos = id;
    else if (role == "unknown")
      tokenizer.unk = id;
    else if (role == "padding")
      tokenizer.pad = id;
    // Ends of a text, of a turn and of a message.
    if (role == "eos" || role == "eot" || role == "eom")
      tokenizer.endIds.push_back(id);
  }

  Error readSettings() {
    auto addBos = file.getBoolOr("tokenizer.ggml.add_bos_token", true);
    if (!addBos)
      return addBos.takeError();
    tokenizer.addBos = *addBos;
    auto addSpace = file.getBoolOr("tokenizer.ggml.add_space_prefix", true);
    if (!addSpace)
      return addSpace.takeError();
    tokenizer.addSpacePrefix = *addSpace;
    if (Error error = checkCharacterMap())
      return error;
    return readTemplate();
  }

  Error readTemplate() {
    auto chat = file.getStringOr("tokenizer.chat_template", "");
    if (!chat)
      return chat.takeError();
    tokenizer.chatTemplate = chat->str();
    return Error::success();
  }

  /// A map by which text is rewritten before it is cut; none if it is empty.
  Error checkCharacterMap() {
    constexpr StringRef key = "tokenizer.ggml.precompiled_charsmap";
    if (!file.hasKey(key))
      return Error::success();
    auto map = file.getI64Array(key);
    if (!map)
      return map.takeError();
    if (!map->empty())
      return file.makeError(
          "{0}: expected none, for text is tokenized as it is, but "
          "got {1} bytes",
          key, map->size());
    return Error::success();
  }

  Error askRuntime() {
    auto built = sterna::SentencePieceTokenizer::create(
        sterna::getSentencePieces(tokenizer));
    if (!built.ok())
      return file.makeError("{0}", built.message());
    return Error::success();
  }

  const sterna::GGUFFile &file;
  int64_t rows; // of the embedding
  std::vector<int64_t> types;
  sterna::TokenizerDescription tokenizer;
};

} // namespace

llvm::Expected<sterna::TokenizerDescription>
sterna::importTokenizer(const GGUFFile &file, int64_t rows) {
  return TokenizerImporter(file, rows).run();
}
