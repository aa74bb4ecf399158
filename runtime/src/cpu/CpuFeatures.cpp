//===- CpuFeatures.cpp - What the host's CPU can run ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CpuFeatures.h. On x86-64 the features come from CPUID, and from XCR0 for
// those whose registers the operating system must save.
//
//===----------------------------------------------------------------------===//

#include "cpu/CpuFeatures.h"

#include "cpu/ArmCore.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <elf.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

using namespace sterna;

namespace {

struct Level {
  const char *name;
  std::vector<const char *> features;
};

#if defined(__x86_64__)

constexpr uint16_t hostMachine = EM_X86_64;

enum Register { EAX, EBX, ECX, EDX };

/// Register files that the operating system must save: bits of XCR0.
constexpr uint32_t noState = 0;
constexpr uint32_t ymmState = 0x6;
constexpr uint32_t zmmState = 0xe6;

struct Feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  Register reg;
  unsigned bit;
  uint32_t state;
};

const Feature features[] = {
    {"cmov", 1, 0, EDX, 15, noState},
    {"cx8", 1, 0, EDX, 8, noState},
    {"fxsr", 1, 0, EDX, 24, noState},
    {"mmx", 1, 0, EDX, 23, noState},
    {"sse", 1, 0, EDX, 25, noState},
    {"sse2", 1, 0, EDX, 26, noState},
    {"sse3", 1, 0, ECX, 0, noState},
    {"ssse3", 1, 0, ECX, 9, noState},
    {"fma", 1, 0, ECX, 12, ymmState},
    {"cx16", 1, 0, ECX, 13, noState},
    {"sse4.1", 1, 0, ECX, 19, noState},
    {"sse4.2", 1, 0, ECX, 20, noState},
    {"movbe", 1, 0, ECX, 22, noState},
    {"popcnt", 1, 0, ECX, 23, noState},
    {"xsave", 1, 0, ECX, 26, noState},
    {"avx", 1, 0, ECX, 28, ymmState},
    {"f16c", 1, 0, ECX, 29, ymmState},
    {"bmi", 7, 0, EBX, 3, noState},
    {"avx2", 7, 0, EBX, 5, ymmState},
    {"bmi2", 7, 0, EBX, 8, noState},
    {"avx512f", 7, 0, EBX, 16, zmmState},
    {"avx512dq", 7, 0, EBX, 17, zmmState},
    {"avx512ifma", 7, 0, EBX, 21, zmmState},
    {"avx512cd", 7, 0, EBX, 28, zmmState},
    {"avx512bw", 7, 0, EBX, 30, zmmState},
    {"avx512vl", 7, 0, EBX, 31, zmmState},
    {"avx512vbmi", 7, 0, ECX, 1, zmmState},
    {"avx512vbmi2", 7, 0, ECX, 6, zmmState},
    {"avx512vnni", 7, 0, ECX, 11, zmmState},
    {"avx512bitalg", 7, 0, ECX, 12, zmmState},
    {"avx512vpopcntdq", 7, 0, ECX, 14, zmmState},
    {"avxvnni", 7, 1, EAX, 4, ymmState},
    {"avx512bf16", 7, 1, EAX, 5, zmmState},
    {"avxvnniint8", 7, 1, EDX, 4, ymmState},
    {"sahf", 0x80000001, 0, ECX, 0, noState},
    {"lzcnt", 0x80000001, 0, ECX, 5, noState},
};

/// The levels that the compiler knows, by what sets each apart.
const Level levels[] = {
    {"x86-64-v2", {"ssse3", "sse4.1", "sse4.2", "popcnt"}},
    {"x86-64-v3", {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}},
    {"x86-64-v3-vnni", {"avx2", "bmi2", "f16c", "fma", "avxvnni"}},
    {"x86-64-v4-vnni",
     {"avx2", "bmi2", "f16c", "fma", "avx512f", "avx512bw", "avx512cd",
      "avx512dq", "avx512vl", "avx512vnni"}},
};

/// Register files that the operating system saves, as bits of XCR0.
uint32_t savedState() {
  uint32_t eax, ebx, ecx, edx;
  constexpr uint32_t osxsave = 1u << 27;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & osxsave))
    return 0;
  asm volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}

