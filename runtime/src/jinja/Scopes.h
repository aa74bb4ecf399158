//===- Scopes.h - Which names a scope hides -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In Jinja a name that a scope sets before it reads it does not show through to
// the template's arguments: an inner scope that reads it earlier finds nothing.
// A name that is set under a condition does. This finds the names of the first
// kind for every scope, and what special names macros use, once per template.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_SCOPES_H
#define STERNA_RUNTIME_JINJA_SCOPES_H

#include "jinja/Ast.h"

namespace sterna::jinja {

/// Fills in `missing` of every scope and the `uses...` of every macro.
void analyzeScopes(Ast &ast);

/// True if `name` is read anywhere in the template.
bool readsName(const Ast &ast, std::string_view name);

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_SCOPES_H
