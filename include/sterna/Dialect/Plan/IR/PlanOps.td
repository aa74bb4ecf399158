//===- PlanOps.td - Operations of the plan dialect ---------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations of both forms of the plan: on tensors, then on buffers.
// Constraints are numbered C1, C2, ... per op; test/Dialect/Plan/invalid.mlir
// has a case for each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_IR_PLANOPS_TD
#define STERNA_DIALECT_PLAN_IR_PLANOPS_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "sterna/Dialect/Plan/IR/PlanDialect.td"
include "sterna/Dialect/Tern/IR/TernDialect.td"

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// On tensors
//===----------------------------------------------------------------------===//

def Plan_KernelOp : Plan_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "Fused region that dispatches run";
  let description = [{
    The region computes the yielded tensors from its arguments. `tied[i]` is the
    argument that result `i` replaces in place, or -1. Kernels are deduplicated
    by structure: parameters are arguments, so that equal layers share one.

    Constraints: (C1) `tied` has an entry for each result, -1 or the number of
    an argument of the result's type; (C2) no argument is tied twice.

    ```mlir
    plan.kernel @add tied [-1] {
    ^bb0(%x: tensor<4xf32>, %y: tensor<4xf32>):
      %z = arith.addf %x, %y : tensor<4xf32>
      plan.yield %z : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$tied);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `tied` $tied attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    ::mlir::TypeRange getResultTypes();
    /// Values that the region yields.
    ::mlir::OperandRange getYielded();
  }];
}

def Plan_YieldOp : Plan_Op<"yield", [
    Pure, ReturnLike, Terminator, ParentOneOf<["KernelOp", "ProgramOp"]>]> {
  let summary = "Ends a kernel or a program";
  let description = [{
    ```mlir
    plan.yield %z : tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), "build($_builder, $_state, {});">];
}

def Plan_DispatchOp : Plan_Op<"dispatch",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run of a kernel on tensors";
  let description = [{
    Constraints: (C1) `kernel` names a `plan.kernel`; (C2) operand and result
    types are those of the kernel's arguments and results.

    ```mlir
    %z = plan.dispatch @add(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)
  }];
}

//===----------------------------------------------------------------------===//
// On buffers
//===----------------------------------------------------------------------===//

def Plan_StateOp : Plan_Op<"state", [Symbol]> {
  let summary = "Tensor that lives from one program run to the next";
  let description = [{
    `offset` is its place in the state space, in bytes.

    Constraint: (C1) the symbol is the name that `state` has.

    ```mlir
    plan.state @a : memref<8x64xf32> at 0
        is <name = "a", kind = lora_a, target = "q_proj">
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyMemRef>:$type,
                       I64Attr:$offset, Tern_StateAttr:$state);
  let assemblyFormat = "$sym_name `:` $type `at` $offset `is` $state attr-dict";
  let hasVerifier = 1;
}

def Plan_ProgramOp : Plan_Op<"program", [
    Symbol, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "Flat list of launches over placed buffers";
  let description = [{
    `inputs` and `outputs` describe the parameter block: dictionaries with
    `name`, `type` and `offset`. `peak` says what the arena holds at its peak,
    in bytes by category.

    Constraints: (C1) the region holds only `plan.buffer`, `plan.launch` and
    `plan.barrier`; (C2) every arena buffer lies within `arena_bytes`.

    ```mlir
    plan.program @p arena 64 inputs [] outputs [] peak {activations = 64 : i64} {
      %0 = plan.buffer arena at 0 : memref<16xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena_bytes,
                       ArrayAttr:$inputs, ArrayAttr:$outputs,
                       DictionaryAttr:$peak);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `arena` $arena_bytes `inputs` $inputs `outputs` $outputs
    `peak` $peak attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Plan_BufferOp : Plan_Op<"buffer", [Pure]> {
  let summary = "Buffer at a fixed place";
  let description = [{
    `offset` counts bytes from the start of `space`. `name` says what a buffer
    of the weights or state space holds; of several state tensors, the first.

    Constraints: (C1) the offset is not negative and is aligned to 4 bytes.

    ```mlir
    %0 = plan.buffer arena at 4096 : memref<4x8xf32>
    %1 = plan.buffer weights at 0 name "output_norm.weight" : memref<8xf32>
    ```
  }];
  let arguments = (ins Plan_Space:$space, I64Attr:$offset,
                       OptionalAttr<StrAttr>:$name);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = [{
    $space `at` $offset (`name` $name^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Bytes from the buffer's start to its end.
    int64_t getBytes();
  }];
}

def Plan_LaunchOp : Plan_Op<"launch",
    [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run of a kernel on buffers";
  let description = [{
    `buffers` are the kernel's arguments followed by its results that are not
    tied.

    Constraints: (C1) `kernel` names a `plan.kernel`; (C2) there is a buffer for
    each argument and each result that is not tied.

    ```mlir
    plan.launch @add(%0, %1, %2) : memref<4xf32>, memref<4xf32>, memref<4xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyMemRef>:$buffers);
  let assemblyFormat = [{
    $kernel `(` $buffers `)` attr-dict `:` type($buffers)
  }];
}

def Plan_BarrierOp : Plan_Op<"barrier"> {
  let summary = "Later launches wait for all earlier ones";
  let description = [{
    ```mlir
    plan.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

#endif // STERNA_DIALECT_PLAN_IR_PLANOPS_TD
