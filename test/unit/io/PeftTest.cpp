//===- PeftTest.cpp - Unit tests of io/Peft.h -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Adapters written and read back, files as PEFT writes them, and every setting
// that must be refused.
//
//===----------------------------------------------------------------------===//

#include "io/Peft.h"

#include "io/Safetensors.h"
#include "io/TemporaryFolder.h"

#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sterna {
namespace {

constexpr char name[] = "base_model.model.model.layers.0.self_attn.q_proj.";

/// Writes a configuration in which the settings `changes` replace others, and
/// one pair of rank 2 for q_proj, 3 → 5, whose first element of A is `first`.
void writeFolder(const TemporaryFolder &folder, const std::string &changes,
                 const std::string &infix = "", float first = 0.5f) {
  auto config = nlohmann::json::parse(
      "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":16,"
      "\"target_modules\":[\"q_proj\"],\"bias\":\"none\"}");
  config.update(nlohmann::json::parse("{" + changes + "}"));
  folder.write("adapter_config.json", config.dump());
  std::vector<float> data(10, 0.5f);
  data[0] = first;
  ASSERT_TRUE(
      writeSafetensors(folder.path("adapter_model.safetensors"),
                       {{name + std::string("lora_A") + infix + ".weight",
                         {2, 3},
                         data.data()},
                        {name + std::string("lora_B") + infix + ".weight",
                         {5, 2},
                         data.data()}})
          .ok());
}

TEST(PeftTest, Names) {
  EXPECT_EQ(peftTensorName(12, "o_proj", 'A'),
            "base_model.model.model.layers.12.self_attn.o_proj.lora_A.weight");
  EXPECT_EQ(peftTensorName(0, "down_proj", 'B'),
            "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight");
}

TEST(PeftTest, RoundTripOfEveryTarget) {
  TemporaryFolder folder;
  PeftConfig config;
  config.rank = 3;
  config.alpha = 16;
  config.baseModel = "some/model";
  std::vector<std::vector<float>> storage;
  for (int i = 0; i < 28; ++i)
    storage.emplace_back(3 * 7, static_cast<float>(i));
  std::vector<LoraPairView> pairs;
  for (uint32_t layer : {11u, 2u})
    for (const std::string &target : loraTargets()) {
      const float *a = storage[2 * pairs.size()].data();
      const float *b = storage[2 * pairs.size() + 1].data();
      pairs.push_back({layer, target, 5, 7, a, b});
    }
  std::string path = folder.path("deeply/nested");
  Status status = writePeft(path, config, pairs);
  ASSERT_TRUE(status.ok()) << status.message();

  auto adapter = readPeft(path);
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  EXPECT_EQ(adapter->config.rank, 3u);
  EXPECT_EQ(adapter->config.alpha, 16);
  EXPECT_EQ(adapter->config.baseModel, "some/model");
  EXPECT_EQ(adapter->config.targetModules, loraTargets());
  EXPECT_FALSE(adapter->config.useRslora);
  ASSERT_EQ(adapter->pairs.size(), 14u);
  EXPECT_EQ(adapter->pairs[0].layer, 2u);
  EXPECT_EQ(adapter->pairs[0].target, "q_proj");
  EXPECT_EQ(adapter->pairs[13].layer, 11u);
  EXPECT_EQ(adapter->pairs[13].target, "down_proj");
  EXPECT_EQ(adapter->pairs[0].in, 5u);
  EXPECT_EQ(adapter->pairs[0].out, 7u);
  EXPECT_EQ(adapter->pairs[0].a, std::vector<float>(15, 14.0f));
  EXPECT_EQ(adapter->pairs[0].b, std::vector<float>(21, 15.0f));
}

TEST(PeftTest, Scale) {
  PeftConfig config;
  config.rank = 4;
  config.alpha = 16;
  EXPECT_EQ(config.scale(), 4);
  config.useRslora = true;
  EXPECT_EQ(config.scale(), 8);
}

TEST(PeftTest, ReadsWhatPeftWrites) {
  TemporaryFolder folder;
  writeFolder(folder, "\"alpha_pattern\":{},\"auto_mapping\":null,"
                      "\"base_model_name_or_path\":\"m\",\"corda_config\":null,"
                      "\"eva_config\":null,\"exclude_modules\":null,"
                      "\"fan_in_fan_out\":false,\"inference_mode\":true,"
                      "\"init_lora_weights\":true,\"layer_replication\":null,"
                      "\"layers_pattern\":null,\"layers_to_transform\":null,"
                      "\"loftq_config\":{},\"lora_bias\":false,"
                      "\"lora_dropout\":0.05,\"megatron_config\":null,"
                      "\"megatron_core\":\"megatron.core\","
                      "\"modules_to_save\":null,\"qalora_group_size\":16,"
                      "\"rank_pattern\":{},\"revision\":null,"
                      "\"target_parameters\":null,\"task_type\":\"CAUSAL_LM\","
                      "\"trainable_token_indices\":null,\"use_dora\":false,"
                      "\"use_qalora\":false,\"use_rslora\":true");
  auto adapter = readPeft(folder.path());
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  EXPECT_DOUBLE_EQ(adapter->config.scale(), 16 / std::sqrt(2.0));
  ASSERT_EQ(adapter->pairs.size(), 1u);
  EXPECT_EQ(adapter->pairs[0].in, 3u);
  EXPECT_EQ(adapter->pairs[0].out, 5u);
}

TEST(PeftTest, AcceptsTheDefaultAdapterName) {
  TemporaryFolder folder;
  writeFolder(folder, "", ".default");
  auto adapter = readPeft(folder.path());
  EXPECT_TRUE(adapter.ok()) << adapter.message();
}

TEST(PeftTest, RefusesSettingsByName) {
  const std::pair<const char *, const char *> cases[] = {
      {"bias", "\"lora_only\""},
      {"use_dora", "true"},
      {"modules_to_save", "[\"lm_head\"]"},
      {"rank_pattern", "{\"q_proj\":4}"},
      {"alpha_pattern", "{\"q_proj\":4}"},
      {"fan_in_fan_out", "true"},
      {"lora_bias", "true"},
      {"init_lora_weights", "\"pissa\""},
      {"some_future_setting", "true"},
      {"peft_type", "\"IA3\""},
      {"r", "0"},
      {"r", "-1"},
      {"r", "1000000000000"},
      {"r", "2.5"},
      {"lora_alpha", "\"16\""},
      {"lora_alpha", "1e300"},
      {"lora_alpha", "-1e39"},
      {"target_modules", "3"},
      {"target_modules", "[3]"},
      {"target_modules", "[]"},
      {"target_modules", "\".*q_proj\""},
      {"target_modules", "[\"k_proj\"]"},
      {"target_modules", "[\"proj\", \"1.self_attn.q_proj\"]"},
      {"exclude_modules", "[\"q_proj\"]"},
      {"exclude_modules", "\"q.*\""},
      {"layers_to_transform", "[1, 2]"},
      {"layers_to_transform", "3"},
      {"layers_to_transform", "[-1]"},
      {"layers_pattern", "\"blocks\""},
      {"use_rslora", "1"},
  };
  for (const auto &[key, value] : cases) {
    TemporaryFolder folder;
    writeFolder(folder, "\"" + std::string(key) + "\":" + value);
    auto adapter = readPeft(folder.path());
    ASSERT_FALSE(adapter.ok()) << key << " " << value;
    EXPECT_NE(adapter.message().find(key), std::string::npos)
        << adapter.message();
  }
}

TEST(PeftTest, ChoosesLinearsAsPeftDoes) {
  for (const char *settings :
       {"\"target_modules\":[\"v_proj\",\"q_proj\",\"lm_head\"]",
        "\"target_modules\":[\"self_attn.q_proj\"]",
        "\"target_modules\":[\"0.self_attn.q_proj\"]",
        "\"target_modules\":[\"model.layers.0.self_attn.q_proj\"]",
        "\"target_modules\":\"all-linear\"", "\"exclude_modules\":[]",
        "\"exclude_modules\":[\"k_proj\",\"1.self_attn.q_proj\"]",
        "\"layers_to_transform\":0,\"layers_pattern\":\"layers\"",
        "\"layers_to_transform\":[3,0],\"layers_pattern\":null"}) {
    TemporaryFolder folder;
    writeFolder(folder, settings);
    auto adapter = readPeft(folder.path());
    EXPECT_TRUE(adapter.ok()) << settings << ": " << adapter.message();
  }
}

TEST(PeftTest, RefusesNumbersThatAreNone) {
  for (float value : {NAN, -NAN, INFINITY, -INFINITY}) {
    TemporaryFolder folder;
    writeFolder(folder, "", "", value);
    auto adapter = readPeft(folder.path());
    ASSERT_FALSE(adapter.ok()) << value;
    EXPECT_NE(adapter.message().find("lora_A.weight', but got"),
              std::string::npos)
        << adapter.message();

    // And none is written, nor an empty folder.
    PeftConfig config;
    config.rank = 1;
    config.alpha = 1;
    float one = 1;
    for (bool inA : {true, false}) {
      LoraPairView pair = {
          0, "q_proj", 1, 1, inA ? &value : &one, inA ? &one : &value};
      EXPECT_FALSE(writePeft(folder.path("new/deep"), config, {pair}).ok());
    }
    config.alpha = static_cast<double>(value);
    EXPECT_FALSE(writePeft(folder.path("new/deep"), config,
                           {{0, "q_proj", 1, 1, &one, &one}})
                     .ok());
    EXPECT_EQ(folder.count(), 2u);
  }
}

TEST(PeftTest, RefusesBrokenConfigurations) {
  TemporaryFolder folder;
  EXPECT_FALSE(readPeft(folder.path()).ok());
  // Nothing recurses over what is nested too deeply, wherever it stands.
  for (const char *key : {"r", "peft_type", "some_setting", "target_modules"}) {
    writeFolder(folder, "");
    std::string text = "{\"" + std::string(key) +
                       "\":" + std::string(100000, '[') +
                       std::string(100000, ']') + "}";
    folder.write("adapter_config.json", text);
    auto adapter = readPeft(folder.path());
    ASSERT_FALSE(adapter.ok()) << key;
    EXPECT_NE(adapter.message().find("nested more than"), std::string::npos)
        << adapter.message();
  }
  for (const char *text : {"", "[", "[]", "{}", "{\"peft_type\":\"LORA\"}"}) {
    folder.write("adapter_config.json", text);
    EXPECT_FALSE(readPeft(folder.path()).ok()) << text;
  }
}

TEST(PeftTest, RefusesOtherTensors) {
  const char *names[] = {
      "lm_head.weight",
      "base_model.model.model.layers.00.self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers..self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers.9999999.self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers.0.mlp.q_proj.lora_A.weight",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_C.weight",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.bias",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
  };
  std::vector<float> data(6, 1.0f);
  for (const char *name : names) {
    TemporaryFolder folder;
    writeFolder(folder, "");
    ASSERT_TRUE(writeSafetensors(folder.path("adapter_model.safetensors"),
                                 {{name, {2, 3}, data.data()}})
                    .ok());
    auto adapter = readPeft(folder.path());
    ASSERT_FALSE(adapter.ok()) << name;
    EXPECT_NE(adapter.message().find(name), std::string::npos)
        << adapter.message();
  }
}

TEST(PeftTest, RefusesHalfPairsAndWrongShapes) {
  TemporaryFolder folder;
  writeFolder(folder, "");
  std::string path = folder.path("adapter_model.safetensors");
  std::vector<float> data(15, 1.0f);
  std::string a = name + std::string("lora_A.weight");
  std::string b = name + std::string("lora_B.weight");
  auto refused = [&](std::vector<NamedTensorView> tensors) {
    EXPECT_TRUE(writeSafetensors(path, std::move(tensors)).ok());
    return !readPeft(folder.path()).ok();
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{a, {2, 3}, data.data()}}));
  EXPECT_TRUE(refused({{a, {3, 3}, data.data()}, {b, {5, 2}, data.data()}}));
  EXPECT_TRUE(refused({{a, {2, 3}, data.data()}, {b, {2, 5}, data.data()}}));
  EXPECT_TRUE(refused({{a, {6}, data.data()}, {b, {5, 2}, data.data()}}));
  EXPECT_TRUE(refused(
      {{a, {2, 3}, data.data()},
       {name + std::string("lora_A.default.weight"), {2, 3}, data.data()},
       {b, {5, 2}, data.data()}}));
  EXPECT_FALSE(refused({{a, {2, 3}, data.data()}, {b, {5, 2}, data.data()}}));
}

TEST(PeftTest, RefusesToWriteUnknownTargets) {
  TemporaryFolder folder;
  PeftConfig config;
  config.rank = 1;
  float one = 1;
  EXPECT_FALSE(
      writePeft(folder.path(), config, {{0, "lm_head", 1, 1, &one, &one}})
          .ok());
}

} // namespace
} // namespace sterna
