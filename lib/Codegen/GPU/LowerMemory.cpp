//===- LowerMemory.cpp - Words of storage buffers instead of memrefs ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-lower-gpu-memory.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Codegen/Portable/HalfPrecision.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_LOWERMEMORYPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

namespace {

/// Integer arithmetic on words, at the insertion point.
struct Words {
  OpBuilder &b;
  Location loc;

  Value constant(int32_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  }
  Value shiftLeft(Value x, Value by) {
    return arith::ShLIOp::create(b, loc, x, by);
  }
  Value shiftLeft(Value x, int32_t by) { return shiftLeft(x, constant(by)); }
  Value shiftRight(Value x, Value by) {
    return arith::ShRUIOp::create(b, loc, x, by);
  }
  Value mask(Value x, int32_t bits) {
    return arith::AndIOp::create(b, loc, x, constant(bits));
  }
  Value merge(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  /// An integer of at most 32 bits as a word, and back.
  Value widen(Value x) {
    if (x.getType().isInteger(32))
      return x;
    return arith::ExtUIOp::create(b, loc, b.getI32Type(), x);
  }
  Value narrow(Value word, Type type) {
    if (type.isInteger(32))
      return word;
    if (type.isInteger(1))
      return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                   mask(word, 255), constant(0));
    return arith::TruncIOp::create(b, loc, type, word);
  }
  /// An integer of 64 bits from two words, and back.
  Value join(Value low, Value high) {
    Type wide = b.getI64Type();
    Value bits = arith::ConstantIntOp::create(b, loc, 32, 64);
    return merge(arith::ExtUIOp::create(b, loc, wide, low),
                 shiftLeft(arith::ExtUIOp::create(b, loc, wide, high), bits));
  }
  std::pair<Value, Value> split(Value x) {
    Value bits = arith::ConstantIntOp::create(b, loc, 32, 64);
    Type word = b.getI32Type();
    return {arith::TruncIOp::create(b, loc, word, x),
            arith::TruncIOp::create(b, loc, word, shiftRight(x, bits))};
  }
  Value toFloat(Value word) {
    return arith::BitcastOp::create(b, loc, b.getF32Type(), word);
  }
};

struct LowerMemory : sterna::gpu::impl::LowerMemoryPassBase<LowerMemory> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    addSlots(function);
    moveTemporaries(function);
    SmallVector<Operation *> accesses;
    function.walk([&](Operation *op) {
      if (isa<memref::LoadOp, memref::StoreOp, vector::StoreOp>(op))
        accesses.push_back(op);
    });
    for (Operation *op : accesses)
      if (failed(lower(op)))
        return signalPassFailure();
    eraseBuffers(function);
  }

