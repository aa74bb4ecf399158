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

/// A storage type: the name of its number, and weights and bytes of one block.
struct GGUFTensorType {
  const char *name;
  int64_t blockSize, blockBytes;
  /// None if there is no way to decode it.
  std::optional<StorageType> storage;
};

/// Returns the storage type with number `id`, if its size is known.
std::optional<GGUFTensorType> findGGUFTensorType(uint32_t id);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_GGUFTYPES_H
