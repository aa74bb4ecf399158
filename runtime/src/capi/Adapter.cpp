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

/// The caller holds the adapter's one reference.
sterna_adapter *makeHandle(PeftAdapter adapter, std::string origin) {
  auto *handle = new sterna_adapter();
  handle->adapter = std::move(adapter);
  handle->origin = std::move(origin);
  return handle;
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
  *out_adapter = makeHandle(std::move(*adapter), "fresh");
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

} // namespace

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
                   *out_adapter = makeHandle(std::move(*adapter), directory);
                   return nullptr;
                 });
}

sterna_status_t sterna_adapter_save(const sterna_adapter_t *adapter,
                                    sterna_string_view_t path) {
  return guarded({{adapter, "an adapter"}}, [&] {
    return failed(savePeft(toString(path), adapter->adapter));
  });
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
        *out_adapter = makeHandle(std::move(*adapter), "of a session");
        return nullptr;
      });
}
