//===- ExportGGUF.cpp - Models as GGUF files ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns a model's description into the keys and tensors by which importers of
// GGUF, Sterna's own and others, get the same model back. What the format
// cannot say is an error, never left out.
//
//===----------------------------------------------------------------------===//

#include "sterna/Export/GGUF/ExportGGUF.h"

#include "../TernaryMatrix.h"
#include "GGUFWriter.h"
#include "RopeKeys.h"
#include "TokenizerKeys.h"

#include "sterna/Import/GGUF/Architectures.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Weights/PackFloats.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sterna;
using llvm::createStringError;
using llvm::Error;

namespace {

class GGUFExporter {
public:
  GGUFExporter(const ModelDescription &model, StorageType linears)
      : model(model), linears(linears) {}

  /// Says all of the model to `writer`, which reads tensors later.
  Error run() {
    if (Error error = chooseArchitecture())
      return error;
    if (Error error = checkModel())
      return error;
    addShape();
    if (Error error = addRopeKeys(writer, model, architecture))
      return error;
    if (Error error = addTokenizerKeys(writer, model))
      return error;
    return addTensors();
  }

  Error write(llvm::raw_ostream &out) const { return writer.write(out); }

private:
  //===--------------------------------------------------------------------===//
  // What the architecture says
  //===--------------------------------------------------------------------===//

  /// Names of BitNet differ by the activation function; other names leave no
  /// choice.
  Error chooseArchitecture() {
    const GGUFArchitecture *named = findGGUFArchitecture(model.architecture);
    assert(named && "importers give architectures of GGUF");
    if (named->activation != model.activation && named->subNorms)
      named = llvm::find_if(getGGUFArchitectures(), [&](const auto &known) {
        return known.subNorms && known.activation == model.activation;
      });
    architecture = *named;
    if (architecture.activation != model.activation)
      return createStringError(
          "GGUF's architecture '" + architecture.name +
          "' has another activation function than the model; write a folder "
          "of safetensors instead");
    return Error::success();
  }

  Error checkModel() {
    if (architecture.int8Activations &&
        *architecture.int8Activations != model.int8Activations)
      return createStringError(
          llvm::Twine("GGUF's architecture '") + architecture.name +
          "' says that linears " +
          (*architecture.int8Activations ? "quantize their input"
                                         : "take floats") +
          ", but the model's do not; write a folder of safetensors instead");
    if (model.find("blk.0.attn_q.norm.weight"))
      return createStringError(
          "blk.0.attn_q: GGUF has no norms within linears; write a folder of "
          "safetensors instead");
    for (auto [layer, window] : llvm::enumerate(model.windows))
      if (window)
        return createStringError(
            "layer " + llvm::Twine(layer) + " sees a window of " +
            llvm::Twine(window) + " columns, which GGUF's architecture '" +
            architecture.name +
            "' cannot say; write a folder of safetensors instead");
    return Error::success();
  }

  std::string spell(const char *suffix) const {
    return (architecture.name + "." + suffix).str();
  }

  void addShape() {
    writer.addString("general.architecture", architecture.name);
    writer.addString("general.name", model.name);
    const std::pair<const char *, int64_t> sizes[] = {
        {"block_count", model.layers},
        {"context_length", model.contextLength},
        {"embedding_length", model.hidden},
        {"feed_forward_length", model.feedForward},
        {"attention.head_count", model.heads},
        {"attention.head_count_kv", model.kvHeads},
        {"attention.key_length", model.headDim},
        {"attention.value_length", model.headDim},
        {"vocab_size", model.vocabulary}};
    for (auto [name, size] : sizes)
      writer.addU32(spell(name), uint32_t(size));
    writer.addF32(spell("attention.layer_norm_rms_epsilon"),
                  float(model.epsilon));
    if (!architecture.scales)
      return;
    writer.addF32(spell("embedding_scale"), float(model.embeddingScale));
    writer.addF32(spell("residual_scale"), float(model.residualScale));
    writer.addF32(spell("logit_scale"), float(1 / model.logitScale));
  }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  /// In order of name, but for what all layers need.
  Error addTensors() {
    SmallVector<StringRef> names(model.parameters.keys());
    llvm::sort(names);
    for (StringRef name : names) {
      const Parameter &parameter = *model.find(name);
      if (parameter.scale) {
        if (Error error = addLinear(name, parameter))
          return error;
      } else {
        addFloats(name, parameter);
      }
    }
    return Error::success();
  }

  /// Tables of quantized floats keep their blocks; all other floats keep their
  /// type, but norms, of which llama.cpp takes F32 alone.
  void addFloats(StringRef name, const Parameter &parameter) {
    auto source = cast<tern::FileSourceAttr>(parameter.source);
    ArrayRef<int64_t> shape = parameter.type.getShape();
    const StorageFormat &format = getStorageFormat(source.getStorage());
    if (shape.size() == 2 && format.isFloat && !source.getScales()) {
      writer.addTensor(
          name, shape, format.type, [source, shape](llvm::raw_ostream &out) {
            auto weight = openWeight(source, shape[0], shape[1]);
            return weight ? weight->copyStored(out) : weight.takeError();
          });
      return;
    }
    Type element = parameter.type.getElementType();
    StorageType storage = element.isF16()    ? StorageType::F16
                          : element.isBF16() ? StorageType::BF16
                                             : StorageType::F32;
    writer.addTensor(name, shape, storage,
                     [source, &parameter](llvm::raw_ostream &out) {
                       return packFloats(source, parameter.type, out);
                     });
  }

  Error addLinear(StringRef name, const Parameter &parameter) {
    StringRef stem = name.drop_back(strlen(".weight"));
    int64_t heads = !architecture.interleavedRope ? 0
                    : stem.ends_with("attn_q")    ? model.heads
                    : stem.ends_with("attn_k")    ? model.kvHeads
                                                  : 0;
    auto matrix = TernaryMatrix::open(parameter, heads);
    if (!matrix)
      return matrix.takeError();
    const StorageFormat &format = getStorageFormat(linears);
    std::optional<float> beside;
    if (matrix->getScale() && !format.holdsScale(*matrix->getScale()))
      beside = matrix->takeScale();
    std::string misfit = explainMisfit(format, *matrix);
    if (!misfit.empty())
      return createStringError(name + ": " + misfit +
                               "; give another --type, such as f32");
    // Opened anew when its turn comes: files are open one at a time.
    writer.addTensor(name, parameter.type.getShape(), linears,
                     [=, &parameter, &format](llvm::raw_ostream &out) {
                       auto matrix = TernaryMatrix::open(parameter, heads);
                       if (!matrix)
                         return matrix.takeError();
                       if (beside)
                         matrix->takeScale();
                       return writeTernary(format, *matrix, out);
                     });
    if (beside)
      writer.addTensor((stem + ".scale").str(), {1}, StorageType::F32,
                       [scale = *beside](llvm::raw_ostream &out) {
                         writeElements(out, ArrayRef(scale));
                         return Error::success();
                       });
    return Error::success();
  }

  const ModelDescription &model;
  StorageType linears;
  GGUFArchitecture architecture;
  GGUFWriter writer;
};

} // namespace

Error sterna::exportGGUF(const ModelDescription &model, StringRef path,
                         StorageType linears) {
  GGUFExporter exporter(model, linears);
  if (Error error = exporter.run())
    return error;
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = exporter.write((*file)->os()))
    return error;
  return (*file)->commit();
}
