//===- Logic.cpp - Comparison and logic -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that give booleans, and selection by them.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

using Values = ArrayRef<Value>;
using Compare = Value (Arithmetic::*)(Value, Value) const;

LogicalResult finishBool(NodeBuilder &n, Value value) {
  if (!value)
    return failure();
  return n.finish(value, TensorProto::BOOL);
}

/// `swapped` compares the second with the first.
void addComparison(OpTable &table, StringRef name, Compare compare,
                   bool swapped = false) {
  table.add(name, [compare, swapped](NodeBuilder &n) {
    if (failed(n.expectInputs(2)) || failed(n.expectSameType({0, 1})))
      return failure();
    Arithmetic math{n, n.dataType(0)};
    return finishBool(n, n.elementwise({n.input(0), n.input(1)}, [&](Values v) {
      return swapped ? (math.*compare)(v[1], v[0])
                     : (math.*compare)(v[0], v[1]);
    }));
  });
}

LogicalResult expectBooleans(NodeBuilder &n, size_t count) {
  if (failed(n.expectInputs(count)))
    return failure();
  for (size_t number = 0; number < count; ++number)
    if (n.dataType(number) != TensorProto::BOOL)
      return n.fail("expected booleans, but got " +
                    getTypeName(n.dataType(number)));
  return success();
}

template <typename Op> void addLogic(OpTable &table, StringRef name) {
  table.add(name, [](NodeBuilder &n) {
    if (failed(expectBooleans(n, 2)))
      return failure();
    return finishBool(
        n, n.elementwise({n.input(0), n.input(1)}, [&](Values v) -> Value {
          return Op::create(n.b, n.loc, v[0], v[1]);
        }));
  });
}

LogicalResult buildNot(NodeBuilder &n) {
  if (failed(expectBooleans(n, 1)))
    return failure();
  Value x = n.operand(0);
  return finishBool(
      n, arith::XOrIOp::create(n.b, n.loc, x, n.integer(x.getType(), 1)));
}

LogicalResult buildIsNaN(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  Value x = n.widen(n.operand(0));
  return finishBool(n, n.compare(arith::CmpFPredicate::UNO, x, x));
}

LogicalResult buildIsInf(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  bool positive = n.getInt("detect_positive", 1) != 0;
  bool negative = n.getInt("detect_negative", 1) != 0;
  Value x = n.widen(n.operand(0));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto is = [&](double value) {
    return n.compare(arith::CmpFPredicate::OEQ, x,
                     n.constant(x.getType(), value));
  };
  Value result = n.integer(typeOf(x).clone(n.b.getI1Type()), 0);
  if (positive)
    result = is(infinity);
  if (negative)
    result = arith::OrIOp::create(n.b, n.loc, result, is(-infinity));
  return finishBool(n, result);
}

LogicalResult buildWhere(NodeBuilder &n) {
  if (failed(n.expectInputs(3)) || failed(n.expectSameType({1, 2})))
    return failure();
  if (n.dataType(0) != TensorProto::BOOL)
    return n.fail("expected a condition of booleans");
  DataType type = n.dataType(1);
  Value result =
      n.elementwise({n.input(0), n.input(1), n.input(2)},
                    [&](Values v) { return n.select(v[0], v[1], v[2]); });
  if (!result)
    return failure();
  return n.finish(n.narrow(result, type), type);
}

} // namespace

void sterna::addLogicOps(OpTable &table) {
  addComparison(table, "Equal", &Arithmetic::equal);
  addComparison(table, "Less", &Arithmetic::less);
  addComparison(table, "LessOrEqual", &Arithmetic::lessOrEqual);
  addComparison(table, "Greater", &Arithmetic::less, /*swapped=*/true);
  addComparison(table, "GreaterOrEqual", &Arithmetic::lessOrEqual,
                /*swapped=*/true);
  addLogic<arith::AndIOp>(table, "And");
  addLogic<arith::OrIOp>(table, "Or");
  addLogic<arith::XOrIOp>(table, "Xor");
  table.add("Not", buildNot);
  table.add("IsNaN", buildIsNaN);
  table.add("IsInf", buildIsInf);
  table.add("Where", buildWhere);
}
