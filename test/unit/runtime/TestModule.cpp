//===- TestModule.cpp - Builds device binaries for tests ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TestModule.h.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "core/Module.h"
#include "sterna/device_binary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace sterna;
using namespace sterna::test;

namespace {

using Builder = flatbuffers::FlatBufferBuilder;
using format::Binding;
using format::ElementType;
using format::Space;
using format::StateKind;

constexpr uint64_t page = 4096;

std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<format::Field>>>
buildFields(Builder &builder, const std::vector<test::Field> &fields) {
  std::vector<flatbuffers::Offset<format::Field>> offsets;
  for (const test::Field &field : fields)
    offsets.push_back(format::CreateFieldDirect(
        builder, field.name.c_str(), field.type, &field.shape, field.offset));
  return builder.CreateVector(offsets);
}

flatbuffers::Offset<format::Program>
buildProgram(Builder &builder, const test::Program &program) {
  std::vector<flatbuffers::Offset<format::Dispatch>> dispatches;
  for (const test::Dispatch &dispatch : program.dispatches)
    dispatches.push_back(format::CreateDispatchDirect(
        builder, dispatch.kernel, &dispatch.bindings, dispatch.barrier));
  auto dispatchVector = builder.CreateVector(dispatches);
  auto inputs = buildFields(builder, program.inputs);
  auto outputs = buildFields(builder, program.outputs);
  auto name = builder.CreateString(program.name);
  return format::CreateProgram(builder, name, inputs, outputs, dispatchVector,
                               program.arenaBytes);
}

flatbuffers::Offset<format::Model> buildModel(Builder &builder,
                                              const TestModule &module) {
  std::vector<flatbuffers::Offset<flatbuffers::String>> targets = {
      builder.CreateString("q_proj")};
  return format::CreateModelDirect(
      builder, "toy", "test", /*layers=*/1, hidden, /*feed_forward=*/0,
      /*heads=*/1, /*kv_heads=*/1, /*head_dim=*/hidden, vocabulary, context,
      sequence, batch, module.loraRank, &targets, "float",
      /*trainable=*/true, /*gradients=*/nullptr, /*model_context=*/0,
      module.adamw ? &*module.adamw : nullptr);
}

flatbuffers::Offset<format::Tokenizer>
buildTokenizer(Builder &builder, const TestModule &module) {
  // Token n is the n-th letter; there is neither BOS nor EOS.
  std::vector<flatbuffers::Offset<flatbuffers::String>> pieces;
  std::vector<float> scores(vocabulary, 0.0f);
  std::vector<int32_t> types(vocabulary, 1);
  for (uint32_t i = 0; i < vocabulary; ++i)
    pieces.push_back(builder.CreateString(
        i == 0 ? "<unk>" : std::string(1, char('a' + i - 1))));
  types[0] = 2;
  return format::CreateTokenizerDirect(
      builder, "llama", &pieces, &scores, &types, /*bos=*/-1, /*eos=*/-1,
      /*unk=*/0, /*pad=*/-1, /*add_bos=*/false, /*add_space_prefix=*/false,
      module.chatTemplate.c_str(), &module.endIds);
}

std::string buildMetadata(const TestModule &module, uint64_t weightsOffset,
                          uint64_t codeOffset) {
  Builder builder;
  std::vector<flatbuffers::Offset<format::Kernel>> kernels;
  for (const KernelGrid &kernel : module.kernels)
    kernels.push_back(format::CreateKernelDirect(builder, kernel.name.c_str()));
  std::vector<flatbuffers::Offset<format::Program>> programs;
  for (const test::Program &program : module.programs)
    programs.push_back(buildProgram(builder, program));
  std::vector<flatbuffers::Offset<format::StateTensor>> state;
  for (const State &tensor : module.state)
    state.push_back(format::CreateStateTensorDirect(
        builder, tensor.name.c_str(), tensor.kind, ElementType::f32,
        &tensor.shape, tensor.offset, /*layer=*/0, tensor.target.c_str()));
  std::vector<flatbuffers::Offset<format::Weight>> weights = {
      format::CreateWeightDirect(builder, "table", "f32", nullptr,
                                 /*offset=*/0, module.weights.size(),
                                 checksumOf(module.weights), weightsOffset)};
  std::vector<flatbuffers::Offset<flatbuffers::String>> features;
  for (const std::string &feature : module.features)
    features.push_back(builder.CreateString(feature));
  std::vector<flatbuffers::Offset<format::KernelCode>> kernelCode;
  for (const KernelGrid &kernel : module.kernels)
    kernelCode.push_back(format::CreateKernelCodeDirect(
        builder, kernel.workgroups, /*tuned=*/false, kernel.offset, kernel.size,
        &kernel.slots, kernel.written, kernel.scratch));
  std::vector<flatbuffers::Offset<format::Code>> code = {
      format::CreateCodeDirect(builder, module.target.c_str(), &features,
                               codeOffset, module.code.size(),
                               checksumOf(module.code), &kernelCode)};
  std::vector<flatbuffers::Offset<format::Plan>> plans = {
      format::CreatePlanDirect(
          builder, module.target == "vulkan" ? "vulkan" : "cpu", &kernels,
          &programs, &state, &weights, &code, weightsOffset,
          module.weights.size(), module.stateBytes, module.arenaBytes,
          module.blockBytes)};
  auto root = format::CreateModuleDirect(builder, buildModel(builder, module),
                                         buildTokenizer(builder, module),
                                         &plans, "test");
  format::FinishModuleBuffer(builder, root);
  return {reinterpret_cast<const char *>(builder.GetBufferPointer()),
          builder.GetSize()};
}

std::filesystem::path temporaryFolder() {
  return std::filesystem::temp_directory_path() /
         ("sterna-runtime-tests-" + std::to_string(getpid()));
}

/// Removes what the tests wrote, at the end of all.
struct Cleaner : testing::Environment {
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(temporaryFolder(), ignored);
  }
};
[[maybe_unused]] testing::Environment *const cleaner =
    testing::AddGlobalTestEnvironment(new Cleaner());

