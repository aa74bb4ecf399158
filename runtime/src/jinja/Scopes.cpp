//===- Scopes.cpp - Which names a scope hides -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks a scope in the order in which names are read and set, then the scopes
// within it. Branches of an `if` see what came before, not each other.
//
//===----------------------------------------------------------------------===//

#include "jinja/Scopes.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Statement::Kind;

namespace {

/// What a scope, or a branch in it, knows of names.
struct Names {
  enum State : uint8_t { Visible, Missing };

  const Names *before = nullptr; // of a branch: what came before it
  const Names *outer = nullptr;  // of a scope: the one around it
  std::unordered_map<Name, State> seen;
  std::unordered_map<Name, bool> stored;

  bool isSeenHere(Name name) const {
    for (const Names *names = this; names; names = names->before)
      if (names->seen.count(name))
        return true;
    return false;
  }
  const Names *scopeOutside() const {
    const Names *names = this;
    while (names->before)
      names = names->before;
    return names->outer;
  }
  bool isSeen(Name name) const {
    for (const Names *names = this; names; names = names->scopeOutside())
      if (names->isSeenHere(name))
        return true;
    return false;
  }
  bool isStoredHere(Name name) const {
    for (const Names *names = this; names; names = names->before)
      if (names->stored.count(name))
        return true;
    return false;
  }
};

class Analysis {
public:
  explicit Analysis(Ast &ast) : ast(ast) {}

  void run() {
    Names names;
    visitBlock(ast.body, names);
    ast.missing = missingIn(names);
    enterBlock(ast.body, names);
  }

private:
  static void load(Name name, Names &names) {
    if (!names.isSeen(name))
      names.seen[name] = Names::Visible;
  }

  static void store(Name name, Names &names) {
    names.stored[name] = true;
    if (names.isSeenHere(name))
      return;
    const Names *outer = names.scopeOutside();
    bool outside = outer && outer->isSeen(name);
    names.seen[name] = outside ? Names::Visible : Names::Missing;
  }

  static void declare(Name name, Names &names) {
    names.stored[name] = true;
    names.seen[name] = Names::Visible;
  }

  std::vector<Name> missingIn(const Names &names) const {
    std::vector<Name> missing;
    for (const auto &[name, state] : names.seen)
      if (state == Names::Missing)
        missing.push_back(name);
    return missing;
  }

  /// Reads all names of an expression, in the order of evaluation.
  void visit(const Expression *expression, Names &names) {
    if (!expression)
      return;
    if (expression->kind == Expression::Kind::Variable)
      load(expression->name, names);
    for (const Expression *operand : expression->operands)
      visit(operand, names);
    if (const CallArguments *arguments = expression->arguments) {
      for (const Expression *argument : arguments->positional)
        visit(argument, names);
      for (const auto &[name, argument] : arguments->named)
        visit(argument, names);
      visit(arguments->morePositional, names);
      visit(arguments->moreNamed, names);
    }
  }

  void visitTarget(const Expression *target, Names &names, bool parameter) {
    if (target->kind == Expression::Kind::NamespaceTarget) {
      visit(target->operands[0], names);
    } else if (target->kind == Expression::Kind::Tuple) {
      for (const Expression *part : target->operands)
        visitTarget(part, names, parameter);
    } else if (parameter) {
      declare(target->name, names);
    } else {
      store(target->name, names);
    }
  }

  void visitIf(const Statement &statement, Names &names) {
    visit(statement.value, names);
    Names body, otherwise;
    body.before = otherwise.before = &names;
    visitBlock(statement.body, body);
    visitBlock(statement.otherwise, otherwise);
    for (Names *branch : {&body, &otherwise}) {
      for (auto [name, state] : branch->seen) {
        bool conditional =
            branch->stored.count(name) && !names.isStoredHere(name);
        names.seen[name] = conditional ? Names::Visible : state;
      }
    }
    for (Names *branch : {&body, &otherwise})
      names.stored.insert(branch->stored.begin(), branch->stored.end());
  }

  /// What a statement does in the scope that it stands in.
  void visitStatement(const Statement &statement, Names &names) {
    switch (statement.kind) {
    case Kind::Output:
    case Kind::For:
    case Kind::CallBlock:
    case Kind::FilterBlock:
      return visit(statement.value, names);
    case Kind::If:
      return visitIf(statement, names);
    case Kind::Set:
      visit(statement.value, names);
      return visitTarget(statement.target, names, false);
    case Kind::SetBlock:
      return visitTarget(statement.target, names, false);
    case Kind::With:
      for (const Expression *value : statement.values)
        visit(value, names);
      return;
    case Kind::Macro:
      return store(statement.macro->name, names);
    default:
      return;
    }
  }

