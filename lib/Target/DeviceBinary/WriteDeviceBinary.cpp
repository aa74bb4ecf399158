//===- WriteDeviceBinary.cpp - Writing of .stn files ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Header, weights and code first, as they stream, then the metadata that knows
// their places.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/device_binary.h"

#include "module_generated.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

// As the runtime does: LLVM's own XXH3 cannot be fed in parts.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <chrono>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

constexpr uint64_t headerBytes = STERNA_DEVICE_BINARY_HEADER_SIZE;
constexpr uint64_t pageBytes = 4096;

uint64_t checksum(const void *data, size_t size) {
  return XXH3_64bits(data, size);
}

/// Hashes what passes through.
class HashingStream : public llvm::raw_ostream {
public:
  explicit HashingStream(llvm::raw_ostream &out)
      : raw_ostream(/*unbuffered=*/true), out(out) {
    XXH3_64bits_reset(&state);
  }

  /// Checksum of everything written so far.
  uint64_t finish() const { return XXH3_64bits_digest(&state); }

private:
  void write_impl(const char *data, size_t size) override {
    out.write(data, size);
    XXH3_64bits_update(&state, data, size);
    position += size;
  }
  uint64_t current_pos() const override { return position; }

  llvm::raw_ostream &out;
  XXH3_state_t state;
  uint64_t position = 0;
};

std::vector<uint64_t> shapeOf(ArrayRef<int64_t> shape) {
  return {shape.begin(), shape.end()};
}

/// A location in few words: the name, or file:line:column, of the first part
/// that has one; empty if none does.
std::string describeLocation(Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    std::string inner = describeLocation(name.getChildLoc());
    std::string outer = name.getName().str();
    return inner.empty() ? outer : outer + "(" + inner + ")";
  }
  if (auto file = dyn_cast<FileLineColLoc>(location))
    return llvm::formatv("{0}:{1}:{2}",
                         llvm::sys::path::filename(file.getFilename()),
                         file.getLine(), file.getColumn());
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return describeLocation(call.getCallee());
  if (auto opaque = dyn_cast<OpaqueLoc>(location))
    return describeLocation(opaque.getFallbackLocation());
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string text = describeLocation(part); !text.empty())
        return text;
  return "";
}

class DeviceBinaryWriter {
public:
  DeviceBinaryWriter(ModuleOp module,
                     const std::vector<CodeObject> &codeObjects,
                     llvm::raw_fd_ostream &out)
      : module(module), codeObjects(codeObjects), out(out), base(out.tell()) {}

  Expected<LinkReport> run() {
    if (!module->hasAttr(tern::modelAttr) || !module->hasAttr(tern::shapesAttr))
      return llvm::createStringError("the module does not describe its model: "
                                     "expected tern.model and tern.shapes");
    out.write_zeros(headerBytes);
    auto weights = writeWeights();
    if (!weights)
      return weights.takeError();
    auto code = writeCode();
    padToPage();
    uint64_t metadataOffset = position();
    finishMetadata(*weights, code);
    if (!problem.empty())
      return llvm::createStringError(problem);
    out.write(reinterpret_cast<const char *>(builder.GetBufferPointer()),
              builder.GetSize());
    writeHeader(metadataOffset, position());
    return report;
  }

private:
  template <typename T> using Offset = flatbuffers::Offset<T>;
  template <typename T> using Offsets = std::vector<Offset<T>>;

  flatbuffers::Offset<flatbuffers::String> string(StringRef text) {
    return builder.CreateString(text.data(), text.size());
  }

  /// Bytes from the start of the device binary.
  uint64_t position() const { return out.tell() - base; }

  void padToPage() {
    out.write_zeros(
        llvm::offsetToAlignment(position(), llvm::Align(pageBytes)));
  }

  //===--------------------------------------------------------------------===//
  // Blobs
  //===--------------------------------------------------------------------===//

  Expected<Offsets<format::Weight>> writeWeights() {
    padToPage();
    weightsOffset = position();
    auto planned = module->getAttrOfType<IntegerAttr>("plan.weights_bytes");
    if (!planned)
      return llvm::createStringError("the module has no plan of its weights: "
                                     "expected plan.weights_bytes");
    weightsBytes = planned.getInt();
    Offsets<format::Weight> result;
    auto start = std::chrono::steady_clock::now();
    for (auto param : module.getOps<tern::ParamOp>()) {
      Expected<Offset<format::Weight>> weight = writeWeight(param);
      if (!weight)
        return weight.takeError();
      result.push_back(*weight);
      if (out.has_error()) // told by the owner of the stream
        break;
    }
    out.write_zeros(weightsOffset + weightsBytes - position());
    report.packSeconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    return result;
  }

