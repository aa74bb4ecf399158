//===- GGUFFile.h - Reading of GGUF files -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens a GGUF file, checks all of its structure, and gives typed access to its
// metadata and the list of its tensors. It knows the container only: what the
// keys and tensors mean is the importer's business.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_GGUF_GGUFFILE_H
#define STERNA_IMPORT_GGUF_GGUFFILE_H

#include "sterna/Weights/WeightSource.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// Type of a metadata value, with the numbers of the format.
enum class GGUFValueType : uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12
};

/// The number of `type` in the format, of several the one that means it alone;
/// none if GGUF has no such type.
std::optional<uint32_t> getGGUFNumber(StorageType type);

/// One metadata value; its bytes stay in the file and were checked on opening.
struct GGUFValue {
  GGUFValueType type = GGUFValueType::U8;
  /// For an array: type and number of its elements.
  GGUFValueType elementType = GGUFValueType::U8;
  uint64_t count = 0;
  /// The scalar, or the first element of the array, and bytes from there.
  const char *data = nullptr;
  uint64_t size = 0;
  /// Whether an accessor has asked for it: what nobody asks for is not
  /// understood.
  mutable bool wasRead = false;
};

/// One tensor of the file.
struct GGUFTensor {
  llvm::StringRef name;
  /// The file that it lies in: a part, where a model is split.
  llvm::StringRef path;
  /// Row-major, outermost dimension first (GGUF stores the reverse).
  std::vector<int64_t> dims;
  /// Number of the storage type in the format, such as 35 for TQ2_0.
  uint32_t typeId = 0;
  /// What the number means in this file if `WeightSource` can read it.
  std::optional<StorageType> storage;
  /// Position in the file, and size, in bytes.
  uint64_t offset = 0;
  uint64_t size = 0;

  /// Returns the name of the storage type.
  llvm::StringRef getTypeName() const;

  /// Returns how it is stored if `WeightSource` can read it.
  std::optional<StorageType> getStorage() const { return storage; }

  /// All of its dimensions but the innermost, as one.
  int64_t getNumRows() const;
};

/// A GGUF file (version 2 or 3, little-endian), or the files of a model that is
/// split, mapped read-only. Strings and spans it returns live as long as the
/// object (moving it keeps them valid).
class GGUFFile {
public:
  /// Whether the regular file at `path` begins as GGUF files do.
  static bool hasMagic(llvm::StringRef path);

  /// Maps the file at `path` and checks its header: every count, length, type
  /// and tensor range. Fails on the first thing that is wrong, naming it. If it
  /// is a part of a model, all parts are read, which lie beside it: keys are
  /// those of the first. `i2s` is the layout of I2_S, of which two have one
  /// number.
  static llvm::Expected<GGUFFile> open(llvm::StringRef path,
                                       StorageType i2s = StorageType::I2_S);

  /// As `open`, for one file in memory; messages call it by the buffer's
  /// identifier.
  static llvm::Expected<GGUFFile>
  parse(std::unique_ptr<llvm::MemoryBuffer> buffer,
        StorageType i2s = StorageType::I2_S);

  /// Path of the file or of the first part.
  llvm::StringRef getPath() const { return buffer->getBufferIdentifier(); }
  uint32_t getVersion() const { return version; }

  /// An error about the file: its path, then `format` as of llvm::formatv.
  template <typename... Args>
  llvm::Error makeError(const char *format, Args &&...args) const {
    return llvm::createStringError(
        getPath() + ": " +
        llvm::formatv(format, std::forward<Args>(args)...).str());
  }

  /// Returns the tensors in the order of the file or files.
  llvm::ArrayRef<GGUFTensor> getTensors() const { return tensors; }

  /// Returns the tensor called `name`, or null.
  const GGUFTensor *findTensor(llvm::StringRef name) const;

  /// Opens a matrix for chunked reading, as rows of its innermost dimension.
  /// Fails, naming the tensor, if its type cannot be read.
  llvm::Expected<WeightSource> openWeight(const GGUFTensor &tensor) const;

  /// Returns the metadata keys in the order of the file.
  llvm::ArrayRef<llvm::StringRef> getKeys() const { return keys; }
  bool hasKey(llvm::StringRef key) const { return values.contains(key); }

  /// Returns whether a typed access below has asked for `key`, which exists.
  bool wasRead(llvm::StringRef key) const { return values.at(key).wasRead; }

  // Typed access. Each fails, naming the key, if it is absent or has another
  // type; the message states the type found.

  llvm::Expected<llvm::StringRef> getString(llvm::StringRef key) const;
  /// Accepts every integer type whose value is not negative.
  llvm::Expected<uint64_t> getU64(llvm::StringRef key) const;
  /// Accepts every integer type whose value fits.
  llvm::Expected<int64_t> getI64(llvm::StringRef key) const;
  /// Accepts f32 and f64.
  llvm::Expected<float> getF32(llvm::StringRef key) const;
  llvm::Expected<bool> getBool(llvm::StringRef key) const;
  /// Accepts every integer and float type, and a bool as 0 or 1.
  llvm::Expected<double> getNumber(llvm::StringRef key) const;
  llvm::Expected<std::vector<llvm::StringRef>>
  getStringArray(llvm::StringRef key) const;
  llvm::Expected<std::vector<float>> getF32Array(llvm::StringRef key) const;
  /// Accepts arrays of every integer type that fits.
  llvm::Expected<std::vector<int64_t>> getI64Array(llvm::StringRef key) const;

  // The same with a default for an absent key. A key of another type is still
  // an error.

  llvm::Expected<llvm::StringRef> getStringOr(llvm::StringRef key,
                                              llvm::StringRef value) const;
  llvm::Expected<uint64_t> getU64Or(llvm::StringRef key, uint64_t value) const;
  llvm::Expected<bool> getBoolOr(llvm::StringRef key, bool value) const;

private:
  friend class GGUFParser;
  friend class GGUFParts;
  friend class GGUFTensorPlacer;
  explicit GGUFFile(std::unique_ptr<llvm::MemoryBuffer> buffer);

  /// Reads all but what the tensors take, whose offsets count from the end of
  /// the header still.
  static llvm::Expected<GGUFFile>
  readHeader(std::unique_ptr<llvm::MemoryBuffer> buffer);
  static llvm::Expected<GGUFFile> readHeader(llvm::StringRef path);

  /// Returns the value of `key` or an error saying that it is absent.
  llvm::Expected<const GGUFValue *> getValue(llvm::StringRef key) const;

  /// Returns the array at `key`; fails if it is absent or not an array.
  llvm::Expected<const GGUFValue *> getArray(llvm::StringRef key,
                                             llvm::StringRef expected) const;

  /// Returns the error that `key` holds `value` where `expected` was asked.
  llvm::Error typeError(llvm::StringRef key, const GGUFValue &value,
                        llvm::StringRef expected) const;

  std::unique_ptr<llvm::MemoryBuffer> buffer;
  /// The other parts of a split model, for what points into them.
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> otherParts;
  uint32_t version = 0;
  /// Where the data of tensors begins, and what their offsets are multiples of.
  uint64_t dataStart = 0, alignment = 32;
  std::vector<llvm::StringRef> keys;
  llvm::StringMap<GGUFValue> values;
  std::vector<GGUFTensor> tensors;
  llvm::StringMap<size_t> tensorIndices;
};

} // namespace sterna

#endif // STERNA_IMPORT_GGUF_GGUFFILE_H
