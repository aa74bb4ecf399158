//===- GraphBatches.h - Batches of a graph's inputs -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data of graphs, an array of NumPy for each input in one archive, and what the
// training loop runs on it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_TRAIN_GRAPHBATCHES_H
#define STERNA_RUNTIME_TRAIN_GRAPHBATCHES_H

#include "core/Mapping.h"
#include "core/Session.h"
#include "io/Npy.h"
#include "train/MicroBatches.h"

#include <string>
#include <vector>

namespace sterna {

/// The arrays of a data file. An input of shape [B, ...] takes B rows at a time
/// of its array, of shape [rows, ...]; all arrays of more rows than B have
/// equally many. An array of the input's own shape is the same for each batch.
class GraphData {
public:
  /// Maps the archive at `path` and checks it against the inputs of the graph
  /// that `module` is. Fails, naming the array, on one that is missing, not an
  /// input, or of another type or shape, and on fewer rows than a batch has.
  static Expected<GraphData> open(const Module &module,
                                  const std::string &path);

  uint64_t rows() const { return rowCount; }
  uint64_t batch() const { return batchSize; }
  /// Batches in one epoch; the rows that fill none are left out.
  uint64_t batches() const { return rowCount / batchSize; }

  /// Inputs that are the same for each batch.
  std::vector<std::string> repeated() const;

  /// Copies the rows `order[first]` to `order[first + batch() - 1]` to the
  /// inputs of `program`.
  Status write(const Program &program, const std::vector<uint64_t> &order,
               uint64_t first) const;

private:
  struct Input {
    std::string name;
    format::ElementType type;
    std::string_view elements;
    bool hasRows = false;
  };

  Status add(const format::Field &field, const NpyView &array,
             const std::string &path);

  Mapping file;
  std::vector<Input> inputs;
  uint64_t rowCount = 0, batchSize = 0; // 0: none seen
};

class GraphBatches : public MicroBatches {
public:
  struct Options {
    bool shuffle = true; // else the order of the file, every epoch
    uint64_t seed = 42;
    uint32_t gradAccumulation = 1;
  };

  /// Looks up train_micro or train_step in `session`, which must outlive this
  /// object as `data` must. The loss of a step is the mean of its batches'.
  static Expected<std::unique_ptr<GraphBatches>>
  create(const Session &session, const GraphData &data, const Options &options);

  const Step &prepare(uint64_t index) override;
  Expected<float> run(size_t number, float lossScale) override;

private:
  GraphBatches(Program program, const GraphData &data, const Options &options)
      : program(program), data(&data), options(options) {}

  Program program;
  const GraphData *data;
  Options options;
  float *lossScale = nullptr;
  float *accumulate = nullptr;
  float *loss = nullptr;
  std::vector<uint64_t> order;
  uint64_t orderEpoch = UINT64_MAX;
  uint64_t firstBatch = 0; // of the current step
  Step current;
};

/// The mean of the losses of all batches of `data`, by the program `loss` of
/// `session`. Fails if it is not finite.
Expected<double> evaluateGraph(const Session &session, const GraphData &data);

} // namespace sterna

#endif // STERNA_RUNTIME_TRAIN_GRAPHBATCHES_H
