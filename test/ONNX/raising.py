#!/usr/bin/env python3
# ===- raising.py - Ternary products within graphs ------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs that stay graphs: which products become ternary ones, what they give
against NumPy and the package's reference, and gradients through them.

  raising.py FOLDER

sterna-compile and sterna-run are those of PATH; Python is one with onnx.
"""

import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

import graphs
from graphs import FLOAT, FOLDER, value

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from adapter import read_safetensors  # noqa: E402
from make_decoder import IDS, SPELLINGS, Decoder  # noqa: E402

RANDOM = np.random.default_rng(3)


def sterna(*command):
    told = graphs.subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert told.returncode == 0, (command, told.stderr)
    return told.stdout


def count(path, *flags):
    """How many ops of each kind the graph has once it is imported."""
    text = FOLDER / "imported.mlir"
    sterna("sterna-compile", path, "--compile-to=import", "-o", text, *flags)
    ops = re.findall(
        r"= (tern\.linear|tern\.matmul|tern\.rms_norm|linalg\.matmul)|"
        r"(int8_activations)",
        text.read_text(),
    )
    names = [a or b for a, b in ops]
    return {name: names.count(name) for name in set(names)}


def check_decoder(expected, **spelling):
    """Logits of a decoder without a tokenizer, and its number of linears."""
    first = {name: choices[0] for name, choices in SPELLINGS.items()}
    path = FOLDER / "decoder.onnx"
    decoder = Decoder(str(path), "tiny", first | spelling)
    decoder.write()
    flags = ["--dim=batch=1", f"--dim=tokens={len(IDS)}"]
    found = count(path, *flags)
    assert found["tern.linear"] == expected, (spelling, found)
    # The head is floats.
    assert found["linalg.matmul"] == 15 - expected, (spelling, found)
    assert found["tern.rms_norm"] >= 4, (spelling, found)
    quantized = spelling.get("activations") == "int8"
    assert found.get("int8_activations", 0) == expected * quantized
    (logits,) = graphs.run(path, {"input_ids": np.array([IDS])}, *flags)
    reference = decoder.compute(np.array(IDS))
    error = np.abs(logits[0] - reference).max()
    if not quantized:
        assert error < 2e-6 * np.abs(reference).max(), (spelling, error)
        return
    # A code that is rounded the other way is far less than no quantizer.
    decoder.spell["activations"] = "float"
    plain = np.abs(decoder.compute(np.array(IDS)) - reference).max()
    assert error < plain / 3, (error, plain)


def test_decoders():
    """Matrices of 1024 bytes or less are constants of the graph, and stay."""
    for number, weights in enumerate(SPELLINGS["weights"]):
        check_decoder(
            10 if weights in ("int2", "nbits") else 14,
            weights=weights,
            norms=SPELLINGS["norms"][number % 3],
        )
    check_decoder(14, activations="int8")


# ===----------------------------------------------------------------------=== #
# Integers
# ===----------------------------------------------------------------------=== #


def check_integers(quantizer, weights, shape=(2, 3, 96), raises=True):
    """The product of `quantizer`'s integers and `weights`, to the bit."""
    nodes = [*quantizer]
    names = ["q", "w", "z"] if "z" in nodes[-1].output else ["q", "w"]
    nodes += [
        helper.make_node("MatMulInteger", names, ["p"]),
        helper.make_node("Cast", ["p"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "s"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "weight_scale"], ["y"]),
    ]
    constants = [("w", weights), ("weight_scale", np.float32(0.02))]
    if "s" not in nodes[0].output:
        constants += [("s", np.float32(0.03)), ("zero", np.int8(0))]
    constants = [(name, np.asarray(array)) for name, array in constants]
    outputs = [value("y", [*shape[:-1], weights.shape[1]])]
    model = graphs.make_model(nodes, [value("x", shape)], outputs, constants)
    path = graphs.save(model)
    assert count(path).get("tern.matmul", 0) == raises
    x = RANDOM.standard_normal(shape).astype(np.float32)
    (y,) = graphs.run(path, {"x": x})
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    graphs.equal(y, expected)


def test_integer_products():
    dynamic = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])]
    signed = [helper.make_node("QuantizeLinear", ["x", "s", "zero"], ["q"])]
    trits = RANDOM.integers(-1, 2, (96, 40)).astype(np.int8)
    check_integers(dynamic, trits)
    check_integers(dynamic, trits * np.int8(127))
    check_integers(dynamic, trits[:, :33], shape=(1, 96))
    check_integers(signed, trits)
    check_integers(dynamic, RANDOM.integers(-2, 3, (96, 40)).astype(np.int8), raises=False)


