//===- Interpreter.h - One rendering of a template ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the tree and writes. Statements are in Interpreter.cpp, expressions in
// Evaluate.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_INTERPRETER_H
#define STERNA_RUNTIME_JINJA_INTERPRETER_H

#include "jinja/Ast.h"
#include "jinja/Builtins.h"
#include "jinja/Template.h"

namespace sterna::jinja {

/// Variables that were set between the borders of one block, and what is around
/// it.
struct Scope {
  std::shared_ptr<Scope> outer;
  std::vector<std::pair<Name, Value>> variables;
  bool captured = false; // by a macro, so that it lives on
};

struct MacroObject : Object {
  const MacroDefinition *definition = nullptr;
  std::shared_ptr<Scope> scope; // that it was defined in
};

class Interpreter {
public:
  Interpreter(const Ast &ast, const Dict &context, Runtime &runtime);
  ~Interpreter();

  Expected<Rendered> render();

private:
  enum class Flow { Next, Break, Continue };

  // Statements.
  Flow execute(const Block &block);
  Flow execute(const Statement &statement);
  Flow executeFor(const Statement &statement);
  std::vector<Value> filterItems(const Statement &statement,
                                 std::vector<Value> items);
  void executeSetBlock(const Statement &statement);
  void executeCallBlock(const Statement &statement);
  void executeGeneration(const Statement &statement);
  void write(const Value &value);

  // Variables.
  void enter(const std::vector<Name> &missing);
  void leave() { scope = scope->outer; }
  void set(Name name, Value value);
  void assign(const Expression &target, const Value &value);
  Value lookUp(Name name);
  Value makeMacro(const MacroDefinition &definition);
  Value callMacro(const MacroObject &macro, Arguments arguments);
  bool bindMacro(const MacroDefinition &definition, Arguments &arguments);
  Value makeNamespace(Arguments arguments);

  // Expressions.
  Value evaluate(const Expression &expression);
  Value evaluateKind(const Expression &expression);
  Value evaluateDict(const Expression &expression);
  Value evaluateComparison(const Expression &expression);
  Value evaluateConcatenation(const Expression &expression);
  Value evaluateSlice(const Expression &expression);
  Value evaluateCall(const Expression &expression);
  Value evaluateFilter(const Expression &expression);
  Value evaluateTest(const Expression &expression);
  std::vector<Value> evaluateAll(const std::vector<Expression *> &expressions);
  void evaluateArguments(const CallArguments *from, Arguments &arguments);
  Value call(const Value &function, Arguments arguments);

  const Ast &ast;
  Runtime &runtime;
  std::vector<const Value *> context; // by name; null where there is none
  std::shared_ptr<Scope> scope;
  /// What macros refer to, and namespaces: they may refer to each other in
  /// circles, so they live until the end.
  std::vector<std::shared_ptr<Scope>> captured;
  std::vector<std::shared_ptr<Object>> namespaces;
  Text output;
  Text *out = &output; // or the text of a block that is captured
  Value blockInput;    // what the filter of a block filters
  std::vector<ByteSpan> generations;
  uint32_t depth = 0; // of evaluation
};

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_INTERPRETER_H
