//===- ProgramFields.h - Finding the fields of a program ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the training programs' inputs and outputs become pointers.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_PROGRAMFIELDS_H
#define STERNA_RUNTIME_TRAIN_PROGRAMFIELDS_H

#include "core/Session.h"

#include <initializer_list>

namespace sterna {

/// Sets `field` to where `found` points, or returns why there is none.
template <typename T> Status assignField(T *&field, Expected<T *> found) {
  if (!found.ok())
    return found.status();
  field = *found;
  return Status();
}

/// An f32 input of one element.
struct ScalarInput {
  const char *name;
  float *&field;
};

inline Status assignScalars(const Program &program,
                            std::initializer_list<ScalarInput> inputs) {
  for (const ScalarInput &input : inputs) {
    Status status =
        assignField(input.field, program.input<float>(input.name, 1));
    if (!status.ok())
      return status;
  }
  return Status();
}

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_PROGRAMFIELDS_H
