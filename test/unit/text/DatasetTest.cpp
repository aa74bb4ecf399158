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
#include "text/ChatTemplate.h"
#include "text/SmallVocabulary.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>

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
    options.chatTemplate = plainChatTemplate(/*addBos=*/true);
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
      if (id == maskedLabel)
        text += '_';
      else if (tokenizer->isSpecial(id))
        text += tokenizer->spelling(id);
      else
        text += tokenizer->tokenBytes(id);
    }
    return text;
  }

  TemporaryFolder folder;
  std::optional<SentencePieceTokenizer> tokenizer;
  DatasetOptions options;
};

TEST_F(DatasetTest, RowsInMemoryAreAsThoseOfAFile) {
  options.sequenceLength = 4;
  std::vector<Sample> rows = {{{1, 2, 3}, {1, 2, 3}},
                              {{5, 6, 7, 8, 9, 4}, {5, -100, 7, 8, -100, 4}},
                              {{1, 2}, {-100, -100}}};
  std::string file;
  for (const Sample &row : rows) {
    auto list = [](const Ids &ids) {
      std::string text;
      for (int32_t id : ids)
        text += (text.empty() ? "[" : ",") + std::to_string(id);
      return text + "]";
    };
    file += "{\"input_ids\":" + list(row.tokens) +
            ",\"labels\":" + list(row.labels) + "}\n";
  }
  Dataset expected = loadRows(file);
  Expected<Dataset> dataset = makeDataset(rows, options);
  ASSERT_TRUE(dataset.ok()) << dataset.message();
  ASSERT_EQ(dataset->samples.size(), expected.samples.size());
  for (size_t i = 0; i < expected.samples.size(); ++i) {
    EXPECT_EQ(dataset->samples[i].tokens, expected.samples[i].tokens);
    EXPECT_EQ(dataset->samples[i].labels, expected.samples[i].labels);
    EXPECT_EQ(dataset->samples[i].row, expected.samples[i].row);
  }
  EXPECT_EQ(dataset->rows, expected.rows);
  EXPECT_EQ(dataset->tokens, expected.tokens);
  EXPECT_EQ(dataset->trainedTokens, expected.trainedTokens);
  EXPECT_EQ(dataset->notices, expected.notices);
}

