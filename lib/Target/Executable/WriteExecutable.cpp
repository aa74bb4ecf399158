//===- WriteExecutable.cpp - Models as programs ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime's bytes as they are, the device binary streamed behind them, a
// trailer that says where it lies.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/Executable/Executable.h"

#include "sterna/executable_trailer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

Error refuse(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The architecture of an ELF file, as a triple names it.
Expected<StringRef> architectureOf(llvm::MemoryBufferRef file) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(file);
  if (!object)
    return object.takeError();
  return llvm::Triple::getArchTypeName((*object)->getArch());
}

/// The runtime that runs on one of `architectures`: this machine's if it can.
std::string runtimeName(ArrayRef<StringRef> architectures) {
  StringRef host = llvm::Triple::getArchTypeName(
      llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch());
  if (architectures.empty() || llvm::is_contained(architectures, host))
    return "sterna-run";
  return ("sterna-run-" + architectures.front()).str();
}

bool carriesModule(StringRef executable) {
  return executable.ends_with(
      StringRef(STERNA_EXECUTABLE_MAGIC, STERNA_EXECUTABLE_MAGIC_SIZE));
}

void writeTrailer(llvm::raw_ostream &out, uint64_t offset, uint64_t size) {
  llvm::support::endian::Writer writer(out, llvm::endianness::little);
  writer.write<uint64_t>(offset);
  writer.write<uint64_t>(size);
  writer.write<uint32_t>(0);
  writer.write<uint32_t>(STERNA_EXECUTABLE_VERSION);
  out.write(STERNA_EXECUTABLE_MAGIC, STERNA_EXECUTABLE_MAGIC_SIZE);
}

} // namespace

Expected<std::unique_ptr<llvm::MemoryBuffer>>
sterna::openRuntime(StringRef folder, ArrayRef<StringRef> architectures) {
  SmallString<128> path(folder);
  llvm::sys::path::append(path, runtimeName(architectures));
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return refuse("--emit=exe needs the runtime beside the compiler, but "
                  "cannot open '" +
                  path + "': " + file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  auto magic = llvm::identify_magic(bytes);
  if (magic != llvm::file_magic::elf_executable &&
      magic != llvm::file_magic::elf_shared_object)
    return refuse("expected '" + path +
                  "' to be the runtime's executable, but it is not an ELF "
                  "executable");
  if (carriesModule(bytes))
    return refuse("expected '" + path +
                  "' to be the runtime alone, but it carries a model already: "
                  "install sterna-run there again");
  auto architecture = architectureOf((*file)->getMemBufferRef());
  if (!architecture)
    return refuse("cannot read '" + path +
                  "': " + llvm::toString(architecture.takeError()));
  if (!architectures.empty() &&
      !llvm::is_contained(architectures, *architecture))
    return refuse("expected '" + path + "' to run on " +
                  llvm::join(architectures, " or ") +
                  ", as --target asks, but it runs on " + *architecture +
                  ": --emit=exe needs a runtime built for the target");
  return std::move(*file);
}

Expected<LinkReport> sterna::writeExecutable(llvm::MemoryBufferRef runtime,
                                             ModuleOp module,
                                             llvm::ArrayRef<PlanCode> plans,
                                             StringRef path) {
  auto write = [&](llvm::raw_fd_ostream &out) -> Expected<LinkReport> {
    out << runtime.getBuffer();
    out.write_zeros(llvm::offsetToAlignment(
        out.tell(), llvm::Align(STERNA_EXECUTABLE_ALIGNMENT)));
    uint64_t offset = out.tell();
    auto report = writeDeviceBinary(module, plans, out);
    if (report)
      writeTrailer(out, offset, out.tell() - offset);
    return report;
  };
  return writeWhole(path, /*executable=*/true, write);
}
