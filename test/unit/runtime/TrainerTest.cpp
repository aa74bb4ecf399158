//===- TrainerTest.cpp - Training, evaluation and adapters ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The toy model fits one number to the mean of the labels, so that losses,
// accumulation and masking have values known beforehand.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "train/Adapter.h"
#include "train/Evaluator.h"
#include "train/Trainer.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace sterna;
using namespace sterna::test;

namespace {

Sample sample(std::vector<int32_t> labels) { return {labels, labels}; }

class TrainerTest : public testing::Test {
protected:
  void SetUp() override {
    prepare(toyModel());
    options.batches.batch = batch;
    options.batches.sequenceLength = sequence;
    options.batches.shuffle = false;
    options.schedule.peak = 0.5;
  }

  void prepare(const TestModule &description) {
    trainPrograms.reset();
    session.reset();
    module = loadValid(description);
    ASSERT_TRUE(module);
    auto programs = findPrograms(
        *module, {"train_micro", "train_apply", "eval", "eval_lora"});
    ASSERT_TRUE(programs.ok());
    auto made = Session::create(module, *programs, onCpu(2));
    ASSERT_TRUE(made.ok()) << made.message();
    session = std::move(*made);
    auto created = TrainPrograms::create(*session, 1, /*seed=*/0);
    ASSERT_TRUE(created.ok()) << created.message();
    trainPrograms.emplace(std::move(*created));
  }

  static void expectEqual(const TrainerState &state,
                          const TrainerState &expected) {
    EXPECT_EQ(state.step, expected.step);
    EXPECT_EQ(state.updates, expected.updates);
    EXPECT_EQ(state.skipped, expected.skipped);
    ASSERT_EQ(state.tensors.size(), expected.tensors.size());
    for (size_t i = 0; i < state.tensors.size(); ++i)
      EXPECT_EQ(state.tensors[i].data, expected.tensors[i].data);
  }

  std::vector<float> state(const char *name, size_t count) {
    std::vector<float> values(count);
    EXPECT_TRUE(
        session->readState(*module->findState(name), values.data()).ok());
    return values;
  }

  /// What the steps of a run have in all.
  struct Totals {
    uint64_t steps = 0;
    uint64_t tokens = 0;
    uint64_t skippedBatches = 0;
  };

  Expected<Totals> run(const std::vector<Sample> &samples) {
    losses.clear();
    Expected<Trainer> trainer =
        Trainer::create(*trainPrograms, samples, options);
    if (!trainer.ok())
      return trainer.status();
    Totals totals;
    while (true) {
      Expected<std::optional<StepReport>> report = trainer->step();
      if (!report.ok())
        return report.status();
      if (!*report)
        break;
      ++totals.steps;
      totals.tokens += (*report)->tokens;
      losses.push_back((*report)->loss);
    }
    totals.skippedBatches = trainer->skippedBatches();
    Expected<TrainerState> state = trainer->state();
    if (!state.ok())
      return state.status();
    lastState = std::move(*state);
    return totals;
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Session> session;
  std::optional<TrainPrograms> trainPrograms;
  TrainOptions options;
  std::vector<double> losses; // of the last run
  TrainerState lastState;     // at its end
};

TEST_F(TrainerTest, DescendsTheLoss) {
  options.steps = 3;
  auto result = run({sample({9, 4, 4}), sample({9, 8})});
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->steps, 3u);
  EXPECT_EQ(result->tokens, 15u); // padding is not counted
  // From 0, half of the way to the mean 16/3 at each step.
  EXPECT_NEAR(losses[0], (16 + 16 + 64) / 6.0, 1e-5);
  EXPECT_NEAR(state("a", 8)[0], 16 / 3.0 * 7 / 8, 1e-5);
}

TEST_F(TrainerTest, AccumulatesAMeanOverAllTokens) {
  // Five samples: two whole batches and one with a masked row, unequal counts.
  std::vector<Sample> samples = {sample({9, 1}), sample({9, 2, 3}),
                                 sample({9, 4, 5, 6}), sample({9, 7}),
                                 sample({9, 8, 9})};
  options.gradAccumulation = 4;
  options.steps = 1;
  auto result = run(samples);
  ASSERT_TRUE(result.ok()) << result.message();
  double expected = 0;
  for (int label = 1; label <= 9; ++label)
    expected += label * label / 2.0 / 9;
  EXPECT_NEAR(losses[0], expected, 1e-4);
  EXPECT_NEAR(state("a.gradient", 8)[0], -5, 1e-5);
  EXPECT_EQ(state("b.gradient", 6)[0], 3); // three micro-batches
}

TEST_F(TrainerTest, RunsOverEpochs) {
  options.steps = 5; // two steps an epoch
  auto result = run({sample({9, 1}), sample({9, 1}), sample({9, 1})});
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->steps, 5u);
  EXPECT_EQ(result->tokens, 2 * 6 + 4u);
}

