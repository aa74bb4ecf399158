//===- TokenizerSteps.cpp - Text processing in a tokenizer.json -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TokenizerSteps.h.
//
//===----------------------------------------------------------------------===//

#include "text/TokenizerSteps.h"

#include "io/Escape.h"
#include "io/Text.h"

#include <nlohmann/json.hpp>

using namespace sterna;

namespace {

using Json = nlohmann::json;
using Steps = std::vector<TextStep>;

/// Reads one step that is no sequence.
using StepReader = Status (*)(const std::string &type, MemberReader &members,
                              const Json &value, TextStep &step);

Status unknownType(const std::string &what, const std::string &type) {
  return Status::error("the " + what + " '" + excerpt(type) +
                       "' is not supported");
}

/// More steps are no one's, and each costs time for every text.
constexpr size_t mostSteps = 64;

/// Reads a value that is null, one step, or a sequence of them under `list`.
Status readSteps(const Json &value, const std::string &what,
                 std::string_view list, StepReader read, Steps &steps) {
  if (value.is_null())
    return Status::success();
  if (!value.is_object() || !value.contains("type") ||
      !value["type"].is_string())
    return Status::error("expected the " + what +
                         " to be an object with a type");
  std::string type = value["type"].get<std::string>();
  if (type == "Sequence") {
    auto members = value.find(list);
    if (members == value.end() || !members->is_array() || value.size() != 2)
      return Status::error("expected the " + what +
                           " 'Sequence' to have the list '" +
                           std::string(list) + "' alone");
    for (const Json &member : *members)
      if (Status status = readSteps(member, what, list, read, steps);
          !status.ok())
        return status;
    return Status::success();
  }
  if (steps.size() == mostSteps)
    return Status::error("there are more than " + std::to_string(mostSteps) +
                         " steps of a " + what);
  MemberReader members(value, "the " + what + " '" + excerpt(type) + "'");
  TextStep step;
  if (Status status = read(type, members, value, step); !status.ok())
    return status;
  steps.push_back(std::move(step));
  return members.status();
}

void setFlag(TextStep &step, StepFlag flag, bool value) {
  if (value)
    step.flags |= flag;
}

/// Reads `{"String": "..."}` or `{"Regex": "..."}`.
void readPattern(MemberReader &members, const Json &value, TextStep &step) {
  auto pattern = value.find("pattern");
  bool isOne = pattern != value.end() && pattern->is_object() &&
               pattern->size() == 1 && pattern->begin()->is_string();
  std::string kind = isOne ? pattern->begin().key() : std::string();
  if (kind != "String" && kind != "Regex") {
    members.refuse("pattern", "expected a String or a Regex");
    return;
  }
  step.pattern = pattern->begin()->get<std::string>();
  setFlag(step, IsRegex, kind == "Regex");
}

void readBehavior(MemberReader &members, TextStep &step) {
  constexpr std::string_view names[] = {"Isolated", "Removed",
                                        "MergedWithPrevious", "MergedWithNext",
                                        "Contiguous"};
  std::string name = members.text("behavior", "Isolated");
  for (int32_t i = 0; i < 5; ++i)
    if (name == names[i]) {
      step.behavior = static_cast<SplitBehavior>(i);
      return;
    }
  members.refuse("behavior", "'" + excerpt(name) + "' is not supported");
}

Status readNormalizerStep(const std::string &type, MemberReader &members,
                          const Json &value, TextStep &step) {
  if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    bool compose = type.back() == 'C', compatible = type.size() == 4;
    step.kind = compatible ? (compose ? StepKind::Nfkc : StepKind::Nfkd)
                           : (compose ? StepKind::Nfc : StepKind::Nfd);
  } else if (type == "Lowercase") {
    step.kind = StepKind::Lowercase;
  } else if (type == "Strip") {
    step.kind = StepKind::Strip;
    setFlag(step, Left, members.flag("strip_left"));
    setFlag(step, Right, members.flag("strip_right"));
  } else if (type == "Prepend") {
    step.kind = StepKind::Prepend;
    step.content = members.text("prepend");
  } else if (type == "Replace") {
    step.kind = StepKind::Replace;
    readPattern(members, value, step);
    step.content = members.text("content");
  } else {
    return unknownType("normalizer", type);
  }
  members.allowOnly({"pattern"});
  return Status::success();
}

