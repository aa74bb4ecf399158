//===- DescribeModel.cpp - Metadata of a model ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model and its vocabulary, from the attributes of the module.
//
//===----------------------------------------------------------------------===//

#include "MetadataBuilder.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

using namespace mlir;
using namespace sterna;

Offset<format::Model> sterna::describeModel(MetadataBuilder &builder,
                                            ModuleOp module, bool trainable) {
  auto model = module->getAttrOfType<tern::ModelAttr>(tern::modelAttr);
  auto shapes = module->getAttrOfType<tern::ShapesAttr>(tern::shapesAttr);
  auto lora = module->getAttrOfType<tern::LoraAttr>(tern::loraAttr);
  auto gradients = module->getAttrOfType<TypeAttr>(tern::gradientsAttr);
  auto name = builder.string(model.getName());
  auto architecture = builder.string(model.getArchitecture());
  auto activations =
      builder.string(model.getInt8Activations() ? "int8" : "float");
  std::vector<flatbuffers::Offset<flatbuffers::String>> names;
  if (lora)
    for (auto target : lora.getTargets().getAsRange<StringAttr>())
      names.push_back(builder.string(target.getValue()));
  auto targets = builder.CreateVector(names);
  auto gradientType =
      gradients
          ? builder.string(gradients.getValue().isInteger(8) ? "int8" : "int16")
          : 0;
  std::optional<format::AdamW> adamw;
  auto optimizer =
      module->getAttrOfType<tern::OptimizerAttr>(tern::optimizerAttr);
  if (optimizer)
    adamw.emplace(optimizer.getBeta1().getValueAsDouble(),
                  optimizer.getBeta2().getValueAsDouble());
  if (trainable && !adamw)
    builder.problem = "the module has training programs, but does not say "
                      "their optimizer: expected tern.optimizer";
  return format::CreateModel(
      builder, name, architecture, model.getLayers(), model.getHidden(),
      model.getFeedForward(), model.getHeads(), model.getKvHeads(),
      model.getHeadDim(), model.getVocabulary(), shapes.getMaxContext(),
      shapes.getSequenceLength(), shapes.getBatch(), lora ? lora.getRank() : 0,
      targets, activations, trainable, gradientType, model.getContextLength(),
      adamw ? &*adamw : nullptr,
      optimizer ? optimizer.getKind() : format::OptimizerKind::adamw,
      optimizer ? optimizer.getClipping() : format::GradientClipping::exact);
}

/// The elements of a resource of the vocabulary; none where it is not there.
template <typename T>
static ArrayRef<T> contents(MetadataBuilder &builder, StringRef name,
                            DenseResourceElementsAttr array) {
  size_t count = array.getType().getNumElements();
  const AsmResourceBlob *blob = array.getRawHandle().getBlob();
  if (count == 0)
    return {};
  if (!blob || blob->getData().size() != count * sizeof(T)) {
    builder.problem =
        ("the resource '" + name + "' of the vocabulary is missing or " +
         "damaged: expected " + Twine(count * sizeof(T)) + " bytes")
            .str();
    return {};
  }
  return blob->getDataAs<T>();
}

Offset<format::Tokenizer> sterna::describeTokenizer(MetadataBuilder &builder,
                                                    ModuleOp module) {
  auto tokenizer =
      module->getAttrOfType<tern::TokenizerAttr>(tern::tokenizerAttr);
  if (!tokenizer)
    return 0;
  auto bytes = contents<char>(builder, "pieces", tokenizer.getPieces());
  auto lengths = contents<int32_t>(builder, "lengths", tokenizer.getLengths());
  auto scores = contents<float>(builder, "scores", tokenizer.getScores());
  auto types = contents<int32_t>(builder, "types", tokenizer.getTypes());
  std::vector<flatbuffers::Offset<flatbuffers::String>> pieces;
  size_t start = 0;
  for (int32_t length : lengths) {
    if (length < 0 || size_t(length) > bytes.size() - start) {
      builder.problem =
          "the pieces of the vocabulary end before its last token";
      return 0;
    }
    pieces.push_back(builder.string(StringRef(bytes.data() + start, length)));
    start += length;
  }
  Offset<flatbuffers::Vector<uint8_t>> bytePairs = 0;
  if (tokenizer.getBytePairs()) {
    auto nested =
        contents<char>(builder, "bytePairs", tokenizer.getBytePairs());
    // Its numbers are aligned as in a buffer of their own.
    builder.ForceVectorAlignment(nested.size(), 1, 8);
    bytePairs = builder.CreateVector(
        reinterpret_cast<const uint8_t *>(nested.data()), nested.size());
  }
  auto model = builder.string(tokenizer.getModel());
  auto chatTemplate = builder.string(tokenizer.getChatTemplate());
  return format::CreateTokenizer(
      builder, model, builder.CreateVector(pieces),
      builder.CreateVector(scores.data(), scores.size()),
      builder.CreateVector(types.data(), types.size()),
      int32_t(tokenizer.getBos()), int32_t(tokenizer.getEos()),
      int32_t(tokenizer.getUnk()), int32_t(tokenizer.getPad()),
      tokenizer.getAddBos(), tokenizer.getAddSpacePrefix(), chatTemplate,
      builder.CreateVector(tokenizer.getEndIds().asArrayRef().data(),
                           tokenizer.getEndIds().size()),
      bytePairs);
}
