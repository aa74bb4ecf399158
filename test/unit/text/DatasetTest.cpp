//===- DatasetTest.cpp - Unit tests of text/Dataset.h ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kind of row, masks, windows, the validation split, and files that must
// be refused with the line named.
//
//===----------------------------------------------------------------------===//

#include "text/Dataset.h"

#include "io/TemporaryFolder.h"
#include "text/SmallVocabulary.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <optional>

namespace sterna {
namespace {

using Ids = std::vector<int32_t>;

class DatasetTest : public testing::Test {
protected:
  DatasetTest() {
    TokenizerData data = smallVocabulary({"\xE2\x96\x81"});
    data.addSpacePrefix = false;
    tokenizer.emplace(makeTokenizer(std::move(data)));
    options.sequenceLength = 128;
    options.vocabularySize = tokenizer->size();
  }

  Expected<Dataset> load(const std::string &name, const std::string &content) {
    return loadDataset(folder.write(name, content), &*tokenizer, options);
  }

  Dataset loadRows(const std::string &content) {
    Expected<Dataset> dataset = load("x.jsonl", content);
    EXPECT_TRUE(dataset.ok()) << dataset.message();
    return dataset.ok() ? std::move(*dataset) : Dataset();
  }

  std::string loadError(const std::string &content) {
    Expected<Dataset> dataset = load("x.jsonl", content);
    return dataset.ok() ? "no error" : dataset.message();
  }

  /// Trained tokens as text, "_" for masked ones.
  std::string marked(const Sample &sample) {
    std::string text;
    for (size_t i = 0; i < sample.tokens.size(); ++i) {
      int32_t id = sample.labels[i];
      if (id == kMaskedLabel)
        text += '_';
      else if (tokenizer->isSpecial(id))
        text += tokenizer->data().pieces[static_cast<size_t>(id)];
      else
        text += tokenizer->tokenBytes(id);
    }
    return text;
  }

