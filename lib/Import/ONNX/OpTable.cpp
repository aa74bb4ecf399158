//===- OpTable.cpp - The ops of ONNX that are understood ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OpTable.h.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

using namespace sterna;

static std::string keyOf(llvm::StringRef domain, llvm::StringRef name) {
  if (domain == "ai.onnx")
    domain = standardDomain;
  return (domain + ":" + name).str();
}

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable made;
    addActivationOps(made);
    addArithmeticOps(made);
    addAttentionOps(made);
    addBlockOps(made);
    addControlOps(made);
    addGatherOps(made);
    addLogicOps(made);
    addLossOps(made);
    addMatrixOps(made);
    addMicrosoftOps(made);
    addMultiHeadOps(made);
    addNormOps(made);
    addQuantizeOps(made);
    addReduceOps(made);
    addScatterOps(made);
    addSequenceOps(made);
    addShapeOps(made);
    return made;
  }();
  return table;
}

const OpTable::BuildOp *OpTable::find(llvm::StringRef domain,
                                      llvm::StringRef name) const {
  auto it = ops.find(keyOf(domain, name));
  return it == ops.end() ? nullptr : &it->second;
}

void OpTable::add(llvm::StringRef name, BuildOp build, llvm::StringRef domain) {
  ops[keyOf(domain, name)] = std::move(build);
}
