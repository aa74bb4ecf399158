//===- EmitObject.cpp - Kernels to link into programs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each level is optimised by itself; then all become one module, in which each
// function carries its level's features, and one table that names the levels.
//
//===----------------------------------------------------------------------===//

#include "sterna/Target/CPU/EmitObject.h"

#include "Compile.h"
#include "sterna/kernel_library.h"

#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using sterna::cpu::Level;

/// The name of a level's kernel library while modules are linked.
static std::string libraryName(const Level &level) {
  return "library of " + level.name.str();
}

/// The kernels of one level, whose library can be found under its name.
static Expected<std::unique_ptr<llvm::Module>>
translateLevel(ModuleOp kernels, const Level &level, StringRef triple,
               llvm::LLVMContext &context) {
  auto machine = sterna::cpu::createTargetMachine(level, triple);
  if (!machine)
    return machine.takeError();
  auto module =
      sterna::cpu::translateKernels(kernels, level, **machine, context);
  if (!module)
    return module.takeError();
  // Levels would define it once each; programs reach the libraries by a table.
  (*module)->getFunction(STERNA_KERNEL_LIBRARY_QUERY)->eraseFromParent();
  llvm::GlobalVariable *library = (*module)->getNamedGlobal("kernel_library");
  library->setLinkage(llvm::GlobalValue::ExternalLinkage);
  library->setName(libraryName(level));
  return module;
}

/// A hash of all code.
static uint64_t hashOf(const llvm::Module &module) {
  SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::WriteBitcodeToFile(module, stream);
  // 0 means "not linked" in the device binary.
  return std::max<uint64_t>(llvm::xxh3_64bits(bytes.str()), 1);
}

/// Adds the `sterna_linked_code_t` called `symbol`.
static void addTable(llvm::Module &module, ArrayRef<const Level *> levels,
                     uint64_t id, StringRef symbol) {
  llvm::IRBuilder<> b(module.getContext());
  auto constant = [&](llvm::Constant *value, StringRef name) {
    return new llvm::GlobalVariable(
        module, value->getType(),
        /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage, value, name);
  };
  SmallVector<llvm::Constant *> entries;
  for (const Level *level : levels) {
    llvm::GlobalVariable *library = module.getNamedGlobal(libraryName(*level));
    library->setLinkage(llvm::GlobalValue::PrivateLinkage);
    auto *name =
        llvm::ConstantDataArray::getString(module.getContext(), level->name);
    entries.push_back(
        llvm::ConstantStruct::getAnon({constant(name, "target"), library}));
  }
  auto *type = llvm::ArrayType::get(entries.front()->getType(), entries.size());
  auto *table = constant(llvm::ConstantArray::get(type, entries), "levels");
  llvm::GlobalVariable *code =
      constant(llvm::ConstantStruct::getAnon(
                   {b.getInt32(STERNA_KERNEL_LIBRARY_VERSION),
                    b.getInt32(entries.size()), b.getInt64(id), table}),
               symbol);
  code->setLinkage(llvm::GlobalValue::ExternalLinkage);
}

/// Fails if `bytes` refers to a symbol that it does not define.
static Error checkSelfContained(StringRef bytes) {
  auto object = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(bytes, "kernels"));
  if (!object)
    return object.takeError();
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    auto flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined) ||
        (*flags & llvm::object::SymbolRef::SF_FormatSpecific))
      continue;
    auto name = symbol.getName();
    if (!name)
      return name.takeError();
    return llvm::createStringError("kernels refer to '" + *name +
                                   "', which no object defines");
  }
  return Error::success();
}

Expected<sterna::cpu::LinkedObject>
sterna::cpu::emitObject(ModuleOp module, ArrayRef<const Level *> levels,
                        const Platform &platform, StringRef symbol) {
  llvm::LLVMContext context;
  auto machine = createTargetMachine(*levels.front(), platform.triple);
  if (!machine)
    return machine.takeError();
  llvm::Module whole("kernels", context);
  whole.setTargetTriple((*machine)->getTargetTriple());
  whole.setDataLayout((*machine)->createDataLayout());
  for (const Level *level : levels) {
    auto kernels = translateLevel(module, *level, platform.triple, context);
    if (!kernels)
      return kernels.takeError();
    if (llvm::Linker::linkModules(whole, std::move(*kernels)))
      return llvm::createStringError("kernels of levels do not link");
  }
  uint64_t id = hashOf(whole);
  addTable(whole, levels, id, symbol);
  LinkedObject result;
  SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (Error error = writeObject(whole, **machine, stream))
    return std::move(error);
  if (Error error = checkSelfContained(bytes))
    return std::move(error);
  result.bytes = bytes.str().str();
  for (const Level *level : levels) {
    result.code.push_back(describeCode(module, *level));
    result.code.back().linked = id;
  }
  return result;
}
