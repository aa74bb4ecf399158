//===- ArrayBuilder.h - Ops on whole tensors --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops of ONNX are made of, on tensors of static shape: views, loops over
// elements, reductions. Loops are linalg.generic, which all targets cut into
// workgroups and autodiff has a rule for; a loop that reads elements at
// computed places does so by tensor.extract.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_ARRAYBUILDER_H
#define STERNA_LIB_IMPORT_ONNX_ARRAYBUILDER_H

#include "sterna/Support/TensorBuilder.h"

namespace sterna {

/// The extents of a tensor, of which some are changed and others read.
using Extents = llvm::SmallVector<int64_t>;
using Shape = llvm::ArrayRef<int64_t>;

/// Scalars and elementwise tensors are built by TensorBuilder's functions.
struct ArrayBuilder : TensorBuilder {
  /// Builds an element from those of the inputs, or from its place.
  using Body =
      llvm::function_ref<Value(TensorBuilder &, llvm::ArrayRef<Value>)>;

  static Shape shapeOf(Value x) { return typeOf(x).getShape(); }
  static int64_t rankOf(Value x) { return typeOf(x).getRank(); }
  static mlir::Type elementOf(Value x) { return typeOf(x).getElementType(); }

  /// `value`, an element or every element of a tensor, of integer or float type
  /// (a whole number in the first case).
  Value number(mlir::Type type, double value) const;
  Value integer(mlir::Type type, int64_t value) const;
  /// A scalar of type index.
  Value index(int64_t value) const;

  /// `x` with other extents and as many elements: views alone.
  Value reshape(Value x, Shape shape) const;

  /// `x` repeated to `shape` by the rule of NumPy.
  Value broadcastTo(Value x, Shape shape) const;

  /// Dimension `i` of the result is `permutation[i]` of `x`.
  Value transpose(Value x, llvm::ArrayRef<int64_t> permutation) const;

  /// Elements `offset + stride * i` of each dimension; strides may be negative.
  Value slice(Value x, Shape offsets, Shape sizes, Shape strides) const;

  Value concat(llvm::ArrayRef<Value> parts, int64_t axis) const;

  /// A tensor whose elements `body` builds from the indices of their places.
  Value generate(Shape shape, mlir::Type element, Body body) const;

  /// A tensor of `shape` whose elements `body` builds from those of `inputs`,
  /// read through `maps` of the result's dimensions.
  Value map(llvm::ArrayRef<Value> inputs, llvm::ArrayRef<mlir::AffineMap> maps,
            Shape shape, mlir::Type element, Body body) const;

  /// The first `rank` of `loopCount` loops: how a tensor is read whose places
  /// they are.
  mlir::AffineMap leadingLoops(int64_t rank, int64_t loopCount) const;

  /// As `map`, over the dimensions of `init` and behind them those of extents
  /// `reduced`, all of which an input has: the last argument of `body` is what
  /// it gave before, at first the element of `init`.
  Value fold(llvm::ArrayRef<Value> inputs, llvm::ArrayRef<mlir::AffineMap> maps,
             Shape reduced, Value init, Body body) const;

  /// `x` folded along dimensions `dims`, in ascending order, which stay with
  /// extent 1; starts from `init`, a scalar.
  Value reduce(Value x, llvm::ArrayRef<int64_t> dims, Value init,
               Body body) const;

  /// In a body: element of `x` at `indices`.
  static Value extract(TensorBuilder &b, Value x,
                       llvm::ArrayRef<Value> indices) {
    return mlir::tensor::ExtractOp::create(b.b, b.loc, x, indices);
  }

  /// In a body: the place in dimension `dim`, of type index.
  static Value place(TensorBuilder &b, int64_t dim) {
    return mlir::linalg::IndexOp::create(b.b, b.loc, dim);
  }
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_ARRAYBUILDER_H
