//===- ChatTemplateTest.cpp - Unit tests of text/ChatTemplate.h -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which family a template is recognised as, what each layout renders, and which
// tokens count as the assistant's.
//
//===----------------------------------------------------------------------===//

#include "text/ChatTemplate.h"

#include "text/SmallVocabulary.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace sterna {
namespace {

const char chatMl[] = "{% for m in messages %}{{'<|im_start|>' + m['role'] + "
                      "'\\n' + m['content'] + '<|im_end|>'}}{% endfor %}";
const char llama3[] = "{{ '<|start_header_id|>' + message['role'] + "
                      "'<|end_header_id|>\\n\\n' }}";
const char llama2Jinja[] = "{{ bos_token + '[INST] ' + '<<SYS>>' }}";
const char zephyr[] = "{{ '<|user|>\\n' + message['content'] + eos_token }}";
const char phi3[] = "{{'<|user|>' + '\\n' + message['content'] + '<|end|>'}}";
const char falcon3[] = "{{ '<|user|>\n' + message[\"content\"] + '\n' }}";
const char bitNet[] = "{% set content = message['role'] | capitalize + ': '+ "
                      "message['content'] | trim + '<|eot_id|>' %}";

const std::vector<ChatMessage> conversation = {{"system", "Be brief."},
                                               {"user", "Hi"},
                                               {"assistant", "Yes?"},
                                               {"user", "Bye"},
                                               {"assistant", "Ciao"}};

/// Every character its bytes, plus the markers of all families.
SentencePieceTokenizer chatTokenizer() {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"});
  for (const char *marker :
       {"<|im_start|>", "<|im_end|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|eot_id|>", "<|end|>", "<|user|>",
        "<|assistant|>", "<|system|>"})
    addToken(data, marker, TokenType::Control);
  data.addSpacePrefix = false;
  return makeTokenizer(std::move(data));
}

/// The rendering as text, control tokens spelled out, the assistant's tokens in
/// braces.
std::string renderMarked(const char *jinja,
                         const std::vector<ChatMessage> &messages,
                         bool addGenerationPrompt = false) {
  SentencePieceTokenizer tokenizer = chatTokenizer();
  auto tokens = ChatTemplate::choose(jinja).render(tokenizer, messages,
                                                   addGenerationPrompt);
  if (!tokens.ok())
    return "error: " + tokens.message();
  EXPECT_EQ(tokens->ids.size(), tokens->spans.size());
  // No content here spells a control token: the text alone gives the ids, too.
  EXPECT_EQ(tokenizer.encode(tokens->text, /*addBos=*/false,
                             /*parseSpecial=*/true),
            tokens->ids);
  std::string text;
  bool inside = false;
  for (size_t i = 0; i < tokens->ids.size(); ++i) {
    bool trained = tokens->spans[i].assistant;
    if (trained != inside)
      text += trained ? "{" : "}";
    inside = trained;
    int32_t id = tokens->ids[i];
    text += tokenizer.isSpecial(id) ? tokenizer.spelling(id)
                                    : tokenizer.tokenBytes(id);
  }
  return text + (inside ? "}" : "");
}

TEST(ChatTemplateTest, RecognisesFamilies) {
  const std::pair<const char *, ChatFamily> cases[] = {
      {"", ChatFamily::Plain},           {" \n", ChatFamily::Plain},
      {chatMl, ChatFamily::ChatMl},      {llama3, ChatFamily::Llama3},
      {llama2Jinja, ChatFamily::Llama2}, {zephyr, ChatFamily::Zephyr},
      {phi3, ChatFamily::Phi3},          {falcon3, ChatFamily::Falcon3},
      {bitNet, ChatFamily::BitNet},      {"[INST] only", ChatFamily::Plain},
      {"<|user|>", ChatFamily::Plain},   {"\\", ChatFamily::Plain}};
  for (const auto &[jinja, family] : cases) {
    ChatTemplate chat = ChatTemplate::choose(jinja);
    EXPECT_EQ(chat.family(), family) << jinja;
    EXPECT_FALSE(chat.notice().empty());
  }
}

TEST(ChatTemplateTest, NoticeTellsMissingFromUnknown) {
  EXPECT_NE(ChatTemplate::choose("").notice().find("has no chat template"),
            std::string::npos);
  EXPECT_NE(ChatTemplate::choose("{{ odd }}").notice().find("no known family"),
            std::string::npos);
}

TEST(ChatTemplateTest, RendersEveryFamily) {
  EXPECT_EQ(renderMarked("", conversation),
            "<s>System: Be brief.\nUser: Hi\nAssistant:{ Yes?</s>}\n"
            "User: Bye\nAssistant:{ Ciao</s>}");
  EXPECT_EQ(renderMarked(chatMl, conversation),
            "<s><|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n{Yes?<|im_end|>}\n"
            "<|im_start|>user\nBye<|im_end|>\n"
            "<|im_start|>assistant\n{Ciao<|im_end|>}");
  EXPECT_EQ(renderMarked(llama3, {{"user", " Hi "}, {"assistant", "Yes"}}),
            "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n{Yes<|eot_id|>}");
  EXPECT_EQ(renderMarked(llama2Jinja, conversation),
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]{ Yes? </s>}"
            "<s>[INST] Bye [/INST]{ Ciao </s>}");
  EXPECT_EQ(renderMarked(zephyr, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<s><|user|>\nHi</s>\n<|assistant|>\n{Yes</s>}");
  EXPECT_EQ(renderMarked(phi3, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<s><|user|>\nHi<|end|>\n<|assistant|>\n{Yes<|end|>}");
  EXPECT_EQ(renderMarked(falcon3, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<s><|user|>\nHi\n<|assistant|>\n{Yes</s>}");
  EXPECT_EQ(renderMarked(bitNet, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<s>User: Hi<|eot_id|>Assistant:{ Yes<|eot_id|>}");
}

TEST(ChatTemplateTest, GenerationPrompt) {
  const std::vector<ChatMessage> question = {{"user", "Hi"}};
  EXPECT_EQ(renderMarked("", question, true), "<s>User: Hi\nAssistant:");
  EXPECT_EQ(renderMarked(chatMl, question, true),
            "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(renderMarked(llama2Jinja, question, true), "<s>[INST] Hi [/INST]");
}

TEST(ChatTemplateTest, ContentIsNeverAControlToken) {
  SentencePieceTokenizer tokenizer = chatTokenizer();
  auto tokens = ChatTemplate::choose(chatMl).render(
      tokenizer, {{"user", "<|im_end|></s>"}});
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  EXPECT_EQ(std::count(tokens->ids.begin(), tokens->ids.end(),
                       tokenizer.find("<|im_end|>")),
            1);
  EXPECT_EQ(std::count(tokens->ids.begin(), tokens->ids.end(), 2), 0);
}

TEST(ChatTemplateTest, TokensAreThoseOfTheWholeText) {
  // Pieces that reach from the layout into a content and back.
  TokenizerData data =
      smallVocabulary({":\xE2\x96\x81H", "i\n", "A", "H", "i", "\xE2\x96\x81",
                       ":", "\n", "\xE2\x96\x81H"});
  data.addSpacePrefix = false;
  SentencePieceTokenizer tokenizer = makeTokenizer(std::move(data));
  auto tokens = ChatTemplate::choose("").render(
      tokenizer, {{"user", "Hi"}, {"assistant", "Hi"}});
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  std::vector<int32_t> whole =
      tokenizer.encode("User: Hi\nAssistant: Hi", true, false);
  whole.push_back(2);
  EXPECT_EQ(tokens->ids, whole);
  // ":▁H" ends in the assistant's part and is trained with it.
  EXPECT_TRUE(tokens->spans[whole.size() - 3].assistant);
  EXPECT_FALSE(tokens->spans[whole.size() - 4].assistant);
}

TEST(ChatTemplateTest, TurnsWithoutWeight) {
  SentencePieceTokenizer tokenizer = chatTokenizer();
  for (const char *jinja : {"", chatMl, zephyr, bitNet}) {
    std::vector<ChatMessage> messages = conversation;
    auto all = ChatTemplate::choose(jinja).render(tokenizer, messages);
    messages[2].weighted = false;
    auto some = ChatTemplate::choose(jinja).render(tokenizer, messages);
    ASSERT_TRUE(all.ok() && some.ok());
    EXPECT_EQ(all->ids, some->ids) << "weights change no token";
    std::string left;
    for (size_t i = 0; i < some->ids.size(); ++i) {
      EXPECT_TRUE(all->spans[i].weighted);
      if (!some->spans[i].weighted)
        left += tokenizer.tokenBytes(some->ids[i]);
    }
    EXPECT_NE(left.find("Yes?"), std::string::npos) << left;
    for (const char *other : {"Hi", "Bye", "Ciao", "user", "User"})
      EXPECT_EQ(left.find(other), std::string::npos) << left;
  }
}

TEST(ChatTemplateTest, SystemPromptWithoutWeightInAUsersTurn) {
  SentencePieceTokenizer tokenizer = chatTokenizer();
  std::vector<ChatMessage> messages = {
      {"system", "Yes?"}, {"user", "Hi"}, {"assistant", "Bye"}};
  ChatTemplate llama2 = ChatTemplate::choose(llama2Jinja);
  auto all = llama2.render(tokenizer, messages);
  messages[0].weighted = false;
  auto some = llama2.render(tokenizer, messages);
  ASSERT_TRUE(all.ok() && some.ok());
  EXPECT_EQ(all->ids, some->ids);
  std::string left;
  for (size_t i = 0; i < some->ids.size(); ++i)
    if (!some->spans[i].weighted)
      left += tokenizer.tokenBytes(some->ids[i]);
  EXPECT_NE(left.find("Yes?"), std::string::npos) << left;
  EXPECT_EQ(left.find("Hi"), std::string::npos) << left;
  EXPECT_EQ(left.find("Bye"), std::string::npos) << left;
}

TEST(ChatTemplateTest, SaysWhereTurnsHaveNoEnd) {
  const std::pair<const char *, const char *> cases[] = {
      {chatMl, "'<|im_start|>', '<|im_end|>'"},
      {llama3, "'<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'"},
      {phi3, "'<|end|>'"},
      {bitNet, "'<|eot_id|>'"},
      {zephyr, ""},
      {falcon3, ""},
      {llama2Jinja, ""},
      {"", ""}};
  for (const auto &[jinja, names] : cases) {
    ChatTemplate chat = ChatTemplate::choose(jinja);
    EXPECT_EQ(chat.noticeOn(chatTokenizer()), "") << jinja;
    // The same names as ordinary pieces are letters.
    TokenizerData data =
        smallVocabulary({"<|im_start|>", "<|im_end|>", "<|start_header_id|>",
                         "<|end_header_id|>", "<|eot_id|>", "<|end|>"});
    std::string notice = chat.noticeOn(makeTokenizer(data));
    if (*names == '\0')
      EXPECT_EQ(notice, "") << jinja;
    else
      EXPECT_NE(notice.find("no control tokens " + std::string(names) + " of"),
                std::string::npos)
          << notice;
    data.eos = -1;
    EXPECT_NE(chat.noticeOn(makeTokenizer(data)), "") << jinja;
  }
}

TEST(ChatTemplateTest, RefusesWhatCannotBeRendered) {
  SentencePieceTokenizer tokenizer = chatTokenizer();
  ChatTemplate plain = ChatTemplate::choose("");
  EXPECT_FALSE(plain.render(tokenizer, {}).ok());
  EXPECT_FALSE(plain.render(tokenizer, {{"tool", "x"}}).ok());
  EXPECT_FALSE(plain.render(tokenizer, {{"", "x"}}).ok());
  ChatTemplate llama2 = ChatTemplate::choose(llama2Jinja);
  EXPECT_FALSE(llama2.render(tokenizer, {{"system", "x"}}).ok());
  EXPECT_FALSE(llama2.render(tokenizer, {{"assistant", "x"}}).ok());
  EXPECT_FALSE(llama2.render(tokenizer, {{"user", "x"}, {"user", "y"}}).ok());
}

} // namespace
} // namespace sterna
