//===- Passes.td - Passes that build and check the plan ----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declared in alphabetical order; one file of lib/Dialect/Plan/Transforms and
// one lit test each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_TD
#define STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormDispatchesPass : Pass<"sterna-form-dispatches", "::mlir::ModuleOp"> {
  let summary = "Group ops into dispatches of shared kernels";
  let description = [{
    Every op of a program function that computes something goes into a
    `plan.dispatch`. A group has one root (a contraction, reduction or tern op)
    and the elementwise ops that follow it with a single use, or is a run of
    elementwise ops of one shape. Constants, broadcasts and fills are cloned
    into the groups that use them; reshapes and contiguous slices stay outside,
    as views. Equal groups share one `plan.kernel`.

    With `fuse-rows` a norm joins the run of elementwise ops that it reads, and a
    quantizer the run or norm, so that rows are passed over while they are in the
    cache; a kernel then keeps a row of temporaries. A rotation of at most 64 KiB
    joins the writing of its result to a cache.

    With `stack-parts` groups that do not depend on each other are parts of one
    kernel, one dispatch: those whose largest input comes from the same dispatch
    or argument, unless memory has become free in between in which results could
    have been, and neighbours that read and write at most 64 KiB. Forward, what is
    recomputed of it, and backward stay apart, a group moves over at most 8
    dispatches, and what replaces state that others read stands alone.

    ```mlir
    %p = tern.matmul %q, %w, %s ...
    %y = arith.mulf %p, %t ...
    // becomes
    %y = plan.dispatch @matmul_0(%q, %w, %s, %t) ...
    ```
  }];
  let options = [
    Option<"fuseRows", "fuse-rows", "bool", "false",
           "Let norms and quantizers join what they read">,
    Option<"stackParts", "stack-parts", "bool", "false",
           "Make one dispatch of groups that do not depend on each other">
  ];
  let dependentDialects = ["::sterna::plan::PlanDialect"];
  let statistics = [
    Statistic<"numDispatches", "num-dispatches", "Dispatches formed">,
    Statistic<"numKernels", "num-kernels", "Distinct kernels">
  ];
}

def RecomputePass : Pass<"sterna-recompute", "::mlir::ModuleOp"> {
  let summary = "Recompute activations in the backward pass";
  let description = [{
    In a function with an argument marked `tern.loss_scale`, everything that
    depends on that argument is the backward pass. A forward value that it uses
    and that is not a `tern.checkpoint` is computed again right before its
    first use, by cloned dispatches, from the checkpoints (Chen et al. 2016,
    arXiv:1604.06174). With `enabled=false` only the markers are removed.

    `budget` is bytes of a whole process that trains: what `train_micro` and
    `train_apply`, or `train_step`, read and write, the arena, and 16 MiB for all
    else. As much is kept as fits, first what takes the longest to compute for its
    bytes. Where checkpoints alone do not fit, each block is computed again in two
    halves, cut at a dispatch that all of the block behind it is computed from;
    then fewer checkpoints are kept. It is an error where nothing fits. A negative
    one asks for the smallest arena.

    What replaces a state tensor is moved behind the last op that reads the old
    one, which may be a clone.

    With `saved-type=bf16` or `int8` what is kept lies in that type, int8 with a
    scale for each row (`tern.quantize`), between its last reader in the forward
    pass and its first in the backward pass: f32 tensors with rows, of more than
    64 KiB, that take at most half of it so. Only the backward pass reads rounded
    values.

    ```mlir
    %c = tern.checkpoint %x
    %h = plan.dispatch @f(%c)
    ...
    %g = plan.dispatch @grad(%h, %dy)
    // becomes
    %h = plan.dispatch @f(%x)
    ...
    %h2 = plan.dispatch @f(%x)
    %g = plan.dispatch @grad(%h2, %dy)
    ```
  }];
  let options = [
    Option<"enabled", "enabled", "bool", "true", "Recompute, or only strip">,
    Option<"budget", "budget", "int64_t", "0",
           "Bytes of a process that trains; 0: none given, -1: the fewest">,
    Option<"savedType", "saved-type", "std::string", "\"f32\"",
           "What is kept for the backward pass: f32, bf16 or int8">
  ];
  let statistics = [
    Statistic<"numCloned", "num-cloned", "Dispatches cloned">,
    Statistic<"numNarrowed", "num-narrowed", "Values kept in a narrower type">
  ];
}

def RepeatElementwisePass
    : Pass<"sterna-repeat-elementwise", "::mlir::ModuleOp"> {
  let summary = "Compute elementwise values again rather than keep them";
  let description = [{
    In a function with an argument marked `tern.loss_scale`, elementwise values of
    the forward pass that elementwise ops of the backward pass read are computed
    again before the first of them, if what they are made of, and the backward
    pass does not read anyway, has fewer bytes than they. Where they become one
    kernel (--sterna-form-dispatches), they are never kept: of SwiGLU, gate and up
    are, and nothing else.

    ```mlir
    %e = math.exp %x
    ...
    %dx = arith.mulf %dy, %e       // %x is read by the backward pass, too
    // becomes
    %f = math.exp %x
    %dx = arith.mulf %dy, %f
    ```
  }];
  let statistics = [
    Statistic<"numCloned", "num-cloned", "Ops that are computed again">
  ];
}

def SchedulePass : Pass<"sterna-schedule", "::mlir::ModuleOp"> {
  let summary = "Place every buffer and turn program functions into programs";
  let description = [{
    Keeps the order of the dispatches, computes live ranges, gives each value an
    offset in the arena (greedy by size), places params, state and the parameter
    block, and inserts the barriers that the launches need. State tensors that
    one argument shows as a flat tensor (`tern.states`) lie there in all
    programs. A result that is
    tied to a function argument, directly or through a kernel, lives in that
    argument's buffer. In a function with a backward pass a result of more than
    64 KiB takes the place of an operand of its type that dies, where its kernel
    computes it elementwise from that; the dispatch then runs a variant of the
    kernel in which it is tied.

    ```mlir
    func.func @p(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = plan.dispatch @f(%x) ...
    // becomes
    plan.program @p arena 0 inputs [...] outputs [...] peak {...} {
      %0 = plan.buffer block at 0 : memref<4xf32>
      %1 = plan.buffer block at 64 : memref<4xf32>
      plan.launch @f(%0, %1)
    }
    ```
  }];
  let dependentDialects = ["::sterna::plan::PlanDialect",
                           "::mlir::memref::MemRefDialect"];
}

def VerifyPlanPass : Pass<"sterna-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Prove that a scheduled plan is sound";
  let description = [{
    For each `plan.program`: between two barriers no launch writes bytes that
    another reads or writes; nothing writes the weights; every arena byte that
    is read was written before by a launch of the same program; buffers of one
    launch that it writes do not overlap its others, unless they are equal and
    tied. Changes nothing; fails with the first offending launch.
  }];
}

#endif // STERNA_DIALECT_PLAN_TRANSFORMS_PASSES_TD
