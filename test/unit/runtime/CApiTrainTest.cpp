//===- CApiTrainTest.cpp - Training through the C API ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adapters, data, evaluation and training on the toy model, with the numbers
// that sterna-run gives.
//
//===----------------------------------------------------------------------===//

#include "CApiFixture.h"
#include "RunTool.h"

#include "io/Peft.h"

#include <cmath>

using namespace sterna::test;

namespace {

class CApiTrain : public CApiFixture {
protected:
  void SetUp() override {
    CApiFixture::SetUp();
    file = temporaryPath("data.jsonl");
    writeFile(file, "{\"input_ids\": [9, 4, 4]}\n{\"input_ids\": [9, 8]}\n"
                    "{\"input_ids\": [9, 7, 3, 2]}\n");
    sterna_trainer_options_init(sizeof(options), &options);
    options.learning_rate = 0.5;
  }

  void TearDown() override {
    sterna_trainer_release(trainer);
    sterna_data_release(data);
    sterna_adapter_release(adapter);
    CApiFixture::TearDown();
  }

  void load() {
    ASSERT_OK(sterna_data_load(module, view(file.c_str()), nullptr, &data));
  }

  /// A trainer on a fresh adapter, validated by the training data.
  void create() {
    if (!data)
      load();
    sterna_trainer_release(trainer);
    sterna_adapter_release(adapter);
    ASSERT_OK(sterna_adapter_create(module, nullptr, &adapter));
    ASSERT_OK(sterna_session_set_adapter(session, adapter));
    ASSERT_OK(sterna_trainer_create(session, data, data, &options, &trainer));
  }

  std::vector<float> state(const char *name, size_t count) {
    std::vector<float> values(count);
    EXPECT_EQ(messageOf(sterna_session_read_state(session, view(name),
                                                  count * 4, values.data()),
                        STERNA_STATUS_OK),
              "");
    return values;
  }

