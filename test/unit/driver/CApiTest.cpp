//===- CApiTest.cpp - The compiler from C ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../io/TemporaryFolder.h"
#include "sterna-c/Compiler.h"

#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

#include <string>
#include <vector>

namespace {

struct Heard {
  std::vector<std::string> errors, steps;
  unsigned reports = 0;

  sterna_compile_listener_t listener() {
    return {this,
            [](void *user, sterna_severity_t severity, sterna_text_t text) {
              auto *heard = static_cast<Heard *>(user);
              if (severity == STERNA_SEVERITY_ERROR)
                heard->errors.emplace_back(text.data, text.size);
              heard->reports += severity == STERNA_SEVERITY_REPORT;
            },
            [](void *user, sterna_text_t step, double seconds) {
              if (seconds >= 0)
                static_cast<Heard *>(user)->steps.emplace_back(step.data,
                                                               step.size);
            }};
  }
};

std::string contents(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

TEST(CompilerCApi, CompilesTwiceInOneProcessToEqualBytes) {
  sterna_compile_options_t *options = sterna_compile_options_create();
  Heard heard;
  sterna_compile_listener_t listener = heard.listener();
  for (auto [name, value] : {std::pair("seq-len", "16"),
                             {"max-context", "32"},
                             {"lora-rank", "2"},
                             {"no-train", "true"}})
    EXPECT_TRUE(sterna_compile_options_set(options, name, value, &listener));
  sterna::TemporaryFolder folder;
  std::string first = folder.path("1.stn"), second = folder.path("2.stn");
  for (const std::string &path : {first, second})
    EXPECT_TRUE(
        sterna_compile(STERNA_TEST_MODEL, path.c_str(), options, &listener));
  EXPECT_TRUE(heard.errors.empty());
  EXPECT_GT(heard.reports, 0u);
  EXPECT_EQ(std::count(heard.steps.begin(), heard.steps.end(), "codegen"), 2);
  EXPECT_FALSE(contents(first).empty());
  EXPECT_EQ(contents(first), contents(second));
  sterna_compile_options_destroy(options);
}

TEST(CompilerCApi, RefusesWhatItDoesNotKnow) {
  sterna_compile_options_t *options = sterna_compile_options_create();
  Heard heard;
  sterna_compile_listener_t listener = heard.listener();
  EXPECT_FALSE(sterna_compile_options_set(options, "sqe-len", "8", &listener));
  EXPECT_FALSE(sterna_compile_options_set(options, "seq-len", "x", &listener));
  EXPECT_FALSE(sterna_compile_options_set(options, "emit", "zip", &listener));
  EXPECT_FALSE(sterna_compile_options_set(options, nullptr, "", &listener));
  EXPECT_FALSE(sterna_compile_options_set(nullptr, "batch", "1", nullptr));
  EXPECT_FALSE(
      sterna_compile("/nowhere.gguf", "/nowhere.stn", options, &listener));
  EXPECT_FALSE(sterna_compile(nullptr, "x.stn", options, &listener));
  EXPECT_EQ(
      heard.errors,
      (std::vector<std::string>{
          "unknown option --sqe-len", "--seq-len=x: expected a whole number",
          "unknown --emit=zip; expected stn, exe or obj",
          "expected options, a name and a value, but got null",
          heard.errors.at(4),
          "expected an input and an output, but got null"}));
  EXPECT_NE(heard.errors[4].find("/nowhere."), std::string::npos);
  sterna_compile_options_destroy(options);
  sterna_compile_options_destroy(nullptr);
}

TEST(CompilerCApi, ListsItsOptions) {
  size_t count = sterna_compile_option_count();
  ASSERT_GT(count, 10u);
  EXPECT_STREQ(sterna_compile_option_name(0), "emit");
  for (size_t i = 0; i < count; ++i)
    EXPECT_GT(std::string(sterna_compile_option_help(i)).size(), 10u);
  EXPECT_EQ(sterna_compile_option_name(count), nullptr);
}

} // namespace