  /// Packs one parameter to where the plan, by which kernels were compiled, has
  /// it, and checks that it has the size that the plan knows.
  Expected<Offset<format::Weight>> writeWeight(tern::ParamOp param) {
    auto type = cast<RankedTensorType>(param.getType());
    StringRef name = param.getSymName();
    uint64_t written = position() - weightsOffset;
    uint64_t planned = plan::getBufferBytes(tern::getBufferType(type));
    auto place = param->getAttrOfType<IntegerAttr>("offset");
    if (!place || place.getInt() < int64_t(written))
      return misplaced(name, "an offset of at least " + Twine(written),
                       place ? Twine(place.getInt()) : Twine("none"));
    uint64_t offset = place.getInt();
    if (offset > weightsBytes || planned > weightsBytes - offset)
      return misplaced(name, "an end within " + Twine(weightsBytes) + " bytes",
                       Twine(offset + planned));
    out.write_zeros(offset - written);
    HashingStream stream(out);
    if (Error error = packParameter(param, stream, report))
      return std::move(error);
    if (stream.tell() != planned)
      return misplaced(name, Twine(planned) + " bytes", Twine(stream.tell()));
    return format::CreateWeight(builder, string(name), string(layoutOf(type)),
                                builder.CreateVector(shapeOf(type.getShape())),
                                offset, planned, stream.finish());
  }

  static Error misplaced(StringRef name, const Twine &expected,
                         const Twine &actual) {
    return llvm::createStringError("weight " + name +
                                   " does not fit the plan: expected " +
                                   expected + ", but got " + actual);
  }

  static std::string layoutOf(RankedTensorType type) {
    if (auto panel = dyn_cast_or_null<tern::PanelAttr>(type.getEncoding()))
      return llvm::formatv("{0}.panel{1}x{2}",
                           panel.isBase3() ? "base3" : "trit2", panel.getRows(),
                           panel.getColumns());
    return llvm::formatv("{0}", type.getElementType());
  }

  Offsets<format::Code> writeCode() {
    Offsets<format::Code> result;
    for (const CodeObject &object : codeObjects) {
      padToPage();
      uint64_t offset = position();
      out << object.bytes;
      std::vector<flatbuffers::Offset<flatbuffers::String>> features;
      for (const std::string &feature : object.features)
        features.push_back(string(feature));
      result.push_back(format::CreateCode(
          builder, string(object.target), builder.CreateVector(features),
          offset, object.bytes.size(),
          checksum(object.bytes.data(), object.bytes.size()),
          builder.CreateVector(describe(object.kernels)), object.linked));
    }
    return result;
  }

  Offsets<format::KernelCode> describe(const std::vector<KernelCode> &kernels) {
    Offsets<format::KernelCode> result;
    for (const KernelCode &kernel : kernels)
      result.push_back(format::CreateKernelCode(
          builder, kernel.workgroups, kernel.tuned, kernel.offset, kernel.size,
          builder.CreateVector(kernel.slots), kernel.written, kernel.scratch));
    return result;
  }

  void writeHeader(uint64_t metadataOffset, uint64_t fileBytes) {
    char header[headerBytes] = STERNA_DEVICE_BINARY_MAGIC;
    using namespace llvm::support::endian;
    write32le(header + 8, STERNA_DEVICE_BINARY_VERSION);
    write32le(header + 12, headerBytes);
    write64le(header + 16, metadataOffset);
    write64le(header + 24, builder.GetSize());
    write64le(header + 32,
              checksum(builder.GetBufferPointer(), builder.GetSize()));
    write64le(header + 40, fileBytes);
    out.pwrite(header, headerBytes, base);
  }

  //===--------------------------------------------------------------------===//
  // Metadata
  //===--------------------------------------------------------------------===//

