//===- RenderForTest.h - Templates rendered in a line ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of the interpreter share.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_JINJA_RENDERFORTEST_H
#define STERNA_TEST_JINJA_RENDERFORTEST_H

#include "jinja/Template.h"

#include <string>

namespace sterna::jinja {

/// A message whose content has an origin.
inline Value message(const std::string &role, const std::string &content,
                     int32_t origin = templateOrigin) {
  Dict dict;
  dict.set("role", Value::string(role));
  dict.set("content", Value::string(content, origin));
  return Value::dict(std::move(dict));
}

/// Variables for tests: `messages` of a user and an assistant, with origins 0
/// and 1, `empty` of origin 5, and tokens.
inline Value testContext() {
  Dict context;
  context.set("messages", Value::list({message("user", " Hi! ", 0),
                                       message("assistant", "a,b", 1)}));
  context.set("empty", Value::string("", 5));
  context.set("bos_token", Value::string("<s>"));
  context.set("eos_token", Value::string("</s>"));
  return Value::dict(std::move(context));
}

/// The text, or "error: " and the message.
inline std::string render(const std::string &source,
                          const Limits &limits = {}) {
  auto parsed = Template::parse(source, limits);
  if (!parsed.ok())
    return "error: " + parsed.message();
  auto rendered = parsed->render(testContext(), limits);
  return rendered.ok() ? rendered->text.bytes()
                       : "error: " + rendered.message();
}

/// The text with its runs: what has an origin in brackets after it.
inline std::string renderMarked(const std::string &source) {
  auto parsed = Template::parse(source);
  if (!parsed.ok())
    return "error: " + parsed.message();
  auto rendered = parsed->render(testContext());
  if (!rendered.ok())
    return "error: " + rendered.message();
  std::string marked;
  size_t begin = 0;
  for (const Run &run : rendered->text.runs()) {
    std::string bytes = rendered->text.bytes().substr(begin, run.length);
    begin += run.length;
    marked += run.origin == templateOrigin
                  ? bytes
                  : std::to_string(run.origin) + "[" + bytes + "]";
  }
  return marked;
}

} // namespace sterna::jinja

#endif // STERNA_TEST_JINJA_RENDERFORTEST_H
