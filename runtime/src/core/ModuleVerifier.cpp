//===- ModuleVerifier.cpp - Checks of a device binary ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ModuleVerifier.h and docs/device-binary.md, whose order it follows.
//
//===----------------------------------------------------------------------===//

#include "core/ModuleVerifier.h"

#include "core/Module.h"
#include "sterna/device_binary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <set>
#include <string>

using namespace sterna;

namespace {

constexpr char magic[9] = STERNA_DEVICE_BINARY_MAGIC;
constexpr uint32_t formatVersion = STERNA_DEVICE_BINARY_VERSION;
constexpr uint32_t headerSize = STERNA_DEVICE_BINARY_HEADER_SIZE;

/// Of a thread; more than any kernel has use for.
constexpr uint64_t maxScratch = uint64_t(1) << 30;
constexpr uint32_t reservedBegin = 48; // to the header's end
constexpr uint64_t pageSize = 4096;
constexpr uint64_t weightAlignment = 64;
constexpr uint64_t wordSize = 4; // of SPIR-V, and of what its kernels bind
constexpr uint32_t maxSlots = 4; // storage buffers of a GPU kernel
constexpr uint32_t maxGpuBindings = 32; // each is a word of push constants

std::string str(uint64_t value) { return std::to_string(value); }

template <typename T> T readLittleEndian(const uint8_t *data) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= T(data[i]) << (8 * i);
  return value;
}

