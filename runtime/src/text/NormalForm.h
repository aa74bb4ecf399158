//===- NormalForm.h - Unicode's normal forms, in linear time --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NFC, NFD, NFKC and NFKD by libutf8proc's tables, of text that knows where it
// came from. Separate from the other steps because it works on code points.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_NORMALFORM_H
#define STERNA_RUNTIME_TEXT_NORMALFORM_H

#include "text/AlignedText.h"

namespace sterna {

struct NormalForm {
  bool compose = false;       // NFC, NFKC
  bool compatibility = false; // NFKC, NFKD
};

/// Whether `text` is in every normal form that `form` may be, as can be told
/// from its bytes: only that is certain.
bool isSurelyNormal(std::string_view text, NormalForm form);

/// Appends `source`, which is valid UTF-8, in the given form.
void normalize(const TextSpan &source, NormalForm form, AlignedText &result);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_NORMALFORM_H