private:
  //===--------------------------------------------------------------------===//
  // The function's arguments
  //===--------------------------------------------------------------------===//

  /// Appends a memref for each slot and the first word of each buffer.
  void addSlots(func::FuncOp function) {
    places.clear();
    MLIRContext *context = &getContext();
    auto slots = function->getAttrOfType<DenseI64ArrayAttr>("vulkan.slots");
    numBuffers = function.getNumArguments();
    auto words =
        MemRefType::get(ShapedType::kDynamic, IntegerType::get(context, 32),
                        MemRefLayoutAttrInterface{},
                        spirv::StorageClassAttr::get(
                            context, spirv::StorageClass::StorageBuffer));
    Block &entry = function.front();
    SmallVector<Value> memrefs;
    int64_t numSlots = *llvm::max_element(slots.asArrayRef()) + 1;
    for (int64_t i = 0; i < numSlots; ++i)
      memrefs.push_back(entry.addArgument(words, function.getLoc()));
    for (auto [number, slot] : llvm::enumerate(slots.asArrayRef()))
      places[function.getArgument(number)] = {
          memrefs[slot],
          entry.addArgument(IndexType::get(context), function.getLoc())};
  }

  /// Removes the buffers that nothing uses now.
  void eraseBuffers(func::FuncOp function) {
    Block &entry = function.front();
    entry.eraseArguments(0, numBuffers);
    function.setFunctionType(FunctionType::get(
        &getContext(), entry.getArgumentTypes(), TypeRange{}));
  }

  /// Gives temporaries words of the memory that the workgroup shares.
  void moveTemporaries(func::FuncOp function) {
    Attribute shared = spirv::StorageClassAttr::get(
        &getContext(), spirv::StorageClass::Workgroup);
    function.walk([&](memref::AllocOp op) {
      MemRefType type = op.getType();
      Type element = type.getElementType();
      SmallVector<int64_t> shape(type.getShape());
      if (element.isInteger(64))
        shape.push_back(2);
      if (element.isInteger())
        element = IntegerType::get(&getContext(), 32);
      OpBuilder b(op);
      auto words = memref::AllocOp::create(
          b, op.getLoc(),
          MemRefType::get(shape, element, MemRefLayoutAttrInterface{}, shared));
      temporaries[op.getMemref()] = words;
    });
  }

  //===--------------------------------------------------------------------===//
  // Accesses
  //===--------------------------------------------------------------------===//

  /// A buffer's storage buffer and first word in it.
  struct Place {
    Value slot, first;
  };

  LogicalResult lower(Operation *op) {
    if (auto load = dyn_cast<memref::LoadOp>(op))
      return lowerLoad(load);
    if (auto store = dyn_cast<memref::StoreOp>(op))
      return lowerStore(store);
    return lowerVector(cast<vector::StoreOp>(op));
  }

  /// The row-major number of an element.
  static Value linearize(OpBuilder &b, Location loc, MemRefType type,
                         ValueRange indices) {
    Value result = arith::ConstantIndexOp::create(b, loc, 0);
    for (auto [extent, index] : llvm::zip_equal(type.getShape(), indices)) {
      Value size = arith::ConstantIndexOp::create(b, loc, extent);
      result = arith::MulIOp::create(b, loc, result, size);
      result = arith::AddIOp::create(b, loc, result, index);
    }
    return result;
  }

  /// The word that holds element `number`, of which there are `perWord`.
  static Value wordOf(OpBuilder &b, Location loc, const Place &place,
                      Value number, int64_t perWord) {
    if (perWord > 1) {
      Value count = arith::ConstantIndexOp::create(b, loc, perWord);
      number = arith::DivUIOp::create(b, loc, number, count);
    }
    return arith::AddIOp::create(b, loc, place.first, number);
  }

  LogicalResult lowerLoad(memref::LoadOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Type type = op.getType();
    Words words{b, loc};
    if (Value memory = temporaries.lookup(op.getMemRef()))
      return replace(op, loadTemporary(words, type, memory, op.getIndices()));
    Place place = places.lookup(op.getMemRef());
    unsigned bits = bitsInMemory(type);
    if (!place.slot || (bits == 64 && !type.isInteger()))
      return op.emitError("expected a load of integers or of floats of 16 or "
                          "32 bits from a buffer");
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    if (bits == 64) {
      Value low = doubled(b, loc, place, number);
      Value high = arith::AddIOp::create(
          b, loc, low, arith::ConstantIndexOp::create(b, loc, 1));
      return replace(
          op, words.join(memref::LoadOp::create(b, loc, place.slot, low),
                         memref::LoadOp::create(b, loc, place.slot, high)));
    }
    Value word = memref::LoadOp::create(
        b, loc, place.slot, wordOf(b, loc, place, number, 32 / bits));
    if (bits == 32)
      return replace(op, type.isF32()
                             ? arith::BitcastOp::create(b, loc, type, word)
                             : word);
    Value position = arith::IndexCastOp::create(b, loc, b.getI32Type(), number);
    position = words.mask(position, 32 / bits - 1);
    Value part = words.shiftRight(
        word, arith::MulIOp::create(b, loc, position, words.constant(bits)));
    if (!type.isInteger())
      return widen(op, part, words);
    return replace(op, words.narrow(part, type));
  }

  /// A boolean takes a byte.
  static unsigned bitsInMemory(Type type) {
    unsigned bits = type.getIntOrFloatBitWidth();
    return bits == 1 ? 8 : bits;
  }

  /// The first of the two words of element `number`.
  static Value doubled(OpBuilder &b, Location loc, const Place &place,
                       Value number) {
    Value two = arith::ConstantIndexOp::create(b, loc, 2);
    return arith::AddIOp::create(b, loc, place.first,
                                 arith::MulIOp::create(b, loc, number, two));
  }

  static LogicalResult replace(memref::LoadOp op, Value value) {
    op.replaceAllUsesWith(value);
    op.erase();
    return success();
  }

  /// `indices` and that of the low or high word of 64 bits.
  static SmallVector<Value> halfAt(Words words, ValueRange indices,
                                   int64_t half) {
    SmallVector<Value> at(indices);
    at.push_back(arith::ConstantIndexOp::create(words.b, words.loc, half));
    return at;
  }

  static Value loadTemporary(Words words, Type type, Value memory,
                             ValueRange indices) {
    auto load = [&](ValueRange at) -> Value {
      return memref::LoadOp::create(words.b, words.loc, memory, at);
    };
    if (type.isInteger(64))
      return words.join(load(halfAt(words, indices, 0)),
                        load(halfAt(words, indices, 1)));
    Value word = load(indices);
    return type.isInteger() ? words.narrow(word, type) : word;
  }

  /// Replaces the widening that follows every load of a 16-bit float, the look
  /// at its bits that widens it by integers, or the store that copies it.
  LogicalResult widen(memref::LoadOp op, Value half, Words words) {
    Value wide = op.getType().isF16()
                     ? widenF16(words.b, words.loc, half)
                     : words.toFloat(words.shiftLeft(half, 16));
    Value bits = words.narrow(half, words.b.getI16Type());
    op.getResult().replaceUsesWithIf(
        arith::BitcastOp::create(words.b, words.loc, op.getType(), bits),
        [](OpOperand &use) {
          return isa<vector::FromElementsOp>(use.getOwner());
        });
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      Type type = user->getResult(0).getType();
      if (isa<arith::BitcastOp>(user))
        user->replaceAllUsesWith(ValueRange{bits});
      else if (isa<arith::ExtFOp>(user) && type.isF32())
        user->replaceAllUsesWith(ValueRange{wide});
      else
        return user->emitError("expected 16-bit floats to be widened to f32");
      user->erase();
    }
    op.erase();
    return success();
  }

  LogicalResult lowerStore(memref::StoreOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value value = op.getValue();
    Words words{b, loc};
    Type type = value.getType();
    if (Value memory = temporaries.lookup(op.getMemRef())) {
      if (type.isInteger(64)) {
        auto [low, high] = words.split(value);
        memref::StoreOp::create(b, loc, low, memory,
                                halfAt(words, op.getIndices(), 0));
        memref::StoreOp::create(b, loc, high, memory,
                                halfAt(words, op.getIndices(), 1));
      } else {
        memref::StoreOp::create(b, loc,
                                type.isInteger() ? words.widen(value) : value,
                                memory, op.getIndices());
      }
      op.erase();
      return success();
    }
    Place place = places.lookup(op.getMemRef());
    // A scalar has a word of its own.
    bool isAlone = op.getMemRefType().getRank() == 0;
    if (isAlone && type.getIntOrFloatBitWidth() < 32 && bitsOf(value)) {
      value = words.widen(bitsOf(value));
      type = value.getType();
    }
    if (!place.slot ||
        (type.getIntOrFloatBitWidth() != 32 && !type.isInteger(64)))
      return op.emitError("expected a store of 32 bits, or of integers of 64, "
                          "to a buffer");
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    if (type.isInteger(64)) {
      auto [low, high] = words.split(value);
      Value at = doubled(b, loc, place, number);
      Value behind = arith::AddIOp::create(
          b, loc, at, arith::ConstantIndexOp::create(b, loc, 1));
      memref::StoreOp::create(b, loc, low, place.slot, at);
      memref::StoreOp::create(b, loc, high, place.slot, behind);
      op.erase();
      return success();
    }
    if (type.isF32())
      value = arith::BitcastOp::create(b, loc, b.getI32Type(), value);
    memref::StoreOp::create(b, loc, value, place.slot,
                            wordOf(b, loc, place, number, 1));
    op.erase();
    return success();
  }

  /// The bits of a part of a word: an integer, or the half that rounding to 16
  /// bits has left as one; null otherwise.
  static Value bitsOf(Value part) {
    if (part.getType().isInteger())
      return part;
    auto half = part.getDefiningOp<arith::BitcastOp>();
    return half ? half.getIn() : Value();
  }

  /// The word that `parts`, bytes or halves, make up; null where it is not
  /// known.
  static Value wordOf(Words words, Value parts) {
    int32_t bits =
        32 / int32_t(cast<VectorType>(parts.getType()).getNumElements());
    DenseElementsAttr known;
    if (matchPattern(parts, m_Constant(&known)) &&
        isa<IntegerType>(known.getElementType())) {
      APInt word(32, 0);
      unsigned position = 0;
      for (const APInt &part : known.getValues<APInt>())
        word |= part.zext(32).shl(bits * position++);
      return words.constant(int32_t(word.getZExtValue()));
    }
    auto elements = parts.getDefiningOp<vector::FromElementsOp>();
    if (!elements || !llvm::all_of(elements.getElements(), bitsOf))
      return Value();
    Value word = words.constant(0);
    for (auto [position, part] : llvm::enumerate(elements.getElements()))
      word = words.merge(word, words.shiftLeft(words.widen(bitsOf(part)),
                                               bits * int32_t(position)));
    return word;
  }

  /// Bytes or halves that make up a word.
  LogicalResult lowerVector(vector::StoreOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Place place = places.lookup(op.getBase());
    Value parts = op.getValueToStore();
    Value word = wordOf({b, loc}, parts);
    if (!place.slot || !word)
      return op.emitError("expected a store of integers or halves that make up "
                          "a word to a buffer");
    int64_t perWord = cast<VectorType>(parts.getType()).getNumElements();
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    memref::StoreOp::create(b, loc, word, place.slot,
                            wordOf(b, loc, place, number, perWord));
    op.erase();
    if (Operation *made = parts.getDefiningOp(); made && made->use_empty())
      made->erase();
    return success();
  }

  llvm::DenseMap<Value, Place> places;
  llvm::DenseMap<Value, Value> temporaries;
  unsigned numBuffers;
};

} // namespace