void padToPage(std::string &bytes) {
  bytes.resize((bytes.size() + page - 1) / page * page);
}

template <typename T> void append(std::string &bytes, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    bytes.push_back(char(value >> (8 * i)));
}

Binding blockAt(uint64_t offset, uint64_t size) {
  return Binding(Space::block, offset, size);
}

Binding stateAt(uint64_t offset, uint64_t size) {
  return Binding(Space::state, offset, size);
}

/// Offsets of the toy model's tensors in the state.
enum : uint64_t {
  offsetA = 0,
  offsetB = 64,
  offsetGradientA = 128,
  offsetGradientB = 192,
  offsetCache = 256,
  toyStateBytes = 320
};

constexpr uint64_t sizeA = rank * loraIn * 4;
constexpr uint64_t sizeB = loraOut * rank * 4;

test::Program forwardProgram(uint32_t length, bool lora) {
  test::Program program;
  program.name = "forward_" + std::to_string(length) + (lora ? "_lora" : "");
  program.inputs = {{"tokens", ElementType::i32, {length}, 0},
                    {"position", ElementType::i32, {}, 64},
                    {"length", ElementType::i32, {}, 68}};
  program.outputs = {{"hidden", ElementType::f32, {length, hidden}, 128}};
  std::vector<Binding> bindings = {
      blockAt(0, length * 4), blockAt(64, 4), blockAt(68, 4),
      stateAt(offsetCache, context * 4), blockAt(128, length * hidden * 4)};
  if (lora) {
    program.inputs.push_back({"lora_scale", ElementType::f32, {}, 72});
    bindings.insert(bindings.end(), {blockAt(72, 4), stateAt(offsetA, sizeA),
                                     stateAt(offsetB, sizeB)});
  }
  program.dispatches = {{lora ? ForwardLora : ForwardPlain, bindings, false}};
  return program;
}

test::Program headProgram() {
  // Input and output overlap those of forward: programs share the block.
  test::Program program;
  program.name = "head";
  program.inputs = {{"hidden", ElementType::f32, {1, hidden}, 0}};
  program.outputs = {{"logits", ElementType::f32, {1, vocabulary}, 128}};
  program.dispatches = {
      {Head, {blockAt(0, hidden * 4), blockAt(128, vocabulary * 4)}, false}};
  return program;
}

test::Program evalProgram(bool lora) {
  test::Program program;
  program.name = lora ? "eval_lora" : "eval";
  program.inputs = {{"tokens", ElementType::i32, {batch, sequence}, 0},
                    {"labels", ElementType::i32, {batch, sequence}, 64}};
  if (lora)
    program.inputs.push_back({"lora_scale", ElementType::f32, {}, 128});
  program.outputs = {{"loss", ElementType::f32, {}, 132}};
  std::vector<Binding> bindings = {blockAt(64, batch * sequence * 4),
                                   blockAt(132, 4)};
  if (lora)
    bindings.insert(bindings.end(),
                    {stateAt(offsetA, sizeA), stateAt(offsetB, sizeB)});
  program.dispatches = {{Eval, bindings, false}};
  return program;
}

