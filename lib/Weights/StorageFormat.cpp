//===- StorageFormat.cpp - How files store matrices -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of storage formats. The inner loops that it names lie in headers by
// kind: FloatWords.h, FloatBlocks.h and TernaryBlocks.h. Each is a counted loop
// without branches over small arrays, which the C++ compiler vectorizes for its
// baseline: no intrinsics, so that the importer builds and runs anywhere.
//
//===----------------------------------------------------------------------===//

#include "sterna/Weights/StorageFormat.h"

#include "sterna/Weights/WeightSource.h"

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

template <float (*convert)(uint16_t), int16_t infinity>
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
          findWordMagnitudes<convert, infinity>};
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

/// Codes that are widened to f32 before anything else.
static constexpr StorageFormat makeWidened(StorageType type, const char *name,
                                           int64_t blockSize,
                                           int64_t blockBytes, RowLayout layout,
                                           bool hasScales) {
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
          findSingleMagnitudes};
}

/// In the order of `StorageType`.
static constexpr StorageFormat formats[] = {
    {StorageType::F32, "F32", 1, 4, RowLayout::Blocks, true, true,
     decodeSingles, decodeFloatSigns<uint32_t>, floatUnit,
     findSingleMagnitudes},
    makeWords<halfToFloat, 0x7c00>(StorageType::F16, "F16"),
    makeWords<bfloatToFloat, 0x7f80>(StorageType::BF16, "BF16"),
    makeIntegers<Q8Block>(StorageType::Q8_0, "Q8_0"),
    makeIntegers<Q4Block>(StorageType::Q4_0, "Q4_0"),
    makeFloats<Q4KBlock>(StorageType::Q4_K, "Q4_K"),
    makeFloats<Q5KBlock>(StorageType::Q5_K, "Q5_K"),
    makeFloats<Q6KBlock>(StorageType::Q6_K, "Q6_K"),
    makeTrits<TQ1Block>(StorageType::TQ1_0, "TQ1_0"),
    makeTrits<TQ2Block>(StorageType::TQ2_0, "TQ2_0"),
    makeTrits<Q2Block>(StorageType::Q2_0, "Q2_0"),
    makeTrits<PQ2Block>(StorageType::PQ2_0, "PQ2_0"),
    makeTrits<PTQ1Block>(StorageType::PTQ1_0, "PTQ1_0"),
    makeTrits<STQ1Block>(StorageType::STQ1_0, "STQ1_0"),
    makeWidened(StorageType::I2_S, "I2_S", 128, 32, RowLayout::Run, true),
    makeWidened(StorageType::I2_S_ARM, "I2_S", 64, 16, RowLayout::Run, true),
    makeWidened(StorageType::BitNetU8, "BitNet U8", 4, 1, RowLayout::Quarters,
                false),
    makeTrits<MLXBlock>(StorageType::MLXU2, "MLX 2-bit", /*hasScales=*/false),
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

/// Bytes of a run after its blocks; the scale is the first four.
static constexpr uint64_t runScaleBytes = 32;

const char *StorageFormat::getDividedCount() const {
  switch (layout) {
  case RowLayout::Blocks:
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
