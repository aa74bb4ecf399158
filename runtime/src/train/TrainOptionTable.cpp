//===- TrainOptionTable.cpp - Settings of a training run by name ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TrainOptionTable.h.
//
//===----------------------------------------------------------------------===//

#include "train/TrainOptionTable.h"

#include "io/Numbers.h"

using namespace sterna;

template <typename Number, typename Member>
static TrainOption makeNumber(const char *name, Member TrainSettings::*member,
                              const char *help, NumberRange<Number> range) {
  auto set = [member, range](TrainSettings &settings, const std::string &text) {
    Number number = 0;
    Status status = parseNumber(text, range, number);
    if (status.ok())
      settings.*member = number;
    return status;
  };
  return {name, std::is_integral_v<Number> ? "INTEGER" : "NUMBER", help, set};
}

template <typename Number>
static TrainOption makeNumber(const char *name, Number TrainSettings::*member,
                              const char *help) {
  return makeNumber(name, member, help, notNegative<Number>());
}

static Status setScheduler(TrainSettings &settings, const std::string &text) {
  static constexpr std::pair<const char *, ScheduleKind> kinds[] = {
      {"constant", ScheduleKind::constant},
      {"cosine", ScheduleKind::cosine},
      {"linear", ScheduleKind::linear}};
  for (auto [name, kind] : kinds)
    if (text == name) {
      settings.scheduler = kind;
      return Status();
    }
  return Status::error("expected constant, cosine or linear, but got '" +
                       excerpt(text) + "'");
}

static Status setNoShuffle(TrainSettings &settings, const std::string &text) {
  if (text != "true" && text != "false")
    return Status::error("expected true or false, but got '" + excerpt(text) +
                         "'");
  settings.shuffle = text == "false";
  return Status();
}

const std::vector<TrainOption> &sterna::trainOptionTable() {
  static const std::vector<TrainOption> table = {
      makeNumber("epochs", &TrainSettings::epochs,
                 "passes over the data (default 1)", positive<uint64_t>()),
      makeNumber("max-steps", &TrainSettings::maxSteps,
                 "optimizer steps of the run, whatever --epochs says",
                 positive<uint64_t>()),
      makeNumber("learning-rate", &TrainSettings::learningRate,
                 "peak learning rate (default 2e-4)"),
      {"lr-scheduler", "KIND", "constant (default), cosine or linear",
       setScheduler},
      makeNumber("lr-min", &TrainSettings::learningRateMinimum,
                 "learning rate that a decay ends at (default 0)"),
      makeNumber("warmup-ratio", &TrainSettings::warmupRatio,
                 "fraction of the steps that warm up (default 0)",
                 NumberRange<double>{0.0, 1.0}),
      makeNumber("warmup-steps", &TrainSettings::warmupSteps,
                 "steps that warm up, instead of a fraction"),
      makeNumber("weight-decay", &TrainSettings::weightDecay,
                 "decoupled weight decay (default 0.01)"),
      makeNumber("grad-clip", &TrainSettings::gradClip,
                 "largest norm of the gradient; 0: no clipping (default 1; 0 "
                 "where the model was compiled with --grad-clip-mode=off)",
                 notNegative<double>()),
      makeNumber("proximal-mu", &TrainSettings::proximalMu,
                 "weight mu of FedProx's term mu/2 ||w - w0||^2, which keeps "
                 "the adapter near where the run began (default 0)"),
      makeNumber("grad-accumulation", &TrainSettings::gradAccumulation,
                 "micro-batches of a step (default 1)",
                 NumberRange<uint32_t>{1u, 65536u}),
      makeNumber("seed", &TrainSettings::seed,
                 "seed of the new adapter, of the order of samples, of the "
                 "split and of stochastic rounding (default 42)"),
      {"no-shuffle", "", "take the samples in the order of the file",
       setNoShuffle}};
  return table;
}

Status sterna::setTrainOption(TrainSettings &settings, const std::string &name,
                              const std::string &value) {
  for (const TrainOption &option : trainOptionTable()) {
    if (option.name != name)
      continue;
    Status status = option.set(settings, value);
    return status.ok() ? status
                       : Status::error("--" + name + ": " + status.message());
  }
  return Status::error("unknown option --" + excerpt(name));
}
