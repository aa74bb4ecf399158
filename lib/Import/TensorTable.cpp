//===- TensorTable.cpp - Where a model's tensors are ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See TensorTable.h.
//
//===----------------------------------------------------------------------===//

#include "TensorTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/iterator_range.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

Expected<WeightSource> StoredTensor::open() const {
  if (!storage)
    return createStringError(path + ": tensor " + name + " has type " +
                             typeName + ", expected " + listStorageFormats());
  // A scalar is a matrix of one element.
  int64_t numRows = 1, numCols = shape.empty() ? 1 : shape.back();
  for (int64_t dim : ArrayRef(shape).drop_back(!shape.empty()))
    numRows *= dim;
  Expected<WeightSource> source =
      WeightSource::open(path, offset, *storage, numRows, numCols);
  if (!source)
    return createStringError("tensor " + name + ": " +
                             toString(source.takeError()));
  return source;
}

Expected<std::vector<float>> StoredTensor::readAll() const {
  Expected<WeightSource> source = open();
  if (!source)
    return source.takeError();
  std::vector<float> values(source->getNumRows() * source->getNumCols());
  if (Error error = source->decodeRows(0, source->getNumRows(), values.data()))
    return std::move(error);
  return values;
}

Expected<std::vector<float>>
StoredTensor::readFinite(StringRef modelPath) const {
  Expected<std::vector<float>> values = readAll();
  if (!values)
    return values;
  for (auto [index, value] : llvm::enumerate(*values))
    if (!std::isfinite(value))
      return createStringError(modelPath + ": " + name +
                               ": expected finite numbers, but element " +
                               Twine(index) + " is " + formatNumber(value));
  return values;
}

Error TensorTable::add(StringRef name, StoredTensor tensor) {
  auto [it, isNew] = tensors.try_emplace(name, std::move(tensor));
  if (!isNew)
    return makeError("there are two tensors for {0}: {1} and {2}", name,
                     it->second.name, tensor.name);
  names.push_back(name.str());
  return Error::success();
}

const StoredTensor *TensorTable::find(StringRef name) const {
  auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

Expected<const StoredTensor *> TensorTable::get(StringRef name) const {
  if (const StoredTensor *tensor = find(name))
    return tensor;
  return makeError("missing tensor {0}", getSpelling(name));
}

Expected<const StoredTensor *> TensorTable::get(StringRef name,
                                                ArrayRef<int64_t> shape) const {
  Expected<const StoredTensor *> tensor = get(name);
  if (!tensor)
    return tensor;
  if (ArrayRef((*tensor)->shape) != shape)
    return makeError(
        "{0}: expected shape [{1:$[, ]}], but got [{2:$[, ]}]", (*tensor)->name,
        make_range(shape.begin(), shape.end()),
        make_range((*tensor)->shape.begin(), (*tensor)->shape.end()));
  if (!(*tensor)->storage)
    return makeError("{0}: expected {1}, but got {2}", (*tensor)->name,
                     listStorageFormats(), (*tensor)->typeName);
  return tensor;
}