TEST_F(TrainerTest, SkipsMaskedBatches) {
  options.steps = 2;
  Sample masked{{1, 2}, {1, maskedLabel}};
  auto result = run({masked, masked, sample({9, 4})});
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->steps, 1u);
  EXPECT_EQ(result->skippedBatches, 1u);
  EXPECT_FALSE(run({masked}).ok());
  EXPECT_FALSE(run({}).ok());
}

TEST_F(TrainerTest, StopsWhenTheLossIsNotFinite) {
  options.steps = 50;
  options.schedule.peak = 1e30;
  auto result = run({sample({9, 4}), sample({9, 5})});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.message().find("--learning-rate"), std::string::npos);
}

TEST_F(TrainerTest, MeasuresTheFirstStepAgain) {
  std::vector<Sample> samples = {{{1, 2}, {1, maskedLabel}},
                                 {{1, 2}, {1, maskedLabel}},
                                 sample({9, 4}),
                                 sample({9, 8})};
  options.steps = 8;
  for (double rate : {0.0, 0.5}) {
    options.schedule.peak = rate;
    auto trainer = Trainer::create(*trainPrograms, samples, options);
    ASSERT_TRUE(trainer.ok()) << trainer.message();
    auto first = trainer->step(); // the first of which is left out
    ASSERT_TRUE(first.ok() && *first);
    EXPECT_EQ((*first)->step, 2u);
    while (true) {
      auto report = trainer->step();
      ASSERT_TRUE(report.ok()) << report.message();
      if (!*report)
        break;
    }
    auto again = trainer->firstStepLoss();
    ASSERT_TRUE(again.ok()) << again.message();
    if (rate == 0)
      EXPECT_EQ(*again, (*first)->loss) << "nothing was learned";
    else
      EXPECT_LT(*again, (*first)->loss);
  }
}

TEST_F(TrainerTest, ARunThatIsRestoredGoesOnAsIfItHadNeverStopped) {
  std::vector<Sample> samples;
  for (int32_t i = 1; i < 12; ++i)
    samples.push_back(sample({9, i, i + 1}));
  options.steps = 9; // over several epochs
  options.batches.shuffle = true;
  options.gradAccumulation = 2;
  options.schedule.kind = ScheduleKind::cosine;
  auto whole = run(samples);
  ASSERT_TRUE(whole.ok()) << whole.message();
  std::vector<double> expected = losses;
  TrainerState end = lastState;
  ASSERT_GT(end.updates, 0u);
  for (uint64_t stop : {0u, 1u, 4u, 8u, 9u}) {
    ASSERT_TRUE(session
                    ->writeState(*module->findState("a"),
                                 std::vector<float>(8, 0.0f).data())
                    .ok());
    auto before = Trainer::create(*trainPrograms, samples, options);
    ASSERT_TRUE(before.ok());
    for (uint64_t i = 0; i < stop; ++i)
      ASSERT_TRUE(before->step().ok());
    auto saved = before->state();
    ASSERT_TRUE(saved.ok()) << saved.message();
    EXPECT_EQ(saved->step, stop);
    // Another run spoils everything in between.
    ASSERT_TRUE(run({sample({9, 15})}).ok());

    auto after = Trainer::create(*trainPrograms, samples, options);
    ASSERT_TRUE(after.ok());
    ASSERT_TRUE(after->restore(*saved).ok());
    for (uint64_t i = stop; i < options.steps; ++i) {
      auto report = after->step();
      ASSERT_TRUE(report.ok() && *report);
      EXPECT_EQ((*report)->loss, expected[i]) << stop;
    }
    EXPECT_TRUE(after->done());
    auto last = after->state();
    ASSERT_TRUE(last.ok());
    expectEqual(*last, end);
  }
}

TEST_F(TrainerTest, MomentsArePartOfTheState) {
  TestModule description = toyModel();
  description.state.push_back(
      {"a.moment1", format::StateKind::moment1, {rank, loraIn}, 320, "q_proj"});
  description.stateBytes = 384;
  for (test::Program &program : description.programs)
    if (program.name == "train_apply")
      program.dispatches[0].bindings.push_back({format::Space::state, 320, 32});
  prepare(description);
  std::vector<Sample> samples = {sample({9, 4})};
  auto trainer = Trainer::create(*trainPrograms, samples, options);
  ASSERT_TRUE(trainer.ok()) << trainer.message();
  std::vector<float> moments(8, 0.5f);
  const format::StateTensor &tensor = *module->findState("a.moment1");
  ASSERT_TRUE(session->writeState(tensor, moments.data()).ok());
  auto saved = trainer->state();
  ASSERT_TRUE(saved.ok()) << saved.message();
  std::vector<float> none(8, 0.0f);
  ASSERT_TRUE(session->writeState(tensor, none.data()).ok());
  ASSERT_TRUE(trainer->restore(*saved).ok());
  EXPECT_EQ(state("a.moment1", 8), moments);
}

