//===- ToolTest.cpp - sterna-run on the toy model -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs each subcommand as a process and reads what it prints.
//
//===----------------------------------------------------------------------===//

#include "VulkanModule.h"

#include "io/Npy.h"
#include "io/Peft.h"
#include "io/Safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <set>
#include <sys/wait.h>

using namespace sterna;
using namespace sterna::test;
using Json = nlohmann::json;

namespace {

struct Outcome {
  int exitStatus = -1;
  std::string output; // standard output
  std::string errors; // standard error
};

class ToolTest : public testing::Test {
protected:
  void SetUp() override {
    model = temporaryPath("toy.stn");
    writeFile(model, toyModel().serialize());
    data = temporaryPath("data.jsonl");
    writeFile(data, "{\"input_ids\": [9, 4, 4]}\n{\"input_ids\": [9, 8]}\n");
  }

  /// Runs sterna-run with `arguments` for a shell.
  Outcome run(const std::string &arguments) {
    std::string errorPath = temporaryPath("stderr");
    std::string command =
        environment + STERNA_RUN + " " + arguments + " 2>" + errorPath;
    Outcome outcome;
    std::FILE *pipe = popen(command.c_str(), "r");
    if (!pipe)
      return outcome;
    char buffer[4096];
    size_t count;
    while ((count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0)
      outcome.output.append(buffer, count);
    outcome.exitStatus = WEXITSTATUS(pclose(pipe));
    if (std::FILE *file = std::fopen(errorPath.c_str(), "r")) {
      while ((count = std::fread(buffer, 1, sizeof(buffer), file)) > 0)
        outcome.errors.append(buffer, count);
      std::fclose(file);
    }
    return outcome;
  }

  /// The JSON object in the last line of a run that must succeed.
  Json runJson(const std::string &arguments) {
    Outcome outcome = run(arguments + " --json");
    EXPECT_EQ(outcome.exitStatus, 0) << outcome.errors;
    std::string text = outcome.output;
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    Json json = Json::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
    EXPECT_TRUE(json.is_object()) << outcome.output;
    return json;
  }

  void expectError(const std::string &arguments, const char *part) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exitStatus, 1) << arguments;
    EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
  }

  std::string environment; // assignments for the shell
  std::string model;
  std::string data;
};

TEST_F(ToolTest, Info) {
  Json json = runJson("info " + model);
  EXPECT_EQ(json["model"], "toy");
  EXPECT_EQ(json["targets"], Json({"generic"}));
  EXPECT_EQ(json["kernels"], 8);
  EXPECT_EQ(json["programs"].size(), 9u);
  EXPECT_EQ(json["peak_bytes"]["train"], 256 + 256);
  EXPECT_EQ(json["peak_bytes"]["generate"], 64 + 256);
  Outcome outcome = run("info " + model + " --verify");
  EXPECT_EQ(outcome.exitStatus, 0);
  EXPECT_NE(outcome.output.find("train_micro x1"), std::string::npos);
}

TEST_F(ToolTest, Logits) {
  std::string path = temporaryPath("logits.npy");
  runJson("logits " + model + " --input-ids 1,2,3,4,5 -o " + path);
  auto array = readNpyF32(path);
  ASSERT_TRUE(array.ok()) << array.message();
  EXPECT_EQ(array->shape, (std::vector<uint64_t>{5, test::vocabulary}));
  EXPECT_EQ(array->data[4 * test::vocabulary + 15], 0);
  expectError("logits " + model + " --input-ids 99 -o " + path, "99");
  expectError("logits " + model + " --input-ids 1,1,1,1,1,1,1,1,1,1,1 -o " +
                  path,
              "--max-context");
}

TEST_F(ToolTest, Generate) {
  // Letters are numbers; each next one is the sum of all, modulo 16.
  Json json = runJson("generate " + model + " -p abc -n 3");
  EXPECT_EQ(json["text"], "flh"); // 6, 12, 24 = 8
  EXPECT_EQ(json["prompt_tokens"], 3);
  EXPECT_EQ(json["generated_tokens"], 3);
  EXPECT_EQ(run("generate " + model + " -p abc -n 2").output, "fl\n");
  Outcome full = run("generate " + model + " -p abcabcabc -n 9");
  EXPECT_EQ(full.exitStatus, 0);
  EXPECT_NE(full.errors.find("context of 10 tokens is full"),
            std::string::npos);
  expectError("generate " + model + " -p abcabcabcabc", "--max-context");
  expectError("generate " + model + " -p ''", "empty");
}

