//===- TokenizerJsonTest.cpp - Unit tests of readers of tokenizers --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is read of a tokenizer.json and the files beside it, and of the facts of
// a GGUF file; and the one message for each thing that is refused.
//
//===----------------------------------------------------------------------===//

#include "text/TokenizerJson.h"
#include "text/GgufBytePairs.h"
#include "text/SmallBytePairs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sterna {
namespace {

using Json = nlohmann::json;

Json byteLevel() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", true}};
}

/// A tokenizer.json with the pieces a, b and ab, and the token <s>.
Json smallFile() {
  Json token = {{"id", 3},
                {"content", "<s>"},
                {"special", true},
                {"single_word", false},
                {"lstrip", false},
                {"rstrip", true},
                {"normalized", false}};
  return {{"version", "1.0"},
          {"truncation", {{"max_length", 2}}},
          {"padding", nullptr},
          {"added_tokens", {token}},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", byteLevel()},
          {"post_processor", byteLevel()},
          {"decoder", byteLevel()},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", ""},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", true},
            {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
            {"merges", {"a b"}}}}};
}

Json bosTemplate() {
  return Json::parse(R"({
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}})");
}

TEST(TokenizerJsonTest, ReadsWhatItSays) {
  Expected<BytePairData> data = readTokenizerJson(smallFile().dump());
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data->pieces, std::vector<std::string>({"a", "b", "ab"}));
  EXPECT_EQ(data->merges, std::vector<int32_t>({0, 1}));
  EXPECT_TRUE(data->ignoreMerges);
  ASSERT_EQ(data->added.size(), 1u);
  EXPECT_EQ(data->added[0].flags, IsSpecial | StripRight);
  ASSERT_EQ(data->normalizers.size(), 1u);
  EXPECT_EQ(data->normalizers[0].kind, StepKind::Nfc);
  ASSERT_EQ(data->preTokenizers.size(), 1u);
  EXPECT_EQ(data->preTokenizers[0].flags, UseRegex);
  EXPECT_FALSE(data->addBos);
  BytePairTokenizer tokenizer = makeBytePairs(std::move(*data));
  EXPECT_EQ(tokenizer.encode("ab<s>  a", false, true),
            std::vector<int32_t>({2, 3, 0}));
}

TEST(TokenizerJsonTest, ReadsMergesAsPairs) {
  Json file = smallFile();
  file["model"]["merges"] = Json::array({Json::array({"a", "b"})});
  Expected<BytePairData> data = readTokenizerJson(file.dump());
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data->merges, std::vector<int32_t>({0, 1}));
}

TEST(TokenizerJsonTest, ReadsTemplates) {
  Json file = smallFile();
  file["post_processor"] = {{"type", "Sequence"},
                            {"processors", {byteLevel(), bosTemplate()}}};
  Expected<BytePairData> data = readTokenizerJson(file.dump());
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data->bos, 3);
  EXPECT_TRUE(data->addBos);
  EXPECT_FALSE(data->addEos);
  file["post_processor"] = bosTemplate();
  file["post_processor"]["single"].push_back(
      {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}});
  data = readTokenizerJson(file.dump());
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_EQ(data->eos, 3);
  EXPECT_TRUE(data->addEos);
}

TEST(TokenizerJsonTest, ReadsNestedSequences) {
  Json file = smallFile();
  Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  Json inner = {{"type", "Sequence"}, {"pretokenizers", {digits}}};
  file["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers", {inner, byteLevel()}}};
  Expected<BytePairData> data = readTokenizerJson(file.dump());
  ASSERT_TRUE(data.ok()) << data.message();
  ASSERT_EQ(data->preTokenizers.size(), 2u);
  EXPECT_EQ(data->preTokenizers[0].kind, StepKind::Digits);
}

/// The message for the small file with the value at `pointer` replaced.
std::string refusal(const char *pointer, const Json &value) {
  Json file = smallFile();
  file[Json::json_pointer(pointer)] = value;
  return readTokenizerJson(file.dump()).message();
}

