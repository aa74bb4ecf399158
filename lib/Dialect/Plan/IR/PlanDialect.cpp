//===- PlanDialect.cpp - The plan dialect and its verifiers ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration, and what ODS cannot say about the ops. Facts of a whole plan
// (no overlap, no race) are checked by --sterna-verify-plan.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Plan/IR/Plan.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sterna::plan;

#include "sterna/Dialect/Plan/IR/PlanDialect.cpp.inc"
#include "sterna/Dialect/Plan/IR/PlanEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "sterna/Dialect/Plan/IR/PlanAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "sterna/Dialect/Plan/IR/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "sterna/Dialect/Plan/IR/PlanAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "sterna/Dialect/Plan/IR/PlanOps.cpp.inc"
      >();
}

LogicalResult PlanDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == targetAttr &&
      (!isa<ModuleOp>(op) || !isa<TargetAttr>(attribute.getValue())))
    return op->emitOpError("expected plan.target to be the #plan.target of a "
                           "module, but got ")
           << attribute.getValue();
  if (attribute.getName() == originAttr &&
      (!isa<KernelOp>(op) || !isa<StringAttr>(attribute.getValue())))
    return op->emitOpError("expected plan.origin to be the name of a kernel's "
                           "part of the model, but got ")
           << attribute.getValue();
  return success();
}

OperandRange KernelOp::getYielded() {
  return cast<YieldOp>(getBodyBlock()->getTerminator()).getValues();
}

TypeRange KernelOp::getResultTypes() { return getYielded().getTypes(); }

LogicalResult KernelOp::verify() {
  ArrayRef<int64_t> tied = getTied();
  TypeRange results = getResultTypes();
  if (tied.size() != results.size()) // kernel_c1
    return emitOpError() << "expected " << results.size()
                         << " tied entries, but got " << tied.size();
  unsigned count = getBodyBlock()->getNumArguments();
  llvm::SmallBitVector seen(count);
  for (auto [argument, type] : llvm::zip_equal(tied, results)) {
    if (argument == -1)
      continue;
    if (argument < -1 || argument >= int64_t(count) ||
        getBodyBlock()->getArgument(argument).getType() != type) // kernel_c1
      return emitOpError() << "expected a tied argument of type " << type
                           << ", but got number " << argument;
    if (seen.test(argument)) // kernel_c2
      return emitOpError() << "expected argument " << argument
                           << " to be tied once";
    seen.set(argument);
  }
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel) // dispatch_c1
    return emitOpError() << "expected @" << getKernel()
                         << " to be a plan.kernel";
  if (kernel.getBodyBlock()->getArgumentTypes() != getInputs().getTypes() ||
      kernel.getResultTypes() != getOutputs().getTypes()) { // dispatch_c2
    InFlightDiagnostic diagnostic =
        emitOpError() << "expected the operand and result types of @"
                      << getKernel();
    diagnostic.attachNote(kernel.getLoc()) << "kernel declared here";
    return diagnostic;
  }
  return success();
}

LogicalResult StateOp::verify() {
  if (getState().getName() != getSymName()) // state_c1
    return emitOpError() << "expected the state to be called '" << getSymName()
                         << "', but got '" << getState().getName() << "'";
  return success();
}

LogicalResult ProgramOp::verify() {
  for (Operation &op : getBody().front().without_terminator()) {
    if (!isa<BufferOp, LaunchOp, BarrierOp>(op)) // program_c1
      return op.emitOpError("is not allowed in a plan.program");
    auto buffer = dyn_cast<BufferOp>(op);
    if (!buffer || buffer.getSpace() != Space::arena)
      continue;
    int64_t end = buffer.getOffset() + buffer.getBytes();
    if (end > int64_t(getArenaBytes())) // program_c2
      return buffer.emitOpError()
             << "expected an end within the arena of " << getArenaBytes()
             << " bytes, but got " << end;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Origins of kernels
//===----------------------------------------------------------------------===//

/// The name, or file:line:column, of the first part that has one; empty if none
/// does.
std::string sterna::plan::describeOrigin(Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    std::string inner = describeOrigin(name.getChildLoc());
    std::string outer = name.getName().str();
    return inner.empty() ? outer : outer + "(" + inner + ")";
  }
  if (auto file = dyn_cast<FileLineColLoc>(location))
    return llvm::formatv("{0}:{1}:{2}",
                         llvm::sys::path::filename(file.getFilename()),
                         file.getLine(), file.getColumn());
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return describeOrigin(call.getCallee());
  if (auto opaque = dyn_cast<OpaqueLoc>(location))
    return describeOrigin(opaque.getFallbackLocation());
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string text = describeOrigin(part); !text.empty())
        return text;
  return "";
}

void sterna::plan::setOrigin(KernelOp kernel) {
  std::string origin = describeOrigin(kernel.getLoc());
  // That there is none is said, too: text would have its own line instead.
  if (origin.empty() || kernel.getLoc()->findInstanceOf<NameLoc>())
    kernel->setAttr(originAttr, StringAttr::get(kernel.getContext(), origin));
}

std::string sterna::plan::getOrigin(KernelOp kernel) {
  auto origin = kernel->getAttrOfType<StringAttr>(originAttr);
  return origin ? origin.str() : describeOrigin(kernel.getLoc());
}

int64_t sterna::plan::getBufferBytes(MemRefType type) {
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

int64_t BufferOp::getBytes() {
  return getBufferBytes(cast<MemRefType>(getType()));
}

LogicalResult BufferOp::verify() {
  int64_t offset = getOffset();
  if (offset < 0 || offset % 4) // buffer_c1
    return emitOpError() << "expected an offset that is a multiple of 4, but "
                            "got "
                         << offset;
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel) // launch_c1
    return emitOpError() << "expected @" << getKernel()
                         << " to be a plan.kernel";
  unsigned expected = kernel.getBodyBlock()->getNumArguments() +
                      llvm::count(kernel.getTied(), -1);
  if (expected != getBuffers().size()) // launch_c2
    return emitOpError() << "expected " << expected << " buffers, but got "
                         << getBuffers().size();
  return success();
}