/// Whether [offset, offset + size) lies in [0, limit).
bool isInside(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

Status outside(const std::string &what, uint64_t offset, uint64_t size,
               const std::string &where, uint64_t limit) {
  return Status::error(what + " at offset " + str(offset) + " with " +
                       str(size) + " bytes exceeds the " + str(limit) +
                       " bytes of " + where);
}

/// Checks one module; the members shorten the argument lists.
class PlanVerifier {
public:
  PlanVerifier(const format::Plan &plan, const format::Model &model,
               const uint8_t *data, uint64_t size)
      : plan(plan), model(model), data(data), size(size) {}

  Status verify() {
    if (Status status = verifySections(); !status.ok())
      return status;
    if (Status status = verifyTensors(); !status.ok())
      return status;
    std::set<std::string> names;
    for (const format::Program *program : orEmpty(plan.programs())) {
      if (!names.insert(program->name()->str()).second)
        return Status::error("program '" + program->name()->str() +
                             "' is defined twice");
      if (Status status = verifyProgram(*program); !status.ok())
        return status;
    }
    return Status();
  }

private:
  Status verifySections();
  Status verifyKernels(const format::Code &code, const std::string &where);
  Status verifyTensors();
  Status verifyProgram(const format::Program &program);
  Status verifyDispatch(const format::Dispatch &dispatch,
                        const std::string &where);
  Status verifySlots(const format::Dispatch &dispatch,
                     const format::KernelCode &code, const std::string &where);
  Status verifyFields(
      const flatbuffers::Vector<flatbuffers::Offset<format::Field>> *fields,
      const std::string &where);
  Status verifyTensor(const std::string &name, format::ElementType type,
                      const flatbuffers::Vector<uint64_t> *shape,
                      uint64_t offset, const std::string &where,
                      uint64_t limit);

  uint64_t spaceBytes(format::Space space) const;

  const format::Plan &plan;
  const format::Model &model;
  const uint8_t *data;
  uint64_t size;
};

/// A graph, of neither vocabulary nor hidden size, has its own programs and no
/// other one of a language model.
static Status verifyGraph(const format::Module &module) {
  constexpr std::string_view known[] = {
      "main", "init", "loss", "train_micro", "train_apply", "train_step"};
  for (const format::Plan *plan : orEmpty(module.plans()))
    for (const format::Program *program : orEmpty(plan->programs()))
      if (std::find(std::begin(known), std::end(known),
                    program->name()->string_view()) == std::end(known))
        return Status::error("expected a model with a vocabulary and a hidden "
                             "size for the program '" +
                             program->name()->str() + "'");
  return Status();
}

static Status verifyModel(const format::Model &model) {
  if ((model.vocabulary() == 0) != (model.hidden() == 0))
    return Status::error("expected a model with a vocabulary and a hidden "
                         "size, but got " +
                         str(model.vocabulary()) + " and " +
                         str(model.hidden()));
  // Token ids and positions are 32-bit signed integers in the programs.
  for (uint32_t value :
       {model.vocabulary(), model.hidden(), model.max_context(),
        model.sequence_length(), model.batch(), model.lora_rank()})
    if (value > INT32_MAX)
      return Status::error("a size of the model is absurd: " + str(value));
  if (const format::AdamW *adamw = model.adamw())
    for (double beta : {adamw->beta1(), adamw->beta2()})
      if (!(beta >= 0 && beta < 1))
        return Status::error(
            "expected betas of the optimizer in [0, 1), but got " +
            std::to_string(beta));
  return Status();
}

Status PlanVerifier::verifySections() {
  if (plan.weights_offset() % pageSize != 0)
    return Status::error("expected the weights to start at a multiple of " +
                         str(pageSize) + ", but got " +
                         str(plan.weights_offset()));
  if (plan.weights_offset() != 0 &&
      !isInside(plan.weights_offset(), plan.weights_bytes(), size))
    return outside("the weights section", plan.weights_offset(),
                   plan.weights_bytes(), "the file", size);
  std::set<std::string> targets;
  for (const format::Code *code : orEmpty(plan.code())) {
    std::string name = "code for '" + code->target()->str() + "'";
    if (!targets.insert(code->target()->str()).second)
      return Status::error(name + " is there twice");
    if (code->offset() % pageSize != 0)
      return Status::error("expected " + name + " to start at a multiple of " +
                           str(pageSize) + ", but got " + str(code->offset()));
    if (!isInside(code->offset(), code->size(), size))
      return outside(name, code->offset(), code->size(), "the file", size);
    if (XXH3_64bits(data + code->offset(), code->size()) != code->checksum())
      return Status::error(name + " is damaged: its checksum differs");
    if (Status status = verifyKernels(*code, name); !status.ok())
      return status;
  }
  return Status();
}

Status PlanVerifier::verifyKernels(const format::Code &code,
                                   const std::string &where) {
  const auto &names = orEmpty(plan.kernels());
  const auto &kernels = orEmpty(code.kernels());
  if (kernels.size() != names.size())
    return Status::error("expected " + where + " to describe " +
                         str(names.size()) + " kernels, but got " +
                         str(kernels.size()));
  for (uint32_t i = 0; i < kernels.size(); ++i) {
    const format::KernelCode &kernel = *kernels.Get(i);
    std::string name =
        "kernel '" + names.Get(i)->name()->str() + "' in " + where;
    if (kernel.scratch() > maxScratch)
      return Status::error("expected " + name + " to need at most " +
                           str(maxScratch) + " bytes of scratch, but got " +
                           str(kernel.scratch()));
    if (kernel.offset() % wordSize != 0 || kernel.size() % wordSize != 0)
      return Status::error("expected " + name + " to lie at multiples of " +
                           str(wordSize) + ", but got " + str(kernel.size()) +
                           " bytes at " + str(kernel.offset()));
    if (!isInside(kernel.offset(), kernel.size(), code.size()))
      return outside(name, kernel.offset(), kernel.size(), "the code object",
                     code.size());
    if (orEmpty(kernel.slots()).size() > maxGpuBindings)
      return Status::error("expected at most " + str(maxGpuBindings) +
                           " slots of " + name + ", but got " +
                           str(kernel.slots()->size()));
    for (uint8_t slot : orEmpty(kernel.slots()))
      if (slot >= maxSlots)
        return Status::error("expected the slots of " + name + " to be below " +
                             str(maxSlots) + ", but got " + str(slot));
  }
  return Status();
}

/// Whether elements of eight bytes, as of `Vector` they are, can be read where
/// they lie: the verifier of FlatBuffers looks at a vector's length only. It
/// may be absent.
template <typename Vector> static bool isAligned(const Vector *vector) {
  static_assert(alignof(format::Binding) == alignof(uint64_t));
  return !vector || vector->size() == 0 ||
         reinterpret_cast<uintptr_t>(vector->Data()) % alignof(uint64_t) == 0;
}

Status PlanVerifier::verifyTensor(const std::string &name,
                                  format::ElementType type,
                                  const flatbuffers::Vector<uint64_t> *shape,
                                  uint64_t offset, const std::string &where,
                                  uint64_t limit) {
  if (type > format::ElementType::MAX)
    return Status::error(name + " has the unknown element type " +
                         str(uint64_t(type)));
  if (!isAligned(shape))
    return Status::error("the shape of " + name + " is not aligned");
  std::optional<uint64_t> count = elementCount(shape);
  uint64_t width = elementSize(type);
  if (!count || *count > UINT64_MAX / width)
    return Status::error("the shape of " + name + " is absurd");
  if (offset % width != 0)
    return Status::error("expected the offset of " + name +
                         " to be a multiple of " + str(width) + ", but got " +
                         str(offset));
  if (!isInside(offset, *count * width, limit))
    return outside(name, offset, *count * width, where, limit);
  return Status();
}

Status PlanVerifier::verifyTensors() {
  for (const format::StateTensor *tensor : orEmpty(plan.state())) {
    std::string name = "state tensor '" + tensor->name()->str() + "'";
    if (tensor->kind() > format::StateKind::MAX)
      return Status::error(name + " has the unknown kind " +
                           str(uint64_t(tensor->kind())));
    Status status =
        verifyTensor(name, tensor->type(), tensor->shape(), tensor->offset(),
                     "the state", plan.state_bytes());
    if (!status.ok())
      return status;
  }
  for (const format::Weight *weight : orEmpty(plan.weights())) {
    std::string name = "weight '" + weight->name()->str() + "'";
    if (!isAligned(weight->shape()))
      return Status::error("the shape of " + name + " is not aligned");
    if (weight->offset() % weightAlignment != 0)
      return Status::error("expected the offset of " + name +
                           " to be a multiple of " + str(weightAlignment) +
                           ", but got " + str(weight->offset()));
    if (!isInside(weight->offset(), weight->size(), plan.weights_bytes()))
      return outside(name, weight->offset(), weight->size(), "the weights",
                     plan.weights_bytes());
    if (!isInside(weight->file_offset(), weight->size(), size))
      return outside(name, weight->file_offset(), weight->size(), "the file",
                     size);
    if (plan.weights_offset() != 0 &&
        weight->file_offset() != plan.weights_offset() + weight->offset())
      return Status::error("expected " + name + " at " +
                           str(plan.weights_offset() + weight->offset()) +
                           ", where the weights lie as a whole, but got " +
                           str(weight->file_offset()));
  }
  return Status();
}

Status PlanVerifier::verifyProgram(const format::Program &program) {
  std::string where = "program '" + program.name()->str() + "'";
  if (program.arena_bytes() > plan.arena_bytes())
    return Status::error(
        where + " needs an arena of " + str(program.arena_bytes()) +
        " bytes, but the module declares " + str(plan.arena_bytes()));
  bool takesBatches =
      model.vocabulary() != 0 && (program.name()->str() == "train_micro" ||
                                  program.name()->str() == "train_step" ||
                                  program.name()->str().rfind("eval", 0) == 0);
  if (takesBatches && (model.batch() == 0 || model.sequence_length() < 2))
    return Status::error("expected a batch and sequences of 2 tokens or more "
                         "for " +
                         where + ", but got " + str(model.batch()) + " and " +
                         str(model.sequence_length()));
  if (Status status = verifyFields(program.inputs(), where); !status.ok())
    return status;
  if (Status status = verifyFields(program.outputs(), where); !status.ok())
    return status;
  uint64_t index = 0;
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches())) {
    std::string what = "dispatch " + str(index++) + " of " + where;
    if (Status status = verifyDispatch(*dispatch, what); !status.ok())
      return status;
    for (const format::Binding *binding : orEmpty(dispatch->bindings()))
      if (binding->space() == format::Space::arena &&
          !isInside(binding->offset(), binding->size(), program.arena_bytes()))
        return outside("a binding of " + what, binding->offset(),
                       binding->size(), "the program's arena",
                       program.arena_bytes());
  }
  return Status();
}

