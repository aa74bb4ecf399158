//===- Text.h - Bytes that know where they came from ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A string of a template is bytes in runs, each of one origin: the template's
// own literals, or what the caller numbered, such as the content of a message.
// Operations on strings keep the origin of every byte, so that the caller can
// tell a marker that the template wrote from one in a message. Separate from
// values because the rendered output is such a text, too.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_TEXT_H
#define STERNA_RUNTIME_JINJA_TEXT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna::jinja {

/// The origin of what the template itself says.
constexpr int32_t templateOrigin = -1;

/// Neighbouring bytes of one origin. Runs of no bytes exist where an empty
/// string of the caller's stands.
struct Run {
  size_t length = 0;
  int32_t origin = templateOrigin;
};

/// Bytes (UTF-8) and their runs; neighbouring runs differ in origin, and empty
/// runs of the template's origin are dropped.
class Text {
public:
  Text() = default;
  explicit Text(std::string bytes, int32_t origin = templateOrigin);

  const std::string &bytes() const { return content; }
  const std::vector<Run> &runs() const { return parts; }
  size_t size() const { return content.size(); }
  bool empty() const { return content.empty(); }

  /// Appends `text` with its origins.
  void append(const Text &text);
  /// Appends the bytes [begin, end) of `text` with their origins. Where they
  /// are none, an empty run stays of what stood there.
  void append(const Text &text, size_t begin, size_t end);
  /// Appends `bytes`, all of one origin.
  void append(std::string_view bytes, int32_t origin = templateOrigin);

  /// The bytes [begin, end).
  Text slice(size_t begin, size_t end) const;

  /// The bytes that it takes, those of its runs included.
  size_t weight() const { return content.size() + parts.size() * sizeof(Run); }

private:
  void addRun(size_t length, int32_t origin);

  std::string content;
  std::vector<Run> parts;
};

/// Walks the origins of a text's bytes in order.
class OriginCursor {
public:
  explicit OriginCursor(const Text &text) : runs(text.runs()) {}

  /// The origin of the byte at `offset`, which never falls between calls.
  int32_t at(size_t offset);

private:
  const std::vector<Run> &runs;
  size_t index = 0;
  size_t end = 0; // of the runs before `index`
};

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_TEXT_H
