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

std::vector<MemoryRow> sterna::listMemory(ModuleOp module) {
  std::vector<MemoryRow> rows;
  auto weights = module->getAttrOfType<IntegerAttr>("plan.weights_bytes");
  rows.push_back({"weights", weights ? weights.getInt() : 0});
  llvm::MapVector<unsigned, int64_t> kinds;
  for (auto state : module.getOps<plan::StateOp>())
    kinds[unsigned(state.getState().getKind())] +=
        plan::getBufferBytes(cast<MemRefType>(state.getType()));
  for (auto [kind, bytes] : kinds)
    rows.push_back({format::EnumNameStateKind(tern::StateKind(kind)), bytes});
  for (auto program : module.getOps<plan::ProgramOp>()) {
    rows.push_back({("arena of " + program.getSymName()).str(),
                    int64_t(program.getArenaBytes())});
    if (program.getSymName() != "train_micro" &&
        program.getSymName() != "train_step")
      continue;
    for (NamedAttribute part : program.getPeak())
      rows.push_back({part.getName().str(),
                      cast<IntegerAttr>(part.getValue()).getInt(),
                      /*isPart=*/true});
  }
  return rows;
}

std::vector<std::string> sterna::describeMemory(ModuleOp module) {
  std::vector<std::string> lines;
  for (const MemoryRow &row : listMemory(module)) {
    std::string name = (row.isPart ? "  " : "") + row.name;
    llvm::raw_string_ostream(lines.emplace_back())
        << "  " << llvm::left_justify(name, 24)
        << llvm::format("%10.2f MiB", double(row.bytes) / (1 << 20));
  }
  return lines;
}