Status PlanVerifier::verifyFields(
    const flatbuffers::Vector<flatbuffers::Offset<format::Field>> *fields,
    const std::string &where) {
  for (const format::Field *field : orEmpty(fields)) {
    Status status = verifyTensor(
        "field '" + field->name()->str() + "' of " + where, field->type(),
        field->shape(), field->offset(), "the block", plan.block_bytes());
    if (!status.ok())
      return status;
  }
  return Status();
}

uint64_t PlanVerifier::spaceBytes(format::Space space) const {
  switch (space) {
  case format::Space::weights:
    return plan.weights_bytes();
  case format::Space::state:
    return plan.state_bytes();
  case format::Space::arena:
    return plan.arena_bytes();
  case format::Space::block:
    return plan.block_bytes();
  }
  return 0;
}

Status PlanVerifier::verifyDispatch(const format::Dispatch &dispatch,
                                    const std::string &where) {
  uint32_t kernels = orEmpty(plan.kernels()).size();
  if (dispatch.kernel() >= kernels)
    return Status::error(where + " runs kernel " + str(dispatch.kernel()) +
                         ", but the module has " + str(kernels));
  if (!isAligned(dispatch.bindings()))
    return Status::error("the bindings of " + where + " are not aligned");
  for (const format::Binding *binding : orEmpty(dispatch.bindings())) {
    if (binding->space() > format::Space::MAX)
      return Status::error("a binding of " + where +
                           " is in the unknown space " +
                           str(uint64_t(binding->space())));
    uint64_t limit = spaceBytes(binding->space());
    if (!isInside(binding->offset(), binding->size(), limit))
      return outside("a binding of " + where, binding->offset(),
                     binding->size(),
                     std::string("the ") +
                         format::EnumNameSpace(binding->space()) + " space",
                     limit);
  }
  for (const format::Code *code : orEmpty(plan.code())) {
    const format::KernelCode &kernel = *code->kernels()->Get(dispatch.kernel());
    if (kernel.size() == 0)
      continue;
    Status status = verifySlots(dispatch, kernel,
                                where + " on '" + code->target()->str() + "'");
    if (!status.ok())
      return status;
  }
  return Status();
}

