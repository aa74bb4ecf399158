//===- TernaryMatrices.h - Ternary parameters of a graph --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds which matrices of products are ternary, and declares them as what they
// are.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_RAISING_TERNARYMATRICES_H
#define STERNA_LIB_IMPORT_ONNX_RAISING_TERNARYMATRICES_H

#include "../ArrayBuilder.h"
#include "../Decoder/DecoderParts.h"
#include "mlir/IR/SymbolTable.h"
#include "sterna/Import/Model.h"

namespace sterna {

/// A ternary matrix as its file has it.
struct TernaryMatrix {
  std::string name;
  Parameter parameter;
};

class TernaryMatrices {
public:
  TernaryMatrices(mlir::func::FuncOp function, LinearForms &forms)
      : function(function), forms(forms),
        symbols(function->getParentOfType<mlir::ModuleOp>()) {}

  /// The matrix of `part`, without what its product is multiplied by. None
  /// where it is not ternary, cannot be read, or depends on what is trained: it
  /// stays as it is computed then.
  std::optional<TernaryMatrix> find(LinearPart part);

  /// The parameter `[rows, columns]` that `matrix` is, declared once.
  mlir::Value getTrits(const ArrayBuilder &b, const TernaryMatrix &matrix);
  mlir::Value getScale(const ArrayBuilder &b, const TernaryMatrix &matrix);

private:
  bool dependsOnTrained(mlir::Value value);
  mlir::Value get(const ArrayBuilder &b, llvm::StringRef name,
                  mlir::RankedTensorType type, mlir::Attribute source);

  mlir::func::FuncOp function;
  LinearForms &forms;
  mlir::SymbolTable symbols;
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>, tern::ParamOp>
      declared;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_RAISING_TERNARYMATRICES_H
