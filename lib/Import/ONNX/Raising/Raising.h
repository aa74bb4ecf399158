//===- Raising.h - What passes that raise graphs share ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values are replaced while others are still known by the ops that computed
// them before; what has no use any more goes at the end.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_RAISING_RAISING_H
#define STERNA_LIB_IMPORT_ONNX_RAISING_RAISING_H

#include "../Decoder/DecoderParts.h"
#include "mlir/IR/BuiltinOps.h"

namespace sterna {

/// Values of a function that others stand for.
class Replacements {
public:
  /// Replaces all uses of `old` by `value`, of its type.
  void replace(mlir::Value old, mlir::Value value);

  /// What stands for `value` now: itself where nothing does.
  mlir::Value lookUp(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, mlir::Value> values;
};

/// The function that a graph is; null for a module without one.
mlir::func::FuncOp findGraph(mlir::ModuleOp module);

/// What `expected` holds, if anything: why something is not raised is no error.
template <typename T> std::optional<T> takeIfAny(llvm::Expected<T> expected) {
  if (expected)
    return std::move(*expected);
  llvm::consumeError(expected.takeError());
  return std::nullopt;
}

/// Removes ops of `function` whose results have no use, and parameters that
/// only these had a use for.
void eraseUnused(mlir::func::FuncOp function);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_RAISING_RAISING_H
