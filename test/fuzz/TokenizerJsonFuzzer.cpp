//===- TokenizerJsonFuzzer.cpp - Tokenizers from hostile bytes ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parts of an input end at bytes 0: a tokenizer.json, a text, a
// tokenizer_config.json and a generation_config.json. What can be read has to
// encode the text, whatever it says.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairTokenizer.h"
#include "text/TokenizerJson.h"

#include <cstdlib>

using namespace sterna;

namespace {

std::string_view takePart(std::string_view &rest) {
  size_t end = rest.find('\0');
  std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

void encode(const TokenizerInterface &tokenizer, std::string_view text) {
  std::vector<int32_t> ids = tokenizer.encode(text, true, true);
  (void)tokenizer.encode(text, false, false, false);
  for (int32_t id : ids)
    if (id < 0 || id >= tokenizer.size())
      std::abort();
  (void)tokenizer.decode(ids);
  size_t middle = text.size() / 2;
  std::vector<TextPart> parts = {{text.substr(0, middle), true},
                                 {text.substr(middle), false}};
  for (PartToken token : tokenizer.encodeParts(parts, true))
    if (token.part > 1)
      std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  TokenizerFiles files;
  files.tokenizer = takePart(rest);
  std::string_view text = takePart(rest);
  files.config = takePart(rest);
  files.generationConfig = takePart(rest);
  Expected<PublishedTokenizer> read = readPublishedTokenizer(files);
  if (!read.ok())
    return 0;
  Expected<BytePairTokenizer> tokenizer =
      BytePairTokenizer::create(std::move(read->data));
  if (tokenizer.ok())
    encode(*tokenizer, text);
  return 0;
}
