//===- TokenizerDriver.cpp - A tokenizer.json at another program's service ===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encodes and decodes what tokenizer_oracle.py asks for, over pipes:
//
//   sterna-tokenizer-driver FILE.json
//
// A request is a letter, a number of bytes and as many bytes: `e` encodes text,
// `E` with special tokens parsed, `p` as two parts cut in the middle, `d`
// decodes ids. An answer is a number of bytes and as many bytes. Numbers are 32
// bits, little endian.
//
//===----------------------------------------------------------------------===//

#include "io/File.h"
#include "text/BytePairTokenizer.h"
#include "text/TokenizerJson.h"

#include <cstdio>
#include <cstring>
#include <memory>

using namespace sterna;

namespace {

bool readBytes(void *to, size_t size) {
  return std::fread(to, 1, size, stdin) == size;
}

void answer(const void *bytes, size_t size) {
  uint32_t count = static_cast<uint32_t>(size);
  std::fwrite(&count, sizeof count, 1, stdout);
  std::fwrite(bytes, 1, size, stdout);
  std::fflush(stdout);
}

void answerIds(const std::vector<int32_t> &ids) {
  answer(ids.data(), ids.size() * sizeof(int32_t));
}

/// The ids of the text as two parts, which must be those of the whole.
std::vector<int32_t> encodeInParts(const TokenizerInterface &tokenizer,
                                   std::string_view text) {
  size_t middle = text.size() / 2;
  std::vector<int32_t> ids;
  for (PartToken token : tokenizer.encodeParts(
           {{text.substr(0, middle), true}, {text.substr(middle), true}},
           false))
    ids.push_back(token.id);
  return ids;
}

void serve(const TokenizerInterface &tokenizer) {
  char request;
  uint32_t size;
  std::string text;
  while (readBytes(&request, 1) && readBytes(&size, sizeof size)) {
    text.resize(size);
    if (!readBytes(text.data(), size))
      return;
    if (request == 'd') {
      std::vector<int32_t> ids(size / sizeof(int32_t));
      std::memcpy(ids.data(), text.data(), ids.size() * sizeof(int32_t));
      std::string decoded = tokenizer.decode(ids);
      answer(decoded.data(), decoded.size());
    } else if (request == 'p') {
      answerIds(encodeInParts(tokenizer, text));
    } else {
      answerIds(tokenizer.encode(text, false, request == 'E'));
    }
  }
}

} // namespace

int main(int count, char **arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: sterna-tokenizer-driver FILE.json\n");
    return 2;
  }
  Expected<std::string> json = readFile(arguments[1]);
  if (!json.ok()) {
    std::fprintf(stderr, "%s\n", json.message().c_str());
    return 1;
  }
  Expected<BytePairData> data = readTokenizerJson(*json);
  if (!data.ok()) {
    std::fprintf(stderr, "%s\n", data.message().c_str());
    return 1;
  }
  Expected<BytePairTokenizer> tokenizer =
      BytePairTokenizer::create(std::move(*data));
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.message().c_str());
    return 1;
  }
  serve(*tokenizer);
  return 0;
}
