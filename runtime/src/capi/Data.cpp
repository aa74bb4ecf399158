//===- Data.cpp - Data sets of the C API --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"

using namespace sterna;
using namespace sterna::capi;

namespace {

/// The caller holds the data's one reference.
sterna_data *makeHandle(std::shared_ptr<const Module> module, ModelData data) {
  auto *handle = new sterna_data();
  handle->module = std::move(module);
  handle->data = std::make_shared<const ModelData>(std::move(data));
  return handle;
}

/// Reads data by `read`, which gets the tokenizer and whether only the
/// assistant is scored.
template <typename Read>
sterna_status_t readData(sterna_module_t *module,
                         const sterna_data_options_t *given,
                         sterna_data_t **out_data, Read read) {
  sterna_data_options_t options = {};
  if (sterna_status_t status = readStruct(given, options))
    return status;
  Expected<sterna_module::Tokenizer> tokenizer = module->tokenizerIfAny();
  if (!tokenizer.ok())
    return failed(tokenizer.status());
  Expected<ModelData> data =
      read(tokenizer->get(), options.assistant_only_loss != 0);
  if (!data.ok())
    return failed(data.status());
  *out_data = makeHandle(module->module, std::move(*data));
  return nullptr;
}

sterna_status_t createData(sterna_module_t *module, const sterna_row_t *rows,
                           size_t count, sterna_data_t **out_data) {
  if (sterna_status_t status = checkList(rows, count, "rows"))
    return status;
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i) {
    const sterna_row_t &row = rows[i];
    if (sterna_status_t status = checkList(row.tokens, row.count, "tokens"))
      return status;
    Sample sample;
    if (row.count > 0) {
      const int32_t *labels = row.labels ? row.labels : row.tokens;
      sample.tokens.assign(row.tokens, row.tokens + row.count);
      sample.labels.assign(labels, labels + row.count);
    }
    samples.push_back(std::move(sample));
  }
  Expected<sterna_module::Tokenizer> tokenizer = module->tokenizerIfAny();
  if (!tokenizer.ok())
    return failed(tokenizer.status());
  Expected<ModelData> data =
      makeModelData(*module->module, tokenizer->get(), std::move(samples));
  if (!data.ok())
    return invalid(data.status());
  *out_data = makeHandle(module->module, std::move(*data));
  return nullptr;
}

sterna_status_t splitData(const sterna_data_t &data, double fraction,
                          uint64_t seed, sterna_data_t **out_rest,
                          sterna_data_t **out_part) {
  if (!(fraction > 0))
    return invalid("expected a fraction above 0");
  ModelData rest = *data.data;
  Expected<ModelData> part = splitModelData(*data.module, rest, fraction, seed);
  if (!part.ok())
    return invalid(part.status());
  std::unique_ptr<sterna_data> first(makeHandle(data.module, std::move(rest)));
  *out_part = makeHandle(data.module, std::move(*part));
  *out_rest = first.release();
  return nullptr;
}

} // namespace

void sterna_data_options_init(size_t size, sterna_data_options_t *out_options) {
  writeDefaults(sterna_data_options_t(), size, out_options);
}

sterna_status_t sterna_data_load(sterna_module_t *module,
                                 sterna_string_view_t path,
                                 const sterna_data_options_t *options,
                                 sterna_data_t **out_data) {
  clear(out_data);
  return guarded(
      {{module, "a module"}, {out_data, "a place for the data"}}, [&] {
        return readData(module, options, out_data,
                        [&](const TokenizerInterface *tokenizer, bool only) {
                          return loadModelData(*module->module, tokenizer,
                                               toString(path), only);
                        });
      });
}

sterna_status_t sterna_data_parse(sterna_module_t *module,
                                  sterna_string_view_t lines,
                                  const sterna_data_options_t *options,
                                  sterna_data_t **out_data) {
  clear(out_data);
  return guarded(
      {{module, "a module"}, {out_data, "a place for the data"}}, [&] {
        return readData(module, options, out_data,
                        [&](const TokenizerInterface *tokenizer, bool only) {
                          // The name says that each line is a row.
                          return parseModelData(*module->module, tokenizer,
                                                "rows.jsonl",
                                                {lines.data, lines.size}, only);
                        });
      });
}

sterna_status_t sterna_data_create(sterna_module_t *module,
                                   const sterna_row_t *rows, size_t count,
                                   sterna_data_t **out_data) {
  clear(out_data);
  return guarded({{module, "a module"}, {out_data, "a place for the data"}},
                 [&] { return createData(module, rows, count, out_data); });
}

sterna_status_t sterna_data_split(const sterna_data_t *data, double fraction,
                                  uint64_t seed, sterna_data_t **out_rest,
                                  sterna_data_t **out_part) {
  clear(out_rest);
  clear(out_part);
  return guarded(
      {{data, "data"},
       {out_rest, "a place for the rest"},
       {out_part, "a place for the part"}},
      [&] { return splitData(*data, fraction, seed, out_rest, out_part); });
}

void sterna_data_retain(sterna_data_t *data) { retain(data); }

void sterna_data_release(sterna_data_t *data) { release(data); }

sterna_status_t sterna_data_info(const sterna_data_t *data,
                                 sterna_data_info_t *out_info) {
  clearStruct(out_info);
  return guarded({{data, "data"}, {out_info, "a place for the counts"}}, [&] {
    const Dataset &dataset = data->data->dataset;
    sterna_data_info_t info = {};
    info.samples = dataset.samples.size();
    info.tokens = dataset.tokens;
    info.scored_tokens = dataset.trainedTokens;
    return writeStruct(info, out_info);
  });
}

size_t sterna_data_notice_count(const sterna_data_t *data) {
  return data ? data->data->dataset.notices.size() : 0;
}

sterna_string_view_t sterna_data_notice(const sterna_data_t *data,
                                        size_t index) {
  if (index >= sterna_data_notice_count(data))
    return {nullptr, 0};
  return toView(data->data->dataset.notices[index]);
}
