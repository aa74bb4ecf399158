//===- Parser.cpp - Statements of the template language -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text, output and tags. Which names a scope begins without is found out by
// Scopes.cpp afterwards.
//
//===----------------------------------------------------------------------===//

#include "jinja/Parser.h"

#include "io/Escape.h"
#include "io/Utf8.h"
#include "jinja/Builtins.h"
#include "jinja/Scopes.h"

using namespace sterna;
using namespace sterna::jinja;
using Kind = Statement::Kind;
using TokenKind = Token::Kind;

void Parser::failAt(uint32_t line, const std::string &message) {
  if (error.ok())
    error = errorAt(line, message);
  // Nothing more is read.
  place = tokens.size() - 1;
}

void Parser::fail(const std::string &message) { failAt(token().line, message); }

std::string Parser::found() const {
  switch (token().kind) {
  case TokenKind::End:
    return "the end of the template";
  case TokenKind::BlockEnd:
  case TokenKind::VariableEnd:
    return "the end of the tag";
  default:
    return "'" + excerpt(token().text, 40) + "'";
  }
}

bool Parser::skipName(std::string_view name) {
  if (!token().isName(name))
    return false;
  advance();
  return true;
}

bool Parser::skipOperator(std::string_view text) {
  if (!token().isOperator(text))
    return false;
  advance();
  return true;
}

void Parser::expectOperator(const char *text) {
  if (!skipOperator(text))
    fail(std::string("expected '") + text + "', but found " + found());
}

std::string_view Parser::expectName() {
  if (token().kind != TokenKind::Name) {
    fail("expected a name, but found " + found());
    return "";
  }
  std::string_view name = token().text;
  advance();
  return name;
}

void Parser::expectEnd() {
  if (token().kind == TokenKind::BlockEnd)
    advance();
  else
    fail("expected the end of the tag, but found " + found());
}

Statement *Parser::make(Kind kind) {
  Statement &statement = ast.statements.emplace_back();
  statement.kind = kind;
  statement.line = token().line;
  return &statement;
}

Status Parser::run() {
  ast.body = parseBlock({});
  return error;
}

/// Statements up to a tag whose name is one of `ends`, which is then the token.
Block Parser::parseBlock(Ends ends) {
  Block block;
  if (++nesting > limits.nesting)
    fail("tags are nested more than " + std::to_string(limits.nesting) +
         " deep");
  while (error.ok()) {
    if (token().kind == TokenKind::Data) {
      block.push_back(make(Kind::Text));
      block.back()->text = token().text;
      advance();
    } else if (token().kind == TokenKind::VariableBegin) {
      advance();
      block.push_back(make(Kind::Output));
      block.back()->value = parseTuple();
      if (error.ok() && token().kind != TokenKind::VariableEnd)
        fail("expected the end of the expression, but found " + found());
      advance();
    } else if (token().kind == TokenKind::BlockBegin) {
      advance();
      if (std::any_of(ends.begin(), ends.end(),
                      [&](const char *end) { return token().isName(end); }))
        break;
      block.push_back(parseStatement());
      if (error.ok())
        expectEnd();
    } else {
      if (ends.size())
        fail(std::string("expected {% ") + *(ends.end() - 1) +
             " %}, but found " + found());
      break;
    }
  }
  --nesting;
  return block;
}

/// The end of a tag and what follows up to a tag of `ends`.
Block Parser::parseBody(Ends ends) {
  skipOperator(":");
  expectEnd();
  return parseBlock(ends);
}

Statement *Parser::parseStatement() {
  std::string_view name = token().text;
  if (token().kind != TokenKind::Name)
    fail("expected the name of a tag, but found " + found());
  else if (name == "if")
    return parseIf();
  else if (name == "for")
    return parseFor();
  else if (name == "set")
    return parseSet();
  else if (name == "with")
    return parseWith();
  else if (name == "macro")
    return parseMacro();
  else if (name == "call")
    return parseCallBlock();
  else if (name == "filter")
    return parseFilterBlock();
  else if (name == "generation")
    return parseGeneration();
  else if (name == "break" || name == "continue")
    return parseLoopControl();
  else
    fail("the tag {% " + excerpt(name, 40) + " %} is not supported here");
  return make(Kind::Text);
}

