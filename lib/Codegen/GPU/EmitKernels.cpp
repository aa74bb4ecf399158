//===- EmitKernels.cpp - Turn plan kernels into GPU functions -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-emit-gpu-kernels. Every kernel goes through the
// portable tier.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"
#include "sterna/Codegen/Portable/PortableKernel.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

namespace {

/// The largest divisor of `extent` that is at most `size`.
int64_t divisorUpTo(int64_t extent, int64_t size) {
  size = std::min(size, extent);
  while (extent % size)
    --size;
  return size;
}

/// A divisor of `extent` near `size`: the smallest that is not less, or where
/// that is far more, as for primes, the largest that is.
int64_t divisorNear(int64_t extent, int64_t size) {
  for (int64_t divisor = size; divisor <= std::min(extent, 16 * size);
       ++divisor)
    if (extent % divisor == 0)
      return divisor;
  return divisorUpTo(extent, size);
}

/// A workgroup has many invocations, a row of results or a stretch of one to
/// compute, and little memory for temporaries.
class GPU : public PortableTarget {
public:
  SmallVector<int64_t>
  chooseTile(const ParallelResults &results) const override {
    SmallVector<int64_t> tile(results.extents.size(), 1);
    if (tile.empty())
      return tile;
    growInnermost(results, tile);
    alignToWords(results, tile);
    return tile;
  }

  /// A temporary would have to fit into shared memory.
  bool fusesIntoReductions() const override { return true; }

private:
  /// Where neighbouring results are independent, a workgroup computes a stretch
  /// of them: one for each invocation, but fewer if they are sums and the grid
  /// would become too small to fill a device.
  static void growInnermost(const ParallelResults &results,
                            SmallVector<int64_t> &tile) {
    constexpr int64_t minWorkgroups = 64;
    RankedTensorType type = results.types.front();
    int64_t size = sterna::gpu::workgroupSize;
    if (!results.elementwise)
      size =
          std::clamp<int64_t>(type.getNumElements() / minWorkgroups, 1, size);
    for (int64_t dim = type.getRank() - 1; dim >= 0 && size > 1; --dim) {
      const auto *it = llvm::find(results.dimensions.front(), dim);
      if (it == results.dimensions.front().end())
        return;
      int64_t index = it - results.dimensions.front().begin();
      int64_t extent = results.extents[index];
      tile[index] = results.elementwise ? divisorNear(extent, size)
                                        : divisorUpTo(extent, size);
      if (tile[index] != extent)
        return;
      size = llvm::divideCeil(size, extent);
    }
  }

  /// Workgroups must not share a word of results narrower than one: lets tiles
  /// be whole rows that are whole words, or all there is.
  static void alignToWords(const ParallelResults &results,
                           SmallVector<int64_t> &tile) {
    for (auto [type, dims] :
         llvm::zip_equal(results.types, results.dimensions)) {
      int64_t bits = type.getElementTypeBitWidth();
      if (bits >= 32 || !llvm::is_contained(dims, 0))
        continue;
      int64_t rowBits = type.getNumElements() / type.getDimSize(0) * bits;
      size_t first = llvm::find(dims, 0) - dims.begin();
      tile = results.extents;
      tile[first] = 1;
      while (
          tile[first] < results.extents[first] &&
          (results.extents[first] % tile[first] || tile[first] * rowBits % 32))
        ++tile[first];
    }
  }
};

/// A cache's rows may be written at any position: each must begin with a word.
LogicalResult checkCacheRows(plan::KernelOp kernel) {
  for (auto update : kernel.getBodyBlock()->getOps<tern::CacheUpdateOp>()) {
    RankedTensorType type = update.getCache().getType();
    int64_t bits = type.getNumElements() / type.getDimSize(0) *
                   type.getElementTypeBitWidth();
    if (bits % 32)
      return update.emitError("expected rows of a cache to be whole words for "
                              "Vulkan, but got ")
             << bits / 8 << " bytes of " << type.getElementType()
             << ": compile it with --kv-type=f32";
  }
  return success();
}

struct EmitKernels : sterna::gpu::impl::EmitKernelsPassBase<EmitKernels> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto kernels = ModuleOp::create(builder, getOperation().getLoc(),
                                    StringRef("vulkan_kernels"));
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      if (!kernel->hasAttr("vulkan.slots"))
        continue;
      builder.setInsertionPointToEnd(kernels.getBody());
      if (failed(checkCacheRows(kernel)) || failed(emit(kernel, builder))) {
        kernel.emitError("could not be lowered");
        return signalPassFailure();
      }
    }
  }

private:
  static LogicalResult emit(plan::KernelOp kernel, OpBuilder &builder) {
    Location loc = kernel.getLoc();
    SmallVector<Type> types = getBufferTypes(kernel);
    unsigned numBuffers = types.size();
    types.append(2, builder.getIndexType());
    auto function = func::FuncOp::create(builder, loc, kernel.getSymName(),
                                         builder.getFunctionType(types, {}));
    function->setAttr("vulkan.slots", kernel->getAttr("vulkan.slots"));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    func::ReturnOp::create(builder, loc);
    builder.setInsertionPointToStart(entry);
    ValueRange arguments = entry->getArguments();
    FailureOr<int64_t> workgroups = emitPortableKernel(
        kernel, GPU(), builder, arguments.take_front(numBuffers),
        arguments[numBuffers], arguments[numBuffers + 1]);
    if (failed(workgroups))
      return failure();
    runOneWorkgroup(function, numBuffers, *workgroups);
    kernel->setAttr("vulkan.workgroups",
                    builder.getI64IntegerAttr(*workgroups));
    return success();
  }

  /// The number of the workgroup that runs, in a grid of two dimensions.
  static Value getWorkgroup(OpBuilder &b, Location loc) {
    using mlir::gpu::Dimension;
    Value x = mlir::gpu::BlockIdOp::create(b, loc, Dimension::x);
    Value y = mlir::gpu::BlockIdOp::create(b, loc, Dimension::y);
    Value columns = mlir::gpu::GridDimOp::create(b, loc, Dimension::x);
    return arith::AddIOp::create(b, loc,
                                 arith::MulIOp::create(b, loc, y, columns), x);
  }

  /// Turns the loop over the range of workgroups, arguments `first` and the
  /// next, into one iteration for the workgroup that runs; into none, if it is
  /// one that only fills up the grid.
  static void runOneWorkgroup(func::FuncOp function, unsigned first,
                              int64_t workgroups) {
    constexpr int64_t maxGridExtent = 65535;
    OpBuilder b(function.getBody());
    Location loc = function.getLoc();
    Value begin = arith::ConstantIndexOp::create(b, loc, 0);
    Value end = arith::ConstantIndexOp::create(b, loc, 1);
    Value workgroup = getWorkgroup(b, loc);
    if (workgroups > maxGridExtent) {
      Value count = arith::ConstantIndexOp::create(b, loc, workgroups);
      Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                           workgroup, count);
      end = arith::SelectOp::create(b, loc, exists, end, begin);
    }
    for (Operation *user : function.getArgument(first).getUsers())
      cast<scf::ForOp>(user).getInductionVar().replaceAllUsesWith(workgroup);
    function.getArgument(first).replaceAllUsesWith(begin);
    function.getArgument(first + 1).replaceAllUsesWith(end);
    llvm::BitVector range(first + 2);
    range.set(first, first + 2);
    (void)function.eraseArguments(range);
  }
};

} // namespace
