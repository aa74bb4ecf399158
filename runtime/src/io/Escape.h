//===- Escape.h - Names from files in messages ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names that a file brings along may hold any bytes; a message stays one line
// of text whatever they are. Separate because every tool prints such names.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_ESCAPE_H
#define STERNA_RUNTIME_IO_ESCAPE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace sterna {

/// `text` with control characters, and bytes that are no UTF-8, written as
/// `\n`, `\r`, `\t` or `\xNN`: one line that moves no terminal's cursor.
std::string escapeControls(std::string_view text);

/// Bytes as hexadecimal digits, two each: "0a" for a line feed.
std::string hexadecimal(const void *data, size_t size);

/// The beginning of `text`, for messages: escaped, and cut with "..." after
/// `most` characters.
std::string excerpt(std::string_view text, size_t most = 60);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_ESCAPE_H
