//===- Harness.h - Runs a case on a target and compares ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a case's text to results: by the interpreter, which is the reference,
// and as users get them, compiled to a device binary and run by the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CONFORMANCE_HARNESS_H
#define STERNA_TEST_CONFORMANCE_HARNESS_H

#include "../unit/io/TemporaryFolder.h"
#include "Case.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "sterna/Codegen/CPU/Level.h"
#include "sterna/Interpreter/Array.h"

namespace sterna::test {

/// A way to compile and run: code of an instruction level, tuned or portable,
/// or for Vulkan if there is no level.
struct Target {
  std::string name;
  const cpu::Level *level;
  bool tuned;
};

inline void PrintTo(const Target &target, std::ostream *out) {
  *out << target.name;
}

/// How far results are from the reference.
struct Difference {
  /// Of all elements, and of the worst one relative to the largest expected.
  double meanSquare = 0, largest = 0;
  /// Results that must have the same bits and do not; empty if none.
  std::string unequal;
};

class Harness {
public:
  /// Writes the files that parameters are read from.
  Harness();

  /// Runs `c` on `target` and by reference. On failure returns none and says
  /// why in `error`.
  std::optional<Difference> run(const Case &c, const Target &target,
                                std::string &error);

private:
  using Results = std::vector<Array>;

  mlir::OwningOpRef<mlir::ModuleOp> parse(const Case &c);
  bool interpretCase(const Case &c);
  /// Compiles `module` to a device binary; returns its path.
  std::optional<std::string> compile(mlir::ModuleOp module,
                                     const Target &target, std::string &error);
  std::optional<Results> execute(const std::string &path, const Target &target,
                                 std::string &error);

  TemporaryFolder folder;
  std::unique_ptr<mlir::MLIRContext> context;
  std::string diagnostics;
  /// Of the last case, for the next target: names and data of arguments, names
  /// and data of results, tied ones by the name of their state.
  std::string lastCase;
  std::vector<std::string> argumentNames, resultNames;
  std::vector<bool> isState, isTied;
  Results arguments, expected;
};

} // namespace sterna::test

#endif // STERNA_TEST_CONFORMANCE_HARNESS_H
