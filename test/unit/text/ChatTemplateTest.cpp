//===- ChatTemplateTest.cpp - Unit tests of text/ChatTemplate.h -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What templates of the published kinds render, which tokens count as the
// assistant's, and what is refused.
//
//===----------------------------------------------------------------------===//

#include "text/ChatTemplate.h"

#include "text/SmallVocabulary.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>

namespace sterna {
namespace {

// Templates in the manner of the families, as short as they can be.
const char chatMl[] =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + "
    "m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const char llama3[] =
    "{% for m in messages %}{% set text = '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.first %}{% set text = bos_token + text %}{% endif %}"
    "{{ text }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";
const char llama2[] =
    "{% if messages[0].role == 'system' %}"
    "{% set system = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' "
    "%}"
    "{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + "
    "m.content.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}"
    "{% endfor %}";
const char zephyr[] =
    "{% for m in messages %}"
    "{{ '<|' + m.role + '|>\\n' + m.content + eos_token + '\\n' }}"
    "{% endfor %}";
const char falcon3[] =
    "{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content }}"
    "{% if m.role == 'assistant' and loop.last %}{{ eos_token }}"
    "{% else %}{{ '\\n' }}{% endif %}{% endfor %}";
const char bitNet[] =
    "{% for m in messages %}{% set text = m['role'] | capitalize + ': ' + "
    "m['content'] | trim + '<|eot_id|>' %}{% if loop.first %}"
    "{% set text = bos_token + text %}{% endif %}{{ text }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";
// Earlier reasoning goes, and the last turn has some in any case.
const char reasoning[] =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}"
    "{% set parts = m.content.split('</think>') %}"
    "{% if loop.last %}{{ '<think>' + (parts[0].split('<think>')[-1] if "
    "parts | length > 1 else '') + '</think>' }}{% endif %}{{ parts[-1] }}"
    "{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}";

const std::vector<ChatMessage> conversation = {{"system", "Be brief."},
                                               {"user", "Hi"},
                                               {"assistant", "Yes?"},
                                               {"user", "Bye"},
                                               {"assistant", "Ciao"}};

/// Every character its bytes, plus the markers of all families.
TokenizerData chatVocabulary() {
  TokenizerData data = smallVocabulary({"\xE2\x96\x81"});
  for (const char *marker :
       {"<|im_start|>", "<|im_end|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|eot_id|>", "<|end|>", "<|user|>",
        "<|assistant|>", "<|system|>"})
    addToken(data, marker, TokenType::Control);
  data.addSpacePrefix = false;
  return data;
}

Expected<ChatTokens> render(const TokenizerInterface &tokenizer,
                            std::string_view jinja,
                            const std::vector<ChatMessage> &messages,
                            bool addGenerationPrompt = false) {
  auto chat = ChatTemplate::parse(jinja);
  if (!chat.ok())
    return chat.status();
  return chat->render(tokenizer, messages, addGenerationPrompt);
}

/// The rendering as text, control tokens spelled out, the assistant's tokens in
/// braces.
std::string renderMarked(std::string_view jinja,
                         const std::vector<ChatMessage> &messages,
                         bool addGenerationPrompt = false) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  auto tokens = render(tokenizer, jinja, messages, addGenerationPrompt);
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

TEST(ChatTemplateTest, AssistantsSpans) {
  EXPECT_EQ(renderMarked(plainChatTemplate(/*addBos=*/true), conversation),
            "<s>System: Be brief.\nUser: Hi\nAssistant:{ Yes?</s>}\n"
            "User: Bye\nAssistant:{ Ciao</s>}");
  EXPECT_EQ(renderMarked(chatMl, conversation),
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n{Yes?<|im_end|>}\n"
            "<|im_start|>user\nBye<|im_end|>\n"
            "<|im_start|>assistant\n{Ciao<|im_end|>}\n");
  EXPECT_EQ(renderMarked(llama3, {{"user", " Hi "}, {"assistant", "Yes"}}),
            "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n{Yes<|eot_id|>}");
  EXPECT_EQ(renderMarked(llama2, conversation),
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] {Yes? </s>}"
            "<s>[INST] Bye [/INST] {Ciao </s>}");
  EXPECT_EQ(renderMarked(zephyr, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<|user|>\nHi</s>\n<|assistant|>\n{Yes</s>}\n");
  EXPECT_EQ(renderMarked(bitNet, {{"user", "Hi"}, {"assistant", "Yes"}}),
            "<s>User: Hi<|eot_id|>Assistant: {Yes<|eot_id|>}");
}

TEST(ChatTemplateTest, TurnsWithoutAnEndAreTheirContent) {
  EXPECT_EQ(renderMarked(falcon3, conversation),
            "<|system|>\nBe brief.\n<|user|>\nHi\n<|assistant|>\n{Yes?}\n"
            "<|user|>\nBye\n<|assistant|>\n{Ciao</s>}");
}

TEST(ChatTemplateTest, EmptyTurnsEnd) {
  EXPECT_EQ(renderMarked(chatMl, {{"user", "Hi"}, {"assistant", ""}}),
            "<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n{<|im_end|>}\n");
}

TEST(ChatTemplateTest, ContentsInPieces) {
  const char first[] = "<think>a</think>b", last[] = "<think>c</think>d";
  EXPECT_EQ(renderMarked(reasoning, {{"user", "Hi"},
                                     {"assistant", first},
                                     {"user", "Bye"},
                                     {"assistant", last}}),
            "<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n{b<|im_end|>}\n"
            "<|im_start|>user\nBye<|im_end|>\n"
            "<|im_start|>assistant\n<think>{c</think>d<|im_end|>}\n");
}

TEST(ChatTemplateTest, GenerationBlocksMarkTheAssistant) {
  EXPECT_EQ(renderMarked("{% for m in messages %}{% if m.role == 'user' %}"
                         "U{{ m.content }}{% else %}A{% generation %}-"
                         "{{ m.content }}+{% endgeneration %}{% endif %}/"
                         "{% endfor %}",
                         {{"user", "Hi"},
                          {"assistant", "Yes"},
                          {"user", "Bye"},
                          {"assistant", "No"}}),
            "UHi/A{-Yes+}/UBye/A{-No+}/");
}

TEST(ChatTemplateTest, ContentsThatAreWrittenTwice) {
  EXPECT_EQ(renderMarked("{% for m in messages %}{{ m.role }}:{{ m.content + "
                         "eos_token + '-' + m.content }}/{% endfor %}",
                         {{"user", "Hi"}, {"assistant", "Yes"}}),
            "user:Hi</s>-Hi/assistant:{Yes</s>}-{Yes}/");
}

TEST(ChatTemplateTest, GenerationPrompt) {
  const std::vector<ChatMessage> question = {{"user", "Hi"}};
  EXPECT_EQ(renderMarked(plainChatTemplate(/*addBos=*/false), question, true),
            "User: Hi\nAssistant:");
  EXPECT_EQ(renderMarked(chatMl, question, true),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(renderMarked(llama2, question, true), "<s>[INST] Hi [/INST]");
}

TEST(ChatTemplateTest, ContentIsNeverAControlToken) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  for (const char *jinja : {chatMl, reasoning}) {
    auto tokens = render(tokenizer, jinja,
                         {{"user", "<|im_end|></s>"}, {"assistant", "</s>"}});
    ASSERT_TRUE(tokens.ok()) << tokens.message();
    EXPECT_EQ(std::count(tokens->ids.begin(), tokens->ids.end(),
                         tokenizer.find("<|im_end|>")),
              2);
    EXPECT_EQ(std::count(tokens->ids.begin(), tokens->ids.end(), 2), 0);
  }
}

TEST(ChatTemplateTest, TokensAreThoseOfTheWholeText) {
  // Pieces that reach from the layout into a content and back.
  TokenizerData data =
      smallVocabulary({":\xE2\x96\x81H", "i\n", "A", "H", "i", "\xE2\x96\x81",
                       ":", "\n", "\xE2\x96\x81H"});
  data.addSpacePrefix = false;
  SentencePieceTokenizer tokenizer = makeTokenizer(std::move(data));
  auto tokens = render(tokenizer, plainChatTemplate(/*addBos=*/true),
                       {{"user", "Hi"}, {"assistant", "Hi"}});
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  std::vector<int32_t> whole =
      tokenizer.encode("User: Hi\nAssistant: Hi", true, false);
  whole.push_back(2);
  EXPECT_EQ(tokens->ids, whole);
  // ":▁H" ends in the assistant's part and is trained with it.
  EXPECT_TRUE(tokens->spans[whole.size() - 3].assistant);
  EXPECT_FALSE(tokens->spans[whole.size() - 4].assistant);
}

/// The bytes of the tokens whose turn has no weight.
std::string withoutWeight(const TokenizerInterface &tokenizer,
                          const ChatTokens &tokens) {
  std::string text;
  for (size_t i = 0; i < tokens.ids.size(); ++i)
    if (!tokens.spans[i].weighted)
      text += tokenizer.isSpecial(tokens.ids[i])
                  ? tokenizer.spelling(tokens.ids[i])
                  : tokenizer.tokenBytes(tokens.ids[i]);
  return text;
}

TEST(ChatTemplateTest, TurnsWithoutWeight) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  const std::string plain = plainChatTemplate(/*addBos=*/true);
  const std::pair<std::string, const char *> cases[] = {
      {plain, "\nAssistant: Yes?</s>"},
      {chatMl, "\n<|im_start|>assistant\nYes?<|im_end|>"},
      {zephyr, "\n<|assistant|>\nYes?</s>"},
      {falcon3, "\n<|assistant|>\nYes?"},
      {bitNet, "Assistant: Yes?<|eot_id|>"}};
  for (const auto &[jinja, left] : cases) {
    std::vector<ChatMessage> messages = conversation;
    auto all = render(tokenizer, jinja, messages);
    messages[2].weighted = false;
    auto some = render(tokenizer, jinja, messages);
    ASSERT_TRUE(all.ok() && some.ok());
    EXPECT_EQ(all->ids, some->ids) << "weights change no token";
    EXPECT_EQ(withoutWeight(tokenizer, *all), "");
    EXPECT_EQ(withoutWeight(tokenizer, *some), left);
  }
}

TEST(ChatTemplateTest, BlocksWithoutWeight) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  const char jinja[] = "{% for m in messages %}{{ m.role }}:{% generation %}-"
                       "{{ m.content }}[END]{% endgeneration %}/{% endfor %}";
  std::vector<ChatMessage> messages = {
      {"user", "Hi"}, {"assistant", "Yes"}, {"user", "Bye"}};
  messages[1].weighted = false;
  auto tokens = render(tokenizer, jinja, messages);
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  EXPECT_EQ(withoutWeight(tokenizer, *tokens), "/assistant:-Yes[END]");
}

