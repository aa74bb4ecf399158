//===- WriteObject.cpp - Models to link into programs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Object.h. The device binary comes last: where it is, all is.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/Object/Object.h"

#include "BuildNote.h"

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

/// Writes what `write` prints to the file of `path` with another ending.
static Error writeBeside(StringRef path, StringRef ending,
                         llvm::function_ref<void(llvm::raw_ostream &)> write) {
  SmallString<128> name(path);
  llvm::sys::path::replace_extension(name, ending);
  auto report = writeWhole(name, /*executable=*/false,
                           [&](auto &out) -> Expected<LinkReport> {
                             write(out);
                             return LinkReport();
                           });
  return report.takeError();
}

Expected<LinkReport> sterna::writeObject(const cpu::LinkedObject &object,
                                         const cpu::Platform &platform,
                                         ModuleOp module,
                                         const TokenizerDescription &tokenizer,
                                         const std::vector<CodeObject> &code,
                                         StringRef path) {
  StringRef name = llvm::sys::path::stem(path);
  std::string symbol = linkedSymbol(path);
  if (Error error =
          writeBeside(path, ".o", [&](auto &out) { out << object.bytes; }))
    return std::move(error);
  if (Error error = writeBeside(path, ".h", [&](auto &out) {
        out << llvm::formatv(header, name, symbol);
      }))
    return std::move(error);
  if (Error error = writeBeside(path, ".txt", [&](auto &out) {
        writeBuildNote(out, name, symbol, object, platform);
      }))
    return std::move(error);
  SmallString<128> binary(path);
  llvm::sys::path::replace_extension(binary, ".stn");
  return writeDeviceBinary(module, tokenizer, code, binary);
}
