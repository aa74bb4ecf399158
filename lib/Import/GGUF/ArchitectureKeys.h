//===- ArchitectureKeys.h - Keys of an architecture -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads metadata whose keys begin with the architecture's name, within bounds.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_GGUF_ARCHITECTUREKEYS_H
#define STERNA_LIB_IMPORT_GGUF_ARCHITECTUREKEYS_H

#include "sterna/Import/GGUF/GGUFFile.h"

namespace sterna {

class ArchitectureKeys {
public:
  explicit ArchitectureKeys(const GGUFFile &file) : file(file) {}

  /// Sets the name that all keys begin with.
  void setArchitecture(llvm::StringRef name) { architecture = name.str(); }

  /// The whole key that ends in `suffix`.
  std::string spell(const llvm::Twine &suffix) const {
    return (architecture + "." + suffix).str();
  }
  bool has(const llvm::Twine &suffix) const {
    return file.hasKey(spell(suffix));
  }

  /// Reads a size that must lie in [1, limit].
  llvm::Error readSize(const llvm::Twine &suffix, int64_t &size,
                       uint64_t limit) const;

  /// As `readSize`; an absent key leaves `size` as it is.
  llvm::Error readSizeIfAny(const llvm::Twine &suffix, int64_t &size,
                            uint64_t limit) const;

  /// Reads a number that must be positive and finite.
  llvm::Error readPositive(const llvm::Twine &suffix, double &number) const;

  /// As `readPositive`; an absent key leaves `number` as it is.
  llvm::Error readPositiveIfAny(const llvm::Twine &suffix,
                                double &number) const;

private:
  const GGUFFile &file;
  std::string architecture;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_GGUF_ARCHITECTUREKEYS_H
