//===- SafetensorsWriter.cpp - Large safetensors files --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SafetensorsWriter.h.
//
//===----------------------------------------------------------------------===//

#include "SafetensorsWriter.h"

#include "llvm/Support/MathExtras.h"

#include <nlohmann/json.hpp>

using namespace llvm;
using namespace sterna;

void SafetensorsWriter::addTensor(StringRef name, StringRef type,
                                  int64_t elementBytes, ArrayRef<int64_t> shape,
                                  WriteData write) {
  uint64_t size = elementBytes;
  for (int64_t dim : shape)
    size *= dim;
  tensors.push_back(
      {name.str(), type.str(), shape.vec(), size, std::move(write)});
}

Error SafetensorsWriter::write(raw_ostream &out) const {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const Tensor &tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.type},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.size}}};
    offset += tensor.size;
  }
  // Padded, so that tensors are aligned.
  std::string text = header.dump();
  text.resize(alignTo(text.size(), 8), ' ');
  uint64_t size = text.size();
  out.write(reinterpret_cast<const char *>(&size), sizeof(size));
  out << text;
  for (const Tensor &tensor : tensors) {
    uint64_t begin = out.tell();
    if (Error error = tensor.write(out))
      return createStringError(tensor.name + ": " + toString(std::move(error)));
    assert(out.tell() - begin == tensor.size && "not the bytes of its shape");
    (void)begin;
  }
  return Error::success();
}
