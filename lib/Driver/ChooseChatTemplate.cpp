//===- ChooseChatTemplate.cpp - The template that is compiled in ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ChooseChatTemplate.h. The runtime's own parser judges templates, so that
// a model is compiled with none that no conversation can use.
//
//===----------------------------------------------------------------------===//

#include "ChooseChatTemplate.h"

#include "text/ChatTemplate.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace sterna;

llvm::Expected<std::string>
sterna::chooseChatTemplate(llvm::StringRef option,
                           TokenizerDescription &tokenizer) {
  std::string &text = tokenizer.chatTemplate;
  if (option.empty()) {
    auto own = ChatTemplate::parse(text);
    // Without one there is nothing to say before a conversation asks for it.
    if (llvm::StringRef(text).trim().empty() || own.ok())
      return std::string();
    return "the model's " + own.message() +
           ": conversations need --chat-template";
  }
  if (tokenizer.pieces.empty())
    return llvm::createStringError(
        "--chat-template: expected a tokenizer, but the model has none");
  if (option == "plain") {
    text = plainChatTemplate(tokenizer.addBos);
    return std::string();
  }
  auto file = llvm::MemoryBuffer::getFile(option, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError("--chat-template=" + option + ": " +
                                   file.getError().message());
  text = (*file)->getBuffer().str();
  if (llvm::StringRef(text).trim().empty())
    return llvm::createStringError(
        "--chat-template=" + option +
        ": expected a template, but the file is empty");
  if (auto given = ChatTemplate::parse(text); !given.ok())
    return llvm::createStringError("--chat-template=" + option + ": " +
                                   given.message());
  return std::string();
}
