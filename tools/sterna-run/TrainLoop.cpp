//===- TrainLoop.cpp - What training runs have in common ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Train.h.
//
//===----------------------------------------------------------------------===//

#include "Train.h"

#include <filesystem>

using namespace sterna;

Expected<OutputFolder>
sterna::prepareOutput(const TrainCommand &options,
                      std::initializer_list<const char *> files) {
  namespace fs = std::filesystem;
  std::error_code error;
  bool isEmpty = !fs::is_directory(options.output, error) ||
                 fs::is_empty(options.output, error);
  if (!isEmpty && !error && !options.overwrite)
    return Status::error("the output folder '" + options.output +
                         "' is not empty: choose another or use --overwrite");
  Expected<OutputFolder> folder = OutputFolder::create(options.output);
  if (!folder.ok())
    return folder;
  for (const char *name : files)
    if (Status status = checkWritable(options.output + "/" + name);
        !status.ok())
      return status;
  return folder;
}

static std::string describeStep(const StepReport &report, uint64_t steps,
                                const Totals &totals, const char *unit) {
  double left =
      totals.seconds / double(report.step) * double(steps - report.step);
  return formatText(
      "step %llu/%llu  loss %.4f  lr %.2e  grad norm %.3f  %.0f %s/s  "
      "ETA %s",
      (unsigned long long)report.step, (unsigned long long)steps, report.loss,
      report.learningRate, report.gradNorm, totals.perSecond(totals.tokens),
      unit, formatDuration(left).c_str());
}

Expected<Totals> sterna::runSteps(Trainer &trainer, uint64_t steps,
                                  const char *unit) {
  Progress progress;
  Totals totals;
  while (true) {
    Expected<std::optional<StepReport>> report = trainer.step();
    if (!report.ok() || !*report)
      progress.finish();
    if (!report.ok())
      return report.status();
    if (!*report)
      break;
    if (totals.steps++ == 0)
      totals.firstLoss = (*report)->loss;
    totals.lastLoss = (*report)->loss;
    totals.losses.push_back((*report)->loss);
    totals.tokens += (*report)->tokens;
    totals.computed += (*report)->computed;
    totals.seconds += (*report)->seconds;
    progress.update((*report)->step, steps,
                    describeStep(**report, steps, totals, unit));
  }
  if (totals.steps == 0)
    return Status::error("none of the " + std::to_string(steps) +
                         " steps has something to train on");
  if (trainer.skippedBatches() > 0)
    logLine(formatText("%llu batches had nothing to train and were skipped",
                       (unsigned long long)trainer.skippedBatches()));
  return totals;
}

Status sterna::report(const Session &session, Expected<Json> summary,
                      const CommonOptions &common,
                      const std::function<void(const Json &)> &print) {
  if (!summary.ok())
    return summary.status();
  describeMemory(session, *summary);
  if (common.json)
    printJson(*summary);
  else
    print(*summary);
  return Status();
}
