//===- Module.cpp - A loaded device binary --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Module.h.
//
//===----------------------------------------------------------------------===//

#include "core/Module.h"

#include "core/Executable.h"
#include "core/ModuleVerifier.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <set>

using namespace sterna;

namespace {

/// Each dispatch is a table; the largest models have some hundred thousand.
constexpr flatbuffers::uoffset_t maxTables = 1u << 24;
constexpr flatbuffers::uoffset_t maxDepth = 64;

} // namespace

Expected<std::shared_ptr<const Module>>
Module::load(const std::string &path, const sterna_linked_code_t *linked) {
  Expected<Mapping> file = Mapping::openFile(path);
  if (!file.ok())
    return file.status();
  std::shared_ptr<Module> module(new Module());
  module->file = std::make_shared<File>();
  File &shared = *module->file;
  shared.mapping = std::move(*file);
  auto inFile = [&](const Status &status) {
    return Status::error("cannot load '" + path + "': " + status.message());
  };
  Expected<std::optional<ModuleRange>> appended =
      findAppendedModule(shared.mapping.data(), shared.mapping.size());
  if (!appended.ok())
    return inFile(appended.status());
  ModuleRange whole = {0, shared.mapping.size()};
  auto [start, size] = appended->value_or(whole);
  const uint8_t *data = shared.bytes = shared.mapping.data() + start;

  Expected<MetadataRange> range = verifyHeader(data, size);
  if (!range.ok())
    return inFile(range.status());
  // FlatBuffers addresses at most 2 GiB; its verifier asserts on more.
  bool wellFormed = range->size < FLATBUFFERS_MAX_BUFFER_SIZE;
  if (wellFormed) {
    flatbuffers::Verifier verifier(data + range->offset, range->size, maxDepth,
                                   maxTables);
    wellFormed = format::VerifyModuleBuffer(verifier);
  }
  if (!wellFormed)
    return inFile(Status::error("the metadata is not a well-formed module"));
  shared.root = format::GetModule(data + range->offset);
  if (Status status = verifyModule(*shared.root, data, size); !status.ok())
    return inFile(status);
  module->current = shared.root->plans()->Get(0);
  if (linked)
    if (Status status = module->link(*linked); !status.ok())
      return inFile(status);
  return std::shared_ptr<const Module>(std::move(module));
}

Status Module::link(const sterna_linked_code_t &code) {
  if (code.version != STERNA_KERNEL_LIBRARY_VERSION)
    return Status::error("expected linked code of version " +
                         std::to_string(STERNA_KERNEL_LIBRARY_VERSION) +
                         ", but got " + std::to_string(code.version));
  file->linked = &code;
  for (const format::Plan *plan : orEmpty(file->root->plans()))
    for (const format::Code *one : orEmpty(plan->code()))
      if (linkedKernels(*one))
        return Status();
  return Status::error("the code linked into this program is not the module's: "
                       "use the object that was written together with it");
}

const sterna_kernel_library_t *
Module::linkedKernels(const format::Code &code) const {
  const sterna_linked_code_t *linked = file->linked;
  if (!linked || code.linked() != linked->id)
    return nullptr;
  for (uint32_t i = 0; i < linked->count; ++i)
    if (code.target()->string_view() == linked->levels[i].target)
      return linked->levels[i].library;
  return nullptr;
}

std::shared_ptr<const Module> Module::viewOf(const std::string &target) const {
  for (const format::Plan *plan : orEmpty(file->root->plans()))
    if (plan->target()->string_view() == target) {
      std::shared_ptr<Module> view(new Module());
      view->file = file;
      view->current = plan;
      return view;
    }
  return nullptr;
}

const uint8_t *Module::weights() const {
  uint64_t offset = current->weights_offset();
  return offset == 0 ? nullptr : file->bytes + offset;
}

const uint8_t *Module::bytesOf(const format::Weight &weight) const {
  return file->bytes + weight.file_offset();
}

const uint8_t *Module::code(const format::Code &code) const {
  return file->bytes + code.offset();
}

std::optional<uint32_t> Module::findProgram(const std::string &name) const {
  uint32_t index = 0;
  for (const format::Program *program : orEmpty(current->programs())) {
    if (program->name()->string_view() == name)
      return index;
    ++index;
  }
  return std::nullopt;
}

const format::StateTensor *Module::findState(const std::string &name) const {
  for (const format::StateTensor *tensor : orEmpty(current->state()))
    if (tensor->name()->string_view() == name)
      return tensor;
  return nullptr;
}

Status Module::verifyWeights() const {
  std::set<uint64_t> seen;
  for (const format::Plan *plan : orEmpty(file->root->plans()))
    for (const format::Weight *weight : orEmpty(plan->weights()))
      if (seen.insert(weight->file_offset()).second &&
          XXH3_64bits(bytesOf(*weight), weight->size()) != weight->checksum())
        return Status::error("weight '" + weight->name()->str() +
                             "' is damaged: its checksum differs");
  return Status();
}

uint64_t sterna::elementSize(format::ElementType type) {
  switch (type) {
  case format::ElementType::f64:
  case format::ElementType::i64:
  case format::ElementType::u64:
    return 8;
  case format::ElementType::f32:
  case format::ElementType::i32:
  case format::ElementType::u32:
    return 4;
  case format::ElementType::f16:
  case format::ElementType::bf16:
  case format::ElementType::i16:
  case format::ElementType::u16:
    return 2;
  case format::ElementType::i8:
  case format::ElementType::u8:
  case format::ElementType::boolean:
    return 1;
  }
  return 1;
}

std::optional<uint64_t>
sterna::elementCount(const flatbuffers::Vector<uint64_t> *shape) {
  uint64_t count = 1;
  for (uint64_t dimension : orEmpty(shape))
    if (__builtin_mul_overflow(count, dimension, &count))
      return std::nullopt;
  return count;
}
