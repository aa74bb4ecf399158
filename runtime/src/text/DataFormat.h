//===- DataFormat.h - What a file of data is ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells text from what is none, and rows from plain text, before a byte is
// trained. Separate from Dataset.h because it judges a whole file, not rows.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_DATAFORMAT_H
#define STERNA_RUNTIME_TEXT_DATAFORMAT_H

#include "io/Status.h"

#include <string>
#include <string_view>

namespace sterna {

enum class DataFormat {
  PlainText,
  Lines, // a JSON object on each line
  Array  // one JSON list of objects
};

/// What the file at `path` with `content` is. The name's suffix decides where
/// it is one of rows (.jsonl, .ndjson, .jl, .json, ... in any case), else the
/// content: text that begins with a line that is a JSON object, or that is a
/// JSON list or object as a whole, holds rows. Fails, naming the format where
/// it is known, on what is not UTF-8 text and on tables (.csv, .tsv).
Expected<DataFormat> recogniseData(const std::string &path,
                                   std::string_view content);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_DATAFORMAT_H
