//===- Array.cpp - Reading and writing .npy files -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime knows the format.
//
//===----------------------------------------------------------------------===//

#include "sterna/Interpreter/Array.h"

#include "io/Npy.h"
#include "sterna/Support/OutputFile.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace sterna;

llvm::Expected<Array> sterna::readArray(llvm::StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return llvm::createStringError(
        path + ": cannot be read: " + file.getError().message());
  auto read = viewNpy(path.str(), std::string_view((*file)->getBuffer()));
  if (!read.ok())
    return llvm::createStringError(read.message());
  Array array;
  array.type = std::move(read->type);
  array.shape.assign(read->shape.begin(), read->shape.end());
  array.bytes.assign(read->elements.begin(), read->elements.end());
  return array;
}

llvm::Error sterna::writeArray(llvm::StringRef path, const Array &array) {
  auto header =
      encodeNpyHeader(array.type, std::vector<uint64_t>(array.shape.begin(),
                                                        array.shape.end()));
  if (!header.ok())
    return llvm::createStringError(path + ": " + header.message());
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  (*file)->os() << *header;
  (*file)->os().write(array.bytes.data(), array.bytes.size());
  return (*file)->commit();
}
