//===- Parser.h - Tokens to a syntax tree ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The grammar of Jinja's expressions and statements. What it has no support for
// is refused here by its name.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_JINJA_PARSER_H
#define STERNA_RUNTIME_JINJA_PARSER_H

#include "jinja/Ast.h"
#include "jinja/Lexer.h"

#include <initializer_list>
#include <memory>

namespace sterna::jinja {

/// The tree of the template `source`.
Expected<std::unique_ptr<Ast>> parseTemplate(std::string_view source,
                                             const Limits &limits);

/// Errors are sticky, as those of a Runtime: after one, the parser stands on
/// the last token, at which every rule ends.
class Parser {
public:
  Parser(Ast &ast, std::vector<Token> tokens, const Limits &limits)
      : ast(ast), tokens(std::move(tokens)), limits(limits) {}

  /// Parses all of the template.
  Status run();

private:
  // Statements, in Parser.cpp.
  using Ends = std::initializer_list<const char *>;
  Block parseBlock(Ends ends);
  Statement *parseStatement();
  Statement *parseIf();
  Statement *parseFor();
  Statement *parseSet();
  Statement *parseWith();
  Statement *parseMacro();
  Statement *parseCallBlock();
  Statement *parseFilterBlock();
  Statement *parseGeneration();
  Statement *parseLoopControl();
  Block parseBody(Ends ends);
  Block parseFunctionBody(const char *end);
  void parseSignature(MacroDefinition &macro);
  Expression *parseTarget(bool withNamespace, bool untilIn);
  void checkTarget(const Expression *target);

  // Expressions, in ExpressionParser.cpp.
  Expression *parseExpression(bool withConditional = true);
  Expression *parseTuple(bool withConditional = true,
                         bool parenthesized = false, const char *end = nullptr);
  Expression *parseLogical(int level);
  Expression *parseComparison();
  Expression *parseArithmetic(int level);
  Expression *parseUnary(bool withFilter = true);
  Expression *parsePrimary();
  Expression *parseName();
  Expression *parseString();
  Expression *parseNumber();
  Expression *parseList();
  Expression *parseDict();
  Expression *parsePostfix(Expression *value);
  Expression *parseSubscript(Expression *value);
  Expression *parseSubscripted(Expression *value);
  Expression *parseFilters(Expression *value);
  Expression *parseFilter(Expression *value);
  Expression *parseTest(Expression *value);
  CallArguments *parseArguments();
  void parseArgument(CallArguments &arguments);
  bool atTupleEnd(const char *end) const;

  Expression *make(Expression::Kind kind, std::vector<Expression *> operands);
  Expression *makeCall(Expression *function);
  Statement *make(Statement::Kind kind);
  void limitHeight(Expression &expression, const Expression *below);

  const Token &token() const { return tokens[place]; }
  const Token &next() const {
    return tokens[std::min(place + 1, tokens.size() - 1)];
  }
  void advance() {
    if (place + 1 < tokens.size())
      ++place;
  }
  bool skipName(std::string_view name);
  bool skipOperator(std::string_view text);
  void expectOperator(const char *text);
  std::string_view expectName();
  void expectEnd();
  void fail(const std::string &message);
  void failAt(uint32_t line, const std::string &message);
  std::string found() const;

  Ast &ast;
  std::vector<Token> tokens;
  const Limits &limits;
  size_t place = 0;
  uint32_t nesting = 0; // of the rules that recurse
  uint32_t loops = 0;   // around
  bool inLoop = false;  // where break may stand
  bool lenient = false; // unknown filters fail only when they are used
  Status error;
};

} // namespace sterna::jinja

#endif // STERNA_RUNTIME_JINJA_PARSER_H
