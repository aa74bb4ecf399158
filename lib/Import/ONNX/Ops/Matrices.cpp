//===- Matrices.cpp - Products of matrices --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MatMul, Gemm and Einsum, of floats and of integers. Sums of f16 and bf16 are
// f32.
//
//===----------------------------------------------------------------------===//

#include "Matrices.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

/// x [..., M, K] times y [..., K, N], both with the batch `batch`.
static Value multiplyBatches(NodeBuilder &n, const Arithmetic &math, Value x,
                             Value y, Shape batch, bool hasBatchX,
                             bool hasBatchY) {
  int64_t outer = batch.size();
  int64_t rows = n.shapeOf(x).drop_back().back(), columns = n.shapeOf(y).back();
  int64_t inner = n.shapeOf(x).back();
  Extents shape(batch);
  shape.append({rows, columns});
  auto read = [&](bool hasBatch, int64_t first, int64_t second) {
    SmallVector<AffineExpr> reads;
    for (int64_t dim = 0; hasBatch && dim < outer; ++dim)
      reads.push_back(n.b.getAffineDimExpr(dim));
    reads.push_back(n.b.getAffineDimExpr(first));
    reads.push_back(n.b.getAffineDimExpr(second));
    return AffineMap::get(outer + 3, 0, reads, n.b.getContext());
  };
  Value start = n.number(RankedTensorType::get(shape, n.elementOf(x)), 0);
  return n.fold({x, y},
                {read(hasBatchX, outer, outer + 2),
                 read(hasBatchY, outer + 2, outer + 1)},
                {inner}, start, [&](TensorBuilder &b, ArrayRef<Value> args) {
                  Arithmetic body{b, math.type};
                  return body.add(args[2], body.mul(args[0], args[1]));
                });
}

Value sterna::multiplyMatrices(NodeBuilder &n, GraphValue lhs, GraphValue rhs) {
  Arithmetic math{n, lhs.type};
  Value x = lhs.value, y = rhs.value;
  if (lhs.type != rhs.type || lhs.type == TensorProto::BOOL) {
    (void)n.fail("expected numbers of one type, but got " +
                 getTypeName(lhs.type) + " and " + getTypeName(rhs.type));
    return nullptr;
  }
  if (n.rankOf(x) == 0 || n.rankOf(y) == 0) {
    (void)n.fail("expected matrices, but got a scalar");
    return nullptr;
  }
  // Vectors are matrices of one row or column.
  bool isRow = n.rankOf(x) == 1, isColumn = n.rankOf(y) == 1;
  if (isRow)
    x = n.reshape(x, {1, n.shapeOf(x)[0]});
  if (isColumn)
    y = n.reshape(y, {n.shapeOf(y)[0], 1});
  Shape left = n.shapeOf(x), right = n.shapeOf(y);
  if (left.back() != right.drop_back().back()) {
    (void)n.fail("expected inner dimensions that agree, but got " +
                 Twine(left.back()) + " and " +
                 Twine(right.drop_back().back()));
    return nullptr;
  }
  auto batch = n.broadcastShapes({left.drop_back(2), right.drop_back(2)});
  if (!batch)
    return nullptr;
  Extents result(*batch);
  Value product;
  int64_t rows = left.drop_back().back(), columns = right.back();
  result.append({rows, columns});
  if (failed(n.checkShape(result)))
    return nullptr;
  result = *batch;
  bool hasNone = llvm::product_of(right.drop_back(2)) == 1;
  Type element = n.elementOf(x);
  if (hasNone && !llvm::is_contained(left, 0) && columns != 0) {
    // The batch of the left side is more rows.
    int64_t all = llvm::product_of(left.drop_back());
    Value flat = n.reshape(x, {all, left.back()});
    Value matrix = n.reshape(y, right.take_back(2));
    product = math.isFloating()
                  ? n.matmul({flat}, {matrix},
                             RankedTensorType::get({all, columns}, element))
                  : multiplyBatches(n, math, flat, matrix, {}, false, false);
  } else {
    auto spread = [&](Value value) {
      Extents shape(*batch);
      llvm::append_range(shape, n.shapeOf(value).take_back(2));
      return n.rankOf(value) == 2 ? value : n.broadcastTo(value, shape);
    };
    bool hasX = left.size() > 2, hasY = right.size() > 2;
    product =
        multiplyBatches(n, math, spread(x), spread(y), *batch, hasX, hasY);
  }
  if (!isRow)
    result.push_back(rows);
  if (!isColumn)
    result.push_back(columns);
  return n.reshape(product, result);
}