TEST_F(ToolTest, SamplesEquallyOnAnyNumberOfThreads) {
  std::string arguments =
      "generate " + model + " -p abc -n 6 --temperature 30 --seed 5";
  std::string one = run(arguments + " --threads 1").output;
  EXPECT_EQ(run(arguments + " --threads 3").output, one);
  EXPECT_EQ(one.size(), 7u);
}

TEST_F(ToolTest, Eval) {
  Json json = runJson("eval " + model + " --data " + data);
  EXPECT_EQ(json["tokens"], 3);
  EXPECT_NEAR(json["loss"].get<double>(), 16 / 3.0, 1e-6);
}

TEST_F(ToolTest, TrainAndUseTheAdapter) {
  std::string tuned = temporaryPath("tuned");
  Json json = runJson("train " + model + " --data " + data + " --output " +
                      tuned + " --epochs 3 --learning-rate 0.5 --lora-alpha 4" +
                      " --validation " + data);
  EXPECT_EQ(json["steps"], 3);
  EXPECT_GT(json["first_loss"], json["last_loss"]);
  EXPECT_TRUE(json["validation_loss"].is_number());
  EXPECT_GT(json["peak_rss_bytes"], 0);
  EXPECT_EQ(json["planned_bytes"], 256 + 256);
  auto adapter = readPeft(tuned);
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  EXPECT_EQ(adapter->config.alpha, 4);
  EXPECT_EQ(adapter->config.rank, test::rank);

  std::string gradients = temporaryPath("gradients.safetensors");
  Json grad = runJson("grad " + model + " --data " + data + " --adapter " +
                      tuned + " -o " + gradients);
  EXPECT_TRUE(grad["loss"].is_number());
  EXPECT_TRUE(readSafetensors(gradients).ok());
  // The adapter's scale, 4 / 2, shifts the toy model's prediction.
  EXPECT_EQ(
      runJson("generate " + model + " -p a -n 1 --adapter " + tuned)["text"],
      "c");
  expectError("train " + model + " --data " + data + " --output " + tuned,
              "--overwrite");
  EXPECT_EQ(runJson("train " + model + " --data " + data + " --output " +
                    tuned + " --overwrite --adapter " + tuned +
                    " --max-steps 7 --lr-scheduler cosine")["steps"],
            7);
}

TEST_F(ToolTest, Bench) {
  Json json = runJson("bench " + model + " --prompt 4 --generate 3");
  for (const char *key :
       {"prompt_tokens_per_second", "decode_tokens_per_second",
        "train_seconds_per_step", "train_tokens_per_second"})
    EXPECT_GT(json[key], 0) << key;
  json = runJson("bench " + model + " --prompt 0 --generate 0");
  EXPECT_TRUE(json["decode_tokens_per_second"].is_null());
  EXPECT_EQ(json["planned_bytes"], 256 + 256);
}

TEST_F(ToolTest, ListsDevices) {
  Json json = runJson("devices");
  EXPECT_FALSE(json["cpu"]["levels"].empty());
  EXPECT_EQ(json["vulkan"].empty(), json["vulkan_error"].is_string());
  EXPECT_EQ(run("devices").output.rfind("cpu       runs code for", 0), 0u);
}

/// Where the loader finds no driver, nothing runs on the CPU instead.
TEST_F(ToolTest, NeedsAVulkanDriver) {
  environment = "VK_ICD_FILENAMES=/absent VK_DRIVER_FILES=/absent ";
  Outcome devices = run("devices");
  EXPECT_EQ(devices.exitStatus, 0);
  EXPECT_NE(devices.output.find("vulkan    no Vulkan"), std::string::npos)
      << devices.output;
  EXPECT_TRUE(runJson("devices")["vulkan_error"].is_string());
  writeFile(model, vulkanChain(1).serialize());
  std::string path = temporaryPath("logits.npy");
  expectError("devices --check " + model, "no Vulkan");
  expectError("bench " + model + " --device=vulkan --train-steps 0",
              "no Vulkan");
  expectError("bench " + model + " --train-steps 0", "--device=vulkan");
}

TEST_F(ToolTest, ChoosesTheDevice) {
  expectError("eval " + model + " --data " + data + " --device=vulkan",
              "compile it with --target=vulkan");
  expectError("eval " + model + " --data " + data + " --device=gpu",
              "but got 'gpu'");
  expectError("eval " + model + " --data " + data +
                  " --device=vulkan --threads 2",
              "expected no number of threads");
  EXPECT_EQ(runJson("eval " + model + " --data " + data + " --device=cpu"),
            runJson("eval " + model + " --data " + data));
}

