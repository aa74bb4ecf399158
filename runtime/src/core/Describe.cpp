//===- Describe.cpp - What a device binary holds --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Describe.h.
//
//===----------------------------------------------------------------------===//

#include "core/Describe.h"

#include "core/Fields.h"
#include "cpu/CpuFeatures.h"

#include <nlohmann/json.hpp>

using namespace sterna;

using Json = nlohmann::ordered_json;

std::map<uint32_t, uint64_t>
sterna::kernelUses(const format::Program &program) {
  std::map<uint32_t, uint64_t> uses;
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches()))
    ++uses[dispatch->kernel()];
  return uses;
}

std::string sterna::kernelName(const Module &module, uint32_t index) {
  return module.plan().kernels()->Get(index)->name()->str();
}

/// Where in the model the kernel comes from; null if that is not known.
static Json kernelLocation(const Module &module, uint32_t index) {
  const flatbuffers::String *location =
      module.plan().kernels()->Get(index)->location();
  return location && location->size() > 0 ? Json(location->str()) : Json();
}

bool sterna::hasKernel(const format::Code &code, uint32_t index) {
  return isCpuCode(code) || code.kernels()->Get(index)->size() > 0;
}

/// What each target has for a kernel.
static Json describeCode(const Module &module, uint32_t index) {
  Json targets = Json::object();
  for (const format::Code *code : orEmpty(module.plan().code())) {
    const format::KernelCode &kernel = *code->kernels()->Get(index);
    Json &target = targets[code->target()->str()];
    if (hasKernel(*code, index))
      target = {{"tuned", kernel.tuned()}, {"workgroups", kernel.workgroups()}};
  }
  return targets;
}

static Json describePrograms(const Module &module) {
  Json programs = Json::array();
  for (const format::Program *program : orEmpty(module.plan().programs())) {
    Json peak = Json::object();
    for (const format::PeakCategory *category : orEmpty(program->peak()))
      peak[category->name()->str()] = category->bytes();
    Json kernels = Json::array();
    for (auto [index, uses] : kernelUses(*program))
      kernels.push_back({{"name", kernelName(module, index)},
                         {"location", kernelLocation(module, index)},
                         {"dispatches", uses},
                         {"code", describeCode(module, index)}});
    programs.push_back({{"name", program->name()->str()},
                        {"dispatches", orEmpty(program->dispatches()).size()},
                        {"arena_bytes", program->arena_bytes()},
                        {"state_bytes", program->state_bytes()},
                        {"weights_bytes", program->weights_bytes()},
                        {"peak", peak},
                        {"kernels", kernels}});
  }
  return programs;
}

const char *sterna::gradientsOf(const format::Model &model) {
  return model.gradients() ? model.gradients()->c_str() : "f32";
}

static Json describeModel(const format::Model &model) {
  Json targets = Json::array();
  for (const flatbuffers::String *target : orEmpty(model.lora_targets()))
    targets.push_back(target->str());
  return {{"architecture", model.architecture()->str()},
          {"layers", model.layers()},
          {"hidden", model.hidden()},
          {"feed_forward", model.feed_forward()},
          {"heads", model.heads()},
          {"kv_heads", model.kv_heads()},
          {"head_dim", model.head_dim()},
          {"vocabulary", model.vocabulary()},
          {"max_context", model.max_context()},
          {"model_context",
           model.model_context() > 0 ? Json(model.model_context()) : Json()},
          {"sequence_length", model.sequence_length()},
          {"batch", model.batch()},
          {"lora_rank", model.lora_rank()},
          {"lora_targets", targets},
          {"activations", model.activations()->str()},
          {"trainable", model.trainable()},
          {"gradients", gradientsOf(model)}};
}

static uint64_t countWeights(const format::Weight &weight) {
  uint64_t count = 1;
  for (uint64_t extent : orEmpty(weight.shape()))
    count *= extent;
  return count;
}

std::map<std::string, LayoutBytes>
sterna::ternaryLayouts(const Module &module) {
  std::map<std::string, LayoutBytes> layouts;
  for (const format::Weight *weight : orEmpty(module.plan().weights())) {
    if (weight->layout()->str().find(".panel") == std::string::npos)
      continue;
    LayoutBytes &layout = layouts[weight->layout()->str()];
    layout.bytes += weight->size();
    layout.weights += countWeights(*weight);
  }
  return layouts;
}

