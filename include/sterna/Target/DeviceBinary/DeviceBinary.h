//===- DeviceBinary.h - Writing of .stn files -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The link phase; docs/device-binary.md describes the file.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_DEVICEBINARY_DEVICEBINARY_H
#define STERNA_TARGET_DEVICEBINARY_DEVICEBINARY_H

#include "mlir/IR/BuiltinOps.h"
#include "sterna/Target/CodeObject.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace sterna {

/// Figures of one link, for the compiler's report.
struct LinkReport {
  /// Bytes of weights read from the source and written packed.
  uint64_t sourceBytes = 0, packedBytes = 0;
  double packSeconds = 0;
};

/// A plan inside of a module, and its code.
struct PlanCode {
  /// The target's name, by which the runtime finds the plan: "cpu".
  std::string target;
  mlir::ModuleOp module;
  std::vector<CodeObject> code;
};

/// Writes the device binary of `module` and its scheduled plans to `path`,
/// streaming the weights from their sources through packing. A parameter that
/// several plans have in the same layout is written once. The file appears
/// whole or not at all. Fails where the module does not describe its model or a
/// plan its weights.
llvm::Expected<LinkReport> writeDeviceBinary(mlir::ModuleOp module,
                                             llvm::ArrayRef<PlanCode> plans,
                                             llvm::StringRef path);

/// Writes it to `out` instead, from where that stands: a multiple of 4096
/// bytes. Errors of the stream itself are left in it.
llvm::Expected<LinkReport> writeDeviceBinary(mlir::ModuleOp module,
                                             llvm::ArrayRef<PlanCode> plans,
                                             llvm::raw_fd_ostream &out);

/// Lets `write` fill a file that appears under its name when it is complete;
/// one that everybody may run if `executable` is set.
llvm::Expected<LinkReport> writeWhole(
    llvm::StringRef path, bool executable,
    llvm::function_ref<llvm::Expected<LinkReport>(llvm::raw_fd_ostream &)>
        write);

/// Writes the elements of `param` in their final layout to `out`, in order.
/// Adds what it read and wrote to `report`.
llvm::Error packParameter(mlir::Operation *param, llvm::raw_ostream &out,
                          LinkReport &report);

} // namespace sterna

#endif // STERNA_TARGET_DEVICEBINARY_DEVICEBINARY_H
