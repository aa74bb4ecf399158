#!/usr/bin/env python3
# ===- decoders.py - Graphs that become language models -------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs of make_decoder.py as language models: logits against NumPy, in every
spelling, and what is refused.

  decoders.py FOLDER

sterna-compile, sterna-convert and sterna-run are those of PATH; Python is one
with onnx.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx

import graphs

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from byte_vocabulary import tokenizer_files  # noqa: E402
from make_decoder import IDS, SPELLINGS, Decoder  # noqa: E402

FOLDER = graphs.FOLDER
TOKENIZER = FOLDER / "tokenizer"
FLAGS = ["--no-train", "--lora-rank=0", "--seq-len=24", "--max-context=64",
         "--kv-type=f32"]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def make(has_past=False, **spelling):
    """A decoder in its first spellings but for `spelling`, and its file."""
    first = {name: choices[0] for name, choices in SPELLINGS.items()}
    path = FOLDER / "decoder.onnx"
    decoder = Decoder(str(path), "tiny", first | spelling, has_past)
    decoder.write()
    return decoder, path


def compile_model(path, *flags):
    return graphs.compile_model(
        path, f"--tokenizer={TOKENIZER}", *FLAGS, *flags
    )


def logits_of(module):
    out = FOLDER / "logits.npy"
    ids = ",".join(map(str, IDS))
    told = run("sterna-run", "logits", module, "--input-ids", ids, "-o", out)
    assert told.returncode == 0, told.stderr
    return np.load(out).astype(float)


def check(what, has_past=False, **spelling):
    decoder, path = make(has_past, **spelling)
    told, module = compile_model(path)
    assert told.returncode == 0, told.stderr
    expected = decoder.compute(np.array(IDS))
    difference = np.abs(logits_of(module) - expected).max()
    worst = difference / np.abs(expected).max()
    print(f"{what}: {worst:.1e}")
    if spelling.get("activations") != "int8":
        assert worst < 2e-6, worst
        return
    # A code that is rounded the other way is far less than no quantizer.
    decoder.spell["activations"] = "float"
    plain = np.abs(decoder.compute(np.array(IDS)) - expected).max()
    assert difference < plain / 3, (difference, plain)


def error_of(path, *flags):
    return graphs.error_of(path, f"--tokenizer={TOKENIZER}", *FLAGS, *flags)


def edit(path, change):
    """The graph at `path` after `change` of its model."""
    model = onnx.load_model(path, load_external_data=False)
    change(model.graph)
    onnx.save_model(model, path)
    return path


def node_of(graph, name):
    return next(n for n in graph.node if n.output[0] == name)


def constant(graph, name, values):
    graph.initializer.append(onnx.numpy_helper.from_array(values, name))


def after(graph, name, op, *others, isSecond=False, **attributes):
    """Put `op` between what computes `name` and its readers."""
    node = node_of(graph, name)
    place = list(graph.node).index(node)
    old = f"{name}.before{place}"
    node.output[0] = old
    inputs = [*others, old] if isSecond else [old, *others]
    made = onnx.helper.make_node(op, inputs, [name], f"/{name}", **attributes)
    graph.node.insert(place + 1, made)


