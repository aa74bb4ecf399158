//===- EmitObject.h - Kernels to link into programs -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in the LLVM dialect to a relocatable object, for systems where
// programs must not load code.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_CPU_EMITOBJECT_H
#define STERNA_TARGET_CPU_EMITOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Target/CPU/Platform.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

namespace sterna::cpu {

/// An object file and what the device binary says of its code.
struct LinkedObject {
  std::string bytes;
  /// One for each level, without bytes.
  std::vector<CodeObject> code;
};

/// Optimises and compiles the kernels of `module` after phase `codegen` for
/// each of `levels`, all of `platform`, into one object without undefined
/// symbols. It is ELF or Mach-O, as the platform's triple says, and exports one
/// symbol, `symbol`, a `sterna_linked_code_t` (kernel_library.h). Its id is a
/// hash of the code: equal kernels give equal objects.
llvm::Expected<LinkedObject> emitObject(mlir::ModuleOp module,
                                        llvm::ArrayRef<const Level *> levels,
                                        const Platform &platform,
                                        llvm::StringRef symbol);

} // namespace sterna::cpu

#endif // STERNA_TARGET_CPU_EMITOBJECT_H
