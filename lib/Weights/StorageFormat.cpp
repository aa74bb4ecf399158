//===- StorageFormat.cpp - How files store matrices -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of storage formats. The inner loops that it names lie in headers by
// kind: FloatWords.h, FloatBlocks.h and TernaryBlocks.h; EncodeTrits.h has
// those that write. Each that reads is a counted loop without branches over
// small arrays, which the C++ compiler vectorizes for its baseline: no
// intrinsics, so that the importer builds and runs anywhere.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/StorageFormat.h"

#include "sterna/Weights/WeightSource.h"

#include "EncodeTrits.h"
#include "FloatBlocks.h"
#include "TernaryBlocks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/CheckedArithmetic.h"

#include <cassert>
#include <iterator>

using namespace sterna;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "weights are read as they are stored, little-endian");

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

template <float (*convert)(uint16_t), int16_t infinity, auto toWord>
static constexpr StorageFormat makeWords(StorageType type, const char *name) {
  return {type,
          name,
          1,
          2,
          RowLayout::Blocks,
          true,
          true,
          decodeWords<convert>,
          decodeFloatSigns<uint16_t>,
          floatUnit,
          findWordMagnitudes<convert, infinity>,
          encodeWords<toWord>,
          holdsWord<toWord>};
}

/// Integers with a scale, judged by their floats.
template <typename Block>
static constexpr StorageFormat makeIntegers(StorageType type,
                                            const char *name) {
  return {type,
          name,
          Block::size,
          Block::bytes,
          RowLayout::Blocks,
          true,
          true,
          decodeScaled<Block>,
          decodeScaledSigns<Block>,
          floatUnit,
          findFloatBlockMagnitudes<AsFloatBlock<Block>>};
}

template <typename Block>
static constexpr StorageFormat makeFloats(StorageType type, const char *name) {
  return {type,
          name,
          Block::size,
          Block::bytes,
          RowLayout::Blocks,
          true,
          true,
          decodeFloatBlocks<Block>,
          decodeFloatBlockSigns<Block>,
          floatUnit,
          findFloatBlockMagnitudes<Block>};
}

template <typename Block>
static constexpr StorageFormat makeTrits(StorageType type, const char *name,
                                         bool hasScales = true) {
  return {type,
          name,
          Block::size,
          Block::bytes,
          RowLayout::Blocks,
          false,
          hasScales,
          decodeScaled<Block>,
          decodeScaledSigns<Block>,
          Block::size,
          findBlockMagnitudes<Block>};
}

/// The same, also written: `pack` writes the codes of a block.
template <typename Block, PackTrits pack>
static constexpr StorageFormat makeWrittenTrits(StorageType type,
                                                const char *name) {
  StorageFormat format = makeTrits<Block>(type, name);
  format.encodeTrits = encodeScaled<Block, pack>;
  format.holdsScale = holdsWord<toHalf>;
  return format;
}

/// Codes that are widened to f32 before anything else.
static constexpr StorageFormat makeWidened(StorageType type, const char *name,
                                           int64_t blockSize,
                                           int64_t blockBytes, RowLayout layout,
                                           bool hasScales, bool isWritten) {
  return {type,
          name,
          blockSize,
          blockBytes,
          layout,
          false,
          hasScales,
          decodeSingles,
          decodeFloatSigns<uint32_t>,
          floatUnit,
          findSingleMagnitudes,
          isWritten ? layout == RowLayout::Run ? encodeRun : encodeQuarters
                    : nullptr,
          !isWritten  ? nullptr
          : hasScales ? holdsAny
                      : holdsOne};
}

/// Numbers that `widen` makes floats of, row by row or column by column.
static constexpr StorageFormat
makeNumbers(StorageType type, const char *name, int64_t blockSize,
            int64_t blockBytes, RowLayout layout, bool isFloat,
            void (*widen)(const char *, int64_t, float *)) {
  StorageFormat format =
      makeWidened(type, name, blockSize, blockBytes, layout,
                  /*hasScales=*/isFloat, /*isWritten=*/false);
  format.isFloat = isFloat;
  format.widen = widen;
  return format;
}