TEST_F(TrainerTest, AStepWhoseNormIsNotFiniteIsNoUpdate) {
  options.steps = 2;
  std::vector<Sample> samples = {sample({9, 4})};
  auto trainer = Trainer::create(*trainPrograms, samples, options);
  ASSERT_TRUE(trainer.ok());
  ASSERT_TRUE(trainer->step().ok());
  // The toy adds 0 times what was there, which is the NaN.
  std::vector<float> nan(8, NAN);
  ASSERT_TRUE(
      session->writeState(*module->findState("a.gradient"), nan.data()).ok());
  auto report = trainer->step();
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.message().find("gradient"), std::string::npos);
  auto state = trainer->state();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->updates, 1u);
}

TEST_F(TrainerTest, RefusesStatesOfOtherModules) {
  auto trainer = Trainer::create(*trainPrograms, {sample({9, 4})}, options);
  ASSERT_TRUE(trainer.ok());
  auto good = trainer->state();
  ASSERT_TRUE(good.ok());
  ASSERT_EQ(good->tensors.size(), 2u);
  auto refused = [&](auto change) {
    TrainerState state = *good;
    change(state);
    return !trainer->restore(state).ok();
  };
  EXPECT_FALSE(refused([](TrainerState &) {}));
  EXPECT_TRUE(refused([](TrainerState &s) { s.tensors.pop_back(); }));
  EXPECT_TRUE(refused([](TrainerState &s) { s.tensors[0].name = "x"; }));
  EXPECT_TRUE(refused([](TrainerState &s) { s.tensors[1].shape = {1}; }));
  EXPECT_TRUE(refused([](TrainerState &s) { s.tensors[1].data.pop_back(); }));
}

TEST_F(TrainerTest, Evaluates) {
  auto evaluator = Evaluator::create(*session, /*lora=*/true, 1);
  ASSERT_TRUE(evaluator.ok()) << evaluator.message();
  uint64_t calls = 0;
  auto result =
      evaluator->evaluate({sample({9, 1, 2}), sample({9, 3}), sample({9, 10})},
                          /*padToken=*/0, [&](uint64_t done, uint64_t total) {
                            EXPECT_EQ(done, ++calls);
                            EXPECT_EQ(total, 2u);
                            return true;
                          });
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->tokens, 4u);
  EXPECT_DOUBLE_EQ(result->loss, 4);
  EXPECT_EQ(calls, 2u);
  EXPECT_FALSE(
      evaluator->evaluate({sample({9})}, 0, [](auto, auto) { return true; })
          .ok());
}

TEST_F(TrainerTest, FreshAdapterIsSeeded) {
  auto adapter = Adapter::createFresh(*session, 16, 1);
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  EXPECT_EQ(adapter->scale(), 8); // 16 / 2
  std::vector<float> first = state("a", 8);
  for (float value : first) {
    EXPECT_LE(std::abs(value), 0.5f); // 1 / sqrt(4)
    EXPECT_NE(value, 0);
  }
  EXPECT_EQ(state("b", 6), std::vector<float>(6, 0.0f));
  ASSERT_TRUE(Adapter::createFresh(*session, 16, 1).ok());
  EXPECT_EQ(state("a", 8), first);
  ASSERT_TRUE(Adapter::createFresh(*session, 16, 2).ok());
  EXPECT_NE(state("a", 8), first);
}

/// A PEFT folder with one adapted linear.
std::string writeAdapter(uint32_t adapterRank, uint32_t layer = 0,
                         const char *target = "q_proj", uint64_t in = loraIn) {
  std::vector<float> a(adapterRank * in);
  std::vector<float> b(loraOut * adapterRank);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = float(i + 1);
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = float(i + 100);
  PeftConfig config;
  config.rank = adapterRank;
  config.alpha = 6;
  std::string directory = temporaryPath("adapter");
  Status status = writePeft(directory, config,
                            {{layer, target, in, loraOut, a.data(), b.data()}});
  EXPECT_TRUE(status.ok()) << status.message();
  return directory;
}

