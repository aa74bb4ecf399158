//===- Session.h - A module prepared on a device --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A session owns a device's spaces and runs programs by name, with their inputs
// and outputs as typed pointers. The layer that generation, training and the C
// API are written on. Not thread-safe: one caller at a time.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_CORE_SESSION_H
#define STERNA_RUNTIME_CORE_SESSION_H

#include "core/Device.h"

#include <string>
#include <vector>

namespace sterna {

template <typename T> struct ElementTypeOf;
template <> struct ElementTypeOf<float> {
  static constexpr format::ElementType value = format::ElementType::f32;
};
template <> struct ElementTypeOf<int32_t> {
  static constexpr format::ElementType value = format::ElementType::i32;
};

/// A program of a session. Cheap to copy; valid as long as its session.
class Program {
public:
  /// A pointer to the input (output) called `name` in the block. Fails unless
  /// it exists, has element type T and exactly `count` elements. Programs may
  /// share the block's bytes: write all inputs before each run, and read the
  /// outputs before the next.
  template <typename T>
  Expected<T *> input(const std::string &name, uint64_t count) const {
    return typed<T>(metadata->inputs(), name, count);
  }
  template <typename T>
  Expected<T *> output(const std::string &name, uint64_t count) const {
    return typed<T>(metadata->outputs(), name, count);
  }

  /// The bytes of an input (output) of any type.
  struct Bytes {
    uint8_t *data = nullptr;
    uint64_t size = 0;
  };
  Expected<Bytes> inputBytes(const std::string &name) const {
    return find(metadata->inputs(), name);
  }
  Expected<Bytes> outputBytes(const std::string &name) const {
    return find(metadata->outputs(), name);
  }

  /// Runs the program; returns when its outputs are readable.
  Status run() const { return device->run(index); }

private:
  friend class Session;
  using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

  Program(Device *device, uint32_t index, const format::Program *metadata)
      : device(device), index(index), metadata(metadata) {}

  Expected<Bytes> find(const Fields *fields, const std::string &name) const;
  Expected<uint8_t *> find(const Fields *fields, const std::string &name,
                           format::ElementType type, uint64_t count) const;

  template <typename T>
  Expected<T *> typed(const Fields *fields, const std::string &name,
                      uint64_t count) const {
    Expected<uint8_t *> bytes =
        find(fields, name, ElementTypeOf<T>::value, count);
    if (!bytes.ok())
      return bytes.status();
    return reinterpret_cast<T *>(*bytes);
  }

  Device *device;
  uint32_t index;
  const format::Program *metadata;
};

class Session {
public:
  /// Prepares `programs`, indices into the module's programs, on the device
  /// that `options` names, and runs the module's program `init`, if it has one.
  /// All memory is allocated here; running allocates none.
  static Expected<std::unique_ptr<Session>>
  create(std::shared_ptr<const Module> module, std::vector<uint32_t> programs,
         const DeviceOptions &options);

  const Module &module() const { return *loaded; }

  /// The code that runs, as the module names it.
  std::string target() const { return device->target(); }

  /// The device that runs it: "CPU", or what a GPU's driver calls it.
  std::string deviceName() const { return device->name(); }

  /// Whether the program called `name` is one of those prepared.
  bool isPrepared(const std::string &name) const;

  /// A program by name; fails unless it is one of those prepared.
  Expected<Program> program(const std::string &name) const;

  /// Copies a state tensor of f32 to and from the device. `data` holds all its
  /// elements. Fails if the tensor's type is another, if no prepared program
  /// touches it, or if the device does.
  Status readState(const format::StateTensor &tensor, float *data) const;
  Status writeState(const format::StateTensor &tensor, const float *data);

  /// As above, for any type; `size` must be the tensor's size in bytes.
  Status readState(const format::StateTensor &tensor, void *data,
                   uint64_t size) const;
  Status writeState(const format::StateTensor &tensor, const void *data,
                    uint64_t size);

  /// The memory of the device that all prepared programs together take.
  PlannedBytes plannedBytes() const { return device->memory(); }

private:
  /// Where the device has a tensor.
  Expected<uint64_t> placeOf(const format::StateTensor &tensor) const;

  Session(std::shared_ptr<const Module> module, std::vector<uint32_t> programs,
          std::unique_ptr<Device> device)
      : loaded(std::move(module)), prepared(std::move(programs)),
        device(std::move(device)) {}

  std::shared_ptr<const Module> loaded;
  std::vector<uint32_t> prepared;
  std::unique_ptr<Device> device;
};

/// Indices of the programs called `names`. Fails, naming the first that the
/// module lacks.
Expected<std::vector<uint32_t>>
findPrograms(const Module &module, const std::vector<std::string> &names);

} // namespace sterna

#endif // STERNA_RUNTIME_CORE_SESSION_H
