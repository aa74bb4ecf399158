//===- DescribePlan.cpp - Metadata of a plan ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, programs and state of one target, as the runtime reads them.
//
//===----------------------------------------------------------------------===//

#include "MetadataBuilder.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna;

namespace {

class PlanDescriber {
public:
  PlanDescriber(MetadataBuilder &builder, ModuleOp module)
      : builder(builder), module(module) {}

  Offset<format::Plan> run(StringRef target, const PlanBlobs &blobs) {
    auto name = builder.string(target);
    auto kernels = builder.CreateVector(describeKernels());
    auto programs = builder.CreateVector(describePrograms());
    auto state = builder.CreateVector(describeState());
    auto weights = builder.CreateVector(blobs.weights);
    auto code = builder.CreateVector(blobs.code);
    return format::CreatePlan(
        builder, name, kernels, programs, state, weights, code,
        blobs.weightsOffset, bytes("plan.weights_bytes"),
        bytes("plan.state_bytes"), arenaBytes, blockBytes);
  }

private:
  /// A size that the planner has left in an attribute; 0 if there is none.
  uint64_t bytes(StringRef attribute) {
    auto value = module->getAttrOfType<IntegerAttr>(attribute);
    return value ? value.getInt() : 0;
  }

  Offsets<format::Kernel> describeKernels() {
    Offsets<format::Kernel> result;
    for (auto kernel : module.getOps<plan::KernelOp>()) {
      kernelIndex[kernel.getSymName()] = result.size();
      result.push_back(
          format::CreateKernel(builder, builder.string(kernel.getSymName()),
                               builder.string(plan::getOrigin(kernel))));
    }
    return result;
  }

  Offsets<format::Program> describePrograms() {
    Offsets<format::Program> result;
    for (auto program : module.getOps<plan::ProgramOp>())
      result.push_back(describe(program));
    return result;
  }

  Offset<format::Program> describe(plan::ProgramOp program) {
    llvm::StringMap<uint64_t> weights, state;
    auto dispatches =
        builder.CreateVector(describeDispatches(program, weights, state));
    auto inputs = builder.CreateVector(describeFields(program.getInputs()));
    auto outputs = builder.CreateVector(describeFields(program.getOutputs()));
    Offsets<format::PeakCategory> categories;
    for (NamedAttribute category : program.getPeak())
      categories.push_back(format::CreatePeakCategory(
          builder, builder.string(category.getName()),
          cast<IntegerAttr>(category.getValue()).getInt()));
    auto peak = builder.CreateVector(categories);
    arenaBytes = std::max<uint64_t>(arenaBytes, program.getArenaBytes());
    auto sum = [](const llvm::StringMap<uint64_t> &sizes) {
      uint64_t total = 0;
      for (const auto &entry : sizes)
        total += entry.second;
      return total;
    };
    return format::CreateProgram(
        builder, builder.string(program.getSymName()), inputs, outputs,
        dispatches, program.getArenaBytes(), sum(state), sum(weights), peak);
  }

  Offsets<format::Dispatch>
  describeDispatches(plan::ProgramOp program,
                     llvm::StringMap<uint64_t> &weights,
                     llvm::StringMap<uint64_t> &state) {
    Offsets<format::Dispatch> result;
    bool barrier = false;
    for (Operation &op : program.getBody().front()) {
      barrier |= isa<plan::BarrierOp>(op);
      auto launch = dyn_cast<plan::LaunchOp>(op);
      if (!launch)
        continue;
      std::vector<format::Binding> bindings;
      for (Value value : launch.getBuffers()) {
        auto buffer = value.getDefiningOp<plan::BufferOp>();
        uint64_t bytes = buffer.getBytes();
        bindings.emplace_back(format::Space(uint8_t(buffer.getSpace())),
                              buffer.getOffset(), bytes);
        if (buffer.getName())
          (buffer.getSpace() == plan::Space::weights
               ? weights
               : state)[sliceName(buffer)] = bytes;
      }
      result.push_back(format::CreateDispatch(
          builder, kernelIndex.lookup(launch.getKernel()),
          builder.CreateVectorOfStructs(bindings), barrier));
      barrier = false;
    }
    return result;
  }

  /// Slices of a parameter count apart, the same slice once.
  static std::string sliceName(plan::BufferOp buffer) {
    return llvm::formatv("{0}@{1}", *buffer.getName(), buffer.getOffset());
  }

  Offsets<format::Field> describeFields(ArrayAttr fields) {
    Offsets<format::Field> result;
    for (auto field : fields.getAsRange<DictionaryAttr>()) {
      auto type = cast<MemRefType>(field.getAs<TypeAttr>("type").getValue());
      uint64_t offset = field.getAs<IntegerAttr>("offset").getInt();
      uint64_t end = offset + plan::getBufferBytes(type);
      blockBytes = std::max<uint64_t>(blockBytes, llvm::alignTo(end, 64));
      result.push_back(format::CreateField(
          builder, builder.string(field.getAs<StringAttr>("name").getValue()),
          elementType(type.getElementType()), builder.shape(type.getShape()),
          offset));
    }
    return result;
  }

  Offsets<format::StateTensor> describeState() {
    Offsets<format::StateTensor> result;
    for (auto state : module.getOps<plan::StateOp>()) {
      auto type = cast<MemRefType>(state.getType());
      result.push_back(format::CreateStateTensor(
          builder, builder.string(state.getSymName()),
          state.getState().getKind(), elementType(type.getElementType()),
          builder.shape(type.getShape()), state.getOffset(),
          int32_t(state.getState().getLayer()),
          builder.string(state.getState().getTarget())));
    }
    return result;
  }

  format::ElementType elementType(Type type) {
    if (type.isF32())
      return format::ElementType::f32;
    if (type.isF16())
      return format::ElementType::f16;
    if (type.isBF16())
      return format::ElementType::bf16;
    if (type.isF64())
      return format::ElementType::f64;
    if (type.isInteger(1))
      return format::ElementType::boolean;
    bool isUnsigned = type.isUnsignedInteger();
    switch (type.isInteger() ? type.getIntOrFloatBitWidth() : 0) {
    case 8:
      return isUnsigned ? format::ElementType::u8 : format::ElementType::i8;
    case 16:
      return isUnsigned ? format::ElementType::u16 : format::ElementType::i16;
    case 32:
      return isUnsigned ? format::ElementType::u32 : format::ElementType::i32;
    case 64:
      return isUnsigned ? format::ElementType::u64 : format::ElementType::i64;
    }
    builder.problem =
        llvm::formatv("the device binary has no element type {0}", type).str();
    return format::ElementType::MIN;
  }

  MetadataBuilder &builder;
  ModuleOp module;
  llvm::StringMap<uint32_t> kernelIndex;
  uint64_t arenaBytes = 0, blockBytes = 0;
};

} // namespace

Offset<format::Plan> sterna::describePlan(MetadataBuilder &builder,
                                          ModuleOp module, StringRef target,
                                          const PlanBlobs &blobs) {
  return PlanDescriber(builder, module).run(target, blobs);
}