  std::string file;
  sterna_data_t *data = nullptr;
  sterna_adapter_t *adapter = nullptr;
  sterna_trainer_options_t options = {};
  sterna_trainer_t *trainer = nullptr;
};

TEST_F(CApiTrain, LoadsAndSplitsData) {
  load();
  auto info = sized<sterna_data_info_t>();
  ASSERT_OK(sterna_data_info(data, &info));
  EXPECT_EQ(info.samples, 3u);
  EXPECT_EQ(info.tokens, 9u);
  EXPECT_EQ(info.scored_tokens, 6u);
  sterna_data_t *rest = nullptr, *part = nullptr;
  ASSERT_OK(sterna_data_split(data, 0.4, 42, &rest, &part));
  auto other = sized<sterna_data_info_t>();
  ASSERT_OK(sterna_data_info(rest, &info));
  ASSERT_OK(sterna_data_info(part, &other));
  EXPECT_EQ(info.samples, 2u);
  EXPECT_EQ(other.samples, 1u);
  EXPECT_EQ(info.tokens + other.tokens, 9u);
  sterna_data_release(rest);
  sterna_data_release(part);
  for (double fraction : {0.0, -0.5, 1.0, 0.99, double(NAN)}) {
    EXPECT_INVALID(sterna_data_split(data, fraction, 42, &rest, &part));
    EXPECT_EQ(rest, nullptr);
    EXPECT_EQ(part, nullptr);
  }
}

TEST_F(CApiTrain, MakesDataFromRows) {
  const int32_t tokens[] = {9, 1, 2, 3, 4, 5, 6, 7};
  const int32_t labels[] = {9, -100, 2, 3, 4, -100, 6, 7};
  sterna_row_t rows[] = {{8, tokens, labels}, {2, tokens, nullptr}};
  ASSERT_OK(sterna_data_create(module, rows, 2, &data));
  auto info = sized<sterna_data_info_t>();
  ASSERT_OK(sterna_data_info(data, &info));
  EXPECT_EQ(info.samples, 3u); // the first is cut into two windows
  EXPECT_EQ(info.scored_tokens, 5u + 1u);
  ASSERT_EQ(sterna_data_notice_count(data), 1u);
  EXPECT_NE(text(sterna_data_notice(data, 0)).find("1 of 2 rows"),
            std::string::npos);
  EXPECT_EQ(sterna_data_notice(data, 1).size, 0u);

  sterna_data_t *none = nullptr;
  const int32_t bad[] = {9, 16};
  for (sterna_row_t row : std::vector<sterna_row_t>{{0, tokens, nullptr},
                                                    {2, nullptr, nullptr},
                                                    {2, bad, nullptr},
                                                    {2, tokens, bad},
                                                    {1, tokens, nullptr}}) {
    EXPECT_INVALID(sterna_data_create(module, &row, 1, &none));
    EXPECT_EQ(none, nullptr);
  }
  EXPECT_INVALID(sterna_data_create(module, nullptr, 1, &none));
  EXPECT_INVALID(sterna_data_create(module, rows, 0, &none));
}

TEST_F(CApiTrain, EvaluatesAsTheTool) {
  load();
  auto loss = sized<sterna_loss_t>();
  uint64_t calls = 0;
  auto count = [](void *user, uint64_t done, uint64_t total) {
    EXPECT_EQ(done, ++*static_cast<uint64_t *>(user));
    EXPECT_EQ(total, 2u);
    return 0;
  };
  ASSERT_OK(sterna_session_evaluate(session, data, count, &calls, &loss));
  EXPECT_EQ(calls, 2u);
  nlohmann::json json = runToolJson("eval " + path + " --data " + file);
  EXPECT_EQ(loss.loss, json["loss"]);
  EXPECT_EQ(loss.tokens, json["tokens"]);
  auto stop = [](void *, uint64_t, uint64_t) { return 1; };
  EXPECT_EQ(
      release(sterna_session_evaluate(session, data, stop, nullptr, &loss)),
      STERNA_STATUS_STOPPED);
  EXPECT_EQ(loss.tokens, 0u);
  EXPECT_EQ(loss.size, sizeof(loss));
}

TEST_F(CApiTrain, TrainsAsTheTool) {
  for (uint32_t accumulation : {1u, 2u})
    for (sterna_scheduler_t scheduler :
         {STERNA_SCHEDULER_CONSTANT, STERNA_SCHEDULER_COSINE,
          STERNA_SCHEDULER_LINEAR}) {
      options.epochs = 3;
      options.grad_accumulation = accumulation;
      options.scheduler = scheduler;
      options.warmup_ratio = 0.3;
      create();
      auto before = sized<sterna_loss_t>(), after = sized<sterna_loss_t>();
      ASSERT_OK(sterna_trainer_validate(trainer, nullptr, nullptr, &before));
      auto last = sized<sterna_step_t>();
      std::vector<sterna_step_t> steps;
      auto collect = [](void *user, const sterna_step_t *step) {
        static_cast<std::vector<sterna_step_t> *>(user)->push_back(*step);
        return 0;
      };
      ASSERT_OK(sterna_trainer_run(trainer, collect, &steps, &last));
      ASSERT_OK(sterna_trainer_validate(trainer, nullptr, nullptr, &after));
      double again = 0;
      ASSERT_OK(sterna_trainer_first_step_loss(trainer, &again));

      const char *names[] = {"constant", "cosine", "linear"};
      std::string tuned = temporaryPath("tuned");
      std::string arguments =
          "train " + path + " --data " + file + " --output " + tuned +
          " --overwrite --epochs 3 --learning-rate 0.5 --warmup-ratio 0.3 "
          "--grad-accumulation " +
          std::to_string(accumulation) + " --lr-scheduler " + names[scheduler];
      nlohmann::json plain = runToolJson(arguments);
      nlohmann::json json = runToolJson(arguments + " --validation " + file);
      EXPECT_EQ(sterna_trainer_steps(trainer), json["steps"]);
      EXPECT_EQ(steps.size(), json["steps"]);
      EXPECT_EQ(steps[0].loss, json["first_loss"]);
      EXPECT_EQ(last.loss, json["last_loss"]);
      EXPECT_EQ(last.step, json["steps"]);
      EXPECT_EQ(before.loss, json["validation_loss_before"]);
      EXPECT_EQ(after.loss, json["validation_loss"]);
      EXPECT_EQ(again, plain["first_loss_after"]);

      sterna_adapter_t *trained = nullptr;
      ASSERT_OK(sterna_session_read_adapter(session, &trained));
      std::string saved = temporaryPath("saved");
      ASSERT_OK(sterna_adapter_save(trained, view(saved.c_str())));
      sterna_adapter_release(trained);
      auto mine = sterna::readPeft(saved), tools = sterna::readPeft(tuned);
      ASSERT_TRUE(mine.ok() && tools.ok());
      EXPECT_EQ(mine->config.alpha, tools->config.alpha);
      ASSERT_EQ(mine->pairs.size(), tools->pairs.size());
      EXPECT_EQ(mine->pairs[0].a, tools->pairs[0].a);
      EXPECT_EQ(mine->pairs[0].b, tools->pairs[0].b);
    }
}

TEST_F(CApiTrain, StopsBetweenStepsAndGoesOn) {
  options.max_steps = 7;
  create();
  std::vector<double> whole;
  auto last = sized<sterna_step_t>();
  auto collect = [](void *user, const sterna_step_t *step) {
    static_cast<std::vector<double> *>(user)->push_back(step->loss);
    return 0;
  };
  ASSERT_OK(sterna_trainer_run(trainer, collect, &whole, &last));
  ASSERT_EQ(whole.size(), 7u);
  std::vector<float> end = state("a", rank * loraIn);
  ASSERT_OK(sterna_trainer_step(trainer, &last));
  EXPECT_EQ(last.step, 0u) << "the run is over";

  create();
  auto stopAtTwo = [](void *, const sterna_step_t *step) {
    return int(step->step == 2);
  };
  ASSERT_OK(sterna_trainer_run(trainer, stopAtTwo, nullptr, &last));
  EXPECT_EQ(last.step, 2u);
  ASSERT_OK(sterna_trainer_step(trainer, &last));
  EXPECT_EQ(last.step, 3u);
  EXPECT_EQ(last.loss, whole[2]);
  sterna_buffer_t *saved = nullptr;
  ASSERT_OK(sterna_trainer_read_state(trainer, &saved));

  // In another session, of a trainer that ran on.
  open(toyModel());
  sterna_data_release(data);
  data = nullptr;
  create();
  ASSERT_OK(sterna_trainer_run(trainer, nullptr, nullptr, &last));
  ASSERT_OK(sterna_trainer_restore_state(trainer, sterna_buffer_data(saved),
                                         sterna_buffer_size(saved)));
  std::vector<double> rest;
  ASSERT_OK(sterna_trainer_run(trainer, collect, &rest, &last));
  EXPECT_EQ(rest, std::vector<double>(whole.begin() + 3, whole.end()));
  EXPECT_EQ(state("a", rank * loraIn), end);

  // Damaged states are refused, and change nothing.
  std::string bytes = takeText(saved);
  auto refused = [&](std::string other) {
    sterna_status_t status =
        sterna_trainer_restore_state(trainer, other.data(), other.size());
    EXPECT_NE(sterna_status_code(status), STERNA_STATUS_OK);
    sterna_status_release(status);
    EXPECT_EQ(state("a", rank * loraIn), end);
  };
  for (size_t size = 0; size < bytes.size(); size += 7)
    refused(bytes.substr(0, size));
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string other = bytes;
    size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return other.replace(at, from.size(), to);
  };
  refused(replaced("sterna.step", "sterna.stop"));
  refused(replaced("\"3\"", "\"x\""));
  refused(replaced("\"a\"", "\"z\""));
}

