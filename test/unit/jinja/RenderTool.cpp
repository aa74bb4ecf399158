//===- RenderTool.cpp - Templates rendered for a comparison ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads lines of JSON: {"template": ..., "contexts": [...]}. Writes one for
// each: a list with {"text": ..., "generations": [...]} or {"error": ...} for
// each context. test/oracle/jinja_oracle.py compares that with Jinja2's.
//
//===----------------------------------------------------------------------===//

#include "jinja/FromJson.h"
#include "jinja/Template.h"

#include <iostream>
#include <nlohmann/json.hpp>

using namespace sterna;
using Json = nlohmann::ordered_json;

namespace {

Json render(const Expected<jinja::Template> &parsed, const Json &context) {
  if (!parsed.ok())
    return {{"error", parsed.message()}};
  auto rendered = parsed->render(jinja::fromJson(context, 7));
  if (!rendered.ok())
    return {{"error", rendered.message()}};
  Json spans = Json::array();
  for (const jinja::ByteSpan &span : rendered->generations)
    spans.push_back({span.begin, span.end});
  size_t total = 0;
  for (const jinja::Run &run : rendered->text.runs())
    total += run.length;
  if (total != rendered->text.size())
    return {{"error", "runs do not cover the text"}};
  return {{"text", rendered->text.bytes()}, {"generations", spans}};
}

} // namespace

// Whose JSON is none ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    Json job = Json::parse(line);
    auto parsed = jinja::Template::parse(job["template"].get<std::string>());
    Json results = Json::array();
    for (const Json &context : job["contexts"])
      results.push_back(render(parsed, context));
    std::cout << results.dump() << '\n';
  }
  return 0;
}
