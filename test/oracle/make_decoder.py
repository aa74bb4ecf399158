#!/usr/bin/env python3
# ===- make_decoder.py - Graphs of ternary decoders in many spellings -----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# One random model, written as a graph of ONNX in the ways that exporters have of
# writing it, and computed by NumPy in f64. Weights are streamed to a file beside
# the graph, so that models of billions of weights can be made.
# ===----------------------------------------------------------------------=== #
"""Write a random ternary decoder as a graph of ONNX.

  make_decoder.py OUT.onnx [--size=tiny|seed|1.7b] [--weights=SPELLING]
                  [--norms=SPELLING] [--rotary=SPELLING] [--attention=SPELLING]
                  [--activations=float|int8] [--past] [--reference=OUT.npy]

  weights    columns: float32, as products read them; rows: the same as linears
             have them, behind Transpose; gemm; half: float16 behind Cast; int8,
             int8-rows: DequantizeLinear of one scale or one a row; int4; int2:
             the same with a scale for each group of 32 columns; nbits:
             MatMulNBits of 2 bits
  norms      parts: Pow, ReduceMean, Sqrt, Reciprocal; root: Div by Sqrt of Mul;
             op: SimplifiedLayerNormalization
  rotary     half: slices, Neg, Concat; split: two halves; op: RotaryEmbedding
  attention  parts: MatMul, Where, Softmax; op: Attention; group:
             GroupQueryAttention, which rotates by tables of its own

The reference is the logits of IDS.
"""

import argparse
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZES = {
    "tiny": {
        "vocabulary": 277,
        "hidden": 64,
        "wide": 96,
        "layers": 2,
        "heads": 4,
        "kv_heads": 2,
        "width": 32,
        "head_norms": False,
        "theta": 5e5,
    },
    # As small as a fuzzer's seed.
    "seed": {
        "vocabulary": 24,
        "hidden": 16,
        "wide": 32,
        "layers": 1,
        "heads": 2,
        "kv_heads": 1,
        "width": 8,
        "head_norms": True,
        "theta": 1e4,
    },
    # Of Qwen3-1.7B.
    "1.7b": {
        "vocabulary": 151936,
        "hidden": 2048,
        "wide": 6144,
        "layers": 28,
        "heads": 16,
        "kv_heads": 8,
        "width": 128,
        "head_norms": True,
        "theta": 1e6,
    },
}
EPSILON, GROUP = 1e-5, 32
IDS = [(7 * i * i + 3 * i + 5) % 277 for i in range(24)]
SPELLINGS = {
    "weights": (
        ["columns", "rows", "gemm", "half"]
        + ["int8", "int8-rows", "int4", "int2", "nbits"]
    ),
    "norms": ["parts", "root", "op"],
    "rotary": ["half", "split", "op"],
    "attention": ["parts", "op", "group"],
    "activations": ["float", "int8"],
}


