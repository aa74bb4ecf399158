//===- Link.cpp - The phase that leaves no IR -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Link.h. Executables and objects are made of CPU code: other targets of
// the same compilation are in the device binary that goes with it.
//
//===----------------------------------------------------------------------===//

#include "Link.h"

#include "sterna/Support/OutputFile.h"
#include "sterna/Target/CPU/CPUTarget.h"
#include "sterna/Target/CPU/EmitObject.h"
#include "sterna/Target/Executable/Executable.h"
#include "sterna/Target/Object/Object.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

/// The CPU target among `targets`; null if there is none.
static plan::TargetAttr findCPU(ArrayRef<plan::TargetAttr> targets) {
  for (plan::TargetAttr target : targets)
    if (target.getName() == cpu::targetName)
      return target;
  return {};
}

/// Checks that the product can be made for the systems of `targets`.
static Error checkProduct(const CompileOptions &options,
                          ArrayRef<plan::TargetAttr> targets) {
  plan::TargetAttr target = findCPU(targets);
  std::vector<const cpu::Platform *> platforms;
  if (target)
    platforms = cpu::getPlatforms(target);
  if (options.emit == Product::Object) {
    if (platforms.size() != 1)
      return llvm::createStringError(
          "--emit=obj: expected targets of one system, but got " +
          Twine(platforms.size()));
    return Error::success();
  }
  for (const cpu::Platform *platform : platforms)
    if (platform->isLinked)
      return llvm::createStringError(
          "--target=" + platform->name +
          " needs --emit=obj: programs there are linked with their code");
  if (options.emit == Product::Executable && !target)
    return llvm::createStringError("--emit=exe needs a CPU among its targets: "
                                   "add host to --target");
  return Error::success();
}

/// The one way to write the path of a file that need not be there.
static std::string canonical(StringRef path) {
  llvm::SmallString<128> folder(path), real;
  (void)llvm::sys::fs::make_absolute(folder);
  llvm::sys::path::remove_filename(folder);
  if (llvm::sys::fs::real_path(folder, real))
    real = folder;
  llvm::sys::path::append(real, llvm::sys::path::filename(path));
  return real.str().str();
}

/// Checks that the outputs can be written and that none of them is one of
/// `inputs`, also by another name.
static Error checkOutputs(const CompileOptions &options,
                          ArrayRef<std::string> inputs) {
  std::vector<std::string> outputs{options.output};
  if (options.emit == Product::Object)
    outputs = objectFiles(options.output);
  if (!options.memoryReport.empty()) {
    for (const std::string &output : outputs)
      if (canonical(output) == canonical(options.memoryReport))
        return llvm::createStringError("--memory-report and -o name the same "
                                       "file, '" +
                                       output + "'");
    outputs.push_back(options.memoryReport);
  }
  for (const std::string &output : outputs) {
    for (const std::string &input : inputs)
      if (output != "-" && llvm::sys::fs::equivalent(input, output))
        return llvm::createStringError("expected another file for the output "
                                       "than '" +
                                       input + "', which is read, but got '" +
                                       output + "'");
    if (Error error = OutputFile::check(output))
      return error;
  }
  return Error::success();
}

Expected<std::unique_ptr<llvm::MemoryBuffer>>
sterna::prepareLink(const CompileOptions &options,
                    ArrayRef<plan::TargetAttr> targets) {
  if (Error error = checkProduct(options, targets))
    return std::move(error);
  std::vector<std::string> inputs{options.input};
  std::unique_ptr<llvm::MemoryBuffer> runtime;
  if (options.emit == Product::Executable) {
    llvm::SetVector<StringRef> architectures;
    for (const cpu::Level *level : cpu::getLevels(findCPU(targets)))
      architectures.insert(
          llvm::Triple::getArchTypeName(llvm::Triple(level->triple).getArch()));
    auto opened =
        openRuntime(options.runtimeFolder, architectures.getArrayRef());
    if (!opened)
      return opened.takeError();
    runtime = std::move(*opened);
    inputs.push_back(runtime->getBufferIdentifier().str());
  }
  if (Error error = checkOutputs(options, inputs))
    return std::move(error);
  return runtime;
}

/// The code of `plan`; of a CPU's plan that is to be linked into programs, in
/// `linked`.
static Expected<std::vector<CodeObject>>
emitCode(const TargetPlan &plan, const CompileOptions &options,
         std::optional<cpu::LinkedObject> &linked, const Progress &progress) {
  if (options.emit != Product::Object ||
      plan.attribute.getName() != cpu::targetName)
    return plan.target->emitCode(plan.module, progress);
  auto object = progress.measure("object", [&] {
    return cpu::emitObject(plan.module, cpu::getLevels(plan.attribute),
                           *cpu::getPlatforms(plan.attribute).front(),
                           linkedSymbol(options.output));
  });
  if (!object)
    return object.takeError();
  linked = std::move(*object);
  return linked->code;
}

Expected<LinkReport> sterna::link(ModuleOp module, ArrayRef<TargetPlan> plans,
                                  const CompileOptions &options,
                                  const llvm::MemoryBuffer *runtime,
                                  const Progress &progress) {
  std::vector<PlanCode> parts;
  std::optional<cpu::LinkedObject> linked;
  const cpu::Platform *platform = nullptr;
  for (const TargetPlan &plan : plans) {
    auto code = emitCode(plan, options, linked, progress);
    if (!code)
      return code.takeError();
    if (linked && !platform)
      platform = cpu::getPlatforms(plan.attribute).front();
    parts.push_back(
        {plan.target->getName().str(), plan.module, std::move(*code)});
  }
  return progress.measure("link", [&] {
    if (linked)
      return writeObject(*linked, *platform, module, parts, options.output);
    return runtime ? writeExecutable(runtime->getMemBufferRef(), module, parts,
                                     options.output)
                   : writeDeviceBinary(module, parts, options.output);
  });
}