TEST_F(CApiTrain, SwapsAdapters) {
  // The factor shifts the toy's prediction, so that it shows which is used.
  sterna_generator_t *generator = nullptr;
  auto first = [&](int32_t expected) {
    ASSERT_OK(sterna_generator_reset(generator));
    int32_t prompt = 1;
    ASSERT_OK(sterna_generator_append(generator, &prompt, 1));
    auto piece = sized<sterna_piece_t>();
    ASSERT_OK(sterna_generator_next(generator, &piece));
    EXPECT_EQ(piece.token, expected);
  };
  ASSERT_OK(sterna_generator_create(session, nullptr, &generator));
  first(1);
  auto given = sized<sterna_adapter_options_t>();
  given.alpha = 4;
  given.seed = 7;
  ASSERT_OK(sterna_adapter_create(module, &given, &adapter));
  EXPECT_EQ(sterna_adapter_scale(adapter), 2);
  ASSERT_OK(sterna_session_set_adapter(session, adapter));
  auto piece = sized<sterna_piece_t>();
  EXPECT_FAILED(sterna_generator_next(generator, &piece));
  first(3);
  std::vector<float> a = state("a", rank * loraIn);
  EXPECT_NE(a, std::vector<float>(rank * loraIn));
  ASSERT_OK(sterna_adapter_set_scale(adapter, 5));
  EXPECT_EQ(sterna_adapter_scale(adapter), 5);
  first(3); // what is set is a copy
  ASSERT_OK(sterna_session_set_adapter(session, adapter));
  first(6);

  std::string folder = temporaryPath("adapter");
  ASSERT_OK(sterna_adapter_save(adapter, view(folder.c_str())));
  sterna_adapter_t *loaded = nullptr;
  ASSERT_OK(sterna_adapter_load(view(folder.c_str()), &loaded));
  EXPECT_EQ(sterna_adapter_scale(loaded), 5);
  ASSERT_OK(sterna_session_set_adapter(session, nullptr));
  EXPECT_EQ(state("a", rank * loraIn), std::vector<float>(rank * loraIn));
  first(1);
  sterna_adapter_t *none = nullptr;
  EXPECT_INVALID(sterna_session_read_adapter(session, &none));
  ASSERT_OK(sterna_session_set_adapter(session, loaded));
  EXPECT_EQ(state("a", rank * loraIn), a);
  first(6);
  for (double scale : {double(NAN), double(INFINITY), 1e300})
    EXPECT_INVALID(sterna_adapter_set_scale(loaded, scale));
  sterna_adapter_release(loaded);
  sterna_generator_release(generator);
}