Statement *Parser::parseIf() {
  Statement *statement = make(Kind::If);
  advance();
  bool wasLenient = lenient;
  lenient = true;
  statement->value = parseTuple(false);
  statement->body = parseBody({"elif", "else", "endif"});
  // Each elif is an If in the else of the one before.
  Statement *last = statement;
  for (uint32_t count = 0; error.ok() && token().isName("elif"); ++count) {
    if (count == limits.nesting)
      fail("an if has more than " + std::to_string(limits.nesting) + " elif");
    Statement *elif = make(Kind::If);
    advance();
    elif->value = parseTuple(false);
    elif->body = parseBody({"elif", "else", "endif"});
    last->otherwise = {elif};
    last = elif;
  }
  if (skipName("else"))
    last->otherwise = parseBody({"endif"});
  skipName("endif");
  lenient = wasLenient;
  return statement;
}

Statement *Parser::parseFor() {
  Statement *statement = make(Kind::For);
  advance();
  ++loops;
  statement->target = parseTarget(false, true);
  if (!skipName("in"))
    fail("expected 'in', but found " + found());
  statement->value = parseTuple(false, false, "recursive");
  bool wasLenient = lenient, wasInLoop = inLoop;
  lenient = false;
  if (skipName("if"))
    statement->condition = parseExpression();
  if (token().isName("recursive"))
    fail("{% for ... recursive %} is not supported");
  inLoop = true;
  statement->body = parseBody({"else", "endfor"});
  inLoop = wasInLoop;
  if (skipName("else"))
    statement->otherwise = parseBody({"endfor"});
  skipName("endfor");
  lenient = wasLenient;
  --loops;
  return statement;
}

Statement *Parser::parseLoopControl() {
  Statement *statement =
      make(token().isName("break") ? Kind::Break : Kind::Continue);
  if (!inLoop)
    fail("{% " + std::string(token().text) + " %} is outside of a loop");
  advance();
  return statement;
}

void Parser::checkTarget(const Expression *target) {
  if (target->kind == Expression::Kind::Variable) {
    if (loops && ast.names[target->name] == "loop")
      failAt(target->line, "the variable 'loop' is the loop's own");
  } else if (target->kind == Expression::Kind::Tuple) {
    for (const Expression *part : target->operands)
      checkTarget(part);
  } else if (target->kind != Expression::Kind::NamespaceTarget) {
    failAt(target->line, "only names and attributes of namespaces can be set");
  }
}

/// What is assigned to: a name, a.b, or several of these.
Expression *Parser::parseTarget(bool withNamespace, bool untilIn) {
  std::vector<Expression *> targets;
  bool isTuple = false;
  while (error.ok()) {
    if (!targets.empty() &&
        (atTupleEnd(untilIn ? "in" : nullptr) || token().isOperator("=")))
      break;
    Expression *target = parsePrimary();
    if (withNamespace && target->kind == Expression::Kind::Variable &&
        skipOperator(".")) {
      Expression *attribute = make(Expression::Kind::NamespaceTarget, {target});
      attribute->name = ast.nameOf(expectName());
      target = attribute;
    }
    targets.push_back(target);
    if (!skipOperator(","))
      break;
    isTuple = true;
  }
  Expression *target = isTuple || targets.empty()
                           ? make(Expression::Kind::Tuple, std::move(targets))
                           : targets[0];
  if (error.ok())
    checkTarget(target);
  return target;
}

Statement *Parser::parseSet() {
  Statement *statement = make(Kind::Set);
  advance();
  statement->target = parseTarget(true, false);
  if (skipOperator("=")) {
    statement->value = parseTuple();
    return statement;
  }
  statement->kind = Kind::SetBlock;
  while (error.ok() && token().isOperator("|"))
    statement->value = parseFilter(statement->value);
  bool wasLenient = lenient;
  lenient = false;
  statement->body = parseBody({"endset"});
  skipName("endset");
  lenient = wasLenient;
  return statement;
}

