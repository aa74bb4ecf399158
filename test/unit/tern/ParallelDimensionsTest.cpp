//===- ParallelDimensionsTest.cpp - How the ops fall into parts -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tests `DecomposableOpInterface::getParallelDimensions` on the example of each
// op, which test/Dialect/Tern/ops.mlir holds.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace sterna;

namespace {

class ParallelDimensionsTest : public testing::Test {
protected:
  ParallelDimensionsTest() {
    context.loadDialect<func::FuncDialect, tern::TernDialect>();
    module = parseSourceFile<ModuleOp>(
        STERNA_SOURCE_DIR "/test/Dialect/Tern/ops.mlir", &context);
  }

  void SetUp() override { ASSERT_TRUE(module); }

  /// Calls `check` with each op that has a decomposition; fails without any.
  void forEachOp(function_ref<void(DecomposableOpInterface)> check) {
    unsigned count = 0;
    module->walk([&](DecomposableOpInterface op) {
      SCOPED_TRACE(op->getName().getStringRef().str());
      check(op);
      ++count;
    });
    EXPECT_GT(count, 10u);
  }

  template <typename Op> void expect(SmallVector<int64_t> dims) {
    bool found = false;
    module->walk([&](Op op) {
      found = true;
      for (unsigned index = 0; index < op->getNumResults(); ++index)
        EXPECT_EQ(op.getParallelDimensions(index), dims)
            << Op::getOperationName().str();
    });
    EXPECT_TRUE(found) << Op::getOperationName().str();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

int64_t extent(DecomposableOpInterface op, unsigned result, int64_t dim) {
  return cast<RankedTensorType>(op->getResult(result).getType())
      .getDimSize(dim);
}

TEST_F(ParallelDimensionsTest, AreDimensionsOfEachResult) {
  forEachOp([](DecomposableOpInterface op) {
    for (OpResult result : op->getResults()) {
      SmallVector<int64_t> dims =
          op.getParallelDimensions(result.getResultNumber());
      int64_t rank = cast<RankedTensorType>(result.getType()).getRank();
      for (int64_t dim : dims) {
        EXPECT_GE(dim, 0);
        EXPECT_LT(dim, rank);
        EXPECT_EQ(llvm::count(dims, dim), 1);
      }
    }
  });
}

TEST_F(ParallelDimensionsTest, HaveEqualExtentsInAllResults) {
  forEachOp([](DecomposableOpInterface op) {
    SmallVector<int64_t> first = op.getParallelDimensions(0);
    for (unsigned index = 1; index < op->getNumResults(); ++index) {
      SmallVector<int64_t> dims = op.getParallelDimensions(index);
      ASSERT_EQ(dims.size(), first.size());
      for (auto [dim, firstDim] : llvm::zip_equal(dims, first))
        EXPECT_EQ(extent(op, index, dim), extent(op, 0, firstDim));
    }
  });
}

TEST_F(ParallelDimensionsTest, LeaveOutWhatSumsCross) {
  expect<tern::LinearOp>({0});
  expect<tern::QuantizeOp>({0});
  expect<tern::RmsNormOp>({0});
  expect<tern::RmsNormGradOp>({0});
  expect<tern::CrossEntropyOp>({0});
  expect<tern::SoftmaxStatisticsOp>({0});
  expect<tern::AttentionGradOp>({2, 0});
}

TEST_F(ParallelDimensionsTest, NameAllThatAreIndependent) {
  expect<tern::CheckpointOp>({0, 1});
  expect<tern::MatmulOp>({0, 1});
  expect<tern::MatmulTransposedOp>({0, 1});
  expect<tern::EmbeddingOp>({0, 1});
  expect<tern::CrossEntropyGradOp>({0, 1});
  expect<tern::RopeOp>({1, 0, 2, 3});
  expect<tern::AttentionOp>({2, 1, 3, 0});
}

TEST_F(ParallelDimensionsTest, AreNoneWhereRowsGoToRunTimePositions) {
  expect<tern::CacheUpdateOp>({});
}

} // namespace
