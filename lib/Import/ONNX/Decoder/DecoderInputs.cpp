//===- DecoderInputs.cpp - Inputs of language models ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DecoderInputs.h. Names are those of transformers' models, which exporters
// keep.
//
//===----------------------------------------------------------------------===//

#include "DecoderInputs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

/// The extents of an input, -1 for one that is dynamic.
static SmallVector<int64_t> extentsOf(const onnx::ValueInfoProto &input) {
  SmallVector<int64_t> extents;
  for (const auto &dim : input.type().tensor_type().shape().dim())
    extents.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  return extents;
}

static Error makeError(const onnx::ValueInfoProto &input, const Twine &text) {
  return llvm::createStringError("input '" + input.name() + "': " + text);
}

/// Fails unless the extents of `input` can be `wanted`.
static Error checkExtents(const onnx::ValueInfoProto &input,
                          ArrayRef<int64_t> wanted) {
  SmallVector<int64_t> extents = extentsOf(input);
  bool fits = extents.size() == wanted.size();
  for (size_t dim = 0; fits && dim < wanted.size(); ++dim)
    fits = extents[dim] < 0 || extents[dim] == wanted[dim];
  if (fits)
    return Error::success();
  std::string list;
  for (int64_t extent : wanted)
    list += (list.empty() ? "" : " x ") + std::to_string(extent);
  return makeError(input, "expected extents that can be " + Twine(list) +
                              ", as one sequence without a past has them");
}

/// Keys or values of no tokens: what is dynamic is the batch, in front, or the
/// tokens.
static Expected<Attribute> makePast(const onnx::ValueInfoProto &input,
                                    Type element) {
  SmallVector<int64_t> shape = extentsOf(input);
  bool isEmpty = false;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    if (extent < 0)
      extent = dim == 0 ? 1 : 0;
    isEmpty |= extent == 0;
  }
  if (shape.empty() || shape[0] != 1 || !isEmpty)
    return makeError(input, "expected keys or values of one sequence with a "
                            "dynamic number of tokens");
  return DenseElementsAttr::get(RankedTensorType::get(shape, element),
                                ArrayRef<Attribute>());
}

static Attribute makeRange(RankedTensorType type) {
  std::vector<APInt> elements;
  unsigned bits = type.getElementTypeBitWidth();
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    elements.emplace_back(bits, uint64_t(i), /*isSigned=*/false,
                          /*implicitTrunc=*/true);
  return DenseElementsAttr::get(type, elements);
}

static Attribute makeOnes(RankedTensorType type) {
  Builder b(type.getContext());
  Type element = type.getElementType();
  Attribute one = isa<FloatType>(element)
                      ? Attribute(b.getFloatAttr(element, 1))
                      : b.getIntegerAttr(element, 1);
  return DenseElementsAttr::get(type, one);
}

Expected<Value> sterna::bindDecoderInput(OpBuilder &b, Location loc,
                                         const onnx::ValueInfoProto &input,
                                         Type element, int64_t tokens) {
  StringRef name = input.name();
  Attribute elements;
  SmallVector<int64_t> sequence{1, tokens};
  auto type = RankedTensorType::get(sequence, element);
  if (name == "input_ids") {
    if (!isa<IntegerType>(element))
      return makeError(input, "expected whole numbers");
    if (Error error = checkExtents(input, sequence))
      return std::move(error);
    return Value();
  }
  if (name == "attention_mask") {
    if (Error error = checkExtents(input, sequence))
      return std::move(error);
    elements = makeOnes(type);
  } else if (name == "position_ids" && isa<IntegerType>(element)) {
    if (Error error = checkExtents(input, sequence))
      return std::move(error);
    elements = makeRange(type);
  } else if (name == "cache_position" && isa<IntegerType>(element)) {
    if (Error error = checkExtents(input, tokens))
      return std::move(error);
    elements = makeRange(RankedTensorType::get(tokens, element));
  } else if (name.starts_with("past_") && isa<FloatType>(element)) {
    Expected<Attribute> past = makePast(input, element);
    if (!past)
      return past.takeError();
    elements = *past;
  } else {
    return makeError(
        input, "expected input_ids, attention_mask, position_ids, "
               "cache_position or past_key_values.N.key and value, as exported "
               "language models have them; other inputs need --constant=" +
                   name + "=FILE.npy");
  }
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(elements));
}

int64_t sterna::countTokens(const onnx::GraphProto &graph, int64_t wanted) {
  for (const onnx::ValueInfoProto &input : graph.input()) {
    SmallVector<int64_t> extents = extentsOf(input);
    if (input.name() == "input_ids" && extents.size() == 2 && extents[1] > 0)
      return extents[1];
  }
  return wanted;
}