TEST(TokenizerJsonTest, RefusesByName) {
  EXPECT_EQ(refusal("/model/type", "Unigram"),
            "expected a model of the type BPE, but got 'Unigram'");
  EXPECT_EQ(refusal("/model/type", "WordPiece"),
            "expected a model of the type BPE, but got 'WordPiece'");
  EXPECT_EQ(refusal("/model/dropout", 0.1),
            "the model: 'dropout': merging at random is not supported");
  EXPECT_EQ(refusal("/model/end_of_word_suffix", "</w>"),
            "the model: 'end_of_word_suffix': it is not supported");
  EXPECT_EQ(refusal("/model/new", 1), "the model: 'new': it is not known");
  EXPECT_EQ(refusal("/model/unk_token", "<unk>"),
            "the unknown token '<unk>' is not in the vocabulary");
  EXPECT_EQ(refusal("/new", 1), "'new' is not known");
  EXPECT_EQ(refusal("/normalizer/type", "Precompiled"),
            "the normalizer 'Precompiled' is not supported");
  EXPECT_EQ(refusal("/pre_tokenizer/type", "BertPreTokenizer"),
            "the pre-tokenizer 'BertPreTokenizer' is not supported");
  EXPECT_EQ(refusal("/pre_tokenizer/new", 1),
            "the pre-tokenizer 'ByteLevel': 'new': it is not known");
  EXPECT_EQ(refusal("/pre_tokenizer/use_regex", 1),
            "the pre-tokenizer 'ByteLevel': 'use_regex': expected true or "
            "false");
  EXPECT_EQ(refusal("/post_processor/type", "RobertaProcessing"),
            "the post-processor 'RobertaProcessing' is not supported");
  EXPECT_EQ(refusal("/decoder/type", "WordPiece"),
            "the decoder 'WordPiece' is not supported");
  EXPECT_EQ(refusal("/decoder", nullptr),
            "expected a decoder, for without one tokens are joined by spaces");
  EXPECT_EQ(refusal("/added_tokens/0/new", 1),
            "an added token: 'new': it is not known");
}

TEST(TokenizerJsonTest, RefusesBrokenVocabularies) {
  EXPECT_EQ(refusal("/model/vocab", Json::object()),
            "expected the object 'vocab' of the model");
  EXPECT_EQ(refusal("/model/vocab/b", -1),
            "expected the ids of 3 tokens, but got -1");
  EXPECT_EQ(refusal("/model/vocab/b", 1u << 30),
            "expected the ids of 3 tokens, but got 1073741824");
  EXPECT_EQ(refusal("/model/vocab/b", 0), "token 0 has no text, or two");
  EXPECT_EQ(refusal("/model/merges/0", "a c"),
            "expected merge 0 to be of two pieces, but got \"a c\"");
  EXPECT_EQ(refusal("/model/merges/0", 1),
            "expected merge 0 to be of two pieces, but got 1");
  EXPECT_EQ(refusal("/added_tokens/0/id", 1u << 30),
            "expected added tokens with ids below 65544, but got "
            "{\"content\":\"<s>\",\"id\":1073741824,\"lstrip\":false,"
            "\"normalized\"...");
  EXPECT_EQ(readTokenizerJson("{").message().substr(0, 24),
            "line 1, column 2: invali");
}

Expected<PublishedTokenizer> readFiles(const Json &file, const Json &config,
                                       const Json &generation = nullptr) {
  std::string texts[] = {file.dump(), config.dump(), generation.dump()};
  TokenizerFiles files;
  files.tokenizer = texts[0];
  files.config = texts[1];
  if (!generation.is_null())
    files.generationConfig = texts[2];
  return readPublishedTokenizer(files);
}

