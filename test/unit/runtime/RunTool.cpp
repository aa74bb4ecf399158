//===- RunTool.cpp - sterna-run as a process ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RunTool.h.
//
//===----------------------------------------------------------------------===//

#include "RunTool.h"

#include "TestModule.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <sys/wait.h>

using namespace sterna;
using namespace sterna::test;

test::Outcome test::runTool(const std::string &arguments,
                            const std::string &environment) {
  std::string errorPath = temporaryPath("stderr");
  std::string command =
      environment + STERNA_RUN + " " + arguments + " 2>" + errorPath;
  Outcome outcome;
  std::FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return outcome;
  char buffer[4096];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0)
    outcome.output.append(buffer, count);
  outcome.exitStatus = WEXITSTATUS(pclose(pipe));
  if (std::FILE *file = std::fopen(errorPath.c_str(), "r")) {
    while ((count = std::fread(buffer, 1, sizeof(buffer), file)) > 0)
      outcome.errors.append(buffer, count);
    std::fclose(file);
  }
  return outcome;
}

nlohmann::json test::runToolJson(const std::string &arguments,
                                 const std::string &environment) {
  using Json = nlohmann::json;
  Outcome outcome = runTool(arguments + " --json", environment);
  EXPECT_EQ(outcome.exitStatus, 0) << outcome.errors;
  std::string text = outcome.output;
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  Json json = Json::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
  EXPECT_TRUE(json.is_object()) << outcome.output;
  return json;
}
