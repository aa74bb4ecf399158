//===- ToolTest.cpp - sterna-run on the toy model -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs each subcommand as a process and reads what it prints.
//
//===----------------------------------------------------------------------===//

#include "RunTool.h"
#include "VulkanModule.h"

#include "io/Npy.h"
#include "io/Peft.h"
#include "io/Safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace sterna;
using namespace sterna::test;
using Json = nlohmann::json;

namespace {

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
    return runTool(arguments, environment);
  }

  /// The JSON object in the last line of a run that must succeed.
  Json runJson(const std::string &arguments) {
    return runToolJson(arguments, environment);
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
  EXPECT_EQ(json["kernels"], test::KernelCount);
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
  expectError("logits " + model + " -o " + path + " --input-ids ''",
              "--input-ids");
  for (const char *ids :
       {"1,,2", ",1", "1,", "1,x", "-1", "1.5", "'1 2'", "99999999999", "nan"})
    expectError("logits " + model + " -o " + path + " --input-ids=" + ids,
                "--input-ids: expected token ids");
  expectError("logits " + model + " --input-ids 1,1,1,1,1,1,1,1,1,1,1 -o " +
                  path,
              "--max-context");
}

TEST_F(ToolTest, Generate) {
  // Letters are numbers; each next one is the sum of all, modulo 16.
  Json json = runJson("generate " + model + " -p abc -n 3");
  EXPECT_EQ(json["text"], "flh"); // 6, 12, 24 = 8
  EXPECT_EQ(json["stop"], "length");
  EXPECT_GT(json["tokens_per_second"], 0);
  EXPECT_GT(json["prompt_tokens_per_second"], 0);
  EXPECT_EQ(json["prompt_tokens"], 3);
  EXPECT_EQ(json["generated_tokens"], 3);
  // The first token comes from the prompt: nothing was decoded.
  json = runJson("generate " + model + " -p abc -n 1");
  EXPECT_EQ(json["generated_tokens"], 1);
  EXPECT_TRUE(json["tokens_per_second"].is_null());
  EXPECT_EQ(runJson("generate " + model + " -p abcabcabc -n 9")["stop"],
            "context");
  EXPECT_EQ(run("generate " + model + " -p abc -n 2").output, "fl\n");
  Outcome full = run("generate " + model + " -p abcabcabc -n 9");
  EXPECT_EQ(full.exitStatus, 0);
  EXPECT_NE(full.errors.find("context of 10 tokens is full"),
            std::string::npos);
  expectError("generate " + model + " -p abcabcabcabc", "--max-context");
  expectError("generate " + model + " -p ''", "empty");
}

TEST_F(ToolTest, GenerationStopsAtTheEndsOfTheVocabulary) {
  Outcome endless = run("generate " + model + " -p abc -n 3");
  EXPECT_NE(endless.errors.find("no token that ends a text"), std::string::npos)
      << endless.errors;
  TestModule description = toyModel();
  description.endIds = {12, 5};
  writeFile(model, description.serialize());
  Json json = runJson("generate " + model + " -p abc -n 3");
  EXPECT_EQ(json["text"], "f"); // 6, 12
  EXPECT_EQ(json["stop"], "end");
  EXPECT_EQ(json["generated_tokens"], 1);
  EXPECT_EQ(run("generate " + model + " -p abc -n 3").errors.find("no token"),
            std::string::npos);
  EXPECT_EQ(runJson("generate " + model + " -p abc -n 1")["stop"], "length");
  description.endIds = {test::vocabulary};
  writeFile(model, description.serialize());
  expectError("generate " + model + " -p abc", "special token ids below 16");
}

