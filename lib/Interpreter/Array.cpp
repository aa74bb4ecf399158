//===- Array.cpp - Reading and writing .npy files -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The format: a magic, a version, the length of a header that is a Python
// dictionary, the header, the elements.
//
//===----------------------------------------------------------------------===//

#include "sterna/Interpreter/Array.h"
#include "sterna/Support/OutputFile.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace sterna;

static constexpr StringLiteral magic("\x93NUMPY");

static Error fail(StringRef path, const Twine &message) {
  return createStringError(path + ": " + message);
}

/// The text after `'key':` in the header dictionary.
static Expected<StringRef> field(StringRef path, StringRef header,
                                 StringRef key) {
  size_t at = header.find(("'" + key + "'").str());
  if (at == StringRef::npos)
    return fail(path, "expected '" + key + "' in the .npy header");
  StringRef rest = header.drop_front(at + key.size() + 2).ltrim();
  if (!rest.consume_front(":"))
    return fail(path, "expected ':' after '" + key + "' in the .npy header");
  return rest.ltrim();
}

static Expected<Array> parseHeader(StringRef path, StringRef header) {
  Array array;
  Expected<StringRef> type = field(path, header, "descr");
  if (!type)
    return type.takeError();
  if (!type->consume_front("'"))
    return fail(path, "expected a plain element type");
  array.type = type->take_until([](char c) { return c == '\''; }).str();
  Expected<StringRef> order = field(path, header, "fortran_order");
  if (!order)
    return order.takeError();
  if (!order->starts_with("False"))
    return fail(path, "expected C order: write it with "
                      "numpy.ascontiguousarray");
  Expected<StringRef> shape = field(path, header, "shape");
  if (!shape)
    return shape.takeError();
  if (!shape->consume_front("("))
    return fail(path, "expected a shape in the .npy header");
  StringRef rest = shape->take_until([](char c) { return c == ')'; });
  while (!(rest = rest.ltrim(" ,")).empty()) {
    int64_t extent;
    if (rest.consumeInteger(10, extent) || extent < 0)
      return fail(path,
                  "expected extents in the shape, but got '" + rest + "'");
    array.shape.push_back(extent);
  }
  return array;
}

/// Bytes of the elements of `array`, nothing where they do not fit a number.
static std::optional<int64_t> sizeInBytes(const Array &array) {
  uint64_t size;
  if (array.type.size() != 3 ||
      StringRef(array.type).drop_front(2).getAsInteger(10, size))
    return std::nullopt;
  int64_t total = size;
  for (int64_t extent : array.shape)
    if (MulOverflow(total, extent, total))
      return std::nullopt;
  return total;
}

Expected<Array> sterna::readArray(StringRef path) {
  auto file = MemoryBuffer::getFile(path);
  if (!file)
    return fail(path, "cannot be read: " + file.getError().message());
  StringRef data = (*file)->getBuffer();
  if (!data.starts_with(magic) || data.size() < 12)
    return fail(path, "expected a .npy file");
  size_t start = data[6] == 1 ? 10 : 12;
  size_t length = data[6] == 1 ? support::endian::read16le(data.data() + 8)
                               : support::endian::read32le(data.data() + 8);
  if (data.size() - start < length)
    return fail(path, "expected a header of " + Twine(length) +
                          " bytes, but the file ends before");
  Expected<Array> array = parseHeader(path, data.substr(start, length));
  if (!array)
    return array.takeError();
  StringRef elements = data.drop_front(start + length);
  std::optional<int64_t> size = sizeInBytes(*array);
  if (!size || uint64_t(*size) != elements.size())
    return fail(path, "expected elements of type " + array->type +
                          " to fill the file, but it has " +
                          Twine(elements.size()) + " bytes of them");
  array->bytes.assign(elements.begin(), elements.end());
  return array;
}

Error sterna::writeArray(StringRef path, const Array &array) {
  std::string header =
      "{'descr': '" + array.type + "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : array.shape)
    header += std::to_string(extent) + ",";
  header += "), }";
  // Elements start at a multiple of 64 bytes.
  header.append(offsetToAlignment(header.size() + 11, Align(64)), ' ');
  header += '\n';
  if (header.size() > UINT16_MAX)
    return fail(path, "has too many dimensions for a .npy file");
  Expected<std::unique_ptr<OutputFile>> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  raw_ostream &out = (*file)->os();
  char length[2];
  support::endian::write16le(length, header.size());
  out << magic << '\1' << '\0';
  out.write(length, 2);
  out << header;
  out.write(array.bytes.data(), array.bytes.size());
  return (*file)->commit();
}
