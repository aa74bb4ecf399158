#!/usr/bin/env python3
# ===- make_seeds.py - Where fuzzers begin --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write the seeds of corpus/: small valid files of each kind.

  make_seeds.py CORPUS

Python is one with the package onnx, build/onnx/bin/python3.

onnx/long-varint.onnx is not made here: a fuzzer found it, a number of more bytes
than 64 bits have.

Device binaries are not among them: their version rises with the format, so
that sterna-fuzz-module-seed makes one anew.
"""

import json
import pathlib
import struct
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_from_external_data

_ORACLE = pathlib.Path(__file__).resolve().parent.parent / "oracle"
sys.path.insert(0, str(_ORACLE))
sys.path.insert(0, str(_ORACLE.parent.parent / "benchmarks"))

import gguf  # noqa: E402
from make_decoder import SPELLINGS, Decoder  # noqa: E402
from make_model import Variant, make_tensors, model_metadata  # noqa: E402
from published import Shapes, config  # noqa: E402

ROWS = {
    "text": {"text": "The tern is a sea bird."},
    "tokens": {"input_ids": [1, 70, 71, 72], "labels": [-100, 70, 71, 72]},
    "completion": {"prompt": "A tern", "completion": " flies."},
    "instruction": {"instruction": "Name it.", "input": "", "output": "Tern"},
    "messages": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which bird?"},
            {"role": "assistant", "content": "\u00c9l\u00e9gante sterne"},
        ]
    },
}


def write_models(folder):
    shape = {"hidden": 8, "feed_forward": 16, "heads": 2, "layers": 1}
    wide = {**shape, "hidden": 64, "feed_forward": 64, "kv_heads": 2}
    variants = {
        "bitnet": Variant("", kv_heads=1, **shape),
        "bitnet-scales": Variant("", kv_heads=2, separate_scales=True, **shape),
        "llama": Variant("", "llama", kv_heads=2, sub_norms=False, **shape),
        "i2_s": Variant("", matrix_type="i2_s", embedding_type="q4_0", **wide),
        "q2_0": Variant(
            "", matrix_type="q2_0-64", embedding_type="q4_0", **wide
        ),
    }
    for name, variant in variants.items():
        gguf.write(
            folder / f"{name}.gguf",
            model_metadata(name, variant),
            make_tensors(variant, seed=1),
        )


def write_rows(folder):
    for name, row in ROWS.items():
        line = json.dumps(row, ensure_ascii=False)
        (folder / f"{name}.jsonl").write_text(f"{line}\n{line}\n")
    rows = json.dumps(list(ROWS.values())[:2])
    (folder / "array.json").write_text(rows)
    (folder / "plain.txt").write_text("The tern\nis a sea bird.\n")


def write_arrays(folder):
    np.save(folder / "f32.npy", np.arange(6, dtype="<f4").reshape(2, 3))
    np.save(folder / "i32.npy", np.arange(3, dtype="<i4"))
    np.save(folder / "scalar.npy", np.float32(1))
    np.save(folder / "f64.npy", np.zeros(2))
    np.savez(folder / "two.npz", x=np.arange(3, dtype="<f4"), y=np.zeros(1))


def write_safetensors(folder):
    kinds = {"F32": 4, "F16": 2, "BF16": 2}
    header = {"__metadata__": {"format": "pt"}}
    end = 0
    for kind, size in kinds.items():
        begin, end = end, end + 6 * size
        header[kind] = {
            "dtype": kind,
            "shape": [2, 3],
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    (folder / "tensors.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + bytes(end)
    )
    (folder / "empty.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


def write_checkpoints(folder):
    packed = {"quant_method": "bitnet", "linear_class": "autobitlinear"}
    rope = {"rope_type": "yarn", "factor": 4.0}
    small = (8, 16, 1, 2, 1, 8)
    models = {
        "bitnet": config(
            "BitNetForCausalLM",
            *small,
            hidden_act="relu2",
            rope_theta=1e4,
            quantization_config={**packed, "quantization_mode": "offline"},
        ),
        "llama": config(
            "LlamaForCausalLM",
            *small,
            rope_theta=1e4,
            rope_scaling={**rope, "original_max_position_embeddings": 1024},
        ),
        "qwen3": config(
            *("Qwen3ForCausalLM", 64, 64, 1, 2, 1, 8),
            head_dim=32,
            rope_theta=1e6,
            tie_word_embeddings=True,
            quantization={"bits": 2, "group_size": 64},
        ),
    }
    for name, model in models.items():
        path = folder / name
        Shapes(model).write(path, fill=True)
        text = json.dumps(model).encode()
        path.write_bytes(text + b"\0" + path.read_bytes())


def tokenizer_json(pieces, merges, added, **members):
    """A tokenizer.json whose ids are the places of its pieces."""
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    model.update(members.pop("model", {}))
    tokens = [
        {"id": vocabulary.get(content, len(pieces) + place), "content": content}
        | flags
        for place, (content, flags) in enumerate(added.items())
    ]
    return json.dumps(
        {"added_tokens": tokens, "model": model} | members, ensure_ascii=False
    )


def byte_tokenizer():
    pattern = r"(?i:'s|'t)|[^\s\p{L}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+"
    split = {"pattern": {"Regex": pattern}, "behavior": "Isolated"}
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    digits = {"type": "Digits", "individual_digits": True}
    marks = {"type": "Punctuation", "behavior": "Contiguous"}
    steps = [marks, {"type": "Split", "invert": False} | split, bytes_, digits]
    return tokenizer_json(
        ["a", "b", "\u0120", "\u00c3", "\u00a9", "ab", "\u0120ab", "1"],
        ["a b", "\u0120 ab"],
        {"<|x|>": {"special": True}, "b ": {"lstrip": True, "single_word": True}},
        normalizer={"type": "NFC"},
        pre_tokenizer={"type": "Sequence", "pretokenizers": steps},
        decoder=bytes_,
        model={"ignore_merges": True},
    )


def marked_tokenizer():
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    space = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    steps = [{"type": "Prepend", "prepend": "\u2581"}, mark]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    decoders = [
        space,
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    return tokenizer_json(
        ["<unk>", "<s>", "<0xC3>", "<0xA9>", "\u2581", "a", "\u2581a", "aa"],
        [["\u2581", "a"], ["a", "a"]],
        {"<unk>": {"special": True}, "<s>": {"special": True, "rstrip": True}},
        normalizer={"type": "Sequence", "normalizers": steps},
        post_processor=template,
        decoder={"type": "Sequence", "decoders": decoders},
        model={"unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True},
    )


def write_tokenizers(folder):
    """A tokenizer.json, a text and two configurations, with a zero between."""
    config = json.dumps({"bos_token": "<s>", "add_bos_token": True})
    generation = json.dumps({"eos_token_id": [0, 1]})
    for name, parts in {
        "bytes": [byte_tokenizer(), "ab <|x|> b abe\u0301\u00e9 12\n\n"],
        "marked": [marked_tokenizer(), "a aaa <s> \u2581", config, generation],
    }.items():
        (folder / f"{name}.bin").write_bytes("\0".join(parts).encode())


def write_graphs(folder):
    """Graphs whose shapes are computed, with a function, a loop and a tensor
    that is outlined."""
    node, value = helper.make_node, helper.make_tensor_value_info
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    body = helper.make_graph(
        [node("Add", ["t", "x"], ["u"]), node("Identity", ["go"], ["on"])],
        "body",
        [
            value("i", ints, []),
            value("go", TensorProto.BOOL, []),
            value("t", floats, ["n", 4]),
        ],
        [value("on", TensorProto.BOOL, []), value("u", floats, ["n", 4])],
    )
    bend = helper.make_function(
        "local",
        "Bend",
        ["a"],
        ["b"],
        [node("LeakyRelu", ["a"], ["b"], alpha=0.5)],
        [helper.make_opsetid("", 21)],
    )
    shapes = [
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "zero", "one"], ["head"]),
        node("Concat", ["head", "minus"], ["wanted"], axis=0),
        node("Reshape", ["x", "wanted"], ["y"]),
        node("Loop", ["two", "", "x"], ["sum"], body=body),
        node("Bend", ["sum"], ["z"], domain="local"),
        node("Softmax", ["z"], ["p"], axis=-1),
        node("TopK", ["p", "one"], ["most", "where"]),
    ]
    products = [
        node("MatMul", ["x", "w"], ["m"]),
        node("LayerNormalization", ["m", "g"], ["h"]),
        node("Gather", ["w", "ids"], ["rows"]),
        node("Einsum", ["rows", "w"], ["e"], equation="ij,kj->ik"),
        node("QuantizeLinear", ["h", "scale"], ["q"]),
        node("DequantizeLinear", ["q", "scale"], ["d"]),
        node("ReduceSum", ["d"], ["r"]),
    ]
    # A norm, BitNet's quantizer, and two products with trits.
    raised = [
        node("Mul", ["x", "x"], ["squares"]),
        node("ReduceMean", ["squares", "minus"], ["mean"], keepdims=1),
        node("Add", ["mean", "scale"], ["moved"]),
        node("Sqrt", ["moved"], ["root"]),
        node("Div", ["x", "root"], ["normed"]),
        node("Abs", ["normed"], ["magnitudes"]),
        node("ReduceMax", ["magnitudes", "minus"], ["largest"], keepdims=1),
        node("Max", ["largest", "floor"], ["most"]),
        node("Div", ["codes", "most"], ["factor"]),
        node("Mul", ["normed", "factor"], ["stretched"]),
        node("Round", ["stretched"], ["code"]),
        node("Div", ["code", "factor"], ["quantized"]),
        node("DequantizeLinear", ["trits", "scale"], ["matrix"]),
        node("MatMul", ["quantized", "matrix"], ["y"]),
        node("DynamicQuantizeLinear", ["x"], ["bytes", "step", "origin"]),
        node("MatMulInteger", ["bytes", "trits", "origin"], ["sums"]),
    ]
    arrays = {
        "trits": (np.arange(4 * 300).reshape(4, 300) * 7 % 3 - 1).astype(np.int8),
        "floor": np.array(1e-5, np.float32),
        "codes": np.array(127, np.float32),
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array(2),
        "minus": np.array([-1]),
        "w": np.zeros((4, 80), np.float32),
        "g": np.ones(80, np.float32),
        "scale": np.array(0.5, np.float32),
    }
    for name, nodes, outputs in (
        ("shapes", shapes, ["y", "most", "where"]),
        ("products", products, ["e", "r"]),
        ("raised", raised, ["y", "sums"]),
    ):
        used = {name for each in nodes for name in each.input}
        graph = helper.make_graph(
            nodes,
            name,
            [value("x", floats, ["n", 4])]
            + [value("ids", ints, [2])] * ("ids" in used),
            [value(output, floats, None) for output in outputs],
            [
                numpy_helper.from_array(array, key)
                for key, array in arrays.items()
                if key in used
            ],
        )
        sets = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
        model = helper.make_model(graph, opset_imports=sets, functions=[bend])
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def write_decoders(folder):
    """Graphs that become language models, with their weights inside."""
    for name, has_past, spelling in (
        ("decoder", False, {"activations": "int8"}),
        (
            "decoder-past",
            True,
            {
                "weights": "int8-rows",
                "norms": "op",
                "rotary": "split",
                "attention": "op",
            },
        ),
    ):
        first = {key: choices[0] for key, choices in SPELLINGS.items()}
        with tempfile.TemporaryDirectory() as made:
            path = f"{made}/{name}.onnx"
            Decoder(path, "seed", first | spelling, has_past).write()
            model = onnx.load(path)
        convert_model_from_external_data(model)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    corpus = pathlib.Path(sys.argv[1])
    for name, write in {
        "checkpoint": write_checkpoints,
        "gguf": write_models,
        "json-lines": write_rows,
        "npy": write_arrays,
        "onnx": write_graphs,
        "safetensors": write_safetensors,
        "tokenizer-json": write_tokenizers,
    }.items():
        (corpus / name).mkdir(parents=True, exist_ok=True)
        write(corpus / name)
    write_decoders(corpus / "onnx")


if __name__ == "__main__":
    main()
