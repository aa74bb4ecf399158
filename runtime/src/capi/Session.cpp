//===- Session.cpp - Sessions of the C API ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"
#include "core/ProfileTable.h"

#include <cstddef>
#include <nlohmann/json.hpp>

using namespace sterna;
using namespace sterna::capi;

namespace {

Status checkSize(const std::string &name, uint64_t expected, size_t actual) {
  if (expected == actual)
    return Status();
  return Status::error("expected " + std::to_string(expected) + " bytes for '" +
                       name + "', but got " + std::to_string(actual));
}

/// The bytes of a program's field, which must be `size`.
Expected<Program::Bytes> findField(const Session &session,
                                   sterna_string_view_t programName,
                                   sterna_string_view_t fieldName, size_t size,
                                   bool isInput) {
  Expected<Program> program = session.program(toString(programName));
  if (!program.ok())
    return program.status();
  std::string name = toString(fieldName);
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

Expected<std::vector<uint32_t>>
choosePrograms(const Module &module, const sterna_session_options_t &options) {
  if (options.program_count == 0) {
    std::vector<uint32_t> all(orEmpty(module.plan().programs()).size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i;
    return all;
  }
  std::vector<std::string> names;
  for (uint32_t i = 0; i < options.program_count; ++i)
    names.push_back(toString(options.programs[i]));
  return findPrograms(module, names);
}

sterna_status_t createSession(sterna_module_t *module,
                              const sterna_session_options_t *given,
                              sterna_session_t **out_session) {
  // Callers compiled before `device` was appended pass a smaller struct.
  sterna_session_options_t options = {};
  if (sterna_status_t status = readStruct(
          given, options, offsetof(sterna_session_options_t, device)))
    return status;
  if (sterna_status_t status =
          checkList(options.programs, options.program_count, "program names"))
    return status;
  DeviceOptions device;
  device.threads = options.threads;
  if (options.device.size > 0)
    device.device = toString(options.device);
  if (options.weights.size > 0) {
    Expected<WeightsMode> mode = parseWeightsMode(toString(options.weights));
    if (!mode.ok())
      return invalid(mode.status());
    device.weights = *mode;
  }
  if (options.profile)
    device.profile = std::make_shared<Profile>();
  if (Expected<DeviceName> name = parseDevice(device.device); !name.ok())
    return invalid(name.status());
  Expected<std::vector<uint32_t>> programs =
      choosePrograms(*module->module, options);
  if (!programs.ok())
    return invalid(programs.status());
  Expected<std::unique_ptr<Session>> session =
      Session::create(module->module, *programs, device);
  if (!session.ok())
    return failed(session.status());
  auto *handle = new sterna_session();
  retain(module);
  handle->module = module;
  handle->session = std::move(*session);
  handle->profile = device.profile;
  *out_session = handle;
  return nullptr;
}

sterna_status_t describeProfile(const sterna_session_t &session,
                                sterna_buffer_t **out_json) {
  if (!session.profile)
    return invalid("expected a session that was created with profile");
  auto rows = nlohmann::ordered_json::array();
  for (const KernelTime &row : tabulate(*session.profile))
    rows.push_back({{"kernel", row.name},
                    {"calls", row.calls},
                    {"seconds", row.seconds},
                    {"tier", row.tier},
                    {"location", row.location}});
  *out_json = new sterna_buffer(rows.dump());
  return nullptr;
}

/// Zeroes an output of the caller's size, unless it is null.
void clearBytes(void *output, size_t size) {
  if (output)
    std::memset(output, 0, size);
}

} // namespace

sterna_status_t sterna_session_create(sterna_module_t *module,
                                      const sterna_session_options_t *options,
                                      sterna_session_t **out_session) {
  clear(out_session);
  return guarded(
      {{module, "a module"}, {out_session, "a place for the session"}},
      [&] { return createSession(module, options, out_session); });
}

void sterna_session_retain(sterna_session_t *session) { retain(session); }

void sterna_session_release(sterna_session_t *session) { release(session); }

sterna_status_t sterna_session_write_input(sterna_session_t *session,
                                           sterna_string_view_t program,
                                           sterna_string_view_t name,
                                           const void *data, size_t size) {
  return guarded({{session, "a session"}, {data, "data"}},
                 [&]() -> sterna_status_t {
                   Expected<Program::Bytes> bytes =
                       findField(*session->session, program, name, size,
                                 /*isInput=*/true);
                   if (!bytes.ok())
                     return invalid(bytes.status());
                   std::memcpy(bytes->data, data, size);
                   return nullptr;
                 });
}

sterna_status_t sterna_session_read_output(sterna_session_t *session,
                                           sterna_string_view_t program,
                                           sterna_string_view_t name,
                                           size_t size, void *out_data) {
  clearBytes(out_data, size);
  return guarded({{session, "a session"}, {out_data, "a place for the output"}},
                 [&]() -> sterna_status_t {
                   Expected<Program::Bytes> bytes =
                       findField(*session->session, program, name, size,
                                 /*isInput=*/false);
                   if (!bytes.ok())
                     return invalid(bytes.status());
                   std::memcpy(out_data, bytes->data, size);
                   return nullptr;
                 });
}

sterna_status_t sterna_session_write_state(sterna_session_t *session,
                                           sterna_string_view_t name,
                                           const void *data, size_t size) {
  return guarded({{session, "a session"}, {data, "data"}}, [&] {
    Expected<const format::StateTensor *> tensor =
        findState(*session->session, toString(name), size);
    if (!tensor.ok())
      return invalid(tensor.status());
    ++session->contextVersion;
    return failed(session->session->writeState(**tensor, data, size));
  });
}

sterna_status_t sterna_session_read_state(sterna_session_t *session,
                                          sterna_string_view_t name,
                                          size_t size, void *out_data) {
  clearBytes(out_data, size);
  return guarded(
      {{session, "a session"}, {out_data, "a place for the tensor"}}, [&] {
        Expected<const format::StateTensor *> tensor =
            findState(*session->session, toString(name), size);
        if (!tensor.ok())
          return invalid(tensor.status());
        Status status = session->session->readState(**tensor, out_data, size);
        if (!status.ok())
          clearBytes(out_data, size);
        return failed(status);
      });
}

sterna_status_t sterna_session_run(sterna_session_t *session,
                                   sterna_string_view_t program) {
  return guarded({{session, "a session"}}, [&] {
    Expected<Program> found = session->session->program(toString(program));
    if (!found.ok())
      return invalid(found.status());
    ++session->contextVersion;
    return failed(found->run());
  });
}

sterna_status_t sterna_session_evaluate(sterna_session_t *session,
                                        const sterna_data_t *data,
                                        sterna_progress_fn_t progress,
                                        void *user_data,
                                        sterna_loss_t *out_loss) {
  clearStruct(out_loss);
  return guarded({{session, "a session"},
                  {data, "data"},
                  {out_loss, "a place for the loss"}},
                 [&] {
                   if (Status status = checkData(*session, *data); !status.ok())
                     return invalid(status);
                   bool lora = session->adapter.has_value();
                   Expected<Evaluator> evaluator = Evaluator::create(
                       *session->session, lora, session->scale());
                   if (!evaluator.ok())
                     return failed(evaluator.status());
                   bool stopped = false;
                   Expected<EvaluationResult> result = evaluator->evaluate(
                       data->data->dataset.samples, data->data->padToken,
                       progressOf(progress, user_data, stopped));
                   if (!result.ok())
                     return makeStatus(stopped ? STERNA_STATUS_STOPPED
                                               : STERNA_STATUS_FAILED,
                                       result.status());
                   sterna_loss_t loss = {};
                   loss.loss = result->loss;
                   loss.tokens = result->tokens;
                   return writeStruct(loss, out_loss);
                 });
}

sterna_status_t sterna_session_profile(const sterna_session_t *session,
                                       sterna_buffer_t **out_json) {
  clear(out_json);
  return guarded({{session, "a session"}, {out_json, "a place for the text"}},
                 [&] { return describeProfile(*session, out_json); });
}