def test_spellings():
    """Each in some graph, with others that differ from graph to graph."""
    for number, weights in enumerate(SPELLINGS["weights"]):
        spelling = {
            "weights": weights,
            "norms": SPELLINGS["norms"][number % 3],
            "rotary": SPELLINGS["rotary"][number % 3],
            "attention": SPELLINGS["attention"][number // 3],
        }
        has_past = number % 2 == 1
        check(f"{spelling}, past: {has_past}", has_past, **spelling)
    check("quantized inputs", activations="int8", weights="int2")


def test_fixed_length():
    decoder, path = make()

    def fix(graph):
        for dim, extent in zip(
            graph.input[0].type.tensor_type.shape.dim, (1, 24)
        ):
            dim.dim_value = extent

    told, module = compile_model(edit(path, fix))
    assert told.returncode == 0, told.stderr
    expected = decoder.compute(np.array(IDS))
    assert np.abs(logits_of(module) - expected).max() < 1e-4


def test_head_of_the_embedding_read_otherwise():
    """The same bytes in another shape are another matrix."""
    decoder, path = make()

    def change(graph):
        constant(graph, "turned", np.array([64, 277]))
        reshape = onnx.helper.make_node(
            "Reshape", ["embed.f32", "turned"], ["head"]
        )
        node_of(graph, "head").CopyFrom(reshape)

    told, module = compile_model(edit(path, change))
    assert told.returncode == 0, told.stderr
    table = decoder.values["embed"]
    hidden = decoder.compute(np.array(IDS), gives_hidden=True)
    expected = hidden @ table.reshape(64, 277)
    assert np.abs(logits_of(module) - expected).max() < 1e-4


def test_conversion():
    decoder, path = make()
    out = FOLDER / "decoder.gguf"
    flags = [f"--tokenizer={TOKENIZER}", "--type=f32"]
    told = run("sterna-convert", path, out, *flags)
    assert told.returncode == 0, told.stderr
    module = FOLDER / "converted.stn"
    flags = ["--activations=float", *FLAGS]
    told = run("sterna-compile", out, "-o", module, *flags)
    assert told.returncode == 0, told.stderr
    expected = decoder.compute(np.array(IDS))
    assert np.abs(logits_of(module) - expected).max() < 1e-4


def test_what_is_not_a_decoder():
    """Each is one change that must not pass unseen."""

    def mask_of_all(graph):
        node_of(graph, "seen").op_type = "GreaterOrEqual"

    def other_residual(graph):
        node_of(graph, "1.x1").input[0] = "x"

    def other_activation(graph):
        node_of(graph, "0.sigmoid").op_type = "Tanh"

    def other_norm(graph):
        node_of(graph, "1.mid.square").input[1] = "zero"

    def swapped_heads(graph):
        node_of(graph, "0.at").attribute[0].ints[:] = [0, 2, 3, 1]

    def biased(graph):
        node_of(graph, "0.v.h").input[0] = "biased"
        graph.node.insert(
            list(graph.node).index(node_of(graph, "0.v.h")),
            onnx.helper.make_node("Add", ["0.v.y", "two"], ["biased"]),
        )

    def not_shared(graph):
        node_of(graph, "0.up.y").input[0] = "0.in.n"

    def other_epsilon(graph):
        node_of(graph, "1.in.eps").input[1] = "least10"
        value = onnx.numpy_helper.from_array(np.float32(1e-6), "least10")
        graph.initializer.append(value)

    def other_softmax(graph):
        after(graph, "0.masked", "Transpose", perm=[0, 2, 3, 1])
        after(graph, "0.p", "Transpose", perm=[0, 3, 1, 2])

    def norm_of_groups(graph):
        constant(graph, "fours", np.array([0, 0, 4, 16]))
        constant(graph, "spread", np.array([1, 64, 4, 16]))
        constant(graph, "back", np.array([0, 0, 64]))
        after(graph, "0.in.square", "Reshape", "fours")
        after(graph, "0.in.inverse", "Expand", "spread")
        after(graph, "0.in.inverse", "Reshape", "back")

    def count_by_sum(graph):
        mean = node_of(graph, "0.in.mean")
        mean.op_type = "ReduceSum"
        constant(graph, "count", np.float32(64))
        after(graph, "0.in.mean", "Div", "count", isSecond=True)

    def shifted_ids(graph):
        constant(graph, "next", np.array(1))
        graph.node.insert(
            0, onnx.helper.make_node("Add", ["input_ids", "next"], ["ids"])
        )
        node_of(graph, "rows.f16").input[1] = "ids"

    def scaled_head(graph):
        constant(graph, "three", np.float32(3))
        after(graph, "embed.f32", "Mul", "three")

    def one_head_scaled(graph):
        constant(graph, "heads", np.float32([[[[1]], [[4]], [[1]], [[1]]]]))
        after(graph, "0.scaled", "Mul", "heads")

    def clipped_gate(graph):
        constant(graph, "low", np.float32(-13))
        constant(graph, "high", np.float32(12))
        after(graph, "0.gate.y", "Clip", "low", "high")

    def no_input(graph):
        constant(graph, "input_ids", np.arange(24).reshape(1, 24))
        del graph.input[:]

    def scalar_logits(graph):
        after(graph, "logits", "ReduceSum", keepdims=0)

    cases = {
        "mask": (mask_of_all, "token"),
        "residual": (other_residual, "norm of the block's input"),
        "activation": (other_activation, "silu(gate) * up"),
        "norm": (other_norm, "expected"),
        "heads": (swapped_heads, "heads side by side"),
        "bias": (biased, "rows of one product"),
        "input": (not_shared, "norm of the block's input"),
        "epsilon": (other_epsilon, "one epsilon"),
        "softmax": (other_softmax, "softmax"),
        "groups": (norm_of_groups, "expected"),
        "count": (count_by_sum, "expected"),
        "ids": (shifted_ids, "the rows of input_ids"),
        "head's scale": (scaled_head, "without a scale"),
        "a head's scale": (one_head_scaled, "expected attention"),
        "gate": (clipped_gate, "silu(gate) * up"),
        "no input": (no_input, "'input_ids'"),
        "scalar": (scalar_logits, "logits"),
    }
    for what, (change, text) in cases.items():
        _, path = make()
        error = error_of(edit(path, change))
        assert text in error, (what, error)
        print(f"{what}: {error.split('as a language model: ')[-1][:90]}")


def test_integers_that_are_not_trits():
    """Bytes without a sign, zero points that differ, a quantizer's floor."""

    def without_sign(graph):
        for tensor in graph.initializer:
            if tensor.name == "0.gate.q":
                tensor.data_type = onnx.TensorProto.UINT8

    _, path = make(weights="int8")
    error = error_of(edit(path, without_sign))
    assert "0.gate" in error, error

    def other_zero(graph):
        for tensor in graph.initializer:
            if tensor.name == "0.q.z":
                data = bytearray(tensor.raw_data)
                data[5] = 0x59
                tensor.raw_data = bytes(data)

    _, path = make(weights="nbits")
    assert "zero point" in error_of(edit(path, other_zero))

    def other_floor(graph):
        for tensor in graph.initializer:
            if tensor.name == "least":
                floor = np.float32(0.5)
                tensor.CopyFrom(onnx.numpy_helper.from_array(floor, "least"))

    _, path = make(activations="int8")
    assert "the quantizer of BitNet" in error_of(edit(path, other_floor))


def test_weights_that_are_not_ternary():
    decoder, path = make()
    data = bytearray(pathlib.Path(f"{path}.data").read_bytes())
    tensor = next(t for t in decoder.w.tensors if t.name == "1.up.w")
    offset = int(next(e.value for e in tensor.external_data if e.key == "offset"))
    data[offset + 400 : offset + 404] = np.float32(0.7).tobytes()
    pathlib.Path(f"{path}.data").write_bytes(data)
    error = error_of(path)
    assert "1.up.w is not ternary" in error, error
    told, _ = compile_model(path, "--quantize=absmean")
    assert told.returncode == 0, told.stderr


def test_options():
    _, path = make()
    error = error_of(path, "--dim=tokens=8")
    assert "--dim" in error, error
    told = run("sterna-compile", path, "-o", FOLDER / "x.stn",
               "--tokenizer=/nowhere")
    assert "expected tokenizer.json" in told.stderr, told.stderr
    gguf = FOLDER / "decoder.gguf"
    told = run("sterna-compile", gguf, "-o", FOLDER / "x.stn",
               f"--tokenizer={TOKENIZER}")
    assert "--tokenizer: expected a graph" in told.stderr, told.stderr


def main():
    TOKENIZER.mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer_files(277).items():
        (TOKENIZER / name).write_text(json.dumps(content))
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: passed", flush=True)


main()
