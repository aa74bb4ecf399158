//===- Interpreter.cpp - Statements of a template at work -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statements, and the scopes and macros that they make.
//
//===----------------------------------------------------------------------===//

#include "jinja/Interpreter.h"

#include "jinja/Print.h"

#include <algorithm>

using namespace sterna;
using namespace sterna::jinja;
using Kind = Statement::Kind;

Interpreter::Interpreter(const Ast &ast, const Dict &context, Runtime &runtime)
    : ast(ast), runtime(runtime), scope(std::make_shared<Scope>()) {
  for (const std::string &name : ast.names)
    this->context.push_back(context.find(name));
}

Interpreter::~Interpreter() {
  // Circles are cut one by one, so that nothing is destroyed recursively.
  for (const auto &scope : captured)
    scope->variables.clear();
  for (const auto &object : namespaces)
    static_cast<NamespaceObject &>(*object).attributes.clear();
}

Expected<Rendered> Interpreter::render() {
  for (Name name : ast.missing)
    set(name, Value::undefined("'" + ast.names[name] + "' is undefined"));
  execute(ast.body);
  if (runtime.failed())
    return runtime.error();
  return Rendered{std::move(output), std::move(generations)};
}

void Interpreter::write(const Value &value) {
  print(runtime, *out, value);
  if (out->weight() > runtime.limits.output)
    runtime.fail("the output has more than " +
                 std::to_string(runtime.limits.output) + " bytes");
}

Interpreter::Flow Interpreter::execute(const Block &block) {
  Flow flow = Flow::Next;
  if (++depth > runtime.limits.calls)
    runtime.fail("macros or expressions are nested too deep");
  for (const Statement *statement : block) {
    if (flow != Flow::Next || runtime.failed() || !runtime.spend())
      break;
    runtime.line = statement->line;
    flow = execute(*statement);
  }
  --depth;
  return flow;
}

Interpreter::Flow Interpreter::execute(const Statement &statement) {
  switch (statement.kind) {
  case Kind::Text:
    runtime.spendBytes(statement.text.size());
    out->append(statement.text);
    write(Value());
    break;
  case Kind::Output:
    write(evaluate(*statement.value));
    break;
  case Kind::If:
    return execute(isTrue(evaluate(*statement.value)) ? statement.body
                                                      : statement.otherwise);
  case Kind::For:
    return executeFor(statement);
  case Kind::Break:
    return Flow::Break;
  case Kind::Continue:
    return Flow::Continue;
  case Kind::Set:
    assign(*statement.target, evaluate(*statement.value));
    break;
  case Kind::SetBlock:
  case Kind::FilterBlock:
    executeSetBlock(statement);
    break;
  case Kind::With: {
    std::vector<Value> values = evaluateAll(statement.values);
    enter(statement.missing);
    for (size_t i = 0; i < values.size(); ++i)
      assign(*statement.targets[i], values[i]);
    Flow flow = execute(statement.body);
    leave();
    return flow;
  }
  case Kind::Macro:
    set(statement.macro->name, makeMacro(*statement.macro));
    break;
  case Kind::CallBlock:
    executeCallBlock(statement);
    break;
  case Kind::Generation:
    executeGeneration(statement);
    break;
  }
  return Flow::Next;
}

/// The items for which the loop's condition holds.
std::vector<Value> Interpreter::filterItems(const Statement &statement,
                                            std::vector<Value> items) {
  std::vector<Value> kept;
  for (Value &item : items) {
    if (runtime.failed())
      break;
    enter({});
    assign(*statement.target, item);
    if (isTrue(evaluate(*statement.condition)))
      kept.push_back(std::move(item));
    leave();
  }
  return kept;
}

Interpreter::Flow Interpreter::executeFor(const Statement &statement) {
  Value iterable = evaluate(*statement.value);
  std::vector<Value> items = runtime.iterate(iterable);
  if (statement.condition)
    items = filterItems(statement, std::move(items));
  auto loop = std::make_shared<LoopObject>();
  loop->items = runtime.list(std::move(items));
  loop->depth = loop->items.depth() + 1;
  if (runtime.failed())
    return Flow::Next;
  const std::vector<Value> &all = loop->items.items();
  Name loopName = ast.findName("loop");
  // As in Jinja, only an iteration that came to its end counts.
  bool finishedOne = false;
  for (size_t i = 0; i < all.size() && !runtime.failed(); ++i) {
    loop->index = i;
    enter(statement.missing);
    if (loopName < ast.names.size())
      set(loopName, Value::object(Value::Kind::Loop, loop));
    assign(*statement.target, all[i]);
    Flow flow = execute(statement.body);
    leave();
    if (flow == Flow::Break) {
      runtime.breakOff(iterable);
      break;
    }
    finishedOne |= flow == Flow::Next;
  }
  if (finishedOne || statement.otherwise.empty() || runtime.failed())
    return Flow::Next;
  enter(statement.otherwiseMissing);
  Flow flow = execute(statement.otherwise);
  leave();
  return flow;
}