/// The mark of Metaspace, and where it is put before text. `str_rep` and
/// `add_prefix_space` are what older files say.
void readMetaspace(MemberReader &members, TextStep &step) {
  step.kind = StepKind::Metaspace;
  step.content = members.text("replacement", "\xE2\x96\x81");
  (void)members.text("str_rep");
  bool prefix = members.flag("add_prefix_space", true);
  std::string scheme =
      members.text("prepend_scheme", prefix ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    members.refuse("prepend_scheme",
                   "'" + excerpt(scheme) + "' is not supported");
  setFlag(step, PrependAlways, scheme == "always");
  setFlag(step, PrependFirst, scheme == "first");
  setFlag(step, SplitAtMark, members.flag("split", true));
}

Status readPreTokenizerStep(const std::string &type, MemberReader &members,
                            const Json &value, TextStep &step) {
  if (type == "Split") {
    step.kind = StepKind::Split;
    readPattern(members, value, step);
    readBehavior(members, step);
    setFlag(step, Invert, members.flag("invert"));
  } else if (type == "ByteLevel") {
    step.kind = StepKind::ByteLevel;
    setFlag(step, AddPrefixSpace, members.flag("add_prefix_space"));
    setFlag(step, UseRegex, members.flag("use_regex", true));
  } else if (type == "Metaspace") {
    readMetaspace(members, step);
  } else if (type == "Digits") {
    step.kind = StepKind::Digits;
    setFlag(step, Individual, members.flag("individual_digits"));
  } else if (type == "Punctuation") {
    step.kind = StepKind::Punctuation;
    readBehavior(members, step);
  } else if (type == "WhitespaceSplit") {
    step.kind = StepKind::WhitespaceSplit;
  } else {
    return unknownType("pre-tokenizer", type);
  }
  // What trim_offsets changes are places in text, not tokens.
  members.allowOnly({"pattern", "trim_offsets"});
  return Status::success();
}

/// Strip may take one space from the beginning, as in files of Llama.
void readStrip(MemberReader &members, const Json &value, TextStep &step) {
  step.kind = StepKind::Strip;
  step.content = members.text("content");
  step.flags = Left;
  bool isKnown = step.content == " " && value.contains("start") &&
                 value["start"] == 1 && value.contains("stop") &&
                 value["stop"] == 0;
  if (!isKnown)
    members.refuse("content", "expected one space from the beginning");
}

Status readDecoderStep(const std::string &type, MemberReader &members,
                       const Json &value, TextStep &step) {
  if (type == "ByteLevel") {
    // Its settings are those of the pre-tokenizer, and change no text.
    step.kind = StepKind::ByteLevel;
    members.allowOnly({"add_prefix_space", "trim_offsets", "use_regex"});
    return Status::success();
  }
  if (type == "Metaspace") {
    readMetaspace(members, step);
  } else if (type == "Replace") {
    step.kind = StepKind::Replace;
    readPattern(members, value, step);
    step.content = members.text("content");
  } else if (type == "ByteFallback") {
    step.kind = StepKind::ByteFallback;
  } else if (type == "Fuse") {
    step.kind = StepKind::Fuse;
  } else if (type == "Strip") {
    readStrip(members, value, step);
  } else {
    return unknownType("decoder", type);
  }
  members.allowOnly({"pattern", "start", "stop"});
  return Status::success();
}

/// The ids that a part of a template stands for; empty where it names none.
std::vector<int32_t> templateIds(const Json &value, const std::string &name) {
  std::vector<int32_t> ids;
  auto tokens = value.find("special_tokens");
  if (tokens == value.end() || !tokens->is_object() || !tokens->contains(name))
    return ids;
  const Json &token = (*tokens)[name];
  auto list = token.is_object() ? token.find("ids") : token.end();
  if (!token.is_object() || list == token.end() || !list->is_array())
    return ids;
  for (const Json &id : *list)
    ids.push_back(id.is_number_unsigned() && id.get<uint64_t>() < INT32_MAX
                      ? id.get<int32_t>()
                      : -1);
  return ids;
}

Status readTemplate(const Json &value, BytePairData &data) {
  auto fail = [](const std::string &what) {
    return Status::error("the post-processor 'TemplateProcessing': " + what);
  };
  auto single = value.find("single");
  if (single == value.end() || !single->is_array())
    return fail("expected the list 'single'");
  std::vector<int32_t> before, behind;
  bool seenText = false;
  for (const Json &part : *single) {
    bool isPart = part.is_object() && part.size() == 1 &&
                  part.begin()->is_object() && part.begin()->contains("id") &&
                  (*part.begin())["id"].is_string();
    if (!isPart)
      return fail("expected a list of SpecialToken and Sequence");
    std::string name = (*part.begin())["id"].get<std::string>();
    if (part.begin().key() == "Sequence") {
      if (seenText || name != "A")
        return fail("expected one Sequence, with the id A");
      seenText = true;
      continue;
    }
    std::vector<int32_t> ids = templateIds(value, name);
    if (part.begin().key() != "SpecialToken" || ids.empty() ||
        contains(ids, -1))
      return fail("'" + excerpt(name) + "' is no special token of it");
    auto &side = seenText ? behind : before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!seenText || before.size() > 1 || behind.size() > 1)
    return fail("expected at most one token before the text and one behind");
  if (!before.empty()) {
    data.bos = before[0];
    data.addBos = true;
  }
  if (!behind.empty()) {
    data.eos = behind[0];
    data.addEos = true;
  }
  return Status::success();
}

} // namespace

