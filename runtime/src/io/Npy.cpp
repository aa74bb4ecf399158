//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .npy format behind Npy.h. The header is a Python dictionary; the parser
// here accepts what NumPy writes and nothing more.
//
//===----------------------------------------------------------------------===//

#include "io/Npy.h"

#include "io/Escape.h"
#include "io/File.h"

#include <cstring>
#include <string_view>

using namespace sterna;

namespace {

constexpr char npyMagic[] = "\x93NUMPY";
constexpr size_t magicSize = 6;
/// Magic, two version bytes, and a header length of two bytes.
constexpr size_t preambleSize = magicSize + 4;
constexpr size_t alignment = 64;

struct Header {
  std::string type;
  std::vector<uint64_t> shape;
  bool fortranOrder = false;
};

/// Reads the dictionary `{'descr': '<f4', 'fortran_order': False, 'shape':
/// (2, 3), }` with its keys in any order.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  /// False when the text is no such dictionary.
  bool parse(Header &header) {
    if (!accept('{'))
      return false;
    unsigned seen = 0;
    while (!accept('}')) {
      std::string key;
      if (!parseString(key) || !accept(':'))
        return false;
      if (key == "descr" && parseString(header.type))
        seen |= 1;
      else if (key == "fortran_order" && parseBool(header.fortranOrder))
        seen |= 2;
      else if (key == "shape" && parseShape(header.shape))
        seen |= 4;
      else
        return false;
      if (!accept(',') && !peek('}'))
        return false;
    }
    skipSpace();
    return seen == 7 && text.empty();
  }

private:
  void skipSpace() {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\n'))
      text.remove_prefix(1);
  }
  bool peek(char wanted) {
    skipSpace();
    return !text.empty() && text[0] == wanted;
  }
  bool accept(char wanted) {
    if (!peek(wanted))
      return false;
    text.remove_prefix(1);
    return true;
  }
  bool acceptWord(std::string_view word) {
    skipSpace();
    if (text.substr(0, word.size()) != word)
      return false;
    text.remove_prefix(word.size());
    return true;
  }
  bool parseString(std::string &value) {
    char quote = peek('\'') ? '\'' : '"';
    if (!accept(quote))
      return false;
    size_t end = text.find(quote);
    if (end == std::string_view::npos)
      return false;
    value.assign(text.substr(0, end));
    text.remove_prefix(end + 1);
    return true;
  }
  bool parseBool(bool &value) {
    value = acceptWord("True");
    return value || acceptWord("False");
  }
  bool parseNumber(uint64_t &value) {
    skipSpace();
    size_t digits = 0;
    value = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      if (digits == 18)
        return false;
      value = value * 10 + static_cast<uint64_t>(text[digits++] - '0');
    }
    text.remove_prefix(digits);
    return digits > 0;
  }
  bool parseShape(std::vector<uint64_t> &shape) {
    shape.clear();
    if (!accept('('))
      return false;
    while (!accept(')')) {
      uint64_t extent;
      if (!parseNumber(extent))
        return false;
      shape.push_back(extent);
      if (!accept(',') && !peek(')'))
        return false;
    }
    return true;
  }

  std::string_view text;
};

Status badFile(const std::string &path, const std::string &what) {
  return Status::error("'" + path + "' is not a usable .npy file: " + what);
}

/// Splits `content` into header and elements; `dataOffset` is where the
/// elements begin.
Status parseFile(const std::string &path, std::string_view content,
                 Header &header, size_t &dataOffset) {
  if (content.size() < preambleSize ||
      std::memcmp(content.data(), npyMagic, magicSize) != 0)
    return badFile(path, "it does not begin with the NumPy magic");
  auto byteAt = [&](size_t index) {
    return static_cast<size_t>(static_cast<unsigned char>(content[index]));
  };
  size_t version = byteAt(magicSize);
  if (version < 1 || version > 3)
    return badFile(path, "expected version 1, 2 or 3, but got " +
                             std::to_string(version));
  size_t lengthBytes = version == 1 ? 2 : 4;
  size_t headerOffset = magicSize + 2 + lengthBytes;
  if (content.size() < headerOffset)
    return badFile(path, "the header is truncated");
  size_t headerSize = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    headerSize |= byteAt(magicSize + 2 + i) << (8 * i);
  if (headerSize > content.size() - headerOffset)
    return badFile(path, "the header is truncated");
  std::string_view text(content.data() + headerOffset, headerSize);
  if (!HeaderParser(text).parse(header))
    return badFile(path, "the header cannot be understood");
  dataOffset = headerOffset + headerSize;
  return Status::success();
}

/// Bytes of an element; 0 where `type` does not say.
uint64_t elementSize(std::string_view type) {
  if (type.size() != 3 || type[2] < '1' || type[2] > '9')
    return 0;
  return static_cast<uint64_t>(type[2] - '0');
}

