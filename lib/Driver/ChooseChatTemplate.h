//===- ChooseChatTemplate.h - The template that is compiled in --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_DRIVER_CHOOSECHATTEMPLATE_H
#define STERNA_LIB_DRIVER_CHOOSECHATTEMPLATE_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

namespace sterna {

/// Sets `tokenizer`'s chat template to what `option` asks for: "plain", a file,
/// or, empty, the model's. Fails on a file that cannot be read or used. Returns
/// a sentence for the user where the model's own cannot be used, else nothing:
/// a model is of use without conversations.
llvm::Expected<std::string> chooseChatTemplate(llvm::StringRef option,
                                               TokenizerDescription &tokenizer);

} // namespace sterna

#endif // STERNA_LIB_DRIVER_CHOOSECHATTEMPLATE_H
