//===- ImportONNX.h - Graphs from ONNX files --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer of graphs in the format of ONNX
// (https://onnx.ai/onnx/repo-docs).
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_ONNX_IMPORTONNX_H
#define STERNA_IMPORT_ONNX_IMPORTONNX_H

#include "sterna/Import/Importer.h"

namespace sterna {

std::unique_ptr<Importer> createONNXImporter();

} // namespace sterna

#endif // STERNA_IMPORT_ONNX_IMPORTONNX_H