test::Program microProgram() {
  test::Program program;
  program.name = "train_micro";
  program.inputs = {{"tokens", ElementType::i32, {batch, sequence}, 0},
                    {"labels", ElementType::i32, {batch, sequence}, 64},
                    {"lora_scale", ElementType::f32, {}, 128},
                    {"loss_scale", ElementType::f32, {}, 132},
                    {"accumulate", ElementType::f32, {}, 136}};
  program.outputs = {{"loss", ElementType::f32, {}, 140}};
  program.dispatches = {
      {Micro,
       {blockAt(64, batch * sequence * 4), blockAt(128, 4), blockAt(132, 4),
        blockAt(136, 4), stateAt(offsetA, sizeA),
        stateAt(offsetGradientA, sizeA), stateAt(offsetGradientB, sizeB),
        blockAt(140, 4), stateAt(offsetB, sizeB)},
       false}};
  return program;
}

test::Program applyProgram() {
  test::Program program;
  program.name = "train_apply";
  uint64_t offset = 0;
  for (const char *name : {"learning_rate", "weight_decay", "max_grad_norm",
                           "bias_correction1", "bias_correction2"}) {
    program.inputs.push_back({name, ElementType::f32, {}, offset});
    offset += 4;
  }
  program.outputs = {{"grad_norm", ElementType::f32, {}, 32}};
  program.dispatches = {{Apply,
                         {blockAt(0, 4), stateAt(offsetA, sizeA),
                          stateAt(offsetGradientA, sizeA), blockAt(32, 4)},
                         false}};
  return program;
}

} // namespace

std::string TestModule::serialize() const {
  // The metadata's length does not depend on the offsets in it.
  uint64_t metadataSize = buildMetadata(*this, page, page).size() + 64;
  uint64_t weightsOffset = (64 + metadataSize + page - 1) / page * page;
  uint64_t codeOffset =
      weightsOffset + (weights.size() + page - 1) / page * page;
  std::string metadata = buildMetadata(*this, weightsOffset, codeOffset);
  std::string file("STERNA\r\n");
  append<uint32_t>(file, STERNA_DEVICE_BINARY_VERSION);
  append<uint32_t>(file, 64);
  append<uint64_t>(file, 64);
  append<uint64_t>(file, metadata.size());
  append<uint64_t>(file, checksumOf(metadata));
  append<uint64_t>(file, codeOffset + code.size());
  file.resize(64);
  file += metadata;
  file.resize(weightsOffset);
  file += weights;
  if (damageWeights)
    file[weightsOffset] = char(file[weightsOffset] ^ 1);
  padToPage(file);
  file += code;
  if (damageCode)
    file[codeOffset + code.size() / 2] =
        char(file[codeOffset + code.size() / 2] ^ 1);
  return file;
}

TestModule sterna::test::emptyModule() {
  TestModule module;
  module.kernels = {
      {"squares", 64},     {"neighbours", 64},   {"forward", 1},
      {"forward_lora", 1}, {"head", vocabulary}, {"eval", 1},
      {"micro", 1},        {"apply", 1},         {"scratchpad", 64}};
  module.kernels[Scratchpad].scratch = scratchBytes;
  module.code = readAll(STERNA_TEST_KERNELS);
  module.weights.assign(100, 'w');
  return module;
}

TestModule sterna::test::toyModel() {
  TestModule module = emptyModule();
  for (bool lora : {false, true}) {
    module.programs.push_back(forwardProgram(1, lora));
    module.programs.push_back(forwardProgram(4, lora));
    module.programs.push_back(evalProgram(lora));
  }
  module.programs.push_back(headProgram());
  module.programs.push_back(microProgram());
  module.programs.push_back(applyProgram());
  module.state = {{"a", StateKind::lora_a, {rank, loraIn}, offsetA, "q_proj"},
                  {"b", StateKind::lora_b, {loraOut, rank}, offsetB, "q_proj"},
                  {"a.gradient",
                   StateKind::gradient,
                   {rank, loraIn},
                   offsetGradientA,
                   "q_proj"},
                  {"b.gradient",
                   StateKind::gradient,
                   {loraOut, rank},
                   offsetGradientB,
                   "q_proj"},
                  {"cache", StateKind::kv_cache, {context}, offsetCache, ""}};
  module.stateBytes = toyStateBytes;
  module.blockBytes = 256;
  return module;
}

std::string sterna::test::temporaryPath(const std::string &name) {
  const testing::TestInfo *info =
      testing::UnitTest::GetInstance()->current_test_info();
  std::filesystem::path folder =
      temporaryFolder() /
      (std::string(info->test_suite_name()) + "." + info->name());
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

uint64_t sterna::test::checksumOf(const std::string &bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void sterna::test::writeFile(const std::string &path,
                             const std::string &bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), std::streamsize(bytes.size()));
  ASSERT_TRUE(file.good());
}

std::shared_ptr<const Module>
sterna::test::loadValid(const TestModule &module) {
  std::string path = temporaryPath("module.stn");
  writeFile(path, module.serialize());
  Expected<std::shared_ptr<const Module>> loaded = Module::load(path);
  EXPECT_TRUE(loaded.ok()) << loaded.message();
  return loaded.ok() ? *loaded : nullptr;
}
