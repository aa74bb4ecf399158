//===- ImportTokenizer.cpp - Vocabularies of checkpoints ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ImportTokenizer.h. What the files mean is the runtime's to say, which
// encodes by them.
//
//===----------------------------------------------------------------------===//

#include "ImportTokenizer.h"

#include "../DescribeBytePairs.h"
#include "io/File.h"
#include "text/TokenizerJson.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using llvm::StringRef;

/// The largest published vocabularies take some 40 MB.
static constexpr uint64_t maxBytes = 256 << 20;

/// The contents of a file in `folder`; nothing if there is none.
static llvm::Expected<std::string> readBeside(StringRef folder,
                                              StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  if (!llvm::sys::fs::exists(path))
    return std::string();
  auto text = sterna::readFile(path.str().str(), maxBytes);
  if (!text.ok())
    return llvm::createStringError(text.message());
  return std::move(*text);
}

llvm::Expected<sterna::TokenizerDescription>
sterna::importCheckpointTokenizer(StringRef folder, int64_t rows) {
  std::string contents[5];
  TokenizerFiles files;
  const std::pair<const char *, std::string_view *> names[] = {
      {"tokenizer.json", &files.tokenizer},
      {"tokenizer_config.json", &files.config},
      {"special_tokens_map.json", &files.specialTokensMap},
      {"generation_config.json", &files.generationConfig},
      {"chat_template.jinja", &files.chatTemplate}};
  for (auto [content, name] : llvm::zip_equal(contents, names)) {
    auto read = readBeside(folder, name.first);
    if (!read)
      return read.takeError();
    content = std::move(*read);
    *name.second = content;
  }
  if (files.tokenizer.empty())
    return llvm::createStringError(folder + ": expected tokenizer.json");
  auto published = readPublishedTokenizer(files);
  if (!published.ok())
    return llvm::createStringError(folder + ": " + published.message());
  auto description = describeBytePairs(std::move(published->data), rows);
  if (!description)
    return llvm::createStringError(folder + ": " +
                                   llvm::toString(description.takeError()));
  description->chatTemplate = std::move(published->chatTemplate);
  return description;
}
