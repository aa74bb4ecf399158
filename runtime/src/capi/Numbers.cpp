//===- Numbers.cpp - Logits and gradients of the C API --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"
#include "train/Gradients.h"

using namespace sterna;
using namespace sterna::capi;

namespace {

using Rows = std::function<void(uint32_t, const float *)>;

/// Reads tokens into an empty context; `append` gives a row of `columnsOf`
/// values for each of them.
sterna_status_t readRows(
    sterna_session_t &session, const int32_t *tokens, size_t count, size_t size,
    float *out_rows, uint32_t (LanguageModel::*columnsOf)() const,
    Status (LanguageModel::*append)(const int32_t *, uint32_t, const Rows &)) {
  Expected<LanguageModel> model = LanguageModel::create(
      *session.session, session.adapter.has_value(), session.scale());
  if (!model.ok())
    return failed(model.status());
  size_t columns = ((*model).*columnsOf)();
  // More than the context holds is refused by the model.
  if (count > UINT32_MAX || size != count * columns * sizeof(float))
    return invalid(Status::error("expected " +
                                 std::to_string(columns * sizeof(float)) +
                                 " bytes for each of " + std::to_string(count) +
                                 " tokens, but got " + std::to_string(size)));
  ++session.contextVersion;
  Status status = ((*model).*append)(
      tokens, uint32_t(count), [&](uint32_t index, const float *row) {
        std::copy_n(row, columns, out_rows + index * columns);
      });
  return status.ok() ? nullptr : invalid(status);
}

sterna_status_t computeSample(sterna_session_t &session,
                              const sterna_data_t &data, uint64_t seed,
                              double *out_loss,
                              sterna_adapter_t **out_gradients) {
  if (Status status = checkData(session, data); !status.ok())
    return invalid(status);
  if (!session.adapter)
    return invalid("expected a session with an adapter: set one first");
  Expected<SampleGradients> result =
      computeGradients(*session.session, *session.adapter, *data.data, seed);
  if (!result.ok())
    return failed(result.status());
  *out_gradients = makeAdapter(std::move(result->gradients), "gradients");
  *out_loss = result->loss;
  return nullptr;
}

} // namespace

sterna_status_t sterna_session_logits(sterna_session_t *session,
                                      const int32_t *tokens, size_t count,
                                      size_t size, float *out_logits) {
  return guarded({{session, "a session"},
                  {tokens, "tokens"},
                  {out_logits, "a place for the logits"}},
                 [&] {
                   return readRows(*session, tokens, count, size, out_logits,
                                   &LanguageModel::vocabulary,
                                   &LanguageModel::appendWithLogits);
                 });
}

sterna_status_t sterna_session_hidden(sterna_session_t *session,
                                      const int32_t *tokens, size_t count,
                                      size_t size, float *out_hidden) {
  return guarded({{session, "a session"},
                  {tokens, "tokens"},
                  {out_hidden, "a place for the hidden state"}},
                 [&] {
                   return readRows(*session, tokens, count, size, out_hidden,
                                   &LanguageModel::hiddenSize,
                                   &LanguageModel::appendWithHidden);
                 });
}

sterna_status_t sterna_session_gradients(sterna_session_t *session,
                                         const sterna_data_t *data,
                                         uint64_t seed, double *out_loss,
                                         sterna_adapter_t **out_gradients) {
  clear(out_loss);
  clear(out_gradients);
  return guarded({{session, "a session"},
                  {data, "data"},
                  {out_loss, "a place for the loss"},
                  {out_gradients, "a place for the gradients"}},
                 [&] {
                   return computeSample(*session, *data, seed, out_loss,
                                        out_gradients);
                 });
}
