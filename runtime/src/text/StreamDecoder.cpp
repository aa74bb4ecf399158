//===- StreamDecoder.cpp - Token ids to text, one at a time ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See StreamDecoder.h.
//
//===----------------------------------------------------------------------===//

#include "text/StreamDecoder.h"

#include "io/Utf8.h"

#include <string_view>

using namespace sterna;

namespace {

/// Moves what is whole in `pending` to the result; broken sequences become
/// U+FFFD, and a character that may still be completed stays.
std::string takeCharacters(std::string &pending) {
  std::string result;
  std::string_view rest = pending;
  while (!rest.empty()) {
    Utf8Front front = inspectFront(rest);
    if (front.kind == Utf8Front::Incomplete)
      break;
    if (front.kind == Utf8Front::Character)
      result.append(rest.substr(0, front.length));
    else
      result.append(replacementCharacter);
    rest.remove_prefix(front.length);
  }
  pending.erase(0, pending.size() - rest.size());
  return result;
}

} // namespace

StreamDecoder::StreamDecoder(const TokenizerInterface &tokenizer, bool atStart)
    : tokenizer(&tokenizer), stripSpace(atStart && tokenizer.addsSpace()) {}

std::string StreamDecoder::push(int32_t id) {
  std::string bytes = tokenizer->tokenBytes(id);
  if (stripSpace && !bytes.empty()) {
    if (bytes[0] == ' ')
      bytes.erase(0, 1);
    stripSpace = false;
  }
  pending += bytes;
  return takeCharacters(pending);
}

std::string StreamDecoder::finish() {
  bool held = !pending.empty();
  pending.clear();
  return held ? std::string(replacementCharacter) : std::string();
}