/// In the order of `StorageType`.
static constexpr StorageFormat formats[] = {
    {StorageType::F32, "F32", 1, 4, RowLayout::Blocks, true, true,
     decodeSingles, decodeFloatSigns<uint32_t>, floatUnit, findSingleMagnitudes,
     encodeSingles, holdsAny},
    makeWords<halfToFloat, 0x7c00, toHalf>(StorageType::F16, "F16"),
    makeWords<bfloatToFloat, 0x7f80, toBfloat>(StorageType::BF16, "BF16"),
    makeIntegers<Q8Block>(StorageType::Q8_0, "Q8_0"),
    makeIntegers<Q4Block>(StorageType::Q4_0, "Q4_0"),
    makeFloats<Q4KBlock>(StorageType::Q4_K, "Q4_K"),
    makeFloats<Q5KBlock>(StorageType::Q5_K, "Q5_K"),
    makeFloats<Q6KBlock>(StorageType::Q6_K, "Q6_K"),
    makeWrittenTrits<TQ1Block, packBase3<32, 16, 4>>(StorageType::TQ1_0,
                                                     "TQ1_0"),
    makeWrittenTrits<TQ2Block, packTQ2Codes>(StorageType::TQ2_0, "TQ2_0"),
    makeWrittenTrits<Q2Block, packNeighbours<2, 16>>(StorageType::Q2_0, "Q2_0"),
    makeWrittenTrits<PQ2Block, packNeighbours<2, 32>>(StorageType::PQ2_0,
                                                      "PQ2_0"),
    makeWrittenTrits<PTQ1Block, packBase3<16, 8, 2>>(StorageType::PTQ1_0,
                                                     "PTQ1_0"),
    makeTrits<STQ1Block>(StorageType::STQ1_0, "STQ1_0"),
    makeWidened(StorageType::I2_S, "I2_S", 128, 32, RowLayout::Run, true,
                /*isWritten=*/true),
    makeWidened(StorageType::I2_S_ARM, "I2_S", 64, 16, RowLayout::Run, true,
                /*isWritten=*/false),
    makeWidened(StorageType::BitNetU8, "BitNet U8", 4, 1, RowLayout::Quarters,
                false, /*isWritten=*/true),
    makeTrits<MLXBlock>(StorageType::MLXU2, "MLX 2-bit", /*hasScales=*/false),
    makeNumbers(StorageType::F32Columns, "F32", 1, 4, RowLayout::Columns, true,
                decodeSingles),
    makeNumbers(StorageType::F16Columns, "F16", 1, 2, RowLayout::Columns, true,
                decodeWords<halfToFloat>),
    makeNumbers(StorageType::BF16Columns, "BF16", 1, 2, RowLayout::Columns,
                true, decodeWords<bfloatToFloat>),
    makeNumbers(StorageType::I8, "int8", 1, 1, RowLayout::Integers, false,
                widenIntegers<8>),
    makeNumbers(StorageType::I4, "int4", 2, 1, RowLayout::Integers, false,
                widenIntegers<4>),
    makeNumbers(StorageType::I2, "int2", 4, 1, RowLayout::Integers, false,
                widenIntegers<2>),
    makeNumbers(StorageType::I8Columns, "int8", 1, 1, RowLayout::Columns, false,
                widenIntegers<8>),
};
static_assert(std::size(formats) == tern::getMaxEnumValForStorageType() + 1);

const StorageFormat &sterna::getStorageFormat(StorageType type) {
  const StorageFormat &format = formats[static_cast<size_t>(type)];
  assert(format.type == type && "the table is not in order");
  return format;
}

std::string sterna::listStorageFormats(bool floatsOnly) {
  std::vector<std::string> names;
  for (const StorageFormat &format : formats)
    if (format.hasScales && (format.isFloat || !floatsOnly) &&
        !llvm::is_contained(names, format.name))
      names.emplace_back(format.name);
  return listAlternatives(names);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

const char *StorageFormat::getDividedCount() const {
  switch (layout) {
  case RowLayout::Blocks:
  case RowLayout::Integers:
  case RowLayout::Columns:
    return "columns";
  case RowLayout::Run:
    return "weights";
  case RowLayout::Quarters:
    return "rows";
  }
  llvm_unreachable("unknown layout");
}

bool StorageFormat::isWhole(int64_t rows, int64_t columns) const {
  if (rows <= 0 || columns <= 0)
    return false;
  switch (layout) {
  case RowLayout::Blocks:
  case RowLayout::Integers:
  case RowLayout::Columns:
    return columns % blockSize == 0;
  case RowLayout::Run: // remainders, because the product may be too large
    return rows % blockSize * (columns % blockSize) % blockSize == 0;
  case RowLayout::Quarters:
    return rows % blockSize == 0;
  }
  llvm_unreachable("unknown layout");
}

std::optional<uint64_t> StorageFormat::getMatrixBytes(int64_t rows,
                                                      int64_t columns) const {
  assert(isWhole(rows, columns) && "there is no such matrix");
  constexpr uint64_t limit = uint64_t(1) << 62;
  auto weights = llvm::checkedMulUnsigned<uint64_t>(rows, columns);
  if (!weights)
    return std::nullopt;
  auto bytes =
      llvm::checkedMulUnsigned<uint64_t>(*weights / blockSize, blockBytes);
  if (!bytes || *bytes > limit)
    return std::nullopt;
  return *bytes + (layout == RowLayout::Run ? runScaleBytes : 0);
}
