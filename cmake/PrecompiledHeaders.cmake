# PrecompiledHeaders.cmake - the headers of MLIR, parsed once
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Most of the time that a source of the compiler takes is spent on parsing what
# it includes of MLIR: 16 s become 4. Sterna's own headers change too often to be
# here. -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without, which shows what a
# source forgot to include. ccache has to be told that macros of the command line and
# times of headers are not in their way (CCACHE_SLOPPINESS=pch_defines,time_macros).

file(CONFIGURE OUTPUT PrecompiledHeaders.cpp CONTENT "// Nothing.\n")
add_library(sterna_precompiled OBJECT
  ${CMAKE_CURRENT_BINARY_DIR}/PrecompiledHeaders.cpp)
target_link_libraries(sterna_precompiled PRIVATE sterna_plugin)
target_precompile_headers(sterna_precompiled PRIVATE
  <llvm/Support/FormatVariadic.h>
  <llvm/Support/MemoryBuffer.h>
  <llvm/Support/Path.h>
  <mlir/Bytecode/BytecodeOpInterface.h>
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/GPU/IR/GPUDialect.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h>
  <mlir/Dialect/Linalg/IR/Linalg.h>
  <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/MemRef/IR/MemRef.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/SPIRV/IR/SPIRVOps.h>
  <mlir/Dialect/Tensor/IR/Tensor.h>
  <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/IR/Matchers.h>
  <mlir/IR/SymbolTable.h>
  <mlir/Pass/PassManager.h>
  <mlir/Transforms/DialectConversion.h>
  <mlir/Transforms/GreedyPatternRewriteDriver.h>)

# Gives a target of C++ that links the compiler's libraries the parsed headers.
function(sterna_precompile target)
  target_precompile_headers(${target} REUSE_FROM sterna_precompiled)
  # As libraries, for the headers are parsed once for both: executables would be
  # -fPIE.
  target_compile_options(${target} PRIVATE -fPIC)
endfunction()