TEST(ChatTemplateTest, SystemPromptWithoutWeightInAUsersTurn) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  std::vector<ChatMessage> messages = {
      {"system", "Yes?"}, {"user", "Hi"}, {"assistant", "Bye"}};
  messages[0].weighted = false;
  auto some = render(tokenizer, llama2, messages);
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(withoutWeight(tokenizer, *some), "<s>[INST] <<SYS>>\nYes?");
}

TEST(ChatTemplateTest, SaysWhereTurnsHaveNoEnd) {
  TokenizerData data = chatVocabulary();
  // The same names as ordinary pieces are letters.
  TokenizerData letters = smallVocabulary({"<|im_end|>", "<|eot_id|>"});
  letters.eos = -1;
  const std::pair<std::string, const char *> cases[] = {
      {chatMl, "but with '<|im_end|>\\n': turns"},
      {llama3, "but with '<|eot_id|>': turns"},
      {bitNet, "but with '<|eot_id|>': turns"},
      {plainChatTemplate(/*addBos=*/true), "a generation: turns"},
      // Which need EOS, and say so when they are used.
      {zephyr, ""},
      {llama2, ""}};
  for (const auto &[jinja, text] : cases) {
    auto chat = ChatTemplate::parse(jinja);
    ASSERT_TRUE(chat.ok()) << chat.message();
    EXPECT_EQ(chat->noticeOn(makeTokenizer(data)), "") << jinja;
    std::string notice = chat->noticeOn(makeTokenizer(letters));
    if (*text == '\0')
      EXPECT_EQ(notice, "") << jinja;
    else
      EXPECT_NE(notice.find(text), std::string::npos) << notice;
  }
}

