//===- WriteObject.cpp - Models to link into programs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Object.h. The device binary comes last: where it is, all is.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/Object/Object.h"

#include "BuildNote.h"
#include "sterna/Support/OutputFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

/// {0}: name, {1}: symbol.
static constexpr char header[] = R"(/* The code of {0}.stn; see {0}.txt. */
#include "sterna/kernel_library.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const sterna_linked_code_t {1};

#ifdef __cplusplus
}
#endif
)";

std::string sterna::linkedSymbol(StringRef path) {
  std::string name = llvm::sys::path::stem(path).str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return "sterna_" + name + "_code";
}

std::vector<std::string> sterna::objectFiles(StringRef path) {
  std::vector<std::string> files;
  for (const char *ending : {".o", ".h", ".txt", ".stn"}) {
    SmallString<128> name(path);
    llvm::sys::path::replace_extension(name, ending);
    files.push_back(name.str().str());
  }
  return files;
}

Expected<LinkReport> sterna::writeObject(const cpu::LinkedObject &object,
                                         const cpu::Platform &platform,
                                         ModuleOp module,
                                         llvm::ArrayRef<PlanCode> plans,
                                         StringRef path) {
  StringRef name = llvm::sys::path::stem(path);
  std::string symbol = linkedSymbol(path);
  std::vector<std::unique_ptr<OutputFile>> files;
  for (const std::string &file : objectFiles(path)) {
    auto output = OutputFile::create(file);
    if (!output)
      return output.takeError();
    files.push_back(std::move(*output));
  }
  files[0]->os() << object.bytes;
  files[1]->os() << llvm::formatv(header, name, symbol);
  writeBuildNote(files[2]->os(), name, symbol, object, platform);
  auto report = writeDeviceBinary(module, plans, files[3]->os());
  if (!report)
    return report.takeError();
  // All are complete on the disk before the first has its name.
  for (auto &file : files)
    if (Error error = file->flush())
      return std::move(error);
  for (auto &file : files)
    if (Error error = file->commit())
      return std::move(error);
  return report;
}
