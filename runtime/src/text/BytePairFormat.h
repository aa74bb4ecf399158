//===- BytePairFormat.h - Byte-pair tokenizers in device binaries ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between what a byte-pair tokenizer is built from and `BytePairs` of
// module.fbs. The compiler writes it, the runtime reads it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_BYTEPAIRFORMAT_H
#define STERNA_RUNTIME_TEXT_BYTEPAIRFORMAT_H

#include "io/Status.h"
#include "text/BytePairData.h"

#include <string>

namespace sterna {

namespace format {
struct Tokenizer;
} // namespace format

/// What of `data` the schema's `Tokenizer` has no field of its own for: a
/// buffer whose root is `BytePairs`.
std::string writeBytePairs(const BytePairData &data);

/// What writeBytePairs wrote to `buffer`; the rest of what it was given is left
/// out.
BytePairData readBytePairs(const std::string &buffer);

/// What a verified `tokenizer` of the kind "bpe" was made from. Fails where it
/// lacks its byte pairs; what they say is for BytePairTokenizer to check.
Expected<BytePairData> readBytePairs(const format::Tokenizer &tokenizer);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_BYTEPAIRFORMAT_H
