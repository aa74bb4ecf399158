//===- Trainer.cpp - Training runs ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

struct Trainer {
  std::shared_ptr<Session> session;
  Handle<sterna_trainer_t, sterna_trainer_release> handle;
  /// Of the steps that were done: an interrupt may take a report from its
  /// caller.
  std::vector<sterna_step_t> reports;
};

/// Name, placeholder and help of each option of a run.
nb::list options() {
  nb::list result;
  for (size_t i = 0; i < sterna_trainer_option_count(); ++i)
    result.append(nb::make_tuple(text(sterna_trainer_option_name(i)),
                                 text(sterna_trainer_option_placeholder(i)),
                                 text(sterna_trainer_option_help(i))));
  return result;
}

nb::tuple toTuple(const sterna_step_t &report) {
  return nb::make_tuple(report.step, report.loss, report.grad_norm,
                        report.learning_rate, report.tokens, report.seconds);
}

Trainer create(const SessionClass &session, const DataClass &training,
               const DataClass *validation,
               const std::vector<std::pair<std::string, std::string>> &given) {
  sterna_trainer_options_t options;
  sterna_trainer_options_init(sizeof(options), &options);
  for (const auto &[name, value] : given)
    check(sterna_trainer_options_set(&options, view(name), view(value)));
  sterna_trainer_t *trainer = nullptr;
  InSession inside(*session.session);
  check(sterna_trainer_create(
      session.session->handle.get(), training.data.get(),
      validation ? validation->data.get() : nullptr, &options, &trainer));
  Trainer result{session.session, nullptr, {}};
  result.handle.reset(trainer);
  return result;
}

/// What the next step did; None where the run is over.
nb::object step(Trainer &self) {
  sterna_step_t report = {};
  report.size = sizeof(report);
  {
    InSession inside(*self.session);
    check(sterna_trainer_step(self.handle.get(), &report));
  }
  if (report.step == 0)
    return nb::none();
  self.reports.push_back(report);
  return toTuple(report);
}

nb::list reports(const Trainer &self) {
  nb::list result;
  for (const sterna_step_t &report : self.reports)
    result.append(toTuple(report));
  return result;
}

std::pair<double, uint64_t> validate(const Trainer &self) {
  sterna_loss_t loss = {};
  loss.size = sizeof(loss);
  InSession inside(*self.session);
  checkStopped(
      sterna_trainer_validate(self.handle.get(), askToStop, nullptr, &loss));
  return {loss.loss, loss.tokens};
}

double firstStepLoss(const Trainer &self) {
  double loss = 0;
  InSession inside(*self.session);
  check(sterna_trainer_first_step_loss(self.handle.get(), &loss));
  return loss;
}

nb::bytes readState(const Trainer &self) {
  sterna_buffer_t *state = nullptr;
  {
    InSession inside(*self.session);
    check(sterna_trainer_read_state(self.handle.get(), &state));
  }
  Buffer buffer(state);
  return nb::bytes(sterna_buffer_data(state), sterna_buffer_size(state));
}

void restoreState(const Trainer &self, const nb::bytes &state) {
  const void *data = state.data();
  size_t size = state.size();
  InSession inside(*self.session);
  check(sterna_trainer_restore_state(self.handle.get(), data, size));
}

} // namespace

void sterna_python::addTrainer(nb::module_ &m) {
  nb::class_<Trainer>(m, "Trainer")
      .def_static("options", &options)
      .def_static("create", &create, nb::arg("session"), nb::arg("training"),
                  nb::arg("validation").none(), nb::arg("options"))
      .def_prop_ro("steps",
                   [](const Trainer &self) {
                     return sterna_trainer_steps(self.handle.get());
                   })
      .def("step", &step)
      .def("reports", &reports)
      .def("validate", &validate)
      .def("first_step_loss", &firstStepLoss)
      .def("read_state", &readState)
      .def("restore_state", &restoreState, nb::arg("state"));
}
