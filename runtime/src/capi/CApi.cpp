//===- CApi.cpp - C API over the runtime's classes ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h. Only translates: handles to objects, statuses to codes,
// and the one exception that can reach here, exhausted memory, to a status.
//
//===----------------------------------------------------------------------===//

#include "sterna/sterna.h"

#include "core/Session.h"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>

using namespace sterna;

struct sterna_status {
  sterna_status_code_t code;
  std::string message;
};

struct sterna_module {
  std::atomic<uint32_t> references{1};
  std::shared_ptr<const Module> module;
};

struct sterna_session {
  std::atomic<uint32_t> references{1};
  std::unique_ptr<Session> session;
};

namespace {

/// Returned when not even a status can be allocated; never freed.
sterna_status outOfMemory{STERNA_STATUS_OUT_OF_MEMORY, "out of memory"};

sterna_status_t makeStatus(sterna_status_code_t code, const Status &status) {
  if (status.ok())
    return nullptr;
  return new sterna_status{code, status.message()};
}

sterna_status_t invalid(const char *message) {
  return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, Status::error(message));
}

/// Runs `body`, turning exhausted memory into a status.
template <typename Body> sterna_status_t guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return &outOfMemory;
  }
}

std::string toString(sterna_string_view_t view) {
  return view.size == 0 ? std::string() : std::string(view.data, view.size);
}

Status checkSize(const std::string &name, uint64_t expected, size_t actual) {
  if (expected == actual)
    return Status();
  return Status::error("expected " + std::to_string(expected) + " bytes for '" +
                       name + "', but got " + std::to_string(actual));
}

Expected<Program::Bytes> findField(const sterna_session_t &session,
                                   const std::string &programName,
                                   const std::string &name, size_t size,
                                   bool isInput) {
  Expected<Program> program = session.session->program(programName);
  if (!program.ok())
    return program.status();
  Expected<Program::Bytes> bytes =
      isInput ? program->inputBytes(name) : program->outputBytes(name);
  if (!bytes.ok())
    return bytes;
  if (Status status = checkSize(name, bytes->size, size); !status.ok())
    return status;
  return bytes;
}

/// The state tensor called `name`, which must have `size` bytes.
Expected<const format::StateTensor *>
findState(const Session &session, const std::string &name, size_t size) {
  const format::StateTensor *tensor = session.module().findState(name);
  if (!tensor)
    return Status::error("the module has no state tensor '" + name + "'");
  // The verifier has shown that the product fits the state space.
  uint64_t expected =
      *elementCount(tensor->shape()) * elementSize(tensor->type());
  if (Status status = checkSize(name, expected, size); !status.ok())
    return status;
  return tensor;
}

Status runProgram(const Session &session, const std::string &name) {
  Expected<Program> program = session.program(name);
  if (!program.ok())
    return program.status();
  return program->run();
}

Expected<std::vector<uint32_t>>
choosePrograms(const Module &module, const sterna_session_options_t *options) {
  if (!options || options->program_count == 0) {
    std::vector<uint32_t> all(orEmpty(module.metadata().programs()).size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i;
    return all;
  }
  std::vector<std::string> names;
  for (uint32_t i = 0; i < options->program_count; ++i)
    names.push_back(toString(options->programs[i]));
  return findPrograms(module, names);
}

} // namespace

sterna_status_code_t sterna_status_code(sterna_status_t status) {
  return status ? status->code : STERNA_STATUS_OK;
}

sterna_string_view_t sterna_status_message(sterna_status_t status) {
  if (!status)
    return {nullptr, 0};
  return {status->message.data(), status->message.size()};
}

void sterna_status_release(sterna_status_t status) {
  if (status != &outOfMemory)
    delete status;
}

static sterna_status_t loadModule(sterna_string_view_t path,
                                  const sterna_linked_code_t *linked,
                                  sterna_module_t **out_module) {
  return guarded([&]() -> sterna_status_t {
    if (!out_module)
      return invalid("expected a place for the module, but got null");
    *out_module = nullptr;
    Expected<std::shared_ptr<const Module>> module =
        Module::load(toString(path), linked);
    if (!module.ok())
      return makeStatus(STERNA_STATUS_FAILED, module.status());
    auto *handle = new sterna_module();
    handle->module = std::move(*module);
    *out_module = handle;
    return nullptr;
  });
}

sterna_status_t sterna_module_load(sterna_string_view_t path,
                                   sterna_module_t **out_module) {
  return loadModule(path, /*linked=*/nullptr, out_module);
}

sterna_status_t sterna_module_load_linked(sterna_string_view_t path,
                                          const sterna_linked_code_t *code,
                                          sterna_module_t **out_module) {
  if (out_module)
    *out_module = nullptr;
  if (!code)
    return guarded(
        [] { return invalid("expected linked code, but got null"); });
  return loadModule(path, code, out_module);
}

