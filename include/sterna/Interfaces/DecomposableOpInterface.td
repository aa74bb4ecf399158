//===- DecomposableOpInterface.td --------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that say what they mean in upstream ops.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_TD
#define STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let cppNamespace = "::sterna";
  let description = [{
    An op with a reference decomposition into `arith`, `math`, `linalg` and
    `tensor` ops of the same float type. The decomposition is the op's meaning:
    tuned kernels are tested against it, and the portable tier of code
    generation and `sterna-interp` run it.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the decomposition at the builder's insertion point and returns a
      value for each result.
    }], "::mlir::SmallVector<::mlir::Value>", "decompose",
      (ins "::mlir::OpBuilder &":$builder)>,
    InterfaceMethod<[{
      Returns the dimensions of result `index` along which the op falls into
      independent parts, each element of the results being computed in one part
      and no work being repeated. The one to split first is at the front; empty
      when the op has no independent parts. All results name equally many, and
      their i-th dimensions are split together: they have equal extents.
    }], "::mlir::SmallVector<int64_t>", "getParallelDimensions",
      (ins "unsigned":$index), "",
      /*defaultImplementation=*/[{ return {0}; }]>
  ];
}

#endif // STERNA_INTERFACES_DECOMPOSABLEOPINTERFACE_TD