TEST_F(CApiTrain, AnAdapterThatDoesNotFitChangesNothing) {
  std::string folder = temporaryPath("adapter");
  std::vector<float> a((rank + 1) * loraIn, 1), b(loraOut * (rank + 1), 1);
  sterna::PeftConfig config;
  config.rank = rank + 1;
  config.alpha = 16;
  ASSERT_TRUE(
      sterna::writePeft(folder, config,
                        {{0, "q_proj", loraIn, loraOut, a.data(), b.data()}})
          .ok());
  create();
  std::vector<float> before = state("a", rank * loraIn);
  sterna_adapter_t *loaded = nullptr;
  ASSERT_OK(sterna_adapter_load(view(folder.c_str()), &loaded));
  std::string message = messageOf(sterna_session_set_adapter(session, loaded),
                                  STERNA_STATUS_FAILED);
  EXPECT_NE(message.find("'" + folder + "' has rank 3"), std::string::npos)
      << message;
  EXPECT_EQ(state("a", rank * loraIn), before);
  auto step = sized<sterna_step_t>();
  ASSERT_OK(sterna_trainer_step(trainer, &step));
  // But one that was set takes the trainer's matrices away.
  ASSERT_OK(sterna_session_set_adapter(session, adapter));
  EXPECT_FAILED(sterna_trainer_step(trainer, &step));
  sterna_adapter_release(loaded);
}

TEST_F(CApiTrain, AStepMakesTheContextStale) {
  create();
  sterna_generator_t *generator = nullptr;
  ASSERT_OK(sterna_generator_create(session, nullptr, &generator));
  int32_t token = 1;
  ASSERT_OK(sterna_generator_append(generator, &token, 1));
  auto step = sized<sterna_step_t>();
  ASSERT_OK(sterna_trainer_step(trainer, &step));
  EXPECT_FAILED(sterna_generator_append(generator, &token, 1));
  ASSERT_OK(sterna_generator_reset(generator));
  ASSERT_OK(sterna_generator_append(generator, &token, 1));
  sterna_generator_release(generator);
}

TEST_F(CApiTrain, ObjectsKeepWhatTheyNeed) {
  options.max_steps = 2;
  create();
  sterna_data_release(data);
  sterna_adapter_release(adapter);
  close();
  data = nullptr;
  adapter = nullptr;
  auto step = sized<sterna_step_t>();
  ASSERT_OK(sterna_trainer_step(trainer, &step));
  EXPECT_EQ(step.step, 1u);
}

