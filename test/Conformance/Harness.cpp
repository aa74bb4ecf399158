//===- Harness.cpp - Runs a case on a target and compares -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Harness.h.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "core/Session.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "sterna/InitAll.h"
#include "sterna/Interpreter/Interpreter.h"
#include "sterna/Pipelines/Pipelines.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/Target.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cmath>
#include <cstring>
#include <random>
#include <regex>

using namespace mlir;
using namespace sterna;
using namespace sterna::test;

namespace {

/// Elements in each of the files, more than any case reads.
constexpr size_t fileElements = 1 << 20;

template <typename T> void append(std::string &bytes, T value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

/// Random elements of a parameter's type; trits are stored as f32.
std::string randomElements(StringRef type) {
  std::mt19937 random(1);
  std::string bytes;
  for (size_t i = 0; i < fileElements; ++i) {
    uint32_t bits = random();
    if (type == "f32")
      append(bytes, float(bits) / float(1u << 31) - 1);
    else if (type == "trit")
      append(bytes, float(bits % 3) - 1);
    else if (type == "f16") // magnitudes from 2^-7 to 2
      append(bytes, uint16_t((bits & 0x9fff) + 0x2000));
    else // bf16, likewise
      append(bytes, uint16_t((bits & 0x83ff) + 0x3c00));
  }
  return bytes;
}

/// Random elements of `type` within `range`; `name` is the seed.
Array randomArray(StringRef name, ShapedType type, Bounds range) {
  std::mt19937 random(uint32_t(llvm::xxh3_64bits(name)));
  Array array;
  Type element = type.getElementType();
  array.type = element.isF32()         ? "<f4"
               : element.isF16()       ? "<f2"
               : element.isInteger(8)  ? "|i1"
               : element.isInteger(16) ? "<i2"
                                       : "<i4";
  array.shape.assign(type.getShape().begin(), type.getShape().end());
  size_t size = element.getIntOrFloatBitWidth() / 8;
  array.bytes.resize(type.getNumElements() * size);
  for (size_t at = 0; at < array.bytes.size(); at += size) {
    double unit = random() / 4294967296.0;
    float real = range.low == range.high
                     ? range.low
                     : range.low + unit * (range.high - range.low);
    int32_t whole = std::floor(range.low + unit * (range.high - range.low + 1));
    _Float16 half(real);
    // The low byte comes first.
    if (element.isF16())
      std::memcpy(&array.bytes[at], &half, size);
    else if (element.isF32())
      std::memcpy(&array.bytes[at], &real, size);
    else
      std::memcpy(&array.bytes[at], &whole, size);
  }
  return array;
}

/// The phases that turn a program function of tern ops into kernels.
bool runPhases(ModuleOp module, const test::Target &target) {
  PhaseOptions options;
  options.train = false;
  options.targets.push_back(target.level ? target.level->name.str() : "vulkan");
  options.tuned = target.tuned;
  PassManager manager(module.getContext());
  for (Phase phase : {Phase::Dispatch, Phase::Schedule, Phase::Codegen})
    buildPhase(manager, phase, options);
  return succeeded(manager.run(module));
}

/// Adds how far `actual` is from `expected`, of type f32, to `difference`.
void compareFloats(const Array &expected, const Array &actual,
                   Difference &difference) {
  double error = 0, norm = 0, worst = 0, largest = 0;
  for (size_t at = 0; at < expected.bytes.size(); at += sizeof(float)) {
    float x, y;
    std::memcpy(&x, &expected.bytes[at], sizeof(float));
    std::memcpy(&y, &actual.bytes[at], sizeof(float));
    double delta = std::abs(double(x) - y);
    // Both infinite, both not a number, or one of them: that must count.
    if (x == y || (std::isnan(x) && std::isnan(y)))
      delta = 0;
    if (std::isnan(delta))
      delta = INFINITY;
    error += delta * delta;
    worst = std::max(worst, delta);
    if (std::isfinite(x)) {
      norm += double(x) * x;
      largest = std::max(largest, std::abs(double(x)));
    }
  }
  // Zeros must be zeros, to a hair.
  difference.meanSquare =
      std::max(difference.meanSquare, error / std::max(norm, 1e-30));
  difference.largest =
      std::max(difference.largest, worst / std::max(largest, 1e-15));
}

} // namespace

Harness::Harness() {
  static bool registered = (registerAllPasses(), true);
  (void)registered;
  for (const char *type : {"f32", "f16", "bf16", "trit"})
    folder.write(type, randomElements(type));
  // Kernels of tests must not fill the user's cache.
  setenv("XDG_CACHE_HOME", folder.path().c_str(), /*overwrite=*/1);
  DialectRegistry registry;
  registerAllDialects(registry);
  context = std::make_unique<MLIRContext>(registry);
  context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
    return success();
  });
}