TEST_F(DatasetTest, RefusesBadRowsInMemory) {
  int32_t size = options.vocabularySize;
  const std::vector<Sample> bad = {{{}, {}},
                                   {{1, 2}, {1}},
                                   {{1, 2}, {1, 2, 3}},
                                   {{1, size}, {1, 2}},
                                   {{1, -1}, {1, 2}},
                                   {{1, 2}, {1, size}},
                                   {{1, 2}, {1, -1}}};
  for (const Sample &row : bad) {
    Expected<Dataset> dataset = makeDataset({{{1, 2}, {1, 2}}, row}, options);
    ASSERT_FALSE(dataset.ok());
    EXPECT_EQ(dataset.message().rfind("row 2: ", 0), 0u) << dataset.message();
  }
  EXPECT_FALSE(makeDataset({}, options).ok());
  EXPECT_FALSE(makeDataset({{{1, 2}, {1, -100}}}, options).ok());
}

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
  EXPECT_TRUE(dataset.notices.empty());
  options.assistantOnlyLoss = true;
  EXPECT_EQ(marked(loadRows(row).samples[0]), std::string(19, '_') + " a</s>");
  options.chatTemplate.clear();
  EXPECT_NE(loadError(row).find("line 1: the model has no chat template"),
            std::string::npos);
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
  EXPECT_NE(loadError("{\"input_ids\":[1]}").find("no token to score"),
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
      "{\"input_ids\":[1,2],\"attention_mask\":[1,1,1]}",
      "{\"input_ids\":[1,2],\"attention_mask\":[1]}",
      "{\"input_ids\":[1,2],\"attention_mask\":[]}",
      "{\"input_ids\":[1,2],\"labels\":[1,2,3]}",
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

TEST_F(DatasetTest, UsesTheSystemPromptOfInstructions) {
  const char *row =
      "{\"instruction\":\"do\",\"system\":\"S\",\"output\":\"y\"}";
  EXPECT_EQ(marked(loadRows(row).samples[0]),
            "<s>System: S\nUser: do\nAssistant: y</s>");
}

TEST_F(DatasetTest, WeightsMaskTurns) {
  auto row = [](const char *first, const char *second) {
    return "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
           "{\"role\":\"assistant\",\"content\":\"a\"" +
           std::string(first) +
           "},{\"role\":\"user\",\"content\":\"r\"},"
           "{\"role\":\"assistant\",\"content\":\"b\"" +
           second + "}]}";
  };
  const std::string off = ",\"weight\":0";
  EXPECT_EQ(
      marked(loadRows(row(",\"weight\":1", ",\"weight\":null")).samples[0]),
      "<s>User: q\nAssistant: a</s>\nUser: r\nAssistant: b</s>");
  EXPECT_EQ(marked(loadRows(row(off.c_str(), "")).samples[0]),
            "<s>User: q" + std::string(14, '_') +
                "\nUser: r\nAssistant: b</s>");
  options.assistantOnlyLoss = true;
  EXPECT_EQ(marked(loadRows(row("", ",\"weight\":0.0")).samples[0]),
            std::string(19, '_') + " a</s>" + std::string(19, '_') + "___");
  EXPECT_NE(loadError(row(off.c_str(), off.c_str())).find("no token to score"),
            std::string::npos);
  for (const char *bad : {"2", "-1", "0.5", "true", "\"0\"", "[0]"})
    EXPECT_NE(loadError(row((",\"weight\":" + std::string(bad)).c_str(), ""))
                  .find("line 1: message 2: expected 'weight' to be 0 or 1"),
              std::string::npos)
        << bad;
}

TEST_F(DatasetTest, RefusesKeysByName) {
  const char *instruction = "\"instruction\":\"x\",\"output\":\"y\"";
  const char *messages = "\"messages\":[{\"role\":\"user\",\"content\":"
                         "\"q\"},{\"role\":\"assistant\",\"content\":"
                         "\"a\"}]";
  const std::pair<std::string, const char *> cases[] = {
      {instruction, "history"},
      {instruction, "weight"},
      {instruction, "tools"},
      {messages, "tools"},
      {messages, "functions"},
      {messages, "weight"},
      {messages, "system"},
      {messages, "input"},
      {"\"text\":\"a\"", "label"},
      {"\"text\":\"a\"", "weight"},
      {"\"text\":\"a\"", "Text"},
      {"\"input_ids\":[1,2]", "position_ids"},
      {"\"input_ids\":[1,2]", "token_type_ids"},
      {"\"prompt\":\"a\",\"completion\":\"b\"", "system"},
      {"\"prompt\":\"a\",\"completion\":\"b\"", "label"},
      {"\"prompt\":\"a\"", "chosen"},
      {"\"text\":\"a\"", "new\\nline"},
  };
  for (const auto &[row, key] : cases) {
    for (const char *value :
         {"1", "\"x\"", "[[\"a\",\"b\"]]", "{\"a\":1}", "0", "false"})
      EXPECT_NE(loadError("{\"text\":\"a\"}\n{" + row + ",\"" + key +
                          "\":" + value + "}")
                    .find("line 2: the key '" + std::string(key) + "' is not"),
                std::string::npos)
          << key << " " << value;
    // What exports write into rows without the key.
    for (const char *value : {"null", "\"\"", "[]", "{}"})
      if (key != std::string("chosen"))
        EXPECT_TRUE(
            load("x.jsonl", "{" + row + ",\"" + key + "\":" + value + "}").ok())
            << key << " " << value;
  }
  // Notes are left unread.
  for (const char *key : {"id", "source", "meta", "score", "url", "timestamp"})
    EXPECT_TRUE(load("x.jsonl", "{\"text\":\"a\",\"" + std::string(key) +
                                    "\":{\"text\":1}}")
                    .ok())
        << key;
}

TEST_F(DatasetTest, RefusesKeysOfMessages) {
  auto row = [](const std::string &key) {
    return "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
           "\"assistant\",\"content\":\"a\"" +
           key + "}]}";
  };
  for (const char *key : {"tool_calls", "tool_call_id", "function_call", "name",
                          "reasoning_content", "refusal", "prefix"}) {
    EXPECT_NE(loadError(row(",\"" + std::string(key) + "\":[1]"))
                  .find("message 2: the key '" + std::string(key) + "'"),
              std::string::npos)
        << key;
    EXPECT_TRUE(
        load("x.jsonl", row(",\"" + std::string(key) + "\":null")).ok());
  }
  EXPECT_TRUE(load("x.jsonl", row(",\"id\":7")).ok());
}

TEST_F(DatasetTest, RefusesRowsOfTwoKinds) {
  const char *parts[] = {
      "\"text\":\"a\"", "\"input_ids\":[1,2]",
      "\"prompt\":\"a\",\"completion\":\"b\"",
      "\"instruction\":\"a\",\"output\":\"b\"",
      "\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]"};
  for (const char *one : parts)
    for (const char *other : parts)
      if (one != other)
        EXPECT_NE(loadError("{" + std::string(one) + "," + other + "}")
                      .find("beside"),
                  std::string::npos)
            << one << other;
}

TEST_F(DatasetTest, RowsByNameAndByContent) {
  const char *rows = "{\"text\":\"ab\"}\n{\"text\":\"c\"}\n";
  for (const char *name :
       {"x.jsonl", "X.JSONL", "x.ndjson", "x.jl", "x.jsonlines", "x.Json", "x",
        "x.txt", "x.data", "x.v1.0"}) {
    auto dataset = load(name, rows);
    ASSERT_TRUE(dataset.ok()) << name << ": " << dataset.message();
    EXPECT_EQ(dataset->rows, 2u) << name;
    EXPECT_EQ(dataset->samples[0].tokens.size(), 4u) << name;
  }
  for (const char *list : {"[{\"text\":\"ab\"}]", "[\n{\"text\":\"ab\"}\n]\n"})
    for (const char *name : {"x.json", "x.JSON", "x", "x.txt"})
      EXPECT_TRUE(load(name, list).ok()) << name;
  // Text that only looks like it.
  for (const char *text : {"{\"text\": ab}", "[1] Genesis", "{curly} braces}",
                           "Chapter 1\n{\"text\":\"ab\"}\n"}) {
    auto dataset = load("x.txt", text);
    ASSERT_TRUE(dataset.ok()) << text << ": " << dataset.message();
    EXPECT_EQ(dataset->tokens, std::string(text).size() + 1) << text;
  }
  for (const char *name : {"x.csv", "x.TSV"}) {
    auto table = load(name, "text,label\n\"a\",1\n");
    ASSERT_FALSE(table.ok());
    EXPECT_NE(table.message().find("is a table"), std::string::npos);
  }
}

TEST_F(DatasetTest, RefusesWhatIsNoText) {
  using namespace std::string_literals;
  const std::pair<std::string, const char *> cases[] = {
      {"\x1f\x8b\x08\0\0"s, "is gzip data"},
      {"\x28\xb5\x2f\xfd\x04"s, "is Zstandard data"},
      {"BZh91AY&SY\xff"s, "is bzip2 data"},
      {"\xfd"
       "7zXZ\0\0"s,
       "is xz data"},
      {"PK\x03\x04\x14\0"s, "is a ZIP archive"},
      {"PAR1\x15\x04\xff"s, "is a Parquet file"},
      {"ARROW1\0\0"s, "is an Arrow file"},
      {"\x93NUMPY\x01\0"s, "is a NumPy array"},
      {"\x80\x04\x95"s, "is a Python pickle"},
      {"%PDF-1.7\n%\xe2\xe3"s, "is a PDF document"},
      {"GGUF\x03\0\0\0"s, "is a GGUF model"},
      {"\xff\xfe{\0"s, "is UTF-16 text"},
      {"\xfe\xff\0{"s, "is UTF-16 text"},
      {"\xff\xfe\0\0{\0\0\0"s, "is UTF-32 text"},
      {"a\0b\0"s, "line 1, column 2: expected UTF-8 text, but got the byte "
                  "0x00 (UTF-16"},
      {"ab\ntr\xe8s"s,
       "line 2, column 3: expected UTF-8 text, but got the byte "
       "0xe8 (Latin-1"},
      {"cut \xc3"s, "column 5"},
  };
  for (const auto &[content, expected] : cases)
    for (const char *name : {"x.txt", "x", "x.jsonl", "x.json", "x.csv"}) {
      auto dataset = load(name, content);
      ASSERT_FALSE(dataset.ok()) << expected;
      EXPECT_NE(dataset.message().find(expected), std::string::npos)
          << dataset.message();
    }
  // Signatures of letters are words too.
  for (const char *text : {"BZh", "ORC and elf", "GGUF files", "PAR1"})
    EXPECT_TRUE(load("x.txt", text).ok()) << text;
}

TEST_F(DatasetTest, SaysWhatIsWrongWithJson) {
  const std::string ok = "{\"text\":\"a\"}";
  const std::pair<std::string, const char *> cases[] = {
      {ok + "\n" + ok + ok, "line 2, column 13: {}a new line for each object"},
      {ok + "\r" + ok + "\r", "column 14: {}lines end with CR alone"},
      {ok + ",\n" + ok, "column 13: {}do not end with a comma"},
      {ok + "\n{\n\"text\":\"a\"\n}\n", "line 2, column 2: {}pretty-printed"},
      {"[\n" + ok + "\n]", "begins a list: {}name the file .json"},
      {ok + "\n{\"text\":", "line 2, column 9: {}seems to be cut"},
      {"{\"data\":[" + ok + "]}", "line 1: {}rows are in 'data'"},
      {"{'text':'a'}", "column 2: {}double quotes"},
      {"{\"text\":\"a\",\"id\":NaN}", "NaN and Infinity are no JSON"},
      {"{\"text\":\"\\ud83d\"}", "inside of a character"},
      {"{\"text\":\"a\tb\"}", "column 11: {}control character"},
      {"{\"text\":\"a\",\"text\":\"b\"}", "the key 'text' occurs twice"},
      {"{\"text\":\"a\",\"meta\":" + std::string(100000, '[') +
           std::string(100000, ']') + "}",
       "nested more than"},
  };
  for (const auto &[content, expected] : cases) {
    std::string message = loadError(content);
    std::string rest = expected;
    size_t position = 0;
    for (size_t gap; !rest.empty();
         rest.erase(0, gap == std::string::npos ? gap : gap + 2)) {
      gap = rest.find("{}");
      position = message.find(rest.substr(0, gap), position);
      EXPECT_NE(position, std::string::npos)
          << message << "\nexpected: " << expected;
    }
  }
  auto list = load("x.json", "[" + ok + ",\n" + ok + ",]");
  ASSERT_FALSE(list.ok());
  EXPECT_NE(list.message().find("line 2, column 14"), std::string::npos)
      << list.message();
}

TEST_F(DatasetTest, RowsBeyondALimitAreNoPlainText) {
  std::string deep = std::string(100, '[') + std::string(100, ']');
  for (const std::string &content :
       {std::string("{\"text\":\"a\",\"text\":\"b\"}"),
        "{\"text\":\"a\",\"meta\":" + deep + "}\n", "[" + deep + "]"})
    for (const char *name : {"x.txt", "x"}) {
      Expected<Dataset> dataset = load(name, content);
      ASSERT_FALSE(dataset.ok()) << content;
      EXPECT_NE(dataset.message().find("line 1, column"), std::string::npos)
          << dataset.message();
    }
}

TEST_F(DatasetTest, EmptyTextsAreLeftOutAndCounted) {
  Dataset dataset =
      loadRows("{\"text\":\"\"}\n{\"text\":\"a\"}\n"
               "{\"prompt\":\"a\",\"completion\":\"\"}\n"
               "{\"prompt\":\"\",\"completion\":\"b\"}\n"
               "{\"instruction\":\"a\",\"output\":\"\"}\n{\"text\":\" \"}\n");
  EXPECT_EQ(dataset.rows, 6u);
  EXPECT_EQ(dataset.emptyRows, 3u);
  EXPECT_EQ(dataset.samples.size(), 3u);
  ASSERT_EQ(dataset.notices.size(), 1u);
  EXPECT_EQ(dataset.notices[0].rfind("3 of 6 rows", 0), 0u)
      << dataset.notices[0];
  EXPECT_NE(loadError("{\"text\":\"\"}").find("no token to score"),
            std::string::npos);
}

TEST_F(DatasetTest, LineEndsOfPlainTextBecomeLineFeeds) {
  for (const char *text : {"a\r\nb\r\nc", "a\rb\rc", "a\r\nb\rc"}) {
    auto dataset = load("x.txt", text);
    ASSERT_TRUE(dataset.ok()) << dataset.message();
    EXPECT_EQ(marked(dataset->samples[0]), "<s>a\nb\nc");
    ASSERT_EQ(dataset->notices.size(), 1u);
    EXPECT_EQ(dataset->notices[0], "2 line ends with CR became LF");
  }
  EXPECT_TRUE(load("x.txt", "a\nb")->notices.empty());
  // Strings of rows are as they are.
  EXPECT_EQ(marked(loadRows("{\"text\":\"a\\r\\nb\"}\r\n").samples[0]),
            "<s>a\r\nb</s>");
}

TEST_F(DatasetTest, JoinedTextsHaveTheTokensOfTheWhole) {
  TokenizerData data = smallVocabulary({"ab", "a", "b", "\xE2\x96\x81"});
  data.addSpacePrefix = false;
  tokenizer.emplace(makeTokenizer(std::move(data)));
  options.vocabularySize = tokenizer->size();
  const char *row = "{\"prompt\":\"xa\",\"completion\":\"bx\"}";
  EXPECT_EQ(loadRows(row).samples[0].tokens,
            (Ids{1, byteToken('x'), 259, byteToken('x'), 2}));
  options.assistantOnlyLoss = true;
  EXPECT_EQ(marked(loadRows(row).samples[0]), "__abx</s>");
}

TEST_F(DatasetTest, SaysThatTheVocabularyHasNoEos) {
  TokenizerData data = smallVocabulary({"a"});
  data.eos = -1;
  tokenizer.emplace(makeTokenizer(std::move(data)));
  for (const char *row :
       {"{\"text\":\"a\"}", "{\"prompt\":\"a\",\"completion\":\"a\"}",
        "{\"instruction\":\"a\",\"output\":\"a\"}"}) {
    Dataset dataset = loadRows(std::string(row) + "\n" + row);
    EXPECT_EQ(std::count_if(dataset.notices.begin(), dataset.notices.end(),
                            [](const std::string &notice) {
                              return notice.find("no end to learn") !=
                                     std::string::npos;
                            }),
              1)
        << row;
  }
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

TEST_F(DatasetTest, ValidationHoldsOutWholeRows) {
  // Rows of one to seven windows.
  options.sequenceLength = 4;
  std::string content;
  for (int row = 0; row < 14; ++row) {
    content += "{\"input_ids\":[" + std::to_string(row);
    for (int i = 0; i < 3 * (row % 7 + 1); ++i)
      content += "," + std::to_string(row);
    content += "]}\n";
  }
  for (double fraction : {0.1, 0.3, 0.5, 0.9})
    for (uint64_t seed : {1u, 2u, 3u}) {
      Dataset dataset = loadRows(content);
      size_t before = dataset.samples.size();
      EXPECT_EQ(before, 2 * (1 + 2 + 3 + 4 + 5 + 6 + 7u));
      auto validation = splitValidation(dataset, fraction, 4, seed);
      ASSERT_TRUE(validation.ok()) << validation.message();
      EXPECT_EQ(dataset.samples.size() + validation->samples.size(), before);
      std::set<int32_t> trained, held;
      for (const Sample &sample : dataset.samples)
        trained.insert(sample.tokens[1]);
      for (const Sample &sample : validation->samples)
        held.insert(sample.tokens[1]);
      EXPECT_EQ(held.size(), std::max<size_t>(1, std::lround(fraction * 14)));
      for (int32_t row : held)
        EXPECT_EQ(trained.count(row), 0u) << row;
    }
  // One document has no other to hold out.
  auto text = load("x.txt", "a document of several windows");
  ASSERT_TRUE(text.ok());
  EXPECT_FALSE(splitValidation(*text, 0.5, 4, 1).ok());
}

} // namespace
} // namespace sterna
