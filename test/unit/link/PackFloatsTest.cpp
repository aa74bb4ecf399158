//===- PackFloatsTest.cpp - Tables that are not finite --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An infinity or NaN in a table is found while it is packed, whatever it is
// stored as and packed to.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/PackFloats.h"
#include "../io/TemporaryFolder.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace sterna;

namespace {

/// Rows and columns of the table: more than is read at a time, and odd.
constexpr int64_t rows = 301, columns = 1003;

class PackFloatsTest : public testing::Test {
protected:
  PackFloatsTest() : b(&context) {
    context.loadDialect<tern::TernDialect>();
    path = folder.path("source.bin");
  }

  /// Packs a table of ones whose element `index` has the bits `word`; returns
  /// what is wrong, or the number of bytes.
  template <typename Word>
  std::string pack(tern::StorageType storage, Type element, Word one,
                   int64_t index, Word word) {
    std::vector<Word> words(rows * columns, one);
    words[index] = word;
    std::error_code code;
    {
      llvm::raw_fd_ostream file(path, code);
      file.write(reinterpret_cast<const char *>(words.data()),
                 words.size() * sizeof(Word));
    }
    auto source = tern::FileSourceAttr::get(&context, path, 0, storage,
                                            /*quantize=*/false,
                                            /*interleavedHeads=*/0);
    OpBuilder builder(&context);
    OwningOpRef<tern::ParamOp> param = tern::ParamOp::create(
        builder, builder.getUnknownLoc(), "table",
        RankedTensorType::get({rows, columns}, element), source);
    std::string bytes;
    llvm::raw_string_ostream out(bytes);
    LinkReport report;
    if (llvm::Error error = packParameter(param->getOperation(), out, report))
      return llvm::toString(std::move(error));
    return std::to_string(bytes.size()) + " bytes";
  }

  /// Whether elements at the ends of rows and pieces are found by their row.
  template <typename Word>
  void check(tern::StorageType storage, Type element, Word one,
             std::initializer_list<std::pair<Word, const char *>> bad) {
    int64_t size = rows * columns * element.getIntOrFloatBitWidth() / 8;
    EXPECT_EQ(pack<Word>(storage, element, one, 0, one),
              std::to_string(size) + " bytes");
    for (auto [word, name] : bad)
      for (int64_t index : {int64_t(0), columns - 1, columns, int64_t(131071),
                            int64_t(131072), rows * columns - 1})
        EXPECT_EQ(pack<Word>(storage, element, one, index, word),
                  "table: " + path + ": row " +
                      std::to_string(index / columns) +
                      " of the matrix at byte 0 holds " + name +
                      ": expected finite numbers");
  }

  MLIRContext context;
  Builder b;
  // Tests run beside each other.
  TemporaryFolder folder;
  std::string path;
};

TEST_F(PackFloatsTest, FindsWhatIsNotFinite) {
  using Storage = tern::StorageType;
  for (Type type : {Type(b.getF32Type()), Type(b.getF16Type()),
                    Type(b.getBF16Type()), Type(b.getI8Type())})
    check<uint32_t>(
        Storage::F32, type, 0x3f800000,
        {{0x7fc00000, "nan"}, {0x7f800000, "inf"}, {0xff800000, "-inf"}});
  for (Type type :
       {Type(b.getF32Type()), Type(b.getF16Type()), Type(b.getI8Type())})
    check<uint16_t>(Storage::F16, type, 0x3c00,
                    {{0x7e00, "nan"}, {0x7c00, "inf"}, {0xfc00, "-inf"}});
  for (Type type : {Type(b.getF32Type()), Type(b.getBF16Type())})
    check<uint16_t>(Storage::BF16, type, 0x3f80,
                    {{0x7fc0, "nan"}, {0x7f80, "inf"}, {0xff80, "-inf"}});
}

TEST_F(PackFloatsTest, TakesTheLargestFiniteNumbers) {
  using Storage = tern::StorageType;
  std::string size = std::to_string(rows * columns * 2) + " bytes";
  EXPECT_EQ(pack<uint16_t>(Storage::F16, b.getF16Type(), 0x3c00, 7, 0x7bff),
            size);
  EXPECT_EQ(pack<uint16_t>(Storage::BF16, b.getBF16Type(), 0x3f80, 7, 0xff7f),
            size);
  // f32 that f16 cannot hold.
  EXPECT_NE(
      pack<uint32_t>(Storage::F32, b.getF16Type(), 0x3f800000, 7, 0x47800000)
          .find("which f16 cannot hold; keep its type with "
                "--head-type=model"),
      std::string::npos);
}

TEST_F(PackFloatsTest, RefusesBlocksThatHalfCannotScale) {
  // 255 x 2 blocks of 32 columns, of which the last element is odd.
  auto packBlocks = [&](float last, unsigned bits) {
    std::vector<float> values(255 * 64, 0.5F);
    values.back() = last;
    std::error_code code;
    {
      llvm::raw_fd_ostream file(path, code);
      file.write(reinterpret_cast<const char *>(values.data()),
                 values.size() * sizeof(float));
    }
    auto source =
        tern::FileSourceAttr::get(&context, path, 0, tern::StorageType::F32);
    std::string bytes;
    llvm::raw_string_ostream out(bytes);
    llvm::Error error =
        sterna::packBlocks(tern::BlocksAttr::get(&context, source, 64, bits,
                                                 tern::BlockPart::Codes),
                           255, out);
    return error ? llvm::toString(std::move(error))
                 : std::to_string(bytes.size()) + " bytes";
  };
  EXPECT_EQ(packBlocks(0, 4), "8160 bytes");
  EXPECT_EQ(packBlocks(0, 6), "12240 bytes");
  for (unsigned bits : {4, 6}) {
    EXPECT_NE(packBlocks(INFINITY, bits)
                  .find("row 254 of the matrix at byte 0 holds inf: expected "
                        "finite numbers"),
              std::string::npos);
    EXPECT_NE(
        packBlocks(-3e6F, bits)
            .find("row 254 of the matrix at byte 0 holds -3000000, of whose "
                  "block f16 cannot hold the factors"),
        std::string::npos);
  }
}

TEST_F(PackFloatsTest, ScalesBlocksBelowTheirMinimum) {
  // 1.0007 is 1.0009766 in f16: the scale is negative, and 15 of it are needed.
  std::vector<float> values(32, 1.0007F);
  std::error_code code;
  {
    llvm::raw_fd_ostream file(path, code);
    file.write(reinterpret_cast<const char *>(values.data()),
               values.size() * sizeof(float));
  }
  auto source =
      tern::FileSourceAttr::get(&context, path, 0, tern::StorageType::F32);
  std::string bytes;
  llvm::raw_string_ostream out(bytes);
  EXPECT_FALSE(bool(sterna::packBlocks(
      tern::BlocksAttr::get(&context, source, 32, 4, tern::BlockPart::Codes), 1,
      out)));
  EXPECT_EQ(bytes, std::string(16, '\xff'));
}

TEST_F(PackFloatsTest, RefusesTypesThatNoTableHas) {
  EXPECT_EQ(pack<uint32_t>(tern::StorageType::F32, b.getF64Type(), 0x3f800000,
                           0, 0x3f800000),
            "table: expected a table of f32, f16, bf16 or i8, but got f64");
}

} // namespace
