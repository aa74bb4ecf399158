//===- TokenizerSteps.h - Text processing in a tokenizer.json -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The normalizer, pre-tokenizer, decoder and post-processor of a
// tokenizer.json, each an object or a list of such, as lists of steps. What
// cannot be done exactly is refused by name. Separate from the vocabulary,
// which TokenizerJson.h reads.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_TOKENIZERSTEPS_H
#define STERNA_RUNTIME_TEXT_TOKENIZERSTEPS_H

#include "io/Status.h"
#include "text/BytePairData.h"

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// Appends the steps of a value, which may be null. Those of a decoder that is
/// null are refused, since tokens would be joined by spaces.
Status readNormalizer(const nlohmann::json &value,
                      std::vector<TextStep> &steps);
Status readPreTokenizer(const nlohmann::json &value,
                        std::vector<TextStep> &steps);
Status readDecoder(const nlohmann::json &value, std::vector<TextStep> &steps);

/// Reads which tokens stand before and behind a text: at most one each.
Status readPostProcessor(const nlohmann::json &value, BytePairData &data);

/// Reads the members of a JSON object; the first that is not as asked for is
/// remembered, and the reader goes on with defaults.
class MemberReader {
public:
  /// `where` names the object in messages.
  MemberReader(const nlohmann::json &object, std::string where);

  /// The members, with a default where there is none, or null.
  bool flag(std::string_view key, bool otherwise = false);
  std::string text(std::string_view key, std::string_view otherwise = {});

  /// Refuses members other than those named, "type", and what was read.
  void allowOnly(std::initializer_list<std::string_view> others = {});

  /// Refuses the value of a member.
  void refuse(std::string_view key, const std::string &what);

  const Status &status() const { return failure; }

private:
  const nlohmann::json *find(std::string_view key);

  const nlohmann::json &object;
  std::string where;
  std::vector<std::string_view> known;
  Status failure;
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_TOKENIZERSTEPS_H
