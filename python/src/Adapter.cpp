//===- Adapter.cpp - Adapters ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

using namespace sterna_python;

namespace {

AdapterClass own(sterna_adapter_t *adapter) {
  return {{adapter, sterna_adapter_release}};
}

AdapterClass create(const ModuleClass &module, double alpha, uint64_t seed) {
  sterna_adapter_options_t options;
  sterna_adapter_options_init(sizeof(options), &options);
  options.alpha = alpha;
  options.seed = seed;
  sterna_adapter_t *adapter = nullptr;
  check(sterna_adapter_create(module.module.get(), &options, &adapter));
  return own(adapter);
}

AdapterClass load(std::string_view path) {
  sterna_adapter_t *adapter = nullptr;
  check(sterna_adapter_load(view(path), &adapter));
  return own(adapter);
}

void save(const AdapterClass &self, std::string_view path) {
  check(sterna_adapter_save(self.adapter.get(), view(path)));
}

/// The matrices by name, views of the adapter's memory.
nb::dict matrices(nb::handle_t<AdapterClass> object) {
  const auto &self = nb::cast<const AdapterClass &>(object);
  nb::dict result;
  for (size_t i = 0; i < sterna_adapter_matrix_count(self.adapter.get()); ++i) {
    sterna_matrix_t matrix = {};
    matrix.size = sizeof(matrix);
    check(sterna_adapter_matrix(self.adapter.get(), i, &matrix));
    nb::ndarray<nb::numpy, const float> array(
        matrix.data, {size_t(matrix.rows), size_t(matrix.columns)}, object);
    result[nb::cast(text(matrix.name))] = array;
  }
  return result;
}

AdapterClass assemble(const nb::dict &given, double scale) {
  using Matrix =
      nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
  std::vector<std::string> names;
  std::vector<Matrix> arrays;
  for (auto [name, array] : given) {
    names.push_back(nb::cast<std::string>(name));
    arrays.push_back(nb::cast<Matrix>(array));
  }
  std::vector<sterna_matrix_t> all;
  for (size_t i = 0; i < names.size(); ++i)
    all.push_back({sizeof(sterna_matrix_t), view(names[i]), arrays[i].shape(0),
                   arrays[i].shape(1), arrays[i].data()});
  sterna_adapter_t *adapter = nullptr;
  check(sterna_adapter_assemble(all.data(), all.size(), scale, &adapter));
  return own(adapter);
}

} // namespace

void sterna_python::addAdapter(nb::module_ &m) {
  nb::class_<AdapterClass>(m, "Adapter")
      .def_static("create", &create, nb::arg("module"), nb::arg("alpha"),
                  nb::arg("seed"))
      .def_static("load", &load, nb::arg("path"))
      .def_static("assemble", &assemble, nb::arg("matrices"), nb::arg("scale"))
      .def("save", &save, nb::arg("path"))
      .def("matrices", &matrices)
      .def_prop_rw(
          "scale",
          [](const AdapterClass &self) {
            return sterna_adapter_scale(self.adapter.get());
          },
          [](AdapterClass &self, double scale) {
            check(sterna_adapter_set_scale(self.adapter.get(), scale));
          });
}
