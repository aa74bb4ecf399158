//===- GgufVocabulary.h - Tokenizer metadata of a GGUF file -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Enough of GGUF to read a vocabulary for tests. The compiler has the real
// importer; this one keeps the tests of the runtime free of the compiler.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_UNIT_TEXT_GGUFVOCABULARY_H
#define STERNA_UNIT_TEXT_GGUFVOCABULARY_H

#include "io/File.h"
#include "text/GgufBytePairs.h"
#include "text/SentencePieceTokenizer.h"

#include <cstring>
#include <map>
#include <string>

namespace sterna {

/// Reads the metadata of a trusted GGUF v3 file into a vocabulary.
class GgufVocabulary {
public:
  /// Fails when the file cannot be read or is shorter than it says.
  static Expected<TokenizerData> read(const std::string &path) {
    Expected<GgufVocabulary> reader = open(path);
    if (!reader.ok())
      return reader.status();
    return reader->vocabulary();
  }

  /// The same for a vocabulary of byte pairs.
  static Expected<GgufBytePairs> readBytePairs(const std::string &path) {
    Expected<GgufVocabulary> reader = open(path);
    if (!reader.ok())
      return reader.status();
    return reader->bytePairs();
  }

private:
  static Expected<GgufVocabulary> open(const std::string &path) {
    Expected<std::string> content = readFile(path);
    if (!content.ok())
      return content.status();
    GgufVocabulary reader(std::move(*content));
    reader.parse();
    if (reader.failed)
      return Status::error("'" + path + "' is not a usable GGUF file");
    return reader;
  }

  // Value types of the format.
  enum Type : uint32_t { String = 8, Array = 9 };

  explicit GgufVocabulary(std::string content) : content(std::move(content)) {}

  template <class T> T take() {
    T value{};
    if (content.size() - position < sizeof(T)) {
      failed = true;
      return value;
    }
    std::memcpy(&value, &content[position], sizeof(T));
    position += sizeof(T);
    return value;
  }

  std::string takeString() {
    uint64_t size = take<uint64_t>();
    if (failed || size > content.size() - position) {
      failed = true;
      return {};
    }
    position += size;
    return content.substr(position - size, size);
  }

  /// A number of any type, as a double: exact for what a vocabulary holds.
  double takeNumber(uint32_t type) {
    switch (type) {
    case 0:
      return take<uint8_t>();
    case 1:
      return take<int8_t>();
    case 2:
      return take<uint16_t>();
    case 3:
      return take<int16_t>();
    case 4:
      return take<uint32_t>();
    case 5:
      return take<int32_t>();
    case 6:
      return static_cast<double>(take<float>());
    case 7:
      return take<uint8_t>();
    case 10:
      return static_cast<double>(take<uint64_t>());
    case 11:
      return static_cast<double>(take<int64_t>());
    case 12:
      return take<double>();
    default:
      failed = true;
      return 0;
    }
  }

  void parse() {
    position = 8;     // magic and version
    take<uint64_t>(); // tensors
    uint64_t count = take<uint64_t>();
    for (uint64_t i = 0; i < count && !failed; ++i) {
      std::string key = takeString();
      uint32_t type = take<uint32_t>();
      uint64_t length = 1;
      if (type == Array) {
        type = take<uint32_t>();
        length = take<uint64_t>();
      }
      for (uint64_t item = 0; item < length && !failed; ++item) {
        if (type == String)
          strings[key].push_back(takeString());
        else
          numbers[key].push_back(takeNumber(type));
      }
    }
  }

  double number(const std::string &key, double otherwise) const {
    auto found = numbers.find("tokenizer.ggml." + key);
    return found == numbers.end() ? otherwise : found->second[0];
  }

  TokenizerData vocabulary() {
    TokenizerData data;
    data.pieces = strings["tokenizer.ggml.tokens"];
    for (double score : numbers["tokenizer.ggml.scores"])
      data.scores.push_back(static_cast<float>(score));
    for (double type : numbers["tokenizer.ggml.token_type"])
      data.types.push_back(static_cast<int32_t>(type));
    data.bos = static_cast<int32_t>(number("bos_token_id", 1));
    data.eos = static_cast<int32_t>(number("eos_token_id", 2));
    data.unk = static_cast<int32_t>(number("unknown_token_id", 0));
    data.pad = static_cast<int32_t>(number("padding_token_id", -1));
    data.addBos = number("add_bos_token", 1) != 0;
    data.addSpacePrefix = number("add_space_prefix", 1) != 0;
    return data;
  }

  GgufBytePairs bytePairs() {
    GgufBytePairs facts;
    facts.pre = strings["tokenizer.ggml.pre"].at(0);
    facts.tokens = strings["tokenizer.ggml.tokens"];
    facts.merges = strings["tokenizer.ggml.merges"];
    for (double type : numbers["tokenizer.ggml.token_type"])
      facts.types.push_back(static_cast<int32_t>(type));
    facts.bos = static_cast<int32_t>(number("bos_token_id", -1));
    facts.eos = static_cast<int32_t>(number("eos_token_id", -1));
    return facts;
  }

  std::string content;
  size_t position = 0;
  bool failed = false;
  std::map<std::string, std::vector<std::string>> strings;
  std::map<std::string, std::vector<double>> numbers;
};

} // namespace sterna

#endif // STERNA_UNIT_TEXT_GGUFVOCABULARY_H