  void visitBlock(const Block &block, Names &names) {
    for (const Statement *statement : block)
      visitStatement(*statement, names);
  }

  void enterBlock(const Block &block, const Names &names) {
    for (Statement *statement : block)
      enterStatement(*statement, names);
  }

  void enterFor(Statement &statement, const Names &names) {
    Names body, otherwise;
    body.outer = otherwise.outer = &names;
    declare(ast.nameOf("loop"), body);
    visitTarget(statement.target, body, true);
    visitBlock(statement.body, body);
    statement.missing = missingIn(body);
    enterBlock(statement.body, body);
    visitBlock(statement.otherwise, otherwise);
    statement.otherwiseMissing = missingIn(otherwise);
    enterBlock(statement.otherwise, otherwise);
  }

  void enterMacro(MacroDefinition &macro, const Names &names) {
    Names body;
    body.outer = &names;
    for (Name parameter : macro.parameters)
      declare(parameter, body);
    for (const auto &[special, uses] : {std::pair("caller", &macro.usesCaller),
                                        {"kwargs", &macro.usesNamed},
                                        {"varargs", &macro.usesPositional}}) {
      Name name = ast.findName(special);
      *uses = readsFirst(macro.body, name) == Read;
      if (*uses)
        declare(name, body);
    }
    for (const Expression *value : macro.defaults)
      visit(value, body);
    visitBlock(macro.body, body);
    macro.missing = missingIn(body);
    enterBlock(macro.body, body);
  }

  /// The scopes within a statement.
  void enterStatement(Statement &statement, const Names &names) {
    switch (statement.kind) {
    case Kind::If:
      enterBlock(statement.body, names);
      return enterBlock(statement.otherwise, names);
    case Kind::For:
      return enterFor(statement, names);
    case Kind::Macro:
    case Kind::CallBlock:
    case Kind::Generation:
      return enterMacro(*statement.macro, names);
    case Kind::SetBlock:
    case Kind::With:
    case Kind::FilterBlock: {
      Names body;
      body.outer = &names;
      for (const Expression *target : statement.targets)
        visitTarget(target, body, true);
      visitBlock(statement.body, body);
      statement.missing = missingIn(body);
      return enterBlock(statement.body, body);
    }
    default:
      return;
    }
  }

  /// Whether a name is read or set first, in all of a block, whatever scope.
  enum Use { None, Read, Stored };

  static Use readsFirst(const Expression *expression, Name name) {
    if (!expression)
      return None;
    if (expression->kind == Expression::Kind::Variable &&
        expression->name == name)
      return Read;
    for (const Expression *operand : expression->operands)
      if (readsFirst(operand, name))
        return Read;
    if (const CallArguments *arguments = expression->arguments) {
      for (const Expression *argument : arguments->positional)
        if (readsFirst(argument, name))
          return Read;
      for (const auto &[key, argument] : arguments->named)
        if (readsFirst(argument, name))
          return Read;
      if (readsFirst(arguments->morePositional, name) ||
          readsFirst(arguments->moreNamed, name))
        return Read;
    }
    return None;
  }

  static Use storesIn(const Expression *target, Name name) {
    if (!target || target->kind == Expression::Kind::NamespaceTarget)
      return None;
    if (target->kind == Expression::Kind::Variable)
      return target->name == name ? Stored : None;
    for (const Expression *part : target->operands)
      if (storesIn(part, name))
        return Stored;
    return None;
  }

  Use readsFirst(const Block &block, Name name) {
    if (name >= ast.names.size())
      return None;
    for (const Statement *statement : block) {
      for (const Expression *target : statement->targets)
        if (Use use = storesIn(target, name))
          return use;
      for (const Expression *value : statement->values)
        if (Use use = readsFirst(value, name))
          return use;
      for (Use use : {storesIn(statement->target, name),
                      readsFirst(statement->value, name),
                      readsFirst(statement->condition, name)})
        if (use)
          return use;
      for (const Block *inner : {&statement->body, &statement->otherwise})
        if (Use use = readsFirst(*inner, name))
          return use;
      if (const MacroDefinition *macro = statement->macro) {
        for (const Expression *value : macro->defaults)
          if (Use use = readsFirst(value, name))
            return use;
        if (Use use = readsFirst(macro->body, name))
          return use;
      }
    }
    return None;
  }

  Ast &ast;
};

} // namespace

void jinja::analyzeScopes(Ast &ast) { Analysis(ast).run(); }

bool jinja::readsName(const Ast &ast, std::string_view name) {
  Name number = ast.findName(name);
  return std::any_of(ast.expressions.begin(), ast.expressions.end(),
                     [&](const Expression &expression) {
                       return expression.kind == Expression::Kind::Variable &&
                              expression.name == number;
                     });
}
