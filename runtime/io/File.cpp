//===- File.cpp - Whole files, read and written safely --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// POSIX calls behind File.h. Separate so that no other file of this folder
// knows how bytes reach the disk.
//
//===----------------------------------------------------------------------===//

#include "io/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sterna {

namespace {

Status systemError(const std::string &what, const std::string &path) {
  return Status::error("cannot " + what + " '" + path +
                       "': " + std::strerror(errno));
}

/// Closes a descriptor at the end of a scope.
struct DescriptorCloser {
  int descriptor;
  ~DescriptorCloser() { ::close(descriptor); }
};

/// Makes the rename of `path` last through a power cut. Some file systems
/// refuse to flush a directory; the content is flushed already, so that is no
/// reason to fail.
void flushDirectoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  std::string directory =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  int descriptor =
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  ::fsync(descriptor);
  ::close(descriptor);
}

} // namespace

Expected<std::string> readFile(const std::string &path, uint64_t maxBytes) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0)
    return systemError("open", path);
  DescriptorCloser closer{descriptor};
  struct stat info;
  if (::fstat(descriptor, &info) != 0)
    return systemError("read", path);
  if (!S_ISREG(info.st_mode))
    return Status::error("cannot read '" + path + "': not a regular file");
  uint64_t size = static_cast<uint64_t>(info.st_size);
  if (size > maxBytes)
    return Status::error("cannot read '" + path + "': expected at most " +
                         std::to_string(maxBytes) + " bytes, but it has " +
                         std::to_string(size));
  std::string content(size, '\0');
  size_t done = 0;
  while (done < size) {
    ssize_t count = ::read(descriptor, &content[done], size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("read", path);
    if (count == 0)
      return Status::error("cannot read '" + path +
                           "': it became shorter while it was read");
    done += static_cast<size_t>(count);
  }
  return content;
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int descriptor)
    : path(std::move(path)), temporary(std::move(temporary)),
      descriptor(descriptor) {}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      descriptor(other.descriptor) {
  other.descriptor = -1;
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  ::close(descriptor);
  ::unlink(temporary.c_str());
}

Expected<AtomicFile> AtomicFile::create(const std::string &path) {
  // Not mkstemp, which would make the file private to its owner. A name may be
  // left over from a run that was killed: try the next.
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string temporary = path + ".partial-" + std::to_string(::getpid()) +
                            "-" + std::to_string(attempt);
    int descriptor = ::open(temporary.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0)
      return AtomicFile(path, std::move(temporary), descriptor);
    if (errno != EEXIST)
      break;
  }
  return systemError("create", path);
}

Status AtomicFile::write(const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::write(descriptor, bytes, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("write", path);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
  return Status::success();
}

Status AtomicFile::commit() {
  if (::fsync(descriptor) != 0)
    return systemError("write", path);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return systemError("write", path);
  ::close(descriptor);
  descriptor = -1;
  flushDirectoryOf(path);
  return Status::success();
}

Status writeFileAtomically(const std::string &path,
                           const std::string &content) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(content.data(), content.size()); !status.ok())
    return status;
  return file->commit();
}

} // namespace sterna