std::optional<HeadTable> sterna::findHead(const Module &module) {
  const format::Weight *table = nullptr;
  for (const format::Weight *weight : orEmpty(module.plan().weights()))
    if (weight->name()->str() == "output.weight" ||
        (!table && weight->name()->str() == "token_embd.weight"))
      table = weight;
  if (!table)
    return std::nullopt;
  HeadTable head = {table->name()->str(), table->layout()->str(),
                    table->size()};
  for (const format::Weight *weight : orEmpty(module.plan().weights()))
    for (const char *factor : {".scale", ".minimum"})
      if (weight->name()->str() == head.name + factor)
        head.bytes += weight->size();
  return head;
}

static Json describeWeights(const Module &module) {
  Json layouts = Json::object(), costs = Json::array();
  for (const auto &[name, layout] : ternaryLayouts(module))
    layouts[name] = {{"bytes", layout.bytes}, {"bits", layout.bits()}};
  for (const format::LayoutCost *cost :
       orEmpty(module.metadata().layout_costs()))
    costs.push_back({{"target", cost->target()->str()},
                     {"layout", cost->layout()->str()},
                     {"bits", cost->bits()},
                     {"one_token", cost->one_token()},
                     {"many_tokens", cost->many_tokens()}});
  Json head;
  if (std::optional<HeadTable> table = findHead(module))
    head = {
        {"name", table->name}, {"type", table->type}, {"bytes", table->bytes}};
  return {{"ternary", layouts}, {"layout_costs", costs}, {"head", head}};
}

std::vector<ProgramSet> sterna::programSets(const Module &module) {
  if (module.isGraph()) {
    std::vector<ProgramSet> sets = {
        {"run", {module.findProgram("main").value_or(0)}}};
    if (module.model().trainable())
      sets.insert(sets.begin(), {"train", trainPrograms(module)});
    return sets;
  }
  return {{"train", trainPrograms(module)},
          {"generate", generatePrograms(module, /*lora=*/false)}};
}

/// Of each thread, on this machine; null where it runs none of the code.
static Json describeScratch(const Module &module) {
  Expected<const format::Code *> code = selectCode(module);
  if (!code.ok())
    return nullptr;
  Json scratch = Json::object();
  for (const ProgramSet &set : programSets(module))
    scratch[set.name] = scratchOf(module, **code, set.programs);
  return scratch;
}

std::vector<std::shared_ptr<const Module>>
sterna::viewsOf(const Module &module) {
  std::vector<std::shared_ptr<const Module>> views;
  for (const format::Plan *plan : orEmpty(module.metadata().plans()))
    views.push_back(module.viewOf(plan->target()->str()));
  return views;
}

/// The sizes of the plan that `module` shows.
static Json describeSizes(const Module &module) {
  Json peaks = Json::object(), memory = Json::object();
  for (const ProgramSet &set : programSets(module)) {
    PlannedBytes bytes = planOf(module, set.programs);
    peaks[set.name] = bytes.total();
    memory[set.name] = {{"weights", bytes.weights},
                        {"state", bytes.state},
                        {"arena", bytes.arena},
                        {"block", bytes.block}};
  }
  return {{"weights_bytes", module.plan().weights_bytes()},
          {"peak_bytes", peaks},
          {"memory", memory}};
}

using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

static Json describeFields(const Fields *fields) {
  Json result = Json::array();
  for (const format::Field *field : orEmpty(fields))
    result.push_back({{"name", field->name()->str()},
                      {"type", numpyType(field->type())},
                      {"shape", shapeOf(*field)}});
  return result;
}

Json sterna::describeModule(const Module &module) {
  Json targets = Json::array();
  Json plans = Json::object();
  for (const auto &view : viewsOf(module)) {
    plans[view->plan().target()->str()] = describeSizes(*view);
    for (const format::Code *code : orEmpty(view->plan().code()))
      targets.push_back(code->target()->str());
  }
  Json result = {{"model", module.model().name()->str()},
                 {"config", describeModel(module.model())},
                 {"targets", targets},
                 {"plans", plans},
                 {"weights", describeWeights(module)},
                 {"scratch_bytes", describeScratch(module)},
                 {"kernels", orEmpty(module.plan().kernels()).size()},
                 {"programs", describePrograms(module)}};
  if (const format::Program *program = findMain(module)) {
    result["inputs"] = describeFields(program->inputs());
    result["outputs"] = describeFields(program->outputs());
  }
  result.update(describeSizes(module));
  return result;
}
