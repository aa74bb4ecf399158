//===- CApiNumbersTest.cpp - What bindings need of the C API --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Descriptions, logits, matrices, gradients and options by name, with what
// sterna-run gives.
//
//===----------------------------------------------------------------------===//

#include "CApiFixture.h"
#include "RunTool.h"

#include "io/Npy.h"
#include "io/Safetensors.h"

#include <cmath>

using namespace sterna::test;

namespace {

class CApiNumbers : public CApiFixture {
protected:
  void TearDown() override {
    sterna_data_release(data);
    sterna_adapter_release(adapter);
    CApiFixture::TearDown();
  }

  void setAdapter() {
    ASSERT_OK(sterna_adapter_create(module, nullptr, &adapter));
    ASSERT_OK(sterna_session_set_adapter(session, adapter));
  }

  void parse(const char *lines) {
    sterna_data_release(data);
    ASSERT_OK(sterna_data_parse(module, view(lines), nullptr, &data));
  }

  static std::vector<sterna_matrix_t>
  matricesOf(const sterna_adapter_t *adapter) {
    std::vector<sterna_matrix_t> matrices;
    for (size_t i = 0; i < sterna_adapter_matrix_count(adapter); ++i) {
      matrices.push_back(sized<sterna_matrix_t>());
      EXPECT_EQ(release(sterna_adapter_matrix(adapter, i, &matrices.back())),
                STERNA_STATUS_OK);
    }
    return matrices;
  }

