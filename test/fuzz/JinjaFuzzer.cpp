//===- JinjaFuzzer.cpp - Chat templates from hostile bytes ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "jinja/Template.h"

#include <cstdlib>

using namespace sterna::jinja;

namespace {

Value makeMessage(const char *role, const char *content, int32_t origin) {
  Dict message;
  message.set("role", Value::string(role));
  message.set("content", Value::string(content, origin));
  return Value::dict(std::move(message));
}

Value makeContext() {
  Dict context;
  context.set("messages",
              Value::list({makeMessage("system", "", 0),
                           makeMessage("user",
                                       " Gr\xC3\xBC\xC3\x9F"
                                       "e\n",
                                       1),
                           makeMessage("assistant", "</think>a", 2)}));
  context.set("bos_token", Value::string("<s>"));
  context.set("eos_token", Value::string("</s>"));
  context.set("add_generation_prompt", Value::boolean(true));
  return Value::dict(std::move(context));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Value context = makeContext();
  // Less than usual, so that a hang is one.
  Limits limits;
  limits.steps = 200'000;
  limits.memory = 8 << 20;
  limits.value = limits.output = 1 << 20;
  auto parsed = Template::parse(
      std::string(reinterpret_cast<const char *>(data), size), limits);
  if (!parsed.ok())
    return 0;
  auto rendered = parsed->render(context, limits);
  if (!rendered.ok())
    return 0;
  // Runs cover the text, and neighbours differ.
  size_t total = 0;
  const Run *before = nullptr;
  for (const Run &run : rendered->text.runs()) {
    total += run.length;
    if (before && before->origin == run.origin)
      std::abort();
    before = &run;
  }
  if (total != rendered->text.size())
    std::abort();
  for (const ByteSpan &span : rendered->generations)
    if (span.begin > span.end || span.end > total)
      std::abort();
  return 0;
}
