//===- MemoryReport.cpp - A plan's memory as a picture --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See MemoryReport.h.
//
//===----------------------------------------------------------------------===//

#include "MemoryReport.h"

#include "MemoryPlan.h"
#include "ProgramPicture.h"

#include "sterna/Support/OutputFile.h"

using namespace mlir;
using namespace sterna;

namespace {

/// The training programs first, then the larger arenas.
std::vector<plan::ProgramOp> sortPrograms(ModuleOp module) {
  auto programs = llvm::to_vector(module.getOps<plan::ProgramOp>());
  auto trains = [](plan::ProgramOp program) {
    return program.getSymName() == "train_micro" ||
           program.getSymName() == "train_step";
  };
  llvm::stable_sort(programs, [&](plan::ProgramOp x, plan::ProgramOp y) {
    return std::pair(!trains(x), -int64_t(x.getArenaBytes())) <
           std::pair(!trains(y), -int64_t(y.getArenaBytes()));
  });
  return {programs.begin(), programs.end()};
}

class Page {
public:
  explicit Page(llvm::raw_ostream &os) : os(os) {}

  void write(ArrayRef<TargetPlan> plans, StringRef title) {
    os << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n<title>Memory of "
       << escapeMarkup(title) << "</title>\n<style>" << style
       << "</style>\n</head>\n<body>\n<h1>Memory of " << escapeMarkup(title)
       << "</h1>\n";
    for (const TargetPlan &plan : plans)
      write(plan, plans.size() > 1);
    os << "</body>\n</html>\n";
  }

private:
  static constexpr const char *style =
      "body{font-family:sans-serif;max-width:1150px;margin:2em auto;padding:0 "
      "1em}table{border-collapse:collapse}td,th{padding:.1em .8em;text-align:"
      "right}td:first-child,th:first-child{text-align:left}summary{cursor:"
      "pointer;margin:.6em 0;font-weight:bold}.part td:first-child{padding-"
      "left:2em}svg rect:hover{stroke:#000}";

  void write(const TargetPlan &plan, bool isOneOfMany) {
    if (isOneOfMany)
      os << "<h2>" << escapeMarkup(plan.target->getName()) << "</h2>\n";
    os << "<table>\n<tr><th>category</th><th>bytes</th><th></th></tr>\n";
    for (const MemoryRow &row : listMemory(plan.module))
      os << (row.isPart ? "<tr class=\"part\">" : "<tr>") << "<td>"
         << escapeMarkup(row.name) << "</td><td>" << row.bytes << "</td><td>"
         << formatSize(row.bytes) << "</td></tr>\n";
    os << "</table>\n<p>A rectangle is a tensor in a program's arena: from the "
          "launch that computes it to the last that reads it, at its place. "
          "Point at one to see what it is.</p>\n";
    SymbolTable symbols(plan.module);
    bool isFirst = true;
    for (plan::ProgramOp program : sortPrograms(plan.module)) {
      write(program, followArena(program, symbols), isFirst);
      isFirst = false;
    }
  }

  void write(plan::ProgramOp program, const ArenaHistory &history, bool open) {
    os << "<details" << (open ? " open" : "") << ">\n<summary>"
       << escapeMarkup(program.getSymName()) << ": "
       << formatSize(history.arenaBytes) << " in " << history.launches
       << " launches</summary>\n"
       << drawArena(history, program.getSymName());
    writePeak(history);
    os << "</details>\n";
  }

  /// The largest tensors that are alive at the peak.
  void writePeak(const ArenaHistory &history) {
    std::vector<const ArenaTensor *> alive;
    for (const ArenaTensor &tensor : history.tensors)
      if (tensor.first <= history.peak && history.peak <= tensor.last)
        alive.push_back(&tensor);
    llvm::stable_sort(alive, [](const ArenaTensor *x, const ArenaTensor *y) {
      return x->bytes > y->bytes;
    });
    constexpr size_t most = 12;
    os << "<table>\n<tr><th>alive at the peak</th><th>launches</th></tr>\n";
    for (const ArenaTensor *tensor : ArrayRef(alive).take_front(most))
      os << "<tr><td>" << escapeMarkup(describe(*tensor)) << "</td><td>"
         << tensor->first << "–" << tensor->last << "</td></tr>\n";
    if (alive.size() > most)
      os << "<tr><td>and " << alive.size() - most
         << " smaller ones</td><td></td></tr>\n";
    os << "</table>\n";
  }

  llvm::raw_ostream &os;
};

} // namespace

llvm::Error sterna::writeMemoryReport(ArrayRef<TargetPlan> plans,
                                      StringRef title, StringRef path) {
  auto output = OutputFile::create(path);
  if (!output)
    return output.takeError();
  if (path.ends_with(".svg")) {
    ModuleOp module = plans.front().module;
    std::vector<plan::ProgramOp> programs = sortPrograms(module);
    if (programs.empty())
      return llvm::createStringError("there is no program to draw");
    (*output)->os() << drawArena(
        followArena(programs.front(), SymbolTable(module)),
        programs.front().getSymName());
  } else {
    Page((*output)->os()).write(plans, title);
  }
  return (*output)->commit();
}
