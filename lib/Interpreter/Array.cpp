//===- Array.cpp - Reading and writing .npy files -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime knows the format.
//
//===----------------------------------------------------------------------===//

#include "sterna/Interpreter/Array.h"

#include "io/Npy.h"

using namespace sterna;

llvm::Expected<Array> sterna::readArray(llvm::StringRef path) {
  auto read = readNpy(path.str());
  if (!read.ok())
    return llvm::createStringError(read.message());
  Array array;
  array.type = std::move(read->type);
  array.shape.assign(read->shape.begin(), read->shape.end());
  array.bytes = std::move(read->data);
  return array;
}

llvm::Error sterna::writeArray(llvm::StringRef path, const Array &array) {
  Status status = writeNpy(
      path.str(),
      {array.type, {array.shape.begin(), array.shape.end()}, array.bytes});
  if (!status.ok())
    return llvm::createStringError(status.message());
  return llvm::Error::success();
}
