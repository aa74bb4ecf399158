//===- OptionsTest.cpp - The table of options -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "sterna/Driver/Options.h"

#include "gtest/gtest.h"

using namespace sterna;

namespace {

std::string set(CompileOptions &options, llvm::StringRef name,
                llvm::StringRef value) {
  return llvm::toString(setOption(options, name, value));
}

TEST(Options, EachIsSet) {
  CompileOptions options;
  for (auto [name, value] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"emit", "obj"},
           {"target", "host,vulkan"},
           {"target", "x86-64-v2"},
           {"seq-len", "7"},
           {"batch", "3"},
           {"pack", ""},
           {"max-context", "9"},
           {"kv-type", "int8"},
           {"draft-tokens", "4"},
           {"lora-rank", "2"},
           {"lora-targets", "q,down"},
           {"activations", "float"},
           {"weight-scale", "divide"},
           {"gradient-type", "int8"},
           {"head-type", "f16"},
           {"weight-layout", "base3"},
           {"device-facts", "board.json"},
           {"no-train", "true"},
           {"train", "loss"},
           {"trainable", ".*weight"},
           {"no-checkpoint", ""},
           {"optimizer", "sgd"},
           {"optimizer-state", "int8"},
           {"grad-clip-mode", "previous"},
           {"memory-budget", "1.5GiB"},
           {"saved-type", "bf16"},
           {"what-fits", "4GB"},
           {"portable-kernels", "false"},
           {"quantize", "absmean"},
           {"i2s-layout", "arm"},
           {"chat-template", "plain"},
           {"tokenizer", "folder"},
           {"dim", "n=4"},
           {"constant", "shape=shape.npy"},
           {"memory-report", "plan.html"},
           {"runtime-folder", "bin"},
           {"compile-from", "adapt"},
           {"compile-to", "codegen"}})
    EXPECT_EQ(set(options, name, value), "");
  EXPECT_EQ(options.emit, Product::Object);
  EXPECT_EQ(options.targets,
            (std::vector<std::string>{"host", "vulkan", "x86-64-v2"}));
  EXPECT_EQ(options.sequenceLength, 7);
  EXPECT_EQ(options.batch, 3);
  EXPECT_TRUE(options.pack);
  EXPECT_EQ(options.maxContext, 9);
  EXPECT_EQ(options.kvType, KVType::Int8);
  EXPECT_EQ(options.draftTokens, 4);
  EXPECT_EQ(options.tokenizer, "folder");
  EXPECT_EQ(options.dimensions.lookup("n"), 4);
  EXPECT_EQ(options.constants.lookup("shape"), "shape.npy");
  EXPECT_EQ(options.loraRank, 2);
  EXPECT_EQ(options.loraTargets, (std::vector<std::string>{"q", "down"}));
  EXPECT_EQ(options.activations, ActivationType::Float);
  EXPECT_EQ(options.weightScale, WeightScale::Divide);
  EXPECT_EQ(options.gradientType, "int8");
  EXPECT_EQ(options.headType, "f16");
  EXPECT_EQ(options.weightLayout, "base3");
  EXPECT_EQ(options.deviceFacts, "board.json");
  EXPECT_FALSE(options.train);
  EXPECT_EQ(options.loss, "loss");
  EXPECT_EQ(options.trainable, ".*weight");
  EXPECT_FALSE(options.checkpoint);
  EXPECT_EQ(options.optimizer, "sgd");
  EXPECT_EQ(options.optimizerState, "int8");
  EXPECT_EQ(options.gradClipMode, "previous");
  EXPECT_EQ(options.memoryBudget, int64_t(3) << 29);
  EXPECT_EQ(options.savedType, "bf16");
  EXPECT_EQ(options.whatFits, 4'000'000'000);
  EXPECT_TRUE(options.tuned);
  EXPECT_EQ(options.quantize, "absmean");
  EXPECT_EQ(options.i2sLayout, "arm");
  EXPECT_EQ(options.chatTemplate, "plain");
  EXPECT_EQ(options.memoryReport, "plan.html");
  EXPECT_EQ(options.runtimeFolder, "bin");
  EXPECT_EQ(options.from, Phase::Adapt);
  EXPECT_EQ(options.to, Phase::Codegen);
  // None is in the table that was not set here.
  EXPECT_EQ(options.given.size(), getOptionTable().size() + 1);
}

TEST(Options, AreCheckedAgainstEachOther) {
  auto problem =
      [](std::initializer_list<std::pair<const char *, const char *>> given) {
        CompileOptions options;
        options.input = "m.gguf";
        options.output = "m.stn";
        for (auto [name, value] : given)
          EXPECT_EQ(set(options, name, value), "");
        return llvm::toString(checkOptions(options));
      };
  EXPECT_EQ(problem({}), "");
  EXPECT_EQ(problem({{"compile-from", "codegen"}, {"compile-to", "adapt"}}),
            "--compile-to=adapt comes before --compile-from=codegen");
  EXPECT_EQ(problem({{"compile-from", "link"}}),
            "--compile-from=link: the phase 'link' leaves no IR");
  EXPECT_EQ(problem({{"no-train", ""}, {"no-checkpoint", ""}}),
            "--no-checkpoint is about training, which --no-train and "
            "--lora-rank=0 leave out");
  EXPECT_EQ(problem({{"batch", "auto"}}),
            "--batch=auto takes as many sequences as --memory-budget=SIZE has "
            "room for: give one");
  EXPECT_EQ(problem({{"batch", "auto"}, {"memory-budget", "1GiB"}}), "");
  EXPECT_EQ(problem({{"batch", "auto"}, {"no-train", ""}}),
            "--batch=auto is about training, which --no-train and "
            "--lora-rank=0 leave out");
  CompileOptions table;
  table.input = "m.gguf";
  EXPECT_EQ(set(table, "what-fits", "1GiB"), "");
  EXPECT_EQ(set(table, "batch", "auto"), "");
  EXPECT_EQ(llvm::toString(checkOptions(table)),
            "--batch=auto excludes --what-fits: give a number of sequences");
  EXPECT_EQ(problem({{"seq-len", "65536"}, {"batch", "1024"}}),
            "--seq-len times --batch: expected at most 1048576 tokens, but got "
            "67108864");
}

} // namespace
