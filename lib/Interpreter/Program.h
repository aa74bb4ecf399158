//===- Program.h - Memory and code of a scheduled program -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The buffer form of the plan on real memory, placed as the plan says, so that
// a wrong place or order gives wrong results here too. Private to
// lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_INTERPRETER_PROGRAM_H
#define STERNA_LIB_INTERPRETER_PROGRAM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "sterna/Dialect/Plan/IR/Plan.h"
#include "sterna/Interpreter/Array.h"
#include "llvm/ADT/SetVector.h"

#include <map>

namespace sterna {

/// The spaces of one program: an array of bytes each, zeros but for inputs,
/// state and weights. A ternary weight has an array of its own, of unpacked
/// trits, whatever its layout.
class ProgramMemory {
public:
  explicit ProgramMemory(plan::ProgramOp program);

  /// Fills the spaces: `inputs` in the order of the program's, state tensors
  /// named in `params` (others are zero), and all weights that the program
  /// reads. Fails with an error where one is missing or does not fit.
  mlir::LogicalResult fill(mlir::ModuleOp module, llvm::ArrayRef<Array> inputs,
                           const std::map<std::string, Array> &params);

  /// Replaces the program by a function that takes `getArrays()`, reads buffers
  /// as views of them and calls functions named as the kernels.
  mlir::func::FuncOp convertProgram();

  llvm::MutableArrayRef<Array> getArrays() { return arrays; }

  /// The outputs in order, then the state tensors that the program writes, in
  /// the order of their declaration.
  std::vector<Array> getResults() const;

private:
  /// A tensor at a place of a space.
  struct Field {
    llvm::StringRef name;
    plan::Space space;
    int64_t offset;
    mlir::MemRefType type;
  };

  mlir::LogicalResult readFields(mlir::ArrayAttr descriptions,
                                 std::vector<Field> &fields);
  mlir::LogicalResult fillInputs(llvm::ArrayRef<Array> inputs);
  mlir::LogicalResult fillState(mlir::ModuleOp module,
                                const std::map<std::string, Array> &params);
  mlir::LogicalResult fillWeights(mlir::ModuleOp module,
                                  const std::map<std::string, Array> &params);
  llvm::SetVector<llvm::StringRef> findWeightNames();
  llvm::SmallVector<plan::BufferOp> findWrittenState(mlir::ModuleOp module);
  Array &arrayOf(plan::Space space) { return arrays[unsigned(space)]; }
  void write(plan::Space space, int64_t offset, const Array &array);
  mlir::Value convertBuffer(mlir::OpBuilder &b, plan::BufferOp buffer,
                            mlir::ValueRange spaces);

  plan::ProgramOp program;
  /// One for each space, in the order of plan::Space, then ternary weights.
  std::vector<Array> arrays;
  /// Where `arrays` holds a ternary weight.
  llvm::StringMap<size_t> ternary;
  std::vector<Field> inputFields, results;
};

} // namespace sterna

#endif // STERNA_LIB_INTERPRETER_PROGRAM_H