/// Notices that two files give rise to are told once.
TEST_F(ToolTest, SaysOnceThatTurnsHaveNoEnd) {
  TestModule description = toyModel();
  description.chatTemplate =
      "{% for m in messages %}{{ m.content + '<|im_end|>' }}{% endfor %}";
  writeFile(model, description.serialize());
  writeFile(data, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n");
  Outcome outcome =
      run("train " + model + " --data " + data + " --validation " + data +
          " --max-steps 1 --output " + temporaryPath("tuned"));
  EXPECT_EQ(outcome.exitStatus, 0) << outcome.errors;
  size_t first = outcome.errors.find("no end to learn");
  ASSERT_NE(first, std::string::npos) << outcome.errors;
  EXPECT_EQ(outcome.errors.find("no end to learn", first + 1),
            std::string::npos)
      << outcome.errors;
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
  // The kernel has one workgroup, which one of the threads runs.
  EXPECT_EQ(categories,
            (std::multiset<std::string>{"kernel", "program", "program"}));
  expectError("info " + model + " --profile " + path, "nothing to profile");
  expectError("devices --profile " + path, "nothing to profile");
  expectError("eval " + model + " --data " + data + " --profile /absent/x",
              "/absent/x");
}

/// Numbers are read whole or refused, by every option of every command.
TEST_F(ToolTest, RefusesNumbersThatAreNone) {
  std::string generate = "generate " + model + " -p abc ";
  std::string train = "train " + model + " --data " + data + " --output " +
                      temporaryPath("none") + " ";
  for (const std::string &option : {generate + "--top-p",
                                    generate + "--seed",
                                    generate + "--temperature",
                                    generate + "--top-k",
                                    generate + "-n",
                                    generate + "--threads",
                                    "bench " + model + " --prompt",
                                    "bench " + model + " --generate",
                                    "bench " + model + " --train-steps",
                                    train + "--epochs",
                                    train + "--max-steps",
                                    train + "--learning-rate",
                                    train + "--lr-min",
                                    train + "--warmup-ratio",
                                    train + "--warmup-steps",
                                    train + "--weight-decay",
                                    train + "--grad-clip",
                                    train + "--grad-accumulation",
                                    train + "--lora-alpha",
                                    train + "--seed",
                                    train + "--validation-split"})
    for (const char *value : {"nan", "-5", "1e400", "inf", "x", "1x", "0x10",
                              ("99999999999999999999999999999999999999"
                               "999999999999")}) {
      Outcome outcome = run(option + "=" + value);
      if (option == generate + "-n")
        outcome = run(generate + "--tokens=" + value);
      EXPECT_EQ(outcome.exitStatus, 1) << option << " " << value;
      EXPECT_NE(outcome.errors.find("number "), std::string::npos)
          << option << " " << value << ": " << outcome.errors;
      EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'),
                1)
          << outcome.errors;
    }
  expectError(generate + "--seed ''", "--seed");
  expectError(train + "--lr-min 1", "--lr-min");
  expectError(train + "--lr-scheduler cosine --learning-rate 0.1 --lr-min 0.2",
              "--lr-min");
  expectError(train + "--max-steps 3 --warmup-steps 4", "--warmup-steps");
  // Two steps an epoch.
  writeFile(data, "{\"input_ids\": [9, 4]}\n{\"input_ids\": [9, 8]}\n"
                  "{\"input_ids\": [9, 5]}\n");
  expectError(train + "--epochs 18446744073709551615", "cannot be counted");
  EXPECT_FALSE(std::filesystem::exists(temporaryPath("none")));
}

/// A run that ends in numbers that are none leaves nothing, and neither does
/// one that cannot write.
TEST_F(ToolTest, LeavesNothingOfARunThatFails) {
  std::string folder = temporaryPath("new");
  std::string train = "train " + model + " --data " + data + " --output ";
  for (const char *settings :
       {" --max-steps 1 --learning-rate 1e38",
        " --max-steps 9 "
        "--learning-rate 1e30",
        " --max-steps 1 --learning-rate 1e38 --validation-split 0.5"}) {
    expectError(train + folder + "/deep" + settings, "not finite");
    EXPECT_FALSE(std::filesystem::exists(folder)) << settings;
  }
  std::filesystem::create_directories(folder);
  expectError(train + folder + " --max-steps 1 --learning-rate 1e38",
              "not finite");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  // A folder where a file belongs is found before anything is trained.
  std::filesystem::create_directories(folder + "/adapter_model.safetensors");
  Outcome outcome = run(train + folder + " --overwrite --max-steps 1");
  EXPECT_EQ(outcome.exitStatus, 1);
  EXPECT_NE(outcome.errors.find("a folder is there"), std::string::npos);
  EXPECT_EQ(outcome.errors.find("step 1"), std::string::npos);
  expectError("logits " + model + " --input-ids 1 -o " + folder,
              "a folder is there");
  size_t entries = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    entries += !entry.path().empty();
  EXPECT_EQ(entries, 1u);
}

