//===- Module.cpp - Modules of the C API --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See sterna/sterna.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"
#include "core/Describe.h"

#include <nlohmann/json.hpp>

using namespace sterna;
using namespace sterna::capi;

namespace {

using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

sterna_status_t loadModule(sterna_string_view_t path,
                           const sterna_linked_code_t *linked,
                           sterna_module_t **out_module) {
  Expected<std::shared_ptr<const Module>> module =
      Module::load(toString(path), linked);
  if (!module.ok())
    return failed(module.status());
  auto *handle = new sterna_module();
  handle->module = std::move(*module);
  *out_module = handle;
  return nullptr;
}

sterna_element_type_t elementType(format::ElementType type) {
  switch (type) {
  case format::ElementType::f32:
    return STERNA_ELEMENT_TYPE_F32;
  case format::ElementType::f16:
    return STERNA_ELEMENT_TYPE_F16;
  case format::ElementType::bf16:
    return STERNA_ELEMENT_TYPE_BF16;
  case format::ElementType::i32:
    return STERNA_ELEMENT_TYPE_I32;
  case format::ElementType::i8:
    return STERNA_ELEMENT_TYPE_I8;
  case format::ElementType::u8:
    return STERNA_ELEMENT_TYPE_U8;
  case format::ElementType::i16:
    return STERNA_ELEMENT_TYPE_I16;
  case format::ElementType::f64:
    return STERNA_ELEMENT_TYPE_F64;
  case format::ElementType::i64:
    return STERNA_ELEMENT_TYPE_I64;
  case format::ElementType::boolean:
    return STERNA_ELEMENT_TYPE_BOOLEAN;
  case format::ElementType::u16:
    return STERNA_ELEMENT_TYPE_U16;
  case format::ElementType::u32:
    return STERNA_ELEMENT_TYPE_U32;
  case format::ElementType::u64:
    break;
  }
  return STERNA_ELEMENT_TYPE_U64;
}

/// Describes a field or a state tensor.
template <typename Stored> sterna_tensor_t describe(const Stored &stored) {
  sterna_tensor_t tensor = {};
  tensor.name = toView(stored.name());
  tensor.type = elementType(stored.type());
  const auto &shape = orEmpty(stored.shape());
  tensor.dimension_count = shape.size();
  // Little-endian and aligned, as the verifier has shown.
  tensor.dimensions = reinterpret_cast<const uint64_t *>(shape.Data());
  tensor.bytes = *elementCount(stored.shape()) * elementSize(stored.type());
  return tensor;
}

/// The program at `index`, or null.
const format::Program *programAt(const sterna_module_t *module, size_t index) {
  if (!module)
    return nullptr;
  const auto &programs = orEmpty(module->module->plan().programs());
  return index < programs.size() ? programs.Get(uint32_t(index)) : nullptr;
}

sterna_status_t describeField(const sterna_module_t *module, size_t program,
                              size_t index, bool isInput,
                              sterna_tensor_t *out_tensor) {
  clearStruct(out_tensor);
  return guarded({{module, "a module"}, {out_tensor, "a place for a tensor"}},
                 [&]() -> sterna_status_t {
                   const format::Program *found = programAt(module, program);
                   if (!found)
                     return invalid("there is no program of this index");
                   const Fields &fields =
                       orEmpty(isInput ? found->inputs() : found->outputs());
                   if (index >= fields.size())
                     return invalid("the program has no field of this index");
                   return writeStruct(describe(*fields.Get(uint32_t(index))),
                                      out_tensor);
                 });
}

} // namespace

sterna_status_t sterna_module_load(sterna_string_view_t path,
                                   sterna_module_t **out_module) {
  clear(out_module);
  return guarded({{out_module, "a place for the module"}}, [&] {
    return loadModule(path, /*linked=*/nullptr, out_module);
  });
}

