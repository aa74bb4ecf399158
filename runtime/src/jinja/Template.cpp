//===- Template.cpp - Chat templates, rendered with their provenance ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hands templates to the parser and renderings to the interpreter.
//
//===----------------------------------------------------------------------===//

#include "jinja/Template.h"

#include "jinja/Interpreter.h"
#include "jinja/Parser.h"
#include "jinja/Scopes.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;

Template::Template(std::unique_ptr<Ast> ast) : ast(std::move(ast)) {}
Template::Template(Template &&) noexcept = default;
Template &Template::operator=(Template &&) noexcept = default;
Template::~Template() = default;

Expected<Template> Template::parse(std::string_view source,
                                   const Limits &limits) {
  auto ast = parseTemplate(source, limits);
  if (!ast.ok())
    return ast.status();
  return Template(std::move(*ast));
}

Expected<Rendered> Template::render(const Value &context, const Limits &limits,
                                    const std::tm *now) const {
  if (!context.isDict())
    return Status::error("the context of a template has to be a dictionary");
  Runtime runtime(limits);
  if (now)
    runtime.now = *now;
  return Interpreter(*ast, context.asDict(), runtime).render();
}

bool Template::reads(std::string_view name) const {
  return readsName(*ast, name);
}

bool Template::marksGenerations() const {
  return std::any_of(ast->statements.begin(), ast->statements.end(),
                     [](const Statement &statement) {
                       return statement.kind == Statement::Kind::Generation;
                     });
}
