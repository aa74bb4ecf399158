//===- ConvertToSPIRV.cpp - Turn kernel functions into SPIR-V modules -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --convert-kernels-to-spirv: upstream patterns, and an
// interface of our own. Upstream's pass lacks `math` and puts every scalar into
// a storage buffer.
//
//===----------------------------------------------------------------------===//

#include "sterna/Codegen/GPU/Passes.h"

#include "mlir/Conversion/ArithToSPIRV/ArithToSPIRV.h"
#include "mlir/Conversion/FuncToSPIRV/FuncToSPIRV.h"
#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRV.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRV.h"
#include "mlir/Conversion/MemRefToSPIRV/MemRefToSPIRV.h"
#include "mlir/Conversion/SCFToSPIRV/SCFToSPIRV.h"
#include "mlir/Conversion/UBToSPIRV/UBToSPIRV.h"
#include "mlir/Conversion/VectorToSPIRV/VectorToSPIRV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/SPIRVConversion.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_CONVERTTOSPIRVPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

namespace {

/// As upstream's, but also for what invocations write to storage buffers.
struct ConvertBarrier : OpConversionPattern<mlir::gpu::BarrierOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(mlir::gpu::BarrierOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<spirv::ControlBarrierOp>(
        op, spirv::Scope::Workgroup, spirv::Scope::Workgroup,
        spirv::MemorySemantics::AcquireRelease |
            spirv::MemorySemantics::UniformMemory |
            spirv::MemorySemantics::WorkgroupMemory);
    return success();
  }
};

struct ConvertToSPIRV
    : sterna::gpu::impl::ConvertToSPIRVPassBase<ConvertToSPIRV> {
  void runOnOperation() override {
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(convert(function)))
        return signalPassFailure();
  }

private:
  /// Vulkan 1.1 without features or extensions.
  spirv::TargetEnvAttr getTarget() {
    auto version = spirv::VerCapExtAttr::get(
        spirv::Version::V_1_3, {spirv::Capability::Shader}, {}, &getContext());
    return spirv::TargetEnvAttr::get(
        version, spirv::getDefaultResourceLimits(&getContext()),
        spirv::ClientAPI::Vulkan);
  }

  /// An 8-bit value is a word whose upper bits are anything: refuses what would
  /// read them as a sign.
  static LogicalResult checkNarrow(func::FuncOp function) {
    WalkResult result = function.walk([](Operation *op) {
      bool reads = llvm::any_of(op->getOperandTypes(), [](Type type) {
        return type.isInteger(8) || type.isInteger(16);
      });
      auto compare = dyn_cast<arith::CmpIOp>(op);
      bool isSigned =
          isa<arith::MaxSIOp, arith::MinSIOp, arith::ShRSIOp, arith::DivSIOp,
              arith::RemSIOp>(op) ||
          (compare && compare.getPredicate() >= arith::CmpIPredicate::slt &&
           compare.getPredicate() <= arith::CmpIPredicate::sge);
      if (!reads || !isSigned)
        return WalkResult::advance();
      op->emitError("expected signed arithmetic on 32 bits: widen first");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult convert(func::FuncOp function) {
    if (failed(checkNarrow(function)))
      return failure();
    OpBuilder b(function);
    spirv::TargetEnvAttr target = getTarget();
    auto module = spirv::ModuleOp::create(
        b, function.getLoc(), spirv::AddressingModel::Logical,
        spirv::MemoryModel::GLSL450, target.getTripleAttr(),
        function.getSymName());
    module->setAttr(spirv::getTargetEnvAttrName(), target);
    function->moveBefore(module.getBody(), module.getBody()->begin());
    function.setSymName("main");
    function->setAttr(
        spirv::getEntryPointABIAttrName(),
        spirv::getEntryPointABIAttr(
            &getContext(), {int32_t(sterna::gpu::workgroupSize), 1, 1}));
    function->removeAttr("vulkan.slots");
    bindArguments(function);
    return applyConversion(module, target);
  }

  /// Replaces slots by storage buffers and first words by push constants.
  static void bindArguments(func::FuncOp function) {
    OpBuilder b(function);
    Location loc = function.getLoc();
    SPIRVTypeConverter types(spirv::lookupTargetEnvOrDefault(function));
    unsigned numWords = llvm::count_if(
        function.getArgumentTypes(), [](Type type) { return type.isIndex(); });
    unsigned numSlots = function.getNumArguments() - numWords;
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      b.setInsertionPoint(function);
      if (number < numSlots) {
        auto variable = spirv::GlobalVariableOp::create(
            b, loc, types.convertType(argument.getType()),
            "slot" + std::to_string(number), /*descriptorSet=*/0, number);
        b.setInsertionPointToStart(&function.front());
        Value address = spirv::AddressOfOp::create(b, loc, variable);
        argument.replaceAllUsesWith(UnrealizedConversionCastOp::create(
                                        b, loc, argument.getType(), address)
                                        .getResult(0));
        continue;
      }
      b.setInsertionPointToStart(&function.front());
      Value word = spirv::getPushConstantValue(
          function, numWords, number - numSlots, b.getI32Type(), b);
      argument.replaceAllUsesWith(
          arith::IndexCastOp::create(b, loc, b.getIndexType(), word));
    }
    (void)function.eraseArguments(
        llvm::BitVector(function.getNumArguments(), true));
  }

  LogicalResult applyConversion(spirv::ModuleOp module,
                                spirv::TargetEnvAttr target) {
    SPIRVTypeConverter types(target);
    ScfToSPIRVContext loops;
    RewritePatternSet patterns(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToSPIRVPatterns(types, patterns);
    populateBuiltinFuncToSPIRVPatterns(types, patterns);
    populateFuncToSPIRVPatterns(types, patterns);
    populateGPUToSPIRVPatterns(types, patterns);
    populateMathToSPIRVPatterns(types, patterns);
    populateMemRefToSPIRVPatterns(types, patterns);
    populateSCFToSPIRVPatterns(types, loops, patterns);
    populateVectorToSPIRVPatterns(types, patterns);
    ub::populateUBToSPIRVConversionPatterns(types, patterns);
    patterns.add<ConvertBarrier>(types, &getContext(), /*benefit=*/2);
    std::unique_ptr<ConversionTarget> legality =
        SPIRVConversionTarget::get(target);
    legality->addLegalOp<UnrealizedConversionCastOp>();
    if (failed(applyFullConversion(module, *legality, std::move(patterns))))
      return failure();
    SmallVector<UnrealizedConversionCastOp> casts;
    module.walk([&](UnrealizedConversionCastOp op) { casts.push_back(op); });
    reconcileUnrealizedCasts(casts);
    return success();
  }
};

} // namespace
