//===- TargetTest.cpp - A target from outside -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A target that this file alone knows: its kernels are their IR as text.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/Target.h"
#include "../io/TemporaryFolder.h"
#include "core/Session.h"
#include "sterna/Driver/Compiler.h"

#include "sterna/Dialect/Plan/Transforms/Passes.h"
#include "sterna/Dialect/Tern/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace sterna;

namespace {

class TextTarget : public Target {
public:
  StringRef getName() const override { return "text"; }
  std::vector<std::string> getChoices() const override { return {"text"}; }

  llvm::Expected<plan::TargetAttr>
  describe(MLIRContext *context, ArrayRef<std::string>,
           const TargetOptions &) const override {
    context->loadDialect<plan::PlanDialect>();
    return plan::TargetAttr::get(context, "text",
                                 Builder(context).getDictionaryAttr({}));
  }

  LogicalResult verify(function_ref<InFlightDiagnostic()> emitError,
                       plan::TargetAttr target) const override {
    return success();
  }

  void buildDispatchPipeline(OpPassManager &manager,
                             plan::TargetAttr) const override {
    manager.addPass(tern::createAssignLayoutsPass());
    manager.addPass(plan::createFormDispatchesPass());
  }
  void buildCodegenPipeline(OpPassManager &, plan::TargetAttr) const override {}
  void getDependentDialects(DialectRegistry &) const override {}
  bool isLowered(Operation *) const override { return false; }

  llvm::Expected<std::vector<CodeObject>>
  emitCode(ModuleOp module, const Progress &) const override {
    CodeObject object;
    object.target = "text";
    llvm::raw_string_ostream stream(object.bytes);
    for (auto kernel : module.getOps<plan::KernelOp>()) {
      stream << kernel << "\n";
      object.kernels.emplace_back().workgroups = 1;
    }
    return std::vector<CodeObject>{std::move(object)};
  }
};

class TargetTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    registerAllTargets();
    registerTarget(std::make_unique<TextTarget>());
  }

  void SetUp() override {
    path = folder.path("model.stn");
    options.input = STERNA_TEST_MODEL;
    options.output = path;
    options.sequenceLength = 16;
    options.maxContext = 32;
    options.loraRank = 2;
    listener.message = [this](Severity severity, StringRef message) {
      if (severity == Severity::Error)
        errors.push_back(message.str());
    };
  }

  // Tests run beside each other.
  TemporaryFolder folder;
  std::string path;
  CompileOptions options;
  CompileListener listener;
  std::vector<std::string> errors;
};

TEST_F(TargetTest, CompilesAndIsRefusedByName) {
  options.targets = {"text"};
  ASSERT_TRUE(succeeded(compile(options, listener))) << errors.front();
  auto module = Module::load(path);
  ASSERT_TRUE(module.ok()) << module.message();
  EXPECT_EQ((*module)->plan().target()->str(), "text");
  const format::Code *code = (*module)->plan().code()->Get(0);
  StringRef text(reinterpret_cast<const char *>((*module)->code(*code)),
                 code->size());
  EXPECT_TRUE(text.contains("plan.kernel @"));
  auto session = Session::create(*module, {0}, DeviceOptions());
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.message(), "the module has no plan for cpu, only for text: "
                               "compile it with --target=host");
}

TEST_F(TargetTest, StandsBesideOthers) {
  options.targets = {"text", "vulkan", "host"};
  options.train = false;
  ASSERT_TRUE(succeeded(compile(options, listener))) << errors.front();
  options.output = path + ".alone";
  options.targets = {"host"};
  ASSERT_TRUE(succeeded(compile(options, listener))) << errors.front();
  auto alone = Module::load(options.output), many = Module::load(path);
  ASSERT_TRUE(alone.ok() && many.ok());
  ASSERT_EQ((*many)->metadata().plans()->size(), 3u);
  auto cpu = (*many)->viewOf("cpu");
  ASSERT_TRUE(cpu);
  const format::Plan &mine = (*alone)->plan(), &theirs = cpu->plan();
  // Kernels, layouts, places: the CPU's plan is what it is without others.
  const format::Code &before = *mine.code()->Get(0);
  const format::Code &after = *theirs.code()->Get(0);
  EXPECT_EQ(before.checksum(), after.checksum());
  ASSERT_EQ(mine.kernels()->size(), theirs.kernels()->size());
  ASSERT_EQ(mine.weights()->size(), theirs.weights()->size());
  for (uint32_t i = 0; i < mine.weights()->size(); ++i) {
    const format::Weight &x = *mine.weights()->Get(i);
    const format::Weight &y = *theirs.weights()->Get(i);
    EXPECT_EQ(x.layout()->str(), y.layout()->str());
    EXPECT_EQ(x.offset(), y.offset());
    EXPECT_EQ(x.checksum(), y.checksum());
  }
  EXPECT_EQ(mine.weights_bytes(), theirs.weights_bytes());
  EXPECT_EQ(mine.arena_bytes(), theirs.arena_bytes());
}

TEST_F(TargetTest, NamesTheChoices) {
  options.targets = {"toaster"};
  EXPECT_TRUE(failed(compile(options, listener)));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].find("unknown --target=toaster; expected host, "), 0u);
  EXPECT_NE(errors[0].find("vulkan, or text"), std::string::npos);
  EXPECT_FALSE(llvm::sys::fs::exists(path));
}

} // namespace
