//===- Module.h - A loaded device binary ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens a `.stn` file, checks it, and gives access to its metadata and bytes.
// Knows nothing of devices: the same module can be prepared for several.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_MODULE_H
#define STERNA_RUNTIME_CORE_MODULE_H

#include "core/Mapping.h"
#include "io/Status.h"
#include "module_generated.h"
#include "sterna/kernel_library.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {

/// A verified device binary. Immutable; the file stays mapped, so it must not
/// be truncated while the module lives.
class Module {
public:
  /// Maps and verifies the file at `path`, a device binary or an executable
  /// that carries one: header, checksums of metadata and code, and every offset
  /// in the metadata against its space. `linked`, unless it is null, is the
  /// code of this module as it is linked into the program, and outlives the
  /// module. Errors name the path and what is wrong.
  static Expected<std::shared_ptr<const Module>>
  load(const std::string &path, const sterna_linked_code_t *linked = nullptr);

  const format::Module &metadata() const { return *file->root; }
  const format::Model &model() const { return *file->root->model(); }

  /// The plan whose programs, state, weights and code this object shows; of a
  /// module as it is loaded, the first.
  const format::Plan &plan() const { return *current; }

  /// The same file, shown as the plan for `target`; null if it has none.
  std::shared_ptr<const Module> viewOf(const std::string &target) const;

  /// Start of the weights space, `plan().weights_bytes()` bytes, read-only;
  /// null where its weights lie apart.
  const uint8_t *weights() const;

  /// The bytes of one weight, `weight.size()` of them.
  const uint8_t *bytesOf(const format::Weight &weight) const;

  /// The bytes of one code object; `code.size()` bytes.
  const uint8_t *code(const format::Code &code) const;

  /// The kernels of a code object that are linked into the program, or null.
  const sterna_kernel_library_t *linkedKernels(const format::Code &code) const;

  /// Whether it is a graph's, whose program is "main", and no language model's.
  bool isGraph() const { return model().vocabulary() == 0; }

  /// Index of the program called `name`, if the plan has it.
  std::optional<uint32_t> findProgram(const std::string &name) const;

  /// The state tensor called `name`, or null.
  const format::StateTensor *findState(const std::string &name) const;

  /// Compares the checksum of every weight of every plan with its bytes, which
  /// reads all of them. The error names the first damaged weight.
  Status verifyWeights() const;

private:
  Module() = default;

  Status link(const sterna_linked_code_t &code);

  /// What all views share.
  struct File {
    Mapping mapping;
    const uint8_t *bytes = nullptr; // where the device binary starts in it
    const format::Module *root = nullptr;
    const sterna_linked_code_t *linked = nullptr; // may be null
  };
  std::shared_ptr<File> file;
  const format::Plan *current = nullptr;
};

/// Bytes of one element of `type`.
uint64_t elementSize(format::ElementType type);

/// Number of elements of a shape; absent if it overflows 64 bits.
std::optional<uint64_t>
elementCount(const flatbuffers::Vector<uint64_t> *shape);

/// A FlatBuffers vector that may be absent, which means empty.
template <typename T>
const flatbuffers::Vector<T> &orEmpty(const flatbuffers::Vector<T> *vector) {
  // A vector lies in memory as its length and then its elements.
  alignas(8) static const uint32_t empty[2] = {0, 0};
  if (vector)
    return *vector;
  return *reinterpret_cast<const flatbuffers::Vector<T> *>(empty);
}

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_MODULE_H