class VulkanToolTest : public ToolTest {
protected:
  void SetUp() override {
    ToolTest::SetUp();
    prepareVulkan();
  }
};

TEST_F(VulkanToolTest, ChecksAModule) {
  TestModule description = vulkanChain(3);
  description.programs.push_back(description.programs[0]);
  description.programs[1].name = "other";
  description.programs[1].dispatches[0].kernel = VulkanCount;
  description.kernels[VulkanCount].size = 0;
  writeFile(model, description.serialize());
  Json json = runJson("devices --check " + model + " --device=vulkan:0");
  EXPECT_EQ(json["pipelines"], 4);
  EXPECT_EQ(json["dispatches"], 4);
  EXPECT_EQ(json["programs"], 1);
  EXPECT_EQ(json["missing_programs"], Json({"other"}));
  expectError("devices --check " + model + " --device=vulkan:7",
              "there is no Vulkan device 7: 0 is ");
  Json info = runJson("info " + model);
  EXPECT_EQ(info["programs"][1]["kernels"][1]["code"]["vulkan"], nullptr);
  EXPECT_EQ(info["programs"][0]["kernels"][0]["code"]["vulkan"]["workgroups"],
            64);
  EXPECT_NE(run("info " + model).output.find("(runs with --device=vulkan)"),
            std::string::npos);
}

// The AMD driver compiles for chips that are not there, and keeps the result.
TEST_F(VulkanToolTest, CompilesForAbsentChips) {
  std::string driver = driverFile("radeon_icd");
  if (driver.empty())
    GTEST_SKIP() << "the driver of AMD's chips is not installed";
  writeFile(model, vulkanChain(3).serialize());
  for (const char *chip : {"navi21", "gfx1100", "vega10", "polaris10"}) {
    environment = std::string("RADV_FORCE_FAMILY=") + chip +
                  " VK_ICD_FILENAMES=" + driver + " ";
    for (int run = 0; run < 2; ++run) {
      Json json = runJson("devices --check " + model);
      EXPECT_EQ(json["pipelines"], 5) << chip;
      EXPECT_NE(json["device"].dump().find("RADV"), std::string::npos);
    }
  }
}

TEST_F(ToolTest, Profiles) {
  std::string path = temporaryPath("trace.json");
  Outcome outcome = run("eval " + model + " --data " + data +
                        " --threads 2 --profile " + path);
  EXPECT_EQ(outcome.exitStatus, 0) << outcome.errors;
  EXPECT_EQ(outcome.output.rfind("loss ", 0), 0u) << outcome.output;
  EXPECT_NE(outcome.errors.find("room for 262144 runs of eval, 1 dispatches"),
            std::string::npos)
      << outcome.errors;
  EXPECT_NE(outcome.errors.find("\neval   "), std::string::npos)
      << outcome.errors;
  std::ifstream file(path);
  Json trace = Json::parse(file, nullptr, false);
  ASSERT_TRUE(trace.is_object());
  std::multiset<std::string> categories;
  for (const Json &event : trace["traceEvents"])
    if (event["ph"] == "X" && event["cat"] != "wait")
      categories.insert(event["cat"].get<std::string>());
  EXPECT_EQ(categories, (std::multiset<std::string>{"kernel", "kernel",
                                                    "program", "program"}));
  expectError("info " + model + " --profile " + path, "nothing to profile");
  expectError("devices --profile " + path, "nothing to profile");
  expectError("eval " + model + " --data " + data + " --profile /absent/x",
              "/absent/x");
}

TEST_F(ToolTest, ReportsErrors) {
  expectError("info /absent", "/absent");
  expectError("info " + data, "not a Sterna device binary");
  expectError("train " + model, "--data");
  expectError("", "subcommand");
  expectError("eval " + model + " --data /absent", "/absent");
  expectError("eval " + model + " --data " + data + " --threads 0",
              "--threads");
  EXPECT_EQ(run("--version").exitStatus, 0);
  for (const char *command : {"info", "logits", "generate", "eval", "grad",
                              "train", "bench", "devices"}) {
    Outcome help = run(std::string(command) + " --help");
    EXPECT_EQ(help.exitStatus, 0);
    EXPECT_NE(help.output.find("Example"), std::string::npos) << command;
  }
}

} // namespace
