//===- CheckpointTensors.cpp - Tensors of a checkpoint --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CheckpointTensors.h.
//
//===----------------------------------------------------------------------===//

#include "CheckpointTensors.h"

#include "sterna/Import/HuggingFace/TensorNames.h"
#include "sterna/Weights/SafetensorsIndex.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace sterna;

namespace {

class TensorLister {
public:
  TensorLister(StringRef folder, const SafetensorsIndex &index,
               const Quantization &quantization)
      : index(index), quantization(quantization),
        table(folder, spellTensorName) {}

  Expected<TensorTable> run() {
    for (const auto &[name, tensor] : index.getTensors())
      if (Error error = add(name, tensor))
        return std::move(error);
    return std::move(table);
  }

private:
  Error add(StringRef name, const SafetensorsTensor &tensor) {
    // Old checkpoints store the angles that their configuration describes.
    if (name.ends_with(".rotary_emb.inv_freq"))
      return Error::success();
    std::optional<TensorName> parsed = parseTensorName(name);
    StoredTensor stored = describe(name, tensor);
    stored.isLatent = quantization.isOnline;
    // What has no name of ours has no use, which the reader of parameters says.
    if (!parsed)
      return table.add(name, std::move(stored));
    StringRef role = parsed->role;
    if (role == "biases" && quantization.mlxGroup)
      return checkBiases(name, tensor);
    if (role == "weight")
      if (Error error = describePacking(name, stored))
        return error;
    StringRef ours = role == "weight_scale" || role == "scales" ? "scale"
                     : role == "rms_norm.weight"                ? "norm.weight"
                                                                : role;
    return table.add(parsed->stem + "." + ours.str(), std::move(stored));
  }

  /// Sets shape and storage of a matrix that lies packed in `stored`.
  Error describePacking(StringRef name, StoredTensor &stored) {
    if (stored.shape.size() != 2)
      return Error::success();
    if (stored.typeName == "U8") {
      stored.storage = StorageType::BitNetU8;
      stored.shape[0] *= 4;
      return Error::success();
    }
    if (stored.typeName != "U32")
      return Error::success();
    if (!quantization.mlxGroup)
      return table.makeError("{0}: expected a quantization of 2 bits in "
                             "config.json, for its words are packed",
                             name);
    stored.storage = StorageType::MLXU2;
    stored.shape[1] *= 16;
    return checkGroup(name, stored.shape[1]);
  }

  /// The scales beside a packed matrix say how many columns share one.
  Error checkGroup(StringRef name, int64_t columns) {
    std::string beside = name.drop_back(strlen("weight")).str() + "scales";
    const SafetensorsTensor *scales = index.find(beside);
    if (!scales || scales->shape.size() != 2)
      return table.makeError(
          "missing tensor {0}: expected a scale for each {1} "
          "columns of {2}",
          beside, *quantization.mlxGroup, name);
    if (scales->shape[1] * *quantization.mlxGroup != columns)
      return table.makeError("{0}: expected {1} columns, one for each {2} of "
                             "{3}, but got {4}",
                             beside, columns / *quantization.mlxGroup,
                             *quantization.mlxGroup, name, scales->shape[1]);
    return Error::success();
  }

  /// A weight is code * scale + bias, which is ternary where bias is -scale.
  Error checkBiases(StringRef name, const SafetensorsTensor &biases) {
    std::string beside = name.drop_back(strlen("biases")).str() + "scales";
    const SafetensorsTensor *scales = index.find(beside);
    if (!scales || scales->shape != biases.shape)
      return table.makeError("{0}: expected scales of the same shape", name);
    Expected<std::vector<float>> theirs = describe(beside, *scales).readAll();
    if (!theirs)
      return theirs.takeError();
    Expected<std::vector<float>> ours = describe(name, biases).readAll();
    if (!ours)
      return ours.takeError();
    for (size_t i = 0; i < ours->size(); ++i)
      if ((*ours)[i] != -(*theirs)[i])
        return table.makeError("{0}: expected {1}, for ternary weights, but "
                               "element {2} is {3}",
                               name, formatNumber(-(*theirs)[i]), i,
                               formatNumber((*ours)[i]));
    return Error::success();
  }

  /// As it lies in its file.
  static StoredTensor describe(StringRef name,
                               const SafetensorsTensor &tensor) {
    return {name.str(),          tensor.path, tensor.offset,
            tensor.getStorage(), tensor.type, tensor.shape};
  }

  const SafetensorsIndex &index;
  const Quantization &quantization;
  TensorTable table;
};

} // namespace

Expected<TensorTable>
sterna::readCheckpointTensors(StringRef folder,
                              const Quantization &quantization) {
  // The order in which transformers looks.
  for (StringRef name : {"model.safetensors", "model.safetensors.index.json"}) {
    SmallString<128> path(folder);
    sys::path::append(path, name);
    if (!sys::fs::exists(path))
      continue;
    auto index = SafetensorsIndex::open(path);
    if (!index)
      return index.takeError();
    return TensorLister(folder, *index, quantization).run();
  }
  return createStringError(
      folder + ": expected model.safetensors or model.safetensors.index.json");
}
