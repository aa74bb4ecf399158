//===- ModelData.h - Data sets in the shape that a module takes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data to train on or to measure the loss of, cut into windows of the compiled
// sequence length. Joins data sets, which know no module, to modules.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_MODELDATA_H
#define STERNA_RUNTIME_TRAIN_MODELDATA_H

#include "core/Module.h"
#include "text/Dataset.h"

#include <memory>
#include <string>
#include <vector>

namespace sterna {

/// A data set and the token that pads it.
struct ModelData {
  Dataset dataset;
  int32_t padToken = 0;
};

/// Loads the file at `path` for `module`, as loadDataset does. `tokenizer` is
/// the module's; null if it has none.
Expected<ModelData> loadModelData(const Module &module,
                                  const TokenizerInterface *tokenizer,
                                  const std::string &path,
                                  bool assistantOnlyLoss);

/// The same from the bytes of a file that would be at `path`.
Expected<ModelData> parseModelData(const Module &module,
                                   const TokenizerInterface *tokenizer,
                                   const std::string &path,
                                   std::string_view content,
                                   bool assistantOnlyLoss);

/// The same from rows of token ids.
Expected<ModelData> makeModelData(const Module &module,
                                  const TokenizerInterface *tokenizer,
                                  std::vector<Sample> rows);

/// How many sequences of the compiled length the samples of `data` take: one
/// each, or fewer where the module was compiled with --pack.
uint64_t countSequences(const Module &module, const ModelData &data);

/// Moves a share of the rows of `data` to the result, as splitValidation does.
Expected<ModelData> splitModelData(const Module &module, ModelData &data,
                                   double fraction, uint64_t seed);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_MODELDATA_H