TEST_F(CApiTrain, RefusesNull) {
  load();
  sterna_adapter_t *adapters = nullptr;
  sterna_data_t *datas = nullptr;
  sterna_trainer_t *trainers = nullptr;
  sterna_buffer_t *buffer = nullptr;
  auto info = sized<sterna_data_info_t>();
  auto loss = sized<sterna_loss_t>();
  auto step = sized<sterna_step_t>();
  double value = 1;
  EXPECT_INVALID(sterna_adapter_create(nullptr, nullptr, &adapters));
  EXPECT_INVALID(sterna_adapter_create(module, nullptr, nullptr));
  EXPECT_INVALID(sterna_adapter_load(view("x"), nullptr));
  EXPECT_INVALID(sterna_adapter_save(nullptr, view("x")));
  EXPECT_INVALID(sterna_adapter_set_scale(nullptr, 1));
  EXPECT_EQ(sterna_adapter_scale(nullptr), 0);
  EXPECT_INVALID(sterna_session_set_adapter(nullptr, nullptr));
  EXPECT_INVALID(sterna_session_read_adapter(nullptr, &adapters));
  EXPECT_INVALID(sterna_session_read_adapter(session, nullptr));
  EXPECT_INVALID(sterna_data_load(nullptr, view("x"), nullptr, &datas));
  EXPECT_INVALID(sterna_data_load(module, view("x"), nullptr, nullptr));
  EXPECT_INVALID(sterna_data_create(nullptr, nullptr, 0, &datas));
  EXPECT_INVALID(sterna_data_split(nullptr, 0.5, 1, &datas, &datas));
  EXPECT_INVALID(sterna_data_split(data, 0.5, 1, nullptr, &datas));
  EXPECT_INVALID(sterna_data_split(data, 0.5, 1, &datas, nullptr));
  EXPECT_INVALID(sterna_data_info(nullptr, &info));
  EXPECT_INVALID(sterna_data_info(data, nullptr));
  EXPECT_EQ(sterna_data_notice_count(nullptr), 0u);
  EXPECT_EQ(sterna_data_notice(nullptr, 0).size, 0u);
  EXPECT_INVALID(
      sterna_session_evaluate(nullptr, data, nullptr, nullptr, &loss));
  EXPECT_INVALID(
      sterna_session_evaluate(session, nullptr, nullptr, nullptr, &loss));
  EXPECT_INVALID(
      sterna_session_evaluate(session, data, nullptr, nullptr, nullptr));
  EXPECT_INVALID(
      sterna_trainer_create(nullptr, data, nullptr, nullptr, &trainers));
  EXPECT_INVALID(
      sterna_trainer_create(session, nullptr, nullptr, nullptr, &trainers));
  EXPECT_INVALID(
      sterna_trainer_create(session, data, nullptr, nullptr, nullptr));
  EXPECT_INVALID(sterna_trainer_step(nullptr, &step));
  EXPECT_INVALID(sterna_trainer_run(nullptr, nullptr, nullptr, &step));
  EXPECT_INVALID(sterna_trainer_validate(nullptr, nullptr, nullptr, &loss));
  EXPECT_INVALID(sterna_trainer_first_step_loss(nullptr, &value));
  EXPECT_EQ(value, 0) << "zeroed";
  EXPECT_INVALID(sterna_trainer_read_state(nullptr, &buffer));
  EXPECT_INVALID(sterna_trainer_restore_state(nullptr, &value, 1));
  EXPECT_EQ(sterna_trainer_steps(nullptr), 0u);
  create();
  EXPECT_INVALID(sterna_trainer_step(trainer, nullptr));
  EXPECT_INVALID(sterna_trainer_run(trainer, nullptr, nullptr, nullptr));
  EXPECT_INVALID(sterna_trainer_validate(trainer, nullptr, nullptr, nullptr));
  EXPECT_INVALID(sterna_trainer_first_step_loss(trainer, nullptr));
  EXPECT_INVALID(sterna_trainer_read_state(trainer, nullptr));
  EXPECT_INVALID(sterna_trainer_restore_state(trainer, nullptr, 1));
  step.size = 0; // refused, and no step is lost
  EXPECT_INVALID(sterna_trainer_step(trainer, &step));
  step = sized<sterna_step_t>();
  ASSERT_OK(sterna_trainer_step(trainer, &step));
  EXPECT_EQ(step.step, 1u);
  sterna_trainer_release(nullptr);
  for (int i = 0; i < 2; ++i) {
    sterna_adapter_retain(i ? adapter : nullptr);
    sterna_adapter_release(i ? adapter : nullptr);
    sterna_data_retain(i ? data : nullptr);
    sterna_data_release(i ? data : nullptr);
  }
  sterna_trainer_options_init(sizeof(options), nullptr);
  sterna_adapter_options_init(sizeof(sterna_adapter_options_t), nullptr);
  sterna_data_options_init(sizeof(sterna_data_options_t), nullptr);
}