Statement *Parser::parseWith() {
  Statement *statement = make(Kind::With);
  advance();
  while (error.ok() && token().kind != TokenKind::BlockEnd) {
    if (!statement->targets.empty())
      expectOperator(",");
    // As in Jinja, a tuple needs parentheses here.
    statement->targets.push_back(parsePrimary());
    if (error.ok())
      checkTarget(statement->targets.back());
    expectOperator("=");
    statement->values.push_back(parseExpression());
  }
  bool wasLenient = lenient;
  lenient = false;
  statement->body = parseBody({"endwith"});
  skipName("endwith");
  lenient = wasLenient;
  return statement;
}

void Parser::parseSignature(MacroDefinition &macro) {
  expectOperator("(");
  while (error.ok() && !token().isOperator(")")) {
    std::string_view name = expectName();
    if (name == "caller" || name == "kwargs" || name == "varargs")
      fail("a parameter with the name '" + std::string(name) +
           "' is not supported");
    macro.parameters.push_back(ast.nameOf(name));
    if (skipOperator("="))
      macro.defaults.push_back(parseExpression());
    else if (!macro.defaults.empty())
      fail("a parameter without a default follows one with a default");
    if (!token().isOperator(")"))
      expectOperator(",");
  }
  expectOperator(")");
}

/// The body of a macro or a call block, in which an outer loop cannot be left.
Block Parser::parseFunctionBody(const char *end) {
  bool wasInLoop = inLoop, wasLenient = lenient;
  inLoop = lenient = false;
  Block body = parseBody({end});
  skipName(end);
  inLoop = wasInLoop;
  lenient = wasLenient;
  return body;
}

Statement *Parser::parseMacro() {
  Statement *statement = make(Kind::Macro);
  advance();
  statement->macro = &ast.macros.emplace_back();
  std::string_view name = expectName();
  if (loops && name == "loop")
    fail("the variable 'loop' is the loop's own");
  statement->macro->name = ast.nameOf(name);
  bool wasLenient = lenient;
  lenient = false;
  parseSignature(*statement->macro);
  lenient = wasLenient;
  statement->macro->body = parseFunctionBody("endmacro");
  return statement;
}

Statement *Parser::parseCallBlock() {
  Statement *statement = make(Kind::CallBlock);
  advance();
  statement->macro = &ast.macros.emplace_back();
  statement->macro->name = ast.nameOf("caller");
  if (token().isOperator("("))
    parseSignature(*statement->macro);
  statement->value = parseExpression();
  if (error.ok() && statement->value->kind != Expression::Kind::Call)
    fail("expected a call in {% call %}");
  statement->macro->body = parseFunctionBody("endcall");
  return statement;
}

Statement *Parser::parseFilterBlock() {
  Statement *statement = make(Kind::FilterBlock);
  advance();
  bool wasLenient = lenient;
  lenient = false;
  statement->value = parseFilter(nullptr);
  while (error.ok() && token().isOperator("|"))
    statement->value = parseFilter(statement->value);
  statement->body = parseBody({"endfilter"});
  skipName("endfilter");
  lenient = wasLenient;
  return statement;
}

Statement *Parser::parseGeneration() {
  Statement *statement = make(Kind::Generation);
  advance();
  statement->macro = &ast.macros.emplace_back();
  statement->macro->body = parseFunctionBody("endgeneration");
  return statement;
}

Expected<std::unique_ptr<Ast>> jinja::parseTemplate(std::string_view source,
                                                    const Limits &limits) {
  if (source.size() > limits.source)
    return Status::error("the template has " + std::to_string(source.size()) +
                         " bytes, and at most " +
                         std::to_string(limits.source) + " are read");
  auto ast = std::make_unique<Ast>();
  ast->source = normalizeNewlines(source);
  size_t invalid = findInvalidUtf8(ast->source);
  if (invalid < ast->source.size())
    return errorAt(1 + std::count(ast->source.begin(),
                                  ast->source.begin() + invalid, '\n'),
                   "there are bytes that are no UTF-8");
  auto tokens = tokenize(ast->source);
  if (!tokens.ok())
    return tokens.status();
  Status status = Parser(*ast, std::move(*tokens), limits).run();
  if (!status.ok())
    return status;
  analyzeScopes(*ast);
  return std::move(ast);
}
