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
#include "core/Describe.h"
#include "core/Fields.h"
#include "cpu/CpuFeatures.h"
#include "io/Escape.h"

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

using Fields = flatbuffers::Vector<flatbuffers::Offset<format::Field>>;

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
  if (std::optional<HeadTable> head = findHead(module)) {
    std::string type = head->type == "i8"   ? "i8 with a scale per row"
                       : head->type == "q6" ? "6 bits in blocks of 32"
                       : head->type == "q4" ? "4 bits in blocks of 32"
                                            : head->type;
    std::printf("head      %s, %s, %s\n", escapeControls(head->name).c_str(),
                escapeControls(type).c_str(), formatBytes(head->bytes).c_str());
  }
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
