//===- Tokenizer.cpp - Tokenizers of the C API --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"
#include "text/MakeTokenizer.h"

using namespace sterna;
using namespace sterna::capi;

namespace {

sterna_buffer_t *makeBuffer(const std::vector<int32_t> &ids) {
  return new sterna_buffer(
      std::string(reinterpret_cast<const char *>(ids.data()),
                  ids.size() * sizeof(int32_t)));
}

sterna_status_t createTokenizer(sterna_module_t *module,
                                sterna_tokenizer_t **out_tokenizer) {
  Expected<sterna_module::Tokenizer> tokenizer = module->tokenizer();
  if (!tokenizer.ok())
    return failed(tokenizer.status());
  auto handle = std::make_unique<sterna_tokenizer>();
  handle->tokenizer = *tokenizer;
  Expected<ChatTemplate> chat =
      ChatTemplate::parse(chatTemplateOf(*module->module));
  handle->notice = chat.ok() ? chat->noticeOn(**tokenizer) : chat.message();
  if (chat.ok())
    handle->chat = std::move(*chat);
  *out_tokenizer = handle.release();
  return nullptr;
}

sterna_status_t encode(const TokenizerInterface &tokenizer,
                       sterna_string_view_t text, uint32_t flags,
                       sterna_buffer_t **out_tokens) {
  constexpr uint32_t known =
      STERNA_ENCODE_BOS | STERNA_ENCODE_SPECIAL | STERNA_ENCODE_CONTINUES;
  if (flags & ~known)
    return invalid("expected flags of sterna_encode_flags_t");
  if (sterna_status_t status = checkList(text.data, text.size, "bytes of text"))
    return status;
  *out_tokens = makeBuffer(
      tokenizer.encode(toString(text), (flags & STERNA_ENCODE_BOS) != 0,
                       (flags & STERNA_ENCODE_SPECIAL) != 0,
                       /*atStart=*/(flags & STERNA_ENCODE_CONTINUES) == 0));
  return nullptr;
}

sterna_status_t renderChat(const sterna_tokenizer_t &tokenizer,
                           const sterna_message_t *messages, size_t count,
                           bool open, sterna_buffer_t **out_tokens,
                           sterna_buffer_t **out_text) {
  if (sterna_status_t status = checkList(messages, count, "messages"))
    return status;
  if (!tokenizer.chat)
    return failed(Status::error(tokenizer.notice));
  std::vector<ChatMessage> conversation;
  for (size_t i = 0; i < count; ++i)
    conversation.push_back(
        {toString(messages[i].role), toString(messages[i].content)});
  Expected<ChatTokens> rendered =
      tokenizer.chat->render(*tokenizer.tokenizer, conversation, open);
  if (!rendered.ok())
    return invalid(rendered.status());
  std::unique_ptr<sterna_buffer> tokens(makeBuffer(rendered->ids));
  if (out_text)
    *out_text = new sterna_buffer(std::move(rendered->text));
  if (out_tokens)
    *out_tokens = tokens.release();
  return nullptr;
}

} // namespace

sterna_status_t sterna_tokenizer_create(sterna_module_t *module,
                                        sterna_tokenizer_t **out_tokenizer) {
  clear(out_tokenizer);
  return guarded(
      {{module, "a module"}, {out_tokenizer, "a place for the tokenizer"}},
      [&] { return createTokenizer(module, out_tokenizer); });
}

void sterna_tokenizer_retain(sterna_tokenizer_t *tokenizer) {
  retain(tokenizer);
}

void sterna_tokenizer_release(sterna_tokenizer_t *tokenizer) {
  release(tokenizer);
}

sterna_status_t
sterna_tokenizer_special_tokens(const sterna_tokenizer_t *tokenizer,
                                sterna_special_tokens_t *out_tokens) {
  clearStruct(out_tokens);
  return guarded(
      {{tokenizer, "a tokenizer"}, {out_tokens, "a place for the tokens"}},
      [&] {
        const SpecialTokens &special = tokenizer->tokenizer->special();
        sterna_special_tokens_t tokens = {};
        tokens.bos = special.bos;
        tokens.eos = special.eos;
        tokens.unknown = special.unk;
        tokens.pad = special.pad;
        tokens.adds_bos = special.addBos;
        return writeStruct(tokens, out_tokens);
      });
}

int sterna_tokenizer_is_end(const sterna_tokenizer_t *tokenizer,
                            int32_t token) {
  return tokenizer && tokenizer->tokenizer->isEndOfGeneration(token);
}

int32_t sterna_tokenizer_find(const sterna_tokenizer_t *tokenizer,
                              sterna_string_view_t spelling) {
  if (!tokenizer || !spelling.data)
    return -1;
  return tokenizer->tokenizer->find({spelling.data, spelling.size});
}

sterna_status_t sterna_tokenizer_encode(const sterna_tokenizer_t *tokenizer,
                                        sterna_string_view_t text,
                                        uint32_t flags,
                                        sterna_buffer_t **out_tokens) {
  clear(out_tokens);
  return guarded(
      {{tokenizer, "a tokenizer"}, {out_tokens, "a place for the tokens"}},
      [&] { return encode(*tokenizer->tokenizer, text, flags, out_tokens); });
}

sterna_status_t sterna_tokenizer_decode(const sterna_tokenizer_t *tokenizer,
                                        const int32_t *tokens, size_t count,
                                        sterna_buffer_t **out_text) {
  clear(out_text);
  return guarded(
      {{tokenizer, "a tokenizer"}, {out_text, "a place for the text"}},
      [&]() -> sterna_status_t {
        if (sterna_status_t status = checkList(tokens, count, "tokens"))
          return status;
        std::vector<int32_t> ids;
        if (count > 0)
          ids.assign(tokens, tokens + count);
        *out_text = new sterna_buffer(tokenizer->tokenizer->decode(ids));
        return nullptr;
      });
}

sterna_status_t
sterna_tokenizer_token_bytes(const sterna_tokenizer_t *tokenizer, int32_t token,
                             sterna_buffer_t **out_bytes) {
  clear(out_bytes);
  return guarded(
      {{tokenizer, "a tokenizer"}, {out_bytes, "a place for the bytes"}},
      [&]() -> sterna_status_t {
        if (token < 0 || token >= tokenizer->tokenizer->size())
          return invalid("expected a token of the vocabulary");
        *out_bytes = new sterna_buffer(tokenizer->tokenizer->tokenBytes(token));
        return nullptr;
      });
}

sterna_status_t
sterna_tokenizer_render_chat(const sterna_tokenizer_t *tokenizer,
                             const sterna_message_t *messages, size_t count,
                             int open, sterna_buffer_t **out_tokens,
                             sterna_buffer_t **out_text) {
  clear(out_tokens);
  clear(out_text);
  return guarded({{tokenizer, "a tokenizer"}}, [&] {
    return renderChat(*tokenizer, messages, count, open != 0, out_tokens,
                      out_text);
  });
}

sterna_string_view_t
sterna_tokenizer_chat_notice(const sterna_tokenizer_t *tokenizer) {
  if (!tokenizer)
    return {nullptr, 0};
  return toView(tokenizer->notice);
}
