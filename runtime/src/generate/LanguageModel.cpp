//===- LanguageModel.cpp - Tokens in, logits out --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See LanguageModel.h.
//
//===----------------------------------------------------------------------===//

#include "generate/LanguageModel.h"

#include <algorithm>
#include <cstring>

using namespace sterna;

Expected<LanguageModel::Forward>
LanguageModel::findForward(const Session &session, const std::string &name,
                           bool lora) {
  uint32_t length = forwardTokens(name, lora);
  uint64_t hiddenSize = session.module().model().hidden();
  Expected<Program> program = session.program(name);
  if (!program.ok())
    return program.status();
  Expected<int32_t *> tokens = program->input<int32_t>("tokens", length);
  if (!tokens.ok())
    return tokens.status();
  Expected<int32_t *> position = program->input<int32_t>("position", 1);
  if (!position.ok())
    return position.status();
  Expected<int32_t *> count = program->input<int32_t>("length", 1);
  if (!count.ok())
    return count.status();
  Expected<float *> hidden =
      program->output<float>("hidden", length * hiddenSize);
  if (!hidden.ok())
    return hidden.status();
  Expected<float *> scale = static_cast<float *>(nullptr);
  if (lora)
    scale = program->input<float>("lora_scale", 1);
  if (!scale.ok())
    return scale.status();
  return Forward{*program, length, *tokens, *position, *count, *scale, *hidden};
}

Expected<LanguageModel::Head> LanguageModel::findHead(const Session &session,
                                                      const std::string &name) {
  const format::Model &model = session.module().model();
  uint32_t rows = headTokens(name);
  Expected<Program> program = session.program(name);
  if (!program.ok())
    return program.status();
  Expected<float *> hidden =
      program->input<float>("hidden", uint64_t(rows) * model.hidden());
  if (!hidden.ok())
    return hidden.status();
  Expected<float *> logits =
      program->output<float>("logits", uint64_t(rows) * model.vocabulary());
  if (!logits.ok())
    return logits.status();
  return Head{*program, rows, *hidden, *logits};
}

Expected<LanguageModel> LanguageModel::create(Session &session, bool lora,
                                              float loraScale) {
  const Module &module = session.module();
  LanguageModel model(module.model(), loraScale);
  uint32_t longest = 0;
  for (const format::Program *program : orEmpty(module.plan().programs())) {
    std::string name = program->name()->str();
    if (headTokens(name) != 0 && session.isPrepared(name)) {
      Expected<Head> head = findHead(session, name);
      if (!head.ok())
        return head.status();
      model.heads.push_back(*head);
    }
    if (forwardTokens(name, lora) == 0 || !session.isPrepared(name))
      continue;
    Expected<Forward> forward = findForward(session, name, lora);
    if (!forward.ok())
      return forward.status();
    longest = std::max(longest, forward->length);
    model.forwards.push_back(*forward);
  }
  if (model.heads.empty())
    return Status::error("the module has no program 'head'");
  if (model.forwards.empty())
    return Status::error(
        lora ? "the module was compiled without adapters: compile it with "
               "--lora-rank above 0"
             : "the module has no forward program");
  std::sort(model.heads.begin(), model.heads.end(),
            [](const Head &x, const Head &y) { return x.rows < y.rows; });
  model.rows.resize(size_t(longest) * model.hidden);
  return model;
}

Status LanguageModel::checkTokens(const int32_t *tokens, uint32_t count) const {
  if (count == 0)
    return Status::error("expected at least one token, but got none");
  for (uint32_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || uint32_t(tokens[i]) >= vocabularySize)
      return Status::error("expected token ids from 0 to " +
                           std::to_string(vocabularySize - 1) + ", but got " +
                           std::to_string(tokens[i]) + " at index " +
                           std::to_string(i));
  return Status();
}

Expected<std::vector<PromptChunk>> LanguageModel::check(const int32_t *tokens,
                                                        uint32_t count) const {
  if (Status status = checkTokens(tokens, count); !status.ok())
    return status;
  std::vector<uint32_t> buckets;
  for (const Forward &forward : forwards)
    buckets.push_back(forward.length);
  return planPrompt(std::move(buckets), count, cached, context);
}

