//===- WriteDeviceBinary.cpp - Writing of .stn files ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Header, weights and code first, as they stream, then the metadata that knows
// their places.
//
//===----------------------------------------------------------------------===//

#include "MetadataBuilder.h"

#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/device_binary.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

// As the runtime does: LLVM's own XXH3 cannot be fed in parts.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <chrono>
#include <map>
#include <tuple>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

constexpr uint64_t headerBytes = STERNA_DEVICE_BINARY_HEADER_SIZE;
constexpr uint64_t pageBytes = 4096;
constexpr uint64_t weightAlignment = 64;

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

class DeviceBinaryWriter {
public:
  DeviceBinaryWriter(ModuleOp module, ArrayRef<PlanCode> plans,
                     llvm::raw_fd_ostream &out)
      : module(module), plans(plans), out(out), base(out.tell()) {}

  Expected<LinkReport> run() {
    if (!module->hasAttr(tern::modelAttr) || !module->hasAttr(tern::shapesAttr))
      return llvm::createStringError("the module does not describe its model: "
                                     "expected tern.model and tern.shapes");
    out.write_zeros(headerBytes);
    std::vector<PlanBlobs> blobs(plans.size());
    auto start = std::chrono::steady_clock::now();
    for (auto [plan, written] : llvm::zip_equal(plans, blobs))
      if (Error error = writeWeights(plan.module, written))
        return std::move(error);
    report.packSeconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    for (auto [plan, written] : llvm::zip_equal(plans, blobs))
      written.code = writeCode(plan.code);
    padToPage();
    uint64_t metadataOffset = position();
    finishMetadata(blobs);
    if (!builder.problem.empty())
      return llvm::createStringError(builder.problem);
    out.write(reinterpret_cast<const char *>(builder.GetBufferPointer()),
              builder.GetSize());
    writeHeader(metadataOffset, position());
    return report;
  }

private:
  /// Bytes from the start of the device binary.
  uint64_t position() const { return out.tell() - base; }

  void padToPage() {
    out.write_zeros(
        llvm::offsetToAlignment(position(), llvm::Align(pageBytes)));
  }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  /// A parameter in its layout that is in the file already.
  struct Stored {
    uint64_t fileOffset = 0, checksum = 0;
  };
  using Key = std::tuple<std::string, const void *, const void *>;

  static Key keyOf(tern::ParamOp param) {
    return {param.getSymName().str(), param.getType().getAsOpaquePointer(),
            param.getSource().getAsOpaquePointer()};
  }

  /// Writes the parameters of `plan` that no plan before it has in the same
  /// layout. If there is none of those, they make up the weights space as the
  /// plan, by which kernels were compiled, has it.
  Error writeWeights(ModuleOp plan, PlanBlobs &blobs) {
    auto planned = plan->getAttrOfType<IntegerAttr>("plan.weights_bytes");
    if (!planned)
      return llvm::createStringError("the module has no plan of its weights: "
                                     "expected plan.weights_bytes");
    uint64_t spaceBytes = planned.getInt();
    bool isWhole =
        llvm::none_of(plan.getOps<tern::ParamOp>(), [&](tern::ParamOp param) {
          return stored.count(keyOf(param));
        });
    padToPage();
    uint64_t start = position(), end = 0;
    for (auto param : plan.getOps<tern::ParamOp>()) {
      Expected<uint64_t> offset = placeOf(param, end, spaceBytes);
      if (!offset)
        return offset.takeError();
      uint64_t bytes = bytesOf(param);
      end = *offset + bytes;
      if (isWhole)
        out.write_zeros(start + *offset - position());
      else
        out.write_zeros(
            llvm::offsetToAlignment(position(), llvm::Align(weightAlignment)));
      Expected<Stored> weight = store(param, bytes);
      if (!weight)
        return weight.takeError();
      blobs.weights.push_back(describeWeight(param, *offset, bytes, *weight));
      if (out.has_error()) // told by the owner of the stream
        break;
    }
    if (!isWhole)
      return Error::success();
    out.write_zeros(start + spaceBytes - position());
    blobs.weightsOffset = start;
    return Error::success();
  }

  static uint64_t bytesOf(tern::ParamOp param) {
    auto type = cast<RankedTensorType>(param.getType());
    return plan::getBufferBytes(tern::getBufferType(type));
  }

  /// Where the plan has `param`: at `end` or behind, within `spaceBytes`.
  static Expected<uint64_t> placeOf(tern::ParamOp param, uint64_t end,
                                    uint64_t spaceBytes) {
    StringRef name = param.getSymName();
    auto place = param->getAttrOfType<IntegerAttr>("offset");
    if (!place || place.getInt() < int64_t(end))
      return misplaced(name, "an offset of at least " + Twine(end),
                       place ? Twine(place.getInt()) : Twine("none"));
    uint64_t offset = place.getInt(), bytes = bytesOf(param);
    if (offset > spaceBytes || bytes > spaceBytes - offset)
      return misplaced(name, "an end within " + Twine(spaceBytes) + " bytes",
                       Twine(offset + bytes));
    return offset;
  }