sterna_status_t sterna_module_load_linked(sterna_string_view_t path,
                                          const sterna_linked_code_t *code,
                                          sterna_module_t **out_module) {
  clear(out_module);
  return guarded(
      {{code, "linked code"}, {out_module, "a place for the module"}},
      [&] { return loadModule(path, code, out_module); });
}

void sterna_module_retain(sterna_module_t *module) { retain(module); }

void sterna_module_release(sterna_module_t *module) { release(module); }

sterna_status_t sterna_module_verify_weights(const sterna_module_t *module) {
  return guarded({{module, "a module"}},
                 [&] { return failed(module->module->verifyWeights()); });
}

size_t sterna_module_program_count(const sterna_module_t *module) {
  return module ? orEmpty(module->module->plan().programs()).size() : 0;
}

sterna_string_view_t sterna_module_program_name(const sterna_module_t *module,
                                                size_t index) {
  const format::Program *program = programAt(module, index);
  return toView(program ? program->name() : nullptr);
}

size_t sterna_module_input_count(const sterna_module_t *module,
                                 size_t program) {
  const format::Program *found = programAt(module, program);
  return found ? orEmpty(found->inputs()).size() : 0;
}

size_t sterna_module_output_count(const sterna_module_t *module,
                                  size_t program) {
  const format::Program *found = programAt(module, program);
  return found ? orEmpty(found->outputs()).size() : 0;
}

sterna_status_t sterna_module_input(const sterna_module_t *module,
                                    size_t program, size_t index,
                                    sterna_tensor_t *out_tensor) {
  return describeField(module, program, index, /*isInput=*/true, out_tensor);
}

sterna_status_t sterna_module_output(const sterna_module_t *module,
                                     size_t program, size_t index,
                                     sterna_tensor_t *out_tensor) {
  return describeField(module, program, index, /*isInput=*/false, out_tensor);
}

size_t sterna_module_state_count(const sterna_module_t *module) {
  return module ? orEmpty(module->module->plan().state()).size() : 0;
}

sterna_status_t sterna_module_state(const sterna_module_t *module, size_t index,
                                    sterna_tensor_t *out_tensor) {
  clearStruct(out_tensor);
  return guarded({{module, "a module"}, {out_tensor, "a place for a tensor"}},
                 [&]() -> sterna_status_t {
                   const auto &state = orEmpty(module->module->plan().state());
                   if (index >= state.size())
                     return invalid("there is no state tensor of this index");
                   return writeStruct(describe(*state.Get(uint32_t(index))),
                                      out_tensor);
                 });
}

sterna_status_t sterna_module_model(const sterna_module_t *module,
                                    sterna_model_t *out_model) {
  clearStruct(out_model);
  return guarded({{module, "a module"}, {out_model, "a place for the model"}},
                 [&] {
                   const format::Model &stored = module->module->model();
                   sterna_model_t model = {};
                   model.name = toView(stored.name());
                   model.architecture = toView(stored.architecture());
                   model.layers = stored.layers();
                   model.hidden_size = stored.hidden();
                   model.feed_forward_size = stored.feed_forward();
                   model.heads = stored.heads();
                   model.kv_heads = stored.kv_heads();
                   model.head_size = stored.head_dim();
                   model.vocabulary = stored.vocabulary();
                   model.context = stored.max_context();
                   model.model_context = stored.model_context();
                   model.batch = stored.batch();
                   model.sequence_length = stored.sequence_length();
                   model.lora_rank = stored.lora_rank();
                   model.trainable = stored.trainable();
                   return writeStruct(model, out_model);
                 });
}

sterna_status_t sterna_module_describe(const sterna_module_t *module,
                                       sterna_buffer_t **out_json) {
  clear(out_json);
  return guarded({{module, "a module"}, {out_json, "a place for the text"}},
                 [&]() -> sterna_status_t {
                   *out_json = new sterna_buffer(
                       describeModule(*module->module).dump());
                   return nullptr;
                 });
}