bool supports(const Feature &feature) {
  uint32_t registers[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[EAX],
                         &registers[EBX], &registers[ECX], &registers[EDX]))
    return false;
  // Leaf 7 reports the highest valid subleaf in EAX of subleaf 0; beyond it the
  // registers hold nothing meaningful.
  if (feature.leaf == 7 && feature.subleaf > 0) {
    uint32_t highest, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &highest, &ebx, &ecx, &edx) ||
        highest < feature.subleaf)
      return false;
  }
  return (registers[feature.reg] >> feature.bit & 1) != 0 &&
         (savedState() & feature.state) == feature.state;
}

#elif defined(__aarch64__)

constexpr uint16_t hostMachine = EM_AARCH64;

struct Feature {
  const char *name;
  unsigned long type;
  unsigned bit;
};

const Feature features[] = {
    {"neon", AT_HWCAP, 1},     {"fullfp16", AT_HWCAP, 10},
    {"dotprod", AT_HWCAP, 20}, {"i8mm", AT_HWCAP2, 13},
    {"bf16", AT_HWCAP2, 14},
};

const Level levels[] = {
    {"armv8.0", {"neon"}},
    {"armv8.0-dotprod", {"neon", "dotprod"}},
    {"armv8.0-i8mm", {"neon", "dotprod", "i8mm"}},
};

bool supports(const Feature &feature) {
  return (getauxval(feature.type) >> feature.bit & 1) != 0;
}

#else
#error "this host has no table of CPU features yet"
#endif

/// What is wrong with the bytes of `code`; empty if nothing is.
std::string faults(const Module &module, const format::Code &code) {
  if (code.linked())
    return "it is in an object, for programs that are linked with it";
  Elf64_Ehdr header;
  if (code.size() < sizeof(header))
    return "it is not an ELF shared object";
  std::memcpy(&header, module.code(code), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
    return "it is not an ELF shared object";
  if (header.e_machine != hostMachine)
    return "it is for another kind of machine";
  return "";
}

/// What keeps `code` from running here; empty if nothing does.
std::string obstacles(const Module &module, const format::Code &code) {
  if (!isCpuCode(code))
    return "it runs with --device=" + code.target()->str();
  std::string missing = module.linkedKernels(code) ? "" : faults(module, code);
  if (!missing.empty())
    return missing;
  for (const flatbuffers::String *feature : orEmpty(code.features()))
    if (!hostSupports(feature->str()))
      missing += (missing.empty() ? "this CPU lacks " : ", ") + feature->str();
  return missing;
}

std::pair<bool, size_t> preferenceOf(const format::Code &code,
                                     const std::optional<ArmCore> &core) {
  std::vector<std::string> features;
  for (const flatbuffers::String *feature : orEmpty(code.features()))
    features.push_back(feature->str());
  return preference(features, core);
}

} // namespace

bool sterna::isCpuCode(const format::Code &code) {
  return code.target()->string_view() != "vulkan";
}

bool sterna::hostSupports(const std::string &name) {
  for (const Feature &feature : features)
    if (name == feature.name)
      return supports(feature);
  return false;
}

std::vector<std::string> sterna::hostLevels() {
  std::vector<std::string> names;
  for (const Level &level : levels)
    if (std::all_of(level.features.begin(), level.features.end(), hostSupports))
      names.push_back(level.name);
  return names;
}

Expected<const format::Code *> sterna::selectCode(const Module &module) {
  // Forces a level, to compare with others on one machine.
  const char *forced = std::getenv("STERNA_CPU");
  if (forced && !*forced)
    forced = nullptr;
  const std::optional<ArmCore> core = hostCore();
  const format::Code *best = nullptr;
  std::string reasons, names;
  for (const format::Code *code : orEmpty(module.plan().code())) {
    std::string name = code->target()->str();
    names += (names.empty() ? "" : ", ") + name;
    if (forced && name != forced)
      continue;
    std::string why = obstacles(module, *code);
    if (!why.empty())
      reasons += "; code for '" + name + "': " + why;
    else if (!best || preferenceOf(*code, core) > preferenceOf(*best, core))
      best = code;
  }
  if (best)
    return best;
  if (forced && reasons.empty())
    return Status::error(std::string("STERNA_CPU asks for '") + forced +
                         "', for which the module has no code; it has " +
                         names);
  if (reasons.empty())
    reasons = "; the file holds no code";
  return Status::error("this machine cannot run the module" + reasons +
                       "; compile it with --target=host on this machine");
}
