//===- Ast.h - The syntax tree of a template ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions and statements, owned by the tree as a whole, so that none is
// destroyed recursively. Names are numbers, given in order of occurrence.
// Separate because the parser makes it, and scopes and interpreter read it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_AST_H
#define STERNA_RUNTIME_JINJA_AST_H

#include "jinja/Operators.h"

#include <deque>
#include <unordered_map>

namespace sterna::jinja {

/// The number of a name.
using Name = uint32_t;

struct Expression;
struct Filter;
struct Test;

/// The arguments of a call, a filter or a test.
struct CallArguments {
  std::vector<Expression *> positional;
  std::vector<std::pair<Name, Expression *>> named;
  Expression *morePositional = nullptr; // *argument
  Expression *moreNamed = nullptr;      // **argument
};

struct Expression {
  enum class Kind : uint8_t {
    Literal,
    Variable,
    NamespaceTarget, // a.b, to be assigned to
    List,
    Tuple,
    Dict, // operands: key, value, key, value, ...
    Not,
    And,
    Or,
    Negate,
    Plus,
    Binary,
    Comparison, // operands and the operators between them
    Concatenation,
    Conditional, // operands: condition, value, other value if any
    Attribute,
    Item,
    Slice, // operands: value, start, stop, step; null where left out
    Call,
    Filter, // no operand: of a block
    Test
  };

  Kind kind = Kind::Literal;
  Operator op = Operator::Add;
  uint32_t line = 1;
  uint32_t height = 1; // of the tree below
  Name name = 0;       // of a variable, attribute, filter or test
  Value literal;
  std::vector<Expression *> operands;
  std::vector<Operator> comparisons;
  CallArguments *arguments = nullptr;
  const Filter *filter = nullptr;
  const Test *test = nullptr;
};

struct Statement;
using Block = std::vector<Statement *>;

/// A function in the template: of a macro, or the body of a call block.
struct MacroDefinition {
  Name name = 0;
  std::vector<Name> parameters;
  std::vector<Expression *> defaults; // of the last parameters
  bool usesCaller = false, usesNamed = false, usesPositional = false;
  std::vector<Name> missing; // as Statement::missing
  Block body;
};

struct Statement {
  enum class Kind : uint8_t {
    Text,
    Output, // of `value`
    If,     // elif: an If alone in `otherwise`
    For,
    Break,
    Continue,
    Set,
    SetBlock, // `value`: a filter on the text, or null
    With,     // `targets` and `values`
    Macro,
    CallBlock, // `value`: the call
    FilterBlock,
    Generation
  };

  Kind kind = Kind::Text;
  uint32_t line = 1;
  std::string_view text;
  Expression *value = nullptr;     // condition, iterable, ...
  Expression *target = nullptr;    // of For and Set
  Expression *condition = nullptr; // of For
  std::vector<Expression *> targets, values;
  Block body, otherwise;
  MacroDefinition *macro = nullptr;
  /// Names that a scope of its own begins without, though it may be seen from
  /// outside of it: they are set in it before they are read.
  std::vector<Name> missing;
  std::vector<Name> otherwiseMissing; // of the `else` of a For
};

/// All of a template.
struct Ast {
  std::string source; // what views point into
  Block body;
  std::vector<Name> missing;
  std::vector<std::string> names; // by their number

  /// The number of `text`, a new one if need be.
  Name nameOf(std::string_view text);
  /// Its number, or the count of names if it does not occur.
  Name findName(std::string_view text) const;

  std::deque<Expression> expressions;
  std::deque<Statement> statements;
  std::deque<CallArguments> arguments;
  std::deque<MacroDefinition> macros;
  std::unordered_map<std::string, Name> numbers;
};

inline Name Ast::nameOf(std::string_view text) {
  auto [place, added] = numbers.try_emplace(std::string(text), names.size());
  if (added)
    names.emplace_back(text);
  return place->second;
}

inline Name Ast::findName(std::string_view text) const {
  auto place = numbers.find(std::string(text));
  return place == numbers.end() ? Name(names.size()) : place->second;
}

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_AST_H
