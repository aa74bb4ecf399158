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
                                  TensorData::Write write) {
  uint64_t size = elementBytes;
  for (int64_t dim : shape)
    size *= dim;
  tensors.push_back(
      {{name.str(), size, std::move(write)}, type.str(), shape.vec()});
}

Error SafetensorsWriter::write(raw_ostream &out) const {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const Tensor &tensor : tensors) {
    header[tensor.data.name] = {
        {"dtype", tensor.type},
        {"shape", tensor.shape},
        {"data_offsets", {offset, offset + tensor.data.size}}};
    offset += tensor.data.size;
  }
  // Padded, so that tensors are aligned.
  std::string text = header.dump();
  text.resize(alignTo(text.size(), 8), ' ');
  uint64_t size = text.size();
  out.write(reinterpret_cast<const char *>(&size), sizeof(size));
  out << text;
  for (const Tensor &tensor : tensors) {
    if (Error error = tensor.data.write(out))
      return error;
  }
  return Error::success();
}
