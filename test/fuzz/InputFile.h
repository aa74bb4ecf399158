//===- InputFile.h - A fuzzer's input as a file ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Readers take paths; this gives them one of a file in memory.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_FUZZ_INPUTFILE_H
#define STERNA_FUZZ_INPUTFILE_H

#include <cstddef>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace sterna::fuzz {

/// A file that holds the given bytes as long as the object lives.
class InputFile {
public:
  InputFile(const void *data, size_t size)
      : descriptor(memfd_create("input", MFD_CLOEXEC)) {
    if (descriptor < 0 || write(descriptor, data, size) != ssize_t(size))
      std::abort();
  }
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;
  ~InputFile() { close(descriptor); }

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

} // namespace sterna::fuzz

#endif // STERNA_FUZZ_INPUTFILE_H
