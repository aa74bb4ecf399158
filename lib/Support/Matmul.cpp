//===- Matmul.cpp - Which factors are stored transposed -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Matmul.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/Support/Matmul.h"

using namespace mlir;
using namespace sterna;

/// A map of loops (m, n, k) to a matrix of dimensions `x` and `y`.
static AffineMap mapTo(MLIRContext *context, unsigned x, unsigned y,
                       bool transposed) {
  AffineExpr rows = getAffineDimExpr(x, context);
  AffineExpr columns = getAffineDimExpr(y, context);
  if (transposed)
    std::swap(rows, columns);
  return AffineMap::get(3, 0, {rows, columns}, context);
}

/// Whether `map` is to (`y`, `x`); none where it is neither that nor to (`x`,
/// `y`).
static std::optional<bool> isTransposed(AffineMap map, unsigned x, unsigned y) {
  for (bool transposed : {false, true})
    if (map == mapTo(map.getContext(), x, y, transposed))
      return transposed;
  return std::nullopt;
}

std::optional<MatmulFactors> sterna::getFactors(linalg::MatmulOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  std::optional<bool> lhs = isTransposed(maps[0], 0, 2);
  std::optional<bool> rhs = isTransposed(maps[1], 2, 1);
  if (!lhs || !rhs || isTransposed(maps[2], 0, 1) != false)
    return std::nullopt;
  return MatmulFactors{{op.getInputs()[0], *lhs}, {op.getInputs()[1], *rhs}};
}

Value sterna::createMatmul(OpBuilder &b, Location loc, const Factor &lhs,
                           const Factor &rhs, Value init) {
  MLIRContext *context = b.getContext();
  SmallVector<NamedAttribute> attributes;
  if (lhs.transposed || rhs.transposed)
    attributes.push_back(b.getNamedAttr(
        "indexing_maps",
        b.getAffineMapArrayAttr({mapTo(context, 0, 2, lhs.transposed),
                                 mapTo(context, 2, 1, rhs.transposed),
                                 mapTo(context, 0, 1, false)})));
  return linalg::MatmulOp::create(b, loc, init.getType(),
                                  ValueRange{lhs.matrix, rhs.matrix},
                                  ValueRange{init}, attributes)
      .getResult(0);
}