TEST(PublishedTokenizerTest, ConfigurationNamesTokens) {
  Json config = {{"bos_token", {{"content", "<s>"}}},
                 {"eos_token", "b"},
                 {"pad_token", "[PAD]"},
                 {"add_bos_token", true},
                 {"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"chat_template", "{{ x }}"}};
  Expected<PublishedTokenizer> read = readFiles(smallFile(), config);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->data.bos, 3);
  EXPECT_EQ(read->data.eos, 1);
  EXPECT_EQ(read->data.pad, -1) << "no token is called so";
  EXPECT_TRUE(read->data.addBos);
  EXPECT_EQ(read->chatTemplate, "{{ x }}");
  EXPECT_EQ(read->tokenizerClass, "PreTrainedTokenizerFast");
  BytePairTokenizer tokenizer = makeBytePairs(std::move(read->data));
  EXPECT_TRUE(tokenizer.isSpecial(1)) << "what ends a text is special";
  EXPECT_TRUE(tokenizer.isEndOfGeneration(1));
}

TEST(PublishedTokenizerTest, ConfigurationOverridesTokens) {
  Json config = {{"added_tokens_decoder",
                  {{"3", {{"content", "<s>"}, {"special", false}}},
                   {"4", {{"content", "<|im_end|>"}, {"special", true}}}}}};
  Expected<PublishedTokenizer> read = readFiles(smallFile(), config);
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(read->data.added.size(), 2u);
  EXPECT_EQ(read->data.added[0].flags, uint32_t{Normalized});
  EXPECT_EQ(read->data.endIds, std::vector<int32_t>({4}));
}

TEST(PublishedTokenizerTest, GenerationNamesEnds) {
  auto endsOf = [](const Json &ends) {
    Expected<PublishedTokenizer> read =
        readFiles(smallFile(), Json::object(), {{"eos_token_id", ends}});
    return read.ok() ? Json(read->data.endIds).dump() : read.message();
  };
  EXPECT_EQ(endsOf(3), "[3]");
  EXPECT_EQ(endsOf({1, 3}), "[1,3]");
  EXPECT_EQ(endsOf("x"), "generation_config.json: expected 'eos_token_id' to "
                         "be an id or a list of ids, but got \"x\"");
}

TEST(PublishedTokenizerTest, TemplatesMayHaveNames) {
  Json templates = {{{"name", "default"}, {"template", "d"}},
                    {{"name", "tool_use"}, {"template", "t"}}};
  Expected<PublishedTokenizer> read =
      readFiles(smallFile(), {{"chat_template", templates}});
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->chatTemplate, "d");
  ASSERT_EQ(read->templates.size(), 2u);
  EXPECT_EQ(read->templates[1].name, "tool_use");
}

TEST(PublishedTokenizerTest, RefusesContradictions) {
  EXPECT_EQ(readFiles(smallFile(), {{"eos_token", "</s>"}}).message(),
            "tokenizer_config.json: 'eos_token': '</s>' is no token");
  Json file = smallFile();
  file["post_processor"] = bosTemplate();
  EXPECT_EQ(readFiles(file, {{"bos_token", "a"}}).message(),
            "tokenizer_config.json: 'bos_token': the post-processor of "
            "tokenizer.json begins texts with another token");
  Json moved = {{"added_tokens_decoder", {{"7", {{"content", "<s>"}}}}}};
  EXPECT_EQ(readFiles(smallFile(), moved).message(),
            "tokenizer_config.json: 'added_tokens_decoder': '<s>' has the id "
            "7, but in tokenizer.json 3");
  EXPECT_EQ(readFiles(smallFile(), Json::array()).message(),
            "tokenizer_config.json: expected an object");
}

GgufBytePairs smallFacts() {
  GgufBytePairs facts;
  facts.pre = "llama-bpe";
  facts.tokens = {"a", "b", "ab", "<s>", "<x>"};
  facts.types = {1, 1, 1, 3, 4};
  facts.merges = {"a b"};
  facts.bos = 3;
  return facts;
}

TEST(GgufBytePairsTest, ReadsFacts) {
  Expected<BytePairData> data = readGgufBytePairs(smallFacts());
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_TRUE(data->addBos) << "Llama 3 begins texts with BOS";
  BytePairTokenizer tokenizer = makeBytePairs(std::move(*data));
  EXPECT_EQ(tokenizer.encode("<s>ab<x>", true, true),
            std::vector<int32_t>({3, 2, 4}));
  EXPECT_EQ(tokenizer.encode("ab<x>", true, false),
            std::vector<int32_t>({3, 2, 4}));
}

TEST(GgufBytePairsTest, RefusesByName) {
  GgufBytePairs facts = smallFacts();
  facts.pre = "default";
  EXPECT_EQ(readGgufBytePairs(facts).message(),
            "expected the pre-tokenizer to be one of gpt-2, falcon, llama-bpe, "
            "llama3, llama-v3, falcon3, falcon-h1, falcon_e, qwen2, gpt-4o, "
            "but got 'default'");
  facts = smallFacts();
  facts.merges = {"a c"};
  EXPECT_EQ(readGgufBytePairs(facts).message(),
            "expected merge 0 to make a piece of two, but got 'a c'");
  facts = smallFacts();
  facts.types = {1, 1, 1, 3, 9};
  EXPECT_EQ(readGgufBytePairs(facts).message(),
            "expected the type of token 4 to be 1 to 6, but got 9");
  facts = smallFacts();
  facts.addSpacePrefix = true;
  EXPECT_EQ(readGgufBytePairs(facts).message(),
            "a space before text is not supported for byte-level vocabularies");
}

} // namespace
} // namespace sterna
