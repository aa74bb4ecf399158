//===- Passes.td - Passes over the tern dialect ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declared in alphabetical order; one file of lib/Dialect/Tern/Transforms and
// one lit test each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_TERN_TRANSFORMS_PASSES_TD
#define STERNA_DIALECT_TERN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AdaptLoraPass : Pass<"sterna-adapt-lora", "::mlir::ModuleOp"> {
  let summary = "Add LoRA branches to the selected linear layers";
  let description = [{
    For each program function (`forward_T`, `eval`) adds a copy `<name>_lora`
    in which every selected `tern.linear` `y = f(x)` becomes
    `f(x) + lora_scale * (x * A^T) * B^T` (Hu et al. 2021, arXiv:2106.09685).
    The branch reads the unquantized input, as PEFT does. `A` `[rank, in]` and
    `B` `[out, rank]` are arguments with attribute `tern.state`, and
    `lora_scale` is a scalar input.

    ```mlir
    %y = tern.linear %x, %w, %s ...
    // becomes
    %y = tern.linear %x, %w, %s ...
    %u = linalg.matmul %x, %a (transposed)
    %v = linalg.matmul %u * lora_scale, %b (transposed)
    %z = arith.addf %y, %v
    ```
  }];
  let options = [
    Option<"rank", "rank", "int64_t", "8", "Rank of the adapters">,
    ListOption<"targets", "targets", "std::string",
               "Linears to adapt: q, k, v, o, gate, up, down">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numBranches", "num-branches", "LoRA branches added">
  ];
}