TEST_F(TrainerTest, PadsSmallerAdapters) {
  std::string directory = writeAdapter(1);
  auto adapter = Adapter::load(*session, directory);
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  EXPECT_EQ(adapter->scale(), 6);
  EXPECT_EQ(state("a", 8), (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0}));
  EXPECT_EQ(state("b", 6), (std::vector<float>{100, 0, 101, 0, 102, 0}));

  std::string copy = temporaryPath("copy");
  ASSERT_TRUE(adapter->save(*session, copy).ok());
  auto read = readPeft(copy);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->config.rank, 1u);
  ASSERT_EQ(read->pairs.size(), 1u);
  EXPECT_EQ(read->pairs[0].a, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(read->pairs[0].b, (std::vector<float>{100, 101, 102}));
}

TEST_F(TrainerTest, ZeroesWhatAnAdapterLeavesOut) {
  // A second linear, of which the adapter knows nothing.
  TestModule description = toyModel();
  description.state.push_back(
      {"c", format::StateKind::lora_a, {rank, loraIn}, 320, "v_proj"});
  description.state.push_back(
      {"d", format::StateKind::lora_b, {loraOut, rank}, 384, "v_proj"});
  description.stateBytes = 448;
  // A session has the state that its programs bind.
  for (test::Program &program : description.programs)
    if (program.name == "eval_lora")
      for (uint64_t offset : {320, 384})
        program.dispatches[0].bindings.push_back(
            {format::Space::state, offset, 32});
  module = loadValid(description);
  ASSERT_TRUE(module);
  auto made =
      Session::create(module, {*module->findProgram("eval_lora")}, onCpu(1));
  ASSERT_TRUE(made.ok()) << made.message();
  session = std::move(*made);
  ASSERT_TRUE(Adapter::createFresh(*session, 16, 1).ok());
  std::vector<float> ones(6, 1.0f);
  ASSERT_TRUE(session->writeState(*module->findState("d"), ones.data()).ok());
  ASSERT_NE(state("c", 8), std::vector<float>(8, 0.0f));

  // An adapter that is refused changes nothing.
  std::vector<float> before = state("c", 8);
  ASSERT_FALSE(Adapter::load(*session, writeAdapter(3)).ok());
  EXPECT_EQ(state("c", 8), before);
  ASSERT_TRUE(Adapter::load(*session, writeAdapter(1)).ok());
  EXPECT_EQ(state("a", 8), (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0}));
  EXPECT_EQ(state("c", 8), std::vector<float>(8, 0.0f));
  EXPECT_EQ(state("d", 6), std::vector<float>(6, 0.0f));
}

TEST_F(TrainerTest, RefusesOtherAdapters) {
  auto expectError = [&](const std::string &directory, const char *part) {
    auto adapter = Adapter::load(*session, directory);
    ASSERT_FALSE(adapter.ok());
    EXPECT_NE(adapter.message().find(part), std::string::npos)
        << adapter.message();
  };
  expectError(writeAdapter(3), "--lora-rank=3");
  expectError(writeAdapter(2, 0, "v_proj"), "--lora-targets");
  expectError(writeAdapter(2, 7), "1 layers");
  expectError(writeAdapter(2, 0, "q_proj", 5), "[3, 5]");
  expectError(temporaryPath("absent"), "");
}

TEST_F(TrainerTest, ReadsGradients) {
  auto adapter = Adapter::load(*session, writeAdapter(1));
  ASSERT_TRUE(adapter.ok()) << adapter.message();
  Batch one;
  one.tokens.assign(batch * sequence, 0);
  one.labels.assign(batch * sequence, maskedLabel);
  one.labels[1] = 5;
  auto loss = trainPrograms->micro(one, 1, /*accumulate=*/false);
  ASSERT_TRUE(loss.ok());
  EXPECT_EQ(*loss, 8); // (1 - 5)² / 2
  auto gradients = adapter->readGradients(*session);
  ASSERT_TRUE(gradients.ok()) << gradients.message();
  ASSERT_EQ(gradients->pairs.size(), 1u);
  EXPECT_EQ(gradients->pairs[0].target, "q_proj");
  EXPECT_EQ(gradients->pairs[0].a, (std::vector<float>{-4, 0, 0, 0}));
  EXPECT_EQ(gradients->pairs[0].b.size(), loraOut);
}

TEST_F(TrainerTest, RefusesModulesWithoutAdapters) {
  TestModule description = toyModel();
  description.loraRank = 0;
  std::shared_ptr<const Module> plain = loadValid(description);
  auto other = Session::create(plain, {}, onCpu(1));
  ASSERT_TRUE(other.ok());
  auto adapter = Adapter::createFresh(**other, 16, 1);
  ASSERT_FALSE(adapter.ok());
  EXPECT_NE(adapter.message().find("--lora-rank"), std::string::npos);
}

} // namespace
