//===- TernOps.td - Operations of the tern dialect ---------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations in the order of a transformer block. Constraints are numbered C1,
// C2, ... per op; test/Dialect/Tern/invalid.mlir has a case for each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_TERN_IR_TERNOPS_TD
#define STERNA_DIALECT_TERN_IR_TERNOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "sterna/Dialect/Tern/IR/TernDialect.td"
include "sterna/Interfaces/DecomposableOpInterface.td"
include "sterna/Interfaces/DifferentiableOpInterface.td"

class Tern_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tern_Dialect, mnemonic, traits>;

// A pure op with a reference decomposition.
class Tern_ComputeOp<string mnemonic, list<Trait> traits = []>
    : Tern_Op<mnemonic, !listconcat([
        Pure, DeclareOpInterfaceMethods<DecomposableOpInterface>], traits)>;

// A compute op whose independent parts are not along dimension 0 alone.
class Tern_PartitionedOp<string mnemonic, list<Trait> traits = []>
    : Tern_Op<mnemonic, !listconcat([
        Pure, DeclareOpInterfaceMethods<DecomposableOpInterface,
                                        ["getParallelDimensions"]>], traits)>;

// A compute op with a differentiation rule.
class Tern_DifferentiableOp<string mnemonic, list<Trait> traits = []>
    : Tern_ComputeOp<mnemonic, !listconcat([
        DeclareOpInterfaceMethods<DifferentiableOpInterface>], traits)>;

