//===- Convert.h - From one format of models to another ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sterna-convert does, for programs: reads a model by its importer, writes
// it by an exporter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_EXPORT_CONVERT_H
#define STERNA_EXPORT_CONVERT_H

#include "sterna/Import/Importer.h"
#include "sterna/Support/Progress.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <string>

namespace sterna {

struct ConvertOptions {
  std::string input, output;
  /// "gguf" or "safetensors"; empty: GGUF where `output` ends in ".gguf".
  std::string format;
  /// How linears are stored, by a name of listLinearTypes(); empty: as the
  /// format is most often published, tq2_0 or packed.
  std::string type;
  ImportOptions import;
  /// Told what users should know of and may ignore; may be empty.
  std::function<void(llvm::StringRef)> notice;
  Progress progress;
};

/// The names of the types that linears can have in `format`, for messages.
std::string listLinearTypes(llvm::StringRef format);

/// Converts as `options` say. Fails with what is wrong, in one line; a GGUF
/// file is then not written at all, and a folder is no model.
llvm::Error convertModel(const ConvertOptions &options);

} // namespace sterna

#endif // STERNA_EXPORT_CONVERT_H
