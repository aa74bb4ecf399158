//===- File.cpp - Whole files, read and written safely --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// POSIX calls behind File.h. Separate so that no other file of this folder
// knows how bytes reach the disk.
//
//===----------------------------------------------------------------------===//

#include "io/File.h"

#include "io/Escape.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace sterna;

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

/// What precedes the last name in `path`, its slash included.
std::string folderOf(const std::string &path) {
  return path.substr(0, path.rfind('/') + 1);
}

/// Makes the rename of `path` last through a power cut. Some file systems
/// refuse to flush a directory; the content is flushed already, so that is no
/// reason to fail.
void flushDirectoryOf(const std::string &path) {
  std::string directory = folderOf(path);
  int descriptor = ::open(directory.empty() ? "." : directory.c_str(),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  ::fsync(descriptor);
  ::close(descriptor);
}

/// What an output goes to.
struct Place {
  std::string target; // where the links in `path` lead; it may not exist
  mode_t mode = 0;    // type and permissions; 0: nothing is there

  bool isNode() const { return mode != 0 && !S_ISREG(mode); }
};

/// The name at the end of the chain of symlinks that begins at `path`.
Expected<std::string> followLinks(const std::string &path) {
  constexpr int mostLinks = 40; // as the kernel follows
  std::string target = path;
  for (int links = 0; links <= mostLinks; ++links) {
    char next[PATH_MAX];
    ssize_t size = ::readlink(target.c_str(), next, sizeof next);
    if (size < 0)
      return target; // no link: a name, or nothing
    std::string name(next, static_cast<size_t>(size));
    target = name[0] == '/' ? name : folderOf(target) + name;
  }
  errno = ELOOP;
  return systemError("write", path);
}

Expected<Place> findPlace(const std::string &path) {
  Place place;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0)
    place.mode = info.st_mode;
  else if (errno != ENOENT)
    return systemError("write", path);
  if (S_ISDIR(place.mode))
    return Status::error("cannot write '" + path + "': a folder is there");
  // Links such as /dev/stdout lead to pipes that have no name.
  if (place.isNode())
    return place;
  Expected<std::string> target = followLinks(path);
  if (!target.ok())
    return target.status();
  place.target = std::move(*target);
  return place;
}

/// A name that nobody can have prepared, beside `target`. It does not contain
/// the target's, which may be as long as a name can be.
std::optional<std::string> temporaryNameBeside(const std::string &target) {
  unsigned char random[16];
  if (::getrandom(random, sizeof random, 0) != sizeof random)
    return std::nullopt;
  return folderOf(target) + ".sterna-" + hexadecimal(random, sizeof random) +
         ".partial";
}

} // namespace

Expected<std::string> sterna::readFile(const std::string &path,
                                       uint64_t maxBytes) {
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

AtomicFile::AtomicFile(std::string path, std::string target,
                       std::string temporary, int descriptor)
    : path(std::move(path)), target(std::move(target)),
      temporary(std::move(temporary)), descriptor(descriptor) {}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path(std::move(other.path)), target(std::move(other.target)),
      temporary(std::move(other.temporary)), descriptor(other.descriptor) {
  other.descriptor = -1;
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  ::close(descriptor);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Expected<AtomicFile> AtomicFile::create(const std::string &path) {
  Expected<Place> place = findPlace(path);
  if (!place.ok())
    return place.status();
  if (place->isNode()) {
    int descriptor = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0)
      return systemError("open", path);
    return AtomicFile(path, path, "", descriptor);
  }
  std::optional<std::string> temporary = temporaryNameBeside(place->target);
  if (!temporary)
    return systemError("create", path);
  int descriptor =
      ::open(temporary->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return systemError("create", path);
  AtomicFile file(path, std::move(place->target), std::move(*temporary),
                  descriptor);
  if (place->mode != 0 && ::fchmod(descriptor, place->mode & 0777) != 0)
    return systemError("create", path);
  return Expected<AtomicFile>(std::move(file));
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

Status AtomicFile::flush() {
  // Pipes and terminals have nothing to flush.
  if (!temporary.empty() && ::fsync(descriptor) != 0)
    return systemError("write", path);
  return Status::success();
}

Status AtomicFile::commit() {
  if (Status status = flush(); !status.ok())
    return status;
  // Some file systems tell only now that there was no room.
  int closing = descriptor;
  descriptor = -1;
  bool written = ::close(closing) == 0;
  if (temporary.empty())
    return written ? Status::success() : systemError("write", path);
  if (written && renameToTarget()) {
    flushDirectoryOf(target);
    return Status::success();
  }
  Status failure = systemError("write", path);
  ::unlink(temporary.c_str());
  return failure;
}

/// What came to the path meanwhile is not replaced unless it is a file. Sets
/// errno on failure.
bool AtomicFile::renameToTarget() const {
  struct stat info;
  if (::lstat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    errno = S_ISDIR(info.st_mode) ? EISDIR : EEXIST;
    return false;
  }
  return ::rename(temporary.c_str(), target.c_str()) == 0;
}

Status sterna::writeFileAtomically(const std::string &path,
                                   const std::string &content) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(content.data(), content.size()); !status.ok())
    return status;
  return file->commit();
}

Status sterna::checkWritable(const std::string &path) {
  Expected<Place> place = findPlace(path);
  if (!place.ok())
    return place.status();
  // Opening a pipe would wait for its reader, and closing it end that.
  if (place->isNode())
    return ::access(path.c_str(), W_OK) == 0 ? Status::success()
                                             : systemError("write", path);
  return AtomicFile::create(path).status();
}

Expected<OutputFolder> OutputFolder::create(const std::string &path) {
  OutputFolder folder;
  size_t end = 0;
  while (end < path.size()) {
    end = path.find('/', end + 1);
    std::string parent = path.substr(0, end);
    if (::mkdir(parent.c_str(), 0777) == 0) {
      folder.created.push_back(parent);
      continue;
    }
    int reason = errno;
    struct stat info;
    // Parents that exist may not even be writable.
    if (::stat(parent.c_str(), &info) != 0) {
      errno = reason;
      return systemError("create the folder", path);
    }
    if (!S_ISDIR(info.st_mode))
      return Status::error("cannot create the folder '" + path + "': '" +
                           parent + "' is not a folder");
  }
  return Expected<OutputFolder>(std::move(folder));
}

OutputFolder::~OutputFolder() {
  for (size_t i = created.size(); i > 0; --i)
    ::rmdir(created[i - 1].c_str()); // fails where something was put into it
}