/// The shape of an array, and where in the file its elements begin.
struct Layout {
  Header header;
  size_t dataOffset = 0;
};

/// Checks that `content` is an array, of `type` if that is given.
Expected<Layout> findElements(const std::string &path, std::string_view content,
                              const char *type) {
  Layout layout;
  const Header &header = layout.header;
  if (Status status =
          parseFile(path, content, layout.header, layout.dataOffset);
      !status.ok())
    return status;
  if (type && header.type != type)
    return badFile(path, "expected element type " + std::string(type) +
                             ", but got " + excerpt(header.type));
  if (header.fortranOrder)
    return badFile(path, "expected C order, but got Fortran order; write it "
                         "with numpy.ascontiguousarray");
  uint64_t bytes = elementSize(header.type);
  if (bytes == 0)
    return badFile(path, "expected plain numbers, but got element type " +
                             excerpt(header.type));
  for (uint64_t extent : header.shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      return badFile(path, "its shape is too large");
  uint64_t present = content.size() - layout.dataOffset;
  if (bytes != present)
    return badFile(path, "expected " + std::to_string(bytes) +
                             " bytes of elements, but got " +
                             std::to_string(present));
  return layout;
}

template <class T>
Expected<NpyArray<T>> readNumbers(const std::string &path, const char *type) {
  Expected<std::string> content = readFile(path);
  if (!content.ok())
    return content.status();
  Expected<Layout> layout = findElements(path, *content, type);
  if (!layout.ok())
    return layout.status();
  NpyArray<T> array;
  array.shape = std::move(layout->header.shape);
  size_t bytes = content->size() - layout->dataOffset;
  array.data.resize(bytes / sizeof(T));
  if (bytes > 0)
    std::memcpy(array.data.data(), content->data() + layout->dataOffset, bytes);
  return array;
}

template <class T>
Status writeNumbers(const std::string &path, const char *type,
                    const std::vector<uint64_t> &shape, const T *data) {
  uint64_t bytes = sizeof(T);
  for (uint64_t extent : shape)
    bytes *= extent;
  return writeNpy(path, type, shape, data, bytes);
}

} // namespace

Status sterna::writeNpy(const std::string &path, const std::string &type,
                        const std::vector<uint64_t> &shape, const void *data,
                        uint64_t size) {
  Expected<std::string> header = encodeNpyHeader(type, shape);
  if (!header.ok())
    return Status::error("cannot write '" + path + "': " + header.message());
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(header->data(), header->size()); !status.ok())
    return status;
  if (Status status = file->write(data, size); !status.ok())
    return status;
  return file->commit();
}

Expected<NpyView> sterna::viewNpy(const std::string &origin,
                                  std::string_view content) {
  Expected<Layout> layout = findElements(origin, content, /*type=*/nullptr);
  if (!layout.ok())
    return layout.status();
  content.remove_prefix(layout->dataOffset);
  return NpyView{std::move(layout->header.type),
                 std::move(layout->header.shape), content};
}

Expected<std::string>
sterna::encodeNpyHeader(const std::string &type,
                        const std::vector<uint64_t> &shape) {
  std::string extents;
  for (uint64_t extent : shape)
    extents += (extents.empty() ? "" : ", ") + std::to_string(extent);
  // A tuple of one needs its comma.
  if (shape.size() == 1)
    extents += ",";
  std::string header = "{'descr': '" + type +
                       "', 'fortran_order': False, 'shape': (" + extents +
                       "), }";
  size_t unpadded = preambleSize + header.size() + 1;
  header.append((alignment - unpadded % alignment) % alignment, ' ');
  header += '\n';
  if (header.size() > 0xffff)
    return Status::error("rank " + std::to_string(shape.size()) +
                         " is too large");
  std::string preamble(npyMagic, magicSize);
  preamble += '\x01';
  preamble += '\x00';
  preamble += static_cast<char>(header.size() & 0xff);
  preamble += static_cast<char>(header.size() >> 8);
  return preamble + header;
}

Status sterna::writeNpy(const std::string &path,
                        const std::vector<uint64_t> &shape, const float *data) {
  return writeNumbers(path, "<f4", shape, data);
}

Status sterna::writeNpy(const std::string &path,
                        const std::vector<uint64_t> &shape,
                        const int32_t *data) {
  return writeNumbers(path, "<i4", shape, data);
}

Expected<NpyArray<float>> sterna::readNpyF32(const std::string &path) {
  return readNumbers<float>(path, "<f4");
}

Expected<NpyArray<int32_t>> sterna::readNpyI32(const std::string &path) {
  return readNumbers<int32_t>(path, "<i4");
}
