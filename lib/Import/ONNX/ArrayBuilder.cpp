//===- ArrayBuilder.cpp - Ops on whole tensors ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ArrayBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "ArrayBuilder.h"

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace sterna;

/// An attribute in an element or in every element of a tensor.
static Value constantOf(OpBuilder &b, Location loc, Type type,
                        Attribute element) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(tensor, element));
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(element));
}

Value ArrayBuilder::integer(Type type, int64_t value) const {
  return constantOf(b, loc, type,
                    b.getIntegerAttr(getElementTypeOrSelf(type), value));
}

Value ArrayBuilder::number(Type type, double value) const {
  Type element = getElementTypeOrSelf(type);
  if (isa<FloatType>(element))
    return constantOf(b, loc, type, b.getFloatAttr(element, value));
  return integer(type, int64_t(value));
}

Value ArrayBuilder::index(int64_t value) const {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value ArrayBuilder::reshape(Value x, Shape shape) const {
  RankedTensorType type = typeOf(x);
  if (type.getShape() == shape)
    return x;
  auto target = type.clone(shape);
  if (type.getNumElements() == 0)
    return empty(target);
  SmallVector<ReassociationIndices> none;
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(b, loc, target, x, none);
  if (target.getRank() == 0)
    return tensor::CollapseShapeOp::create(b, loc, target, x, none);
  auto steps = getReassociationIndicesForReshape(type, target);
  if (!steps) {
    x = reshape(x, {type.getNumElements()});
    return reshape(x, shape);
  }
  if (type.getRank() < target.getRank())
    return tensor::ExpandShapeOp::create(b, loc, target, x, *steps);
  return tensor::CollapseShapeOp::create(b, loc, target, x, *steps);
}

Value ArrayBuilder::broadcastTo(Value x, Shape shape) const {
  Shape from = shapeOf(x);
  if (from == shape)
    return x;
  SmallVector<int64_t> kept, added;
  int64_t missing = shape.size() - from.size();
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    int64_t source = int64_t(dim) - missing;
    if (source >= 0 && from[source] == extent)
      kept.push_back(extent);
    else
      added.push_back(dim);
  }
  auto type = typeOf(x).clone(shape);
  return broadcast(reshape(x, kept), added, type);
}

Value ArrayBuilder::transpose(Value x, ArrayRef<int64_t> permutation) const {
  SmallVector<int64_t> shape(permutation.size());
  SmallVector<AffineExpr> reads(permutation.size());
  bool isIdentity = true;
  for (auto [dim, source] : llvm::enumerate(permutation)) {
    shape[dim] = shapeOf(x)[source];
    reads[source] = b.getAffineDimExpr(dim);
    isIdentity &= int64_t(dim) == source;
  }
  if (isIdentity)
    return x;
  AffineMap read = AffineMap::get(shape.size(), 0, reads, b.getContext());
  return map(x, read, shape, elementOf(x),
             [](TensorBuilder &, ArrayRef<Value> args) { return args[0]; });
}

Value ArrayBuilder::slice(Value x, Shape offsets, Shape sizes,
                          Shape strides) const {
  if (llvm::is_contained(sizes, 0))
    return empty(typeOf(x).clone(sizes));
  if (llvm::all_of(strides, [](int64_t stride) { return stride > 0; })) {
    if (sizes == shapeOf(x))
      return x;
    return tensor::ExtractSliceOp::create(
        b, loc, typeOf(x).clone(sizes), x, ValueRange(), ValueRange(),
        ValueRange(), offsets, sizes, strides);
  }
  return generate(sizes, elementOf(x),
                  [&](TensorBuilder &body, ArrayRef<Value> places) {
                    SmallVector<Value> at;
                    for (auto [place, offset, stride] :
                         llvm::zip_equal(places, offsets, strides)) {
                      ArrayBuilder inner{body};
                      Value step = arith::MulIOp::create(
                          body.b, body.loc, place, inner.index(stride));
                      at.push_back(arith::AddIOp::create(body.b, body.loc, step,
                                                         inner.index(offset)));
                    }
                    return extract(body, x, at);
                  });
}

Value ArrayBuilder::concat(ArrayRef<Value> parts, int64_t axis) const {
  if (parts.size() == 1)
    return parts.front();
  return tensor::ConcatOp::create(b, loc, axis, parts);
}

Value ArrayBuilder::generate(Shape shape, Type element, Body body) const {
  return map({}, {}, shape, element,
             [&](TensorBuilder &inner, ArrayRef<Value>) {
               SmallVector<Value> places;
               for (size_t dim = 0; dim < shape.size(); ++dim)
                 places.push_back(place(inner, dim));
               return body(inner, places);
             });
}

Value ArrayBuilder::map(ArrayRef<Value> inputs, ArrayRef<AffineMap> maps,
                        Shape shape, Type element, Body body) const {
  auto type = RankedTensorType::get(shape, element);
  SmallVector<AffineMap> all(maps);
  all.push_back(b.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> loops(shape.size(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, inputs, empty(type), all, loops,
             [&](OpBuilder &nested, Location where, ValueRange arguments) {
               TensorBuilder inner{nested, where};
               SmallVector<Value> args(arguments.drop_back());
               linalg::YieldOp::create(nested, where, body(inner, args));
             })
      .getResult(0);
}

AffineMap ArrayBuilder::leadingLoops(int64_t rank, int64_t loopCount) const {
  SmallVector<AffineExpr> reads;
  for (int64_t dim = 0; dim < rank; ++dim)
    reads.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(loopCount, 0, reads, b.getContext());
}

Value ArrayBuilder::fold(ArrayRef<Value> inputs, ArrayRef<AffineMap> maps,
                         Shape reduced, Value init, Body body) const {
  if (llvm::is_contained(reduced, 0)) // nothing is folded
    return init;
  int64_t rank = rankOf(init), loopCount = rank + int64_t(reduced.size());
  SmallVector<AffineMap> all(maps);
  all.push_back(leadingLoops(rank, loopCount));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  loops.append(reduced.size(), utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, all, loops,
             [&](OpBuilder &nested, Location where, ValueRange arguments) {
               TensorBuilder inner{nested, where};
               SmallVector<Value> args(arguments);
               linalg::YieldOp::create(nested, where, body(inner, args));
             })
      .getResult(0);
}

Value ArrayBuilder::reduce(Value x, ArrayRef<int64_t> dims, Value init,
                           Body body) const {
  SmallVector<int64_t> kept, keptShape, resultShape(shapeOf(x));
  SmallVector<AffineExpr> reads(rankOf(x));
  for (int64_t dim = 0; dim < rankOf(x); ++dim) {
    if (llvm::is_contained(dims, dim)) {
      resultShape[dim] = 1;
      continue;
    }
    reads[dim] = b.getAffineDimExpr(kept.size());
    kept.push_back(dim);
    keptShape.push_back(shapeOf(x)[dim]);
  }
  SmallVector<int64_t> reduced;
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    if (!reads[dim]) {
      reads[dim] = b.getAffineDimExpr(kept.size() + reduced.size());
      reduced.push_back(shapeOf(x)[dim]);
    }
  auto type = RankedTensorType::get(keptShape, init.getType());
  Value start = linalg::FillOp::create(b, loc, init, empty(type)).getResult(0);
  AffineMap read =
      AffineMap::get(kept.size() + reduced.size(), 0, reads, b.getContext());
  Value result = fold(x, read, reduced, start, body);
  return reshape(result, resultShape);
}
