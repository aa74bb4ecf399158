//===- TernDialect.td - Dialect, type and attributes -------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `tern` dialect, its element type and the attributes of parameters.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DIALECT_TERN_IR_TERNDIALECT_TD
#define STERNA_DIALECT_TERN_IR_TERNDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Tern_Dialect : Dialect {
  let name = "tern";
  let cppNamespace = "::sterna::tern";
  let summary = "Ternary transformers on tensors";
  let description = [{
    What upstream dialects lack to say about ternary language models: the
    element type `!tern.trit`, parameters that live in a file, the linear layer
    with its two quantizers, and the few composites of a transformer block
    together with the ops that their gradients need. Everything elementwise is
    `arith` and `math` on tensors; every other contraction is `linalg`.

    Every op has a reference decomposition into upstream ops
    (`--sterna-decompose`), so that a new target works from day one.

    A program function says with these attributes, which are verified, what its
    arguments and results are to the host:

    - `tern.input = "name"`: an input of the program.
    - `tern.state = {name, kind, layer, target}`: a tensor that is kept between
      programs, of a kind such as "kv_cache" or "lora_a"; for adapters, of the
      linear `target` in `layer`.
    - `tern.states = [{name, kind, layer, target, type, offset}, ...]`: several
      of them side by side in one flat tensor; `offset` counts elements.
    - `tern.loss_scale`: the factor that every cotangent has.
    - `tern.output = "name"`, of a result: an output of the program.
    - `tern.tied = number`, of a result: replaces the argument of that number.
  }];
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Tern_TritType : TypeDef<Tern_Dialect, "Trit"> {
  let mnemonic = "trit";
  let summary = "A ternary digit: -1, 0 or 1";
  let description = [{
    Element type of ternary weights, as in `tensor<6912x2560x!tern.trit>`. It
    has no size of its own: a layout attribute on the tensor says how trits are
    packed.
  }];
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Tern_PanelAttr : AttrDef<Tern_Dialect, "Panel"> {
  let mnemonic = "panel";
  let summary = "Packed layout of a ternary matrix: interleaved panels";
  let description = [{
    Rows are grouped in panels of `rows`; a panel is stored as blocks of
    `columns` columns, one after the other, so that a product reads one
    sequential stream. A block is `4 * rows` bytes: byte `4 * r + c` holds row
    `r`, columns `4 j + c` of the block for `j < columns / 4`. Missing rows and
    columns at the edges hold zeros.

    `columns = 16` has four trits to a byte, two bits each: bits
    `2 j .. 2 j + 1` are the code `trit + 1`.

    `columns = 20` has five trits to a byte, in base 3 (1.6 bits each). With
    `v = sum_j (trit_j + 1) * 3^(4 - j)`, 0 to 242, the byte is
    `ceil(v * 256 / 243) - 128`, signed: a fraction of 256 whose digits come out
    one after the other, as `s`, `3 s`, `9 s`, ... modulo 256 are at least 43
    for 1, at most -43 for -1, and between for 0. Compare TQ1_0 of GGUF, whose
    bytes are these plus 128.

    Constraints: `rows` is positive, `columns` 16 or 20.

    Example: `tensor<768x3072x!tern.trit, #tern.panel<rows = 8, columns = 16>>`
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether bytes hold five trits in base 3, not four of two bits.
    bool isBase3() const { return getColumns() == 20; }

    int64_t getTritsPerByte() const { return getColumns() / 4; }

    int64_t getBlockBytes() const { return 4 * getRows(); }

    /// Bytes that a matrix of `numRows` x `numColumns` takes in this layout.
    int64_t getPackedBytes(int64_t numRows, int64_t numColumns) const;
  }];
}

def Tern_StorageType : I32EnumAttr<"StorageType",
    "How a parameter's elements are stored in its source file", [
      I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"F16", 1, "f16">,
      I32EnumAttrCase<"BF16", 30, "bf16">, I32EnumAttrCase<"Q8_0", 8, "q8_0">,
      I32EnumAttrCase<"TQ1_0", 34, "tq1_0">,
      I32EnumAttrCase<"TQ2_0", 35, "tq2_0">
    ]> {
  let cppNamespace = "::sterna::tern";
}

def Tern_FileSourceAttr : AttrDef<Tern_Dialect, "FileSource"> {
  let mnemonic = "file";
  let summary = "A parameter's elements are in a file";
  let description = [{
    `path` and `offset` (bytes) name the source; `storage` how it is stored.
    `quantize` is true when latent floats are made ternary by absmean on the
    way. `interleavedHeads` is not zero when rows come in the order of
    interleaved rotary embedding (GGUF architecture `llama`) and are brought to
    rotate-half order for that many heads.
  }];
  let parameters = (ins StringRefParameter<>:$path, "uint64_t":$offset,
      EnumParameter<Tern_StorageType>:$storage,
      DefaultValuedParameter<"bool", "false">:$quantize,
      DefaultValuedParameter<"int64_t", "0">:$interleavedHeads);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tern_RowScalesAttr : AttrDef<Tern_Dialect, "RowScales"> {
  let mnemonic = "row_scales";
  let summary = "The scales of a matrix of signed bytes, from its source";
  let description = [{
    Element `[r]`, f32, is `max_k |w[r, k]| / 127` of the matrix `w` of `columns`
    columns that `of` describes, 0 for a row of zeros. A parameter of element type i8 from the same
    file holds `clamp(round_half_even(w[r, k] / scale[r]), -127, 127)`: symmetric
    quantization per row, of which `value * scale` is the inverse.

    Example: `#tern.row_scales<of = #tern.file<path = "m.gguf", offset = 64,
    storage = f16>, columns = 8>`
  }];
  let parameters = (ins "FileSourceAttr":$of, "int64_t":$columns);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tern_RopeTableSourceAttr : AttrDef<Tern_Dialect, "RopeTableSource"> {
  let mnemonic = "rope_table";
  let summary = "A table of rotary-embedding cosines or sines";
  let description = [{
    Element `[p, i]` is `cos` (or `sin`) of `p / scaling * theta^(-2 i / D)`,
    computed in f64 when the device binary is written, so that all targets
    rotate alike.
  }];
  let parameters = (ins "::mlir::FloatAttr":$theta, "::mlir::FloatAttr":$scaling,
                        "bool":$sine);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // STERNA_DIALECT_TERN_IR_TERNDIALECT_TD
