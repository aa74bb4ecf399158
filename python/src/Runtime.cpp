//===- Runtime.cpp - The module sterna._runtime ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bindings.h"

#include <cstring>

using namespace sterna_python;

/// sterna.Error, which lives as long as the interpreter.
static PyObject *errorType = nullptr;

void sterna_python::check(sterna_status_t status) {
  sterna_status_code_t code = sterna_status_code(status);
  if (code == STERNA_STATUS_OK)
    return;
  std::string message(text(sterna_status_message(status)));
  sterna_status_release(status);
  nb::gil_scoped_acquire locked;
  // A message may have bytes of a file.
  nb::object shown = nb::steal(PyUnicode_DecodeUTF8(
      message.data(), Py_ssize_t(message.size()), "replace"));
  PyObject *type = code == STERNA_STATUS_INVALID_ARGUMENT ? PyExc_ValueError
                   : code == STERNA_STATUS_OUT_OF_MEMORY  ? PyExc_MemoryError
                                                          : errorType;
  PyErr_SetObject(type, shown.ptr());
  throw nb::python_error();
}

int sterna_python::askToStop(void *, uint64_t, uint64_t) {
  nb::gil_scoped_acquire locked;
  return PyErr_CheckSignals();
}

void sterna_python::checkStopped(sterna_status_t status) {
  if (sterna_status_code(status) != STERNA_STATUS_STOPPED)
    return check(status);
  sterna_status_release(status);
  nb::gil_scoped_acquire locked;
  throw nb::python_error(); // what the signal's handler raised
}

nb::str sterna_python::toText(Buffer buffer) {
  return nb::str(static_cast<const char *>(sterna_buffer_data(buffer.get())),
                 sterna_buffer_size(buffer.get()));
}

nb::ndarray<nb::numpy, int32_t> sterna_python::toTokens(Buffer buffer) {
  size_t count = sterna_buffer_size(buffer.get()) / sizeof(int32_t);
  auto *ids = new int32_t[count];
  if (count > 0)
    std::memcpy(ids, sterna_buffer_data(buffer.get()), count * sizeof(int32_t));
  nb::capsule owner(
      ids, [](void *data) noexcept { delete[] static_cast<int32_t *>(data); });
  return {ids, {count}, owner};
}

FloatArray sterna_python::makeFloats(std::initializer_list<size_t> shape) {
  size_t count = 1;
  for (size_t extent : shape)
    count *= extent;
  auto *data = new float[count];
  nb::capsule owner(data, [](void *floats) noexcept {
    delete[] static_cast<float *>(floats);
  });
  return {data, shape, owner};
}

NB_MODULE(_runtime, m) {
  m.doc() = "Bindings of sterna.h; the package sterna is written on them.";
  errorType = PyErr_NewExceptionWithDoc(
      "sterna.Error",
      "The file, the machine or the model is in the way; see the message.",
      PyExc_RuntimeError, nullptr);
  m.attr("Error") = nb::borrow(errorType);
  addModule(m);
  addAdapter(m);
  addData(m);
  addSession(m);
  addGenerator(m);
  addTrainer(m);
}