TEST_F(ToolTest, ComparesLossesOfTheSameSamples) {
  std::string train = "train " + model + " --data " + data +
                      " --overwrite --output " + temporaryPath("tuned") +
                      " --max-steps 3 --learning-rate ";
  Json json = runJson(train + "0");
  EXPECT_EQ(json["first_loss_after"], json["first_loss"]);
  json = runJson(train + "0.5");
  EXPECT_LT(json["first_loss_after"], json["first_loss"]);
  json = runJson(train + "0.5 --validation " + data);
  EXPECT_TRUE(json["first_loss_after"].is_null());
}

/// Every command says so when its output is lost.
TEST_F(ToolTest, ChecksStandardOutput) {
  std::string full = temporaryPath("full");
  unlink(full.c_str());
  if (mknod(full.c_str(), S_IFCHR | 0666, makedev(1, 7)) != 0 ||
      !std::ofstream(full))
    GTEST_SKIP() << "no device node can be made here";
  std::string array = temporaryPath("x.npy"), tuned = temporaryPath("tuned");
  ASSERT_EQ(run("train " + model + " --data " + data + " --output " + tuned)
                .exitStatus,
            0);
  for (const std::string &command :
       {std::string("--version"), std::string("--help"), std::string("devices"),
        "info " + model, "info " + model + " --json",
        "generate " + model + " -p abc -n 2",
        "eval " + model + " --data " + data,
        "bench " + model + " --prompt 4 --generate 2",
        "logits " + model + " --input-ids 1 -o " + array,
        "train " + model + " --data " + data + " --overwrite --output " + tuned,
        "grad " + model + " --data " + data + " --adapter " + tuned + " -o " +
            array}) {
    expectError(command + " > " + full, "cannot write to standard output");
    expectError(command + " --json > " + full,
                "cannot write to standard output");
  }
  // Files that go to the node fail likewise, and the node stays.
  for (const std::string &command :
       {"logits " + model + " --input-ids 1 -o " + full,
        "grad " + model + " --data " + data + " --adapter " + tuned + " -o " +
            full,
        "eval " + model + " --data " + data + " --profile " + full})
    expectError(command, "No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file(full));
}

/// One line for each failure, whatever names are in it.
TEST_F(ToolTest, SaysErrorsInOneLine) {
  std::string odd = temporaryPath("a\nb\x1b[31m");
  writeFile(odd, "{\"text\":\"a\",\"k\\ney\":1}");
  for (const std::string &arguments :
       {std::string(), std::string("frobnicate"), "info '" + odd + "'",
        "info '" + odd + "x'", "info " + model + " --frobnicate",
        "info " + model + " 'two\nlines'", "eval " + model,
        "eval " + model + " --data '" + odd + "'",
        "eval " + model + " --data " + data + " --adapter '" + odd + "'",
        "eval " + model + " --data " + data + " --device 'a\nb'",
        "train " + model + " --data " + data + " --output " +
            temporaryPath("none") + " --lr-scheduler 'a\nb'",
        "logits " + model + " --input-ids '1\n2' -o x"}) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exitStatus, 1) << arguments;
    // What was found out before may stand above it.
    std::string &errors = outcome.errors;
    size_t error = errors.find("error: ");
    ASSERT_NE(error, std::string::npos) << errors;
    EXPECT_EQ(errors.find('\n', error), errors.size() - 1) << errors;
    EXPECT_EQ(errors.find('\x1b'), std::string::npos) << errors;
  }
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
