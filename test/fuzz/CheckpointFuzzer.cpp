//===- CheckpointFuzzer.cpp - Hugging Face folders from hostile bytes ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An input is a config.json, a zero byte, and a safetensors file.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Import/HuggingFace/ImportHuggingFace.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ScopeExit.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace sterna;

static void writeFile(const std::filesystem::path &path,
                      std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  if (!file.write(content.data(), std::streamsize(content.size())))
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // In memory, and one for each process.
  std::filesystem::path folder =
      "/dev/shm/sterna-fuzz-checkpoint." + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  auto remove =
      llvm::make_scope_exit([&] { std::filesystem::remove_all(folder); });
  std::string_view input(reinterpret_cast<const char *>(data), size);
  size_t end = std::min(input.find('\0'), input.size());
  writeFile(folder / "config.json", input.substr(0, end));
  writeFile(folder / "model.safetensors",
            input.substr(std::min(end + 1, input.size())));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<tern::TernDialect>();
  auto model = createHuggingFaceImporter()->read(folder.string(), &context, {});
  if (!model)
    llvm::consumeError(model.takeError());
  return 0;
}
