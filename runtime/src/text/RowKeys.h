//===- RowKeys.h - The keys of rows of data -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kinds of rows there are, which keys each of them uses, and which keys
// are mere notes. Everything else is refused by name, for it could change what
// a row means. Separate from DatasetRows.h, which says what the keys mean.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_ROWKEYS_H
#define STERNA_RUNTIME_TEXT_ROWKEYS_H

#include "io/Status.h"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace sterna {

/// Whether `row` has `key` and a value for it, other than null.
bool has(const nlohmann::json &row, std::string_view key);

enum class RowKind { Tokens, Messages, Completion, Instruction, Text };

/// The kind of `row`, which must be an object: that whose keys it has. Fails
/// when it has those of none or of two kinds, and on keys that are neither used
/// by its kind nor notes. Keys whose value is null or empty say nothing.
Expected<RowKind> recogniseRow(const nlohmann::json &row);

/// Checks the keys of `message`, an object of a conversation, likewise.
Status checkMessageKeys(const nlohmann::json &message);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_ROWKEYS_H
