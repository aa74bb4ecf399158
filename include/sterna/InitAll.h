//===- InitAll.h - Registration of everything in Sterna -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sterna-opt, sterna-compile, sterna-interp and sterna-lsp-server share.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INITALL_H
#define STERNA_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace sterna {

/// Registers Sterna's dialects, those that they build on, differentiation
/// rules of upstream ops, and all extensions that lowering needs.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers Sterna's passes and phases, and the upstream passes that are
/// useful beside them.
void registerAllPasses();

} // namespace sterna

#endif // STERNA_INITALL_H
