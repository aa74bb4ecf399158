//===- Trainer.cpp - Trainers of the C API ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"
#include "train/TrainOptionTable.h"

using namespace sterna;
using namespace sterna::capi;

struct sterna_trainer {
  ~sterna_trainer() { release(session); }

  sterna_session *session = nullptr; // retained
  uint64_t adapterVersion = 0;       // the session's, when it was created
  uint64_t trainerVersion = 0;       // likewise
  bool validates = false;
  std::unique_ptr<TrainingRun> run;
};

namespace {

// One list of schedules, which both enumerations have in one order.
static_assert(STERNA_SCHEDULER_CONSTANT == int(ScheduleKind::constant));
static_assert(STERNA_SCHEDULER_COSINE == int(ScheduleKind::cosine));
static_assert(STERNA_SCHEDULER_LINEAR == int(ScheduleKind::linear));

sterna_trainer_options_t optionsOf(const TrainSettings &settings) {
  sterna_trainer_options_t options = {};
  options.epochs = settings.epochs;
  options.max_steps = settings.maxSteps;
  options.learning_rate = settings.learningRate;
  options.scheduler = uint32_t(settings.scheduler);
  options.learning_rate_minimum = settings.learningRateMinimum;
  options.warmup_steps = settings.warmupSteps;
  options.warmup_ratio = settings.warmupRatio;
  options.weight_decay = settings.weightDecay;
  options.grad_clip = settings.gradClip.value_or(-1);
  options.grad_accumulation = settings.gradAccumulation;
  options.no_shuffle = !settings.shuffle;
  options.seed = settings.seed;
  options.proximal_mu = settings.proximalMu;
  return options;
}

sterna_status_t readOptions(const sterna_trainer_options_t *given,
                            TrainSettings &settings) {
  sterna_trainer_options_t options = optionsOf({});
  if (sterna_status_t status = readStruct(given, options))
    return status;
  if (options.scheduler > STERNA_SCHEDULER_LINEAR)
    return invalid("expected a scheduler of sterna_scheduler_t");
  settings.scheduler = ScheduleKind(options.scheduler);
  settings.epochs = options.epochs;
  settings.maxSteps = options.max_steps;
  settings.learningRate = options.learning_rate;
  settings.learningRateMinimum = options.learning_rate_minimum;
  settings.warmupSteps = options.warmup_steps;
  settings.warmupRatio = options.warmup_ratio;
  settings.weightDecay = options.weight_decay;
  if (options.grad_clip != -1)
    settings.gradClip = options.grad_clip;
  settings.gradAccumulation = options.grad_accumulation;
  settings.shuffle = options.no_shuffle == 0;
  settings.seed = options.seed;
  settings.proximalMu = options.proximal_mu;
  return nullptr;
}

sterna_status_t createTrainer(sterna_session_t *session,
                              const sterna_data_t *training,
                              const sterna_data_t *validation,
                              const sterna_trainer_options_t *options,
                              sterna_trainer_t **out_trainer) {
  TrainSettings settings;
  if (sterna_status_t status = readOptions(options, settings))
    return status;
  for (const sterna_data_t *data : {training, validation})
    if (data)
      if (Status status = checkData(*session, *data); !status.ok())
        return invalid(status);
  if (!session->adapter)
    return invalid("expected a session with an adapter: set one first");
  // Not only after hours of training is it said that a program is missing.
  std::vector<std::string> names = trainProgramNames(*session->module->module);
  if (validation)
    names.push_back("eval_lora");
  for (const std::string &name : names)
    if (Expected<Program> program = session->session->program(name);
        !program.ok())
      return failed(program.status());
  if (Expected<TrainOptions> checked =
          makeTrainOptions(*session->module->module, settings, *training->data);
      !checked.ok())
    return invalid(checked.status());
  Expected<std::unique_ptr<TrainingRun>> run =
      TrainingRun::create(*session->session, session->scale(), training->data,
                          validation ? validation->data : nullptr, settings);
  if (!run.ok())
    return failed(run.status());
  auto handle = std::make_unique<sterna_trainer>();
  retain(session);
  handle->session = session;
  handle->adapterVersion = session->adapterVersion;
  handle->trainerVersion = ++session->trainerVersion;
  handle->validates = validation != nullptr;
  handle->run = std::move(*run);
  *out_trainer = handle.release();
  return nullptr;
}

/// Fails where adapter or moments are no longer those of the run.
sterna_status_t checkAdapter(const sterna_trainer &trainer) {
  if (trainer.trainerVersion != trainer.session->trainerVersion)
    return failed(Status::error("another trainer was created on the session "
                                "since: one at a time trains it"));
  if (trainer.adapterVersion == trainer.session->adapterVersion)
    return nullptr;
  return failed(Status::error("the session's adapter was set anew since the "
                              "trainer was created: create another trainer"));
}

sterna_status_t step(sterna_trainer &trainer, sterna_step_t &result) {
  if (sterna_status_t status = checkAdapter(trainer))
    return status;
  ++trainer.session->contextVersion; // what is cached is of other matrices
  Expected<std::optional<StepReport>> report = trainer.run->trainer().step();
  if (!report.ok())
    return failed(report.status());
  if (!*report)
    return nullptr;
  result.step = (*report)->step;
  result.loss = (*report)->loss;
  result.grad_norm = (*report)->gradNorm;
  result.learning_rate = (*report)->learningRate;
  result.tokens = (*report)->tokens;
  result.seconds = (*report)->seconds;
  return nullptr;
}

sterna_status_t runTrainer(sterna_trainer &trainer, sterna_step_fn_t callback,
                           void *userData, sterna_step_t *out_last) {
  sterna_step_t last = {};
  while (true) {
    sterna_step_t report = {};
    report.size = sizeof(report);
    if (sterna_status_t status = step(trainer, report))
      return status;
    if (report.step == 0)
      break;
    last = report;
    if (callback && callback(userData, &report) != 0)
      break;
  }
  return writeStruct(last, out_last);
}

sterna_status_t validate(sterna_trainer &trainer, sterna_progress_fn_t progress,
                         void *userData, sterna_loss_t *out_loss) {
  if (!trainer.validates)
    return invalid("the trainer was created without validation data");
  if (sterna_status_t status = checkAdapter(trainer))
    return status;
  bool stopped = false;
  Expected<std::optional<EvaluationResult>> result =
      trainer.run->validate(progressOf(progress, userData, stopped));
  if (!result.ok())
    return makeStatus(stopped ? STERNA_STATUS_STOPPED : STERNA_STATUS_FAILED,
                      result.status());
  sterna_loss_t loss = {};
  loss.loss = (*result)->loss;
  loss.tokens = (*result)->tokens;
  return writeStruct(loss, out_loss);
}

sterna_status_t readState(sterna_trainer &trainer,
                          sterna_buffer_t **out_state) {
  if (sterna_status_t status = checkAdapter(trainer))
    return status;
  Expected<TrainerState> state = trainer.run->trainer().state();
  if (!state.ok())
    return failed(state.status());
  Expected<std::string> bytes = encodeState(*state);
  if (!bytes.ok())
    return failed(bytes.status());
  *out_state = new sterna_buffer(std::move(*bytes));
  return nullptr;
}

sterna_status_t restoreState(sterna_trainer &trainer, const void *bytes,
                             size_t size) {
  if (sterna_status_t status = checkAdapter(trainer))
    return status;
  Expected<TrainerState> state =
      decodeState({static_cast<const char *>(bytes), size});
  if (!state.ok())
    return invalid(state.status());
  ++trainer.session->contextVersion;
  return failed(trainer.run->trainer().restore(*state));
}

} // namespace

