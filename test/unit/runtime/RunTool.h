//===- RunTool.h - sterna-run as a process --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the tool and takes what it prints: for its own tests, and as an oracle
// for those of the C API.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_UNIT_RUNTIME_RUNTOOL_H
#define STERNA_TEST_UNIT_RUNTIME_RUNTOOL_H

#include <nlohmann/json.hpp>

#include <string>

namespace sterna {
namespace test {

struct Outcome {
  int exitStatus = -1;
  std::string output; // standard output
  std::string errors; // standard error
};

/// Runs sterna-run with `arguments` for a shell, after `environment`,
/// assignments for it.
Outcome runTool(const std::string &arguments,
                const std::string &environment = "");

/// The JSON object in the last line of a run that must succeed.
nlohmann::json runToolJson(const std::string &arguments,
                           const std::string &environment = "");

} // namespace test
} // namespace sterna

#endif // STERNA_TEST_UNIT_RUNTIME_RUNTOOL_H