namespace {

LogicalResult buildMatMul(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  DataType type = n.dataType(0);
  Value result = multiplyMatrices(n, n.widened(0), n.widened(1));
  if (!result)
    return failure();
  return n.finish(n.narrow(result, type), type);
}

LogicalResult buildGemm(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectNumbers({0, 1, 2})))
    return failure();
  DataType type = n.dataType(0);
  GraphValue a = n.widened(0), b = n.widened(1);
  bool isFirst = n.getInt("transA", 0) != 0,
       isSecond = n.getInt("transB", 0) != 0;
  double alpha = n.getFloat("alpha", 1), beta = n.getFloat("beta", 1);
  if (!isFloat(type) && (alpha != int64_t(alpha) || beta != int64_t(beta)))
    return n.fail("expected whole factors of integers");
  if (n.rankOf(a.value) != 2 || n.rankOf(b.value) != 2)
    return n.fail("expected two matrices");
  Arithmetic math{n, a.type};
  Value product;
  Shape left = n.shapeOf(a.value), right = n.shapeOf(b.value);
  int64_t inner = left[isFirst ? 0 : 1];
  if (inner != right[isSecond ? 1 : 0])
    return n.fail("expected inner dimensions that agree, but got " +
                  Twine(inner) + " and " + Twine(right[isSecond ? 1 : 0]));
  if (failed(n.checkShape({left[isFirst ? 1 : 0], right[isSecond ? 0 : 1]})))
    return failure();
  bool isEmpty = llvm::is_contained(left, 0) || llvm::is_contained(right, 0);
  if (math.isFloating() && !isEmpty) {
    auto shape = RankedTensorType::get(
        {left[isFirst ? 1 : 0], right[isSecond ? 0 : 1]}, n.elementOf(a.value));
    product = n.matmul({a.value, isFirst}, {b.value, isSecond}, shape);
  } else {
    if (isFirst)
      a.value = n.transpose(a.value, {1, 0});
    if (isSecond)
      b.value = n.transpose(b.value, {1, 0});
    product = multiplyMatrices(n, a, b);
  }
  auto scale = [&](Value x, double factor) {
    return factor == 1 ? x : math.mul(x, n.number(x.getType(), factor));
  };
  product = scale(product, alpha);
  if (n.has(2) && beta != 0) {
    GraphValue c = n.widened(2);
    auto shape = n.broadcastShapes({n.shapeOf(product), n.shapeOf(c.value)});
    if (!shape)
      return failure();
    if (Shape(*shape) != n.shapeOf(product))
      return n.fail("its third input is larger than the product");
    product = math.add(product, n.broadcastTo(scale(c.value, beta), *shape));
  }
  return n.finish(n.narrow(product, type), type);
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

/// The labels of each input and of the result; the dimensions of "..." have
/// labels of their own, beyond those of letters.
struct Equation {
  std::vector<SmallVector<int>> inputs;
  SmallVector<int> result;
  bool isExplicit = false;
};

constexpr int ellipsis = 256;

/// The labels of `term`, of `rank` dimensions; the last of "..." is
/// `ellipsis` + 0, the one before it + 1.
std::optional<SmallVector<int>> readLabels(StringRef term, int64_t rank) {
  SmallVector<int> labels;
  size_t letters = llvm::count_if(term, llvm::isAlpha);
  if (int64_t(letters) > rank)
    return std::nullopt;
  for (size_t at = 0; at < term.size(); ++at) {
    if (term.substr(at).starts_with("...")) {
      for (int64_t left = rank - int64_t(letters); left > 0; --left)
        labels.push_back(ellipsis + int(left) - 1);
      at += 2;
    } else if (llvm::isAlpha(term[at])) {
      labels.push_back(term[at]);
    } else {
      return std::nullopt;
    }
  }
  if (int64_t(labels.size()) != rank)
    return std::nullopt;
  return labels;
}

LogicalResult readEquation(NodeBuilder &n, Equation &equation) {
  std::string text = n.getString("equation", "");
  llvm::erase(text, ' ');
  auto [inputs, result] = StringRef(text).split("->");
  equation.isExplicit = StringRef(text).contains("->");
  SmallVector<StringRef> terms;
  inputs.split(terms, ',');
  if (terms.size() != n.getNumInputs())
    return n.fail("expected a term for each input in '" + text + "'");
  std::map<int, int> uses;
  int dots = 0;
  for (auto [number, term] : llvm::enumerate(terms)) {
    auto labels = readLabels(term, n.rankOf(n.operand(number)));
    if (!labels)
      return n.fail("'" + term + "' does not fit its input");
    for (int label : *labels) {
      ++uses[label];
      dots = std::max(dots, label - ellipsis + 1);
    }
    equation.inputs.push_back(std::move(*labels));
  }
  if (equation.isExplicit) {
    size_t letters = llvm::count_if(result, llvm::isAlpha);
    bool hasDots = result.contains("...");
    auto labels = readLabels(result, letters + (hasDots ? dots : 0));
    if (!labels)
      return n.fail("'" + result + "' is no term");
    equation.result = std::move(*labels);
  } else {
    for (int left = dots; left > 0; --left)
      equation.result.push_back(ellipsis + left - 1);
    for (auto [label, count] : uses)
      if (label < ellipsis && count == 1)
        equation.result.push_back(label);
  }
  std::map<int, int> seen;
  for (int label : equation.result)
    if (!uses.count(label) || ++seen[label] > 1)
      return n.fail(
          "the result has a label that no input has, or has it twice");
  return success();
}

