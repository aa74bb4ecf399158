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
    - `tern.state = #tern.state<...>`: a tensor that is kept between programs.
    - `tern.states = [#tern.state_part<...>, ...]`: several of them side by side
      in one flat tensor.
    - `tern.loss_scale`: the factor that every cotangent has.
    - `tern.unsigned`, beside `tern.input` or `tern.output`: its integers have no
      sign, which their type in the IR does not tell.
    - `tern.output = "name"`, of a result: an output of the program.
    - `tern.tied = number`, of a result: replaces the argument of that number,
      which has its type.
    - `tern.loss`, of a result: what the training of a graph lowers, by the
      parameters with `tern.trainable = "name"`, the name that users know
      (`--sterna-adapt-params` takes both away).

    A module says with these, also verified, what the device binary tells of it:

    - `tern.model = #tern.model<...>`: facts of the model.
    - `tern.tokenizer = #tern.tokenizer<...>`: its vocabulary.
    - `tern.shapes = #tern.shapes<...>`: the sizes its programs have.
    - `tern.lora = #tern.lora<...>`: the adapters it was given.
    - `tern.gradients = i16`: the integers of its ternary products' gradients.
    - `tern.optimizer = #tern.optimizer<...>`: how its training programs update.
    - `tern.phase = "adapt"`: the phase of compilation that it stands after.
  }];
  let hasOperationAttrVerify = 1;
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