void sterna_module_retain(sterna_module_t *module) {
  module->references.fetch_add(1, std::memory_order_relaxed);
}

void sterna_module_release(sterna_module_t *module) {
  if (module && module->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete module;
}

sterna_status_t sterna_module_verify_weights(const sterna_module_t *module) {
  return guarded([&] {
    return makeStatus(STERNA_STATUS_FAILED, module->module->verifyWeights());
  });
}

size_t sterna_module_program_count(const sterna_module_t *module) {
  return orEmpty(module->module->metadata().programs()).size();
}

sterna_string_view_t sterna_module_program_name(const sterna_module_t *module,
                                                size_t index) {
  const auto &programs = orEmpty(module->module->metadata().programs());
  if (index >= programs.size())
    return {nullptr, 0};
  const flatbuffers::String *name = programs.Get(uint32_t(index))->name();
  return {name->c_str(), name->size()};
}

sterna_status_t sterna_session_create(sterna_module_t *module,
                                      const sterna_session_options_t *options,
                                      sterna_session_t **out_session) {
  return guarded([&]() -> sterna_status_t {
    if (!out_session)
      return invalid("expected a place for the session, but got null");
    *out_session = nullptr;
    if (!module)
      return invalid("expected a module, but got null");
    // Callers compiled before `device` was appended pass a smaller struct.
    if (options && options->size < offsetof(sterna_session_options_t, device))
      return invalid("expected the size of the session options to be set");
    bool hasDevice = options && options->size >= sizeof(*options);
    DeviceOptions device;
    if (options)
      device.threads = options->threads;
    if (hasDevice && options->device.size > 0)
      device.device = toString(options->device);
    if (Expected<DeviceName> name = parseDevice(device.device); !name.ok())
      return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, name.status());
    Expected<std::vector<uint32_t>> programs =
        choosePrograms(*module->module, options);
    if (!programs.ok())
      return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, programs.status());
    Expected<std::unique_ptr<Session>> session =
        Session::create(module->module, *programs, device);
    if (!session.ok())
      return makeStatus(STERNA_STATUS_FAILED, session.status());
    auto *handle = new sterna_session();
    handle->session = std::move(*session);
    *out_session = handle;
    return nullptr;
  });
}

void sterna_session_retain(sterna_session_t *session) {
  session->references.fetch_add(1, std::memory_order_relaxed);
}

void sterna_session_release(sterna_session_t *session) {
  if (session &&
      session->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete session;
}

sterna_status_t sterna_session_write_input(sterna_session_t *session,
                                           sterna_string_view_t program,
                                           sterna_string_view_t name,
                                           const void *data, size_t size) {
  return guarded([&]() -> sterna_status_t {
    Expected<Program::Bytes> bytes = findField(
        *session, toString(program), toString(name), size, /*isInput=*/true);
    if (!bytes.ok())
      return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, bytes.status());
    std::memcpy(bytes->data, data, size);
    return nullptr;
  });
}

sterna_status_t sterna_session_read_output(sterna_session_t *session,
                                           sterna_string_view_t program,
                                           sterna_string_view_t name,
                                           size_t size, void *out_data) {
  return guarded([&]() -> sterna_status_t {
    Expected<Program::Bytes> bytes = findField(
        *session, toString(program), toString(name), size, /*isInput=*/false);
    if (!bytes.ok()) {
      std::memset(out_data, 0, size);
      return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, bytes.status());
    }
    std::memcpy(out_data, bytes->data, size);
    return nullptr;
  });
}

sterna_status_t sterna_session_write_state(sterna_session_t *session,
                                           sterna_string_view_t name,
                                           const void *data, size_t size) {
  return guarded([&]() -> sterna_status_t {
    Expected<const format::StateTensor *> tensor =
        findState(*session->session, toString(name), size);
    if (!tensor.ok())
      return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, tensor.status());
    return makeStatus(STERNA_STATUS_FAILED,
                      session->session->writeState(**tensor, data, size));
  });
}

sterna_status_t sterna_session_read_state(sterna_session_t *session,
                                          sterna_string_view_t name,
                                          size_t size, void *out_data) {
  return guarded([&]() -> sterna_status_t {
    Expected<const format::StateTensor *> tensor =
        findState(*session->session, toString(name), size);
    Status status = tensor.status();
    if (tensor.ok())
      status = session->session->readState(**tensor, out_data, size);
    if (!status.ok())
      std::memset(out_data, 0, size);
    return makeStatus(tensor.ok() ? STERNA_STATUS_FAILED
                                  : STERNA_STATUS_INVALID_ARGUMENT,
                      status);
  });
}

sterna_status_t sterna_session_run(sterna_session_t *session,
                                   sterna_string_view_t program) {
  return guarded([&] {
    return makeStatus(STERNA_STATUS_FAILED,
                      runProgram(*session->session, toString(program)));
  });
}