Status LanguageModel::runChunk(const PromptChunk &chunk,
                               const int32_t *tokens) {
  auto forward = std::find_if(
      forwards.begin(), forwards.end(),
      [&](const Forward &forward) { return forward.length == chunk.tokens; });
  std::copy(tokens, tokens + chunk.length, forward->tokens);
  std::fill(forward->tokens + chunk.length, forward->tokens + chunk.tokens, 0);
  *forward->position = int32_t(cached);
  *forward->count = int32_t(chunk.length);
  if (forward->loraScale)
    *forward->loraScale = scale;
  if (Status status = forward->program.run(); !status.ok())
    return status;
  // The head may reuse these bytes of the block for its own fields.
  std::copy(forward->hidden, forward->hidden + size_t(chunk.length) * hidden,
            rows.begin());
  rowCount = chunk.length;
  cached += chunk.length;
  return Status();
}

Status LanguageModel::runChunks(const int32_t *tokens, uint32_t count,
                                const std::function<Status()> &chunkDone) {
  Expected<std::vector<PromptChunk>> plan = check(tokens, count);
  if (!plan.ok())
    return plan.status();
  for (const PromptChunk &chunk : *plan) {
    if (Status status = runChunk(chunk, tokens); !status.ok())
      return status;
    if (Status status = chunkDone(); !status.ok())
      return status;
    tokens += chunk.length;
  }
  return Status();
}

Status LanguageModel::append(const int32_t *tokens, uint32_t count) {
  return runChunks(tokens, count, [] { return Status(); });
}

Status LanguageModel::appendWithHidden(
    const int32_t *tokens, uint32_t count,
    const std::function<void(uint32_t, const float *)> &row) {
  uint32_t index = 0;
  return runChunks(tokens, count, [&] {
    for (uint32_t i = 0; i < rowCount; ++i)
      row(index++, rows.data() + size_t(i) * hidden);
    return Status();
  });
}

Status LanguageModel::appendWithLogits(
    const int32_t *tokens, uint32_t count,
    const std::function<void(uint32_t, const float *)> &row) {
  uint32_t index = 0;
  return runChunks(tokens, count, [&] {
    for (uint32_t i = 0; i < rowCount; ++i) {
      Expected<const float *> values =
          logitsOf(rows.data() + size_t(i) * hidden, 1);
      if (!values.ok())
        return values.status();
      row(index++, *values);
    }
    return Status();
  });
}

Expected<const float *> LanguageModel::logits() {
  if (rowCount == 0)
    return Status::error("expected a token before asking for logits");
  return logitsOf(rows.data() + size_t(rowCount - 1) * hidden, 1);
}

uint32_t LanguageModel::mostAtOnce() const {
  uint32_t most = 0;
  for (const Forward &forward : forwards)
    if (forward.length <= heads.back().rows &&
        uint64_t(cached) + forward.length <= context)
      most = std::max(most, forward.length);
  return most;
}

Expected<const float *> LanguageModel::appendAtOnce(const int32_t *tokens,
                                                    uint32_t count) {
  if (Status status = checkTokens(tokens, count); !status.ok())
    return status;
  const Forward *best = nullptr;
  for (const Forward &forward : forwards)
    if (forward.length >= count &&
        uint64_t(cached) + forward.length <= context &&
        (!best || forward.length < best->length))
      best = &forward;
  if (!best || count > heads.back().rows)
    return Status::error("no program of the module takes " +
                         std::to_string(count) +
                         " tokens at once here: compile it with "
                         "--draft-tokens, or with a larger --max-context");
  if (Status status = runChunk({best->length, count}, tokens); !status.ok())
    return status;
  return logitsOf(rows.data(), count);
}

Expected<const float *> LanguageModel::logitsOf(const float *hiddenRows,
                                                uint32_t count) {
  const Head &head =
      *std::find_if(heads.begin(), heads.end(),
                    [&](const Head &head) { return head.rows >= count; });
  std::copy(hiddenRows, hiddenRows + size_t(count) * hidden, head.hidden);
  std::fill(head.hidden + size_t(count) * hidden,
            head.hidden + size_t(head.rows) * hidden, 0.0f);
  if (Status status = head.program.run(); !status.ok())
    return status;
  return head.logits;
}
