//===- BytePairTokenizer.cpp - Byte-pair encoding -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is looked up in a vocabulary, and what decoding gives. How text is
// encoded is in BytePairEncoder.cpp, how a vocabulary is checked and prepared
// in BytePairIndex.cpp.
//
//===----------------------------------------------------------------------===//

#include "text/BytePairTokenizer.h"

#include "text/ByteAlphabet.h"

using namespace sterna;

namespace {

void replaceAll(std::string &text, const std::string &from,
                const std::string &to) {
  for (size_t found = 0; (found = text.find(from, found)) != std::string::npos;
       found += to.size())
    text.replace(found, from.size(), to);
}

int hexadecimalDigit(char digit) {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if (digit >= 'A' && digit <= 'F')
    return digit - 'A' + 10;
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// Turns a piece such as "<0x0A>" into its byte.
void replaceByteName(std::string &text) {
  if (text.size() != 6 || text.compare(0, 3, "<0x") != 0 || text[5] != '>')
    return;
  int high = hexadecimalDigit(text[3]), low = hexadecimalDigit(text[4]);
  if (high >= 0 && low >= 0)
    text.assign(1, static_cast<char>(high * 16 + low));
}

void decodeStep(const TextStep &step, std::string &text) {
  switch (step.kind) {
  case StepKind::ByteLevel:
    // What is not spelled in the alphabet, such as an added token with a space,
    // is taken as it is.
    if (std::optional<std::string> bytes = unspellBytes(text))
      text = std::move(*bytes);
    break;
  case StepKind::Metaspace:
    replaceAll(text, step.content, " ");
    break;
  case StepKind::Replace:
    replaceAll(text, step.pattern, step.content);
    break;
  case StepKind::ByteFallback:
    replaceByteName(text);
    break;
  default: // Fuse and Strip concern the whole text
    break;
  }
}

} // namespace

const AddedToken *BytePairTokenizer::addedToken(int32_t id) const {
  auto found = addedIndex.find(id);
  return found == addedIndex.end() ? nullptr : &vocabulary.added[found->second];
}

int32_t BytePairTokenizer::pieceId(std::string_view piece) const {
  auto found = pieceToId.find(piece);
  return found == pieceToId.end() ? -1 : found->second;
}

int32_t BytePairTokenizer::find(std::string_view piece) const {
  auto found = contentToId.find(piece);
  return found == contentToId.end() ? pieceId(piece) : found->second;
}

bool BytePairTokenizer::isSpecial(int32_t id) const {
  return addedToken(id) != nullptr || (id >= 0 && id == vocabulary.unk);
}

std::string BytePairTokenizer::spelling(int32_t id) const {
  if (const AddedToken *token = addedToken(id))
    return token->content;
  if (id < 0 || static_cast<size_t>(id) >= vocabulary.pieces.size())
    return {};
  return vocabulary.pieces[static_cast<size_t>(id)];
}

std::string BytePairTokenizer::tokenBytes(int32_t id) const {
  const AddedToken *token = addedToken(id);
  if ((token && token->has(IsSpecial)) || id == vocabulary.unk)
    return {};
  std::string text = spelling(id);
  // What is matched in normalized text stands for what was matched.
  if (token && token->has(Normalized))
    text = normalizer.normalize(text);
  for (const TextStep &step : vocabulary.decoders)
    decodeStep(step, text);
  return text;
}

bool BytePairTokenizer::needsBos(const std::vector<int32_t> &ids,
                                 bool addBos) const {
  // Text that spells its own BOS does not get a second one.
  return addBos && vocabulary.addBos && vocabulary.bos >= 0 &&
         (ids.empty() || ids[0] != vocabulary.bos);
}
