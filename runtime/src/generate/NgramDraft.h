//===- NgramDraft.h - Drafts from what was said before ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prompt lookup decoding (Saxena 2023): texts repeat themselves, so that what
// followed the last few tokens before is a guess at what follows now. It costs
// no model; a wrong guess costs time and no more.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_GENERATE_NGRAMDRAFT_H
#define STERNA_RUNTIME_GENERATE_NGRAMDRAFT_H

#include <cstdint>
#include <vector>

namespace sterna {

/// Guesses the tokens that follow `history`: those that followed the latest of
/// the earlier places with the longest end in common, of 2 to 4 tokens. At most
/// `most`; none where the last two tokens are new.
std::vector<int32_t> draftFromNgrams(const std::vector<int32_t> &history,
                                     uint32_t most);

} // namespace sterna

#endif // STERNA_RUNTIME_GENERATE_NGRAMDRAFT_H
