//===- CApiGenerateTest.cpp - Text through the C API ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokenizers and generators on the toy model, which continues a prompt as
// sterna-run does.
//
//===----------------------------------------------------------------------===//

#include "CApiFixture.h"
#include "RunTool.h"
#include "text/ChatTemplate.h"

using namespace sterna::test;

namespace {

class CApiTokenizer : public CApiFixture {
protected:
  void SetUp() override {
    CApiFixture::SetUp();
    ASSERT_OK(sterna_tokenizer_create(module, &tokenizer));
  }
  void TearDown() override {
    sterna_tokenizer_release(tokenizer);
    CApiFixture::TearDown();
  }

  /// Opens a module with the plain chat template.
  void openWithChats() {
    TestModule description = toyModel();
    description.chatTemplate = sterna::plainChatTemplate(/*addBos=*/false);
    open(description);
    sterna_tokenizer_release(tokenizer);
    ASSERT_OK(sterna_tokenizer_create(module, &tokenizer));
  }

  sterna_tokenizer_t *tokenizer = nullptr;
};

TEST_F(CApiTokenizer, EncodesAndDecodes) {
  close(); // the tokenizer keeps what it needs
  sterna_buffer_t *buffer = nullptr;
  ASSERT_OK(sterna_tokenizer_encode(tokenizer, view("abc"),
                                    STERNA_ENCODE_BOS | STERNA_ENCODE_SPECIAL,
                                    &buffer));
  std::vector<int32_t> ids = takeIds(buffer);
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 2, 3}));
  ASSERT_OK(
      sterna_tokenizer_decode(tokenizer, ids.data(), ids.size(), &buffer));
  EXPECT_EQ(takeText(buffer), "abc");
  ASSERT_OK(sterna_tokenizer_decode(tokenizer, nullptr, 0, &buffer));
  EXPECT_EQ(takeText(buffer), "");
  ASSERT_OK(sterna_tokenizer_encode(tokenizer, {nullptr, 0}, 0, &buffer));
  EXPECT_TRUE(takeIds(buffer).empty());
  ASSERT_OK(sterna_tokenizer_encode(tokenizer, view("<unk>"), 0, &buffer));
  EXPECT_EQ(takeIds(buffer).size(), 5u);
  ASSERT_OK(sterna_tokenizer_encode(tokenizer, view("<unk>"),
                                    STERNA_ENCODE_SPECIAL, &buffer));
  EXPECT_EQ(takeIds(buffer), (std::vector<int32_t>{0}));
  ASSERT_OK(sterna_tokenizer_token_bytes(tokenizer, 3, &buffer));
  EXPECT_EQ(takeText(buffer), "c");
  ASSERT_OK(sterna_tokenizer_token_bytes(tokenizer, 0, &buffer));
  EXPECT_EQ(takeText(buffer), "");
  EXPECT_EQ(sterna_tokenizer_find(tokenizer, view("c")), 3);
  EXPECT_EQ(sterna_tokenizer_find(tokenizer, view("?")), -1);
}

TEST_F(CApiTokenizer, KnowsSpecialTokens) {
  auto tokens = sized<sterna_special_tokens_t>();
  ASSERT_OK(sterna_tokenizer_special_tokens(tokenizer, &tokens));
  EXPECT_EQ(tokens.bos, -1);
  EXPECT_EQ(tokens.eos, -1);
  EXPECT_EQ(tokens.unknown, 0);
  EXPECT_EQ(tokens.pad, -1);
  EXPECT_EQ(tokens.adds_bos, 0u);
  EXPECT_EQ(sterna_tokenizer_is_end(tokenizer, 5), 0);
  TestModule description = toyModel();
  description.endIds = {5};
  open(description);
  sterna_tokenizer_release(tokenizer);
  ASSERT_OK(sterna_tokenizer_create(module, &tokenizer));
  EXPECT_EQ(sterna_tokenizer_is_end(tokenizer, 5), 1);
}