  /// Packs a parameter to the end of the file unless it is there already, and
  /// checks that it has the size that the plan knows.
  Expected<Stored> store(tern::ParamOp param, uint64_t bytes) {
    auto [entry, isNew] = stored.try_emplace(keyOf(param));
    if (!isNew)
      return entry->second;
    entry->second.fileOffset = position();
    HashingStream stream(out);
    if (Error error = packParameter(param, stream, report))
      return std::move(error);
    if (stream.tell() != bytes)
      return misplaced(param.getSymName(), Twine(bytes) + " bytes",
                       Twine(stream.tell()));
    entry->second.checksum = stream.finish();
    return entry->second;
  }

  static Error misplaced(StringRef name, const Twine &expected,
                         const Twine &actual) {
    return llvm::createStringError("weight " + name +
                                   " does not fit the plan: expected " +
                                   expected + ", but got " + actual);
  }

  Offset<format::Weight> describeWeight(tern::ParamOp param, uint64_t offset,
                                        uint64_t bytes, const Stored &weight) {
    auto type = cast<RankedTensorType>(param.getType());
    return format::CreateWeight(builder, builder.string(param.getSymName()),
                                builder.string(layoutOf(param)),
                                builder.shape(type.getShape()), offset, bytes,
                                weight.checksum, weight.fileOffset);
  }

  static std::string layoutOf(tern::ParamOp param) {
    RankedTensorType type = param.getType();
    auto blocks = dyn_cast<tern::BlocksAttr>(param.getSource());
    if (blocks && blocks.getPart() == tern::BlockPart::Codes)
      return llvm::formatv("q{0}", blocks.getBits());
    if (auto panel = dyn_cast_or_null<tern::PanelAttr>(type.getEncoding()))
      return llvm::formatv("{0}.panel{1}x{2}",
                           panel.isBase3() ? "base3" : "trit2", panel.getRows(),
                           panel.getColumns());
    return llvm::formatv("{0}", type.getElementType());
  }

  //===--------------------------------------------------------------------===//
  // Code
  //===--------------------------------------------------------------------===//

  Offsets<format::Code> writeCode(const std::vector<CodeObject> &objects) {
    Offsets<format::Code> result;
    for (const CodeObject &object : objects) {
      padToPage();
      uint64_t offset = position();
      out << object.bytes;
      Offsets<flatbuffers::String> features;
      for (const std::string &feature : object.features)
        features.push_back(builder.string(feature));
      result.push_back(format::CreateCode(
          builder, builder.string(object.target),
          builder.CreateVector(features), offset, object.bytes.size(),
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

  //===--------------------------------------------------------------------===//
  // Header and metadata
  //===--------------------------------------------------------------------===//

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

  void finishMetadata(ArrayRef<PlanBlobs> blobs) {
    Offsets<format::Plan> described;
    bool trainable = false;
    for (auto [plan, written] : llvm::zip_equal(plans, blobs)) {
      described.push_back(
          describePlan(builder, plan.module, plan.target, written));
      ModuleOp planned = plan.module;
      for (StringRef program : {"train_micro", "train_step"})
        trainable |= planned.lookupSymbol(program) != nullptr;
    }
    auto model = describeModel(builder, module, trainable);
    auto tokenizer = describeTokenizer(builder, module);
    auto planVector = builder.CreateVector(described);
    auto compiler = builder.string("sterna " STERNA_VERSION);
    auto costs = builder.CreateVector(describeLayoutCosts());
    format::FinishModuleBuffer(
        builder, format::CreateModule(builder, model, tokenizer, planVector,
                                      compiler, costs));
  }

  Offsets<format::LayoutCost> describeLayoutCosts() {
    Offsets<format::LayoutCost> result;
    for (const PlanCode &plan : plans)
      for (const CodeObject &object : plan.code)
        for (const LayoutCostEstimate &cost : object.layoutCosts)
          result.push_back(
              format::CreateLayoutCost(builder, builder.string(object.target),
                                       builder.string(cost.layout), cost.bits,
                                       cost.oneToken, cost.manyTokens));
    return result;
  }

  ModuleOp module;
  ArrayRef<PlanCode> plans;
  llvm::raw_fd_ostream &out;
  uint64_t base; // where the device binary starts in it
  MetadataBuilder builder;
  std::map<Key, Stored> stored;
  LinkReport report;
};

} // namespace

Expected<LinkReport> sterna::writeDeviceBinary(ModuleOp module,
                                               ArrayRef<PlanCode> plans,
                                               llvm::raw_fd_ostream &out) {
  return DeviceBinaryWriter(module, plans, out).run();
}

Expected<LinkReport> sterna::writeDeviceBinary(ModuleOp module,
                                               ArrayRef<PlanCode> plans,
                                               StringRef path) {
  return writeWhole(path, /*executable=*/false, [&](llvm::raw_fd_ostream &out) {
    return writeDeviceBinary(module, plans, out);
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