void sterna_trainer_options_init(size_t size,
                                 sterna_trainer_options_t *out_options) {
  writeDefaults(optionsOf({}), size, out_options);
}

sterna_status_t sterna_trainer_options_set(sterna_trainer_options_t *options,
                                           sterna_string_view_t name,
                                           sterna_string_view_t value) {
  return guarded({{options, "options"}}, [&]() -> sterna_status_t {
    TrainSettings settings;
    if (sterna_status_t status = readOptions(options, settings))
      return status;
    if (Status status =
            setTrainOption(settings, toString(name), toString(value));
        !status.ok())
      return invalid(status);
    return writeStruct(optionsOf(settings), options);
  });
}

size_t sterna_trainer_option_count(void) { return trainOptionTable().size(); }

/// The text of a literal; empty beyond the last option.
static sterna_string_view_t textOf(size_t index,
                                   const char *TrainOption::*text) {
  if (index >= trainOptionTable().size())
    return {nullptr, 0};
  const char *data = trainOptionTable()[index].*text;
  return {data, std::strlen(data)};
}

sterna_string_view_t sterna_trainer_option_name(size_t index) {
  return textOf(index, &TrainOption::name);
}

sterna_string_view_t sterna_trainer_option_help(size_t index) {
  return textOf(index, &TrainOption::help);
}

