//===- Adapter.cpp - Adapters of the C API ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"

#include <cmath>

using namespace sterna;
using namespace sterna::capi;

namespace {

sterna_adapter_options_t defaultOptions() {
  sterna_adapter_options_t options = {};
  options.alpha = 16;
  options.seed = 42;
  return options;
}

sterna_status_t createAdapter(const sterna_module_t *module,
                              const sterna_adapter_options_t *given,
                              sterna_adapter_t **out_adapter) {
  sterna_adapter_options_t options = defaultOptions();
  if (sterna_status_t status = readStruct(given, options))
    return status;
  if (!std::isfinite(options.alpha) || options.alpha <= 0)
    return invalid("expected an alpha above 0");
  Expected<PeftAdapter> adapter =
      Adapter::fresh(*module->module, options.alpha, options.seed);
  if (!adapter.ok())
    return failed(adapter.status());
  *out_adapter = makeAdapter(std::move(*adapter), "fresh");
  return nullptr;
}

sterna_status_t setAdapter(sterna_session_t *session,
                           const sterna_adapter_t *adapter) {
  if (!adapter) {
    if (session->adapter)
      if (Status status = Adapter::clear(*session->session); !status.ok())
        return failed(status);
    session->adapter.reset();
  } else {
    Expected<Adapter> set =
        Adapter::set(*session->session, adapter->adapter, adapter->origin);
    if (!set.ok())
      return failed(set.status());
    session->adapter = std::move(*set);
  }
  ++session->adapterVersion;
  ++session->contextVersion;
  return nullptr;
}

sterna_status_t describeMatrix(const sterna_adapter_t &adapter, size_t index,
                               sterna_matrix_t *out_matrix) {
  if (index >= adapter.names.size())
    return invalid("expected the index of a matrix of the adapter");
  const LoraPair &pair = adapter.adapter.pairs[index / 2];
  uint64_t rank = adapter.adapter.config.rank;
  bool isA = index % 2 == 0;
  sterna_matrix_t matrix = {};
  matrix.name = toView(adapter.names[index]);
  matrix.rows = isA ? rank : pair.out;
  matrix.columns = isA ? pair.in : rank;
  matrix.data = isA ? pair.a.data() : pair.b.data();
  return writeStruct(matrix, out_matrix);
}

sterna_status_t assemble(const sterna_matrix_t *matrices, size_t count,
                         double scale, sterna_adapter_t **out_adapter) {
  if (sterna_status_t status = checkList(matrices, count, "matrices"))
    return status;
  std::vector<NamedTensor> tensors;
  uint64_t rank = UINT32_MAX;
  for (size_t i = 0; i < count; ++i) {
    sterna_matrix_t matrix = {};
    if (sterna_status_t status = readStruct(&matrices[i], matrix))
      return status;
    if (!matrix.data)
      return invalid("expected the elements of a matrix, but got null");
    NamedTensor tensor{
        toString(matrix.name), {matrix.rows, matrix.columns}, {}};
    tensor.data.assign(matrix.data, matrix.data + matrix.rows * matrix.columns);
    tensors.push_back(std::move(tensor));
    // The shorter side of both is the rank, and of a linear the longer one.
    rank = std::min({rank, matrix.rows, matrix.columns});
  }
  PeftConfig config;
  config.rank = uint32_t(rank);
  config.alpha = scale * double(rank);
  config.targetModules = {"all-linear"};
  Expected<PeftAdapter> adapter =
      assemblePeft("the matrices", config, std::move(tensors));
  if (!adapter.ok())
    return invalid(adapter.status());
  *out_adapter = makeAdapter(std::move(*adapter), "of matrices");
  return nullptr;
}

} // namespace

sterna_adapter *sterna::capi::makeAdapter(PeftAdapter adapter,
                                          std::string origin) {
  auto *handle = new sterna_adapter();
  handle->adapter = std::move(adapter);
  handle->origin = std::move(origin);
  for (const LoraPair &pair : handle->adapter.pairs)
    for (char matrix : {'A', 'B'})
      handle->names.push_back(peftTensorName(pair.layer, pair.target, matrix));
  return handle;
}

