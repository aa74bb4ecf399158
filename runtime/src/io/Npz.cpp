//===- Npz.cpp - NumPy archives -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Npz.h. A ZIP archive ends with a record that says where its directory is;
// the directory says where each entry is. Numbers are little-endian.
//
//===----------------------------------------------------------------------===//

#include "io/Npz.h"

#include "io/Escape.h"

#include <array>
#include <optional>

using namespace sterna;

namespace {

constexpr uint32_t localSignature = 0x04034b50, entrySignature = 0x02014b50,
                   endSignature = 0x06054b50, end64Signature = 0x06064b50,
                   locatorSignature = 0x07064b50;
constexpr size_t localSize = 30, entrySize = 46, endSize = 22, end64Size = 56,
                 locatorSize = 20, maxCommentSize = 0xffff;
constexpr uint16_t zip64Field = 1, isEncrypted = 1;
/// Where a field of 32 bits holds this, the Zip64 field holds the number.
constexpr uint32_t isWide = 0xffffffff;

/// Bytes from which numbers are read at known places.
class Record {
public:
  explicit Record(std::string_view bytes) : bytes(bytes) {}

  template <typename T> T read(size_t offset) const {
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      value |= T(T(uint8_t(bytes[offset + i])) << (8 * i));
    return value;
  }
  bool is(uint32_t signature) const { return read<uint32_t>(0) == signature; }

private:
  std::string_view bytes;
};

/// The checksum of ZIP (ISO 3309), eight bytes at a time: entry [k][byte] is
/// what `byte` makes of the sum k bytes later.
uint32_t crc32(std::string_view bytes) {
  constexpr size_t step = 8;
  static const auto table = [] {
    std::array<std::array<uint32_t, 256>, step> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = (value >> 1) ^ (value & 1 ? 0xedb88320 : 0);
      entries[0][i] = value;
    }
    for (size_t k = 1; k < step; ++k)
      for (uint32_t i = 0; i < 256; ++i)
        entries[k][i] =
            entries[0][entries[k - 1][i] & 0xff] ^ (entries[k - 1][i] >> 8);
    return entries;
  }();
  uint32_t sum = 0xffffffff;
  for (; bytes.size() >= step; bytes.remove_prefix(step)) {
    Record record(bytes);
    uint64_t next = record.read<uint64_t>(0) ^ sum;
    sum = 0;
    for (size_t k = 0; k < step; ++k)
      sum ^= table[step - 1 - k][(next >> (8 * k)) & 0xff];
  }
  for (char byte : bytes)
    sum = table[0][(sum ^ uint8_t(byte)) & 0xff] ^ (sum >> 8);
  return ~sum;
}

/// Where an entry is, and what the directory says of it.
struct Entry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t checksum = 0;
  uint64_t size = 0, storedSize = 0, offset = 0;
};

class Archive {
public:
  explicit Archive(std::string_view content) : content(content) {}

  /// The entries in the order of the directory; none where it is damaged.
  std::optional<std::vector<Entry>> readDirectory() {
    std::optional<Directory> directory = findDirectory();
    if (!directory || directory->offset > content.size())
      return std::nullopt;
    std::vector<Entry> entries;
    uint64_t offset = directory->offset;
    for (uint64_t number = 0; number < directory->count; ++number) {
      std::optional<Entry> entry = readEntry(offset);
      if (!entry)
        return std::nullopt;
      entries.push_back(std::move(*entry));
    }
    return entries;
  }

  /// The bytes of an entry that is stored; none where they are not there.
  std::optional<std::string_view> readStored(const Entry &entry) {
    std::optional<std::string_view> local = slice(entry.offset, localSize);
    if (!local || !Record(*local).is(localSignature))
      return std::nullopt;
    // It says the name again, which no checksum covers.
    uint64_t nameSize = Record(*local).read<uint16_t>(26),
             extraSize = Record(*local).read<uint16_t>(28);
    if (slice(entry.offset + localSize, nameSize) != entry.name)
      return std::nullopt;
    return slice(entry.offset + localSize + nameSize + extraSize, entry.size);
  }

private:
  struct Directory {
    uint64_t count, offset;
  };

  std::optional<std::string_view> slice(uint64_t offset, uint64_t size) {
    if (offset > content.size() || size > content.size() - offset)
      return std::nullopt;
    return content.substr(offset, size);
  }