TEST_F(CApiTrain, RefusesBadOptions) {
  load();
  sterna_trainer_t *none = nullptr;
  std::string message =
      messageOf(sterna_trainer_create(session, data, nullptr, &options, &none),
                STERNA_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(message.find("adapter"), std::string::npos) << message;
  create();
  auto refused = [&](auto change, const char *part) {
    sterna_trainer_options_init(sizeof(options), &options);
    change(options);
    std::string message = messageOf(
        sterna_trainer_create(session, data, nullptr, &options, &none),
        STERNA_STATUS_INVALID_ARGUMENT);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(none, nullptr);
  };
  using Options = sterna_trainer_options_t;
  refused([](Options &o) { o.size = 4; }, "size");
  refused([](Options &o) { o.epochs = 0; }, "--epochs");
  refused([](Options &o) { o.epochs = UINT64_MAX; }, "--epochs");
  refused([](Options &o) { o.learning_rate = NAN; }, "--learning-rate");
  refused([](Options &o) { o.learning_rate = -1; }, "--learning-rate");
  refused([](Options &o) { o.learning_rate_minimum = INFINITY; }, "--lr-min");
  refused([](Options &o) { o.learning_rate_minimum = 1e-5; }, "--lr-min");
  refused([](Options &o) { o.scheduler = 3; }, "sterna_scheduler_t");
  refused([](Options &o) { o.scheduler = UINT32_MAX; }, "sterna_scheduler_t");
  refused([](Options &o) { o.warmup_ratio = 1.5; }, "--warmup-ratio");
  refused([](Options &o) { o.warmup_steps = 99; }, "--warmup-steps");
  refused([](Options &o) { o.warmup_steps = 1, o.warmup_ratio = 0.5; },
          "--warmup-ratio");
  refused([](Options &o) { o.weight_decay = -1; }, "--weight-decay");
  refused([](Options &o) { o.proximal_mu = -1; }, "--proximal-mu");
  refused([](Options &o) { o.grad_clip = NAN; }, "--grad-clip");
  refused([](Options &o) { o.grad_accumulation = 0; }, "--grad-accumulation");
  refused([](Options &o) { o.grad_accumulation = 70000; },
          "--grad-accumulation");
  auto given = sized<sterna_adapter_options_t>();
  sterna_adapter_t *adapters = nullptr;
  for (double alpha : {0.0, -1.0, double(NAN)}) {
    given.alpha = alpha;
    EXPECT_INVALID(sterna_adapter_create(module, &given, &adapters));
  }
}

TEST_F(CApiTrain, RefusesWhatIsNotThere) {
  EXPECT_FAILED(sterna_data_load(module, view("/absent"), nullptr, &data));
  EXPECT_FAILED(sterna_adapter_load(view("/absent"), &adapter));
  // Data of another module, which may have other shapes.
  sterna_module_t *other = nullptr;
  ASSERT_OK(sterna_module_load(view(path.c_str()), &other));
  ASSERT_OK(sterna_data_load(other, view(file.c_str()), nullptr, &data));
  auto loss = sized<sterna_loss_t>();
  EXPECT_INVALID(
      sterna_session_evaluate(session, data, nullptr, nullptr, &loss));
  sterna_module_release(other);
  sterna_data_release(data);
  data = nullptr;
  create();
  sterna_trainer_release(trainer);
  trainer = nullptr;
  ASSERT_OK(sterna_trainer_create(session, data, nullptr, &options, &trainer));
  EXPECT_INVALID(sterna_trainer_validate(trainer, nullptr, nullptr, &loss));
}

TEST_F(CApiTrain, ReportsALossThatIsNotFinite) {
  options.max_steps = 50;
  options.learning_rate = 1e30;
  create();
  auto last = sized<sterna_step_t>();
  std::string message =
      messageOf(sterna_trainer_run(trainer, nullptr, nullptr, &last),
                STERNA_STATUS_FAILED);
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_EQ(last.step, 0u);
}

} // namespace
