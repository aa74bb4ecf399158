//===- Format.h - Python's two kinds of format strings --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `'%s: %d' % (a, b)` and `'{}: {}'.format(a, b)`. Separate because each is a
// small language of its own.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_FORMAT_H
#define STERNA_RUNTIME_JINJA_FORMAT_H

#include "jinja/Runtime.h"

namespace sterna::jinja {

/// `format % arguments`, where `format` is a string.
Value formatPercent(Runtime &runtime, const Value &format,
                    const Value &arguments);

/// `format.format(...)`; fields have names or numbers, `!r` and `!s`, and
/// nothing else.
Value formatBraces(Runtime &runtime, const Value &format,
                   const std::vector<Value> &positional, const Dict &named);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_FORMAT_H