void sterna_adapter_options_init(size_t size,
                                 sterna_adapter_options_t *out_options) {
  writeDefaults(defaultOptions(), size, out_options);
}

sterna_status_t sterna_adapter_create(const sterna_module_t *module,
                                      const sterna_adapter_options_t *options,
                                      sterna_adapter_t **out_adapter) {
  clear(out_adapter);
  return guarded(
      {{module, "a module"}, {out_adapter, "a place for the adapter"}},
      [&] { return createAdapter(module, options, out_adapter); });
}

sterna_status_t sterna_adapter_load(sterna_string_view_t path,
                                    sterna_adapter_t **out_adapter) {
  clear(out_adapter);
  return guarded({{out_adapter, "a place for the adapter"}},
                 [&]() -> sterna_status_t {
                   std::string directory = toString(path);
                   Expected<PeftAdapter> adapter = readPeft(directory);
                   if (!adapter.ok())
                     return failed(adapter.status());
                   *out_adapter = makeAdapter(std::move(*adapter), directory);
                   return nullptr;
                 });
}

sterna_status_t sterna_adapter_save(const sterna_adapter_t *adapter,
                                    sterna_string_view_t path) {
  return guarded({{adapter, "an adapter"}}, [&] {
    return failed(savePeft(toString(path), adapter->adapter));
  });
}

size_t sterna_adapter_matrix_count(const sterna_adapter_t *adapter) {
  return adapter ? adapter->names.size() : 0;
}

sterna_status_t sterna_adapter_matrix(const sterna_adapter_t *adapter,
                                      size_t index,
                                      sterna_matrix_t *out_matrix) {
  clearStruct(out_matrix);
  return guarded(
      {{adapter, "an adapter"}, {out_matrix, "a place for the matrix"}},
      [&] { return describeMatrix(*adapter, index, out_matrix); });
}

sterna_status_t sterna_adapter_assemble(const sterna_matrix_t *matrices,
                                        size_t count, double scale,
                                        sterna_adapter_t **out_adapter) {
  clear(out_adapter);
  return guarded({{out_adapter, "a place for the adapter"}},
                 [&] { return assemble(matrices, count, scale, out_adapter); });
}

void sterna_adapter_retain(sterna_adapter_t *adapter) { retain(adapter); }

void sterna_adapter_release(sterna_adapter_t *adapter) { release(adapter); }

double sterna_adapter_scale(const sterna_adapter_t *adapter) {
  return adapter ? adapter->adapter.config.scale() : 0;
}

sterna_status_t sterna_adapter_set_scale(sterna_adapter_t *adapter,
                                         double scale) {
  return guarded({{adapter, "an adapter"}}, [&]() -> sterna_status_t {
    if (!std::isfinite(float(scale)))
      return invalid("expected a finite factor");
    PeftConfig &config = adapter->adapter.config;
    double rank = double(config.rank);
    config.alpha = scale * (config.useRslora ? std::sqrt(rank) : rank);
    return nullptr;
  });
}

sterna_status_t sterna_session_set_adapter(sterna_session_t *session,
                                           const sterna_adapter_t *adapter) {
  return guarded({{session, "a session"}},
                 [&] { return setAdapter(session, adapter); });
}

sterna_status_t sterna_session_read_adapter(sterna_session_t *session,
                                            sterna_adapter_t **out_adapter) {
  clear(out_adapter);
  return guarded(
      {{session, "a session"}, {out_adapter, "a place for the adapter"}},
      [&]() -> sterna_status_t {
        if (!session->adapter)
          return invalid("expected a session with an adapter: set one first");
        Expected<PeftAdapter> adapter =
            session->adapter->read(*session->session);
        if (!adapter.ok())
          return failed(adapter.status());
        *out_adapter = makeAdapter(std::move(*adapter), "of a session");
        return nullptr;
      });
}
