//===- MemoryPlan.cpp - A plan's memory as a table ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See MemoryPlan.h.
//
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace sterna;

static std::string row(const Twine &name, int64_t bytes) {
  std::string text;
  llvm::raw_string_ostream(text)
      << "  " << llvm::left_justify(name.str(), 24)
      << llvm::format("%10.2f MiB", double(bytes) / (1 << 20));
  return text;
}

std::vector<std::string> sterna::describeMemory(ModuleOp module) {
  std::vector<std::string> rows;
  auto weights = module->getAttrOfType<IntegerAttr>("plan.weights_bytes");
  rows.push_back(row("weights", weights ? weights.getInt() : 0));
  llvm::MapVector<unsigned, int64_t> kinds;
  for (auto state : module.getOps<plan::StateOp>())
    kinds[unsigned(state.getState().getKind())] +=
        plan::getBufferBytes(cast<MemRefType>(state.getType()));
  for (auto [kind, bytes] : kinds)
    rows.push_back(
        row(format::EnumNameStateKind(tern::StateKind(kind)), bytes));
  for (auto program : module.getOps<plan::ProgramOp>()) {
    rows.push_back(
        row("arena of " + program.getSymName(), program.getArenaBytes()));
    if (program.getSymName() != "train_micro" &&
        program.getSymName() != "train_step")
      continue;
    for (NamedAttribute part : program.getPeak())
      rows.push_back(row("  " + part.getName().getValue(),
                         cast<IntegerAttr>(part.getValue()).getInt()));
  }
  return rows;
}
