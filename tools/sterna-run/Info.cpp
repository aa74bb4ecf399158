//===- Info.cpp - sterna-run info -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a device binary holds: the model, the memory plan, which kernel runs in
// which program. Reads metadata only; nothing is executed.
//
//===----------------------------------------------------------------------===//

#include "Command.h"
#include "Report.h"
#include "core/Fields.h"
#include "core/Plan.h"
#include "cpu/CpuFeatures.h"
#include "io/Escape.h"

#include <map>

using namespace sterna;

namespace {

struct Options {
  std::string model;
  bool verify = false;
};

constexpr const char *footer =
    "Examples:\n"
    "  sterna-run info model.stn\n"
    "  sterna-run info model.stn --json | tail -n 1 | jq .peak_bytes\n"
    "  sterna-run info model.stn --verify\n"
    "\n"
    "Peak bytes are what the plan needs: the weights that the programs read, "
    "their\nstate, the largest arena and the parameter block. Each thread of a "
    "CPU "
    "takes its\nscratch memory beside that. A tuned kernel was emitted by "
    "hand-written code for this\ndevice, a portable one by the general path.\n";

void describe(CLI::App &command, Options &options) {
  command.add_flag("--verify", options.verify,
                   "compare all weights with their checksums");
}

/// How often each kernel runs in a program, by kernel index.
std::map<uint32_t, uint64_t> kernelUses(const format::Program &program) {
  std::map<uint32_t, uint64_t> uses;
  for (const format::Dispatch *dispatch : orEmpty(program.dispatches()))
    ++uses[dispatch->kernel()];
  return uses;
}

std::string kernelName(const Module &module, uint32_t index) {
  return module.plan().kernels()->Get(index)->name()->str();
}

/// Where in the model the kernel comes from; null if that is not known.
Json kernelLocation(const Module &module, uint32_t index) {
  const flatbuffers::String *location =
      module.plan().kernels()->Get(index)->location();
  return location && location->size() > 0 ? Json(location->str()) : Json();
}

/// Whether `code` can run the kernel. A CPU's code object is one library, with
/// code for every kernel.
bool hasKernel(const format::Code &code, uint32_t index) {
  return isCpuCode(code) || code.kernels()->Get(index)->size() > 0;
}

/// What each target has for a kernel.
Json describeCode(const Module &module, uint32_t index) {
  Json targets = Json::object();
  for (const format::Code *code : orEmpty(module.plan().code())) {
    const format::KernelCode &kernel = *code->kernels()->Get(index);
    Json &target = targets[code->target()->str()];
    if (hasKernel(*code, index))
      target = {{"tuned", kernel.tuned()}, {"workgroups", kernel.workgroups()}};
  }
  return targets;
}

Json describePrograms(const Module &module) {
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

/// Type of the gradients in products with ternary matrices.
const char *gradientsOf(const format::Model &model) {
  return model.gradients() ? model.gradients()->c_str() : "f32";
}

Json describeModel(const format::Model &model) {
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

/// Bytes and number of the ternary weights, by layout.
struct LayoutBytes {
  uint64_t bytes = 0, weights = 0;

  double bits() const { return 8 * double(bytes) / double(weights); }
};

uint64_t countWeights(const format::Weight &weight) {
  uint64_t count = 1;
  for (uint64_t extent : orEmpty(weight.shape()))
    count *= extent;
  return count;
}

std::map<std::string, LayoutBytes> ternaryLayouts(const Module &module) {
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

/// The table of the language model's head; null if there is none.
const format::Weight *findHead(const Module &module) {
  const format::Weight *head = nullptr;
  for (const format::Weight *weight : orEmpty(module.plan().weights()))
    if (weight->name()->str() == "output.weight" ||
        (!head && weight->name()->str() == "token_embd.weight"))
      head = weight;
  return head;
}

Json describeWeights(const Module &module) {
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
  if (const format::Weight *weight = findHead(module))
    head = {{"name", weight->name()->str()},
            {"type", weight->layout()->str()},
            {"bytes", weight->size()}};
  return {{"ternary", layouts}, {"layout_costs", costs}, {"head", head}};
}

/// Programs that run together.
struct ProgramSet {
  const char *name;
  std::vector<uint32_t> programs;
};

/// The sets of programs that the commands run.
std::vector<ProgramSet> programSets(const Module &module) {
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
Json describeScratch(const Module &module) {
  Expected<const format::Code *> code = selectCode(module);
  if (!code.ok())
    return nullptr;
  Json scratch = Json::object();
  for (const ProgramSet &set : programSets(module))
    scratch[set.name] = scratchOf(module, **code, set.programs);
  return scratch;
}

/// The module as each of its plans.
std::vector<std::shared_ptr<const Module>> viewsOf(const Module &module) {
  std::vector<std::shared_ptr<const Module>> views;
  for (const format::Plan *plan : orEmpty(module.metadata().plans()))
    views.push_back(module.viewOf(plan->target()->str()));
  return views;
}

/// The sizes of the plan that `module` shows.
Json describeSizes(const Module &module) {
  Json peaks = Json::object();
  for (const ProgramSet &set : programSets(module))
    peaks[set.name] = planOf(module, set.programs).total();
  return {{"weights_bytes", module.plan().weights_bytes()},
          {"peak_bytes", peaks}};
}

using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

Json describeFields(const Fields *fields) {
  Json result = Json::array();
  for (const format::Field *field : orEmpty(fields))
    result.push_back({{"name", field->name()->str()},
                      {"type", numpyType(field->type())},
                      {"shape", shapeOf(*field)}});
  return result;
}

Json describeModule(const Module &module) {
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

/// A name for the terminal.
std::string shown(const flatbuffers::String *name) {
  return escapeControls(name->str());
}

void printFields(const char *title, const Fields *fields) {
  for (const format::Field *field : orEmpty(fields))
    std::printf("%-9s %s, %s of shape %s\n", title,
                shown(field->name()).c_str(), numpyType(field->type()),
                shapeText(shapeOf(*field)).c_str());
}

/// Of a graph, the parameters that training changes.
void printTrained(const Module &module) {
  uint64_t count = 0, elements = 0;
  for (const format::StateTensor *tensor : orEmpty(module.plan().state()))
    if (tensor->kind() == format::StateKind::parameter) {
      ++count;
      elements += elementCount(tensor->shape()).value_or(0);
    }
  std::printf("training  %llu parameter%s of %llu numbers\n",
              (unsigned long long)count, count == 1 ? "" : "s",
              (unsigned long long)elements);
}

void printModel(const Module &module) {
  const format::Model &model = module.model();
  std::printf("%-9s %s (%s)\n", module.isGraph() ? "graph" : "model",
              shown(model.name()).c_str(), shown(model.architecture()).c_str());
  if (const format::Program *program = findMain(module)) {
    printFields("input", program->inputs());
    printFields("output", program->outputs());
    if (model.trainable())
      printTrained(module);
    return;
  }
  std::printf("          %u layers, hidden %u, feed-forward %u, heads %u/%u of "
              "%u, vocabulary %u\n",
              model.layers(), model.hidden(), model.feed_forward(),
              model.heads(), model.kv_heads(), model.head_dim(),
              model.vocabulary());
  bool beyond =
      model.model_context() > 0 && model.max_context() > model.model_context();
  std::printf(
      "          activations %s, context %u%s\n",
      shown(model.activations()).c_str(), model.max_context(),
      beyond ? formatText(" (the model was made for %u)", model.model_context())
                   .c_str()
             : "");
  if (model.lora_rank() > 0) {
    std::string targets;
    for (const flatbuffers::String *target : orEmpty(model.lora_targets()))
      targets += " " + shown(target);
    std::printf("adapter   rank %u on%s\n", model.lora_rank(), targets.c_str());
  }
  if (model.trainable())
    std::printf("training  %u sequences of %u tokens, gradients %s\n",
                model.batch(), model.sequence_length(), gradientsOf(model));
}

void printWeights(const Module &module) {
  for (const auto &[name, layout] : ternaryLayouts(module))
    std::printf("weights   ternary as %s, %.2f bits a weight, %s\n",
                escapeControls(name).c_str(), layout.bits(),
                formatBytes(layout.bytes).c_str());
  if (const format::Weight *head = findHead(module))
    std::printf("head      %s, %s%s, %s\n", shown(head->name()).c_str(),
                shown(head->layout()).c_str(),
                shown(head->layout()) == "i8" ? " with a scale per row" : "",
                formatBytes(head->size()).c_str());
  if (ternaryLayouts(module).empty())
    return;
  for (const format::LayoutCost *cost :
       orEmpty(module.metadata().layout_costs()))
    std::printf("layout    %s at %s: predicted %.1f cycles per 1000 weights "
                "with one token, %.1f a token with many\n",
                shown(cost->layout()).c_str(), shown(cost->target()).c_str(),
                cost->one_token(), cost->many_tokens());
}

void printCode(const Module &module) {
  Expected<const format::Code *> selected = selectCode(module);
  bool hasCpuCode = false;
  for (const format::Code *code : orEmpty(module.plan().code())) {
    if (!isCpuCode(*code)) {
      std::printf("target    %s (runs with --device=%s)\n",
                  shown(code->target()).c_str(), shown(code->target()).c_str());
      continue;
    }
    hasCpuCode = true;
    std::string features;
    for (const flatbuffers::String *feature : orEmpty(code->features()))
      features += " " + shown(feature);
    bool runs = selected.ok() && *selected == code;
    std::printf("target    %s:%s%s\n", shown(code->target()).c_str(),
                features.c_str(), runs ? " (runs on this machine)" : "");
  }
  if (hasCpuCode && !selected.ok())
    std::printf("target    %s\n", selected.message().c_str());
}

/// The rows of one plan; `target` goes before their names.
void printMemory(const Module &module, const std::string &target) {
  Expected<const format::Code *> code = selectCode(module);
  for (const ProgramSet &row : programSets(module)) {
    PlannedBytes bytes = planOf(module, row.programs);
    std::printf(
        "%-*s %12s %12s %12s %12s %12s %12s\n", target.empty() ? 10 : 16,
        (target + row.name).c_str(), formatBytes(bytes.weights).c_str(),
        formatBytes(bytes.state).c_str(), formatBytes(bytes.arena).c_str(),
        formatBytes(bytes.block).c_str(), formatBytes(bytes.total()).c_str(),
        code.ok() ? formatBytes(scratchOf(module, **code, row.programs)).c_str()
                  : "-");
  }
}

/// The memory of all plans: what is right for one is not for another.
void printMemory(const Module &module) {
  std::vector<std::shared_ptr<const Module>> views = viewsOf(module);
  bool isOne = views.size() == 1;
  std::printf("\n%-*s %12s %12s %12s %12s %12s %12s\n", isOne ? 10 : 16,
              "memory", "weights", "state", "arena", "block", "peak",
              "each thread");
  for (const auto &view : views)
    printMemory(*view, isOne ? "" : shown(view->plan().target()) + " ");
}

void printPrograms(const Module &module) {
  std::printf("\n%-20s %10s %12s  %s\n", "program", "dispatches", "arena",
              "arena at its peak");
  for (const format::Program *program : orEmpty(module.plan().programs())) {
    std::string peak;
    for (const format::PeakCategory *category : orEmpty(program->peak()))
      peak += (peak.empty() ? "" : ", ") + shown(category->name()) + " " +
              formatBytes(category->bytes());
    std::printf("%-20s %10u %12s  %s\n", shown(program->name()).c_str(),
                orEmpty(program->dispatches()).size(),
                formatBytes(program->arena_bytes()).c_str(), peak.c_str());
  }
}

void printKernels(const Module &module) {
  uint32_t count = orEmpty(module.plan().kernels()).size();
  std::vector<std::string> places(count);
  for (const format::Program *program : orEmpty(module.plan().programs()))
    for (auto [index, uses] : kernelUses(*program))
      places[index] += (places[index].empty() ? "" : ", ") +
                       shown(program->name()) + " x" + std::to_string(uses);
  std::printf("\n%-40s %-12s %-8s %10s  %s\n", "kernel", "target", "tier",
              "workgroups", "runs in");
  for (uint32_t i = 0; i < count; ++i)
    for (const format::Code *code : orEmpty(module.plan().code())) {
      const format::KernelCode &kernel = *code->kernels()->Get(i);
      const char *tier = !hasKernel(*code, i) ? "none"
                         : kernel.tuned()     ? "tuned"
                                              : "portable";
      std::printf("%-40s %-12s %-8s %10u  %s\n",
                  escapeControls(kernelName(module, i)).c_str(),
                  shown(code->target()).c_str(), tier, kernel.workgroups(),
                  places[i].c_str());
    }
}

Status run(const Options &options, const CommonOptions &common) {
  Expected<std::shared_ptr<const Module>> loaded = Module::load(options.model);
  if (!loaded.ok())
    return loaded.status();
  Expected<DeviceName> device = parseDevice(common.device.device);
  if (!device.ok())
    return device.status();
  // A module without a plan for the CPU, which nobody asked for, is there to be
  // looked at.
  bool isAsked = common.device.device != DeviceOptions().device;
  Expected<std::shared_ptr<const Module>> view =
      viewFor(**loaded, *device->driver);
  if (!view.ok() && isAsked)
    return view.status();
  const Module &module = view.ok() ? **view : **loaded;
  if (options.verify) {
    if (Status status = module.verifyWeights(); !status.ok())
      return status;
    logLine("all weights match their checksums");
  }
  if (common.json) {
    printJson(describeModule(module));
    return Status();
  }
  printModel(module);
  printWeights(module);
  for (const auto &each : viewsOf(module))
    printCode(*each);
  printMemory(module);
  printPrograms(module);
  printKernels(module);
  return Status();
}

} // namespace

void sterna::addInfoCommand(CLI::App &app, const CommonOptions &common,
                            Action &action) {
  addCommand<Options>(app, common, action, "info",
                      "What a device binary holds, its plan and kernels",
                      footer, describe, run);
}