def pack(values, bits):
    """Integers of `bits` bits, the first in the low bits of a byte."""
    fields = (values.reshape(-1, 8 // bits) & (2**bits - 1)).astype(np.uint8)
    return sum(fields[:, i] << (bits * i) for i in range(8 // bits)).astype(
        np.uint8
    )


class Writer:
    """Nodes and tensors of a graph, the large ones in a file beside it."""

    def __init__(self, path):
        self.path, self.nodes, self.tensors = path, [], []
        self.data = open(path + ".data", "wb")

    def node(self, op, inputs, output, domain="", **attributes):
        self.nodes.append(
            helper.make_node(
                op, inputs, [output], f"/{output}", domain=domain, **attributes
            )
        )
        return output

    def constant(self, name, values):
        array = np.ascontiguousarray(values)
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def external(self, name, shape, kind, raw):
        """A tensor of `shape` whose bytes are streamed."""
        self.data.write(b"\0" * (-self.data.tell() % 64))
        tensor = TensorProto(name=name, dims=shape, data_type=kind)
        tensor.data_location = TensorProto.EXTERNAL
        place = {
            "location": os.path.basename(self.path) + ".data",
            "offset": self.data.tell(),
            "length": len(raw),
        }
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.data.write(raw)
        self.tensors.append(tensor)
        return name

    def floats(self, name, values, kind=np.float32):
        values = np.ascontiguousarray(values, kind)
        number = helper.np_dtype_to_tensor_dtype(values.dtype)
        return self.external(name, values.shape, number, values.tobytes())


class Decoder:
    def __init__(self, path, size, spelling, has_past=False, keeps=True):
        self.__dict__.update(SIZES[size])
        self.spell, self.has_past, self.keeps = spelling, has_past, keeps
        self.random = np.random.default_rng(1)
        self.w = Writer(path)
        self.values = {}  # what the reference computes with

    # ----- weights ------------------------------------------------------------

    def linear(self, name, x, rows, columns):
        """x times a random ternary matrix, in its spelling."""
        w, kind = self.w, self.spell["weights"]
        if self.spell["activations"] == "int8":
            x = self.quantize(name, x)
        trits = self.random.integers(-1, 2, (rows, columns), dtype=np.int8)
        scale_shape = {
            "int8-rows": (rows, 1),
            "int2": (rows, columns // GROUP),
            "nbits": (rows, columns // GROUP),
        }.get(kind, (1, 1))
        low = 0.5 / columns**0.5
        scale = self.random.uniform(low, 2 * low, scale_shape).astype(np.float32)
        if kind == "half":
            scale = scale.astype(np.float16).astype(np.float32)
        if self.keeps:
            spread = np.repeat(scale, columns // scale_shape[1], axis=1)
            self.values[name] = trits * spread.astype(np.float64)
        if kind == "nbits":
            return self.multiply_bits(name, x, trits, scale)
        matrix = self.matrix(name, kind, trits, scale)
        if kind == "gemm":
            flat = w.node("Reshape", [x, f"flat{columns}"], f"{name}.flat")
            y = w.node("Gemm", [flat, matrix], f"{name}.gemm", transB=1)
            return w.node("Reshape", [y, f"unflat{rows}"], f"{name}.y")
        return w.node("MatMul", [x, matrix], f"{name}.y")

    def matrix(self, name, kind, trits, scale):
        w = self.w
        if kind in ("columns", "rows", "gemm"):
            values = trits * scale
            if kind == "columns":
                return w.floats(f"{name}.w", values.T)
            matrix = w.floats(f"{name}.w", values)
            if kind == "gemm":
                return matrix
        elif kind == "half":
            half = w.floats(f"{name}.w", (trits * scale).T, np.float16)
            return w.node("Cast", [half], f"{name}.f32", to=TensorProto.FLOAT)
        elif kind in ("int8", "int8-rows"):
            q = w.external(
                f"{name}.q", trits.T.shape, TensorProto.INT8, trits.T.tobytes()
            )
            s = w.constant(
                f"{name}.s", scale.ravel() if kind == "int8-rows" else scale[0, 0]
            )
            return w.node("DequantizeLinear", [q, s], f"{name}.w", axis=1)
        elif kind == "int4":
            q = w.external(
                f"{name}.q",
                trits.shape,
                TensorProto.INT4,
                pack(trits, 4).tobytes(),
            )
            s = w.constant(f"{name}.s", scale[0, 0])
            matrix = w.node("DequantizeLinear", [q, s], f"{name}.w", axis=0)
        else:
            q = w.external(
                f"{name}.q",
                trits.shape,
                TensorProto.INT2,
                pack(trits, 2).tobytes(),
            )
            s = w.floats(f"{name}.s", scale)
            matrix = w.node(
                "DequantizeLinear",
                [q, s],
                f"{name}.w",
                axis=1,
                block_size=GROUP,
            )
        return w.node("Transpose", [matrix], f"{name}.t", perm=[1, 0])

    def multiply_bits(self, name, x, trits, scale):
        rows, columns = trits.shape
        blocks = columns // GROUP
        q = self.w.external(
            f"{name}.q",
            (rows, blocks, GROUP // 4),
            TensorProto.UINT8,
            pack(trits + 1, 2).tobytes(),
        )
        s = self.w.floats(f"{name}.s", scale.ravel())
        zeros = np.full(rows * -(-blocks // 4), 0x55, np.uint8)
        z = self.w.constant(f"{name}.z", zeros)
        return self.w.node(
            "MatMulNBits",
            [x, q, s, z],
            f"{name}.y",
            "com.microsoft",
            K=columns,
            N=rows,
            bits=2,
            block_size=GROUP,
        )

    def quantize(self, name, x):
        """BitNet's quantizer and its inverse, as PyTorch writes them."""
        w = self.w
        most = w.node("Abs", [x], f"{name}.abs")
        most = w.node("ReduceMax", [most, "minus1"], f"{name}.max", keepdims=1)
        most = w.node("Clip", [most, "least"], f"{name}.clip")
        scale = w.node("Div", ["c127", most], f"{name}.scale")
        code = w.node("Mul", [x, scale], f"{name}.scaled")
        code = w.node("Round", [code], f"{name}.round")
        code = w.node("Clip", [code, "c-128", "c127"], f"{name}.code")
        return w.node("Div", [code, scale], f"{name}.fake")

    # ----- parts --------------------------------------------------------------

    def norm(self, name, x, size):
        w, kind = self.w, self.spell["norms"]
        weight = self.random.uniform(0.8, 1.2, size).astype(np.float32)
        g = w.constant(f"{name}.g", weight)
        self.values[f"{name}.g"] = weight.astype(np.float64)
        if kind == "op":
            return w.node(
                "SimplifiedLayerNormalization",
                [x, g],
                f"{name}.n",
                axis=-1,
                epsilon=EPSILON,
            )
        square = ["Pow", [x, "two"]] if kind == "parts" else ["Mul", [x, x]]
        mean = w.node(*square, f"{name}.square")
        mean = w.node("ReduceMean", [mean, "minus1"], f"{name}.mean", keepdims=1)
        mean = w.node("Add", [mean, "eps"], f"{name}.eps")
        root = w.node("Sqrt", [mean], f"{name}.root")
        if kind == "root":
            y = w.node("Div", [x, root], f"{name}.x")
            return w.node("Mul", [y, g], f"{name}.n")
        inverse = w.node("Reciprocal", [root], f"{name}.inverse")
        y = w.node("Mul", [x, inverse], f"{name}.x")
        return w.node("Mul", [g, y], f"{name}.n")

    def rotate(self, name, x):
        """Heads [batch, heads, tokens, width] by their positions."""
        w, kind = self.w, self.spell["rotary"]
        if kind == "op":
            inputs = [x, "cos.cache", "sin.cache", "positions"]
            return w.node("RotaryEmbedding", inputs, f"{name}.o")
        a = w.node("Slice", [x, "at0", "half", "minus1"], f"{name}.a")
        b = w.node("Slice", [x, "half", "end", "minus1"], f"{name}.b")
        if kind == "half":
            turned = w.node("Neg", [b], f"{name}.neg")
            turned = w.node("Concat", [turned, a], f"{name}.turned", axis=-1)
            same = w.node("Mul", [x, "cos"], f"{name}.cos")
            turned = w.node("Mul", [turned, "sin"], f"{name}.sin")
            return w.node("Add", [same, turned], f"{name}.o")
        parts = []
        for part, op, (p, q) in (("l", "Sub", (a, b)), ("r", "Add", (b, a))):
            x1 = w.node("Mul", [p, "cos.half"], f"{name}.{part}1")
            x2 = w.node("Mul", [q, "sin.half"], f"{name}.{part}2")
            parts.append(w.node(op, [x1, x2], f"{name}.{part}"))
        return w.node("Concat", parts, f"{name}.o", axis=-1)

    def attention(self, name, x):
        w = self.w

        def heads(part, count):
            y = self.linear(f"{name}.{part}", x, count * self.width, self.hidden)
            y = w.node("Reshape", [y, f"heads{count}"], f"{name}.{part}.h")
            if self.head_norms and part != "v":
                y = self.norm(f"{name}.{part}norm", y, self.width)
            return w.node(
                "Transpose", [y], f"{name}.{part}.tr", perm=[0, 2, 1, 3]
            )

        if self.spell["attention"] == "group":
            y = self.attend_in_groups(name, x)
            return self.linear(
                f"{name}.o", y, self.hidden, self.heads * self.width
            )
        q = self.rotate(f"{name}.q", heads("q", self.heads))
        k = self.rotate(f"{name}.k", heads("k", self.kv_heads))
        v = heads("v", self.kv_heads)
        if self.has_past:
            k = w.node("Concat", [f"past.{name}.key", k], f"{name}.k+", axis=2)
            v = w.node("Concat", [f"past.{name}.value", v], f"{name}.v+", axis=2)
        if self.spell["attention"] == "op":
            y = w.node("Attention", [q, k, v], f"{name}.a", is_causal=1)
        else:
            y = self.attend(name, q, self.repeat(k), self.repeat(v))
        y = w.node("Transpose", [y], f"{name}.at", perm=[0, 2, 1, 3])
        y = w.node("Reshape", [y, "rows"], f"{name}.ar")
        return self.linear(f"{name}.o", y, self.hidden, self.heads * self.width)

    def attend_in_groups(self, name, x):
        parts = [
            self.linear(f"{name}.{part}", x, count * self.width, self.hidden)
            for part, count in (
                ("q", self.heads),
                ("k", self.kv_heads),
                ("v", self.kv_heads),
            )
        ]
        past = ["", ""]
        if self.has_past:
            past = [f"past.{name}.key", f"past.{name}.value"]
        self.w.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [*parts, *past, "lengths", "total", "cos.table", "sin.table"],
                [f"{name}.a", f"{name}.k+", f"{name}.v+"],
                f"/{name}.a",
                domain="com.microsoft",
                num_heads=self.heads,
                kv_num_heads=self.kv_heads,
                do_rotary=1,
            )
        )
        return f"{name}.a"

    def repeat(self, x):
        """Each head of keys or values for its group of queries."""
        y = self.w.node("Unsqueeze", [x, "at2"], f"{x}.u")
        y = self.w.node("Expand", [y, "group"], f"{x}.e")
        return self.w.node("Reshape", [y, "merged"], f"{x}.rep")

    def attend(self, name, q, k, v):
        w = self.w
        k = w.node("Transpose", [k], f"{name}.kt", perm=[0, 1, 3, 2])
        scores = w.node("MatMul", [q, k], f"{name}.s")
        scores = w.node("Mul", [scores, "scale"], f"{name}.scaled")
        scores = w.node("Add", [scores, "mask"], f"{name}.masked")
        weights = w.node("Softmax", [scores], f"{name}.p", axis=-1)
        return w.node("MatMul", [weights, v], f"{name}.a")

    def feed_forward(self, name, x):
        w = self.w
        gate = self.linear(f"{name}.gate", x, self.wide, self.hidden)
        up = self.linear(f"{name}.up", x, self.wide, self.hidden)
        act = w.node("Sigmoid", [gate], f"{name}.sigmoid")
        act = w.node("Mul", [gate, act], f"{name}.silu")
        act = w.node("Mul", [act, up], f"{name}.act")
        return self.linear(f"{name}.down", act, self.hidden, self.wide)

    # ----- the graph ----------------------------------------------------------

    def frequencies(self):
        steps = np.arange(0, self.width, 2, dtype=np.float32) / self.width
        return (self.theta**-steps).astype(np.float32)

    def write_shared(self):
        """Constants, positions, tables and the mask."""
        w = self.w
        numbers = {
            "two": np.float32(2),
            "eps": np.float32(EPSILON),
            "scale": np.float32(self.width**-0.5),
            "least": np.float32(1e-5),
            "c127": np.float32(127),
            "c-128": np.float32(-128),
            "zero": np.float32(0),
            "hidden": np.float32(np.finfo(np.float32).min),
            "inv_freq": self.frequencies(),
            "minus1": np.array([-1]),
            "at0": np.array([0]),
            "at1": np.array([1]),
            "at2": np.array([2]),
            "i0": np.array(0),
            "i1": np.array(1),
            "half": np.array([self.width // 2]),
            "end": np.array([self.width]),
            "group": np.array([1, 1, self.heads // self.kv_heads, 1, 1]),
            "merged": np.array([0, self.heads, -1, self.width]),
            "rows": np.array([0, 0, self.heads * self.width]),
        }
        for count in {self.heads, self.kv_heads}:
            numbers[f"heads{count}"] = np.array([0, 0, count, self.width])
        for size in {self.hidden, self.wide, self.heads * self.width}:
            numbers[f"flat{size}"] = np.array([-1, size])
        for size in {*(self.hidden, self.wide), self.heads * self.width} | {
            self.kv_heads * self.width
        }:
            numbers[f"unflat{size}"] = np.array([1, -1, size])
        for name, values in numbers.items():
            w.constant(name, values)
        w.node("Shape", ["input_ids"], "shape")
        w.node("Gather", ["shape", "i1"], "tokens")
        w.node("Range", ["i0", "tokens", "i1"], "range")
        w.node("Cast", ["range"], "range.f", to=TensorProto.FLOAT)
        w.node("Unsqueeze", ["range", "at0"], "positions")
        w.node("Unsqueeze", ["range.f", "at1"], "column")
        w.node("Mul", ["column", "inv_freq"], "angles")
        for table in ("Cos", "Sin"):
            half = w.node(table, ["angles"], f"{table.lower()}.half")
            w.node("Concat", [half, half], table.lower(), axis=-1)
            w.node("Identity", [half], f"{table.lower()}.cache")
        if self.spell["attention"] == "group":
            # As ONNX Runtime's tools have them, from a mask of ones.
            angles = np.outer(np.arange(4096), self.frequencies().astype(float))
            w.constant("cos.table", np.cos(angles).astype(np.float32))
            w.constant("sin.table", np.sin(angles).astype(np.float32))
            w.node("Cast", ["tokens"], "total", to=TensorProto.INT32)
            w.constant("one", np.int32(1))
            w.node("Sub", ["total", "one"], "last")
            w.node("Unsqueeze", ["last", "at0"], "lengths")
        w.node("Unsqueeze", ["range", "at1"], "rowwise")
        w.node("LessOrEqual", ["positions", "rowwise"], "seen")
        w.node("Where", ["seen", "zero", "hidden"], "mask")

    def write(self):
        w, vocabulary, hidden = self.w, self.vocabulary, self.hidden
        self.write_shared()
        table = self.random.normal(size=(vocabulary, hidden)) * 0.3
        table = table.astype(np.float16)
        self.values["embed"] = table.astype(np.float64)
        w.floats("embed", table, np.float16)
        w.node("Gather", ["embed", "input_ids"], "rows.f16")
        x = w.node("Cast", ["rows.f16"], "x", to=TensorProto.FLOAT)
        for layer in range(self.layers):
            name = str(layer)
            h = self.norm(f"{name}.in", x, hidden)
            x = w.node("Add", [x, self.attention(name, h)], f"{name}.x1")
            h = self.norm(f"{name}.mid", x, hidden)
            x = w.node("Add", [x, self.feed_forward(name, h)], f"{name}.x2")
        x = self.norm("last", x, hidden)
        w.node("Cast", ["embed"], "embed.f32", to=TensorProto.FLOAT)
        w.node("Transpose", ["embed.f32"], "head", perm=[1, 0])
        w.node("MatMul", [x, "head"], "logits")
        w.data.close()
        self.save()

    def save(self):
        info, w = helper.make_tensor_value_info, self.w
        inputs = [info("input_ids", TensorProto.INT64, ["batch", "tokens"])]
        outputs = [
            info("logits", TensorProto.FLOAT, ["batch", "tokens", self.vocabulary])
        ]
        for layer in range(self.layers if self.has_past else 0):
            for part, short in (("key", "k"), ("value", "v")):
                shape = ["batch", self.kv_heads, "past", self.width]
                name = f"past.{layer}.{part}"
                given = f"past_key_values.{layer}.{part}"
                inputs.append(info(given, TensorProto.FLOAT, shape))
                w.nodes.insert(0, helper.make_node("Identity", [given], [name]))
                shape = ["batch", self.kv_heads, "total", self.width]
                w.node("Identity", [f"{layer}.{short}+"], f"present.{layer}.{part}")
                outputs.append(
                    info(f"present.{layer}.{part}", TensorProto.FLOAT, shape)
                )
        graph = helper.make_graph(w.nodes, "decoder", inputs, outputs, w.tensors)
        sets = [helper.make_opsetid("", 25), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=12)
        onnx.save_model(model, w.path)

    # ----- the reference ------------------------------------------------------

    def compute(self, ids, gives_hidden=False):
        """Logits of each token of `ids`, in f64, or what the head reads."""
        v, count = self.values, len(ids)
        angles = np.outer(np.arange(count), self.frequencies().astype(float))
        seen = np.tril(np.ones((count, count), bool))

        def norm(x, name):
            mean = np.mean(x * x, axis=-1, keepdims=True)
            return x / np.sqrt(mean + EPSILON) * v[f"{name}.g"]

        def linear(x, name):
            if self.spell["activations"] == "int8":
                most = np.abs(x).max(axis=-1, keepdims=True)
                scale = 127 / np.maximum(most, 1e-5)
                x = np.clip(np.round(x * scale), -128, 127) / scale
            return x @ v[name].T

        def rotate(x):
            a, b = np.split(x, 2, axis=-1)
            cos, sin = np.cos(angles), np.sin(angles)
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        def heads(x, name, number, rotates):
            y = linear(x, name).reshape(count, number, self.width)
            if self.head_norms and rotates:
                y = norm(y, f"{name}norm")
            y = y.transpose(1, 0, 2)
            return rotate(y) if rotates else y

        x = v["embed"][ids]
        for layer in map(str, range(self.layers)):
            h = norm(x, f"{layer}.in")
            group = self.heads // self.kv_heads
            q = heads(h, f"{layer}.q", self.heads, True)
            k = heads(h, f"{layer}.k", self.kv_heads, True).repeat(group, 0)
            value = heads(h, f"{layer}.v", self.kv_heads, False)
            scores = q @ k.transpose(0, 2, 1) / self.width**0.5
            scores = np.exp(np.where(seen, scores, -np.inf))
            weights = scores / scores.sum(axis=-1, keepdims=True)
            y = (weights @ value.repeat(group, 0)).transpose(1, 0, 2)
            x = x + linear(y.reshape(count, -1), f"{layer}.o")
            h = norm(x, f"{layer}.mid")
            gate, up = linear(h, f"{layer}.gate"), linear(h, f"{layer}.up")
            act = gate / (1 + np.exp(-gate)) * up
            x = x + linear(act, f"{layer}.down")
        x = norm(x, "last")
        return x if gives_hidden else x @ v["embed"].T


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output")
    parser.add_argument("--size", choices=SIZES, default="tiny")
    for name, choices in SPELLINGS.items():
        parser.add_argument(f"--{name}", choices=choices, default=choices[0])
    parser.add_argument("--past", action="store_true")
    parser.add_argument("--reference")
    args = parser.parse_args()
    spelling = {name: getattr(args, name) for name in SPELLINGS}
    decoder = Decoder(
        args.output, args.size, spelling, args.past, bool(args.reference)
    )
    decoder.write()
    if args.reference:
        np.save(args.reference, decoder.compute(np.array(IDS)))


if __name__ == "__main__":
    main()