// lib/Weights/StorageFormat.cpp has a row for each, in this order.
def Tern_StorageType : I32EnumAttr<"StorageType",
    "How a parameter's elements are stored in its source file", [
      I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"F16", 1, "f16">,
      I32EnumAttrCase<"BF16", 2, "bf16">, I32EnumAttrCase<"Q8_0", 3, "q8_0">,
      I32EnumAttrCase<"Q4_0", 4, "q4_0">, I32EnumAttrCase<"Q4_K", 5, "q4_k">,
      I32EnumAttrCase<"Q5_K", 6, "q5_k">, I32EnumAttrCase<"Q6_K", 7, "q6_k">,
      I32EnumAttrCase<"TQ1_0", 8, "tq1_0">,
      I32EnumAttrCase<"TQ2_0", 9, "tq2_0">, I32EnumAttrCase<"Q2_0", 10, "q2_0">,
      I32EnumAttrCase<"PQ2_0", 11, "pq2_0">,
      I32EnumAttrCase<"PTQ1_0", 12, "ptq1_0">,
      I32EnumAttrCase<"STQ1_0", 13, "stq1_0">,
      I32EnumAttrCase<"I2_S", 14, "i2_s">,
      I32EnumAttrCase<"I2_S_ARM", 15, "i2_s_arm">,
      I32EnumAttrCase<"BitNetU8", 16, "bitnet_u8">,
      I32EnumAttrCase<"MLXU2", 17, "mlx_u2">,
      I32EnumAttrCase<"F32Columns", 18, "f32_columns">,
      I32EnumAttrCase<"F16Columns", 19, "f16_columns">,
      I32EnumAttrCase<"BF16Columns", 20, "bf16_columns">,
      I32EnumAttrCase<"I8", 21, "i8">, I32EnumAttrCase<"I4", 22, "i4">,
      I32EnumAttrCase<"I2", 23, "i2">,
      I32EnumAttrCase<"I8Columns", 24, "i8_columns">
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
    rotate-half order for that many heads. `scales` is another such source, of
    a float matrix with a number for each row and each `group` columns, by which
    the elements of a table are multiplied.

    Constraint: `scales` is a `#tern.file` without scales, `group` is positive
    where there are any, else 0.
  }];
  let parameters = (ins StringRefParameter<>:$path, "uint64_t":$offset,
      EnumParameter<Tern_StorageType>:$storage,
      DefaultValuedParameter<"bool", "false">:$quantize,
      DefaultValuedParameter<"int64_t", "0">:$interleavedHeads,
      OptionalParameter<"::mlir::Attribute">:$scales,
      DefaultValuedParameter<"int64_t", "0">:$group);
  let builders = [AttrBuilder<(ins "::llvm::StringRef":$path,
      "uint64_t":$offset, "StorageType":$storage,
      CArg<"bool", "false">:$quantize, CArg<"int64_t", "0">:$interleavedHeads),
      [{
    return $_get($_ctxt, path, offset, storage, quantize, interleavedHeads,
                 ::mlir::Attribute(), 0);
  }]>];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tern_ElementsSourceAttr : AttrDef<Tern_Dialect, "ElementsSource"> {
  let mnemonic = "elements";
  let summary = "A parameter's elements lie in a file as in memory";
  let description = [{
    The elements of the parameter's own type, row-major and little-endian, from
    byte `offset` of the file `path` on; a boolean takes a byte, which is 0 or
    not. With `bits`, elements of type i8 are integers of so many bits, one after
    the other, the first in the low bits of a byte. `isUnsigned` says that
    integers have no sign.

    Constraint: `bits` is 0, 2 or 4.

    Example: `#tern.elements<path = "model.onnx", offset = 64>`
  }];
  let parameters = (ins StringRefParameter<>:$path, "uint64_t":$offset,
      DefaultValuedParameter<"unsigned", "0">:$bits,
      DefaultValuedParameter<"bool", "false">:$isUnsigned);
  let builders = [AttrBuilder<(ins "::llvm::StringRef":$path,
                                   "uint64_t":$offset), [{
    return $_get($_ctxt, path, offset, 0u, false);
  }]>];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
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

def Tern_BlockPart : I32EnumAttr<"BlockPart", "A part of a matrix in blocks", [
      I32EnumAttrCase<"Codes", 0, "codes">,
      I32EnumAttrCase<"Scales", 1, "scales">,
      I32EnumAttrCase<"Minimums", 2, "minimums">
    ]> {
  let cppNamespace = "::sterna::tern";
}

def Tern_BlocksAttr : AttrDef<Tern_Dialect, "Blocks"> {
  let mnemonic = "blocks";
  let summary = "A matrix in blocks of 4 or 6 bits an element, from its source";
  let description = [{
    One `part` of what tern.dequantize takes for the matrix `w` of `columns`
    columns that `of` describes, 32 to a block. All is computed in f32; scale and
    minimum are rounded to f16 before codes are made of them.

    `bits = 6`: `scale = max|w| / 31`,
    `code = clamp(round_half_even(w / scale), -31, 31) + 32`.
    `bits = 4`: `minimum = min w`, `scale = (max w - minimum) / 15`,
    `code = clamp(round_half_even((w - minimum) / scale), 0, 15)`.
    The quotient is 0 where the scale is.

    Constraints: `bits` is 4 or 6; `part` is `minimums` for 4 bits alone;
    `columns` is a positive multiple of 32.

    Example: `#tern.blocks<of = #tern.file<path = "m.gguf", offset = 64,
    storage = f16>, columns = 64, bits = 4, part = scales>`
  }];
  let parameters = (ins "FileSourceAttr":$of, "int64_t":$columns,
      "unsigned":$bits, EnumParameter<Tern_BlockPart>:$part);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tern_TernaryScalesAttr : AttrDef<Tern_Dialect, "TernaryScales"> {
  let mnemonic = "ternary_scales";
  let summary = "The scales of a ternary matrix, from its source";
  let description = [{
    Element `[r, g]`, f32, is the magnitude of those weights in row `r`, columns
    `g * group` to `(g + 1) * group - 1` that are not zero, 0 if there are none,
    of the matrix of `columns` columns that `of` describes, whose rows come in
    the order that `of` says. Where a group is a whole row, the parameter has
    one dimension. Where `of` is quantized, it is the scale of quantization.
    `factors`, if there are any, are multiplied in: there is one, or one for each
    row of the file, or a matrix with one for each row of the file and group.

    Constraints: `group` is 1 to `columns`; `numFactors` is 0 without `factors`,
    else positive; for a `tern.param` of `N` rows of `G` groups it is 1, `N` or
    `N * G`.

    Example: `#tern.ternary_scales<of = #tern.file<path = "m.gguf", offset = 64,
    storage = tq2_0>, columns = 1024, group = 256>`
  }];
  let parameters = (ins "FileSourceAttr":$of, "int64_t":$columns,
      "int64_t":$group, OptionalParameter<"FileSourceAttr">:$factors,
      DefaultValuedParameter<"int64_t", "0">:$numFactors);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tern_RopeTableSourceAttr : AttrDef<Tern_Dialect, "RopeTableSource"> {
  let mnemonic = "rope_table";
  let summary = "A table of rotary-embedding cosines or sines";
  let description = [{
    Element `[p, i]` is `amplitude` times `cos` (or `sin`) of
    `p * frequencies[i]`, computed in f64 when the device binary is written, so
    that all targets rotate alike. Which frequencies a model has,
    `theta^(-2 i / D)` or scaled in some way, and whether it turns the scores up
    with them (YaRN, arXiv:2309.00071), is its importer's matter.

    Constraints: the frequencies are f64, in one dimension, and so is the
    amplitude, 1 if absent.

    Example: `#tern.rope_table<frequencies = dense<[1.0, 0.01]> : tensor<2xf64>,
    sine = false>`
  }];
  // Arrays of f64 print six digits; these print all.
  let parameters = (ins "::mlir::DenseFPElementsAttr":$frequencies,
                        "bool":$sine,
                        OptionalParameter<"::mlir::FloatAttr">:$amplitude);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

// The device binary's enumeration: what it cannot name is no kind of state.
def Tern_StateKind : AttrParameter<"::sterna::tern::StateKind",
                                   "kind of a state tensor"> {
  let parser = "::sterna::tern::parseStateKind($_parser)";
  let printer = "$_printer << ::sterna::format::EnumNameStateKind($_self)";
}

def Tern_StateAttr : AttrDef<Tern_Dialect, "State"> {
  let mnemonic = "state";
  let summary = "A tensor that lives from one program run to the next";
  let description = [{
    `kind` is one of the device binary's (`StateKind` in module.fbs). A tensor
    of an adapter belongs to the projection `target` ("q_proj", ...) of `layer`,
    one of a KV cache to `layer` alone.

    Constraint: `name` is not empty.

    Example: `#tern.state<name = "blk.0.attn_q.lora_a", kind = lora_a,
    layer = 0, target = "q_proj">`
  }];
  let parameters = (ins StringRefParameter<>:$name, Tern_StateKind:$kind,
      DefaultValuedParameter<"int64_t", "0">:$layer,
      StringRefParameter<"projection of an adapter", [{""}]>:$target);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tern_StatePartAttr : AttrDef<Tern_Dialect, "StatePart"> {
  let mnemonic = "state_part";
  let summary = "A state tensor inside of a flat tensor";
  let description = [{
    `offset` counts elements of the flat tensor.

    Constraints: `type` has a static shape, `offset` is not negative.

    Example: `#tern.state_part<state = #tern.state<name = "a", kind = lora_a>,
    type = tensor<8x64xf32>, offset = 0>`
  }];
  let parameters = (ins "StateAttr":$state, "::mlir::RankedTensorType":$type,
                        "int64_t":$offset);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

// The device binary's enumeration, too.
def Tern_Projection : AttrParameter<"::sterna::tern::Projection",
                                    "linear of a transformer block"> {
  let parser = "::sterna::tern::parseProjection($_parser)";
  let printer = "$_printer << ::sterna::format::EnumNameProjection($_self)";
}

def Tern_RoleAttr : AttrDef<Tern_Dialect, "Role"> {
  let mnemonic = "role";
  let summary = "Which linear of the model an op is";
  let description = [{
    What `--sterna-adapt-lora` goes by, whatever the parameter is called. With
    `normed`, the input is the result of a `tern.rms_norm` that belongs to the
    linear: an adapter sees what that norm sees.

    Example: `#tern.role<layer = 3, projection = q_proj>`
  }];
  let parameters = (ins "int64_t":$layer, Tern_Projection:$projection,
                        DefaultValuedParameter<"bool", "false">:$normed);
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

def Tern_ModelAttr : AttrDef<Tern_Dialect, "Model"> {
  let mnemonic = "model";
  let summary = "Facts of the model, as the device binary tells them";
  let description = [{
    `contextLength` is the number of tokens that the model was made for;
    `int8Activations` says whether ternary linears quantize their input.
  }];
  let parameters = (ins StringRefParameter<>:$name,
      StringRefParameter<>:$architecture, "int64_t":$layers, "int64_t":$hidden,
      "int64_t":$feedForward, "int64_t":$heads, "int64_t":$kvHeads,
      "int64_t":$headDim, "int64_t":$vocabulary, "int64_t":$contextLength,
      "bool":$int8Activations);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tern_ShapesAttr : AttrDef<Tern_Dialect, "Shapes"> {
  let mnemonic = "shapes";
  let summary = "Sizes that the programs have";
  let description = [{
    `maxContext` is the number of rows of the KV cache; training and evaluation
    run `batch` sequences of `sequenceLength` tokens.
  }];
  let parameters = (ins "int64_t":$maxContext, "int64_t":$sequenceLength,
                        "int64_t":$batch);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tern_LoraAttr : AttrDef<Tern_Dialect, "Lora"> {
  let mnemonic = "lora";
  let summary = "Adapters that the programs have";
  let description = [{
    Constraint: `targets` holds names of projections alone.

    Example: `#tern.lora<rank = 8, targets = ["q_proj", "v_proj"]>`
  }];
  let parameters = (ins "int64_t":$rank, "::mlir::ArrayAttr":$targets);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

// The device binary's enumerations, too.
def Tern_OptimizerKind : AttrParameter<"::sterna::tern::OptimizerKind",
                                       "optimizer"> {
  let parser = "::sterna::tern::parseOptimizerKind($_parser)";
  let printer = "$_printer << ::sterna::format::EnumNameOptimizerKind($_self)";
}

def Tern_GradientClipping : AttrParameter<"::sterna::tern::GradientClipping",
                                          "when gradients are clipped"> {
  let parser = "::sterna::tern::parseGradientClipping($_parser)";
  let printer = "$_printer << ::sterna::format::EnumNameGradientClipping($_self)";
}

def Tern_OptimizerAttr : AttrDef<Tern_Dialect, "Optimizer"> {
  let mnemonic = "optimizer";
  let summary = "How the training programs update";
  let description = [{
    The optimizer, when it clips gradients, and the betas of its moments
    (Loshchilov and Hutter, arXiv:1711.05101), by which the runtime corrects
    their bias; 0 where it has none.

    Constraints: the betas are f64, in [0, 1).

    Example: `#tern.optimizer<kind = adamw, clipping = exact, beta1 = 0.9 : f64,
    beta2 = 0.999 : f64>`
  }];
  let parameters = (ins Tern_OptimizerKind:$kind,
                        Tern_GradientClipping:$clipping,
                        "::mlir::FloatAttr":$beta1,
                        "::mlir::FloatAttr":$beta2);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tern_TokenizerAttr : AttrDef<Tern_Dialect, "Tokenizer"> {
  let mnemonic = "tokenizer";
  let summary = "Vocabulary of the model";
  let description = [{
    As `Tokenizer` in module.fbs: token `i` has `lengths[i]` bytes of `pieces`,
    which lie one after the other, the score `scores[i]` and the type
    `types[i]`; `scores` and `types` may be empty. Ids of special tokens are -1
    where there is none; `endIds` end a generation, beside `eos`. `bytePairs` is
    what byte-pair encoding has besides, as `BytePairs` of module.fbs; other
    models have none. The arrays are resources, which stand at the
    end of a file of IR.

    Constraints: the arrays are of i8, i32, f32, i32 and i8, of one dimension;
    where scores and types are not empty, each has an element for each token.
  }];
  let parameters = (ins StringRefParameter<>:$model,
      "::mlir::DenseResourceElementsAttr":$pieces,
      "::mlir::DenseResourceElementsAttr":$lengths,
      "::mlir::DenseResourceElementsAttr":$scores,
      "::mlir::DenseResourceElementsAttr":$types,
      OptionalParameter<"::mlir::DenseResourceElementsAttr">:$bytePairs,
      DefaultValuedParameter<"int64_t", "-1">:$bos,
      DefaultValuedParameter<"int64_t", "-1">:$eos,
      DefaultValuedParameter<"int64_t", "-1">:$unk,
      DefaultValuedParameter<"int64_t", "-1">:$pad,
      DefaultValuedParameter<"bool", "true">:$addBos,
      DefaultValuedParameter<"bool", "true">:$addSpacePrefix,
      StringRefParameter<"Jinja template", [{""}]>:$chatTemplate,
      "::mlir::DenseI32ArrayAttr":$endIds);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // STERNA_DIALECT_TERN_IR_TERNDIALECT_TD
