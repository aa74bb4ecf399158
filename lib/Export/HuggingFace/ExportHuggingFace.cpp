//===- ExportHuggingFace.cpp - Models as folders of transformers ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes model.safetensors, the files of the tokenizer and, last, config.json,
// by which importers of folders, Sterna's own and transformers, get the same
// model back.
//
//===----------------------------------------------------------------------===//

#include "sterna/Export/HuggingFace/ExportHuggingFace.h"

#include "../TernaryMatrix.h"
#include "SafetensorsWriter.h"
#include "TokenizerFiles.h"
#include "WriteConfig.h"

#include "io/File.h"
#include "sterna/Import/HuggingFace/TensorNames.h"
#include "sterna/Support/OutputFile.h"
#include "sterna/Weights/PackFloats.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using llvm::Error;
using llvm::StringRef;
using sterna::StorageType;

namespace {

constexpr llvm::StringLiteral tensorsName = "model.safetensors";

class FolderExporter {
public:
  FolderExporter(const sterna::ModelDescription &model, StringRef source,
                 StringRef path, StorageType linears)
      : model(model), source(source), path(path), linears(linears),
        format(sterna::getStorageFormat(linears)) {}

  Error run() {
    auto config = sterna::makeConfig(model, linears);
    if (!config)
      return config.takeError();
    if (Error error = addTensors())
      return error;
    // What transformers casts all to.
    (*config)["torch_dtype"] = hasSingles ? "float32" : "bfloat16";
    auto files = sterna::makeTokenizerFiles(model, source);
    if (!files)
      return files.takeError();
    if (Error error = checkFolder(*files))
      return error;
    auto folder = sterna::OutputFolder::create(path.str());
    if (!folder.ok())
      return llvm::createStringError(folder.message());
    if (Error error = writeTensors())
      return error;
    files->push_back({"config.json", config->dump(2) + "\n"});
    for (const sterna::FolderFile &file : *files)
      if (sterna::Status status =
              sterna::writeFileAtomically(at(file.name), file.text);
          !status.ok())
        return llvm::createStringError(status.message());
    folder->keep();
    return Error::success();
  }

private:
  std::string at(StringRef name) const {
    SmallString<128> file(path);
    llvm::sys::path::append(file, name);
    return file.str().str();
  }

  /// Files that stay would be read as part of the model.
  Error checkFolder(llvm::ArrayRef<sterna::FolderFile> files) const {
    if (llvm::sys::fs::equivalent(source, path))
      return llvm::createStringError(path +
                                     ": expected another folder than the "
                                     "model's own");
    for (const char *name : {"config.json", tensorsName.data()})
      if (Error error = refuseLink(name))
        return error;
    for (StringRef name : sterna::getTokenizerFileNames()) {
      if (Error error = refuseLink(name))
        return error;
      bool isWritten = llvm::any_of(
          files, [&](const auto &file) { return file.name == name; });
      if (!isWritten && llvm::sys::fs::exists(at(name)))
        return llvm::createStringError(
            at(name) + ": expected no such file, for the model has none; "
                       "remove it, or name another folder");
    }
    return Error::success();
  }

  /// Writing to a link writes to where it leads, such as the files of the model
  /// that is read.
  Error refuseLink(StringRef name) const {
    if (!llvm::sys::fs::is_symlink_file(at(name)))
      return Error::success();
    return llvm::createStringError(
        at(name) + ": expected a file or none, but it is a link; remove it, or "
                   "name another folder");
  }

  /// From here to the end, the folder is no model: weights of one with the
  /// configuration of another could be read.
  Error writeTensors() const {
    auto file = sterna::OutputFile::create(at(tensorsName));
    if (!file)
      return file.takeError();
    if (Error error = tensors.write((*file)->os()))
      return error;
    if (std::error_code code = llvm::sys::fs::remove(at("config.json")))
      return llvm::createStringError(at("config.json") + ": " + code.message());
    return (*file)->commit();
  }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  Error addTensors() {
    SmallVector<StringRef> names(model.parameters.keys());
    llvm::sort(names);
    for (StringRef name : names) {
      const sterna::Parameter &parameter = *model.find(name);
      if (!parameter.scale)
        addFloats(name, parameter);
      else if (Error error = addLinear(name, parameter))
        return error;
    }
    return Error::success();
  }

