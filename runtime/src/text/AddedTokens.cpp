//===- AddedTokens.cpp - Tokens that are matched whole in text ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See AddedTokens.h.
//
//===----------------------------------------------------------------------===//

#include "text/AddedTokens.h"

#include "text/Unicode.h"

#include <algorithm>

using namespace sterna;

namespace {

/// The last character of any bytes; U+FFFD for what is none.
Character lastOf(std::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(4, text.size());
       ++length) {
    std::string_view tail = text.substr(text.size() - length);
    Utf8Front front = inspectFront(tail);
    if (front.kind == Utf8Front::Character && front.length == length)
      return firstCharacter(tail);
  }
  return {0xFFFD, 1};
}

/// The first character of any bytes; U+FFFD for what is none.
Character firstOf(std::string_view text) {
  if (inspectFront(text).kind != Utf8Front::Character)
    return {0xFFFD, 1};
  return firstCharacter(text);
}

} // namespace

void AddedTokens::add(const AddedToken &token, std::string_view spelling) {
  if (spelling.empty())
    return;
  int32_t node = -1;
  for (char each : spelling) {
    unsigned char byte = static_cast<unsigned char>(each);
    int32_t next = node < 0 ? roots[byte] : childOf(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes.size());
      Node fresh;
      fresh.byte = byte;
      if (node < 0) {
        roots[byte] = next;
      } else {
        fresh.sibling = nodes[static_cast<size_t>(node)].child;
        nodes[static_cast<size_t>(node)].child = next;
      }
      nodes.push_back(fresh);
    }
    node = next;
  }
  // Of two that normalization makes alike, the first is found.
  Node &last = nodes[static_cast<size_t>(node)];
  if (last.token >= 0)
    return;
  last.token = static_cast<int32_t>(tokens.size());
  tokens.push_back({token.id, token.flags});
}

int32_t AddedTokens::childOf(int32_t node, unsigned char byte) const {
  int32_t child = nodes[static_cast<size_t>(node)].child;
  while (child >= 0 && nodes[static_cast<size_t>(child)].byte != byte)
    child = nodes[static_cast<size_t>(child)].sibling;
  return child;
}

AddedTokens::Match AddedTokens::longestAt(std::string_view text) const {
  Match match;
  int32_t node = roots[static_cast<unsigned char>(text[0])];
  for (size_t i = 1; node >= 0; ++i) {
    if (int32_t token = nodes[static_cast<size_t>(node)].token; token >= 0)
      match = {token, i};
    if (i == text.size())
      break;
    node = childOf(node, static_cast<unsigned char>(text[i]));
  }
  return match;
}

/// Whether no word reaches into the bytes from `begin` to `end`.
bool AddedTokens::standsAlone(std::string_view text, size_t begin, size_t end) {
  bool before =
      begin > 0 && isWordCharacter(lastOf(text.substr(0, begin)).code);
  bool after =
      end < text.size() && isWordCharacter(firstOf(text.substr(end)).code);
  return !before && !after;
}

void AddedTokens::split(std::string_view text, size_t begin, size_t end,
                        bool parseSpecial, size_t &taken,
                        std::vector<AddedTokenSplit> &splits) const {
  size_t spaceBegin = 0, spaceEnd = 0; // last looked through
  for (size_t i = begin; i < end;) {
    if (roots[static_cast<unsigned char>(text[i])] < 0) {
      ++i;
      continue;
    }
    Match match = longestAt(text.substr(i, end - i));
    if (match.token < 0) {
      ++i;
      continue;
    }
    size_t first = i, last = i + match.size;
    // What is found and not taken hides what overlaps it all the same.
    i = last;
    const Token &token = tokens[static_cast<size_t>(match.token)];
    bool allowed = parseSpecial || (token.flags & IsSpecial) == 0;
    if (!allowed ||
        ((token.flags & SingleWord) && !standsAlone(text, first, last)))
      continue;
    if (token.flags & StripLeft) {
      while (first > taken) {
        Character character = lastOf(text.substr(0, first));
        if (!isSpaceCharacter(character.code))
          break;
        first -= character.length;
      }
      first = std::max(first, taken);
    }
    if (token.flags & StripRight) {
      // White space that was looked through before needs no second look.
      if (last >= spaceBegin && last < spaceEnd)
        last = spaceEnd;
      else
        spaceBegin = last;
      while (last < text.size()) {
        Character character = firstOf(text.substr(last));
        if (!isSpaceCharacter(character.code))
          break;
        last += character.length;
      }
      spaceEnd = last;
    }
    if (taken < first)
      splits.push_back({taken, first, -1, 0});
    splits.push_back({first, last, token.id, i});
    taken = last;
  }
}
