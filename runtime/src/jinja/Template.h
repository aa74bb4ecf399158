//===- Template.h - Chat templates, rendered with their provenance --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The face of the interpreter: parse a template of the Hugging Face kind once,
// render it with values as often as needed. The semantics are those of Jinja2
// as transformers sets it up. Templates come with models, so they are not
// trusted: what they use is limited.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_TEMPLATE_H
#define STERNA_RUNTIME_JINJA_TEMPLATE_H

#include "io/Status.h"
#include "jinja/Runtime.h"

#include <ctime>
#include <memory>

namespace sterna::jinja {

struct Ast;

/// Bytes of a text, from `begin` to before `end`.
struct ByteSpan {
  size_t begin = 0;
  size_t end = 0;
};

/// What a template wrote.
struct Rendered {
  /// The text, and where each byte of it came from: the template, or a string
  /// that the caller gave an origin.
  Text text;
  /// What {% generation %} blocks wrote, in order.
  std::vector<ByteSpan> generations;
};

class Template {
public:
  /// Reads a template. Fails on what is not supported, by its name, and with
  /// the line.
  static Expected<Template> parse(std::string_view source,
                                  const Limits &limits = {});

  Template(Template &&) noexcept;
  Template &operator=(Template &&) noexcept;
  ~Template();

  /// Renders with the variables in `context`, a dictionary. Fails where the
  /// template does, on raise_exception among others. `now` is what strftime_now
  /// takes for the time; null: the clock's. Several threads may
  /// render one template at the same time.
  Expected<Rendered> render(const Value &context, const Limits &limits = {},
                            const std::tm *now = nullptr) const;

  /// Whether the template reads a variable of that name, such as `tools`.
  bool reads(std::string_view name) const;

  /// Whether there is a {% generation %} block.
  bool marksGenerations() const;

private:
  explicit Template(std::unique_ptr<Ast> ast);

  std::unique_ptr<Ast> ast;
};

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_TEMPLATE_H
