//===- Numbers.h - Filters that give numbers ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// int, float, abs and round. Separate because reading numbers as Python does
// has details of its own.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_NUMBERS_H
#define STERNA_RUNTIME_JINJA_NUMBERS_H

#include "jinja/Builtins.h"

namespace sterna::jinja {

/// int(value, default=0, base=10)
Value filterInt(Parameters &p);
/// float(value, default=0.0)
Value filterFloat(Parameters &p);
/// abs(value)
Value filterAbs(Parameters &p);
/// round(value, precision=0, method='common')
Value filterRound(Parameters &p);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_NUMBERS_H