  /// Keeps the type that a norm is stored in, which its parameter has widened,
  /// and widens what has no type of safetensors.
  void addFloats(StringRef name, const sterna::Parameter &parameter) {
    auto file = cast<sterna::tern::FileSourceAttr>(parameter.source);
    RankedTensorType type = parameter.type;
    MLIRContext *context = type.getContext();
    if (file.getStorage() == StorageType::F16)
      type = type.clone(Float16Type::get(context));
    else if (file.getStorage() == StorageType::BF16)
      type = type.clone(BFloat16Type::get(context));
    Type element = type.getElementType();
    hasSingles |= element.isF32();
    tensors.addTensor(sterna::spellTensorName(name),
                      element.isF16()    ? "F16"
                      : element.isBF16() ? "BF16"
                                         : "F32",
                      element.getIntOrFloatBitWidth() / 8, type.getShape(),
                      [file, type](llvm::raw_ostream &out) {
                        return sterna::packFloats(file, type, out);
                      });
  }

  Error addLinear(StringRef name, const sterna::Parameter &parameter) {
    auto matrix = sterna::TernaryMatrix::open(parameter, 0);
    if (!matrix)
      return matrix.takeError();
    bool isPacked = !format.hasScales;
    std::optional<float> beside;
    if (isPacked && matrix->getScale())
      beside = matrix->takeScale();
    std::string misfit = sterna::explainMisfit(format, *matrix);
    if (!misfit.empty())
      return llvm::createStringError(sterna::spellTensorName(name) + ": " +
                                     misfit +
                                     "; give another --type, such as f32");
    hasSingles |= linears == StorageType::F32;
    SmallVector<int64_t> shape(parameter.type.getShape());
    if (isPacked)
      shape[0] /= 4;
    tensors.addTensor(sterna::spellTensorName(name),
                      isPacked ? "U8" : format.name,
                      isPacked ? 1 : format.blockBytes, shape,
                      [&parameter, this](llvm::raw_ostream &out) {
                        return writeLinear(parameter, out);
                      });
    if (beside)
      addScale(name, *beside);
    return Error::success();
  }

  /// Opened anew when its turn comes: files are open one at a time.
  Error writeLinear(const sterna::Parameter &parameter,
                    llvm::raw_ostream &out) const {
    auto matrix = sterna::TernaryMatrix::open(parameter, 0);
    if (!matrix)
      return matrix.takeError();
    return sterna::writeTernary(format, *matrix, out);
  }

  /// As bf16 where that holds it, as published models have it.
  void addScale(StringRef weight, float scale) {
    StringRef stem = weight.drop_back(strlen("weight"));
    bool isShort =
        sterna::getStorageFormat(StorageType::BF16).holdsScale(scale);
    hasSingles |= !isShort;
    tensors.addTensor(sterna::spellTensorName((stem + "scale").str()),
                      isShort ? "BF16" : "F32", isShort ? 2 : 4, {1},
                      [=](llvm::raw_ostream &out) {
                        // The bits that bf16 has are the upper ones.
                        const char *bytes =
                            reinterpret_cast<const char *>(&scale);
                        out.write(bytes + (isShort ? 2 : 0), isShort ? 2 : 4);
                        return Error::success();
                      });
  }

  const sterna::ModelDescription &model;
  StringRef source, path;
  StorageType linears;
  const sterna::StorageFormat &format;
  sterna::SafetensorsWriter tensors;
  bool hasSingles = false; // whether a tensor is f32
};

} // namespace

Error sterna::exportHuggingFace(const ModelDescription &model, StringRef source,
                                StringRef path, StorageType linears) {
  return FolderExporter(model, source, path, linears).run();
}
