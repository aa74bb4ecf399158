//===- Normalizer.cpp - What happens to text before it is split -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Normalizer.h.
//
//===----------------------------------------------------------------------===//

#include "text/Normalizer.h"

#include "text/NormalForm.h"
#include "text/Unicode.h"

#include <algorithm>

using namespace sterna;

namespace {

NormalForm formOf(StepKind kind) {
  NormalForm form;
  form.compose = kind == StepKind::Nfc || kind == StepKind::Nfkc;
  form.compatibility = kind == StepKind::Nfkc || kind == StepKind::Nfkd;
  return form;
}

void replaceText(const TextStep &step, const TextSpan &source,
                 AlignedText &result) {
  size_t begin = 0;
  for (size_t found; (found = source.text.find(step.pattern, begin)) !=
                     std::string_view::npos;
       begin = found + step.pattern.size()) {
    result.copy(source, begin, found);
    result.append(step.content,
                  source.originOf(found + step.pattern.size() - 1));
  }
  result.copy(source, begin, source.text.size());
}

void replaceMatches(const TextStep &step, const Regex &regex,
                    const TextSpan &source, AlignedText &result) {
  RegexMatcher matcher(regex);
  RegexIterator matches(matcher, source.text);
  size_t begin = 0;
  while (std::optional<RegexMatch> match = matches.next()) {
    result.copy(source, begin, match->begin);
    size_t last = match->end > match->begin ? match->end - 1 : match->begin;
    result.append(step.content,
                  source.originOf(std::min(last, source.text.size() - 1)));
    begin = match->end;
  }
  result.copy(source, begin, source.text.size());
}

void strip(const TextStep &step, const TextSpan &source, AlignedText &result) {
  size_t begin = 0, end = source.text.size();
  while (step.has(Left) && begin < end) {
    Character character = firstCharacter(source.text.substr(begin));
    if (!isSpaceCharacter(character.code))
      break;
    begin += character.length;
  }
  while (step.has(Right) && begin < end) {
    Character character = lastCharacter(source.text.substr(begin, end - begin));
    if (!isSpaceCharacter(character.code))
      break;
    end -= character.length;
  }
  result.copy(source, begin, end);
}

void lowerCase(const TextSpan &source, AlignedText &result) {
  std::string lower;
  for (size_t i = 0; i < source.text.size();) {
    Character character = firstCharacter(source.text.substr(i));
    lower.clear();
    appendLowerCase(lower, character.code);
    result.append(lower, source.originOf(i + character.length - 1));
    i += character.length;
  }
}

Status checkStep(const TextStep &step) {
  switch (step.kind) {
  case StepKind::Nfc:
  case StepKind::Nfd:
  case StepKind::Nfkc:
  case StepKind::Nfkd:
  case StepKind::Lowercase:
  case StepKind::Strip:
  case StepKind::Prepend:
    break;
  case StepKind::Replace:
    if (step.pattern.empty())
      return Status::error("a normalizer replaces an empty text");
    break;
  default:
    return Status::error("step " +
                         std::to_string(static_cast<int32_t>(step.kind)) +
                         " is no normalizer");
  }
  if (findInvalidUtf8(step.pattern) != step.pattern.size() ||
      findInvalidUtf8(step.content) != step.content.size())
    return Status::error("a normalizer's text is not UTF-8");
  return Status::success();
}

/// How many times longer a step can make a text, rounded up.
size_t growthOf(const TextStep &step) {
  switch (step.kind) {
  case StepKind::Nfkc:
  case StepKind::Nfkd:
    return 12; // U+FDFA is spelled out in 33 bytes
  case StepKind::Nfd:
  case StepKind::Lowercase:
    return 4;
  case StepKind::Replace:
    return step.has(IsRegex) ? step.content.size() + 1
                             : step.content.size() / step.pattern.size() + 1;
  default:
    return 1;
  }
}

/// Steps that make text longer than this many times are no one's, and would
/// take any amount of memory.
constexpr size_t mostGrowth = 512;
constexpr size_t longestContent = 256;

} // namespace

Expected<Normalizer> Normalizer::create(std::vector<TextStep> steps) {
  Normalizer normalizer;
  size_t growth = 1;
  for (TextStep &data : steps) {
    if (Status status = checkStep(data); !status.ok())
      return status;
    growth *= growthOf(data);
    if (growth > mostGrowth || data.content.size() > longestContent)
      return Status::error("the normalizers can make text more than " +
                           std::to_string(mostGrowth) + " times longer");
    Step step;
    if (data.kind == StepKind::Replace && data.has(IsRegex)) {
      Expected<Regex> regex = Regex::compile(data.pattern);
      if (!regex.ok())
        return regex.status();
      step.regex = std::move(*regex);
    }
    step.data = std::move(data);
    normalizer.steps.push_back(std::move(step));
  }
  return normalizer;
}

TextSpan Normalizer::run(const TextSpan &source, AlignedText &first,
                         AlignedText &second) const {
  TextSpan current = source;
  AlignedText *written = &first;
  for (const Step &step : steps) {
    // No step makes text of nothing.
    if (current.text.empty())
      break;
    if (!changes(step, current))
      continue;
    written->clear();
    apply(step, current, *written);
    current = written->span(current);
    written = written == &first ? &second : &first;
  }
  return current;
}

std::string Normalizer::normalize(std::string_view text) const {
  TextSpan source;
  source.text = text;
  AlignedText first(false), second(false);
  return std::string(run(source, first, second).text);
}

bool Normalizer::changes(const Step &step, const TextSpan &source) {
  switch (step.data.kind) {
  case StepKind::Nfc:
  case StepKind::Nfd:
  case StepKind::Nfkc:
  case StepKind::Nfkd:
    return !isSurelyNormal(source.text, formOf(step.data.kind));
  case StepKind::Replace:
    return step.regex ||
           source.text.find(step.data.pattern) != std::string_view::npos;
  case StepKind::Prepend:
    return !source.continues;
  default:
    return true;
  }
}

void Normalizer::apply(const Step &step, const TextSpan &source,
                       AlignedText &result) {
  switch (step.data.kind) {
  case StepKind::Nfc:
  case StepKind::Nfd:
  case StepKind::Nfkc:
  case StepKind::Nfkd:
    sterna::normalize(source, formOf(step.data.kind), result);
    break;
  case StepKind::Lowercase:
    lowerCase(source, result);
    break;
  case StepKind::Strip:
    strip(step.data, source, result);
    break;
  case StepKind::Prepend:
    result.append(step.data.content, source.originOf(0));
    result.copy(source, 0, source.text.size());
    break;
  default: // Replace
    if (step.regex)
      replaceMatches(step.data, *step.regex, source, result);
    else
      replaceText(step.data, source, result);
    break;
  }
}
