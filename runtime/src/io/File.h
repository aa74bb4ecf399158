//===- File.h - Whole files, read and written safely ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a file whole with a size limit, and writing outputs whole or not at
// all, for the formats beside it and for every tool. Separate so that each
// format describes bytes only.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_FILE_H
#define STERNA_RUNTIME_IO_FILE_H

#include "io/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sterna {

/// Reads the file at `path` whole. Fails when it cannot be read, is not a
/// regular file or is longer than `maxBytes`.
Expected<std::string> readFile(const std::string &path,
                               uint64_t maxBytes = UINT64_MAX);

/// An output that appears at its path only when it is complete. What is at the
/// path decides how:
///
/// - nothing, or a regular file: bytes go to a temporary file of an
///   unguessable name in the same folder; commit() flushes it to the disk and
///   renames it. A file that is replaced passes its permissions on.
/// - a symlink: the same, at what it points to; the link stays.
/// - a device, a pipe or a socket: bytes are written through, and the node
///   stays.
///
/// Destroyed without commit(), it leaves nothing behind.
class AtomicFile {
public:
  /// Opens the output at `path`. Fails where a folder is.
  static Expected<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  /// Appends `size` bytes.
  Status write(const void *data, size_t size);

  /// Where the bytes go, for writers that go back to a header, and the name of
  /// the temporary file until commit(); empty if bytes are written through.
  int getDescriptor() const { return descriptor; }
  const std::string &getTemporary() const { return temporary; }

  /// Flushes to the disk what was written, so that commit() finds room.
  Status flush();

  /// Flushes, and gives the file its name. Call once, last.
  Status commit();

private:
  bool renameToTarget() const;
  AtomicFile(std::string path, std::string target, std::string temporary,
             int descriptor);

  std::string path;      // as given, for messages
  std::string target;    // where links lead
  std::string temporary; // empty: written through
  int descriptor;
};

/// Writes `content` to `path` as an AtomicFile.
Status writeFileAtomically(const std::string &path, const std::string &content);

/// Fails where an AtomicFile at `path` would, without opening what is there.
Status checkWritable(const std::string &path);

/// A folder for outputs. Those that had to be created, it and its parents, are
/// removed again unless keep() is called or something was put into them.
class OutputFolder {
public:
  /// Creates the folder `path` and the parents that it lacks. One that exists
  /// is taken as it is. Fails where something else is.
  static Expected<OutputFolder> create(const std::string &path);

  OutputFolder(OutputFolder &&other) noexcept = default;
  OutputFolder(const OutputFolder &) = delete;
  OutputFolder &operator=(const OutputFolder &) = delete;
  OutputFolder &operator=(OutputFolder &&) = delete;
  ~OutputFolder();

  /// The outputs are complete: the folders stay.
  void keep() { created.clear(); }

private:
  OutputFolder() = default;

  std::vector<std::string> created; // outermost first
};

} // namespace sterna

#endif // STERNA_RUNTIME_IO_FILE_H