/// The angles of `count` pairs of a head: 10000^(-i / count).
static std::string frequencies(unsigned count) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (unsigned i = 0; i < count; ++i)
    stream << (i ? ", " : "[")
           << llvm::format("%.17e", std::pow(1e4, -double(i) / count));
  stream << "]> : tensor<" << count << "xf64>";
  return "dense<" + text;
}

OwningOpRef<ModuleOp> Harness::parse(const Case &c) {
  std::string text;
  std::regex source("\\$(file|frequencies)\\((\\w+)\\)");
  auto at = std::sregex_iterator(c.text.begin(), c.text.end(), source);
  std::string rest = c.text;
  int64_t count = 0;
  for (; at != std::sregex_iterator(); ++at) {
    std::string type = (*at)[2];
    if ((*at)[1] == "frequencies") {
      text += at->prefix().str() + frequencies(std::stoul(type));
      rest = at->suffix();
      continue;
    }
    if (type == "i8") // quantized by the compiler
      type = "f32";
    text += at->prefix().str() + "#tern.file<path = \"" + folder.path(type) +
            "\", offset = " + std::to_string(4096 * count++) +
            ", storage = " + (type == "trit" ? "f32" : type) + ">";
    rest = at->suffix();
  }
  return parseSourceString<ModuleOp>(text + rest, context.get());
}

bool Harness::interpretCase(const Case &c) {
  if (lastCase == c.name())
    return true;
  lastCase.clear();
  auto module = parse(c);
  auto function = module ? module->lookupSymbol<func::FuncOp>("run") : nullptr;
  if (!function)
    return false;
  argumentNames.clear();
  resultNames.clear();
  isState.clear();
  isTied.clear();
  arguments.clear();
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto input = function.getArgAttrOfType<StringAttr>(i, tern::inputAttr);
    auto state = function.getArgAttrOfType<tern::StateAttr>(i, tern::stateAttr);
    StringRef name = input ? input.getValue() : state.getName();
    auto type = cast<ShapedType>(function.getArgumentTypes()[i]);
    auto range = c.ranges.find(name.str());
    Bounds bounds = range != c.ranges.end()             ? range->second
                    : type.getElementType().isInteger() ? Bounds{-128, 127}
                                                        : Bounds{-1, 1};
    argumentNames.push_back(name.str());
    isState.push_back(bool(state));
    arguments.push_back(randomArray(name, type, bounds));
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto tied = function.getResultAttrOfType<IntegerAttr>(i, tern::tiedAttr);
    auto output = function.getResultAttrOfType<StringAttr>(i, tern::outputAttr);
    isTied.push_back(bool(tied));
    resultNames.push_back(tied ? argumentNames[tied.getInt()] : output.str());
  }
  auto results = interpret(*module, "run", arguments, {});
  if (failed(results))
    return false;
  expected = std::move(*results);
  lastCase = c.name();
  return true;
}

