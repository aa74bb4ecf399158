//===- UnsupportedNodes.h - What a model has that is not known --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All ops without a function are told at once, before anything is built.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_UNSUPPORTEDNODES_H
#define STERNA_LIB_IMPORT_ONNX_UNSUPPORTEDNODES_H

#include "onnx-ml.pb.h"

#include <string>

namespace sterna {

/// The nodes of `model`, those of inner graphs and functions included, that are
/// neither ops of the table nor functions of the model, with op, domain,
/// version and name; empty where there are none.
std::string describeUnsupportedNodes(const onnx::ModelProto &model);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_UNSUPPORTEDNODES_H
