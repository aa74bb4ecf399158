//===- RegexSyntax.cpp - Published regular expressions, as PCRE2 reads them -=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the expression, which copies what means the same and rewrites
// the rest.
//
//===----------------------------------------------------------------------===//

#include "text/RegexSyntax.h"

#include "io/Escape.h"
#include "io/Text.h"
#include "text/Unicode.h"

#include <cstdio>
#include <vector>

using namespace sterna;

namespace {

/// Inside of a set: white space, and all other characters.
constexpr std::string_view spaces =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view notSpaces =
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}"
    "\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
    "\\x{3001}-\\x{10ffff}";
constexpr std::string_view wordCharacters =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
/// Outside of a set, `\w` also matches the superscripts and fractions of
/// Latin-1.
constexpr std::string_view lowNumbers = "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";

constexpr std::string_view categories[] = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",
    "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
    "S",  "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "Cc", "Cf"};

/// Scripts that published expressions name.
constexpr std::string_view scripts[] = {
    "Arabic",   "Armenian", "Bengali",   "Bopomofo",  "Cyrillic", "Devanagari",
    "Ethiopic", "Georgian", "Greek",     "Gujarati",  "Gurmukhi", "Han",
    "Hangul",   "Hebrew",   "Hiragana",  "Kannada",   "Katakana", "Khmer",
    "Lao",      "Latin",    "Malayalam", "Mongolian", "Myanmar",  "Sinhala",
    "Tamil",    "Telugu",   "Thai",      "Tibetan"};

/// Letters that one character, such as U+00DF for "ss", stands for where case
/// is ignored; only PCRE2 leaves that character out.
constexpr std::string_view foldedPairs[] = {"ss", "ff", "fi", "fl", "st"};

bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

class Translator {
public:
  explicit Translator(std::string_view pattern) : pattern(pattern) {}

  Expected<std::string> run() {
    while (!atEnd())
      if (Status status = translateItem(); !status.ok())
        return status;
    if (groups.size() != 1)
      return fail("a group is not closed");
    return std::move(result);
  }

private:
  /// An open group: whether case is ignored in it, and where it began.
  struct Group {
    bool ignoresCase = false;
    size_t begin = 0;
  };

  bool atEnd() const { return position == pattern.size(); }
  char peek(size_t ahead = 0) const {
    return position + ahead < pattern.size() ? pattern[position + ahead] : '\0';
  }
  bool take(std::string_view text) {
    if (pattern.substr(position, text.size()) != text)
      return false;
    position += text.size();
    return true;
  }

  Status fail(const std::string &what) const {
    return Status::error("the regular expression '" + excerpt(pattern, 80) +
                         "' cannot be used: at byte " +
                         std::to_string(position) + ", " + what);
  }
  Status unsupported(const std::string &what) const {
    return fail(what + " is not supported");
  }

  Status translateItem() {
    switch (peek()) {
    case '(':
      return openGroup();
    case ')':
      return closeGroup();
    case '[':
      return translateSet();
    case '\\':
      return translateEscape();
    case '*':
    case '+':
    case '?':
    case '{':
      return translateQuantifier();
    case '|':
    case '^':
    case '$':
      result += pattern[position++];
      forgetAtom();
      return Status::success();
    case '.':
      beginAtom();
      result += pattern[position++];
      return Status::success();
    default:
      return translateLiteral();
    }
  }

  void beginAtom() {
    atom = result.size();
    lastLetter = '\0';
  }

  /// Nothing that could be repeated stands before what follows.
  void forgetAtom() {
    atom = std::string::npos;
    lastLetter = '\0';
  }

  Status openGroup() {
    Group group = groups.back();
    group.begin = result.size();
    if (take("(?i:")) {
      group.ignoresCase = true;
      result += "(?i:";
    } else {
      constexpr std::string_view kinds[] = {"(?:",  "(?=",  "(?!",
                                            "(?<=", "(?<!", "(?>"};
      bool taken = false;
      for (std::string_view kind : kinds) {
        taken = !taken && take(kind);
        if (taken) {
          result += kind;
          break;
        }
      }
      if (!taken && peek(1) == '?')
        return unsupported("this kind of group");
      if (!taken) {
        // What is captured is never asked for.
        result += "(?:";
        ++position;
      }
    }
    groups.push_back(group);
    forgetAtom();
    return Status::success();
  }

  Status closeGroup() {
    if (groups.size() == 1)
      return fail("a group is closed that was not opened");
    size_t begin = groups.back().begin;
    groups.pop_back();
    ++position;
    result += ')';
    atom = begin;
    lastLetter = '\0';
    return Status::success();
  }

