//===- TensorTable.h - Where a model's tensors are --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every format says of its tensors: their shapes, how they are stored, and
// in which bytes of which file. They go by the names of GGUF, which the IR has
// too, and keep the names of their format for messages.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_TENSORTABLE_H
#define STERNA_LIB_IMPORT_TENSORTABLE_H

#include "sterna/Weights/WeightSource.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// A tensor as a model's files store it.
struct StoredTensor {
  /// As its format calls it, for messages.
  std::string name;
  std::string path;
  /// Of its first byte, in the file.
  uint64_t offset = 0;
  /// How it is stored if WeightSource can read it.
  std::optional<StorageType> storage;
  /// What its format calls that, for messages.
  std::string typeName;
  /// Row-major, outermost dimension first: of the matrix, however it is packed.
  std::vector<int64_t> shape;
  /// Whether the model makes it ternary by absmean whenever it runs.
  bool isLatent = false;

  /// Opens it for reading in chunks, as rows of its innermost dimension. Fails,
  /// naming the tensor, if its type cannot be read.
  llvm::Expected<WeightSource> open() const;

  /// All its elements: for small tensors.
  llvm::Expected<std::vector<float>> readAll() const;

  /// The same, which must be finite: a quantizer would hide those that are not.
  /// Then the message begins with `modelPath`.
  llvm::Expected<std::vector<float>>
  readFinite(llvm::StringRef modelPath) const;
};

class TensorTable {
public:
  using Spelling = std::function<std::string(llvm::StringRef)>;

  /// Messages begin with `path`; `spell` turns a name of GGUF into the one that
  /// the format has for it.
  TensorTable(llvm::StringRef path, Spelling spell)
      : path(path), spell(std::move(spell)) {}

  /// Adds a tensor under a name of GGUF. Fails where there is one already.
  llvm::Error add(llvm::StringRef name, StoredTensor tensor);

  /// The tensor called `name`, or null.
  const StoredTensor *find(llvm::StringRef name) const;

  /// As `find`; fails where there is none.
  llvm::Expected<const StoredTensor *> get(llvm::StringRef name) const;

  /// As `get`, of the shape `shape` and stored in a way that can be read; fails
  /// otherwise.
  llvm::Expected<const StoredTensor *> get(llvm::StringRef name,
                                           llvm::ArrayRef<int64_t> shape) const;

  llvm::StringRef getPath() const { return path; }

  /// The names in the order in which they were added.
  llvm::ArrayRef<std::string> getNames() const { return names; }

  /// The format's name for what GGUF calls `name`.
  std::string getSpelling(llvm::StringRef name) const { return spell(name); }

  /// An error about the model: its path, then `format` as of llvm::formatv.
  template <typename... Args>
  llvm::Error makeError(const char *format, Args &&...args) const {
    return llvm::createStringError(
        path + ": " + llvm::formatv(format, std::forward<Args>(args)...).str());
  }

private:
  std::string path;
  Spelling spell;
  std::vector<std::string> names;
  llvm::StringMap<StoredTensor> tensors;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_TENSORTABLE_H
