//===- OpTable.h - The ops of ONNX that are understood ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function for each op, by domain and name. Where versions of an op set
// differ, the function asks for the version, so that one op is in one place.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OPTABLE_H
#define STERNA_LIB_IMPORT_ONNX_OPTABLE_H

#include "NodeBuilder.h"
#include "llvm/ADT/StringMap.h"

namespace sterna {

/// The op set of the standard, which models call "" or "ai.onnx".
constexpr llvm::StringLiteral standardDomain = "";
/// That of ONNX Runtime's additions.
constexpr llvm::StringLiteral microsoftDomain = "com.microsoft";

class OpTable {
public:
  /// Builds the results of a node and sets them; fails with an error emitted.
  using BuildOp = std::function<mlir::LogicalResult(NodeBuilder &)>;

  /// The one table, filled.
  static const OpTable &get();

  /// The function of an op, or null.
  const BuildOp *find(llvm::StringRef domain, llvm::StringRef name) const;

  void add(llvm::StringRef name, BuildOp build,
           llvm::StringRef domain = standardDomain);

private:
  llvm::StringMap<BuildOp> ops;
};

void addActivationOps(OpTable &table);
void addArithmeticOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addControlOps(OpTable &table);
void addBlockOps(OpTable &table);
void addGatherOps(OpTable &table);
void addLogicOps(OpTable &table);
void addLossOps(OpTable &table);
void addMatrixOps(OpTable &table);
void addMicrosoftOps(OpTable &table);
void addMultiHeadOps(OpTable &table);
void addNormOps(OpTable &table);
void addQuantizeOps(OpTable &table);
void addReduceOps(OpTable &table);
void addScatterOps(OpTable &table);
void addSequenceOps(OpTable &table);
void addShapeOps(OpTable &table);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OPTABLE_H
