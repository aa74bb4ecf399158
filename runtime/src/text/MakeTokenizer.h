//===- MakeTokenizer.h - The tokenizer in a module ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows which implementations of a tokenizer there are.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_MAKETOKENIZER_H
#define STERNA_RUNTIME_TEXT_MAKETOKENIZER_H

#include "core/Module.h"
#include "text/TokenizerInterface.h"

#include <memory>
#include <string>

namespace sterna {

/// The tokenizer in `module`; fails if it has none, or one of a kind that is
/// not known.
Expected<std::shared_ptr<const TokenizerInterface>>
makeTokenizer(const Module &module);

/// The chat template in `module`, Jinja text; empty without one.
std::string chatTemplateOf(const Module &module);

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_MAKETOKENIZER_H