# ===----------------------------------------------------------------------=== #
# Training
# ===----------------------------------------------------------------------=== #

BATCH, COLUMNS, ROWS = 5, 48, 24


def quantize_nodes(x, y):
    """BitNet's quantizer of rows, and back."""
    node = helper.make_node
    return [
        node("Abs", [x], ["magnitudes"]),
        node("ReduceMax", ["magnitudes", "last"], ["largest"], keepdims=1),
        node("Max", ["largest", "floor"], ["most"]),
        node("Div", ["codes", "most"], ["factor"]),
        node("Mul", [x, "factor"], ["stretched"]),
        node("Round", ["stretched"], ["rounded"]),
        node("Clip", ["rounded", "low", "high"], ["code"]),
        node("Div", ["code", "factor"], [y]),
    ]


QUANTIZER = {
    "last": np.array([-1]),
    "floor": np.float32(1e-5),
    "codes": np.float32(127),
    "low": np.float32(-128),
    "high": np.float32(127),
}


def test_gradients():
    """A layer below a quantized linear learns as if nothing was rounded."""
    trits = RANDOM.integers(-1, 2, (ROWS, COLUMNS)).astype(np.float32) * 0.3
    bias = RANDOM.standard_normal(COLUMNS).astype(np.float32)
    nodes = [
        helper.make_node("Add", ["x", "bias"], ["moved"]),
        *quantize_nodes("moved", "quantized"),
        helper.make_node("Transpose", ["weight"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["quantized", "columns"], ["product"]),
        helper.make_node("Mul", ["product", "product"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["loss"], keepdims=0),
    ]
    constants = [("weight", trits), ("bias", bias), *QUANTIZER.items()]
    model = graphs.make_model(
        nodes,
        [value("x", [BATCH, COLUMNS])],
        [value("loss", [])],
        [(name, np.asarray(array)) for name, array in constants],
    )
    path = graphs.save(model)
    x = RANDOM.standard_normal((BATCH, COLUMNS)).astype(np.float32)
    np.savez(FOLDER / "x.npz", x=x)

    def gradients(*trained):
        module, output = FOLDER / "g.stn", FOLDER / "g.safetensors"
        flags = ["--train=loss", f"--trainable={'|'.join(trained)}"]
        sterna("sterna-compile", path, "-o", module, *flags)
        sterna("sterna-run", "grad", module, "--data", FOLDER / "x.npz", "-o", output)
        return read_safetensors(output)

    moved = (x + bias).astype(float)
    scale = 127 / np.maximum(np.abs(moved).max(1, keepdims=True), 1e-5)
    quantized = np.clip(np.round(moved * scale), -128, 127) / scale
    product = quantized @ trits.T.astype(float)
    cotangent = 2 * product / product.size
    expected = (cotangent @ trits).sum(0)
    found = gradients("bias")["bias"]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    # A trained matrix is none of the file's, whatever its values are.
    expected = cotangent.T @ quantized
    found = gradients("weight")["weight"]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_what_stays():
    """Matrices that are not ternary, and other quantizers."""
    trits = RANDOM.integers(-1, 2, (COLUMNS, ROWS)).astype(np.float32)
    almost = trits.copy()
    almost[7, 11] = 0.5
    x = RANDOM.standard_normal((BATCH, COLUMNS)).astype(np.float32)
    # Each is one condition less: a row's largest magnitude, 127, its floor.
    other = {"codes": np.float32(100)}
    for weight, quantizer, kinds in [
        (almost, {}, {"linalg.matmul": 1}),
        (trits, other, {"tern.linear": 1}),
        (trits, {"floor": np.float32(1)}, {"tern.linear": 1}),
        (trits, {}, {"tern.linear": 1, "int8_activations": 1}),
    ]:
        nodes = [
            *quantize_nodes("x", "quantized"),
            helper.make_node("MatMul", ["quantized", "weight"], ["y"]),
        ]
        constants = [("weight", weight), *(QUANTIZER | quantizer).items()]
        model = graphs.make_model(
            nodes,
            [value("x", [BATCH, COLUMNS])],
            [value("y", [BATCH, ROWS])],
            [(name, np.asarray(array)) for name, array in constants],
        )
        path = graphs.save(model)
        assert count(path) == kinds, (count(path), kinds)
        (y,) = graphs.run(path, {"x": x})
        (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
        assert np.abs(y - expected).max() < 1e-5 * np.abs(expected).max()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: passed", flush=True)