TEST_F(CApiTokenizer, RendersConversations) {
  openWithChats();
  sterna_message_t messages[] = {{view("user"), view("ab")},
                                 {view("assistant"), view("c")}};
  sterna_buffer_t *ids = nullptr, *rendered = nullptr;
  ASSERT_OK(sterna_tokenizer_render_chat(tokenizer, messages, 2, /*open=*/0,
                                         &ids, &rendered));
  EXPECT_EQ(takeText(rendered), "User: ab\nAssistant: c");
  EXPECT_FALSE(takeIds(ids).empty());
  ASSERT_OK(sterna_tokenizer_render_chat(tokenizer, messages, 1, /*open=*/1,
                                         nullptr, &rendered));
  EXPECT_EQ(takeText(rendered), "User: ab\nAssistant:");
  ASSERT_OK(sterna_tokenizer_render_chat(tokenizer, messages, 1, /*open=*/1,
                                         &ids, nullptr));
  sterna_buffer_t *encoded = nullptr;
  ASSERT_OK(sterna_tokenizer_encode(tokenizer, view("User: ab\nAssistant:"), 0,
                                    &encoded));
  EXPECT_EQ(takeIds(ids), takeIds(encoded));

  messages[0].role = view("tool");
  EXPECT_INVALID(
      sterna_tokenizer_render_chat(tokenizer, messages, 2, 0, &ids, &rendered));
  EXPECT_EQ(ids, nullptr);
  EXPECT_EQ(rendered, nullptr);
  EXPECT_INVALID(
      sterna_tokenizer_render_chat(tokenizer, messages, 0, 0, &ids, &rendered));
  EXPECT_INVALID(
      sterna_tokenizer_render_chat(tokenizer, nullptr, 1, 0, &ids, &rendered));
}

TEST_F(CApiTokenizer, SaysWhatConversationsLack) {
  sterna_message_t message = {view("user"), view("ab")};
  sterna_buffer_t *rendered = nullptr;
  std::string none = text(sterna_tokenizer_chat_notice(tokenizer));
  EXPECT_NE(none.find("no chat template"), std::string::npos) << none;
  EXPECT_EQ(
      messageOf(sterna_tokenizer_render_chat(tokenizer, &message, 1,
                                             /*open=*/1, nullptr, &rendered),
                STERNA_STATUS_FAILED),
      none);
  EXPECT_EQ(rendered, nullptr);
  openWithChats();
  std::string notice = text(sterna_tokenizer_chat_notice(tokenizer));
  EXPECT_NE(notice.find("no end to learn"), std::string::npos) << notice;
}

TEST_F(CApiTokenizer, RefusesBadArguments) {
  sterna_buffer_t *buffer = nullptr;
  auto tokens = sized<sterna_special_tokens_t>();
  sterna_tokenizer_t *none = nullptr;
  EXPECT_INVALID(sterna_tokenizer_create(nullptr, &none));
  EXPECT_INVALID(sterna_tokenizer_create(module, nullptr));
  EXPECT_INVALID(sterna_tokenizer_special_tokens(nullptr, &tokens));
  EXPECT_INVALID(sterna_tokenizer_special_tokens(tokenizer, nullptr));
  EXPECT_INVALID(sterna_tokenizer_encode(nullptr, view("a"), 0, &buffer));
  EXPECT_INVALID(sterna_tokenizer_encode(tokenizer, view("a"), 0, nullptr));
  EXPECT_INVALID(sterna_tokenizer_encode(tokenizer, view("a"), 8, &buffer));
  EXPECT_INVALID(sterna_tokenizer_encode(tokenizer, {nullptr, 1}, 0, &buffer));
  EXPECT_INVALID(sterna_tokenizer_decode(nullptr, nullptr, 0, &buffer));
  EXPECT_INVALID(sterna_tokenizer_decode(tokenizer, nullptr, 1, &buffer));
  EXPECT_INVALID(sterna_tokenizer_decode(tokenizer, nullptr, 0, nullptr));
  EXPECT_INVALID(sterna_tokenizer_token_bytes(nullptr, 1, &buffer));
  EXPECT_INVALID(sterna_tokenizer_token_bytes(tokenizer, 1, nullptr));
  for (int32_t id : {-1, int32_t(vocabulary), INT32_MAX, INT32_MIN})
    EXPECT_INVALID(sterna_tokenizer_token_bytes(tokenizer, id, &buffer));
  sterna_message_t message = {view("user"), view("a")};
  EXPECT_INVALID(
      sterna_tokenizer_render_chat(nullptr, &message, 1, 0, &buffer, nullptr));
  EXPECT_EQ(buffer, nullptr);
  EXPECT_EQ(sterna_tokenizer_is_end(nullptr, 1), 0);
  EXPECT_EQ(sterna_tokenizer_find(nullptr, view("a")), -1);
  EXPECT_EQ(sterna_tokenizer_find(tokenizer, {nullptr, 1}), -1);
  EXPECT_EQ(sterna_tokenizer_chat_notice(nullptr).size, 0u);
  sterna_tokenizer_retain(nullptr);
  sterna_tokenizer_release(nullptr);
  sterna_tokenizer_retain(tokenizer);
  sterna_tokenizer_release(tokenizer);
}

