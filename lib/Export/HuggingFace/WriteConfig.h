//===- WriteConfig.h - A model's config.json --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says a model by the configuration that transformers has for its class.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_EXPORT_HUGGINGFACE_WRITECONFIG_H
#define STERNA_LIB_EXPORT_HUGGINGFACE_WRITECONFIG_H

#include "sterna/Import/Model.h"
#include "sterna/Weights/StorageFormat.h"
#include "llvm/Support/Error.h"

#include <nlohmann/json.hpp>

namespace sterna {

/// The configuration of `model` with linears stored as `linears`. Fails where
/// it cannot say what the model does.
llvm::Expected<nlohmann::ordered_json> makeConfig(const ModelDescription &model,
                                                  StorageType linears);

} // namespace sterna

#endif // STERNA_LIB_EXPORT_HUGGINGFACE_WRITECONFIG_H
