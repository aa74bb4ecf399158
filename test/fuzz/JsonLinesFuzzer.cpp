//===- JsonLinesFuzzer.cpp - Rows of training data from hostile bytes ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../unit/text/SmallVocabulary.h"
#include "InputFile.h"
#include "text/Dataset.h"

using namespace sterna;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const SentencePieceTokenizer tokenizer = byteTokenizer();
  fuzz::InputFile file(data, size);
  DatasetOptions options;
  options.sequenceLength = 8;
  options.vocabularySize = 300;
  // A reader of rows must refuse or read them, whatever the name says.
  (void)loadDataset(file.path(), &tokenizer, options);
  return 0;
}
