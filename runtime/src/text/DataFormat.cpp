//===- DataFormat.cpp - What a file of data is ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The suffixes and signatures behind DataFormat.h.
//
//===----------------------------------------------------------------------===//

#include "text/DataFormat.h"

#include "io/Escape.h"
#include "io/Json.h"
#include "io/Text.h"
#include "io/Utf8.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace sterna;

namespace {

/// Suffixes of files of rows, a line each.
constexpr std::string_view lineSuffixes[] = {"jsonl", "ndjson", "jl",
                                             "jsonlines", "ldjson"};
constexpr std::string_view tableSuffixes[] = {"csv", "tsv"};

/// The first bytes of formats that people have data in.
struct Signature {
  std::string_view bytes;
  size_t offset;
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view unpackAdvice = "unpack it first";
constexpr std::string_view exportAdvice = "export its rows as JSON lines";
constexpr std::string_view convertAdvice = "convert it to UTF-8 (iconv)";

using namespace std::string_view_literals;

// UTF-32 begins as UTF-16 does, so it comes first.
constexpr Signature fileSignatures[] = {
    {"\x1f\x8b"sv, 0, "gzip data", unpackAdvice},
    {"\x28\xb5\x2f\xfd"sv, 0, "Zstandard data", unpackAdvice},
    {"\xfd"
     "7zXZ\0"sv,
     0, "xz data", unpackAdvice},
    {"BZh"sv, 0, "bzip2 data", unpackAdvice},
    {"\x04\x22\x4d\x18"sv, 0, "LZ4 data", unpackAdvice},
    {"7z\xbc\xaf\x27\x1c"sv, 0, "a 7-Zip archive", unpackAdvice},
    {"PK\x03\x04"sv, 0, "a ZIP archive or an Office document", unpackAdvice},
    {"ustar"sv, 257, "a tar archive", unpackAdvice},
    {"PAR1"sv, 0, "a Parquet file", exportAdvice},
    {"ARROW1"sv, 0, "an Arrow file", exportAdvice},
    {"\xff\xff\xff\xff"sv, 0, "an Arrow stream", exportAdvice},
    {"Obj\x01"sv, 0, "an Avro file", exportAdvice},
    {"ORC"sv, 0, "an ORC file", exportAdvice},
    {"\x89HDF"sv, 0, "an HDF5 file", exportAdvice},
    {"SQLite format 3\0"sv, 0, "an SQLite database", exportAdvice},
    {"\x93NUMPY"sv, 0, "a NumPy array", exportAdvice},
    {"\x80\x02"sv, 0, "a Python pickle", exportAdvice},
    {"\x80\x03"sv, 0, "a Python pickle", exportAdvice},
    {"\x80\x04"sv, 0, "a Python pickle", exportAdvice},
    {"\x80\x05"sv, 0, "a Python pickle", exportAdvice},
    {"%PDF-"sv, 0, "a PDF document", "extract its text first"},
    {"\xd0\xcf\x11\xe0"sv, 0, "an Office document", "extract its text first"},
    {"GGUF"sv, 0, "a GGUF model", "give a file of text"},
    {"STERNA\r\n"sv, 0, "a device binary", "give a file of text"},
    {"\177ELF"sv, 0, "a program", "give a file of text"},
    {"\xff\xfe\0\0"sv, 0, "UTF-32 text", convertAdvice},
    {"\0\0\xfe\xff"sv, 0, "UTF-32 text", convertAdvice},
    {"\xff\xfe"sv, 0, "UTF-16 text", convertAdvice},
    {"\xfe\xff"sv, 0, "UTF-16 text", convertAdvice},
};

/// What follows the last dot of the file's own name, in small letters.
std::string suffixOf(const std::string &path) {
  size_t name = path.rfind('/') + 1; // 0 where there is none
  size_t dot = path.rfind('.');
  if (dot == std::string::npos || dot < name)
    return "";
  std::string suffix = path.substr(dot + 1);
  for (char &letter : suffix)
    if (letter >= 'A' && letter <= 'Z')
      letter = static_cast<char>(letter - 'A' + 'a');
  return suffix;
}

/// A signature may be text too ("BZh", "ORC"): what is UTF-8 without zero bytes
/// is text.
Status refuseOther(const std::string &path, std::string_view content) {
  size_t bad = std::min(findInvalidUtf8(content), content.find('\0'));
  if (bad >= content.size())
    return Status::success();
  for (const Signature &known : fileSignatures)
    if (content.size() > known.offset &&
        content.substr(known.offset, known.bytes.size()) == known.bytes)
      return Status::error("'" + path + "' is " + std::string(known.name) +
                           ", not UTF-8 text: " + std::string(known.advice));
  std::string advice = content[bad] == 0 ? "UTF-16 or no text at all"
                                         : "Latin-1 or no text at all";
  return Status::error("'" + path + "', " + describePlace(content, bad) +
                       ": expected UTF-8 text, but got the byte 0x" +
                       hexadecimal(&content[bad], 1) + " (" + advice +
                       "?): " + std::string(convertAdvice));
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// Whether a text is JSON of a kind, be it more than may be read: then the
/// reader of rows says so.
bool isJson(std::string_view text,
            bool (nlohmann::json::*kind)() const noexcept) {
  nlohmann::json value;
  std::optional<JsonFailure> failure = readJson(text, value);
  return (!failure || failure->byLimit) && (value.*kind)();
}

/// For files whose name says nothing.
DataFormat judgeContent(std::string_view content) {
  std::string_view text = trim(content);
  std::string_view firstLine = trim(text.substr(0, text.find('\n')));
  if (isJson(firstLine, &nlohmann::json::is_object))
    return DataFormat::Lines;
  bool closed = !text.empty() && ((text[0] == '{' && text.back() == '}') ||
                                  (text[0] == '[' && text.back() == ']'));
  if (!closed || !isJson(text, &nlohmann::json::is_structured))
    return DataFormat::PlainText;
  return text[0] == '[' ? DataFormat::Array : DataFormat::Lines;
}

} // namespace

Expected<DataFormat> sterna::recogniseData(const std::string &path,
                                           std::string_view content) {
  if (Status status = refuseOther(path, content); !status.ok())
    return status;
  std::string suffix = suffixOf(path);
  if (contains(tableSuffixes, suffix))
    return Status::error("'" + path + "' is a table (" + suffix +
                         "), which is not read: write its rows as JSON lines, "
                         "such as {\"text\": \"...\"}");
  if (contains(lineSuffixes, suffix))
    return DataFormat::Lines;
  if (suffix != "json")
    return judgeContent(content);
  std::string_view text = trim(content);
  return !text.empty() && text[0] == '[' ? DataFormat::Array
                                         : DataFormat::Lines;
}
