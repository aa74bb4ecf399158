//===- CApiTest.cpp - The C API -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules and sessions through the C API, and what it says when misused.
//
//===----------------------------------------------------------------------===//

#include "CApiFixture.h"

#include <cstddef>

using namespace sterna::test;

namespace {

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
  options.device = {};
  options.weights = view("pinned");
  EXPECT_EQ(release(sterna_session_create(module, &options, &session)),
            STERNA_STATUS_INVALID_ARGUMENT);
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
            STERNA_STATUS_INVALID_ARGUMENT);
  sterna_session_retain(session);
  sterna_session_release(session);
  sterna_session_release(session);
  sterna_module_release(module);
  sterna_module_release(nullptr);
}

TEST(CApi, NullIsAnInvalidArgument) {
  sterna_string_view_t name = view("head");
  char byte = 1;
  sterna_tensor_t tensor = sized<sterna_tensor_t>();
  sterna_model_t model = sized<sterna_model_t>();
  EXPECT_INVALID(sterna_module_load_linked(name, nullptr, nullptr));
  EXPECT_INVALID(sterna_module_verify_weights(nullptr));
  EXPECT_INVALID(sterna_module_model(nullptr, &model));
  EXPECT_INVALID(sterna_module_input(nullptr, 0, 0, &tensor));
  EXPECT_INVALID(sterna_module_output(nullptr, 0, 0, &tensor));
  EXPECT_INVALID(sterna_module_state(nullptr, 0, &tensor));
  EXPECT_EQ(sterna_module_program_count(nullptr), 0u);
  EXPECT_EQ(sterna_module_program_name(nullptr, 0).size, 0u);
  EXPECT_EQ(sterna_module_input_count(nullptr, 0), 0u);
  EXPECT_EQ(sterna_module_output_count(nullptr, 0), 0u);
  EXPECT_EQ(sterna_module_state_count(nullptr), 0u);
  EXPECT_INVALID(sterna_session_write_input(nullptr, name, name, &byte, 1));
  EXPECT_INVALID(sterna_session_read_output(nullptr, name, name, 1, &byte));
  EXPECT_EQ(byte, 0);
  EXPECT_INVALID(sterna_session_write_state(nullptr, name, &byte, 1));
  byte = 1;
  EXPECT_INVALID(sterna_session_read_state(nullptr, name, 1, &byte));
  EXPECT_EQ(byte, 0);
  EXPECT_INVALID(sterna_session_run(nullptr, name));
  sterna_module_retain(nullptr);
  sterna_session_retain(nullptr);
  sterna_session_release(nullptr);
  EXPECT_EQ(sterna_buffer_data(nullptr), nullptr);
  EXPECT_EQ(sterna_buffer_size(nullptr), 0u);
  sterna_buffer_release(nullptr);
  EXPECT_EQ(sterna_status_code(nullptr), STERNA_STATUS_OK);
  sterna_status_release(nullptr);
}

using CApiModule = CApiFixture;

TEST_F(CApiModule, NullDataIsAnInvalidArgument) {
  EXPECT_INVALID(sterna_session_create(module, nullptr, nullptr));
  EXPECT_INVALID(sterna_session_write_input(session, view("head"),
                                            view("hidden"), nullptr, 16));
  EXPECT_INVALID(sterna_session_read_output(session, view("head"),
                                            view("logits"), 64, nullptr));
  EXPECT_INVALID(sterna_session_write_state(session, view("a"), nullptr, 32));
  EXPECT_INVALID(sterna_session_read_state(session, view("a"), 32, nullptr));
  // A view of null is an empty name.
  EXPECT_INVALID(sterna_session_run(session, {nullptr, 4}));
  sterna_session_t *other = nullptr;
  sterna_session_options_t options = sized<sterna_session_options_t>();
  options.program_count = 1;
  EXPECT_INVALID(sterna_session_create(module, &options, &other));
}

