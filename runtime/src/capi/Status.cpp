//===- Status.cpp - Statuses and buffers of the C API -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"

using namespace sterna;

/// Returned when not even a status can be allocated; never freed.
static sterna_status noMemory{STERNA_STATUS_OUT_OF_MEMORY, "out of memory"};

sterna_status_t capi::outOfMemory() { return &noMemory; }

sterna_status_t capi::makeStatus(sterna_status_code_t code,
                                 const Status &status) {
  if (status.ok())
    return nullptr;
  return new sterna_status{code, status.message()};
}

sterna_status_t capi::invalid(const Status &status) {
  return makeStatus(STERNA_STATUS_INVALID_ARGUMENT, status);
}

sterna_status_t capi::invalid(const char *message) {
  return invalid(Status::error(message));
}

sterna_status_t capi::failed(const Status &status) {
  return makeStatus(STERNA_STATUS_FAILED, status);
}

sterna_status_code_t sterna_status_code(sterna_status_t status) {
  return status ? status->code : STERNA_STATUS_OK;
}

sterna_string_view_t sterna_status_message(sterna_status_t status) {
  if (!status)
    return {nullptr, 0};
  return capi::toView(status->message);
}

void sterna_status_release(sterna_status_t status) {
  if (status != &noMemory)
    delete status;
}

const void *sterna_buffer_data(const sterna_buffer_t *buffer) {
  return buffer && !buffer->bytes.empty() ? buffer->bytes.data() : nullptr;
}

size_t sterna_buffer_size(const sterna_buffer_t *buffer) {
  return buffer ? buffer->bytes.size() : 0;
}

void sterna_buffer_release(sterna_buffer_t *buffer) { delete buffer; }
