//===- Describe.h - What a device binary holds ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model, the memory plan, which kernel runs in which program: of metadata
// alone. For the reports of tools and bindings.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_DESCRIBE_H
#define STERNA_RUNTIME_CORE_DESCRIBE_H

#include "core/Module.h"
#include "core/Plan.h"

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace sterna {

/// All of it, as `sterna-run info --json` prints it.
nlohmann::ordered_json describeModule(const Module &module);

/// How often each kernel runs in a program, by kernel index.
std::map<uint32_t, uint64_t> kernelUses(const format::Program &program);

std::string kernelName(const Module &module, uint32_t index);

/// Whether `code` can run the kernel. A CPU's code object is one library, with
/// code for every kernel.
bool hasKernel(const format::Code &code, uint32_t index);

/// Type of the gradients in products with ternary matrices.
const char *gradientsOf(const format::Model &model);

/// Bytes and number of the ternary weights of one layout.
struct LayoutBytes {
  uint64_t bytes = 0, weights = 0;

  double bits() const { return 8 * double(bytes) / double(weights); }
};

/// The same of all, by layout.
std::map<std::string, LayoutBytes> ternaryLayouts(const Module &module);

/// The table of the language model's head.
struct HeadTable {
  std::string name;
  /// Its layout: "f16", "i8", "q6", ...
  std::string type;
  /// With its scales.
  uint64_t bytes = 0;
};

/// That of the module's model; none if it has none.
std::optional<HeadTable> findHead(const Module &module);

/// Programs that run together.
struct ProgramSet {
  const char *name;
  std::vector<uint32_t> programs;
};

/// The sets of programs that are run: "train", and "generate" or, of a graph,
/// "run".
std::vector<ProgramSet> programSets(const Module &module);

/// The module as each of its plans.
std::vector<std::shared_ptr<const Module>> viewsOf(const Module &module);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_DESCRIBE_H
