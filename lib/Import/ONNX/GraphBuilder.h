//===- GraphBuilder.h - From a graph to a function --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the program function of a graph: its nodes in order, functions of the
// model expanded, conditions and loops run while importing.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_GRAPHBUILDER_H
#define STERNA_LIB_IMPORT_ONNX_GRAPHBUILDER_H

#include "NodeBuilder.h"
#include "OnnxFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "sterna/Import/Importer.h"
#include "llvm/Support/Regex.h"

namespace sterna {

class GraphBuilder {
public:
  GraphBuilder(mlir::MLIRContext *context, const OnnxFile &file,
               const ImportOptions &options)
      : context(context), file(file), options(options), b(context),
        loc(mlir::UnknownLoc::get(context)) {}

  /// The module with the function @main. Emits an error at the context and
  /// returns null where something is not understood.
  mlir::OwningOpRef<mlir::ModuleOp> build();

private:
  /// Names of values, inner graphs behind the outer ones that they see.
  using Scope = llvm::StringMap<GraphValue>;

  mlir::LogicalResult fail(const llvm::Twine &message);

  mlir::LogicalResult findVersions();
  mlir::LogicalResult checkNodes();
  mlir::LogicalResult addInputs();
  mlir::LogicalResult finish();
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  shapeOf(const onnx::ValueInfoProto &input);
  mlir::FailureOr<GraphValue> readConstant(llvm::StringRef name,
                                           llvm::StringRef path, DataType type);

  /// The tensor as a constant, or as a parameter in its file if it is large.
  mlir::FailureOr<GraphValue> readTensor(const onnx::TensorProto &tensor,
                                         llvm::StringRef name);
  mlir::LogicalResult compileTrainable();
  bool isTrainable(const onnx::TensorProto &tensor);
  /// The tensor as a parameter that is marked as trained.
  mlir::FailureOr<GraphValue> addTrainable(const onnx::TensorProto &tensor);
  mlir::LogicalResult checkTrainable();
  /// Where the elements of `tensor` are.
  mlir::Attribute makeSource(const onnx::TensorProto &tensor,
                             const ByteRange &range);
  mlir::FailureOr<GraphValue> addParameter(const onnx::TensorProto &tensor,
                                           const ByteRange &range,
                                           llvm::StringRef name);

  mlir::LogicalResult addInitializers(const onnx::GraphProto &graph);
  template <typename Nodes> mlir::LogicalResult buildNodes(const Nodes &nodes);
  /// Adds to the nodes that are built; fails where they are too many.
  mlir::LogicalResult countNodes(unsigned count);
  mlir::LogicalResult buildNode(const onnx::NodeProto &node);
  mlir::LogicalResult callFunction(const onnx::FunctionProto &function,
                                   const onnx::NodeProto &node);
  mlir::FailureOr<std::vector<GraphValue>>
  buildInner(const onnx::GraphProto &graph, llvm::ArrayRef<GraphValue> inputs);
  mlir::FailureOr<std::vector<GraphValue>>
  getInputs(const onnx::NodeProto &node);
  mlir::LogicalResult setOutputs(const onnx::NodeProto &node,
                                 llvm::ArrayRef<GraphValue> outputs);
  /// Names a value; fails where the innermost scope has one of that name.
  mlir::LogicalResult define(llvm::StringRef name, GraphValue value);
  mlir::LogicalResult checkConstant(const onnx::ValueInfoProto &input,
                                    GraphValue value);
  mlir::LogicalResult checkOptions();
  GraphValue foldConstant(GraphValue value);
  GraphValue lookUp(llvm::StringRef name);
  const onnx::FunctionProto *findFunction(const onnx::NodeProto &node);
  mlir::Location locate(const onnx::NodeProto &node);
  int64_t getVersion(llvm::StringRef domain);

  mlir::MLIRContext *context;
  const OnnxFile &file;
  const ImportOptions &options;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  llvm::StringMap<int64_t> versions;
  std::vector<Scope> scopes;
  llvm::StringSet<> usedDimensions;
  /// Calls of functions that are being expanded.
  unsigned depth = 0;
  /// Of the whole names of initializers that are trained; none: none are.
  std::optional<llvm::Regex> trainable;
  unsigned numParameters = 0, numNodes = 0, numTrainable = 0;
};

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_GRAPHBUILDER_H