TEST_F(CApiModule, DescribesPrograms) {
  for (size_t i = 0; i < sterna_module_program_count(module); ++i) {
    if (text(sterna_module_program_name(module, i)) != "eval_lora")
      continue;
    ASSERT_EQ(sterna_module_input_count(module, i), 3u);
    ASSERT_EQ(sterna_module_output_count(module, i), 1u);
    sterna_tensor_t tensor = sized<sterna_tensor_t>();
    ASSERT_OK(sterna_module_input(module, i, 1, &tensor));
    EXPECT_EQ(text(tensor.name), "labels");
    EXPECT_EQ(tensor.type, STERNA_ELEMENT_TYPE_I32);
    ASSERT_EQ(tensor.dimension_count, 2u);
    EXPECT_EQ(tensor.dimensions[0], batch);
    EXPECT_EQ(tensor.dimensions[1], sequence);
    EXPECT_EQ(tensor.bytes, batch * sequence * 4);
    ASSERT_OK(sterna_module_output(module, i, 0, &tensor));
    EXPECT_EQ(text(tensor.name), "loss");
    EXPECT_EQ(tensor.type, STERNA_ELEMENT_TYPE_F32);
    EXPECT_EQ(tensor.dimension_count, 0u);
    EXPECT_EQ(tensor.bytes, 4u);
    EXPECT_INVALID(sterna_module_input(module, i, 3, &tensor));
    EXPECT_EQ(tensor.bytes, 0u) << "zeroed on failure";
    EXPECT_EQ(tensor.size, sizeof(tensor));
    EXPECT_INVALID(sterna_module_output(module, i, 1, &tensor));
    EXPECT_INVALID(sterna_module_input(module, i, 0, nullptr));
    return;
  }
  FAIL() << "no such program";
}

TEST_F(CApiModule, DescribesStateAndModel) {
  ASSERT_EQ(sterna_module_state_count(module), 5u);
  sterna_tensor_t tensor = sized<sterna_tensor_t>();
  ASSERT_OK(sterna_module_state(module, 1, &tensor));
  EXPECT_EQ(text(tensor.name), "b");
  ASSERT_EQ(tensor.dimension_count, 2u);
  EXPECT_EQ(tensor.dimensions[0], loraOut);
  EXPECT_EQ(tensor.bytes, loraOut * rank * 4);
  EXPECT_INVALID(sterna_module_state(module, 5, &tensor));
  EXPECT_INVALID(sterna_module_input(module, 9, 0, &tensor));
  EXPECT_EQ(sterna_module_input_count(module, 9), 0u);

  sterna_model_t model = sized<sterna_model_t>();
  ASSERT_OK(sterna_module_model(module, &model));
  EXPECT_EQ(text(model.name), "toy");
  EXPECT_EQ(text(model.architecture), "test");
  EXPECT_EQ(model.layers, 1u);
  EXPECT_EQ(model.hidden_size, hidden);
  EXPECT_EQ(model.vocabulary, vocabulary);
  EXPECT_EQ(model.context, context);
  EXPECT_EQ(model.batch, batch);
  EXPECT_EQ(model.sequence_length, sequence);
  EXPECT_EQ(model.lora_rank, rank);
  EXPECT_EQ(model.trainable, 1u);
}

/// A struct as a later version of the API may have it.
struct LongerModel {
  sterna_model_t known;
  uint64_t added;
};

TEST_F(CApiModule, StructsMayBeLonger) {
  LongerModel longer = {};
  longer.known.size = sizeof(longer);
  longer.added = 7;
  ASSERT_OK(sterna_module_model(module, &longer.known));
  EXPECT_EQ(longer.known.vocabulary, vocabulary);
  EXPECT_EQ(longer.known.size, sizeof(longer));
  EXPECT_EQ(longer.added, 0u);
  for (size_t size : {size_t(0), sizeof(sterna_model_t) - 1, SIZE_MAX}) {
    longer.known.size = size;
    EXPECT_INVALID(sterna_module_model(module, &longer.known));
  }

  struct LongerOptions {
    sterna_session_options_t known;
    uint64_t added;
  } options = {};
  options.known.size = sizeof(options);
  sterna_session_t *other = nullptr;
  ASSERT_OK(sterna_session_create(module, &options.known, &other));
  sterna_session_release(other);
  options.added = 1; // which this runtime does not know
  EXPECT_INVALID(sterna_session_create(module, &options.known, &other));
  EXPECT_EQ(other, nullptr);
}

} // namespace