  void finishMetadata(const Offsets<format::Weight> &weights,
                      const Offsets<format::Code> &code) {
    auto kernels = describeKernels();
    auto programs = describePrograms();
    auto state = describeState();
    auto model = describeModel();
    auto vocabulary = describeTokenizer();
    auto compiler = string("sterna " STERNA_VERSION);
    auto kernelVector = builder.CreateVector(kernels);
    auto programVector = builder.CreateVector(programs);
    auto stateVector = builder.CreateVector(state);
    auto weightVector = builder.CreateVector(weights);
    auto codeVector = builder.CreateVector(code);
    auto costs = builder.CreateVector(describeLayoutCosts());
    format::ModuleBuilder root(builder);
    root.add_model(model);
    root.add_tokenizer(vocabulary);
    root.add_kernels(kernelVector);
    root.add_programs(programVector);
    root.add_state(stateVector);
    root.add_weights(weightVector);
    root.add_code(codeVector);
    root.add_weights_offset(weightsOffset);
    root.add_weights_bytes(weightsBytes);
    auto stateBytes = module->getAttrOfType<IntegerAttr>("plan.state_bytes");
    root.add_state_bytes(stateBytes ? stateBytes.getInt() : 0);
    root.add_arena_bytes(arenaBytes);
    root.add_block_bytes(blockBytes);
    root.add_compiler(compiler);
    root.add_layout_costs(costs);
    format::FinishModuleBuffer(builder, root.Finish());
  }

  Offsets<format::LayoutCost> describeLayoutCosts() {
    Offsets<format::LayoutCost> result;
    auto costs = module->getAttrOfType<ArrayAttr>("plan.layout_costs");
    if (!costs)
      return result;
    for (auto cost : costs.getAsRange<DictionaryAttr>()) {
      auto number = [&](StringRef name) {
        return float(cost.getAs<FloatAttr>(name).getValueAsDouble());
      };
      result.push_back(format::CreateLayoutCost(
          builder, string(cost.getAs<StringAttr>("target")),
          string(cost.getAs<StringAttr>("layout")), number("bits"),
          number("one_token"), number("many_tokens")));
    }
    return result;
  }

