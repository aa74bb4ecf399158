//===- GraphBatches.cpp - Batches of a graph's inputs ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See GraphBatches.h.
//
//===----------------------------------------------------------------------===//

#include "train/GraphBatches.h"

#include "core/Fields.h"
#include "core/Plan.h"
#include "io/Escape.h"
#include "io/Npz.h"
#include "text/Batcher.h"
#include "train/ProgramFields.h"

#include <cmath>
#include <numeric>

using namespace sterna;

namespace {

std::string describe(const std::string &type,
                     const std::vector<uint64_t> &shape) {
  return excerpt(type) + " of shape " + shapeText(shape);
}

/// Whether arrays of `shape` hold rows for an input of shape `batch`.
bool holdsRows(const std::vector<uint64_t> &shape,
               const std::vector<uint64_t> &batch) {
  return !batch.empty() && batch[0] > 0 && shape.size() == batch.size() &&
         std::equal(shape.begin() + 1, shape.end(), batch.begin() + 1);
}

std::vector<uint64_t> inOrder(uint64_t count) {
  std::vector<uint64_t> order(count);
  std::iota(order.begin(), order.end(), uint64_t(0));
  return order;
}

} // namespace

Expected<GraphData> GraphData::open(const Module &module,
                                    const std::string &path) {
  Expected<Mapping> file = Mapping::openFile(path);
  if (!file.ok())
    return file.status();
  Expected<std::map<std::string, NpyView>> arrays = viewNpz(
      path, {reinterpret_cast<const char *>(file->data()), file->size()});
  if (!arrays.ok())
    return arrays.status();
  GraphData data;
  data.file = std::move(*file);
  for (const format::Field *field : orEmpty(findMain(module)->inputs())) {
    auto array = arrays->find(field->name()->str());
    if (array == arrays->end())
      return Status::error("'" + path + "' has no array for the input '" +
                           excerpt(field->name()->str()) + "', " +
                           describe(numpyType(field->type()), shapeOf(*field)));
    if (Status status = data.add(*field, array->second, path); !status.ok())
      return status;
    arrays->erase(array);
  }
  if (!arrays->empty())
    return Status::error("'" + path + "' has an array '" +
                         excerpt(arrays->begin()->first) +
                         "', but the graph has no such input");
  if (data.batchSize == 0)
    data.rowCount = data.batchSize = 1; // the same batch each time
  if (data.rowCount < data.batchSize)
    return Status::error("'" + path + "' has " + std::to_string(data.rowCount) +
                         " rows, but the graph was compiled for batches of " +
                         std::to_string(data.batchSize));
  return data;
}

Status GraphData::add(const format::Field &field, const NpyView &array,
                      const std::string &path) {
  std::string name = field.name()->str();
  std::vector<uint64_t> batch = shapeOf(field);
  Input input{name, field.type(), array.elements};
  input.hasRows = array.shape != batch;
  if (!isNumpyType(array.type, field.type()) ||
      (input.hasRows && !holdsRows(array.shape, batch)))
    return Status::error("the input '" + excerpt(name) + "' is " +
                         describe(numpyType(field.type()), batch) +
                         ", but its array in '" + path + "' is " +
                         describe(array.type, array.shape));
  if (input.hasRows) {
    if (batchSize != 0 && (array.shape[0] != rowCount || batch[0] != batchSize))
      return Status::error("the array '" + excerpt(name) + "' in '" + path +
                           "' has " + std::to_string(array.shape[0]) +
                           " rows for batches of " + std::to_string(batch[0]) +
                           ", but another has " + std::to_string(rowCount) +
                           " for batches of " + std::to_string(batchSize));
    rowCount = array.shape[0];
    batchSize = batch[0];
  }
  inputs.push_back(std::move(input));
  return Status();
}

std::vector<std::string> GraphData::repeated() const {
  std::vector<std::string> names;
  for (const Input &input : inputs)
    if (!input.hasRows)
      names.push_back(input.name);
  return names;
}

Status GraphData::write(const Program &program,
                        const std::vector<uint64_t> &order,
                        uint64_t first) const {
  for (const Input &input : inputs) {
    Expected<Program::Bytes> target = program.inputBytes(input.name);
    if (!target.ok())
      return target.status();
    if (!input.hasRows) {
      copyElements(input.type, input.elements, target->data);
      continue;
    }
    uint64_t rowBytes = target->size / batchSize;
    for (uint64_t row = 0; row < batchSize; ++row)
      copyElements(
          input.type,
          input.elements.substr(order[first + row] * rowBytes, rowBytes),
          target->data + row * rowBytes);
  }
  return Status();
}

Expected<std::unique_ptr<GraphBatches>>
GraphBatches::create(const Session &session, const GraphData &data,
                     const Options &options) {
  const Module &module = session.module();
  bool accumulates = bool(module.findProgram("train_micro"));
  Expected<Program> program =
      session.program(trainProgramNames(module).front());
  if (!program.ok())
    return program.status();
  std::unique_ptr<GraphBatches> batches(
      new GraphBatches(*program, data, options));
  for (Status status :
       {assignScalars(*program, {{"loss_scale", batches->lossScale}}),
        accumulates
            ? assignScalars(*program, {{"accumulate", batches->accumulate}})
            : Status(),
        assignField(batches->loss, program->output<float>("loss", 1))})
    if (!status.ok())
      return status;
  return batches;
}

const MicroBatches::Step &GraphBatches::prepare(uint64_t index) {
  StepRange range =
      rangeOfStep(index, data->batches(), options.gradAccumulation);
  if (orderEpoch != range.epoch) {
    order = options.shuffle
                ? shuffledOrder(data->rows(),
                                SplitMix64::at({options.seed, range.epoch}))
                : inOrder(data->rows());
    orderEpoch = range.epoch;
  }
  firstBatch = range.first;
  current = Step();
  current.index = index;
  current.count = range.last - range.first;
  current.weight = current.count;
  current.tokens = current.computed = current.count * data->batch();
  return current;
}

Expected<float> GraphBatches::run(size_t number, float scale) {
  if (Status status =
          data->write(program, order, (firstBatch + number) * data->batch());
      !status.ok())
    return status;
  *lossScale = scale;
  if (accumulate)
    *accumulate = number > 0 ? 1.0f : 0.0f;
  if (Status status = program.run(); !status.ok())
    return status;
  return *loss;
}

Expected<double> sterna::evaluateGraph(const Session &session,
                                       const GraphData &data) {
  Expected<Program> program = session.program("loss");
  if (!program.ok())
    return program.status();
  Expected<float *> loss = program->output<float>("loss", 1);
  if (!loss.ok())
    return loss.status();
  std::vector<uint64_t> order = inOrder(data.rows());
  double sum = 0;
  for (uint64_t batch = 0; batch < data.batches(); ++batch) {
    if (Status status = data.write(*program, order, batch * data.batch());
        !status.ok())
      return status;
    if (Status status = program->run(); !status.ok())
      return status;
    sum += double(**loss);
  }
  if (!std::isfinite(sum))
    return Status::error("the loss is not finite");
  return sum / double(data.batches());
}
