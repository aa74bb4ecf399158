//===- TemporaryFolder.h - A folder that lasts for one test -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unit tests of file formats write real files. Separate because the tests of
// both runtime libraries use it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_UNIT_IO_TEMPORARYFOLDER_H
#define STERNA_UNIT_IO_TEMPORARYFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace sterna {

/// A new empty folder, removed with all it holds at the end of the scope.
class TemporaryFolder {
public:
  TemporaryFolder() {
    folder =
        (std::filesystem::temp_directory_path() / "sterna.XXXXXX").string();
    if (!mkdtemp(folder.data()))
      std::abort();
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(folder); }

  const std::string &path() const { return folder; }
  std::string path(const std::string &name) const {
    return folder + "/" + name;
  }

  /// Writes `content` to the file `name` and returns its path.
  std::string write(const std::string &name, const std::string &content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  /// The content of the file `name`.
  std::string read(const std::string &name) const {
    std::ifstream file(path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  /// The number of files in the folder.
  size_t count() const {
    std::filesystem::directory_iterator entries(folder);
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }

private:
  std::string folder;
};

} // namespace sterna

#endif // STERNA_UNIT_IO_TEMPORARYFOLDER_H
