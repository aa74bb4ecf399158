//===- Session.cpp - A module prepared on a device ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Session.h.
//
//===----------------------------------------------------------------------===//

#include "core/Session.h"

#include <algorithm>

using namespace sterna;

namespace {

Status notCompiled(const Module &module, const std::string &program) {
  std::string advice;
  if (program.rfind("train_", 0) == 0 && module.findProgram("train_step"))
    advice = ": it keeps no gradients; compile it with --grad-clip-mode=exact";
  else if (program.rfind("train_", 0) == 0)
    advice = module.isGraph() ? ": compile it with --train and --trainable"
                              : ": compile it without --no-train";
  else if (program.find("_lora") != std::string::npos)
    advice = ": compile it with --lora-rank above 0";
  return Status::error("the module has no program '" + program + "'" + advice);
}

Status checkF32(const format::StateTensor &tensor) {
  if (tensor.type() == format::ElementType::f32)
    return Status();
  return Status::error("expected state tensor '" + tensor.name()->str() +
                       "' to be f32, but got " +
                       format::EnumNameElementType(tensor.type()));
}

uint64_t byteSize(const format::StateTensor &tensor) {
  // The verifier has shown that the product fits the state space.
  return *elementCount(tensor.shape()) * elementSize(tensor.type());
}

Status checkSize(const format::StateTensor &tensor, uint64_t size) {
  if (size == byteSize(tensor))
    return Status();
  return Status::error("expected " + std::to_string(byteSize(tensor)) +
                       " bytes for state tensor '" + tensor.name()->str() +
                       "', but got " + std::to_string(size));
}

const format::Field *
findField(const flatbuffers::Vector<flatbuffers::Offset<format::Field>> *fields,
          const std::string &name) {
  for (const format::Field *field : orEmpty(fields))
    if (field->name()->string_view() == name)
      return field;
  return nullptr;
}

Status noField(const format::Program &program, const std::string &name) {
  return Status::error("program '" + program.name()->str() +
                       "' has no field '" + name + "'");
}

} // namespace

Expected<Program::Bytes> Program::find(const Fields *fields,
                                       const std::string &name) const {
  const format::Field *field = findField(fields, name);
  if (!field)
    return noField(*metadata, name);
  return Bytes{device->block() + field->offset(),
               *elementCount(field->shape()) * elementSize(field->type())};
}

Expected<uint8_t *> Program::find(const Fields *fields, const std::string &name,
                                  format::ElementType type,
                                  uint64_t count) const {
  const format::Field *field = findField(fields, name);
  if (!field)
    return noField(*metadata, name);
  uint64_t elements = *elementCount(field->shape());
  if (field->type() != type || elements != count)
    return Status::error("expected field '" + name + "' of program '" +
                         metadata->name()->str() + "' to hold " +
                         std::to_string(count) + " elements of " +
                         format::EnumNameElementType(type) + ", but got " +
                         std::to_string(elements) + " of " +
                         format::EnumNameElementType(field->type()));
  return device->block() + field->offset();
}

Expected<std::unique_ptr<Session>>
Session::create(std::shared_ptr<const Module> module,
                std::vector<uint32_t> programs, const DeviceOptions &options) {
  Expected<DeviceName> name = parseDevice(options);
  if (!name.ok())
    return name.status();
  Expected<std::shared_ptr<const Module>> view =
      viewFor(*module, *name->driver);
  if (!view.ok())
    return view.status();
  for (uint32_t &program : programs) {
    std::string called = module->plan().programs()->Get(program)->name()->str();
    std::optional<uint32_t> index = (*view)->findProgram(called);
    if (!index)
      return Status::error("the plan for " + std::string(name->driver->target) +
                           " has no program '" + called + "'");
    program = *index;
  }
  module = std::move(*view);
  // What gives state its first values runs before all others.
  std::optional<uint32_t> fills = module->findProgram("init");
  if (fills)
    programs.push_back(*fills);
  std::sort(programs.begin(), programs.end());
  programs.erase(std::unique(programs.begin(), programs.end()), programs.end());
  Expected<std::unique_ptr<Device>> device =
      createDevice(module, programs, options);
  if (!device.ok())
    return device.status();
  std::unique_ptr<Session> session(
      new Session(std::move(module), std::move(programs), std::move(*device)));
  if (fills)
    if (Status status = session->device->run(*fills); !status.ok())
      return status;
  return session;
}

bool Session::isPrepared(const std::string &name) const {
  std::optional<uint32_t> index = loaded->findProgram(name);
  return index && std::binary_search(prepared.begin(), prepared.end(), *index);
}

Expected<Program> Session::program(const std::string &name) const {
  std::optional<uint32_t> index = loaded->findProgram(name);
  if (!index)
    return notCompiled(*loaded, name);
  if (!isPrepared(name))
    return Status::error("program '" + name +
                         "' was not named when the session was created");
  return Program(device.get(), *index, loaded->plan().programs()->Get(*index));
}

Status Session::readState(const format::StateTensor &tensor,
                          float *data) const {
  if (Status status = checkF32(tensor); !status.ok())
    return status;
  return readState(tensor, data, byteSize(tensor));
}

Status Session::writeState(const format::StateTensor &tensor,
                           const float *data) {
  if (Status status = checkF32(tensor); !status.ok())
    return status;
  return writeState(tensor, data, byteSize(tensor));
}

Status Session::readState(const format::StateTensor &tensor, void *data,
                          uint64_t size) const {
  if (Status status = checkSize(tensor, size); !status.ok())
    return status;
  Expected<uint64_t> place = placeOf(tensor);
  return place.ok() ? device->readState(*place, size, data) : place.status();
}

Status Session::writeState(const format::StateTensor &tensor, const void *data,
                           uint64_t size) {
  if (Status status = checkSize(tensor, size); !status.ok())
    return status;
  Expected<uint64_t> place = placeOf(tensor);
  return place.ok() ? device->writeState(*place, size, data) : place.status();
}

Expected<uint64_t> Session::placeOf(const format::StateTensor &tensor) const {
  std::optional<uint64_t> place =
      device->stateLayout().find(tensor.offset(), byteSize(tensor));
  if (place)
    return *place;
  return Status::error("state tensor '" + tensor.name()->str() +
                       "' is not there: none of the programs that the session "
                       "was created for touches it");
}

Expected<std::vector<uint32_t>>
sterna::findPrograms(const Module &module,
                     const std::vector<std::string> &names) {
  std::vector<uint32_t> indices;
  for (const std::string &name : names) {
    std::optional<uint32_t> index = module.findProgram(name);
    if (!index)
      return notCompiled(module, name);
    indices.push_back(*index);
  }
  return indices;
}
