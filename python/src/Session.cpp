//===- Session.cpp - Sessions ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

SessionClass create(const ModuleClass &module, std::string_view device,
                    uint32_t threads, const std::vector<std::string> &programs,
                    bool profile, std::string_view weights) {
  std::vector<sterna_string_view_t> names;
  for (const std::string &program : programs)
    names.push_back(view(program));
  sterna_session_options_t options = {};
  options.size = sizeof(options);
  options.device = view(device);
  options.threads = threads;
  options.program_count = uint32_t(names.size());
  options.programs = names.data();
  options.profile = profile;
  options.weights = view(weights);
  sterna_session_t *session = nullptr;
  {
    nb::gil_scoped_release unlocked;
    check(sterna_session_create(module.module.get(), &options, &session));
  }
  auto result = std::make_shared<Session>();
  result->handle.reset(session);
  return {result};
}

/// Rows of `columns` numbers, one for each token, by a function of the C API.
template <auto function>
FloatArray readRows(const SessionClass &self, const Tokens &tokens,
                    size_t columns) {
  FloatArray rows = makeFloats({tokens.size(), columns});
  InSession inside(*self.session);
  check(function(self.session->handle.get(), tokens.data(), tokens.size(),
                 tokens.size() * columns * sizeof(float), rows.data()));
  return rows;
}

void setAdapter(const SessionClass &self, const AdapterClass *adapter) {
  InSession inside(*self.session);
  check(sterna_session_set_adapter(self.session->handle.get(),
                                   adapter ? adapter->adapter.get() : nullptr));
}

AdapterClass readAdapter(const SessionClass &self) {
  sterna_adapter_t *adapter = nullptr;
  InSession inside(*self.session);
  check(sterna_session_read_adapter(self.session->handle.get(), &adapter));
  return {{adapter, sterna_adapter_release}};
}

std::pair<double, uint64_t> evaluate(const SessionClass &self,
                                     const DataClass &data) {
  sterna_loss_t loss = {};
  loss.size = sizeof(loss);
  InSession inside(*self.session);
  checkStopped(sterna_session_evaluate(
      self.session->handle.get(), data.data.get(), askToStop, nullptr, &loss));
  return {loss.loss, loss.tokens};
}

std::pair<double, AdapterClass>
gradients(const SessionClass &self, const DataClass &data, uint64_t seed) {
  double loss = 0;
  sterna_adapter_t *result = nullptr;
  InSession inside(*self.session);
  check(sterna_session_gradients(self.session->handle.get(), data.data.get(),
                                 seed, &loss, &result));
  return {loss, {{result, sterna_adapter_release}}};
}

nb::str profile(const SessionClass &self) {
  sterna_buffer_t *json = nullptr;
  check(sterna_session_profile(self.session->handle.get(), &json));
  return toText(Buffer(json));
}

//===----------------------------------------------------------------------===//
// Programs by name
//===----------------------------------------------------------------------===//

void run(const SessionClass &self, std::string_view program) {
  InSession inside(*self.session);
  check(sterna_session_run(self.session->handle.get(), view(program)));
}

using Bytes = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

void writeInput(const SessionClass &self, std::string_view program,
                std::string_view name, const Bytes &data) {
  InSession inside(*self.session);
  check(sterna_session_write_input(self.session->handle.get(), view(program),
                                   view(name), data.data(), data.nbytes()));
}

void readOutput(const SessionClass &self, std::string_view program,
                std::string_view name,
                const nb::ndarray<nb::c_contig, nb::device::cpu> &data) {
  InSession inside(*self.session);
  check(sterna_session_read_output(self.session->handle.get(), view(program),
                                   view(name), data.nbytes(), data.data()));
}

void writeState(const SessionClass &self, std::string_view name,
                const Bytes &data) {
  InSession inside(*self.session);
  check(sterna_session_write_state(self.session->handle.get(), view(name),
                                   data.data(), data.nbytes()));
}

void readState(const SessionClass &self, std::string_view name,
               const nb::ndarray<nb::c_contig, nb::device::cpu> &data) {
  InSession inside(*self.session);
  check(sterna_session_read_state(self.session->handle.get(), view(name),
                                  data.nbytes(), data.data()));
}

} // namespace

void sterna_python::addSession(nb::module_ &m) {
  nb::class_<SessionClass>(m, "Session")
      .def_static("create", &create, nb::arg("module"), nb::arg("device"),
                  nb::arg("threads"), nb::arg("programs"), nb::arg("profile"),
                  nb::arg("weights"))
      .def("logits", &readRows<sterna_session_logits>, nb::arg("tokens"),
           nb::arg("vocabulary"))
      .def("hidden", &readRows<sterna_session_hidden>, nb::arg("tokens"),
           nb::arg("hidden_size"))
      .def("set_adapter", &setAdapter, nb::arg("adapter").none())
      .def("read_adapter", &readAdapter)
      .def("evaluate", &evaluate, nb::arg("data"))
      .def("gradients", &gradients, nb::arg("data"), nb::arg("seed"))
      .def("profile", &profile)
      .def("run", &run, nb::arg("program"))
      .def("write_input", &writeInput, nb::arg("program"), nb::arg("name"),
           nb::arg("data"))
      .def("read_output", &readOutput, nb::arg("program"), nb::arg("name"),
           nb::arg("data"))
      .def("write_state", &writeState, nb::arg("name"), nb::arg("data"))
      .def("read_state", &readState, nb::arg("name"), nb::arg("data"));
}