/// {% set %} and {% filter %}, whose text goes through a filter.
void Interpreter::executeSetBlock(const Statement &statement) {
  Text text, *before = out;
  out = &text;
  enter(statement.missing);
  Flow flow = execute(statement.body);
  out = before;
  Value value = runtime.string(std::move(text));
  if (statement.value) {
    Value input = std::exchange(blockInput, value);
    value = evaluate(*statement.value);
    blockInput = std::move(input);
  }
  leave();
  if (flow != Flow::Next)
    runtime.fail("{% break %} and {% continue %} within {% set %} or {% filter "
                 "%} are not supported");
  else if (statement.kind == Kind::SetBlock)
    assign(*statement.target, value);
  else
    write(value);
}

void Interpreter::executeCallBlock(const Statement &statement) {
  const Expression &expression = *statement.value;
  Value function = evaluate(*expression.operands[0]);
  Arguments arguments;
  evaluateArguments(expression.arguments, arguments);
  arguments.named.emplace_back("caller", makeMacro(*statement.macro));
  if (runtime.failed())
    return;
  Value result = call(function, std::move(arguments));
  if (!result.isString() && !runtime.failed())
    runtime.fail("what {% call %} calls gives no string");
  write(result);
}

void Interpreter::executeGeneration(const Statement &statement) {
  if (out != &output) {
    runtime.fail("{% generation %} within a macro or a block that is set or "
                 "filtered is not supported");
    return;
  }
  size_t begin = output.size();
  enter(statement.macro->missing);
  execute(statement.macro->body);
  leave();
  generations.push_back({begin, output.size()});
}

void Interpreter::enter(const std::vector<Name> &missing) {
  runtime.spend(4); // it takes memory
  auto inner = std::make_shared<Scope>();
  inner->outer = std::move(scope);
  scope = std::move(inner);
  for (Name name : missing)
    set(name, Value::undefined("'" + ast.names[name] + "' is undefined"));
}

void Interpreter::set(Name name, Value value) {
  runtime.spend(scope->variables.size() / 16);
  for (auto &[known, old] : scope->variables)
    if (known == name) {
      old = std::move(value);
      return;
    }
  scope->variables.emplace_back(name, std::move(value));
}

void Interpreter::assign(const Expression &target, const Value &value) {
  if (runtime.failed())
    return;
  if (target.kind == Expression::Kind::Variable)
    return set(target.name, value);
  const std::string &name = ast.names[target.name];
  if (target.kind == Expression::Kind::NamespaceTarget) {
    Value base = evaluate(*target.operands[0]);
    if (!base.is(Value::Kind::Namespace)) {
      runtime.fail("the attribute '" + name + "' is set of a " +
                   base.typeName() + ", and only namespaces can be changed");
      return;
    }
    if (name[0] == '_') {
      runtime.fail("the attribute '" + name +
                   "' of a namespace begins with an underscore");
      return;
    }
    static_cast<NamespaceObject &>(*base.object()).attributes[name] = value;
    return;
  }
  std::vector<Value> items = runtime.iterate(value);
  if (items.size() != target.operands.size()) {
    runtime.fail("expected " + std::to_string(target.operands.size()) +
                 " values to unpack, but there are " +
                 std::to_string(items.size()));
    return;
  }
  for (size_t i = 0; i < items.size(); ++i)
    assign(*target.operands[i], items[i]);
}

Value Interpreter::lookUp(Name name) {
  for (const Scope *each = scope.get(); each; each = each->outer.get()) {
    runtime.spend(each->variables.size() / 16);
    for (const auto &[known, value] : each->variables)
      if (known == name)
        return value;
  }
  if (context[name])
    return *context[name];
  const std::string &text = ast.names[name];
  if (const Builtin *function = findFunction(text)) {
    auto object = std::make_shared<FunctionObject>();
    object->function = function;
    return Value::object(Value::Kind::Function, std::move(object));
  }
  return Value::undefined("'" + text + "' is undefined");
}