  std::optional<Directory> findDirectory() {
    // A comment may stand behind the record.
    for (size_t comment = 0;
         comment <= maxCommentSize && endSize + comment <= content.size();
         ++comment) {
      uint64_t offset = content.size() - endSize - comment;
      Record end(content.substr(offset, endSize));
      if (!end.is(endSignature) || end.read<uint16_t>(20) != comment)
        continue;
      if (offset >= locatorSize)
        if (Record locator(content.substr(offset - locatorSize, locatorSize));
            locator.is(locatorSignature))
          return readWideEnd(locator.read<uint64_t>(8));
      return Directory{end.read<uint16_t>(10), end.read<uint32_t>(16)};
    }
    return std::nullopt;
  }

  std::optional<Directory> readWideEnd(uint64_t offset) {
    std::optional<std::string_view> bytes = slice(offset, end64Size);
    if (!bytes || !Record(*bytes).is(end64Signature))
      return std::nullopt;
    return Directory{Record(*bytes).read<uint64_t>(32),
                     Record(*bytes).read<uint64_t>(48)};
  }

  /// Reads the entry at `offset`, which is moved behind it.
  std::optional<Entry> readEntry(uint64_t &offset) {
    std::optional<std::string_view> bytes = slice(offset, entrySize);
    if (!bytes || !Record(*bytes).is(entrySignature))
      return std::nullopt;
    Record record(*bytes);
    uint64_t nameSize = record.read<uint16_t>(28),
             extraSize = record.read<uint16_t>(30),
             commentSize = record.read<uint16_t>(32);
    std::optional<std::string_view> rest =
        slice(offset + entrySize, nameSize + extraSize + commentSize);
    if (!rest)
      return std::nullopt;
    offset += entrySize + rest->size();
    Entry entry;
    entry.name = rest->substr(0, nameSize);
    entry.flags = record.read<uint16_t>(8);
    entry.method = record.read<uint16_t>(10);
    entry.checksum = record.read<uint32_t>(16);
    entry.storedSize = record.read<uint32_t>(20);
    entry.size = record.read<uint32_t>(24);
    entry.offset = record.read<uint32_t>(42);
    if (!widen(rest->substr(nameSize, extraSize), entry))
      return std::nullopt;
    return entry;
  }

  /// Takes numbers that do not fit 32 bits from the Zip64 field. False where
  /// there is none.
  static bool widen(std::string_view extra, Entry &entry) {
    std::string_view wide;
    while (extra.size() >= 4) {
      Record field(extra);
      size_t size = field.read<uint16_t>(2);
      if (size > extra.size() - 4)
        return false;
      if (field.read<uint16_t>(0) == zip64Field)
        wide = extra.substr(4, size);
      extra.remove_prefix(4 + size);
    }
    for (uint64_t *number : {&entry.size, &entry.storedSize, &entry.offset}) {
      if (*number != isWide)
        continue;
      if (wide.size() < sizeof(uint64_t))
        return false;
      *number = Record(wide).read<uint64_t>(0);
      wide.remove_prefix(sizeof(uint64_t));
    }
    return true;
  }

  std::string_view content;
};

Status badFile(const std::string &path, const std::string &what) {
  return Status::error("'" + path + "' is not a usable .npz file: " + what);
}

} // namespace

Expected<std::map<std::string, NpyView>>
sterna::viewNpz(const std::string &origin, std::string_view content) {
  Archive archive(content);
  std::optional<std::vector<Entry>> entries = archive.readDirectory();
  if (!entries)
    return badFile(origin, "it is no ZIP archive, or is cut off or damaged");
  std::map<std::string, NpyView> arrays;
  uint64_t left = content.size();
  for (const Entry &entry : *entries) {
    std::string shown = "'" + excerpt(entry.name) + "'";
    constexpr std::string_view ending = ".npy";
    size_t stem = entry.name.size() - ending.size();
    if (entry.name.size() < ending.size() ||
        entry.name.compare(stem, ending.size(), ending) != 0)
      return badFile(origin, shown + " in it is no .npy file");
    if (entry.flags & isEncrypted)
      return badFile(origin, shown + " is encrypted");
    if (entry.method != 0)
      return badFile(origin, shown + " is compressed: write it with "
                                     "numpy.savez, not savez_compressed");
    std::optional<std::string_view> bytes = archive.readStored(entry);
    // Entries that overlap are none of NumPy's, and take long to sum up.
    if (!bytes || entry.storedSize != entry.size || entry.size > left)
      return badFile(origin, shown + " is not where the directory says");
    left -= entry.size;
    if (crc32(*bytes) != entry.checksum)
      return badFile(origin, shown + " is damaged: its checksum differs");
    Expected<NpyView> array =
        viewNpy(origin + ": " + excerpt(entry.name), *bytes);
    if (!array.ok())
      return array.status();
    if (!arrays.emplace(entry.name.substr(0, stem), std::move(*array)).second)
      return badFile(origin, shown + " is there twice");
  }
  return arrays;
}
