//===- PublishedFilesTest.cpp - Tests against published GGUF files --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads real files, which other programs wrote, and compares the same model in
// three storage types. They lie outside the repository; the tests are skipped
// where they are absent.
//
//===----------------------------------------------------------------------===//

#include "sterna/Import/GGUF/GGUFFile.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace llvm;
using namespace sterna;

/// Returns the path of a shared file.
static std::string sharedPath(const std::string &name) {
  const char *folder = std::getenv("STERNA_SHARED_DIR");
  return (folder ? std::string(folder)
                 : std::string(STERNA_SOURCE_DIR) + "/../shared") +
         "/" + name;
}

#define OPEN_OR_SKIP(variable, name)                                           \
  if (!sys::fs::exists(sharedPath(name)))                                      \
    GTEST_SKIP() << sharedPath(name) << " is absent";                          \
  Expected<GGUFFile> variable = GGUFFile::open(sharedPath(name));              \
  ASSERT_TRUE(bool(variable)) << toString(variable.takeError())

static bool isLinear(StringRef name) {
  return name.contains(".attn_q.") || name.contains(".attn_k.") ||
         name.contains(".attn_v.") || name.contains(".attn_output.") ||
         name.contains(".ffn_gate.") || name.contains(".ffn_up.") ||
         name.contains(".ffn_down.");
}

TEST(PublishedFiles, TokenizerMetadata) {
  OPEN_OR_SKIP(file, "tokenizers/ggml-vocab-llama-spm.gguf");
  EXPECT_EQ(cantFail(file->getString("tokenizer.ggml.model")), "llama");
  std::vector<StringRef> tokens =
      cantFail(file->getStringArray("tokenizer.ggml.tokens"));
  EXPECT_EQ(tokens.size(), 32000u);
  EXPECT_EQ(tokens[1], "<s>");
  EXPECT_EQ(cantFail(file->getF32Array("tokenizer.ggml.scores")).size(),
            tokens.size());
  EXPECT_EQ(cantFail(file->getI64Array("tokenizer.ggml.token_type")).size(),
            tokens.size());
  EXPECT_EQ(cantFail(file->getU64("tokenizer.ggml.bos_token_id")), 1u);
}

TEST(PublishedFiles, LatentFloatsAreNotTernary) {
  OPEN_OR_SKIP(file, "models/llama-2-tiny-random.gguf");
  int64_t numLinears = 0;
  for (const GGUFTensor &tensor : file->getTensors()) {
    if (!isLinear(tensor.name) || !tensor.getStorage())
      continue;
    WeightSource source = cantFail(file->openWeight(tensor));
    TernaryAnalysis analysis = cantFail(source.analyzeTernary());
    EXPECT_FALSE(analysis.isTernary) << tensor.name.str();
    EXPECT_NE(analysis.contradiction, "");
    ++numLinears;
  }
  EXPECT_GT(numLinears, 0);
}

// The three files hold one model: every linear is ternary in each, with the
// same trits, and with the same scale up to the half precision of the block
// types.
TEST(PublishedFiles, ThreeTypesOneModel) {
  OPEN_OR_SKIP(floats, "models/bitllama2-3m/f32.gguf");
  OPEN_OR_SKIP(ones, "models/bitllama2-3m/tq1_0.gguf");
  OPEN_OR_SKIP(twos, "models/bitllama2-3m/tq2_0.gguf");
  int64_t numLinears = 0;
  for (const GGUFTensor &tensor : floats->getTensors()) {
    if (!isLinear(tensor.name))
      continue;
    ++numLinears;
    SCOPED_TRACE(tensor.name.str());
    std::vector<int8_t> expected;
    for (const GGUFFile *file : {&*floats, &*ones, &*twos}) {
      const GGUFTensor *same = file->findTensor(tensor.name);
      ASSERT_NE(same, nullptr);
      ASSERT_EQ(same->dims, tensor.dims);
      WeightSource source = cantFail(file->openWeight(*same));
      TernaryAnalysis analysis = cantFail(source.analyzeTernary());
      ASSERT_TRUE(analysis.isTernary) << analysis.contradiction;
      EXPECT_EQ(analysis.granularity, ScaleGranularity::Tensor);
      std::vector<int8_t> trits(source.getNumRows() * source.getNumCols());
      cantFail(source.decodeTrits(0, source.getNumRows(), trits.data()));
      if (expected.empty())
        expected = trits;
      EXPECT_EQ(trits, expected);

      std::vector<float> rows(trits.size());
      cantFail(source.decodeRows(0, source.getNumRows(), rows.data()));
      ASSERT_EQ(analysis.granularity, ScaleGranularity::Tensor);
      for (size_t i = 0; i < trits.size(); ++i)
        ASSERT_EQ(rows[i], trits[i] * analysis.scale);
    }
  }
  EXPECT_GT(numLinears, 0);
}
