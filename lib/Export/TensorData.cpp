//===- TensorData.cpp - The bytes of a tensor to be written ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TensorData.h.
//
//===----------------------------------------------------------------------===//

#include "TensorData.h"

using namespace llvm;

Error sterna::TensorData::write(raw_ostream &out) const {
  uint64_t begin = out.tell();
  if (Error error = writeBytes(out))
    return createStringError(name + ": " + toString(std::move(error)));
  assert(out.tell() - begin == size && "not the bytes of its shape");
  (void)begin;
  return Error::success();
}
