//===- Importer.h - Formats that models come in -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An importer reads one format of published models. The driver knows importers
// by this interface alone: a new format is a class, in a folder of its own, and
// a line of lib/Import/AllImporters.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_IMPORT_IMPORTER_H
#define STERNA_IMPORT_IMPORTER_H

#include "sterna/Import/Model.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <variant>

namespace sterna {

/// How a checkpoint's `weight_scale` is applied to trits; `Model` asks its
/// configuration.
enum class WeightScale { Model, Multiply, Divide };

/// Which machine's build of its program wrote tensors of I2_S: the layouts
/// differ, and files do not tell.
enum class I2SLayout { X86, Arm };

struct ImportOptions {
  ActivationType activations = ActivationType::Model;
  /// Make latent float matrices ternary by absmean instead of refusing them.
  bool quantizeAbsmean = false;
  WeightScale weightScale = WeightScale::Model;
  /// None: x86's. An importer refuses it for a model without such tensors.
  std::optional<I2SLayout> i2sLayout;
  /// Of graphs: extents of dynamic dimensions, and files of NumPy's format with
  /// inputs that are known when compiling, both by name.
  llvm::StringMap<int64_t> dimensions;
  llvm::StringMap<std::string> constants;
  /// Of a graph that is trained: its output that is the loss, and the regular
  /// expression of the whole names of initializers that are parameters, however
  /// small.
  std::string loss, trainable;
  /// Of a graph that is to become a language model: its tokenizer's folder or
  /// file. Empty: it stays a graph.
  std::string tokenizer;
  /// The tokens that its programs will see at most.
  int64_t tokens = 0;

  bool isLanguageModel() const { return !tokenizer.empty(); }
};

/// A language model, of which buildModel makes programs, or the module of a
/// graph, whose program is @main.
using ImportedModel =
    std::variant<ModelDescription, mlir::OwningOpRef<mlir::ModuleOp>>;

/// Importers have no state; one object of each is registered.
class Importer {
public:
  virtual ~Importer() = default;

  /// What it reads, for messages: "a GGUF file".
  virtual llvm::StringRef getDescription() const = 0;

  /// Whether models are graphs, which become language models by a tokenizer.
  virtual bool readsGraphs() const { return false; }

  /// Whether the file or folder at `path`, which exists, is of this format, by
  /// what it holds; damage is for read() to find.
  virtual bool accepts(llvm::StringRef path) const = 0;

  /// Reads the model at `path`. Weights are scanned, a few rows at a time, and
  /// stay in their files. Fails with the key or tensor that is missing, of an
  /// unexpected shape, or not ternary, or with the nodes that are not known.
  virtual llvm::Expected<ImportedModel>
  read(llvm::StringRef path, mlir::MLIRContext *context,
       const ImportOptions &options) const = 0;
};

/// Makes `importer` known to importModel, which asks in order of registration.
void registerImporter(std::unique_ptr<Importer> importer);

/// Registers Sterna's own importers, once however often it is called.
void registerAllImporters();

/// Reads the model at `path` by the first importer that accepts it. Fails where
/// none does, with a list of what they read.
llvm::Expected<ImportedModel> importModel(llvm::StringRef path,
                                          mlir::MLIRContext *context,
                                          const ImportOptions &options);

} // namespace sterna

#endif // STERNA_IMPORT_IMPORTER_H