std::optional<std::string> Harness::compile(ModuleOp module,
                                            const test::Target &target,
                                            std::string &error) {
  // The least that the device binary wants to know of a model.
  module->setAttr(tern::modelAttr,
                  tern::ModelAttr::get(context.get(), "conformance", "none", 1,
                                       1, 1, 1, 1, 1, 1, 1, true));
  module->setAttr(tern::shapesAttr,
                  tern::ShapesAttr::get(context.get(), 1, 1, 1));
  if (!runPhases(module, target)) {
    error = "cannot be compiled: " + diagnostics;
    return std::nullopt;
  }
  FailureOr<std::vector<TargetPlan>> plans = getTargetPlans(module);
  if (failed(plans)) {
    error = "has no plan: " + diagnostics;
    return std::nullopt;
  }
  const TargetPlan &plan = plans->front();
  auto code = plan.target->emitCode(plan.module, {});
  if (!code) {
    error = "no code: " + llvm::toString(code.takeError());
    return std::nullopt;
  }
  std::string path = folder.path("case.stn");
  PlanCode part{plan.target->getName().str(), plan.module, std::move(*code)};
  auto report = writeDeviceBinary(module, part, path);
  if (!report) {
    error = "cannot be written: " + llvm::toString(report.takeError());
    return std::nullopt;
  }
  return path;
}

std::optional<Harness::Results> Harness::execute(const std::string &path,
                                                 const test::Target &target,
                                                 std::string &error) {
  auto fail = [&](const std::string &what, const std::string &message) {
    error = what + ": " + message;
    return std::nullopt;
  };
  auto module = sterna::Module::load(path);
  if (!module.ok())
    return fail("cannot be loaded", module.message());
  DeviceOptions options;
  options.device = target.level ? "cpu" : "vulkan";
  options.threads = target.level ? 2 : 0;
  auto session = Session::create(*module, {0}, options);
  if (!session.ok())
    return fail("cannot be prepared", session.message());
  auto program = (*session)->program("run");
  if (!program.ok())
    return fail("has no program", program.message());
  // Results that a kernel does not write must not be right by chance.
  Results results = expected;
  for (auto [i, result] : llvm::enumerate(results)) {
    if (isTied[i])
      continue;
    auto bytes = program->outputBytes(resultNames[i]);
    if (!bytes.ok() || bytes->size != result.bytes.size())
      return fail("has no output " + resultNames[i], bytes.message());
    std::memset(bytes->data, 0xa5, bytes->size);
  }
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    const std::string &name = argumentNames[i];
    const void *data = argument.bytes.data();
    if (isState[i]) {
      const format::StateTensor *state = (*module)->findState(name);
      Status status =
          (*session)->writeState(*state, data, argument.bytes.size());
      if (!status.ok())
        return fail("cannot write state " + name, status.message());
      continue;
    }
    auto bytes = program->inputBytes(name);
    if (!bytes.ok() || bytes->size != argument.bytes.size())
      return fail("has no input " + name, bytes.message());
    std::memcpy(bytes->data, data, bytes->size);
  }
  if (Status status = program->run(); !status.ok())
    return fail("cannot be run", status.message());
  for (auto [i, result] : llvm::enumerate(results)) {
    if (!isTied[i]) {
      auto bytes = program->outputBytes(resultNames[i]);
      std::memcpy(result.bytes.data(), bytes->data, bytes->size);
      continue;
    }
    const format::StateTensor *state = (*module)->findState(resultNames[i]);
    Status status =
        (*session)->readState(*state, result.bytes.data(), result.bytes.size());
    if (!status.ok())
      return fail("cannot read state " + resultNames[i], status.message());
  }
  return results;
}

std::optional<Difference>
Harness::run(const Case &c, const test::Target &target, std::string &error) {
  diagnostics.clear();
  OwningOpRef<ModuleOp> module;
  if (!interpretCase(c) || !(module = parse(c))) {
    error = "has no reference: " + diagnostics;
    return std::nullopt;
  }
  auto path = compile(*module, target, error);
  auto results = path ? execute(*path, target, error) : std::nullopt;
  if (!results)
    return std::nullopt;
  Difference difference;
  for (auto [i, actual] : llvm::enumerate(*results)) {
    bool isFloat = expected[i].type == "<f4";
    if (isFloat)
      compareFloats(expected[i], actual, difference);
    if ((!isFloat || c.tolerance == 0) && expected[i].bytes != actual.bytes)
      difference.unequal += " " + resultNames[i];
  }
  return difference;
}