  Status translateLiteral() {
    Character character = firstCharacter(pattern.substr(position));
    char before = lastLetter;
    beginAtom();
    if (groups.back().ignoresCase) {
      char letter = lower(peek());
      if (character.code >= 0x80)
        return unsupported("a letter beyond ASCII where case is ignored");
      const char pair[] = {before, letter};
      if (contains(foldedPairs, std::string_view(pair, 2)))
        return unsupported("'" + std::string(pair, 2) +
                           "' where case is ignored");
      lastLetter = letter;
    }
    appendLiteral(character.code);
    position += character.length;
    return Status::success();
  }

  /// Writes a character that means itself, in a set or outside.
  void appendLiteral(char32_t code) {
    if (code < 0x80 && (isLetter(static_cast<char>(code)) ||
                        isDigit(static_cast<char>(code)))) {
      result += static_cast<char>(code);
      return;
    }
    char name[16];
    std::snprintf(name, sizeof name, "\\x{%x}", static_cast<unsigned>(code));
    result += name;
  }

  Status translateQuantifier() {
    size_t begin = position;
    std::string quantifier;
    bool interval = peek() == '{';
    if (interval) {
      if (Status status = readInterval(quantifier); !status.ok())
        return status;
      if (quantifier.empty()) // no interval: a brace
        return translateLiteral();
    } else {
      quantifier = pattern[position++];
    }
    if (atom == std::string::npos) {
      position = begin;
      return fail("there is nothing to repeat");
    }
    // `{2,3}?` is lazy, but `{2}?` and `{2,3}+` repeat a repetition.
    bool lazy = peek() == '?' &&
                (!interval || quantifier.find(',') != std::string::npos);
    bool possessive = peek() == '+' && !interval;
    result += quantifier;
    if (lazy || possessive)
      result += pattern[position++];
    // A further quantifier applies to all of this.
    if (peek() == '?' || peek() == '*' || peek() == '+' || peek() == '{') {
      result.insert(atom, "(?:");
      result += ')';
    }
    lastLetter = '\0';
    return Status::success();
  }

  /// Reads `{n}`, `{n,}`, `{,m}` or `{n,m}`; gives nothing where the brace
  /// begins none of them.
  Status readInterval(std::string &quantifier) {
    size_t end = position + 1;
    auto number = [&] {
      size_t begin = end;
      while (end < pattern.size() && isDigit(pattern[end]))
        ++end;
      return std::string(pattern.substr(begin, end - begin));
    };
    std::string least = number();
    bool comma = end < pattern.size() && pattern[end] == ',';
    end += comma ? 1 : 0;
    std::string most = comma ? number() : std::string();
    if (end >= pattern.size() || pattern[end] != '}' ||
        (least.empty() && most.empty()))
      return Status::success();
    // Such a text compiles to as many copies of what is repeated.
    if (least.size() > 3 || most.size() > 3)
      return unsupported("to repeat a thousand times or more");
    quantifier = "{" + (least.empty() ? "0" : least);
    quantifier += (comma ? "," + most : std::string()) + "}";
    position = end + 1;
    return Status::success();
  }

  /// Reads `\x41`, `\x{41}` or `\u0041`, behind the letter.
  Expected<char32_t> readHexadecimal(size_t digits) {
    bool braces = digits == 2 && take("{");
    char32_t code = 0;
    size_t count = 0;
    for (size_t most = braces ? 6 : digits; count < most; ++count, ++position) {
      char c = lower(peek());
      if (!isDigit(c) && !(c >= 'a' && c <= 'f'))
        break;
      code = code * 16 +
             static_cast<char32_t>(isDigit(c) ? c - '0' : c - 'a' + 10);
    }
    bool whole = braces ? count > 0 && take("}") : count == digits;
    bool valid = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
    // A byte alone would be half a character.
    if (!whole || !valid || (!braces && digits == 2 && code >= 0x80))
      return fail("expected a character's number in hexadecimal digits");
    return code;
  }

  /// What an escape stands for: one character, or part of a set.
  struct Escape {
    bool isCharacter = false;
    char32_t code = 0;
    std::string set;
    bool negated = false; // the complement of `set`
  };

