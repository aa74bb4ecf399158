//===- Fields.h - Inputs and outputs of graphs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the tool names types and shapes of a program's fields: as NumPy does.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TOOLS_STERNARUN_FIELDS_H
#define STERNA_TOOLS_STERNARUN_FIELDS_H

#include "core/Module.h"

#include <string>
#include <vector>

namespace sterna {

/// What NumPy calls an element type: "<f4", "|b1". bf16, which it does not
/// know, is "<V2".
const char *numpyType(format::ElementType type);

std::vector<uint64_t> shapeOf(const format::Field &field);

/// "[2, 3]".
std::string shapeText(const std::vector<uint64_t> &shape);

/// The program of a graph; null where the module is a language model's.
const format::Program *findMain(const Module &module);

} // namespace sterna

#endif // STERNA_TOOLS_STERNARUN_FIELDS_H