sterna_string_view_t sterna_trainer_option_placeholder(size_t index) {
  return textOf(index, &TrainOption::placeholder);
}

sterna_status_t sterna_trainer_create(sterna_session_t *session,
                                      const sterna_data_t *training,
                                      const sterna_data_t *validation,
                                      const sterna_trainer_options_t *options,
                                      sterna_trainer_t **out_trainer) {
  clear(out_trainer);
  return guarded({{session, "a session"},
                  {training, "data to train on"},
                  {out_trainer, "a place for the trainer"}},
                 [&] {
                   return createTrainer(session, training, validation, options,
                                        out_trainer);
                 });
}

void sterna_trainer_release(sterna_trainer_t *trainer) { delete trainer; }

uint64_t sterna_trainer_steps(const sterna_trainer_t *trainer) {
  return trainer ? trainer->run->steps() : 0;
}

sterna_status_t sterna_trainer_step(sterna_trainer_t *trainer,
                                    sterna_step_t *out_step) {
  clearStruct(out_step);
  return guarded(
      {{trainer, "a trainer"}, {out_step, "a place for the report"}}, [&] {
        // A size that is not set must not cost a step.
        if (sterna_status_t status = writeStruct(sterna_step_t(), out_step))
          return status;
        sterna_step_t report = {};
        if (sterna_status_t status = step(*trainer, report))
          return status;
        return writeStruct(report, out_step);
      });
}

sterna_status_t sterna_trainer_run(sterna_trainer_t *trainer,
                                   sterna_step_fn_t callback, void *user_data,
                                   sterna_step_t *out_last) {
  clearStruct(out_last);
  return guarded(
      {{trainer, "a trainer"}, {out_last, "a place for the report"}}, [&] {
        if (sterna_status_t status = writeStruct(sterna_step_t(), out_last))
          return status;
        return runTrainer(*trainer, callback, user_data, out_last);
      });
}

sterna_status_t sterna_trainer_validate(sterna_trainer_t *trainer,
                                        sterna_progress_fn_t progress,
                                        void *user_data,
                                        sterna_loss_t *out_loss) {
  clearStruct(out_loss);
  return guarded(
      {{trainer, "a trainer"}, {out_loss, "a place for the loss"}},
      [&] { return validate(*trainer, progress, user_data, out_loss); });
}

sterna_status_t sterna_trainer_first_step_loss(sterna_trainer_t *trainer,
                                               double *out_loss) {
  clear(out_loss);
  return guarded({{trainer, "a trainer"}, {out_loss, "a place for the loss"}},
                 [&]() -> sterna_status_t {
                   if (sterna_status_t status = checkAdapter(*trainer))
                     return status;
                   Expected<double> loss =
                       trainer->run->trainer().firstStepLoss();
                   if (!loss.ok())
                     return failed(loss.status());
                   *out_loss = *loss;
                   return nullptr;
                 });
}

sterna_status_t sterna_trainer_read_state(sterna_trainer_t *trainer,
                                          sterna_buffer_t **out_state) {
  clear(out_state);
  return guarded({{trainer, "a trainer"}, {out_state, "a place for the state"}},
                 [&] { return readState(*trainer, out_state); });
}

sterna_status_t sterna_trainer_restore_state(sterna_trainer_t *trainer,
                                             const void *state, size_t size) {
  return guarded({{trainer, "a trainer"}, {state, "a state"}},
                 [&] { return restoreState(*trainer, state, size); });
}