def AdaptParamsPass : Pass<"sterna-adapt-params", "::mlir::ModuleOp"> {
  let summary = "Make parameters of a graph trainable";
  let description = [{
    The parameters with `tern.trainable`, the name that users know them by, become
    state, arguments with `tern.state` of kind `parameter`, of the program
    `@main`. Two programs are added. `@init` gives that state the values of the
    parameters. `@loss` is `@main` with one result, the one with `tern.loss`, as a
    scalar.

    Parameters of other types than f32, and those that have no influence on the
    loss, are refused.

    ```mlir
    tern.param @w : tensor<4xf32> from ... {tern.trainable = "layer.w"}
    func.func @main(%x) -> (tensor<4xf32> {tern.output = "y"},
                            tensor<f32> {tern.output = "error", tern.loss}) {
      %w = tern.get_param @w : tensor<4xf32>
      ...
    }
    // becomes
    func.func @main(%x, %w {tern.state = ...}) -> ...
    func.func @loss(%x, %w {tern.state = ...})
        -> (tensor<f32> {tern.output = "loss"})
    func.func @init(%old {tern.state = ...})
        -> (tensor<4xf32> {tern.tied = 0}) {
      %w = tern.get_param @w : tensor<4xf32>
      return %w : tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numTrainable", "num-trainable", "Parameters made trainable">
  ];
}

def AssignLayoutsPass : Pass<"sterna-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Choose the packed layout of each ternary parameter";
  let description = [{
    Gives every ternary `tern.param`, and its uses, one `#tern.panel` layout,
    which all instruction levels of a device family and both directions of the
    product read. A parameter with a scale per group of columns has blocks of 16
    columns in any case: no group ends within one of those. One that has a layout
    keeps it.

    ```mlir
    tern.param @w : tensor<16x8x!tern.trit> from ...
    // becomes
    tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>> from ...
    ```
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "8", "Rows of a panel">,
    Option<"columns", "columns", "int64_t", "16",
           "Columns of a block: 16, two bits a trit, or 20, in base 3">
  ];
}

def ChunkLossHeadPass : Pass<"sterna-chunk-loss-head"> {
  let summary = "Compute the loss and its gradient in chunks of the vocabulary";
  let description = [{
    Rewrites `tern.cross_entropy` of a head product, and the
    `tern.cross_entropy_grad` that belongs to it, so that logits exist for one
    chunk of `size` vocabulary rows at a time. The backward pass computes each
    chunk's logits again.

    ```mlir
    %logits = linalg.matmul %x, %head (transposed)   // [T, V]
    %loss = tern.cross_entropy %logits, %labels
    // becomes, for each chunk c
    %wc = tensor.extract_slice %head[c * size, 0] [size, H] [1, 1]
    %lc = linalg.matmul %x, %wc (transposed)         // [T, size]
    %m1, %s1, %t1 = tern.softmax_statistics %lc, %labels, %m0, %s0, %t0
    ```
  }];
  let options = [
    Option<"size", "size", "int64_t", "2048", "Vocabulary rows in a chunk">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
  let statistics = [
    Statistic<"numChunks", "num-chunks", "Chunks of logits">
  ];
}

def DecomposePass : Pass<"sterna-decompose"> {
  let summary = "Replace tern ops by their reference decompositions";
  let description = [{
    Rewrites every op with `DecomposableOpInterface` until only upstream ops and
    `tern.unpack`, `tern.get_param` are left; and `tensor.concat`, which
    bufferization does not take, to insertions.

    ```mlir
    %q, %s = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
    // becomes
    %max = linalg.generic ...  // row maximum
    %q = linalg.generic ...    // scaled, rounded, clamped
    %s = linalg.generic ...    // 1 / scale
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numDecomposed", "num-decomposed", "Ops decomposed">
  ];
}

def QuantizeGradientsPass
    : Pass<"sterna-quantize-gradients", "::mlir::ModuleOp"> {
  let summary = "Compute the gradients of ternary linears on integers";
  let description = [{
    Rewrites every `tern.matmul_transposed` into a quantizer of its left side and
    an exact product of integers. With `type=int8` rounding is stochastic: the
    function gets one more input, `rounding_seeds`, a number for each product,
    which the host draws anew for each run.

    An error where the scale is per group of columns, for it cannot be taken out
    of the sum, and where the sum could exceed 32 bits. `gradients` of the
    module's `tern.model` records the type.

    ```mlir
    %dx = tern.matmul_transposed %dy, %w, %s
    // becomes, with type=int8
    %seed = tensor.extract_slice %rounding_seeds[0] [1] [1]
    %q, %t = tern.quantize_gradient %dy, %s seed %seed
    %dx = tern.quantized_matmul_transposed %q, %t, %w
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", "\"int16\"",
           "int16, rounded to nearest, or int8, rounded stochastically">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numQuantized", "num-quantized", "Products of integers made">
  ];
}

def QuantizeHeadPass : Pass<"sterna-quantize-head", "::mlir::ModuleOp"> {
  let summary = "Store the head's table in fewer bits";
  let description = [{
    The head is a parameter that is the right side of a product; where it is tied
    to the embedding, that reads the same table. `type=f16` rounds it to nearest,
    ties to even. `type=int8` makes it symmetric signed bytes with an f32 scale a
    row (`#tern.row_scales`): products convert the bytes to the type of their
    left side, the scale multiplies the result's columns or, in the gradient, the
    left side. `type=q6` and `type=q4` make it blocks of 32 columns with codes of
    6 and 4 bits (`#tern.blocks`), which tern.dequantize makes floats of. A head
    that has the type is left as it is; any use but embeddings, products and
    ranges of whole rows is an error, and so are blocks of a table whose columns
    are no multiple of 32.

    ```mlir
    %w = tern.get_param @t : tensor<32x8xf16>
    %y = linalg.matmul %x, %w (transposed)
    // becomes
    %w = tern.get_param @t : tensor<32x8xi8>
    %s = tern.get_param @t.scale : tensor<32xf32>
    %p = linalg.matmul %x, %w (transposed)
    %y = arith.mulf %p, broadcast(%s)
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", "\"int8\"",
           "f16, int8, q6 or q4">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numTables", "num-tables", "Tables whose type changed">
  ];
}

def OutlineConstantsPass
    : Pass<"sterna-outline-constants", "::mlir::ModuleOp"> {
  let summary = "Make parameters of constants whose elements differ";
  let description = [{
    Kernels have no data of their own: a constant tensor whose elements are not
    all equal becomes a `tern.param` with the elements as its source, one for
    equal constants, which the link phase writes to the device binary.
  }];
  let dependentDialects = ["TernDialect"];
}

def ShardParamsPass : Pass<"sterna-shard-params", "::mlir::ModuleOp"> {
  let summary = "Cut parameters beyond a binding range into ranges of rows";
  let description = [{
    A device binds at most `max-bytes` of a buffer at once. Every use of a
    `tern.get_param` beyond it, or of a range of its rows beyond it, becomes uses
    of slices of nearly equal size: whole rows, in multiples of 16 where 16 fit.
    The plan takes such slices as views, so that nothing is copied and the device
    binary knows nothing of shards.

    An embedding becomes a chain, in which each shard replaces the rows that it
    knows; a head (`linalg.matmul` of `[M, K]` and `[V, K]` that starts from a
    fill) becomes a product for each shard and a join. Any other use is an error.
    Values do not change. Ternary parameters need their layouts, from which their
    bytes follow. The pass runs after `sterna-chunk-loss-head`, whose slices are
    left alone where they fit.

    ```mlir
    %x = tern.embedding %table, %ids                      // table [V, H]
    %l = linalg.matmul %y, %table (transposed)            // [M, V]
    // becomes
    %t0 = tensor.extract_slice %table[0, 0] [r, H] [1, 1]
    %t1 = tensor.extract_slice %table[r, 0] [V - r, H] [1, 1]
    %x0 = tern.embedding %t0, %ids
    %x = tern.embedding %t1, %ids init %x0 {offset = r}
    %l0 = linalg.matmul %y, %t0 (transposed)
    %l1 = linalg.matmul %y, %t1 (transposed)
    %l = tensor.concat dim(1) %l0, %l1
    ```
  }];
  let options = [
    Option<"maxBytes", "max-bytes", "int64_t", "134217728",
           "Bytes that a binding spans at most">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numShards", "num-shards", "Ranges of rows made">
  ];
}

def SplitLinearPass : Pass<"sterna-split-linear"> {
  let summary = "Split tern.linear into quantizer and product";
  let description = [{
    The composite was needed whole by differentiation; from here on its
    quantizer is an op of its own, shared by the linears that read one input.

    ```mlir
    %y = tern.linear %x, %w, %s {int8_activations} ...
    // becomes
    %q, %t = tern.quantize %x ...
    %p = tern.matmul %q, %w, %s ...
    %y = arith.mulf %p, broadcast(%t)
    ```
  }];
  let statistics = [
    Statistic<"numSplit", "num-split", "Linears split">
  ];
}

#endif // STERNA_DIALECT_TERN_TRANSFORMS_PASSES_TD