Value Interpreter::makeMacro(const MacroDefinition &definition) {
  auto macro = std::make_shared<MacroObject>();
  macro->definition = &definition;
  macro->scope = scope;
  runtime.charge(*macro, sizeof(MacroObject) + 32);
  // Scopes around it are kept by it, but may be in a circle, too.
  for (auto each = scope; each && !each->captured; each = each->outer) {
    each->captured = true;
    captured.push_back(each);
    runtime.charge(*macro, sizeof(Scope) + 64);
  }
  return Value::object(Value::Kind::Macro, std::move(macro));
}

/// Sets the parameters in the scope of the macro; what is left in `arguments`
/// goes into kwargs and varargs.
bool Interpreter::bindMacro(const MacroDefinition &definition,
                            Arguments &arguments) {
  auto takeNamed = [&](const std::string &name) -> std::optional<Value> {
    for (auto place = arguments.named.begin(); place != arguments.named.end();
         ++place) {
      if (place->first != name)
        continue;
      Value value = std::move(place->second);
      arguments.named.erase(place);
      return value;
    }
    return std::nullopt;
  };
  const auto &parameters = definition.parameters;
  size_t given = std::min(parameters.size(), arguments.positional.size());
  std::vector<std::optional<Value>> values(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    values[i] = i < given ? arguments.positional[i]
                          : takeNamed(ast.names[parameters[i]]);
    set(parameters[i],
        values[i].value_or(Value::undefined(
            "the parameter '" + ast.names[parameters[i]] + "' was not given")));
  }
  arguments.positional.erase(arguments.positional.begin(),
                             arguments.positional.begin() + given);
  size_t firstDefault = parameters.size() - definition.defaults.size();
  for (size_t i = firstDefault; i < parameters.size(); ++i)
    if (!values[i])
      set(parameters[i], evaluate(*definition.defaults[i - firstDefault]));
  if (definition.usesCaller)
    set(ast.findName("caller"),
        takeNamed("caller").value_or(Value::undefined("there is no caller")));
  const std::string name = "the macro '" + ast.names[definition.name] + "'";
  if (!definition.usesNamed && !arguments.named.empty())
    runtime.fail(name + " has no parameter '" + arguments.named[0].first + "'");
  if (!definition.usesPositional && !arguments.positional.empty())
    runtime.fail(name + " takes " + std::to_string(parameters.size()) +
                 " arguments, but got more");
  return !runtime.failed();
}

Value Interpreter::callMacro(const MacroObject &macro, Arguments arguments) {
  const MacroDefinition &definition = *macro.definition;
  std::shared_ptr<Scope> scopeBefore = scope;
  Text text, *outBefore = out;
  out = &text;
  scope = macro.scope;
  enter(definition.missing);
  if (bindMacro(definition, arguments)) {
    if (definition.usesNamed) {
      Dict named;
      for (auto &[name, value] : arguments.named)
        named.set(name, std::move(value));
      set(ast.findName("kwargs"), runtime.dict(std::move(named)));
    }
    if (definition.usesPositional)
      set(ast.findName("varargs"),
          runtime.tuple(std::move(arguments.positional)));
    execute(definition.body);
  }
  scope = std::move(scopeBefore);
  out = outBefore;
  return runtime.string(std::move(text));
}

Value Interpreter::makeNamespace(Arguments arguments) {
  auto object = std::make_shared<NamespaceObject>();
  if (arguments.positional.size() > 1)
    return runtime.fail("namespace takes one argument without a name at most");
  if (!arguments.positional.empty()) {
    const Value &from = arguments.positional[0];
    if (!from.isDict())
      return runtime.fail("namespace takes a dictionary");
    for (const auto &[key, value] : from.asDict().entries()) {
      if (!key.isString())
        return runtime.fail("an attribute of a namespace has to be a string");
      object->attributes[key.asString()] = value;
    }
  }
  for (auto &[name, value] : arguments.named)
    object->attributes[name] = std::move(value);
  for (const auto &[name, value] : object->attributes)
    if (!name.empty() && name[0] == '_')
      return runtime.fail("the attribute '" + name +
                          "' of a namespace begins with an underscore");
  runtime.charge(*object, sizeof(NamespaceObject) +
                              object->attributes.size() * 3 * sizeof(Value));
  namespaces.push_back(object);
  return Value::object(Value::Kind::Namespace, std::move(object));
}