LogicalResult buildEinsum(NodeBuilder &n) {
  if (failed(n.expectInputs(std::max<size_t>(n.getNumInputs(), 1))))
    return failure();
  SmallVector<size_t> numbers;
  for (size_t number = 0; number < n.getNumInputs(); ++number)
    numbers.push_back(number);
  Equation equation;
  if (failed(n.expectNumbers(numbers)) || failed(readEquation(n, equation)))
    return failure();
  // A loop for each label: those of the result first.
  SmallVector<int> loops(equation.result);
  for (const auto &labels : equation.inputs)
    for (int label : labels)
      if (!llvm::is_contained(loops, label))
        loops.push_back(label);
  Extents extents(loops.size(), 1);
  auto loopOf = [&](int label) {
    return llvm::find(loops, label) - loops.begin();
  };
  for (auto [number, labels] : llvm::enumerate(equation.inputs))
    for (auto [label, extent] :
         llvm::zip_equal(labels, n.shapeOf(n.operand(number)))) {
      int64_t &common = extents[loopOf(label)];
      if (common != 1 && extent != 1 && common != extent)
        return n.fail("extents of one label differ: " + Twine(common) +
                      " and " + Twine(extent));
      common = common == 1 ? extent : common;
    }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  DataType type = n.dataType(0);
  for (auto [number, labels] : llvm::enumerate(equation.inputs)) {
    Value x = n.widen(n.operand(number));
    SmallVector<AffineExpr> reads;
    for (auto [label, extent] : llvm::zip_equal(labels, n.shapeOf(x)))
      reads.push_back(extent == 1 ? n.b.getAffineConstantExpr(0)
                                  : n.b.getAffineDimExpr(loopOf(label)));
    inputs.push_back(x);
    maps.push_back(AffineMap::get(loops.size(), 0, reads, n.b.getContext()));
  }
  Extents shape(ArrayRef(extents).take_front(equation.result.size()));
  Extents reduced(ArrayRef(extents).drop_front(equation.result.size()));
  if (failed(n.checkShape(shape)))
    return failure();
  DataType compute = n.widened(0).type;
  Value start =
      n.number(RankedTensorType::get(shape, n.elementOf(inputs[0])), 0);
  Value result = n.fold(inputs, maps, reduced, start,
                        [&](TensorBuilder &b, ArrayRef<Value> args) {
                          Arithmetic math{b, compute};
                          Value product = args[0];
                          for (Value factor : args.drop_front().drop_back())
                            product = math.mul(product, factor);
                          return math.add(args.back(), product);
                        });
  return n.finish(n.narrow(result, type), type);
}

LogicalResult buildMatMulInteger(NodeBuilder &n) {
  if (failed(n.expectInputs(2)))
    return failure();
  GraphValue sides[2];
  for (size_t number : {0, 1}) {
    Value x = n.cast(n.operand(number), n.dataType(number), TensorProto::INT32);
    if (n.has(2 + number)) {
      Value zero = n.cast(n.operand(2 + number), n.dataType(2 + number),
                          TensorProto::INT32);
      // One for each row of the first, for each column of the second.
      Extents shape(n.shapeOf(zero));
      if (number == 0 && shape.size() == 1 && shape[0] != 1)
        shape.push_back(1);
      x = n.elementwise({{x, TensorProto::INT32},
                         {n.reshape(zero, shape), TensorProto::INT32}},
                        [&](ArrayRef<Value> v) -> Value {
                          return arith::SubIOp::create(n.b, n.loc, v[0], v[1]);
                        });
      if (!x)
        return failure();
    }
    sides[number] = {x, TensorProto::INT32};
  }
  Value result = multiplyMatrices(n, sides[0], sides[1]);
  if (!result)
    return failure();
  return n.finish(result, TensorProto::INT32);
}

} // namespace

void sterna::addMatrixOps(OpTable &table) {
  table.add("MatMul", buildMatMul);
  table.add("Gemm", buildGemm);
  table.add("Einsum", buildEinsum);
  table.add("MatMulInteger", buildMatMulInteger);
}