class CApiGenerator : public CApiFixture {
protected:
  void SetUp() override {
    CApiFixture::SetUp();
    sterna_generator_options_init(sizeof(options), &options);
  }
  void TearDown() override {
    sterna_generator_release(generator);
    CApiFixture::TearDown();
  }

  void create() {
    sterna_generator_release(generator);
    ASSERT_OK(sterna_generator_create(session, &options, &generator));
  }

  /// The text of a generation after `prompt`.
  std::string run(std::vector<int32_t> prompt) {
    EXPECT_EQ(messageOf(sterna_generator_append(generator, prompt.data(),
                                                prompt.size()),
                        STERNA_STATUS_OK),
              "");
    std::string text;
    EXPECT_EQ(messageOf(sterna_generator_run(generator, append, &text, &stop),
                        STERNA_STATUS_OK),
              "");
    return text;
  }

  static int append(void *user, const sterna_piece_t *piece) {
    *static_cast<std::string *>(user) += text(piece->text);
    return 0;
  }

  const std::vector<int32_t> prompt = {1, 2, 3};
  sterna_generator_options_t options = {};
  sterna_generator_t *generator = nullptr;
  sterna_stop_t stop = STERNA_STOP_NONE;
};

TEST_F(CApiGenerator, GivesWhatTheToolGives) {
  for (double temperature : {0.0, 30.0})
    for (uint64_t count : {0, 1, 3, 99})
      for (uint32_t topK : {0, 3}) {
        options.temperature = temperature;
        options.max_tokens = count;
        options.top_k = topK;
        options.seed = 5;
        options.top_p = 0.9;
        create();
        std::string text = run(prompt);
        nlohmann::json json = runToolJson(
            "generate " + path + " -p abc -n " + std::to_string(count) +
            " --temperature " + std::to_string(temperature) + " --top-k " +
            std::to_string(topK) + " --seed 5 --top-p 0.9");
        EXPECT_EQ(text, json["text"]);
        EXPECT_EQ(stop == STERNA_STOP_LENGTH, json["stop"] == "length");
        EXPECT_EQ(stop == STERNA_STOP_CONTEXT, json["stop"] == "context");
      }
}

TEST_F(CApiGenerator, StopsForEachReason) {
  options.max_tokens = 3;
  create();
  EXPECT_EQ(run(prompt), "flh");
  EXPECT_EQ(stop, STERNA_STOP_LENGTH);
  EXPECT_EQ(sterna_generator_position(generator), 5u);

  int32_t end = 8;
  options.end_tokens = &end;
  options.end_token_count = 1;
  create();
  EXPECT_EQ(run(prompt), "fl");
  EXPECT_EQ(stop, STERNA_STOP_END);

  sterna_string_view_t strings[] = {view("z"), view("lh")};
  options.end_token_count = 0;
  options.stop_strings = strings;
  options.stop_string_count = 2;
  create();
  EXPECT_EQ(run(prompt), "f");
  EXPECT_EQ(stop, STERNA_STOP_STRING);
}

TEST_F(CApiGenerator, IsPulledAndStoppedByTheCaller) {
  options.max_tokens = 3;
  create();
  ASSERT_OK(sterna_generator_append(generator, prompt.data(), 3));
  auto piece = sized<sterna_piece_t>();
  ASSERT_OK(sterna_generator_next(generator, &piece));
  EXPECT_EQ(piece.token, 6);
  EXPECT_EQ(text(piece.text), "f");
  EXPECT_EQ(piece.stop, STERNA_STOP_NONE);
  piece.size = 0; // refused, and no token is lost
  EXPECT_INVALID(sterna_generator_next(generator, &piece));
  auto stopAtOnce = [](void *user, const sterna_piece_t *piece) {
    *static_cast<int32_t *>(user) = piece->token;
    return 1;
  };
  int32_t token = -1;
  ASSERT_OK(sterna_generator_run(generator, stopAtOnce, &token, &stop));
  EXPECT_EQ(token, 12);
  EXPECT_EQ(stop, STERNA_STOP_CALLER);
  ASSERT_OK(sterna_generator_run(generator, nullptr, nullptr, &stop));
  EXPECT_EQ(stop, STERNA_STOP_LENGTH);
  piece = sized<sterna_piece_t>();
  ASSERT_OK(sterna_generator_next(generator, &piece));
  EXPECT_EQ(piece.token, -1);
  EXPECT_EQ(piece.stop, STERNA_STOP_LENGTH);
  // A conversation goes on in the same context: 1+2+3+6+12+8+2 = 34 = 2.
  EXPECT_EQ(run({2})[0], 'b');
  ASSERT_OK(sterna_generator_reset(generator));
  EXPECT_EQ(sterna_generator_position(generator), 0u);
  EXPECT_EQ(run(prompt), "flh");
}

