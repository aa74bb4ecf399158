//===- Control.cpp - Conditions and loops ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans are static: what decides must be known when compiling, and a loop is
// written out.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

constexpr int64_t maxIterations = 4096;

LogicalResult buildIf(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  const onnx::GraphProto *then = n.findGraph("then_branch");
  const onnx::GraphProto *otherwise = n.findGraph("else_branch");
  if (n.dataType(0) != TensorProto::BOOL)
    return n.fail("expected one boolean as its condition");
  auto condition = n.getInteger(0, "condition");
  if (!then || !otherwise || !condition)
    return failure();
  auto results = n.build(*condition ? *then : *otherwise, {});
  if (failed(results))
    return failure();
  for (auto [number, result] : llvm::enumerate(*results))
    n.setOutput(number, result.value, result.type);
  return success();
}

/// Inputs of the body: iteration, condition, carried values. Its outputs:
/// condition, carried values, and those that are stacked up.
LogicalResult buildLoop(NodeBuilder &n) {
  const onnx::GraphProto *body = n.findGraph("body");
  if (!body)
    return failure();
  int64_t trips = maxIterations + 1;
  if (n.has(0)) {
    auto given = n.getInteger(0, "trip count");
    if (!given)
      return failure();
    trips = std::max<int64_t>(*given, 0);
  }
  auto boolType = RankedTensorType::get({}, n.b.getI1Type());
  GraphValue condition{n.integer(boolType, 1), TensorProto::BOOL};
  if (n.has(1))
    condition = n.input(1);
  std::vector<GraphValue> carried;
  for (size_t number = 2; number < n.getNumInputs(); ++number)
    carried.push_back(n.input(number));
  std::vector<SmallVector<GraphValue>> stacked;
  for (int64_t trip = 0; trip < trips; ++trip) {
    if (trip == maxIterations)
      return n.fail("it has more than " + Twine(maxIterations) + " iterations");
    DenseElementsAttr goesOn;
    if (condition.type != TensorProto::BOOL ||
        typeOf(condition.value).getNumElements() != 1)
      return n.fail("expected one boolean as its condition");
    if (!matchPattern(condition.value, m_Constant(&goesOn)))
      return n.fail("whether it goes on must be known when compiling");
    if (!*goesOn.getValues<bool>().begin())
      break;
    auto i64 = RankedTensorType::get({}, n.b.getI64Type());
    std::vector<GraphValue> inputs{{n.integer(i64, trip), TensorProto::INT64},
                                   condition};
    llvm::append_range(inputs, carried);
    auto results = n.build(*body, inputs);
    if (failed(results))
      return failure();
    if (results->size() < carried.size() + 1)
      return n.fail("its body has too few outputs");
    condition = results->front();
    std::copy_n(results->begin() + 1, carried.size(), carried.begin());
    size_t first = carried.size() + 1;
    stacked.resize(results->size() - first);
    for (size_t number = first; number < results->size(); ++number)
      stacked[number - first].push_back((*results)[number]);
  }
  for (auto [number, value] : llvm::enumerate(carried))
    n.setOutput(number, value.value, value.type);
  for (auto [number, values] : llvm::enumerate(stacked)) {
    SmallVector<Value> rows;
    for (GraphValue value : values) {
      SmallVector<int64_t> shape{1};
      llvm::append_range(shape, n.shapeOf(value.value));
      if (n.shapeOf(value.value) != n.shapeOf(values.front().value))
        return n.fail("what it stacks up has several shapes");
      rows.push_back(n.reshape(value.value, shape));
    }
    n.setOutput(carried.size() + number, n.concat(rows, 0),
                values.front().type);
  }
  return success();
}

} // namespace

void sterna::addControlOps(OpTable &table) {
  table.add("If", buildIf);
  table.add("Loop", buildLoop);
}
