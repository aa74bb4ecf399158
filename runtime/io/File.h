//===- File.h - Whole files, read and written safely ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading a file whole with a size limit, and replacing a file atomically, for
// the formats beside it. Separate so that each format describes bytes only.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IO_FILE_H
#define STERNA_IO_FILE_H

#include "io/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace sterna {

/// Reads the file at `path` whole. Fails when it cannot be read, is not a
/// regular file or is longer than `maxBytes`.
Expected<std::string> readFile(const std::string &path,
                               uint64_t maxBytes = UINT64_MAX);

/// A file that appears under its name only when it is complete: bytes go to a
/// temporary file beside it, commit() flushes them to the disk and renames it.
/// Destroyed without commit(), it leaves nothing behind.
class AtomicFile {
public:
  /// Opens a temporary file beside `path`.
  static Expected<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  /// Appends `size` bytes.
  Status write(const void *data, size_t size);

  /// Flushes to the disk and gives the file its name. Call once, last.
  Status commit();

private:
  AtomicFile(std::string path, std::string temporary, int descriptor);

  std::string path;
  std::string temporary;
  int descriptor;
};

/// Writes `content` to `path`, atomically.
Status writeFileAtomically(const std::string &path, const std::string &content);

} // namespace sterna

#endif // STERNA_IO_FILE_H