def Tern_Matrix : 2DTensorOf<[AnyFloat]>;
def Tern_Rows : 2DTensorOf<[AnyFloat, I8]>;
def Tern_TritMatrix : 2DTensorOf<[Tern_TritType]>;
def Tern_Scales : TensorRankOf<[AnyFloat], [1, 2]>;
def Tern_ScalarInt : 0DTensorOf<[I32]>;
def Tern_Seed : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({1}, "
          "::mlir::IntegerType::get($_self.getContext(), 32))">,
    "tensor<1xi32>">, BuildableType<"::mlir::RankedTensorType::get({1}, "
          "$_builder.getI32Type())">;
def Tern_Vector : 1DTensorOf<[AnyFloat]>;
def Tern_Heads : 4DTensorOf<[AnyFloat]>;
def Tern_CacheRows : 3DTensorOf<[AnyFloat, I8]>;
def Tern_CachedHeads : 4DTensorOf<[AnyFloat, I8]>;
def Tern_GroupedHeads : TensorRankOf<[AnyFloat], [5]>;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

def Tern_ParamOp : Tern_Op<"param", [Symbol]> {
  let summary = "Frozen parameter of the model, by name";
  let description = [{
    Declares a read-only tensor whose elements are not in the IR: `source` says
    where the link phase finds them, and in which storage type: they are
    converted to the tensor's, bytes with one scale a row (`#tern.row_scales`).
    The scales of a ternary matrix come from its file, too
    (`#tern.ternary_scales`), but for the one of a whole matrix, which stands
    inline as a dense attribute.

    ```mlir
    tern.param @blk.0.attn_q.weight : tensor<4x8x!tern.trit>
        from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type,
                       AnyAttr:$source);
  let assemblyFormat = "$sym_name `:` $type `from` $source attr-dict";
  // As many factors as #tern.ternary_scales says, and no scales of trits in
  // their #tern.file.
  let hasVerifier = 1;
}

def Tern_GetParamOp : Tern_Op<"get_param",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Value of a frozen parameter";
  let description = [{
    Constraints: (C1) `param` names a `tern.param` of the enclosing symbol
    table; (C2) the result type is that parameter's type, its layout attribute
    included.

    ```mlir
    %w = tern.get_param @blk.0.attn_q.weight : tensor<4x8x!tern.trit>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$param attr-dict `:` type($result)";
}

def Tern_CheckpointOp : Tern_PartitionedOp<"checkpoint",
    [DeclareOpInterfaceMethods<DifferentiableOpInterface>,
     SameOperandsAndResultType]> {
  let summary = "Identity that marks a value to keep for the backward pass";
  let description = [{
    Stands at the input of each transformer block. `schedule` keeps marked
    values and recomputes the others of the block from them (Chen et al. 2016,
    arXiv:1604.06174).

    ```mlir
    %y = tern.checkpoint %x : tensor<4x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Ternary linear layer
//===----------------------------------------------------------------------===//

def Tern_LinearOp : Tern_DifferentiableOp<"linear"> {
  let summary = "Ternary linear layer with its quantizers (BitLinear)";
  let description = [{
    `y = Q(x) * (scale . weight)^T` with `x` `[M, K]`, `weight` `[N, K]` and
    `y` `[M, N]`. `Q` is the per-token int8 quantizer of BitNet b1.58
    (arXiv:2402.17764) when `int8_activations` is set, else the identity.
    `scale` is `[1]` (tensor), `[N]` (row) or `[N, G]`: element `[n, g]` scales
    columns `[g * group, (g + 1) * group)` of row `n`.

    Both quantizers are straight-through for differentiation:
    `dX = dY * (scale . weight)`. `role` says which linear of the model this is;
    one without it is not adapted.

    Constraints: (C1) the inner dimensions agree; (C2) the result is `[M, N]`;
    (C3) `scale` is `[1]`, `[N]` or `[N, ceil(K / group)]`, and `group` is
    present exactly in the last case.

    ```mlir
    %y = tern.linear %x, %w, %s {int8_activations}
        : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$input, Tern_TritMatrix:$weight,
                       Tern_Scales:$scale, UnitAttr:$int8_activations,
                       OptionalAttr<I64Attr>:$group,
                       OptionalAttr<Tern_RoleAttr>:$role);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $input `,` $weight `,` $scale attr-dict `:` type($input) `,` type($weight)
    `,` type($scale) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_QuantizeOp : Tern_ComputeOp<"quantize"> {
  let summary = "Per-token symmetric int8 quantization";
  let description = [{
    Per row: `s = 127 / max(max|x|, 1e-5)`,
    `quantized = clamp(round_half_even(x * s), -128, 127)`, `scale = 1 / s`.
    `scale` is NaN for a row with an element that is not finite, so that every
    product with it is: integers cannot tell.
    Never differentiated: `tern.linear` is straight-through.

    Constraints: (C1) `quantized` has the shape of `input`; (C2) `scale` has one
    element a row.

    ```mlir
    %q, %t = tern.quantize %x : tensor<4x8xf32> -> tensor<4x8xi8>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$input);
  let results = (outs 2DTensorOf<[I8]>:$quantized, Tern_Vector:$scale);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($quantized) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Tern_MatmulOp : Tern_PartitionedOp<"matmul"> {
  let summary = "Product with a ternary matrix";
  let description = [{
    `y[m, n] = sum_g scale[n, g] * (sum_k lhs[m, k] * weight[n, k])`, the inner
    sum over the columns of group `g`. For an i8 `lhs` without groups that sum is
    exact in int32 and rounded once. With groups each term is a float, its trit
    times its scale, and the sum is rounded as one of floats; a tuned kernel may
    sum up a group exactly first.
    Shapes, `scale` and `group` as in `tern.linear` (C1, C2, C3).

    ```mlir
    %y = tern.matmul %q, %w, %s
        : tensor<4x8xi8>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat, I8]>:$lhs, Tern_TritMatrix:$weight,
                       Tern_Scales:$scale, OptionalAttr<I64Attr>:$group);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $lhs `,` $weight `,` $scale attr-dict `:` type($lhs) `,` type($weight)
    `,` type($scale) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_MatmulTransposedOp : Tern_PartitionedOp<"matmul_transposed",
    [DeclareOpInterfaceMethods<DifferentiableOpInterface>]> {
  let summary = "Product with a ternary matrix along its rows";
  let description = [{
    `x[m, k] = sum_n lhs[m, n] * scale[n, g(k)] * weight[n, k]`: the gradient of
    `tern.matmul` with respect to its left side. It reads the same packed
    weights.

    Constraints: (C1) `lhs` is `[M, N]`; (C2) the result is `[M, K]`; (C3) as in
    `tern.linear`.

    ```mlir
    %x = tern.matmul_transposed %dy, %w, %s
        : tensor<4x16xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$lhs, Tern_TritMatrix:$weight,
                       Tern_Scales:$scale, OptionalAttr<I64Attr>:$group);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $lhs `,` $weight `,` $scale attr-dict `:` type($lhs) `,` type($weight)
    `,` type($scale) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_QuantizeGradientOp : Tern_ComputeOp<"quantize_gradient"> {
  let summary = "Per-token symmetric quantization of a gradient";
  let description = [{
    Per row, with `x = input . scale` (`scale` is `[1]` or `[N]`) and `L` = 127
    for i8 or 32639 for i16: `s = L / max(max|x|, 1e-30)`,
    `quantized = round(clamp(x * s, -L, L))`, `step = 1 / s`. The scale of the
    weights is folded in because the sum that follows runs over `N`. 32639 is
    127 * 256 + 127: `quantized` is `256 * high + low` with two signed bytes, so
    that products of words and of bytes give equal integers.

    Without `seed`, `round` is to nearest, ties to even. With it, rounding is
    stochastic and unbiased: `floor(y) + [u < y - floor(y)]` with `u` uniform on
    `[0, 1)`, the upper 24 bits of `h(n + h(m + h(seed)))` for row `m` and column
    `n`, where `h` is the 32-bit PCG hash (O'Neill 2014, HMC-CS-2014-0905, RXS-M-XS;
    Jarzynski and Olano 2020, JCGT 9(3)). So it depends on the seed and the
    element's place alone.

    A row with an element that is not finite has a `step` of NaN.

    Constraints: (C1) `quantized` has the shape of `input`; (C2) `step` has one
    element a row; (C3) `scale` has 1 or `N` elements.

    ```mlir
    %q, %t = tern.quantize_gradient %dy, %s
        : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi16>, tensor<4xf32>
    %r, %u = tern.quantize_gradient %dy, %s seed %seed
        : tensor<4x16xf32>, tensor<1xf32> -> tensor<4x16xi8>, tensor<4xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32, F64]>:$input, 1DTensorOf<[AnyFloat]>:$scale,
                       Optional<Tern_Seed>:$seed);
  let results = (outs 2DTensorOf<[I8, I16]>:$quantized,
                      1DTensorOf<[F32, F64]>:$step);
  let assemblyFormat = [{
    $input `,` $scale (`seed` $seed^)? attr-dict `:` type($input) `,` type($scale) `->`
    type($quantized) `,` type($step)
  }];
  let hasVerifier = 1;
}

def Tern_QuantizedMatmulTransposedOp
    : Tern_PartitionedOp<"quantized_matmul_transposed"> {
  let summary = "Product of a quantized gradient and a ternary matrix's rows";
  let description = [{
    `x[m, k] = step[m] * (sum_n lhs[m, n] * weight[n, k])`: what
    `tern.matmul_transposed` computes, from the results of
    `tern.quantize_gradient`. The sum is exact in int32. It reads the same packed
    weights.

    Constraints: (C1) `lhs` is `[M, N]`; (C2) `step` is `[M]`; (C3) the result is
    `[M, K]`; (C4) `N` times the largest magnitude that `tern.quantize_gradient`
    gives is less than 2^31: `N` is at most 65795 for i16.

    ```mlir
    %x = tern.quantized_matmul_transposed %q, %t, %w
        : tensor<4x16xi16>, tensor<4xf32>, tensor<16x8x!tern.trit> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[I8, I16]>:$lhs, 1DTensorOf<[F32, F64]>:$step,
                       Tern_TritMatrix:$weight);
  let results = (outs 2DTensorOf<[F32, F64]>:$result);
  let assemblyFormat = [{
    $lhs `,` $step `,` $weight attr-dict `:` type($lhs) `,` type($step) `,`
    type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_UnpackOp : Tern_Op<"unpack", [Pure]> {
  let summary = "Trits of a packed matrix as bytes";
  let description = [{
    `result[n, k]` is -1, 0 or 1. Code generation replaces it by reads of the
    packed bytes; reference decompositions are the only ones to build it.

    Constraints: (C1) the result has the shape of `input`.

    ```mlir
    %b = tern.unpack %w : tensor<16x8x!tern.trit> -> tensor<16x8xi8>
    ```
  }];
  let arguments = (ins Tern_TritMatrix:$input);
  let results = (outs 2DTensorOf<[I8]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tern_DequantizeOp : Tern_PartitionedOp<"dequantize",
    [/*dequantize_c1*/OptionalTypesMatchWith<"minimum has the type of scale",
                                             "scale", "minimum", "$_self">]> {
  let summary = "Matrix of which blocks hold 4 or 6 bits an element";
  let description = [{
    `result[n, k] = code[n, k] * scale[n, k / 32] + minimum[n, k / 32]` in f32,
    where `code[n, k]` is an unsigned integer of 4 bits or, where there is no
    `minimum`, one of 6 bits less 32. The codes of a block of 32 columns lie in 4
    bytes of `codes[n]` for each bit: byte `j` of the first 16 has the low four
    bits of code `j`, and of code `j + 16` above them; with 6 bits, byte `j` of 8
    more has, lowest first, the high two of codes `j`, `j + 8`, `j + 16`, `j + 24`.

    Of a parameter it is computed where it is read: a product's kernel has its own
    and no matrix is written.

    Constraints: (C1) `minimum` has the type of `scale`; (C2) `codes` is
    `[N, 16 * G]` with `minimum`, else `[N, 24 * G]`, and the result
    `[N, 32 * G]`, for `scale` `[N, G]`.

    ```mlir
    %w = tern.dequantize %codes, %scale minimum %m
        : tensor<8x32xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
    %v = tern.dequantize %codes6, %scale
        : tensor<8x48xi8>, tensor<8x2xf16> -> tensor<8x64xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[I8]>:$codes, 2DTensorOf<[F16]>:$scale,
                       Optional<2DTensorOf<[F16]>>:$minimum);
  let results = (outs 2DTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $codes `,` $scale (`minimum` $minimum^)? attr-dict `:` type($codes) `,`
    type($scale) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Transformer block
//===----------------------------------------------------------------------===//

def Tern_EmbeddingOp : Tern_PartitionedOp<"embedding",
    [AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<DifferentiableOpInterface>,
     /*embedding_c3*/OptionalTypesMatchWith<"init has the type of result",
                                            "result", "init", "$_self">,
     /*embedding_c4*/OptionalTypesMatchWith<"scale has one f32 a row of table",
         "table", "scale", "getRowScaleType($_self)">]> {
  let summary = "Rows of a table by index";
  let description = [{
    `result[t, h] = table[ids[t] - offset, h]`, widened to the result's element
    type, where `offset <= ids[t] < offset + V`. The table is the shard of a
    larger one that begins at row `offset`. An id outside of it, -1 for none among
    them, reads `init[t, h]`; without `init`, zero. Rows of a table of signed
    bytes are multiplied by their `scale`, or read as they are into i8.

    Constraints: (C1) the result is `[T, H]` for ids `[T]` and table `[V, H]`;
    (C2) `offset` is at least 0 and `offset + V` at most 2^31; (C3) `init` has
    the result's type; (C4) `scale` is f32 `[V]`; (C5) it is given where the
    table is i8 and the result is not, and nowhere else; (C6) a result of i8 is of
    a table of i8.

    ```mlir
    %x = tern.embedding %table, %ids
        : tensor<32x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
    %y = tern.embedding %shard, %ids init %x {offset = 32 : i64}
        : tensor<16x8xf16>, tensor<4xi32> -> tensor<4x8xf32>
    %z = tern.embedding %bytes, %ids scale %s
        : tensor<32x8xi8>, tensor<4xi32> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Tern_Rows:$table, 1DTensorOf<[I32]>:$ids,
                       Optional<1DTensorOf<[F32]>>:$scale,
                       Optional<Tern_Rows>:$init,
                       DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs Tern_Rows:$result);
  // A whole table.
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$table,
                                 "::mlir::Value":$ids), [{
    build($_builder, $_state, result, table, ids, /*scale=*/::mlir::Value(),
          /*init=*/::mlir::Value(), /*offset=*/0);
  }]>];
  let assemblyFormat = [{
    $table `,` $ids (`scale` $scale^)? (`init` $init^)? attr-dict `:`
    type($table) `,` type($ids) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_EmbeddingGradOp : Tern_PartitionedOp<"embedding_grad"> {
  let summary = "Gradient of tern.embedding with respect to its table";
  let description = [{
    `result[v, h]` is the sum of `cotangent[t, h]` over the tokens `t` in order
    with `ids[t] == offset + v`. Other ids have no part in it.

    Constraints: (C1) for ids `[T]` and a result `[V, H]`, `cotangent` is
    `[T, H]`; (C2) `offset` is not negative, and the last row's id has at most
    31 bits.

    ```mlir
    %d = tern.embedding_grad %ids, %dy {offset = 32 : i64}
        : tensor<4xi32>, tensor<4x8xf32> -> tensor<16x8xf32>
    ```
  }];
  let arguments = (ins 1DTensorOf<[I32]>:$ids, Tern_Matrix:$cotangent,
                       DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $ids `,` $cotangent attr-dict `:` type($ids) `,` type($cotangent) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Tern_RmsNormOp : Tern_DifferentiableOp<"rms_norm",
    [AllTypesMatch<["input", "result"]>]> {
  let summary = "Root-mean-square norm over the last dimension";
  let description = [{
    `y = x * weight / sqrt(mean(x^2) + epsilon)` per row (Zhang and Sennrich
    2019, arXiv:1910.07467).

    Constraints: (C1) `weight` has the row's length.

    ```mlir
    %y = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$input, Tern_Vector:$weight, F64Attr:$epsilon);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def Tern_RmsNormGradOp : Tern_ComputeOp<"rms_norm_grad",
    [AllTypesMatch<["input", "cotangent", "result"]>]> {
  let summary = "Gradient of tern.rms_norm with respect to its input";
  let description = [{
    With `r = 1 / sqrt(mean(x^2) + epsilon)` and `g = weight * cotangent`:
    `dx = r * (g - x * r^2 * mean(g * x))`.

    Constraints: (C1) `weight` has the row's length.

    ```mlir
    %dx = tern.rms_norm_grad %x, %g, %dy {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$input, Tern_Vector:$weight,
                       Tern_Matrix:$cotangent, F64Attr:$epsilon);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $input `,` $weight `,` $cotangent attr-dict `:` type($input) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def Tern_RopeOp : Tern_PartitionedOp<"rope",
    [DeclareOpInterfaceMethods<DifferentiableOpInterface>,
     AllTypesMatch<["input", "result"]>, AllTypesMatch<["cosine", "sine"]>]> {
  let summary = "Rotary position embedding, rotate-half";
  let description = [{
    `input` is `[B, S, H, D]`; token `s` stands at position `position + s`, or at
    `position[b, s]` where each token has one of its own, as packed samples do.
    Elements `i` and `i + R / 2` of a head, `i < R / 2`, are rotated by the
    angle whose cosine and sine are `cosine[p, i]` and `sine[p, i]` (tables
    `[P, R / 2]`); elements from `R` on pass through (Su et al. 2021,
    arXiv:2104.09864). `inverse` rotates back: it is the gradient. A token beyond
    the table stands at its last row. One before it, at -1 for none, is not
    rotated.

    Constraints: (C1) the table is at most `D / 2` wide; (C2) positions of tokens
    are `[B, S]`.

    ```mlir
    %y = tern.rope %x, %cos, %sin, %pos
        : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<i32>
    %z = tern.rope %x, %cos, %sin, %each
        : tensor<1x4x2x8xf32>, tensor<32x4xf32>, tensor<1x4xi32>
    ```
  }];
  let arguments = (ins Tern_Heads:$input, Tern_Matrix:$cosine, Tern_Matrix:$sine,
                       TensorRankOf<[I32], [0, 2]>:$position,
                       UnitAttr:$inverse);
  let results = (outs Tern_Heads:$result);
  let assemblyFormat = [{
    $input `,` $cosine `,` $sine `,` $position attr-dict `:` type($input) `,`
    type($cosine) `,` type($position)
  }];
  let hasVerifier = 1;
}

def Tern_CacheUpdateOp : Tern_PartitionedOp<"cache_update",
    [AllTypesMatch<["cache", "result"]>]> {
  let summary = "Writes the new rows of a key or value cache";
  let description = [{
    `result` is `cache` `[C, H, D]` with rows `position .. position + length - 1`
    replaced by the first `length` rows of `update` `[T, H, D]`. Rows beyond the
    cache are dropped, and all where `position` is negative, -1 for none. Floats
    are rounded to the type of `cache`, to nearest, ties to even.

    Constraints: (C1) `cache` and `update` agree but for the first dimension;
    (C2) both are floats, or both i8.

    ```mlir
    %c1 = tern.cache_update %c, %u, %pos, %len
        : tensor<32x2x8xf32>, tensor<4x2x8xf32>, tensor<i32>, tensor<i32>
    ```
  }];
  let arguments = (ins Tern_CacheRows:$cache, Tern_CacheRows:$update,
                       Tern_ScalarInt:$position, Tern_ScalarInt:$length);
  let results = (outs Tern_CacheRows:$result);
  let assemblyFormat = [{
    $cache `,` $update `,` $position `,` $length attr-dict `:` type($cache) `,`
    type($update) `,` type($position) `,` type($length)
  }];
  let hasVerifier = 1;
}

// Segments of the tokens of queries and of the columns of keys.
class Tern_SegmentsOf<string tensor, string segments>
    : OptionalTypesMatchWith<segments # " has one i32 a token of " # tensor,
                             tensor, segments, "getSegmentsType($_self)">;

// Scales of codes: one f32 for each row of a head of keys or values.
class Tern_RowScalesOf<string tensor, string scales>
    : OptionalTypesMatchWith<scales # " has one f32 a row of " # tensor, tensor,
                             scales, "getRowScaleType($_self)">;

def Tern_AttentionOp : Tern_PartitionedOp<"attention",
    [AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<DifferentiableOpInterface>,
     AllTypesMatch<["query", "result"]>, AllTypesMatch<["key", "value"]>,
     Tern_SegmentsOf<"query", "querySegments">,
     Tern_SegmentsOf<"key", "keySegments">,
     Tern_RowScalesOf<"key", "keyScales">,
     Tern_RowScalesOf<"key", "valueScales">]> {
  let summary = "Causal grouped-query attention";
  let description = [{
    `query` is `[B, S, H, G, D]`: `H` key-value heads, each read by `G` query
    heads; `key` and `value` are `[B, C, H, D]`. Per head
    `softmax(scale * query * key^T + mask) * value`, where token `s` sees columns
    `c <= position + s` (Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al.
    2023, arXiv:2305.13245). `scale` is `1 / sqrt(D)` if absent.

    A `window` restricts that to the last `window` columns, `c > position + s -
    window` (Beltagy et al. 2020, arXiv:2004.05150). Segments, `[B, S]` and
    `[B, C]`, restrict it to columns of the same one, so that samples can share a
    row; a token whose segment is negative, -1 for none, sees no column. A token
    that sees none gets zeros.

    Keys and values may be narrower than queries, whose type is computed in.
    Those of i8 are codes of `tern.quantize`, which row `c` of head `h` has to
    multiply by `keyScales[b, c, h]` and `valueScales[b, c, h]`.

    Constraints: (C1) `B`, `H` and `D` of `query` and `key` agree; (C2) segments
    of tokens and columns are given together; (C3) they have one i32 each; (C4)
    `window` is positive; (C5) scales are there for keys and values of i8 alone,
    one for each row of a head.

    ```mlir
    %o = tern.attention %q, %k, %v, %pos
        : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
    %p = tern.attention %q, %k, %v, %pos segments %qs, %ks
        {scale = 0.5 : f64, window = 2 : i64}
        : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
    %r = tern.attention %q, %k8, %v8, %pos scales %kt, %vt
        : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xi8>, tensor<i32>
    ```
  }];
  let arguments = (ins Tern_GroupedHeads:$query, Tern_CachedHeads:$key,
                       Tern_CachedHeads:$value, Tern_ScalarInt:$position,
                       Optional<2DTensorOf<[I32]>>:$querySegments,
                       Optional<2DTensorOf<[I32]>>:$keySegments,
                       Optional<3DTensorOf<[F32]>>:$keyScales,
                       Optional<3DTensorOf<[F32]>>:$valueScales,
                       OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<I64Attr>:$window);
  let results = (outs Tern_GroupedHeads:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $position
    (`segments` $querySegments^ `,` $keySegments)?
    (`scales` $keyScales^ `,` $valueScales)?
    attr-dict `:` type($query) `,` type($key) `,` type($position)
  }];
  // Every token sees all columns up to its own.
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$query,
                                 "::mlir::Value":$key, "::mlir::Value":$value,
                                 "::mlir::Value":$position), [{
    build($_builder, $_state, result, query, key, value, position,
          /*querySegments=*/::mlir::Value(), /*keySegments=*/::mlir::Value(),
          /*keyScales=*/::mlir::Value(), /*valueScales=*/::mlir::Value(),
          /*scale=*/nullptr, /*window=*/nullptr);
  }]>];
  let hasVerifier = 1;
}

def Tern_AttentionGradOp : Tern_PartitionedOp<"attention_grad",
    [AttrSizedOperandSegments,
     AllTypesMatch<["query", "cotangent", "queryGrad"]>,
     AllTypesMatch<["key", "value", "keyGrad", "valueGrad"]>,
     Tern_SegmentsOf<"query", "querySegments">,
     Tern_SegmentsOf<"key", "keySegments">]> {
  let summary = "Gradients of tern.attention";
  let description = [{
    Recomputes the probabilities `P` and returns the gradients of query, key and
    value. With `dP = cotangent * value^T`: `dS = P . (dP - rowsum(P . dP))`,
    `dQ = scale * dS * key`, `dK = scale * dS^T * query`, `dV = P^T * cotangent`.
    Segments, `scale` and `window` are those of `tern.attention`.

    Constraints: (C1) to (C4) of `tern.attention`.

    ```mlir
    %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %pos, %do
        : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
    ```

    ```mlir
    %a, %b, %c = tern.attention_grad %q, %k, %v, %pos, %do segments %qs, %ks {scale = 0.5 : f64, window = 2 : i64}
        : tensor<1x4x2x3x8xf32>, tensor<1x6x2x8xf32>, tensor<i32>
    ```
  }];
  let arguments = (ins Tern_GroupedHeads:$query, Tern_Heads:$key,
                       Tern_Heads:$value, Tern_ScalarInt:$position,
                       Tern_GroupedHeads:$cotangent,
                       Optional<2DTensorOf<[I32]>>:$querySegments,
                       Optional<2DTensorOf<[I32]>>:$keySegments,
                       OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<I64Attr>:$window);
  let results = (outs Tern_GroupedHeads:$queryGrad, Tern_Heads:$keyGrad,
                      Tern_Heads:$valueGrad);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $position `,` $cotangent
    (`segments` $querySegments^ `,` $keySegments)? attr-dict `:` type($query) `,`
    type($key) `,` type($position)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

def Tern_CrossEntropyOp : Tern_DifferentiableOp<"cross_entropy"> {
  let summary = "Cross entropy of each row against a sparse label";
  let description = [{
    `loss[t] = log(sum_v exp(logits[t, v])) - logits[t, labels[t]]`, and 0 where
    the label is negative (masked: -1 and -100 alike). A label beyond the columns
    has no logit: the host checks labels before. `optimize` rewrites it together with the
    head's product so that logits never exist whole.

    Constraints: (C1) `labels` and `loss` have one element a row of `logits`.

    ```mlir
    %l = tern.cross_entropy %x, %y : tensor<4x32xf32>, tensor<4xi32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$logits, 1DTensorOf<[I32]>:$labels);
  let results = (outs Tern_Vector:$loss);
  let assemblyFormat = [{
    $logits `,` $labels attr-dict `:` type($logits) `,` type($labels) `->` type($loss)
  }];
  let hasVerifier = 1;
}

def Tern_CrossEntropyGradOp : Tern_PartitionedOp<"cross_entropy_grad",
    [AllTypesMatch<["logits", "result"]>,
     AllTypesMatch<["maximum", "sum", "cotangent"]>]> {
  let summary = "Gradient of tern.cross_entropy for a chunk of the vocabulary";
  let description = [{
    `result[t, v] = cotangent[t] * (exp(logits[t, v] - maximum[t]) / sum[t] -
    [labels[t] == offset + v])`, and 0 where the label is negative. `maximum`
    and `sum` are the statistics of the whole row, `offset` the first column's
    index in the vocabulary.

    Constraints: (C1) `labels` and `cotangent` have one element a row.

    ```mlir
    %d = tern.cross_entropy_grad %x, %y, %max, %sum, %g {offset = 0 : i64}
        : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$logits, 1DTensorOf<[I32]>:$labels,
                       Tern_Vector:$maximum, Tern_Vector:$sum,
                       Tern_Vector:$cotangent, I64Attr:$offset);
  let results = (outs Tern_Matrix:$result);
  let assemblyFormat = [{
    $logits `,` $labels `,` $maximum `,` $sum `,` $cotangent attr-dict `:`
    type($logits) `,` type($labels) `,` type($maximum)
  }];
  let hasVerifier = 1;
}

def Tern_SoftmaxStatisticsOp : Tern_ComputeOp<"softmax_statistics",
    [AllTypesMatch<["maximum", "sum", "target", "newMaximum", "newSum", "newTarget"]>]> {
  let summary = "Running statistics of a softmax, a chunk of columns further";
  let description = [{
    The online softmax of Milakov and Gimelshein (2018, arXiv:1805.02867). Per
    row: `m' = max(m, max_v x)`, `s' = s * exp(m - m') + sum_v exp(x - m')`,
    `t' = t + x[label - offset]` where the label falls in this chunk; a negative
    one falls in none.
    Start from `m = -inf`, `s = 0`, `t = 0`; the loss is `log(s) + m - t`.

    Constraints: (C1) `labels` and the statistics have one element a row.

    ```mlir
    %m1, %s1, %t1 = tern.softmax_statistics %x, %y, %m, %s, %t {offset = 0 : i64}
        : tensor<4x32xf32>, tensor<4xi32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Tern_Matrix:$logits, 1DTensorOf<[I32]>:$labels,
                       Tern_Vector:$maximum, Tern_Vector:$sum,
                       Tern_Vector:$target, I64Attr:$offset);
  let results = (outs Tern_Vector:$newMaximum, Tern_Vector:$newSum,
                      Tern_Vector:$newTarget);
  let assemblyFormat = [{
    $logits `,` $labels `,` $maximum `,` $sum `,` $target attr-dict `:`
    type($logits) `,` type($labels) `,` type($maximum)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The optimizer
//===----------------------------------------------------------------------===//

def Tern_Scalar : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({}, "
          "::mlir::Float32Type::get($_self.getContext()))">,
    "tensor<f32>">, BuildableType<"::mlir::RankedTensorType::get({}, "
          "$_builder.getF32Type())">;

def Tern_BlockwiseAdamWOp : Tern_ComputeOp<"blockwise_adamw", [
    AllTypesMatch<["parameter", "gradient", "newParameter"]>,
    AllTypesMatch<["moment1", "moment2", "newMoment1", "newMoment2"]>,
    AllTypesMatch<["scale1", "scale2", "newScale1", "newScale2"]>]> {
  let summary = "Step of AdamW whose moments are 8-bit codes";
  let description = [{
    AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with `beta = (0.9,
    0.999)` and `epsilon = 1e-8`, on a parameter in rows, each a block of
    moments in the manner of Dettmers et al. (2022, arXiv:2110.02861): a scale,
    the largest magnitude of the block, and a code for each element divided by
    it. The step itself is made of the new moments before they are rounded.

    Codes are dynamic: of a decade of magnitudes `(10^(e-1), 10^e]`, `e <= 0`, the
    one of the largest has `2^(n-1)` equal steps, and each one below half as many.
    `moment1` has a sign and `n` = 7, seven decades, to the nearest. `moment2` is
    unsigned in an i8, with `n` = 8, eight decades; it holds the *square root* of
    the second moment, so that both have the same range, and is rounded up or down
    at random, without bias, by a hash of `seed`, row and column as in
    `tern.quantize_gradient`: a nearest code would stay for ever, since a step
    changes that moment by a thousandth.

    `clip`, `decay`, `step_size` and `root` are factors of the gradient and of the
    parameter, the learning rate by the first bias correction, and the square root
    of the second. Where one of `guards` is not finite, nothing changes.

    Constraints: (C1) `moment1` has the shape of `parameter`; (C2) `scale1` has an
    element a row; (C3) there is a guard.

    ```mlir
    %p1, %m1, %s1, %v1, %t1 = tern.blockwise_adamw %p, %g, %m, %s, %v, %t
        by %clip, %decay, %step_size, %root seed %seed guards %norm
        : tensor<4x256xf32>, tensor<4x256xi8>, tensor<4xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$parameter, 2DTensorOf<[F32]>:$gradient,
                       2DTensorOf<[I8]>:$moment1, 1DTensorOf<[F32]>:$scale1,
                       2DTensorOf<[I8]>:$moment2, 1DTensorOf<[F32]>:$scale2,
                       Tern_Scalar:$clip, Tern_Scalar:$decay,
                       Tern_Scalar:$stepSize, Tern_Scalar:$root,
                       Tern_Seed:$seed, Variadic<Tern_Scalar>:$guards);
  let results = (outs 2DTensorOf<[F32]>:$newParameter,
                      2DTensorOf<[I8]>:$newMoment1, 1DTensorOf<[F32]>:$newScale1,
                      2DTensorOf<[I8]>:$newMoment2, 1DTensorOf<[F32]>:$newScale2);
  let assemblyFormat = [{
    $parameter `,` $gradient `,` $moment1 `,` $scale1 `,` $moment2 `,` $scale2
    `by` $clip `,` $decay `,` $stepSize `,` $root `seed` $seed `guards` $guards
    attr-dict `:` type($parameter) `,` type($moment1) `,` type($scale1)
  }];
  let hasVerifier = 1;
}

#endif // STERNA_DIALECT_TERN_IR_TERNOPS_TD
