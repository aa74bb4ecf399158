//===- TokenizerInterface.cpp - Text to token ids and back ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenizerInterface.h.
//
//===----------------------------------------------------------------------===//

#include "text/TokenizerInterface.h"

#include "io/Text.h"
#include "text/StreamDecoder.h"

using namespace sterna;

std::string TokenizerInterface::decode(const std::vector<int32_t> &ids) const {
  StreamDecoder decoder(*this);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.finish();
}

int32_t TokenizerInterface::padOrDefault() const {
  if (special().pad >= 0)
    return special().pad;
  return special().eos >= 0 ? special().eos : 0;
}

bool TokenizerInterface::isEndOfGeneration(int32_t id) const {
  return contains(special().ends, id);
}
