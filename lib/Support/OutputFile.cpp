//===- OutputFile.cpp - Outputs of the compiler ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device or a pipe cannot be written out of order, so that what goes there
// waits in a file without a name until it is complete.
//
//===----------------------------------------------------------------------===//

#include "sterna/Support/OutputFile.h"

#include "io/File.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

// No using-directives: the runtime has an Expected of its own.
using llvm::Error;
using sterna::OutputFile;

static Error toError(const sterna::Status &status) {
  return status.ok() ? Error::success()
                     : llvm::createStringError(status.message());
}

static std::error_code lastError() {
  return std::error_code(errno, std::generic_category());
}

Error OutputFile::failure(std::error_code code) const {
  return llvm::createStringError(
      code, "cannot write " + (file ? "'" + path + "'" : "to standard output") +
                ": " + code.message());
}

OutputFile::OutputFile(llvm::StringRef path) : path(path.str()) {}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(llvm::StringRef path, bool executable) {
  std::unique_ptr<OutputFile> output(new OutputFile(path));
  if (path == "-") {
    output->stream = std::make_unique<llvm::raw_fd_ostream>(
        STDOUT_FILENO, /*shouldClose=*/false);
    return output;
  }
  if (Error error = output->open(executable))
    return std::move(error);
  return output;
}

Error OutputFile::open(bool executable) {
  auto created = AtomicFile::create(path);
  if (!created.ok())
    return toError(created.status());
  file = std::make_unique<AtomicFile>(std::move(*created));
  int descriptor = file->getDescriptor();
  struct stat info;
  if (::fstat(descriptor, &info) != 0)
    return failure(lastError());
  if (!S_ISREG(info.st_mode))
    return spool();
  llvm::sys::RemoveFileOnSignal(file->getTemporary());
  mode_t readers = info.st_mode & 0444;
  if (executable && ::fchmod(descriptor, info.st_mode | readers >> 2) != 0)
    return failure(lastError());
  stream = std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                  /*shouldClose=*/false);
  return Error::success();
}

Error OutputFile::spool() {
  llvm::SmallString<128> name;
  if (std::error_code code = llvm::sys::fs::createTemporaryFile(
          "sterna", "partial", spoolDescriptor, name))
    return failure(code);
  ::unlink(name.c_str());
  stream = std::make_unique<llvm::raw_fd_ostream>(spoolDescriptor,
                                                  /*shouldClose=*/true);
  return Error::success();
}

Error OutputFile::check(llvm::StringRef path) {
  return path == "-" ? Error::success() : toError(checkWritable(path.str()));
}

OutputFile::~OutputFile() {
  // LLVM aborts on an error that nobody has asked for.
  if (stream) {
    stream->flush();
    stream->clear_error();
  }
  if (file && spoolDescriptor < 0)
    llvm::sys::DontRemoveFileOnSignal(file->getTemporary());
}

Error OutputFile::flush() {
  stream->flush();
  if (std::error_code code = stream->error()) {
    stream->clear_error();
    return failure(code);
  }
  return file && spoolDescriptor < 0 ? toError(file->flush())
                                     : Error::success();
}

Error OutputFile::copySpool() {
  constexpr size_t pieceBytes = 1 << 20;
  std::vector<char> piece(pieceBytes);
  for (off_t position = 0;;) {
    ssize_t count =
        ::pread(spoolDescriptor, piece.data(), piece.size(), position);
    if (count < 0)
      return failure(lastError());
    if (count == 0)
      return Error::success();
    if (Status status = file->write(piece.data(), size_t(count)); !status.ok())
      return toError(status);
    position += count;
  }
}

Error OutputFile::commit() {
  if (Error error = flush())
    return error;
  if (!file)
    return Error::success();
  if (spoolDescriptor >= 0)
    if (Error error = copySpool())
      return error;
  return toError(file->commit());
}
