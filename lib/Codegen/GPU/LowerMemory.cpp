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
      if (element.getIntOrFloatBitWidth() < 32)
        element = IntegerType::get(&getContext(), 32);
      OpBuilder b(op);
      auto words = memref::AllocOp::create(
          b, op.getLoc(),
          MemRefType::get(type.getShape(), element, MemRefLayoutAttrInterface{},
                          shared));
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
    if (Value words = temporaries.lookup(op.getMemRef())) {
      Value value = memref::LoadOp::create(b, loc, words, op.getIndices());
      if (value.getType() != type)
        value = arith::TruncIOp::create(b, loc, type, value);
      op.replaceAllUsesWith(value);
      op.erase();
      return success();
    }
    Place place = places.lookup(op.getMemRef());
    unsigned bits = type.getIntOrFloatBitWidth();
    if (!place.slot || (bits != 8 && bits != 16 && bits != 32))
      return op.emitError("expected a load of 8, 16 or 32 bits from a buffer");
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    Value word = memref::LoadOp::create(
        b, loc, place.slot, wordOf(b, loc, place, number, 32 / bits));
    if (bits == 32) {
      if (type.isF32())
        word = arith::BitcastOp::create(b, loc, type, word);
      op.replaceAllUsesWith(word);
      op.erase();
      return success();
    }
    Words words{b, loc};
    Value position = arith::IndexCastOp::create(b, loc, b.getI32Type(), number);
    position = words.mask(position, 32 / bits - 1);
    Value part = words.shiftRight(
        word, arith::MulIOp::create(b, loc, position, words.constant(bits)));
    if (bits == 8) {
      Value byte = arith::TruncIOp::create(b, loc, type, part);
      op.replaceAllUsesWith(byte);
      op.erase();
      return success();
    }
    return widen(op, part, words);
  }

  /// Replaces the widening that follows every load of a 16-bit float.
  LogicalResult widen(memref::LoadOp op, Value half, Words words) {
    Value wide = op.getType().isF16()
                     ? widenF16(words.b, words.loc, half)
                     : words.toFloat(words.shiftLeft(half, 16));
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      if (!isa<arith::ExtFOp>(user) || !user->getResult(0).getType().isF32())
        return user->emitError("expected 16-bit floats to be widened to f32");
      user->replaceAllUsesWith(ValueRange{wide});
      user->erase();
    }
    op.erase();
    return success();
  }

  LogicalResult lowerStore(memref::StoreOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value value = op.getValue();
    if (Value words = temporaries.lookup(op.getMemRef())) {
      Type element = cast<MemRefType>(words.getType()).getElementType();
      if (value.getType() != element)
        value = arith::ExtUIOp::create(b, loc, element, value);
      memref::StoreOp::create(b, loc, value, words, op.getIndices());
      op.erase();
      return success();
    }
    Place place = places.lookup(op.getMemRef());
    if (!place.slot || value.getType().getIntOrFloatBitWidth() != 32)
      return op.emitError("expected a store of 32 bits to a buffer");
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    if (value.getType().isF32())
      value = arith::BitcastOp::create(b, loc, b.getI32Type(), value);
    memref::StoreOp::create(b, loc, value, place.slot,
                            wordOf(b, loc, place, number, 1));
    op.erase();
    return success();
  }

  /// Four bytes that make up a word.
  LogicalResult lowerVector(vector::StoreOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Place place = places.lookup(op.getBase());
    auto bytes = op.getValueToStore().getDefiningOp<vector::FromElementsOp>();
    if (!place.slot || !bytes)
      return op.emitError("expected a store of four bytes to a buffer");
    Words words{b, loc};
    Value word = words.constant(0);
    for (auto [position, byte] : llvm::enumerate(bytes.getElements())) {
      Value wide = arith::ExtUIOp::create(b, loc, b.getI32Type(), byte);
      word = words.merge(word, words.shiftLeft(wide, 8 * int32_t(position)));
    }
    Value number = linearize(b, loc, op.getMemRefType(), op.getIndices());
    memref::StoreOp::create(b, loc, word, place.slot,
                            wordOf(b, loc, place, number, 4));
    op.erase();
    if (bytes->use_empty())
      bytes.erase();
    return success();
  }

  llvm::DenseMap<Value, Place> places;
  llvm::DenseMap<Value, Value> temporaries;
  unsigned numBuffers;
};

} // namespace
