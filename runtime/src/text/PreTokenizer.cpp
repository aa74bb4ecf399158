//===- PreTokenizer.cpp - Text to words -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See PreTokenizer.h. A byte-level vocabulary spells words in its own alphabet:
// steps behind ByteLevel see that spelling, as the vocabulary's author did, and
// words are turned back into bytes at the end.
//
//===----------------------------------------------------------------------===//

#include "text/PreTokenizer.h"

#include "text/ByteAlphabet.h"
#include "text/Splitter.h"
#include "text/Unicode.h"

using namespace sterna;

namespace {

/// How GPT-2 splits text, which ByteLevel stands for.
constexpr std::string_view gpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

/// Calls add(begin, end, isMatch) for each character that `matches`, and for
/// what lies between them.
template <class Matches, class Add>
void findCharacters(std::string_view text, Matches matches, Add add) {
  size_t rest = 0;
  for (size_t i = 0; i < text.size();) {
    Character character = firstCharacter(text.substr(i));
    size_t end = i + character.length;
    if (matches(character.code)) {
      if (rest < i)
        add(rest, i, false);
      add(i, end, true);
      rest = end;
    }
    i = end;
  }
  if (rest < text.size())
    add(rest, text.size(), false);
}

/// The same for each place where `part` is.
template <class Add>
void findText(std::string_view text, std::string_view part, Add add) {
  size_t rest = 0;
  for (size_t found; !part.empty() &&
                     (found = text.find(part, rest)) != std::string_view::npos;
       rest = found + part.size()) {
    if (rest < found)
      add(rest, found, false);
    add(found, found + part.size(), true);
  }
  if (rest < text.size())
    add(rest, text.size(), false);
}

/// The same for each match of an expression.
template <class Add>
void findMatches(std::string_view text, RegexMatcher &matcher, Add add) {
  RegexIterator matches(matcher, text);
  size_t rest = 0;
  while (std::optional<RegexMatch> match = matches.next()) {
    if (rest < match->begin)
      add(rest, match->begin, false);
    add(match->begin, match->end, true);
    rest = match->end;
  }
  if (rest < text.size())
    add(rest, text.size(), false);
}

Status checkStep(const TextStep &step) {
  switch (step.kind) {
  case StepKind::Split:
  case StepKind::Punctuation:
    if (step.behavior < SplitBehavior::Isolated ||
        step.behavior > SplitBehavior::Contiguous)
      return Status::error("a pre-tokenizer has the unknown behavior " +
                           std::to_string(static_cast<int32_t>(step.behavior)));
    break;
  case StepKind::Metaspace:
    if (findInvalidUtf8(step.content) != step.content.size() ||
        step.content.empty() ||
        firstCharacter(step.content).length != step.content.size())
      return Status::error("expected the mark of Metaspace to be a character");
    break;
  case StepKind::ByteLevel:
  case StepKind::Digits:
  case StepKind::WhitespaceSplit:
    break;
  default:
    return Status::error("step " +
                         std::to_string(static_cast<int32_t>(step.kind)) +
                         " is no pre-tokenizer");
  }
  if (findInvalidUtf8(step.pattern) != step.pattern.size())
    return Status::error("a pre-tokenizer's text is not UTF-8");
  return Status::success();
}

/// The expression that a step splits at; empty where there is none.
std::string_view expressionOf(const TextStep &step) {
  if (step.kind == StepKind::Split && step.has(IsRegex))
    return step.pattern;
  if (step.kind == StepKind::ByteLevel && step.has(UseRegex))
    return gpt2Pattern;
  return {};
}

} // namespace

Expected<PreTokenizer> PreTokenizer::create(std::vector<TextStep> steps) {
  PreTokenizer result;
  for (TextStep &data : steps) {
    if (Status status = checkStep(data); !status.ok())
      return status;
    bool isByteLevel = data.kind == StepKind::ByteLevel;
    if (result.isByteLevel() &&
        (isByteLevel || data.kind == StepKind::Metaspace))
      return Status::error(
          "expected neither ByteLevel nor Metaspace behind ByteLevel");
    if (isByteLevel)
      result.byteLevel = static_cast<int>(result.steps.size());
    Step step;
    if (std::string_view pattern = expressionOf(data); !pattern.empty()) {
      Expected<Regex> regex = Regex::compile(pattern);
      if (!regex.ok())
        return regex.status();
      step.regex = std::move(*regex);
    }
    step.data = std::move(data);
    result.steps.push_back(std::move(step));
  }
  return result;
}

PreTokenizerRun::PreTokenizerRun(const PreTokenizer &preTokenizer,
                                 bool keepsOrigins, WordReceiver &receiver)
    : preTokenizer(preTokenizer), keepsOrigins(keepsOrigins),
      receiver(receiver), matchers(preTokenizer.steps.size()) {
  for (size_t i = 0; i < matchers.size(); ++i)
    if (const std::optional<Regex> &regex = preTokenizer.steps[i].regex)
      matchers[i].emplace(*regex);
}

