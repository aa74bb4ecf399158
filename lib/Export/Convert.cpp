//===- Convert.cpp - From one format of models to another -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Convert.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Export/Convert.h"

#include "sterna/Export/GGUF/ExportGGUF.h"
#include "sterna/Export/HuggingFace/ExportHuggingFace.h"
#include "sterna/Import/GGUF/Architectures.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Weights/WeightSource.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;
using namespace sterna;

namespace {
struct LinearType {
  StringLiteral name;
  StorageType storage;
  bool inGGUF, inFolders;
};
} // namespace

/// Of each format, the first is the default.
static constexpr LinearType linearTypes[] = {
    {"tq2_0", StorageType::TQ2_0, true, false},
    {"tq1_0", StorageType::TQ1_0, true, false},
    {"i2_s", StorageType::I2_S, true, false},
    {"q2_0", StorageType::Q2_0, true, false},
    {"pq2_0", StorageType::PQ2_0, true, false},
    {"ptq1_0", StorageType::PTQ1_0, true, false},
    {"packed", StorageType::BitNetU8, false, true},
    {"f16", StorageType::F16, true, true},
    {"bf16", StorageType::BF16, true, true},
    {"f32", StorageType::F32, true, true}};

static bool isOf(const LinearType &type, StringRef format) {
  return format == "gguf" ? type.inGGUF : type.inFolders;
}

std::string sterna::listLinearTypes(StringRef format) {
  std::vector<std::string> names;
  for (const LinearType &type : linearTypes)
    if (isOf(type, format))
      names.push_back(type.name.str());
  return listAlternatives(names);
}

static Expected<std::string> chooseFormat(const ConvertOptions &options) {
  if (options.output.empty() || options.output == "-")
    return createStringError(
        "expected a file or folder to write, such as model.gguf");
  if (options.format.empty())
    return StringRef(options.output).ends_with(".gguf") ? "gguf"
                                                        : "safetensors";
  if (options.format != "gguf" && options.format != "safetensors")
    return createStringError(
        "--format: expected gguf or safetensors, but got " +
        quoteText(options.format));
  return options.format;
}

static Expected<StorageType> chooseType(const ConvertOptions &options,
                                        StringRef format) {
  for (const LinearType &type : linearTypes)
    if (isOf(type, format) &&
        (options.type.empty() || options.type == type.name))
      return type.storage;
  return createStringError("--type: expected " + listLinearTypes(format) +
                           " for " + format + ", but got " +
                           quoteText(options.type));
}

/// What a GGUF file of the model does not say.
static void noticeActivations(const ConvertOptions &options,
                              const ModelDescription &model) {
  const GGUFArchitecture *known = findGGUFArchitecture(model.architecture);
  if (!known || known->int8Activations || !options.notice)
    return;
  options.notice(("GGUF's architecture '" + Twine(model.architecture) +
                  "' does not say whether linears quantize their input; "
                  "compile the file with --activations=" +
                  (model.int8Activations ? "int8" : "float"))
                     .str());
}

Error sterna::convertModel(const ConvertOptions &options) {
  Expected<std::string> format = chooseFormat(options);
  if (!format)
    return format.takeError();
  Expected<StorageType> type = chooseType(options, *format);
  if (!type)
    return type.takeError();
  if (!sys::fs::exists(options.input))
    return createStringError(options.input + ": there is no such file");
  bool isFile = *format == "gguf";
  if (isFile)
    if (Error error = OutputFile::check(options.output))
      return error;
  registerAllImporters();
  mlir::MLIRContext context;
  context.loadDialect<tern::TernDialect>();
  auto imported = options.progress.measure("read model", [&] {
    return importModel(options.input, &context, options.import);
  });
  if (!imported)
    return imported.takeError();
  auto *model = std::get_if<ModelDescription>(&*imported);
  if (!model)
    return createStringError(options.input +
                             ": expected a language model, but got a graph");
  if (Error error = options.progress.measure("write model", [&] {
        return isFile ? exportGGUF(*model, options.output, *type)
                      : exportHuggingFace(*model, options.input, options.output,
                                          *type);
      }))
    return error;
  if (isFile)
    noticeActivations(options, *model);
  return Error::success();
}