TEST_F(CApiGenerator, OneHasTheContext) {
  create();
  ASSERT_OK(sterna_generator_append(generator, prompt.data(), 3));
  sterna_generator_t *other = nullptr;
  ASSERT_OK(sterna_generator_create(session, nullptr, &other));
  auto piece = sized<sterna_piece_t>();
  std::string message =
      messageOf(sterna_generator_next(generator, &piece), STERNA_STATUS_FAILED);
  EXPECT_NE(message.find("reset"), std::string::npos) << message;
  EXPECT_EQ(piece.token, 0) << "zeroed";
  EXPECT_FAILED(sterna_generator_append(generator, prompt.data(), 3));
  ASSERT_OK(sterna_generator_append(other, prompt.data(), 3));
  ASSERT_OK(sterna_generator_reset(generator));
  EXPECT_FAILED(sterna_generator_next(other, &piece));
  options.max_tokens = 3;
  create();
  EXPECT_EQ(run(prompt), "flh");
  sterna_generator_release(other);
}

TEST_F(CApiGenerator, WhatIsDoneByNameTakesTheContext) {
  create();
  float cache[context] = {};
  auto expectStale = [&] {
    auto piece = sized<sterna_piece_t>();
    EXPECT_FAILED(sterna_generator_next(generator, &piece));
    ASSERT_OK(sterna_generator_reset(generator));
    ASSERT_OK(sterna_generator_append(generator, prompt.data(), 3));
    ASSERT_OK(sterna_generator_next(generator, &piece));
  };
  expectStale();
  ASSERT_OK(sterna_session_run(session, view("forward_1")));
  expectStale();
  ASSERT_OK(
      sterna_session_write_state(session, view("cache"), cache, sizeof(cache)));
  expectStale();
}

TEST_F(CApiGenerator, RefusesBadArguments) {
  sterna_generator_t *none = nullptr;
  auto piece = sized<sterna_piece_t>();
  EXPECT_INVALID(sterna_generator_create(nullptr, nullptr, &none));
  EXPECT_INVALID(sterna_generator_create(session, nullptr, nullptr));
  EXPECT_INVALID(sterna_generator_append(nullptr, prompt.data(), 3));
  EXPECT_INVALID(sterna_generator_next(nullptr, &piece));
  EXPECT_INVALID(sterna_generator_run(nullptr, nullptr, nullptr, &stop));
  EXPECT_INVALID(sterna_generator_reset(nullptr));
  EXPECT_EQ(sterna_generator_position(nullptr), 0u);
  sterna_generator_release(nullptr);
  sterna_generator_options_init(sizeof(options), nullptr);

  create();
  EXPECT_INVALID(sterna_generator_append(generator, nullptr, 3));
  EXPECT_INVALID(sterna_generator_next(generator, nullptr));
  EXPECT_INVALID(sterna_generator_run(generator, nullptr, nullptr, nullptr));
  EXPECT_FAILED(sterna_generator_next(generator, &piece)); // nothing to go on
  EXPECT_INVALID(sterna_generator_append(generator, prompt.data(), 0));
  for (int32_t token : {int32_t(vocabulary), -1, INT32_MIN, INT32_MAX}) {
    std::vector<int32_t> bad = {1, token};
    EXPECT_INVALID(sterna_generator_append(generator, bad.data(), 2));
  }
  std::vector<int32_t> many(context + 1, 1);
  EXPECT_FAILED(sterna_generator_append(generator, many.data(), many.size()));

  auto refused = [&](auto change) {
    sterna_generator_options_init(sizeof(options), &options);
    change(options);
    EXPECT_INVALID(sterna_generator_create(session, &options, &none));
    EXPECT_EQ(none, nullptr);
  };
  using Options = sterna_generator_options_t;
  refused([](Options &o) { o.size = 0; });
  refused([](Options &o) { o.temperature = -1; });
  refused([](Options &o) { o.top_p = 2; });
  refused([](Options &o) { o.stop_string_count = 1; });
  refused([](Options &o) { o.end_token_count = 1; });
}

TEST_F(CApiGenerator, NamesTheProgramThatIsMissing) {
  sterna_string_view_t head = view("eval");
  auto given = sized<sterna_session_options_t>();
  given.program_count = 1;
  given.programs = &head;
  sterna_session_t *other = nullptr;
  ASSERT_OK(sterna_session_create(module, &given, &other));
  EXPECT_NE(messageOf(sterna_generator_create(other, nullptr, &generator),
                      STERNA_STATUS_FAILED)
                .find("'head'"),
            std::string::npos);
  sterna_session_release(other);
}

} // namespace