  Expected<Escape> readEscape() {
    ++position;
    if (atEnd())
      return fail("a backslash ends it");
    char letter = peek();
    if (!isLetter(letter) && !isDigit(letter)) {
      Character character = firstCharacter(pattern.substr(position));
      position += character.length;
      return Escape{true, character.code, {}, false};
    }
    ++position;
    constexpr std::string_view names = "rntfvae";
    constexpr std::string_view codes = "\r\n\t\f\v\a\x1B";
    if (size_t index = names.find(letter); index != std::string_view::npos)
      return Escape{true, static_cast<char32_t>(codes[index]), {}, false};
    switch (letter) {
    case 'x':
    case 'u': {
      Expected<char32_t> code = readHexadecimal(letter == 'x' ? 2 : 4);
      if (!code.ok())
        return code.status();
      return Escape{true, *code, {}, false};
    }
    case 's':
    case 'S':
      return Escape{false, 0, std::string(spaces), letter == 'S'};
    case 'd':
    case 'D':
      return Escape{false, 0, "\\p{Nd}", letter == 'D'};
    case 'w':
    case 'W':
      return Escape{false, 0, std::string(wordCharacters), letter == 'W'};
    case 'h':
    case 'H':
      return Escape{false, 0, "0-9a-fA-F", letter == 'H'};
    case 'p':
    case 'P':
      return readProperty(letter == 'P');
    default:
      --position;
      return unsupported(std::string("'\\") + letter + "'");
    }
  }

  Expected<Escape> readProperty(bool negated) {
    if (!take("{"))
      return fail("expected '{' and the name of a property");
    if (take("^"))
      negated = !negated;
    size_t end = pattern.find('}', position);
    if (end == std::string_view::npos)
      return fail("the name of a property has no end");
    std::string_view name = pattern.substr(position, end - position);
    Escape escape;
    escape.negated = negated;
    if (contains(categories, name))
      escape.set = "\\p{" + std::string(name) + "}";
    else if (contains(scripts, name))
      escape.set = "\\p{sc:" + std::string(name) + "}";
    else
      return unsupported("the property '" + excerpt(name) + "'");
    position = end + 1;
    return escape;
  }

  Status translateEscape() {
    if (peek(1) == 'A' || peek(1) == 'z' || peek(1) == 'Z') {
      result += pattern.substr(position, 2);
      position += 2;
      forgetAtom();
      return Status::success();
    }
    Expected<Escape> escape = readEscape();
    if (!escape.ok())
      return escape.status();
    if (escape->isCharacter && escape->code >= 0x80 &&
        groups.back().ignoresCase)
      return unsupported("a letter beyond ASCII where case is ignored");
    beginAtom();
    if (escape->isCharacter) {
      appendLiteral(escape->code);
    } else {
      result += escape->negated ? "[^" : "[";
      result += escape->set;
      if (escape->set == wordCharacters)
        result += lowNumbers;
      result += ']';
    }
    return Status::success();
  }

  Status translateSet() {
    beginAtom();
    ++position;
    result += '[';
    if (take("^"))
      result += '^';
    if (peek() == ']')
      return unsupported("an empty set");
    while (peek() != ']') {
      if (atEnd())
        return fail("a set is not closed");
      if (Status status = translateSetItem(); !status.ok())
        return status;
    }
    ++position;
    result += ']';
    return Status::success();
  }

  /// One character of a set, a range, or a class such as `\s`.
  Status translateSetItem() {
    if (peek() == '[')
      return unsupported("a set in a set");
    if (peek() == '&' && peek(1) == '&')
      return unsupported("an intersection of sets");
    Expected<Escape> first = readSetCharacter();
    if (!first.ok())
      return first.status();
    if (!first->isCharacter)
      return appendClass(*first);
    appendLiteral(first->code);
    if (peek() != '-' || peek(1) == ']')
      return Status::success();
    ++position;
    if (peek() == '[')
      return unsupported("a set in a set");
    Expected<Escape> last = readSetCharacter();
    if (!last.ok())
      return last.status();
    if (!last->isCharacter || last->code < first->code)
      return fail("a range has no end, or ends before it begins");
    result += '-';
    appendLiteral(last->code);
    return Status::success();
  }

  Expected<Escape> readSetCharacter() {
    if (atEnd())
      return fail("a set is not closed");
    if (peek() == '\\')
      return readEscape();
    Character character = firstCharacter(pattern.substr(position));
    position += character.length;
    return Escape{true, character.code, {}, false};
  }

  Status appendClass(const Escape &escape) {
    if (!escape.negated)
      result += escape.set;
    else if (escape.set == spaces)
      result += notSpaces;
    else if (escape.set.substr(0, 3) == "\\p{" && escape.set != wordCharacters)
      result += "\\P" + escape.set.substr(2);
    else
      return unsupported("'\\W' or '\\H' in a set");
    return Status::success();
  }

  std::string_view pattern;
  size_t position = 0;
  std::string result;
  std::vector<Group> groups = std::vector<Group>(1);
  size_t atom = std::string::npos; // where what may be repeated begins
  char lastLetter = '\0';          // just written where case is ignored
};

} // namespace

Expected<std::string> sterna::toPcre2Syntax(std::string_view pattern) {
  if (findInvalidUtf8(pattern) != pattern.size())
    return Status::error("a regular expression is not UTF-8");
  return Translator(pattern).run();
}
