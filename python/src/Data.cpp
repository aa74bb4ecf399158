//===- Data.cpp - Data to train on or to measure --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

DataClass own(sterna_data_t *data) { return {{data, sterna_data_release}}; }

/// Data from a path, or from lines, by a function of the C API.
template <auto function>
DataClass read(const ModuleClass &module, std::string_view source,
               bool assistantOnly) {
  sterna_data_options_t options;
  sterna_data_options_init(sizeof(options), &options);
  options.assistant_only_loss = assistantOnly;
  sterna_data_t *data = nullptr;
  {
    nb::gil_scoped_release unlocked;
    check(function(module.module.get(), view(source), &options, &data));
  }
  return own(data);
}

/// Rows of tokens, each with labels or None.
DataClass
create(const ModuleClass &module,
       const std::vector<std::pair<Tokens, std::optional<Tokens>>> &given) {
  std::vector<sterna_row_t> rows;
  for (const auto &[tokens, labels] : given) {
    if (labels && labels->size() != tokens.size())
      throw nb::value_error("expected as many labels as tokens in each row");
    rows.push_back(
        {tokens.size(), tokens.data(), labels ? labels->data() : nullptr});
  }
  sterna_data_t *data = nullptr;
  check(
      sterna_data_create(module.module.get(), rows.data(), rows.size(), &data));
  return own(data);
}

std::pair<DataClass, DataClass> split(const DataClass &self, double fraction,
                                      uint64_t seed) {
  sterna_data_t *rest = nullptr, *part = nullptr;
  check(sterna_data_split(self.data.get(), fraction, seed, &rest, &part));
  return {own(rest), own(part)};
}

sterna_data_info_t infoOf(const DataClass &self) {
  sterna_data_info_t info = {};
  info.size = sizeof(info);
  check(sterna_data_info(self.data.get(), &info));
  return info;
}

std::vector<std::string> notices(const DataClass &self) {
  std::vector<std::string> result;
  for (size_t i = 0; i < sterna_data_notice_count(self.data.get()); ++i)
    result.emplace_back(text(sterna_data_notice(self.data.get(), i)));
  return result;
}

} // namespace

void sterna_python::addData(nb::module_ &m) {
  nb::class_<DataClass>(m, "Data")
      .def_static("load", &read<sterna_data_load>, nb::arg("module"),
                  nb::arg("path"), nb::arg("assistant_only"))
      .def_static("parse", &read<sterna_data_parse>, nb::arg("module"),
                  nb::arg("lines"), nb::arg("assistant_only"))
      .def_static("create", &create, nb::arg("module"), nb::arg("rows"))
      .def("split", &split, nb::arg("fraction"), nb::arg("seed"))
      .def_prop_ro("samples",
                   [](const DataClass &self) { return infoOf(self).samples; })
      .def_prop_ro("tokens",
                   [](const DataClass &self) { return infoOf(self).tokens; })
      .def_prop_ro(
          "scored_tokens",
          [](const DataClass &self) { return infoOf(self).scored_tokens; })
      .def_prop_ro("notices", &notices);
}
