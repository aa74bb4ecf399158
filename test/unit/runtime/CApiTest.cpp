//===- CApiTest.cpp - The C API -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One program run through the C API, and what it says when misused.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"
#include "sterna/sterna.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

using namespace sterna::test;

namespace {

sterna_string_view_t view(const char *text) {
  return {text, std::strlen(text)};
}

/// The code of `status`, which is released; a failure must have a message.
sterna_status_code_t release(sterna_status_t status) {
  sterna_status_code_t code = sterna_status_code(status);
  EXPECT_EQ(code == STERNA_STATUS_OK, sterna_status_message(status).size == 0);
  sterna_status_release(status);
  return code;
}

TEST(CApi, RunsAProgram) {
  std::string path = temporaryPath("module.stn");
  writeFile(path, toyModel().serialize());
  sterna_module_t *module = nullptr;
  ASSERT_EQ(release(sterna_module_load(view(path.c_str()), &module)),
            STERNA_STATUS_OK);
  EXPECT_EQ(release(sterna_module_verify_weights(module)), STERNA_STATUS_OK);
  EXPECT_EQ(sterna_module_program_count(module), 9u);
  sterna_string_view_t name = sterna_module_program_name(module, 0);
  EXPECT_EQ(std::string(name.data, name.size), "forward_1");
  EXPECT_EQ(sterna_module_program_name(module, 9).size, 0u);

  sterna_string_view_t programs[] = {view("head"), view("eval_lora")};
  sterna_session_options_t options = {};
  options.size = sizeof(options);
  options.threads = 2;
  options.program_count = 2;
  options.programs = programs;
  sterna_session_t *session = nullptr;
  options.device = view("gpu");
  EXPECT_EQ(release(sterna_session_create(module, &options, &session)),
            STERNA_STATUS_INVALID_ARGUMENT);
  options.device = view("vulkan"); // for which the module has no code
  options.threads = 0;
  EXPECT_EQ(release(sterna_session_create(module, &options, &session)),
            STERNA_STATUS_FAILED);
  // A caller that knows nothing of devices gets the CPU.
  options.size = offsetof(sterna_session_options_t, device);
  options.threads = 2;
  ASSERT_EQ(release(sterna_session_create(module, &options, &session)),
            STERNA_STATUS_OK);
  sterna_module_release(module); // the session keeps what it needs

  float hiddenRow[4] = {7, 0, 0, 0};
  float logits[16];
  EXPECT_EQ(
      release(sterna_session_write_input(session, view("head"), view("hidden"),
                                         hiddenRow, sizeof(hiddenRow))),
      STERNA_STATUS_OK);
  EXPECT_EQ(release(sterna_session_run(session, view("head"))),
            STERNA_STATUS_OK);
  EXPECT_EQ(release(sterna_session_read_output(
                session, view("head"), view("logits"), sizeof(logits), logits)),
            STERNA_STATUS_OK);
  EXPECT_EQ(logits[7], 0);
  EXPECT_EQ(logits[5], -4);

  float a[8] = {1};
  EXPECT_EQ(
      release(sterna_session_write_state(session, view("a"), a, sizeof(a))),
      STERNA_STATUS_OK);
  float back[8] = {};
  EXPECT_EQ(release(sterna_session_read_state(session, view("a"), sizeof(back),
                                              back)),
            STERNA_STATUS_OK);
  EXPECT_EQ(back[0], 1);
  // Neither program touches it, so the session has none.
  EXPECT_EQ(release(sterna_session_write_state(session, view("a.gradient"), a,
                                               sizeof(a))),
            STERNA_STATUS_FAILED);
  sterna_session_release(session);
}

TEST(CApi, ReportsMisuse) {
  sterna_module_t *module = reinterpret_cast<sterna_module_t *>(1);
  EXPECT_EQ(release(sterna_module_load(view("/absent"), &module)),
            STERNA_STATUS_FAILED);
  EXPECT_EQ(module, nullptr);
  EXPECT_EQ(release(sterna_module_load(view("/absent"), nullptr)),
            STERNA_STATUS_INVALID_ARGUMENT);
  sterna_session_t *session = nullptr;
  EXPECT_EQ(release(sterna_session_create(nullptr, nullptr, &session)),
            STERNA_STATUS_INVALID_ARGUMENT);

  std::string path = temporaryPath("module.stn");
  writeFile(path, toyModel().serialize());
  ASSERT_EQ(release(sterna_module_load(view(path.c_str()), &module)),
            STERNA_STATUS_OK);
  ASSERT_EQ(release(sterna_session_create(module, nullptr, &session)),
            STERNA_STATUS_OK);
  float value = 1;
  EXPECT_EQ(release(sterna_session_write_input(session, view("head"),
                                               view("hidden"), &value, 4)),
            STERNA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(release(sterna_session_read_output(session, view("head"),
                                               view("absent"), 4, &value)),
            STERNA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(value, 0); // zeroed on failure
  EXPECT_EQ(
      release(sterna_session_read_state(session, view("absent"), 4, &value)),
      STERNA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(release(sterna_session_run(session, view("absent"))),
            STERNA_STATUS_FAILED);
  sterna_session_retain(session);
  sterna_session_release(session);
  sterna_session_release(session);
  sterna_module_release(module);
  sterna_module_release(nullptr);
}

} // namespace
