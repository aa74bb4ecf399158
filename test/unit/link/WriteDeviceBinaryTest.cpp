//===- WriteDeviceBinaryTest.cpp - The packer against the plan ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules whose plan and weights disagree: kernels are compiled by the plan, so
// that the device binary would be wrong in silence.
//
//===----------------------------------------------------------------------===//

#include "../io/TemporaryFolder.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"

#include "core/Module.h"
#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace sterna;

namespace {

/// Plans with two parameters of 16 bytes each, at 0 and 64 in 128 bytes; the
/// second plan has one of them in another layout.
constexpr char source[] = R"(
module attributes {
    tern.model = #tern.model<name = "m", architecture = "a", layers = 1,
        hidden = 1, feedForward = 1, heads = 1, kvHeads = 1, headDim = 1,
        vocabulary = 1, contextLength = 1, int8Activations = true>,
    tern.shapes = #tern.shapes<maxContext = 1, sequenceLength = 1,
                               batch = 1>} {
  module @cpu attributes {plan.state_bytes = 64 : i64,
                          plan.weights_bytes = 128 : i64} {
    tern.param @first : tensor<4xf32> from dense<1.0> : tensor<4xf32>
    tern.param @second : tensor<4xf32> from dense<2.0> : tensor<4xf32>
    plan.state @moments : memref<4xf32> at 0
        is <name = "moments", kind = moment1, target = "q_proj">
  }
  module @other attributes {plan.weights_bytes = 128 : i64} {
    tern.param @first : tensor<2x2xf32> from dense<1.0> : tensor<2x2xf32>
        {offset = 0 : i64}
    tern.param @second : tensor<4xf32> from dense<2.0> : tensor<4xf32>
        {offset = 64 : i64}
  }
}
)";

class WriteDeviceBinaryTest : public testing::Test {
protected:
  WriteDeviceBinaryTest() : b(&context) {
    context.loadDialect<plan::PlanDialect, tern::TernDialect>();
    module = parseSourceString<ModuleOp>(source, &context);
  }

  void SetUp() override {
    ASSERT_TRUE(module);
    place("first", 0);
    place("second", 64);
  }

  void place(StringRef name, int64_t offset) {
    param(name)->setAttr("offset", b.getI64IntegerAttr(offset));
  }

  ModuleOp plan(StringRef name) { return module->lookupSymbol<ModuleOp>(name); }

  tern::ParamOp param(StringRef name) {
    return plan("cpu").lookupSymbol<tern::ParamOp>(name);
  }

  /// What is wrong with the module; empty if it is written.
  std::string write() {
    TemporaryFolder folder;
    std::string path = folder.path("model.stn");
    auto report =
        writeDeviceBinary(*module, PlanCode{"cpu", plan("cpu"), {}}, path);
    EXPECT_EQ(llvm::sys::fs::exists(path), bool(report));
    return report ? "" : llvm::toString(report.takeError());
  }

  MLIRContext context;
  Builder b;
  OwningOpRef<ModuleOp> module;
};

TEST_F(WriteDeviceBinaryTest, TakesWhatIsPlanned) { EXPECT_EQ(write(), ""); }

TEST_F(WriteDeviceBinaryTest, StoresEqualLayoutsOnce) {
  TemporaryFolder folder;
  std::string path = folder.path("model.stn");
  std::vector<PlanCode> plans;
  plans.push_back({"cpu", plan("cpu"), {}});
  plans.push_back({"other", plan("other"), {}});
  auto report = writeDeviceBinary(*module, plans, path);
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  auto loaded = Module::load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  auto cpu = (*loaded)->viewOf("cpu"), other = (*loaded)->viewOf("other");
  ASSERT_TRUE(cpu && other);
  EXPECT_FALSE((*loaded)->viewOf("vulkan"));
  // The first is mapped as a whole, the second is gathered.
  EXPECT_NE(cpu->weights(), nullptr);
  EXPECT_EQ(other->weights(), nullptr);
  const auto &mine = *cpu->plan().weights();
  const auto &theirs = *other->plan().weights();
  EXPECT_NE(mine.Get(0)->file_offset(), theirs.Get(0)->file_offset());
  EXPECT_EQ(mine.Get(1)->file_offset(), theirs.Get(1)->file_offset());
  EXPECT_EQ(theirs.Get(1)->offset(), 64u);
  for (const auto &[view, index] :
       {std::pair(cpu, 0), {other, 0}, {other, 1}}) {
    const format::Weight &weight = *view->plan().weights()->Get(index);
    float values[4];
    std::memcpy(values, view->bytesOf(weight), sizeof(values));
    for (float value : values)
      EXPECT_EQ(value, index == 0 ? 1 : 2);
  }
  EXPECT_TRUE((*loaded)->verifyWeights().ok());
}

TEST_F(WriteDeviceBinaryTest, RefusesWeightsThatOverlap) {
  for (int64_t offset : {-64, 0, 8, 15}) {
    place("second", offset);
    EXPECT_EQ(write(), "weight second does not fit the plan: expected an "
                       "offset of at least 16, but got " +
                           std::to_string(offset));
  }
}

TEST_F(WriteDeviceBinaryTest, RefusesWeightsWithoutPlace) {
  param("second")->removeAttr("offset");
  EXPECT_EQ(write(), "weight second does not fit the plan: expected an offset "
                     "of at least 16, but got none");
}

TEST_F(WriteDeviceBinaryTest, RefusesWeightsBeyondTheirSpace) {
  for (int64_t offset : {113, 128, 4096}) {
    place("second", offset);
    EXPECT_EQ(write(), "weight second does not fit the plan: expected an end "
                       "within 128 bytes, but got " +
                           std::to_string(offset + 16));
  }
  plan("cpu")->removeAttr("plan.weights_bytes");
  EXPECT_EQ(write(), "the module has no plan of its weights: expected "
                     "plan.weights_bytes");
}

TEST_F(WriteDeviceBinaryTest, RefusesWeightsOfAnotherSize) {
  for (int64_t count : {1, 3, 5, 16}) {
    auto type = RankedTensorType::get({count}, b.getF32Type());
    std::vector<float> values(count, 1.0f);
    param("second").setSourceAttr(
        DenseElementsAttr::get(type, ArrayRef<float>(values)));
    EXPECT_EQ(write(), "weight second does not fit the plan: expected 16 "
                       "bytes, but got " +
                           std::to_string(4 * count));
  }
}

TEST_F(WriteDeviceBinaryTest, RefusesSourcesThatCannotBePacked) {
  auto type = RankedTensorType::get({4}, b.getF64Type());
  param("second").setSourceAttr(DenseElementsAttr::get(type, 1.0));
  EXPECT_EQ(write(), "second: expected elements of f32, but got f64");
  param("second").setSourceAttr(b.getUnitAttr());
  EXPECT_EQ(write(), "second: expected a source that can be packed, "
                     "but got unit");
}

TEST_F(WriteDeviceBinaryTest, RefusesWhatTheFormatHasNoWordFor) {
  auto state = *plan("cpu").getOps<plan::StateOp>().begin();
  for (unsigned bits : {24, 128}) {
    Type type = b.getIntegerType(bits);
    state.setTypeAttr(TypeAttr::get(MemRefType::get({4}, type)));
    EXPECT_NE(write().find("the device binary has no element type "),
              std::string::npos);
  }
}

} // namespace