Status sterna::readNormalizer(const Json &value, Steps &steps) {
  return readSteps(value, "normalizer", "normalizers", readNormalizerStep,
                   steps);
}

Status sterna::readPreTokenizer(const Json &value, Steps &steps) {
  return readSteps(value, "pre-tokenizer", "pretokenizers",
                   readPreTokenizerStep, steps);
}

Status sterna::readDecoder(const Json &value, Steps &steps) {
  if (value.is_null())
    return Status::error("expected a decoder, for without one tokens are "
                         "joined by spaces");
  return readSteps(value, "decoder", "decoders", readDecoderStep, steps);
}

Status sterna::readPostProcessor(const Json &value, BytePairData &data) {
  if (value.is_null())
    return Status::success();
  if (!value.is_object() || !value.contains("type") ||
      !value["type"].is_string())
    return Status::error(
        "expected the post-processor to be an object with a type");
  std::string type = value["type"].get<std::string>();
  if (type == "ByteLevel") // concerns places in text alone
    return Status::success();
  if (type == "TemplateProcessing")
    return readTemplate(value, data);
  if (type != "Sequence")
    return unknownType("post-processor", type);
  auto members = value.find("processors");
  if (members == value.end() || !members->is_array())
    return Status::error("expected the post-processor 'Sequence' to have the "
                         "list 'processors'");
  bool wraps = false;
  for (const Json &member : *members) {
    bool added = data.addBos || data.addEos;
    if (Status status = readPostProcessor(member, data); !status.ok())
      return status;
    bool isTemplate = member.is_object() &&
                      member.value("type", Json()) == "TemplateProcessing";
    if (isTemplate && (wraps || added))
      return Status::error("expected at most one TemplateProcessing among the "
                           "post-processors");
    wraps = wraps || isTemplate;
  }
  return Status::success();
}

MemberReader::MemberReader(const Json &object, std::string where)
    : object(object), where(std::move(where)) {}

const Json *MemberReader::find(std::string_view key) {
  known.push_back(key);
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool MemberReader::flag(std::string_view key, bool otherwise) {
  const Json *value = find(key);
  if (!value)
    return otherwise;
  if (!value->is_boolean()) {
    refuse(key, "expected true or false");
    return otherwise;
  }
  return value->get<bool>();
}

std::string MemberReader::text(std::string_view key,
                               std::string_view otherwise) {
  const Json *value = find(key);
  if (!value)
    return std::string(otherwise);
  if (!value->is_string()) {
    refuse(key, "expected a text");
    return std::string(otherwise);
  }
  return value->get<std::string>();
}

void MemberReader::allowOnly(std::initializer_list<std::string_view> others) {
  for (const auto &[key, value] : object.items())
    if (key != "type" && !contains(known, std::string_view(key)) &&
        !contains(others, std::string_view(key)))
      refuse(excerpt(key), "it is not known");
}

void MemberReader::refuse(std::string_view key, const std::string &what) {
  if (failure.ok())
    failure = Status::error(where + ": '" + std::string(key) + "': " + what);
}