  Offsets<format::Kernel> describeKernels() {
    Offsets<format::Kernel> result;
    for (auto kernel : module.getOps<plan::KernelOp>()) {
      kernelIndex[kernel.getSymName()] = result.size();
      result.push_back(
          format::CreateKernel(builder, string(kernel.getSymName()),
                               string(describeLocation(kernel.getLoc()))));
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
          builder, string(category.getName()),
          cast<IntegerAttr>(category.getValue()).getInt()));
    auto peak = builder.CreateVector(categories);
    arenaBytes = std::max<uint64_t>(arenaBytes, program.getArenaBytes());
    auto sum = [](const llvm::StringMap<uint64_t> &sizes) {
      uint64_t total = 0;
      for (const auto &entry : sizes)
        total += entry.second;
      return total;
    };
    return format::CreateProgram(builder, string(program.getSymName()), inputs,
                                 outputs, dispatches, program.getArenaBytes(),
                                 sum(state), sum(weights), peak);
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
      uint64_t end =
          offset + type.getNumElements() * type.getElementTypeBitWidth() / 8;
      blockBytes = std::max<uint64_t>(blockBytes, llvm::alignTo(end, 64));
      result.push_back(format::CreateField(
          builder, string(field.getAs<StringAttr>("name").getValue()),
          elementType(type.getElementType()),
          builder.CreateVector(shapeOf(type.getShape())), offset));
    }
    return result;
  }

  Offsets<format::StateTensor> describeState() {
    Offsets<format::StateTensor> result;
    for (auto state : module.getOps<plan::StateOp>()) {
      auto type = cast<MemRefType>(state.getType());
      result.push_back(format::CreateStateTensor(
          builder, string(state.getSymName()), state.getState().getKind(),
          elementType(type.getElementType()),
          builder.CreateVector(shapeOf(type.getShape())), state.getOffset(),
          state.getState().getLayer(), string(state.getState().getTarget())));
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
    if (type.isInteger(32))
      return format::ElementType::i32;
    if (type.isInteger(16))
      return format::ElementType::i16;
    if (type.isInteger(8))
      return format::ElementType::i8;
    problem =
        llvm::formatv("the device binary has no element type {0}", type).str();
    return format::ElementType::MIN;
  }

  /// Zeroes and empty texts where the module says nothing.
  Offset<format::Model> describeModel() {
    auto model = module->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
    auto shapes = module->getAttrOfType<tern::ShapesAttr>(tern::shapesAttr);
    auto lora = module->getAttrOfType<tern::LoraAttr>(tern::loraAttr);
    auto gradients = module->getAttrOfType<TypeAttr>(tern::gradientsAttr);
    auto name = string(model.getName());
    auto architecture = string(model.getArchitecture());
    auto activations = string(model.getInt8Activations() ? "int8" : "float");
    std::vector<flatbuffers::Offset<flatbuffers::String>> names;
    if (lora)
      for (auto target : lora.getTargets().getAsRange<StringAttr>())
        names.push_back(string(target.getValue()));
    auto targets = builder.CreateVector(names);
    auto gradientType =
        gradients ? string(gradients.getValue().isInteger(8) ? "int8" : "int16")
                  : 0;
    return format::CreateModel(
        builder, name, architecture, model.getLayers(), model.getHidden(),
        model.getFeedForward(), model.getHeads(), model.getKvHeads(),
        model.getHeadDim(), model.getVocabulary(), shapes.getMaxContext(),
        shapes.getSequenceLength(), shapes.getBatch(),
        lora ? lora.getRank() : 0, targets, activations,
        module.lookupSymbol("train_micro") != nullptr, gradientType,
        model.getContextLength());
  }

  Offset<format::Tokenizer> describeTokenizer() {
    auto tokenizer =
        module->getAttrOfType<tern::TokenizerAttr>(tern::tokenizerAttr);
    if (!tokenizer)
      return 0;
    auto bytes = contents<char>("pieces", tokenizer.getPieces());
    auto lengths = contents<int32_t>("lengths", tokenizer.getLengths());
    auto scores = contents<float>("scores", tokenizer.getScores());
    auto types = contents<int32_t>("types", tokenizer.getTypes());
    std::vector<flatbuffers::Offset<flatbuffers::String>> pieces;
    size_t start = 0;
    for (int32_t length : lengths) {
      if (length < 0 || size_t(length) > bytes.size() - start) {
        problem = "the pieces of the vocabulary end before its last token";
        return 0;
      }
      pieces.push_back(string(StringRef(bytes.data() + start, length)));
      start += length;
    }
    auto model = string(tokenizer.getModel());
    auto chatTemplate = string(tokenizer.getChatTemplate());
    return format::CreateTokenizer(
        builder, model, builder.CreateVector(pieces),
        builder.CreateVector(scores.data(), scores.size()),
        builder.CreateVector(types.data(), types.size()), tokenizer.getBos(),
        tokenizer.getEos(), tokenizer.getUnk(), tokenizer.getPad(),
        tokenizer.getAddBos(), tokenizer.getAddSpacePrefix(), chatTemplate,
        builder.CreateVector(tokenizer.getEndIds().asArrayRef().data(),
                             tokenizer.getEndIds().size()));
  }

  /// The elements of a resource of the vocabulary; none where it is not there.
  template <typename T>
  ArrayRef<T> contents(StringRef name, DenseResourceElementsAttr array) {
    size_t count = array.getType().getNumElements();
    const AsmResourceBlob *blob = array.getRawHandle().getBlob();
    if (count == 0)
      return {};
    if (!blob || blob->getData().size() != count * sizeof(T)) {
      problem = ("the resource '" + name + "' of the vocabulary is missing or " +
                 "damaged: expected " + Twine(count * sizeof(T)) + " bytes")
                    .str();
      return {};
    }
    return blob->getDataAs<T>();
  }

  ModuleOp module;
  const std::vector<CodeObject> &codeObjects;
  llvm::raw_fd_ostream &out;
  uint64_t base; // where the device binary starts in it
  flatbuffers::FlatBufferBuilder builder;
  llvm::StringMap<uint32_t> kernelIndex;
  LinkReport report;
  uint64_t weightsOffset = 0, weightsBytes = 0, arenaBytes = 0, blockBytes = 0;
  /// What the format cannot say of the module, if anything.
  std::string problem;
};

} // namespace

Expected<LinkReport>
sterna::writeDeviceBinary(ModuleOp module, const std::vector<CodeObject> &code,
                          llvm::raw_fd_ostream &out) {
  return DeviceBinaryWriter(module, code, out).run();
}

Expected<LinkReport>
sterna::writeDeviceBinary(ModuleOp module, const std::vector<CodeObject> &code,
                          StringRef path) {
  return writeWhole(path, /*executable=*/false, [&](llvm::raw_fd_ostream &out) {
    return writeDeviceBinary(module, code, out);
  });
}

Expected<LinkReport> sterna::writeWhole(
    StringRef path, bool executable,
    llvm::function_ref<Expected<LinkReport>(llvm::raw_fd_ostream &)> write) {
  auto file = OutputFile::create(path, executable);
  if (!file)
    return file.takeError();
  auto report = write((*file)->os());
  if (!report)
    return report.takeError();
  if (Error error = (*file)->commit())
    return std::move(error);
  return report;
}
