//===- PackTest.cpp - Several samples in one sequence ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Losses and gradients of packed samples are those of the samples alone.
//
//===----------------------------------------------------------------------===//

#include "../io/TemporaryFolder.h"
#include "core/Plan.h"
#include "core/Session.h"
#include "sterna/Driver/Compiler.h"
#include "train/Adapter.h"
#include "train/TrainPrograms.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sterna;

namespace {

constexpr uint32_t length = 32;
const std::vector<int32_t> first = {1, 40, 7, 99, 250, 13, 8, 8, 301, 44, 5};
const std::vector<int32_t> second = {1, 77, 12, 410, 3, 9, 64, 28};

/// Appends `sample` to the one row of `batch` as a segment of its own.
void append(Batch &batch, const std::vector<int32_t> &sample, int32_t segment) {
  size_t at = batch.realTokens;
  for (size_t i = 0; i < sample.size(); ++i, ++at) {
    batch.tokens[at] = sample[i];
    // No token predicts the first of another sample.
    batch.labels[at] = i == 0 ? maskedLabel : sample[i];
    batch.positions[at] = int32_t(i);
    batch.segments[at] = segment;
  }
  batch.realTokens = at;
}

Batch emptyBatch() {
  Batch batch;
  batch.tokens.assign(length, 0);
  batch.labels.assign(length, maskedLabel);
  batch.positions.assign(length, 0);
  batch.segments.assign(length, -1);
  return batch;
}

class PackTest : public testing::Test {
protected:
  void SetUp() override {
    CompileOptions options;
    options.input = STERNA_TEST_MODEL;
    options.output = path = folder.path("model.stn");
    options.sequenceLength = length;
    options.loraRank = 4;
    options.maxContext = 32;
    options.pack = true;
    CompileListener listener;
    listener.message = [](Severity severity, llvm::StringRef message) {
      if (severity == Severity::Error)
        ADD_FAILURE() << message.str();
    };
    ASSERT_TRUE(succeeded(compile(options, listener)));
    auto module = Module::load(path);
    ASSERT_TRUE(module.ok()) << module.message();
    auto made = Session::create(*module, trainPrograms(**module), {});
    ASSERT_TRUE(made.ok()) << made.message();
    session = std::move(*made);
    // A fresh adapter has B = 0, and so no gradient for A.
    auto adapter = Adapter::createFresh(*session, 16, /*seed=*/3);
    ASSERT_TRUE(adapter.ok()) << adapter.message();
    for (const format::StateTensor *tensor : *session->module().plan().state())
      if (tensor->kind() == format::StateKind::lora_b) {
        std::vector<float> values(*elementCount(tensor->shape()));
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = 0.02f * std::sin(float(i));
        ASSERT_TRUE(session->writeState(*tensor, values.data()).ok());
      }
    auto found = TrainPrograms::create(*session, adapter->scale(), 1);
    ASSERT_TRUE(found.ok()) << found.message();
    programs.emplace(std::move(*found));
  }

  double loss(const Batch &batch, bool accumulate) {
    auto sum = programs->micro(batch, /*lossScale=*/1, accumulate);
    EXPECT_TRUE(sum.ok()) << sum.message();
    return *sum;
  }

  std::vector<float> gradients() {
    std::vector<float> all;
    for (const format::StateTensor *tensor : *session->module().plan().state())
      if (tensor->kind() == format::StateKind::gradient) {
        std::vector<float> values(*elementCount(tensor->shape()));
        EXPECT_TRUE(session->readState(*tensor, values.data()).ok());
        all.insert(all.end(), values.begin(), values.end());
      }
    return all;
  }

  // Tests run beside each other.
  TemporaryFolder folder;
  std::string path;
  std::unique_ptr<Session> session;
  std::optional<TrainPrograms> programs;
};

/// |x - y| / |x|
double distance(const std::vector<float> &x, const std::vector<float> &y) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    difference += (double(x[i]) - y[i]) * (double(x[i]) - y[i]);
    norm += double(x[i]) * x[i];
  }
  return std::sqrt(difference / norm);
}

TEST_F(PackTest, GivesTheLossOfTheSamplesAlone) {
  Batch one = emptyBatch(), two = emptyBatch(), both = emptyBatch();
  append(one, first, 0);
  append(two, second, 0);
  append(both, first, 0);
  append(both, second, 1);
  double alone = loss(one, false) + loss(two, true);
  std::vector<float> expected = gradients();
  EXPECT_NEAR(loss(both, false) / alone, 1, 1e-6);
  EXPECT_LT(distance(expected, gradients()), 1e-5);
  // It is the segments and positions that tell them apart.
  Batch merged = both;
  std::replace(merged.segments.begin(), merged.segments.end(), 1, 0);
  EXPECT_GT(std::abs(loss(merged, false) / alone - 1), 1e-3);
  Batch shifted = both;
  for (uint32_t i = 0; i < length; ++i)
    shifted.positions[i] = int32_t(i);
  // Rotary embedding knows distances alone: where a sample starts is the same.
  EXPECT_NEAR(loss(shifted, false) / alone, 1, 1e-5);
}

} // namespace
