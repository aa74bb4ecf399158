//===- WriteTokenizerJson.h - A tokenizer.json ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inverse of the runtime's reader (text/TokenizerJson.h).
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_HUGGINGFACE_WRITETOKENIZERJSON_H
#define STERNA_LIB_EXPORT_HUGGINGFACE_WRITETOKENIZERJSON_H

#include "text/BytePairData.h"

#include <nlohmann/json.hpp>

namespace sterna {

/// A tokenizer.json of `data`, whose texts are UTF-8.
nlohmann::json makeTokenizerJson(const BytePairData &data);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_HUGGINGFACE_WRITETOKENIZERJSON_H
