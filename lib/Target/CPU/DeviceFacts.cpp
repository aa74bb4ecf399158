//===- DeviceFacts.cpp - What a file says of a device ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DeviceFacts.h.
//
//===----------------------------------------------------------------------===//

#include "DeviceFacts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace sterna::cpu;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {

/// Of each number: its key and where it goes.
struct Facts {
  double cores = 0, clock = 0, memory = 0;
  double instructions = CoreRates().instructionsPerCycle;

  double *find(StringRef key) {
    if (key == "cores")
      return &cores;
    if (key == "clock_ghz")
      return &clock;
    if (key == "memory_gb_per_s")
      return &memory;
    return key == "instructions_per_cycle" ? &instructions : nullptr;
  }
};

Error fail(StringRef path, const llvm::Twine &problem) {
  return llvm::createStringError(
      "--device-facts=" + path + ": " + problem +
      "; expected such as {\"cores\": 8, \"clock_ghz\": 4.5, "
      "\"memory_gb_per_s\": 60}, with or without \"instructions_per_cycle\"");
}

} // namespace

Expected<CoreRates> sterna::cpu::readDeviceFacts(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fail(path, buffer.getError().message());
  Expected<llvm::json::Value> value = llvm::json::parse((*buffer)->getBuffer());
  if (!value)
    return fail(path, llvm::toString(value.takeError()));
  const llvm::json::Object *object = value->getAsObject();
  if (!object)
    return fail(path, "holds no object");
  Facts facts;
  for (const auto &[key, member] : *object) {
    double *fact = facts.find(key);
    if (!fact)
      return fail(path, "has the unknown key '" + StringRef(key) + "'");
    std::optional<double> number = member.getAsNumber();
    if (!number || !(*number >= 0.001 && *number <= 1e6))
      return fail(path, "'" + StringRef(key) +
                            "' is no number from 0.001 to 1000000");
    *fact = *number;
  }
  for (const char *key : {"cores", "clock_ghz", "memory_gb_per_s"})
    if (*facts.find(key) == 0)
      return fail(path, llvm::Twine("lacks '") + key + "'");
  return CoreRates{facts.memory / (facts.cores * facts.clock),
                   facts.instructions};
}