/// Calls pattern(add) and hands on what the behavior leaves.
template <class Pattern>
void PreTokenizerRun::splitAt(size_t step, const TextSpan &text,
                              SplitBehavior behavior, bool invert,
                              Pattern pattern) {
  Splitter splitter(behavior, invert, [&](size_t begin, size_t end) {
    runStep(step + 1, text.slice(begin, end));
  });
  pattern([&](size_t begin, size_t end, bool isMatch) {
    splitter.add(begin, end, isMatch);
  });
  splitter.finish();
}

void PreTokenizerRun::runStep(size_t index, const TextSpan &text) {
  if (text.text.empty())
    return;
  if (index == preTokenizer.steps.size()) {
    give(text);
    return;
  }
  const TextStep &step = preTokenizer.steps[index].data;
  switch (step.kind) {
  case StepKind::Split:
    runSplit(index, text);
    break;
  case StepKind::ByteLevel:
    runByteLevel(index, text);
    break;
  case StepKind::Metaspace:
    runMetaspace(index, text);
    break;
  case StepKind::Digits:
    splitAt(index, text,
            step.has(Individual) ? SplitBehavior::Isolated
                                 : SplitBehavior::Contiguous,
            false, [&](auto add) {
              findCharacters(text.text, isNumberCharacter, add);
            });
    break;
  case StepKind::Punctuation:
    splitAt(index, text, step.behavior, false, [&](auto add) {
      findCharacters(text.text, isPunctuationCharacter, add);
    });
    break;
  default: // WhitespaceSplit
    splitAt(index, text, SplitBehavior::Removed, false, [&](auto add) {
      findCharacters(text.text, isSpaceCharacter, add);
    });
    break;
  }
}

void PreTokenizerRun::runSplit(size_t index, const TextSpan &text) {
  const TextStep &step = preTokenizer.steps[index].data;
  splitAt(index, text, step.behavior, step.has(Invert), [&](auto add) {
    if (matchers[index])
      findMatches(text.text, *matchers[index], add);
    else
      findText(text.text, step.pattern, add);
  });
}

void PreTokenizerRun::runByteLevel(size_t index, const TextSpan &text) {
  const TextStep &step = preTokenizer.steps[index].data;
  AlignedText prefixed(keepsOrigins);
  TextSpan source = text;
  if (step.has(AddPrefixSpace) && !text.continues && text.text[0] != ' ') {
    prefixed.append(" ", text.originOf(0));
    prefixed.copy(text, 0, text.text.size());
    source = prefixed.span(text);
  }
  if (!matchers[index]) {
    spell(index, source);
    return;
  }
  findMatches(source.text, *matchers[index],
              [&](size_t begin, size_t end, bool) {
                spell(index, source.slice(begin, end));
              });
}

/// Spells bytes for the steps that follow, if any do.
void PreTokenizerRun::spell(size_t index, const TextSpan &text) {
  if (index + 1 == preTokenizer.steps.size()) {
    if (!text.text.empty())
      receiver.take(text);
    return;
  }
  AlignedText spelled(keepsOrigins);
  spellBytes(text, spelled);
  runStep(index + 1, spelled.span(text));
}

void PreTokenizerRun::runMetaspace(size_t index, const TextSpan &text) {
  const TextStep &step = preTokenizer.steps[index].data;
  const std::string &mark = step.content;
  AlignedText marked(keepsOrigins);
  bool starts = text.text[0] == ' ' || text.text.substr(0, mark.size()) == mark;
  bool prepends =
      step.has(PrependAlways) || (step.has(PrependFirst) && text.startsText);
  if (prepends && !starts && !text.continues)
    marked.append(mark, text.originOf(0));
  size_t rest = 0;
  for (size_t found;
       (found = text.text.find(' ', rest)) != std::string_view::npos;
       rest = found + 1) {
    marked.copy(text, rest, found);
    marked.append(mark, text.originOf(found));
  }
  marked.copy(text, rest, text.text.size());
  TextSpan source = marked.span(text);
  if (!step.has(SplitAtMark)) {
    runStep(index + 1, source);
    return;
  }
  splitAt(index, source, SplitBehavior::MergedWithNext, false,
          [&](auto add) { findText(source.text, mark, add); });
}

/// Hands a word on that all steps have seen.
void PreTokenizerRun::give(const TextSpan &word) {
  if (!preTokenizer.isByteLevel()) {
    receiver.take(word);
    return;
  }
  AlignedText bytes(keepsOrigins);
  for (size_t i = 0; i < word.text.size();) {
    Character character = firstCharacter(word.text.substr(i));
    char byte = static_cast<char>(byteOfCharacter(character.code));
    bytes.append({&byte, 1}, word.originOf(i));
    i += character.length;
  }
  receiver.take(bytes.span(word));
}
