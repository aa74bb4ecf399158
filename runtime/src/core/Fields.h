//===- Fields.h - Inputs and outputs of graphs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How types and shapes of a program's fields are called, as NumPy does, and how
// NumPy's arrays become inputs.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_FIELDS_H
#define STERNA_RUNTIME_CORE_FIELDS_H

#include "core/Session.h"
#include "io/Npy.h"

#include <string>
#include <vector>

namespace sterna {

/// What NumPy calls an element type: "<f4", "|b1". bf16, which it does not
/// know, is "<V2".
const char *numpyType(format::ElementType type);

std::vector<uint64_t> shapeOf(const format::Field &field);

/// "[2, 3]".
std::string shapeText(const std::vector<uint64_t> &shape);

/// Whether arrays of NumPy's type `type` have elements of `wanted`.
bool isNumpyType(const std::string &type, format::ElementType wanted);

/// Copies elements of `type` as they lie in NumPy's arrays; booleans become 0
/// or 1.
void copyElements(format::ElementType type, std::string_view elements,
                  uint8_t *target);

/// The program of a graph; null where the module is a language model's.
const format::Program *findMain(const Module &module);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_FIELDS_H