TEST(ChatTemplateTest, SaysWhereAnEndIsNotTheAssistants) {
  auto chat = ChatTemplate::parse(
      "{% for m in messages %}{% generation %}{{ m.content | upper }}"
      "{% endgeneration %}{{ eos_token }}{% endfor %}");
  ASSERT_TRUE(chat.ok()) << chat.message();
  EXPECT_EQ(chat->noticeOn(makeTokenizer(chatVocabulary())),
            "the chat template ends the assistant's turns with no token that "
            "ends a generation, but with '</s>': turns have no end to learn");
}

TEST(ChatTemplateTest, SourceDateIsTheDate) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  const char jinja[] =
      "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}";
  setenv("SOURCE_DATE_EPOCH", "951782400", 1);
  auto dated = render(tokenizer, jinja, {{"user", "Hi"}});
  setenv("SOURCE_DATE_EPOCH", "leap day", 1);
  auto refused = render(tokenizer, jinja, {{"user", "Hi"}});
  unsetenv("SOURCE_DATE_EPOCH");
  ASSERT_TRUE(dated.ok()) << dated.message();
  EXPECT_EQ(dated->text, "29 Feb 2000 Hi");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("'leap day'"), std::string::npos);
}

TEST(ChatTemplateTest, RefusesTemplates) {
  for (const char *text : {"", " \n"}) {
    auto none = ChatTemplate::parse(text);
    ASSERT_FALSE(none.ok());
    EXPECT_NE(none.message().find("has no chat template: compile it with "
                                  "--chat-template=FILE"),
              std::string::npos);
  }
  auto broken = ChatTemplate::parse("\n{% for %}");
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.message().find("chat template: "), std::string::npos);
  EXPECT_NE(broken.message().find("line 2"), std::string::npos);
}

TEST(ChatTemplateTest, RefusesConversations) {
  SentencePieceTokenizer tokenizer = makeTokenizer(chatVocabulary());
  auto refuse = [&](std::string_view jinja,
                    const std::vector<ChatMessage> &messages,
                    std::string_view why) {
    auto tokens = render(tokenizer, jinja, messages);
    ASSERT_FALSE(tokens.ok()) << jinja;
    EXPECT_NE(tokens.message().find(why), std::string::npos)
        << tokens.message();
  };
  refuse(chatMl, {}, "at least one message");
  refuse(chatMl, {{"tool", "x"}}, "got 'tool'");
  refuse(chatMl, {{"", "x"}}, "got ''");
  refuse(llama2, {{"assistant", "x"}}, "roles must alternate");
  refuse(llama2, {{"user", "x"}, {"user", "y"}}, "roles must alternate");
  refuse(llama2, {{"system", "x"}}, "leaves out message 1, the system's");
  refuse("{{ messages[-1].content }}", {{"user", "x"}, {"assistant", "y"}},
         "leaves out message 1, the user's");
}

} // namespace
} // namespace sterna
