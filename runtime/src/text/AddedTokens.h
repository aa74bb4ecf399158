//===- AddedTokens.h - Tokens that are matched whole in text --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds added tokens in text: at each place the longest, from left to right.
// Separate from the tokenizer because text is searched twice, as it came and
// once normalized.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TEXT_ADDEDTOKENS_H
#define STERNA_RUNTIME_TEXT_ADDEDTOKENS_H

#include "text/BytePairData.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sterna {

/// A token found in a text, or text between two.
struct AddedTokenSplit {
  size_t begin = 0;
  size_t end = 0;
  int32_t id = -1;     // -1: text
  size_t spelling = 0; // where a token's own spelling ends
};

/// A set of added tokens; immutable once all are added, and shared by threads.
class AddedTokens {
public:
  /// Longer tokens are refused by who adds them: time to search grows by it.
  static constexpr size_t longest = 1024;

  /// Adds a token that is spelled `spelling` in the text that is searched.
  /// Empty ones are never found.
  void add(const AddedToken &token, std::string_view spelling);

  bool empty() const { return tokens.empty(); }

  /// Splits the bytes from `begin` to `end` of `text`, in which special tokens
  /// are matched if `parseSpecial`; a token takes white space along, and looks
  /// for the ends of words, in all of `text` behind `taken`. Appends to
  /// `splits`, and sets `taken` to the end of the last token.
  void split(std::string_view text, size_t begin, size_t end, bool parseSpecial,
             size_t &taken, std::vector<AddedTokenSplit> &splits) const;

private:
  /// A node of a trie; children are a list.
  struct Node {
    unsigned char byte = 0;
    int32_t token = -1; // index of the token that ends here
    int32_t child = -1;
    int32_t sibling = -1;
  };
  struct Token {
    int32_t id = 0;
    uint32_t flags = 0;
  };
  struct Match {
    int32_t token = -1;
    size_t size = 0;
  };

  int32_t childOf(int32_t node, unsigned char byte) const;
  Match longestAt(std::string_view text) const;
  static bool standsAlone(std::string_view text, size_t begin, size_t end);

  std::vector<Token> tokens;
  std::vector<Node> nodes;
  /// Where tokens that begin with a byte begin, or -1.
  std::array<int32_t, 256> roots = makeRoots();

  static std::array<int32_t, 256> makeRoots() {
    std::array<int32_t, 256> none;
    none.fill(-1);
    return none;
  }
};

} // namespace sterna

#endif // STERNA_RUNTIME_TEXT_ADDEDTOKENS_H