Status PlanVerifier::verifySlots(const format::Dispatch &dispatch,
                                 const format::KernelCode &code,
                                 const std::string &where) {
  const auto &bindings = orEmpty(dispatch.bindings());
  const auto &slots = orEmpty(code.slots());
  if (slots.size() != bindings.size())
    return Status::error("expected a slot for each binding, but " + where +
                         " has " + str(bindings.size()) + " bindings and " +
                         str(slots.size()) + " slots");
  std::optional<format::Space> spaces[maxSlots];
  for (uint32_t i = 0; i < slots.size(); ++i) {
    const format::Binding &binding = *bindings.Get(i);
    // No descriptor can be empty.
    if (binding.size() == 0)
      return Status::error("a binding of " + where + " has no bytes");
    if (binding.offset() % wordSize != 0)
      return Status::error("expected the bindings of " + where +
                           " to start at multiples of " + str(wordSize) +
                           ", but got " + str(binding.offset()));
    std::optional<format::Space> &space = spaces[slots.Get(i)];
    if (space.value_or(binding.space()) != binding.space())
      return Status::error("expected one space for slot " + str(slots.Get(i)) +
                           " of " + where + ", but got " +
                           format::EnumNameSpace(*space) + " and " +
                           format::EnumNameSpace(binding.space()));
    space = binding.space();
  }
  // A descriptor that nothing is bound to must not exist.
  uint32_t used = 0;
  for (uint32_t slot = 0; slot < maxSlots; ++slot)
    if (spaces[slot] && slot != used++)
      return Status::error("expected " + where + " to use slot " +
                           str(used - 1) + ", but got slot " + str(slot));
  return Status();
}

} // namespace

Expected<MetadataRange> sterna::verifyHeader(const uint8_t *data,
                                             uint64_t size) {
  if (size < 8 || std::memcmp(data, magic, 8) != 0)
    return Status::error("not a Sterna device binary: the magic differs");
  if (size < headerSize)
    return Status::error("expected a header of " + str(headerSize) +
                         " bytes, but the file has " + str(size));
  uint32_t version = readLittleEndian<uint32_t>(data + 8);
  if (version != formatVersion)
    return Status::error("the file has format version " + str(version) +
                         ", but this runtime reads version " +
                         str(formatVersion) +
                         ": compile the model again or update the runtime");
  if (uint32_t got = readLittleEndian<uint32_t>(data + 12); got != headerSize)
    return Status::error("expected a header size of " + str(headerSize) +
                         ", but got " + str(got));
  for (uint32_t i = reservedBegin; i < headerSize; ++i)
    if (data[i] != 0)
      return Status::error("expected byte " + str(i) +
                           " of the header to be 0, but got " + str(data[i]) +
                           ": the file is damaged, compile the model again");
  uint64_t fileSize = readLittleEndian<uint64_t>(data + 40);
  if (fileSize != size)
    return Status::error("the file is truncated or has bytes appended: the "
                         "header says " +
                         str(fileSize) + " bytes, but there are " + str(size));
  MetadataRange range{readLittleEndian<uint64_t>(data + 16),
                      readLittleEndian<uint64_t>(data + 24)};
  if (range.offset < headerSize || range.offset % 8 != 0)
    return Status::error("expected the metadata at a multiple of 8 after the "
                         "header, but got offset " +
                         str(range.offset));
  if (!isInside(range.offset, range.size, size))
    return outside("the metadata", range.offset, range.size, "the file", size);
  if (XXH3_64bits(data + range.offset, range.size) !=
      readLittleEndian<uint64_t>(data + 32))
    return Status::error("the metadata is damaged: its checksum differs");
  return range;
}

Status sterna::verifyModule(const format::Module &module, const uint8_t *data,
                            uint64_t size) {
  if (Status status = verifyModel(*module.model()); !status.ok())
    return status;
  if (module.model()->vocabulary() == 0)
    if (Status status = verifyGraph(module); !status.ok())
      return status;
  if (orEmpty(module.plans()).size() == 0)
    return Status::error("the file has no plan to run");
  std::set<std::string> targets;
  for (const format::Plan *plan : orEmpty(module.plans())) {
    std::string target = plan->target()->str();
    if (!targets.insert(target).second)
      return Status::error("the plan for '" + target + "' is there twice");
    PlanVerifier verifier(*plan, *module.model(), data, size);
    if (Status status = verifier.verify(); !status.ok())
      return Status::error("the plan for '" + target +
                           "': " + status.message());
  }
  return Status();
}