  sterna_data_t *data = nullptr;
  sterna_adapter_t *adapter = nullptr;
};

TEST_F(CApiNumbers, DescribesAModuleAsTheTool) {
  sterna_buffer_t *json = nullptr;
  ASSERT_OK(sterna_module_describe(module, &json));
  nlohmann::json described = nlohmann::json::parse(takeText(json));
  EXPECT_EQ(described, runToolJson("info " + path + " --json"));
  EXPECT_GT(described["memory"]["generate"]["block"], 0);
}

TEST_F(CApiNumbers, ParsesLinesAsAFile) {
  const char *lines = "{\"input_ids\": [9, 4, 4]}\n\n{\"input_ids\": [9, 8]}\n";
  std::string file = temporaryPath("rows.jsonl");
  writeFile(file, lines);
  parse(lines);
  auto parsed = sized<sterna_data_info_t>(), loaded = parsed;
  ASSERT_OK(sterna_data_info(data, &parsed));
  sterna_data_release(data);
  ASSERT_OK(sterna_data_load(module, view(file.c_str()), nullptr, &data));
  ASSERT_OK(sterna_data_info(data, &loaded));
  EXPECT_EQ(parsed.samples, 2u);
  EXPECT_EQ(parsed.samples, loaded.samples);
  EXPECT_EQ(parsed.tokens, loaded.tokens);
  sterna_data_t *none = nullptr;
  std::string message =
      messageOf(sterna_data_parse(module, view("{\"input_ids\": [9, 99]}"),
                                  nullptr, &none),
                STERNA_STATUS_FAILED);
  EXPECT_NE(message.find("line 1"), std::string::npos) << message;
  EXPECT_EQ(none, nullptr);
}

TEST_F(CApiNumbers, GivesTheLogitsOfTheTool) {
  const int32_t tokens[] = {9, 1, 4};
  auto model = sized<sterna_model_t>();
  ASSERT_OK(sterna_module_model(module, &model));
  std::vector<float> logits(3 * model.vocabulary);
  size_t size = logits.size() * sizeof(float);
  ASSERT_OK(sterna_session_logits(session, tokens, 3, size, logits.data()));
  std::string output = temporaryPath("logits.npy");
  runToolJson("logits " + path + " --input-ids 9,1,4 -o " + output);
  auto expected = sterna::readNpyF32(output);
  ASSERT_TRUE(expected.ok()) << expected.message();
  EXPECT_EQ(expected->data, logits);

  std::vector<float> hidden(3 * model.hidden_size);
  ASSERT_OK(sterna_session_hidden(session, tokens, 3, hidden.size() * 4,
                                  hidden.data()));
  EXPECT_NE(hidden, std::vector<float>(hidden.size()));
  EXPECT_INVALID(
      sterna_session_logits(session, tokens, 3, size - 4, logits.data()));
  EXPECT_INVALID(sterna_session_logits(session, tokens, 0, 0, logits.data()));
  const int32_t unknown[] = {9, int32_t(model.vocabulary), 4};
  EXPECT_INVALID(
      sterna_session_logits(session, unknown, 3, size, logits.data()));
}

TEST_F(CApiNumbers, MatricesGoOutAndIn) {
  setAdapter();
  std::vector<sterna_matrix_t> matrices = matricesOf(adapter);
  ASSERT_EQ(matrices.size(), 2u);
  EXPECT_NE(text(matrices[0].name).find("lora_A.weight"), std::string::npos);
  EXPECT_EQ(matrices[0].rows, matrices[1].columns);
  std::vector<float> b(matrices[1].rows * matrices[1].columns, 0.25f);
  matrices[1].data = b.data();
  sterna_adapter_t *made = nullptr;
  // Names decide, not the order.
  std::swap(matrices[0], matrices[1]);
  ASSERT_OK(sterna_adapter_assemble(matrices.data(), 2, 3, &made));
  EXPECT_EQ(sterna_adapter_scale(made), 3);
  ASSERT_OK(sterna_session_set_adapter(session, made));
  sterna_adapter_release(made);
  ASSERT_OK(sterna_session_read_adapter(session, &made));
  std::vector<sterna_matrix_t> read = matricesOf(made);
  EXPECT_EQ(std::vector<float>(read[1].data, read[1].data + b.size()), b);
  EXPECT_EQ(std::memcmp(read[0].data, matrices[1].data,
                        read[0].rows * read[0].columns * sizeof(float)),
            0);
  sterna_adapter_release(made);

  EXPECT_INVALID(sterna_adapter_matrix(adapter, 2, read.data()));
  EXPECT_INVALID(sterna_adapter_assemble(matrices.data(), 1, 3, &made));
  EXPECT_INVALID(sterna_adapter_assemble(nullptr, 2, 3, &made));
  EXPECT_INVALID(sterna_adapter_assemble(matrices.data(), 0, 3, &made));
  b[3] = NAN;
  EXPECT_INVALID(sterna_adapter_assemble(matrices.data(), 2, 3, &made));
  b[3] = 0;
  matrices[0].name = view("another");
  EXPECT_INVALID(sterna_adapter_assemble(matrices.data(), 2, 3, &made));
  EXPECT_EQ(made, nullptr);
}

TEST_F(CApiNumbers, GivesTheGradientsOfTheTool) {
  const char *lines = "{\"input_ids\": [9, 4, 4]}\n";
  std::string file = temporaryPath("one.jsonl");
  std::string folder = temporaryPath("start"), output = temporaryPath("g");
  writeFile(file, lines);
  parse(lines);
  double loss = 0;
  sterna_adapter_t *gradients = nullptr;
  EXPECT_INVALID(
      sterna_session_gradients(session, data, 42, &loss, &gradients));
  setAdapter();
  ASSERT_OK(sterna_session_gradients(session, data, 42, &loss, &gradients));
  ASSERT_OK(sterna_adapter_save(adapter, view(folder.c_str())));
  nlohmann::json json = runToolJson("grad " + path + " --data " + file +
                                    " --adapter " + folder + " -o " + output);
  EXPECT_EQ(float(loss), json["loss"].get<float>());
  auto expected = sterna::readSafetensors(output);
  ASSERT_TRUE(expected.ok()) << expected.message();
  std::vector<sterna_matrix_t> matrices = matricesOf(gradients);
  ASSERT_EQ(expected->size(), matrices.size());
  for (size_t i = 0; i < matrices.size(); ++i) {
    EXPECT_EQ((*expected)[i].name, text(matrices[i].name));
    EXPECT_EQ(
        (*expected)[i].data,
        std::vector<float>(matrices[i].data,
                           matrices[i].data + (*expected)[i].data.size()));
  }
  sterna_adapter_release(gradients);
}

TEST(CApiOptions, AreSetByName) {
  sterna_trainer_options_t options = {}, before = {};
  sterna_trainer_options_init(sizeof(options), &options);
  ASSERT_OK(sterna_trainer_options_set(&options, view("learning-rate"),
                                       view("0.25")));
  ASSERT_OK(sterna_trainer_options_set(&options, view("lr-scheduler"),
                                       view("cosine")));
  ASSERT_OK(
      sterna_trainer_options_set(&options, view("no-shuffle"), view("true")));
  EXPECT_EQ(options.learning_rate, 0.25);
  EXPECT_EQ(options.scheduler, uint32_t(STERNA_SCHEDULER_COSINE));
  EXPECT_EQ(options.no_shuffle, 1u);
  EXPECT_EQ(options.epochs, 1u);
  before = options;
  for (auto [name, value] : {std::pair("epochs", "0"),
                             {"epochs", "1.5"},
                             {"lr-scheduler", "sine"},
                             {"no-shuffle", ""},
                             {"rate", "1"},
                             {"grad-accumulation", "-1"}}) {
    std::string message =
        messageOf(sterna_trainer_options_set(&options, view(name), view(value)),
                  STERNA_STATUS_INVALID_ARGUMENT);
    EXPECT_NE(message.find(std::string("--") + name), std::string::npos);
    EXPECT_EQ(options.epochs, before.epochs);
    EXPECT_EQ(options.grad_accumulation, before.grad_accumulation);
    EXPECT_EQ(options.scheduler, before.scheduler);
  }
  size_t count = sterna_trainer_option_count();
  EXPECT_GT(count, 10u);
  EXPECT_EQ(text(sterna_trainer_option_name(0)), "epochs");
  EXPECT_NE(text(sterna_trainer_option_help(count - 1)), "");
  EXPECT_EQ(sterna_trainer_option_name(count).size, 0u);
}

TEST_F(CApiNumbers, RecordsAProfile) {
  sterna_buffer_t *json = nullptr;
  EXPECT_INVALID(sterna_session_profile(session, &json));
  auto options = sized<sterna_session_options_t>();
  options.profile = 1;
  sterna_session_t *other = nullptr;
  ASSERT_OK(sterna_session_create(module, &options, &other));
  const int32_t token = 9;
  auto model = sized<sterna_model_t>();
  ASSERT_OK(sterna_module_model(module, &model));
  std::vector<float> logits(model.vocabulary);
  ASSERT_OK(sterna_session_logits(other, &token, 1, logits.size() * 4,
                                  logits.data()));
  ASSERT_OK(sterna_session_profile(other, &json));
  nlohmann::json rows = nlohmann::json::parse(takeText(json));
  uint64_t calls = 0;
  for (const nlohmann::json &row : rows)
    calls += row["calls"].get<uint64_t>();
  EXPECT_GE(calls, 2u);
  sterna_session_release(other);
}

} // namespace
