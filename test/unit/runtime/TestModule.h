//===- TestModule.h - Builds device binaries for tests --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device binary as plain structs, serialized as docs/device-binary.md says,
// so that a test can describe a program or break one fact. Written apart from
// the compiler's writer, against which it checks the format.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_UNIT_RUNTIME_TESTMODULE_H
#define STERNA_TEST_UNIT_RUNTIME_TESTMODULE_H

#include "core/Device.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sterna {
namespace test {

/// Kernels of TestKernels.c, by index.
enum Kernel : uint32_t {
  Squares,
  Neighbours,
  ForwardPlain,
  ForwardLora,
  Head,
  Eval,
  Micro,
  Apply,
  Scratchpad,
  KernelCount
};

/// Shapes of the toy model.
constexpr uint32_t vocabulary = 16;
constexpr uint32_t hidden = 4;
constexpr uint32_t context = 10;
constexpr uint32_t sequence = 6;
constexpr uint32_t batch = 2;
constexpr uint32_t rank = 2;
constexpr uint32_t loraIn = 4;
constexpr uint32_t loraOut = 3;
/// Of the kernel Scratchpad, as in TestKernels.c.
constexpr uint64_t scratchBytes = 5000;

struct Field {
  std::string name;
  format::ElementType type;
  std::vector<uint64_t> shape;
  uint64_t offset;
};

struct Dispatch {
  uint32_t kernel;
  std::vector<format::Binding> bindings;
  bool barrier;
};

struct Program {
  std::string name;
  std::vector<Field> inputs;
  std::vector<Field> outputs;
  std::vector<Dispatch> dispatches;
  uint64_t arenaBytes = 0;
};

struct State {
  std::string name;
  format::StateKind kind;
  std::vector<uint64_t> shape;
  uint64_t offset;
  std::string target;
};

/// A kernel and its code; slots, their use and its place are for a GPU, scratch
/// is for a CPU.
struct KernelGrid {
  std::string name;
  uint32_t workgroups;
  uint64_t offset = 0;
  uint64_t size = 0;
  std::vector<uint8_t> slots = {};
  uint8_t written = 15;
  uint64_t scratch = 0;
};

struct TestModule {
  std::vector<KernelGrid> kernels;
  std::vector<Program> programs;
  std::vector<State> state;
  std::string target = "generic";
  std::vector<std::string> features;
  std::string code;    // ELF, or SPIR-V modules
  std::string weights; // one weight, padded to 64 bytes
  uint64_t stateBytes = 0;
  uint64_t arenaBytes = 0;
  uint64_t blockBytes = 0;
  uint32_t loraRank = rank;
  std::vector<int32_t> endIds; // of the tokenizer, and its template
  std::string chatTemplate;
  std::optional<format::AdamW> adamw = format::AdamW(0.9, 0.999);
  bool damageCode = false;    // with a checksum of the undamaged bytes
  bool damageWeights = false; // likewise

  /// The bytes of the file.
  std::string serialize() const;
};

/// The CPU with so many threads.
inline DeviceOptions onCpu(unsigned threads) { return {"cpu", threads}; }

/// A module with the kernels of TestKernels.c and no program.
TestModule emptyModule();

/// The toy model with all programs of a trainable module; see TestKernels.c.
TestModule toyModel();

/// A path in the tests' temporary folder that no other test uses.
std::string temporaryPath(const std::string &name);

/// The XXH3 64-bit checksum of `bytes`.
uint64_t checksumOf(const std::string &bytes);

/// Writes `bytes` to `path`.
void writeFile(const std::string &path, const std::string &bytes);

/// Writes and loads a module that must be valid.
std::shared_ptr<const Module> loadValid(const TestModule &module);

} // namespace test
} // namespace sterna

#endif // STERNA_TEST_UNIT_RUNTIME_TESTMODULE_H
