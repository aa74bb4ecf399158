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
    matrix = trits(ROWS, COLUMNS, 0.3)
    bias = RANDOM.standard_normal(COLUMNS).astype(np.float32)
    nodes = [
        helper.make_node("Add", ["x", "bias"], ["moved"]),
        *quantize_nodes("moved", "quantized"),
        helper.make_node("Transpose", ["weight"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["quantized", "columns"], ["product"]),
        helper.make_node("Mul", ["product", "product"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["loss"], keepdims=0),
    ]
    constants = [("weight", matrix), ("bias", bias), ("unused", bias), *QUANTIZER.items()]
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
    product = quantized @ matrix.T.astype(float)
    cotangent = 2 * product / product.size
    expected = (cotangent @ matrix).sum(0)
    found = gradients("bias")["bias"]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    # A trained matrix is none of the file's, whatever its values are.
    expected = cotangent.T @ quantized
    found = gradients("weight")["weight"]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    error = graphs.error_of(path, "--train=loss", "--trainable=bias|unused")
    assert "has no influence on the loss" in error, error


def check_kinds(what, kinds, nodes, constants, shape=(BATCH, COLUMNS), flags=()):
    """The ops that a graph from x to y gets, and what it gives."""
    constants = [(name, np.asarray(array)) for name, array in constants.items()]
    model = graphs.make_model(
        nodes, [value("x", shape)], [value("y", None)], constants
    )
    path = graphs.save(model)
    found = count(path, *flags)
    assert found == kinds, (what, found, kinds)
    x = RANDOM.standard_normal(shape).astype(np.float32)
    (y,) = graphs.run(path, {"x": x}, *flags)
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    error = np.abs(y - expected).max()
    assert error <= 1e-5 * np.abs(expected).max(), (what, error)


def trits(rows, columns, scale=1.0):
    return (RANDOM.integers(-1, 2, (rows, columns)) * scale).astype(np.float32)


LINEAR = {"tern.linear": 1}
QUANTIZED = {"tern.linear": 1, "int8_activations": 1}
FLOATS = {"linalg.matmul": 1}


def test_quantizers():
    """Those that are not BitNet's in one point are computed as they stand."""
    node = helper.make_node
    product = node("MatMul", ["quantized", "weight"], ["y"])
    codes = quantize_nodes("x", "unused")[:-1]
    rows = np.ones((BATCH, 1), np.float32)
    rows[3] = 0
    columns = np.ones(COLUMNS, np.float32)
    columns[7] = 2
    one_row = (1, COLUMNS)
    square = (ROWS, COLUMNS)
    plain = [*quantize_nodes("x", "quantized"), product]
    masked = [
        *quantize_nodes("x", "all"),
        node("Mul", ["all", "mask"], ["quantized"]),
        product,
    ]
    cases = [
        ("as it is", QUANTIZED, plain, {}),
        ("codes by the largest", LINEAR, plain, {"codes": np.float32(100)}),
        ("floor", LINEAR, plain, {"floor": np.float32(1)}),
        ("floor of one row", LINEAR, plain, {"floor": np.float32(1)}, one_row),
        (
            "largest of all",
            LINEAR,
            plain,
            {"last": np.array([0, 1])},
        ),
        ("a row is left out", LINEAR, masked, {"mask": rows}),
        ("a column is doubled", LINEAR, masked, {"mask": columns}),
        ("steps behind it", QUANTIZED,
         [*codes, node("MatMul", ["code", "weight"], ["sums"]),
          node("Mul", ["factor", "s"], ["steps"]),
          node("Div", ["sums", "steps"], ["y"])], {"s": np.array([0.3], np.float32)}),
        ("no steps", LINEAR, [*codes, node("MatMul", ["code", "weight"], ["y"])], {}),
        ("steps behind a bias", LINEAR,
         [*codes, node("MatMul", ["code", "weight"], ["sums"]),
          node("Add", ["sums", "bias"], ["moved"]),
          node("Div", ["moved", "factor"], ["y"])],
         {"bias": RANDOM.standard_normal(ROWS).astype(np.float32)}),
        ("steps of columns", LINEAR,
         [*codes, node("MatMul", ["code", "weight"], ["sums"]),
          node("Reshape", ["factor", "row"], ["turned"]),
          node("Div", ["sums", "turned"], ["y"])], {"row": np.array([1, ROWS])}, square),
        ("times the largest", LINEAR,
         [*plain[:-1], node("MatMul", ["quantized", "weight"], ["sums"]),
          node("Mul", ["sums", "most"], ["y"])], {}, one_row),
        ("some rows of what is quantized", LINEAR,
         [*quantize_nodes("x", "all"),
          node("Slice", ["all", "from", "to"], ["quantized"]), product],
         {"from": np.array([0]), "to": np.array([2])}),
    ]
    for what, kinds, nodes, constants, *shape in cases:
        weight = {"weight": trits(COLUMNS, ROWS)}
        check_kinds(what, kinds, nodes, QUANTIZER | weight | constants, *shape)


def test_matrices():
    """Those that are not ternary throughout, or not as they are stored."""
    node = helper.make_node
    product = [node("MatMul", ["x", "w"], ["y"])]
    almost = trits(COLUMNS, ROWS)
    almost[7, 11] = 0.5
    bytes_of = trits(COLUMNS, ROWS).astype(np.int8)
    wide = trits(256, 128)
    columns = np.ones((256, 1), np.float32)
    columns[[5, 9]] = 3
    groups = {
        "w8": bytes_of,
        "scales": RANDOM.uniform(0.5, 2, (COLUMNS // 16, ROWS)).astype(np.float32),
    }
    cases = [
        ("one more value", FLOATS, product, {"w": almost}),
        ("a row is scaled", FLOATS, [node("Mul", ["w0", "s"], ["w"]), *product],
         {"w0": wide, "s": columns}, (BATCH, 256)),
        ("two columns are swapped", FLOATS,
         [node("Gather", ["w0", "order"], ["w"], axis=1), *product],
         {"w0": wide, "order": np.r_[0:4, 5, 4, 6:128]}, (BATCH, 256)),
        ("bytes lose their sign", FLOATS,
         [node("Cast", ["w8"], ["u8"], to=onnx.TensorProto.UINT8),
          node("Cast", ["u8"], ["w"], to=FLOAT), *product], {"w8": bytes_of}),
        ("bytes wrap", FLOATS,
         [node("Mul", ["w8", "two"], ["twice"]),
          node("Cast", ["twice"], ["w"], to=FLOAT), *product],
         {"w8": bytes_of * np.int8(127), "two": np.int8(2)}),
        ("rounded to 16 bits", FLOATS,
         [node("Cast", ["w0"], ["w16"], to=onnx.TensorProto.FLOAT16),
          node("Cast", ["w16"], ["w"], to=FLOAT), *product],
         {"w0": trits(COLUMNS, ROWS, 0.3)}),
        ("small groups", FLOATS,
         [node("DequantizeLinear", ["w8", "scales"], ["w"], axis=0, block_size=16),
          *product], groups),
    ]
    for what, kinds, nodes, constants, *shape in cases:
        check_kinds(what, kinds, nodes, constants, *shape)


def test_norms():
    """Weights along rows are no norm's."""
    size = 300
    node = helper.make_node
    nodes = [
        node("Mul", ["x", "x"], ["squares"]),
        node("ReduceMean", ["squares", "last"], ["mean"], keepdims=1),
        node("Add", ["mean", "epsilon"], ["moved"]),
        node("Sqrt", ["moved"], ["root"]),
        node("Div", ["x", "root"], ["normed"]),
        node("Unsqueeze", ["weight", "axes"], ["weights"]),
        node("Mul", ["normed", "weights"], ["y"]),
    ]
    constants = {
        "last": np.array([-1]),
        "epsilon": np.float32(1e-5),
        "weight": RANDOM.standard_normal(size).astype(np.float32),
    }
    for axes in (0, 1):
        check_kinds(
            f"weights along {axes}",
            {"tern.rms_norm": 1},
            nodes,
            constants | {"axes": np.array([axes])},
            (size, size),
        )


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: passed", flush=True)
