//===- Executable.cpp - A module appended to an executable ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Executable.h. That something is appended is known from where the ELF file
// itself ends, not from the trailer: so a file that lost its trailer is told
// from one that never had any.
//
//===----------------------------------------------------------------------===//

#include "core/Executable.h"

#include "core/Mapping.h"
#include "sterna/executable_trailer.h"

#include <algorithm>
#include <cstring>
#include <elf.h>

using namespace sterna;

namespace {

/// A struct of the file, read where nothing may be aligned.
template <typename T> T readAt(const uint8_t *data, uint64_t offset) {
  T value;
  std::memcpy(&value, data + offset, sizeof(T));
  return value;
}

/// Grows with each range of the file; saturates where a sum overflows.
struct End {
  uint64_t value = 0;

  void include(uint64_t offset, uint64_t size) {
    uint64_t end;
    if (__builtin_add_overflow(offset, size, &end))
      end = UINT64_MAX;
    value = std::max(value, end);
  }
};

bool isExecutable(const uint8_t *data, uint64_t size) {
  return size >= sizeof(Elf64_Ehdr) &&
         std::memcmp(data, ELFMAG, SELFMAG) == 0 &&
         data[EI_CLASS] == ELFCLASS64 && data[EI_DATA] == ELFDATA2LSB;
}

/// The end of the ELF file's own bytes; beyond `size` if some are missing.
uint64_t endOfExecutable(const uint8_t *data, uint64_t size) {
  auto header = readAt<Elf64_Ehdr>(data, 0);
  End end;
  end.include(0, sizeof(Elf64_Ehdr));
  end.include(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr));
  end.include(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr));
  if (end.value > size)
    return end.value; // the tables below are not all there
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    auto segment =
        readAt<Elf64_Phdr>(data, header.e_phoff + i * sizeof(Elf64_Phdr));
    end.include(segment.p_offset, segment.p_filesz);
  }
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    auto section =
        readAt<Elf64_Shdr>(data, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL)
      end.include(section.sh_offset, section.sh_size);
  }
  return end.value;
}

Status damaged(const std::string &what) {
  return Status::error(what + ": the executable is damaged, compile the model "
                              "again");
}

} // namespace

Expected<std::optional<ModuleRange>>
sterna::findAppendedModule(const uint8_t *data, uint64_t size) {
  if (!isExecutable(data, size))
    return std::optional<ModuleRange>();
  uint64_t end = endOfExecutable(data, size);
  if (end > size)
    return damaged("expected an executable of " + std::to_string(end) +
                   " bytes or more, but there are " + std::to_string(size));
  if (end == size)
    return std::optional<ModuleRange>();
  using Trailer = sterna_executable_trailer_t;
  Trailer trailer = {};
  bool found = size - end >= sizeof(Trailer);
  if (found)
    trailer = readAt<Trailer>(data, size - sizeof(Trailer));
  if (!found || std::memcmp(trailer.magic, STERNA_EXECUTABLE_MAGIC,
                            STERNA_EXECUTABLE_MAGIC_SIZE) != 0)
    return damaged("expected a model and its trailer in the " +
                   std::to_string(size - end) +
                   " bytes after the program, but got no trailer");
  if (trailer.version != STERNA_EXECUTABLE_VERSION)
    return Status::error("the executable's trailer has version " +
                         std::to_string(trailer.version) +
                         ", but this runtime reads version " +
                         std::to_string(STERNA_EXECUTABLE_VERSION) +
                         ": compile the model again or update the runtime");
  if (trailer.reserved != 0)
    return damaged("expected 0 in the reserved bytes of the trailer, but got " +
                   std::to_string(trailer.reserved));
  uint64_t moduleEnd = size - sizeof(Trailer);
  bool fits = trailer.offset >= end && trailer.offset <= moduleEnd &&
              trailer.size == moduleEnd - trailer.offset &&
              trailer.offset % STERNA_EXECUTABLE_ALIGNMENT == 0;
  if (!fits)
    return damaged("expected the model between the program and the trailer, "
                   "but got " +
                   std::to_string(trailer.size) + " bytes at offset " +
                   std::to_string(trailer.offset) + " of " +
                   std::to_string(size));
  return std::optional<ModuleRange>({trailer.offset, trailer.size});
}

Expected<bool> sterna::carriesModule() {
  Expected<Mapping> file = Mapping::openFile(ownExecutable);
  // Without /proc nothing runs, but the tool's help must not depend on it.
  if (!file.ok())
    return false;
  Expected<std::optional<ModuleRange>> range =
      findAppendedModule(file->data(), file->size());
  if (!range.ok())
    return range.status();
  return range->has_value();
}