  TemporaryFolder folder;
  std::optional<Tokenizer> tokenizer;
  DatasetOptions options;
};

TEST_F(DatasetTest, TextRowsGetBosAndEos) {
  Dataset dataset =
      loadRows("{\"text\":\"ab\"}\n\n{\"text\":\"<s>c</s>\"}\r\n");
  ASSERT_EQ(dataset.samples.size(), 2u);
  EXPECT_EQ(dataset.samples[0].tokens,
            (Ids{1, byteToken('a'), byteToken('b'), 2}));
  EXPECT_EQ(dataset.samples[0].labels, dataset.samples[0].tokens);
  EXPECT_EQ(dataset.samples[1].tokens, (Ids{1, byteToken('c'), 2}));
  EXPECT_EQ(dataset.rows, 2u);
  EXPECT_EQ(dataset.padded, 2u);
  EXPECT_EQ(dataset.tokens, 7u);
  EXPECT_EQ(dataset.trainedTokens, 5u);
  EXPECT_TRUE(dataset.notices.empty());
}

TEST_F(DatasetTest, CompletionRows) {
  const char *row = "{\"prompt\":\"ab\",\"completion\":\" c\"}";
  EXPECT_EQ(marked(loadRows(row).samples[0]), "<s>ab c</s>");
  options.assistantOnlyLoss = true;
  EXPECT_EQ(marked(loadRows(row).samples[0]), "___ c</s>");
}

TEST_F(DatasetTest, ChatRows) {
  const char *row = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                    "{\"role\":\"assistant\",\"content\":\"a\"}]}";
  Dataset dataset = loadRows(row);
  EXPECT_EQ(marked(dataset.samples[0]), "<s>User: q\nAssistant: a</s>");
  ASSERT_EQ(dataset.notices.size(), 1u);
  EXPECT_NE(dataset.notices[0].find("no chat template"), std::string::npos);
  options.assistantOnlyLoss = true;
  EXPECT_EQ(marked(loadRows(row).samples[0]), std::string(19, '_') + " a</s>");
}

TEST_F(DatasetTest, InstructionRows) {
  const char *row = "{\"instruction\":\"do\",\"input\":\"x\",\"output\":\"y\"}";
  EXPECT_EQ(marked(loadRows(row).samples[0]),
            "<s>User: do\n\nx\nAssistant: y</s>");
  for (const char *noInput :
       {"{\"instruction\":\"do\",\"output\":\"y\"}",
        "{\"instruction\":\"do\",\"input\":\"\",\"output\":\"y\"}",
        "{\"instruction\":\"do\",\"input\":null,\"output\":\"y\"}"})
    EXPECT_EQ(marked(loadRows(noInput).samples[0]),
              "<s>User: do\nAssistant: y</s>");
}

TEST_F(DatasetTest, TokenRowsNeedNoTokenizer) {
  std::string path = folder.write(
      "x.jsonl", "{\"input_ids\":[5,6,7],\"labels\":[-100,6,-100]}\n"
                 "{\"input_ids\":[8,9],\"attention_mask\":[1,1]}\n");
  auto dataset = loadDataset(path, nullptr, options);
  ASSERT_TRUE(dataset.ok()) << dataset.message();
  EXPECT_EQ(dataset->samples[0].tokens, (Ids{5, 6, 7}));
  EXPECT_EQ(dataset->samples[0].labels, (Ids{-100, 6, -100}));
  EXPECT_EQ(dataset->samples[1].labels, (Ids{8, 9}));
  EXPECT_EQ(dataset->trainedTokens, 2u);
  EXPECT_FALSE(
      loadDataset(folder.write("y.jsonl", "{\"text\":\"a\"}"), nullptr, options)
          .ok());
}

TEST_F(DatasetTest, JsonArray) {
  auto dataset = load("x.json", "\xEF\xBB\xBF [\n{\"text\":\"a\"},\n"
                                "{\"text\":\"b\"}]\n");
  ASSERT_TRUE(dataset.ok()) << dataset.message();
  EXPECT_EQ(dataset->rows, 2u);
  auto broken = load("x.json", "[{\"text\":\"a\"},{\"text\":1}]");
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.message().find("row 2"), std::string::npos);
  EXPECT_FALSE(load("x.json", "[{\"text\":\"a\"}").ok());
}

TEST_F(DatasetTest, WindowsScoreEveryTokenOnce) {
  for (size_t length : {2u, 3u, 4u, 5u, 6u, 7u, 9u, 10u, 31u}) {
    for (uint32_t window : {2u, 3u, 4u, 5u}) {
      std::string ids;
      for (size_t i = 0; i < length; ++i)
        ids += (i ? "," : "") + std::to_string(i);
      options.sequenceLength = window;
      Dataset dataset = loadRows("{\"input_ids\":[" + ids + "]}");
      std::map<int32_t, int> scored;
      for (const Sample &sample : dataset.samples) {
        ASSERT_GE(sample.tokens.size(), 2u);
        ASSERT_LE(sample.tokens.size(), window);
        for (size_t i = 1; i < sample.tokens.size(); ++i) {
          EXPECT_EQ(sample.tokens[i], sample.tokens[i - 1] + 1);
          ++scored[sample.labels[i]];
        }
      }
      EXPECT_EQ(scored.size(), length - 1);
      for (const auto &[id, times] : scored)
        EXPECT_EQ(times, 1) << id;
      EXPECT_EQ(dataset.trainedTokens, length - 1);
      EXPECT_EQ(dataset.rowsCut, length > window ? 1u : 0u);
      EXPECT_EQ(dataset.windowsCut,
                length > window ? dataset.samples.size() : 0u);
    }
  }
}

TEST_F(DatasetTest, PlainTextIsCutIntoWindows) {
  options.sequenceLength = 4;
  auto dataset = load("x.txt", "abcdef</s>");
  ASSERT_TRUE(dataset.ok()) << dataset.message();
  EXPECT_EQ(dataset->rows, 1u);
  ASSERT_EQ(dataset->samples.size(), 4u);
  EXPECT_EQ(marked(dataset->samples[0]), "<s>abc");
  EXPECT_EQ(marked(dataset->samples[1]), "_def");
  EXPECT_EQ(marked(dataset->samples[2]), "_</s");
  EXPECT_EQ(marked(dataset->samples[3]), "_>");
  EXPECT_EQ(dataset->padded, 1u);
  EXPECT_EQ(dataset->notices.size(), 1u);
}

TEST_F(DatasetTest, SamplesWithoutAnythingToTrainAreCounted) {
  Dataset dataset = loadRows("{\"input_ids\":[1]}\n"
                             "{\"input_ids\":[1,2],\"labels\":[1,-100]}\n"
                             "{\"input_ids\":[1,2]}\n");
  EXPECT_EQ(dataset.samples.size(), 1u);
  EXPECT_EQ(dataset.dropped, 2u);
  EXPECT_EQ(dataset.notices.size(), 1u);
  EXPECT_NE(loadError("{\"input_ids\":[1]}").find("no token to train"),
            std::string::npos);
}

TEST_F(DatasetTest, ErrorsNameFileAndLine) {
  std::string message = loadError("{\"text\":\"a\"}\n\n{\"text\":1}\n");
  EXPECT_NE(message.find("x.jsonl', line 3: expected 'text' to be a string"),
            std::string::npos)
      << message;
}

TEST_F(DatasetTest, RefusesBadRows) {
  const char *rows[] = {
      "",
      " \n\t\n",
      "x",
      "[]",
      "1",
      "{}",
      "{\"text\":\"a\"",
      "{\"text\":\"\xFF\"}",
      "{\"prompt\":\"a\"}",
      "{\"completion\":\"a\"}",
      "{\"instruction\":\"a\"}",
      "{\"instruction\":\"a\",\"input\":1,\"output\":\"b\"}",
      "{\"messages\":1}",
      "{\"messages\":[]}",
      "{\"messages\":[1]}",
      "{\"messages\":[{\"role\":\"user\"}]}",
      "{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}",
      "{\"messages\":[{\"role\":\"user\",\"content\":null}]}",
      "{\"input_ids\":1}",
      "{\"input_ids\":[]}",
      "{\"input_ids\":[1,-1]}",
      "{\"input_ids\":[1,1000000]}",
      "{\"input_ids\":[1,18446744073709551615]}",
      "{\"input_ids\":[1,-9223372036854775808]}",
      "{\"input_ids\":[1,1.5]}",
      "{\"input_ids\":[1,\"a\"]}",
      "{\"input_ids\":[1,2],\"labels\":[1]}",
      "{\"input_ids\":[1,2],\"labels\":[1,-99]}",
      "{\"input_ids\":[1,2],\"labels\":[1,1000000]}",
      "{\"input_ids\":[1,2],\"attention_mask\":[1,0]}",
  };
  for (const char *row : rows)
    EXPECT_FALSE(load("x.jsonl", row).ok()) << row;
  EXPECT_FALSE(load("x.jsonl", std::string(1000000, '[')).ok());
  EXPECT_FALSE(load("x.txt", "").ok());
  EXPECT_FALSE(loadDataset(folder.path("none"), &*tokenizer, options).ok());
}

TEST_F(DatasetTest, AssistantOnlyRefusesOtherRows) {
  options.assistantOnlyLoss = true;
  for (const char *row : {"{\"text\":\"a\"}", "{\"input_ids\":[1,2]}"})
    EXPECT_NE(loadError(row).find("assistant-only loss"), std::string::npos);
  EXPECT_FALSE(load("x.txt", "abc").ok());
}

TEST_F(DatasetTest, ValidationSplit) {
  std::string content;
  for (int i = 0; i < 10; ++i)
    content += "{\"input_ids\":[" + std::to_string(i) + ",1]}\n";
  auto split = [&](double fraction, uint64_t seed) {
    Dataset dataset = loadRows(content);
    auto validation = splitValidation(dataset, fraction, 128, seed);
    EXPECT_TRUE(validation.ok()) << validation.message();
    EXPECT_EQ(dataset.samples.size() + validation->samples.size(), 10u);
    EXPECT_EQ(dataset.tokens + validation->tokens, 20u);
    Ids chosen;
    for (const Sample &sample : validation->samples)
      chosen.push_back(sample.tokens[0]);
    EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
    return chosen;
  };
  EXPECT_EQ(split(0, 1).size(), 0u);
  EXPECT_EQ(split(0.01, 1).size(), 1u);
  EXPECT_EQ(split(0.3, 1).size(), 3u);
  EXPECT_EQ(split(0.3, 1), split(0.3, 1));
  EXPECT_NE(split(0.5, 1), split(0.5, 2));
  for (double fraction : {-0.1, 1.0, 0.99, 1e300, double(NAN)}) {
    Dataset dataset = loadRows(content);
    EXPECT_FALSE(splitValidation(dataset, fraction, 128, 1).ok()) << fraction;
    EXPECT_EQ(dataset.samples.size(), 10u);
  }
}

} // namespace
} // namespace sterna
