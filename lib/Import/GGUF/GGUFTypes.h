//===- GGUFTypes.h - Type tables of the GGUF format -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes and names of the format's value and tensor types, shared by the parser
// and the accessors and of no use outside this folder.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_GGUF_GGUFTYPES_H
#define STERNA_LIB_IMPORT_GGUF_GGUFTYPES_H

#include "sterna/Import/GGUF/GGUFFile.h"

namespace sterna {

/// Returns the bytes of a scalar value; 0 for strings, arrays and numbers that
/// are no type.
uint64_t getGGUFValueSize(GGUFValueType type);

/// Returns the name of a value type for messages, such as "u32".
llvm::StringRef stringifyGGUFValueType(GGUFValueType type);

/// A type that cannot be decoded: the name of its number, and weights and bytes
/// of one block.
struct GGUFOpaqueType {
  const char *name;
  int64_t blockSize, blockBytes;
};

/// Returns the type with number `id` that has a size alone, if there is one.
const GGUFOpaqueType *findGGUFOpaqueType(uint32_t id);

/// Returns what the number `id` may mean; nothing if it cannot be decoded. One
/// has several meanings, because its users did not know of each other.
std::vector<StorageType> getGGUFMeanings(uint32_t id);

/// Finds what tensors of `parts`, the files of one model, are and take, and
/// where: sizes, positions in their files, no bytes in common. `i2s` is the
/// layout of I2_S.
llvm::Error placeGGUFTensors(llvm::MutableArrayRef<GGUFFile> parts,
                             StorageType i2s);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_GGUFTYPES_H
