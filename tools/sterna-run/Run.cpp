//===- Run.cpp - sterna-run run -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the program of a graph once, with NumPy arrays as inputs and outputs.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "Setup.h"
#include "core/Fields.h"
#include "core/Session.h"
#include "io/File.h"
#include "io/Npy.h"

#include <algorithm>
#include <cstring>
#include <map>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  std::vector<std::string> inputs, outputs; // as given
  std::string parameters;
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run run model.stn --input x=x.npy --output y=y.npy\n"
    "  sterna-run run model.stn --input a=a.npy --input b=b.npy --output "
    "y=y.npy "
    "\\\n    --device vulkan\n"
    "\n"
    "The device binary is that of a graph, as sterna-compile makes it of a "
    "model of ONNX.\nEvery input is given, of the type and shape that the "
    "command info shows; outputs\nthat are not asked for are not written. "
    "Elements of bf16 are the type V2 of\nNumPy.\n";

void describe(CLI::App &command, Options &options) {
  command.add_option("--input", options.inputs,
                     "NAME=FILE.npy: an input of the graph");
  command.add_option("--output", options.outputs,
                     "NAME=FILE.npy: an output, and where to write it");
  command.add_option("--parameters", options.parameters,
                     "trained parameters, as train writes them, in place of "
                     "those of the model");
}

/// Files by name, from NAME=FILE.
Expected<std::map<std::string, std::string>>
readNames(const std::vector<std::string> &given, const char *flag) {
  std::map<std::string, std::string> files;
  for (const std::string &item : given) {
    size_t sign = item.find('=');
    if (sign == 0 || sign == std::string::npos || sign + 1 == item.size())
      return Status::error(std::string(flag) +
                           ": expected NAME=FILE.npy, but got '" +
                           excerpt(item) + "'");
    if (!files.emplace(item.substr(0, sign), item.substr(sign + 1)).second)
      return Status::error(std::string(flag) + ": '" +
                           excerpt(item.substr(0, sign)) + "' is given twice");
  }
  return files;
}

using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

/// Fails where a name in `files` is none of `fields`.
Status checkNames(const Fields *fields,
                  const std::map<std::string, std::string> &files,
                  const char *flag) {
  for (const auto &[name, file] : files) {
    std::string known;
    bool isKnown = false;
    for (const format::Field *field : orEmpty(fields)) {
      known += (known.empty() ? "" : ", ") + excerpt(field->name()->str());
      isKnown |= field->name()->str() == name;
    }
    if (!isKnown)
      return Status::error(std::string(flag) + ": the graph has no '" +
                           excerpt(name) + "'; it has " +
                           (known.empty() ? "none" : known));
  }
  return Status();
}

Status readInput(const Program &program, const format::Field &field,
                 const std::string &path) {
  std::string name = field.name()->str();
  Expected<std::string> content = readFile(path);
  if (!content.ok())
    return content.status();
  Expected<NpyView> array = viewNpy(path, *content);
  if (!array.ok())
    return array.status();
  if (!isNumpyType(array->type, field.type()) || array->shape != shapeOf(field))
    return Status::error(
        "--input: '" + excerpt(name) + "' is " + numpyType(field.type()) +
        " of shape " + shapeText(shapeOf(field)) + ", but " + path + " is " +
        excerpt(array->type) + " of shape " + shapeText(array->shape));
  Expected<Program::Bytes> bytes = program.inputBytes(name);
  if (!bytes.ok())
    return bytes.status();
  copyElements(field.type(), array->elements, bytes->data);
  return Status();
}

Status writeOutput(const Program &program, const format::Field &field,
                   const std::string &path) {
  Expected<Program::Bytes> bytes = program.outputBytes(field.name()->str());
  if (!bytes.ok())
    return bytes.status();
  return writeNpy(path, numpyType(field.type()), shapeOf(field), bytes->data,
                  bytes->size);
}

Status run(const Options &options, const CommonOptions &common) {
  auto inputs = readNames(options.inputs, "--input");
  if (!inputs.ok())
    return inputs.status();
  auto outputs = readNames(options.outputs, "--output");
  if (!outputs.ok())
    return outputs.status();
  Expected<std::shared_ptr<const Module>> module = Module::load(options.model);
  if (!module.ok())
    return module.status();
  if (!(*module)->isGraph())
    return Status::error("'" + options.model +
                         "' is a language model and no graph: see generate, "
                         "eval and train");
  Expected<std::unique_ptr<Session>> session =
      prepareGraph(*module, {"main"}, options.parameters, common.device);
  if (!session.ok())
    return session.status();
  const format::Program &metadata = *findMain(**module);
  if (Status status = checkNames(metadata.inputs(), *inputs, "--input");
      !status.ok())
    return status;
  if (Status status = checkNames(metadata.outputs(), *outputs, "--output");
      !status.ok())
    return status;
  Expected<Program> program = (*session)->program("main");
  if (!program.ok())
    return program.status();
  for (const format::Field *field : orEmpty(metadata.inputs())) {
    auto file = inputs->find(field->name()->str());
    if (file == inputs->end())
      return Status::error("--input: '" + excerpt(field->name()->str()) +
                           "' is missing");
    if (Status status = readInput(*program, *field, file->second); !status.ok())
      return status;
  }
  if (Status status = program->run(); !status.ok())
    return status;
  for (const format::Field *field : orEmpty(metadata.outputs())) {
    auto file = outputs->find(field->name()->str());
    if (file == outputs->end())
      continue;
    if (Status status = writeOutput(*program, *field, file->second);
        !status.ok())
      return status;
    if (!common.json)
      std::printf("wrote %s, %s of shape %s, to %s\n",
                  excerpt(field->name()->str()).c_str(),
                  numpyType(field->type()), shapeText(shapeOf(*field)).c_str(),
                  file->second.c_str());
  }
  if (common.json)
    printJson({{"outputs", *outputs}});
  return Status();
}

} // namespace

void sterna::addRunCommand(CLI::App &app, const CommonOptions &common,
                           Action &action) {
  addCommand<Options>(app, common, action, "run",
                      "Runs the program of a graph once", footer, describe,
                      run);
}
