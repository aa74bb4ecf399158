//===- AlignedText.h - Text that knows where it came from -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizers and pre-tokenizers rewrite text; who trains on some parts of a
// text has to know which part a token came from. Separate because every step
// takes and gives these two types.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_ALIGNEDTEXT_H
#define STERNA_RUNTIME_TEXT_ALIGNEDTEXT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// A stretch of text, perhaps rewritten, on its way to tokens.
struct TextSpan {
  std::string_view text;
  /// For each byte the place in the whole text of what it came from; null where
  /// text is not rewritten, and where nobody asks.
  const uint32_t *origins = nullptr;
  size_t base = 0;         // place of the first byte, without `origins`
  bool startsText = false; // at the beginning of the whole text
  bool continues = false;  // follows bytes that it belongs to: no space before

  size_t originOf(size_t index) const {
    return origins ? origins[index] : base + index;
  }

  /// The bytes from `begin` to `end`.
  TextSpan slice(size_t begin, size_t end) const {
    return {text.substr(begin, end - begin),
            origins ? origins + begin : nullptr, base + begin,
            startsText && begin == 0, continues && begin == 0};
  }
};

/// Text that a step writes.
class AlignedText {
public:
  explicit AlignedText(bool keepsOrigins) : keepsOrigins(keepsOrigins) {}

  void clear() {
    text.clear();
    origins.clear();
  }

  /// Appends bytes of `span` as they are.
  void copy(const TextSpan &span, size_t begin, size_t end) {
    text.append(span.text.substr(begin, end - begin));
    if (keepsOrigins)
      for (size_t i = begin; i < end; ++i)
        origins.push_back(static_cast<uint32_t>(span.originOf(i)));
  }

  /// Appends bytes that all came from the place `origin`.
  void append(std::string_view bytes, size_t origin) {
    text.append(bytes);
    if (keepsOrigins)
      origins.insert(origins.end(), bytes.size(),
                     static_cast<uint32_t>(origin));
  }

  /// What was written, as a rewriting of `source`; valid until this changes.
  TextSpan span(const TextSpan &source) const {
    return {text, keepsOrigins ? origins.data() : nullptr, source.base,
            source.startsText, source.continues};
  }

  std::string_view view() const { return text; }

private:
  std::string text;
  std::vector<uint32_t> origins;
  bool keepsOrigins;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_ALIGNEDTEXT_H
