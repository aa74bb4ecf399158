#!/usr/bin/env python3
# ===- training.py - Graphs that are trained -------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of ops of graphs against finite differences, runs of a perceptron
against NumPy, and what is refused.

  training.py FOLDER

sterna-compile and sterna-run are those of PATH; Python is one with onnx.
"""

import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_erf import Erf

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from adapter import read_safetensors  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
RANDOM = np.random.default_rng(11)

# The package's gives f32, whatever it gets.
Erf._run = lambda self, x: (np.vectorize(math.erf, otypes=[x.dtype])(x),)


def run(*command, fails=False):
    result = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True
    )
    assert (result.returncode != 0) == fails, (command, result.stderr)
    return result


def error_of(*command):
    lines = run(*command, fails=True).stderr.splitlines()
    errors = [line for line in lines if "error:" in line]
    assert len(errors) == 1, lines
    return errors[0].split("error: ")[1]


def save_model(path, nodes, inputs, outputs, parameters, constants=(), double=False):
    """`parameters` and `constants` are dictionaries of arrays."""
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    cast = np.float64 if double else np.float32

    def value(name, shape, element=None):
        return helper.make_tensor_value_info(name, element or kind, shape)

    tensors = [
        numpy_helper.from_array(a.astype(cast) if a.dtype.kind == "f" else a, n)
        for n, a in [*parameters.items(), *dict(constants).items()]
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value(*entry) for entry in inputs],
        [value(*entry) for entry in outputs],
        tensors,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11
    )
    path.write_bytes(model.SerializeToString())
    return model


# ===----------------------------------------------------------------------=== #
# Gradients
# ===----------------------------------------------------------------------=== #

INT = np.int64


def ints(*values):
    return np.array(values, INT)


def one(op, inputs=("p",), **attributes):
    """Nodes that give `y` from `p`."""
    return [helper.make_node(op, list(inputs), ["y"], **attributes)]


# Name: shape of the parameter p, nodes from p to y, constants of the nodes.
CASES = {
    "gather_columns": ((3, 5), one("Gather", ("p", "c"), axis=1),
                       {"c": ints([4, 0, 4], [1, -1, 0])}),
    "gather_rows": ((3, 5), one("Gather", ("p", "c")), {"c": ints(2, 0, 2, -1)}),
    "gather_elements": ((3, 4), one("GatherElements", ("p", "c"), axis=1),
                        {"c": ints([3, 0], [1, 1], [2, 3])}),
    "gather_nd": ((2, 3, 4), one("GatherND", ("p", "c")),
                  {"c": ints([1, 2], [0, 0], [1, 2])}),
    "scatter_nd": ((3, 4), one("ScatterND", ("p", "c", "p2"), reduction="add"),
                   {"c": ints([2], [0], [2]), "p2": RANDOM.normal(size=(3, 4))}),
    "scatter_updates": ((2, 3), one("ScatterElements", ("c2", "c", "p"), axis=1,
                                    reduction="add"),
                        {"c": ints([0, 0, 3], [1, -1, 0]),
                         "c2": RANDOM.normal(size=(2, 4))}),
    "concat": ((2, 3), one("Concat", ("p", "c", "p"), axis=0),
               {"c": RANDOM.normal(size=(1, 3))}),
    "slice_back": ((3, 6), one("Slice", ("p", "s", "e", "a", "t")),
                   {"s": ints(-1), "e": ints(-7), "a": ints(1), "t": ints(-2)}),
    "pad": ((2, 3), one("Pad", ("p", "c"), mode="reflect"), {"c": ints(1, 2, 0, 1)}),
    "expand": ((3, 1), one("Expand", ("p", "c")), {"c": ints(2, 3, 4)}),
    "tile": ((2, 3), one("Tile", ("p", "c")), {"c": ints(2, 2)}),
    "transpose": ((2, 3, 4), one("Transpose", perm=[2, 0, 1]), {}),
    "trilu": ((3, 4), one("Trilu", upper=0), {}),
    "cumsum": ((2, 4), one("CumSum", ("p", "c"), reverse=1), {"c": ints(1)[0]}),
    "where": ((2, 3), one("Where", ("c", "p", "c2")),
              {"c": np.array([[True, False, True]]), "c2": np.array([0.5])}),
    "one_hot": ((2,), one("OneHot", ("c", "c2", "p")), {"c": ints(0, 2, 1),
                                                       "c2": ints(3)[0]}),
    "softmax": ((2, 5), one("Softmax"), {}),
    "log_softmax": ((2, 5), one("LogSoftmax", axis=0), {}),
    "reduce_max": ((3, 4), one("ReduceMax", ("p", "c")), {"c": ints(1)}),
    "reduce_prod": ((3, 4), one("ReduceProd", ("p", "c")), {"c": ints(0)}),
    "reduce_l2": ((3, 4), one("ReduceL2", ("p", "c"), keepdims=0), {"c": ints(1)}),
    "reduce_log_sum_exp": ((3, 4), one("ReduceLogSumExp", ("p", "c")),
                           {"c": ints(1)}),
    "mean": ((2, 3), one("ReduceMean", ("p", "c")), {"c": ints(0)}),
    "layer_norm": ((3, 6), one("LayerNormalization", ("p", "c", "c2")),
                   {"c": RANDOM.normal(size=6), "c2": RANDOM.normal(size=6)}),
    "layer_norm_scale": ((6,), one("LayerNormalization", ("c", "p")),
                         {"c": RANDOM.normal(size=(3, 6))}),
    "rms_norm": ((3, 6), one("RMSNormalization", ("p", "c")),
                 {"c": RANDOM.normal(size=6)}),
    "gelu": ((2, 3), one("Gelu"), {}),
    "gelu_tanh": ((2, 3), one("Gelu", approximate="tanh"), {}),
    "swish": ((2, 3), [helper.make_node("Sigmoid", ["p"], ["z"]),
                       helper.make_node("Mul", ["p", "z"], ["y"])], {}),
    "relu": ((3, 4), one("Relu"), {}),
    "leaky_relu": ((3, 4), one("LeakyRelu", alpha=0.2), {}),
    "softplus": ((3, 4), one("Softplus"), {}),
    "clip": ((3, 4), one("Clip", ("p", "c", "c2")), {"c": np.array(-0.5),
                                                   "c2": np.array(0.7)}),
    "cube": ((2, 3), one("Pow", ("p", "c")), {"c": np.array(3.0)}),
    "power": ((2, 3), [helper.make_node("Abs", ["p"], ["m"]),
                       helper.make_node("Pow", ["m", "c"], ["y"])],
              {"c": np.array([1.5, -0.7, 2.0])}),
    "tanh": ((2, 3), one("Tanh"), {}),
    "erf": ((2, 3), one("Erf"), {}),
    "max": ((2, 3), one("Max", ("p", "c")), {"c": RANDOM.normal(size=(2, 3))}),
    "matmul_batch": ((2, 3, 4), one("MatMul", ("p", "c")),
                     {"c": RANDOM.normal(size=(4, 5))}),
    "gemm": ((4, 3), one("Gemm", ("p", "c", "c2"), transA=1, transB=1, alpha=0.5),
             {"c": RANDOM.normal(size=(5, 4)), "c2": RANDOM.normal(size=5)}),
    "einsum": ((2, 3, 4), one("Einsum", ("p", "c"), equation="bij,bkj->bik"),
               {"c": RANDOM.normal(size=(2, 5, 4))}),
    "attention": ((1, 2, 5, 4), one("Attention", ("p", "c", "p"), is_causal=1),
                  {"c": RANDOM.normal(size=(1, 2, 5, 4))}),
    "rotary": ((1, 2, 3, 4), one("RotaryEmbedding", ("p", "c", "c2", "i")),
               {"c": RANDOM.normal(size=(6, 2)), "c2": RANDOM.normal(size=(6, 2)),
                "i": ints([4, 0, 2])}),
    "cross_entropy": ((4, 5), [helper.make_node(
        "SoftmaxCrossEntropyLoss", ["p", "c", "c2"], ["y"], ignore_index=3)],
        {"c": ints(0, 3, 4, 1), "c2": np.abs(RANDOM.normal(size=5))}),
    "likelihood": ((2, 5, 3), [helper.make_node(
        "NegativeLogLikelihoodLoss", ["p", "c"], ["y"], reduction="none")],
        {"c": ints([0, 3, 4], [1, 1, 2])}),
}


def rename(nodes, prefix):
    """Copies of the nodes whose names begin with the case's."""
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for names in (copy.input, copy.output):
            names[:] = [prefix + name if name else "" for name in names]
        copies.append(copy)
    return copies


def build_cases():
    """One graph whose loss sums all cases, each weighted by random factors."""
    nodes, parameters, constants = [], {}, {}
    totals = []
    for name, (shape, case_nodes, case_constants) in CASES.items():
        prefix = name + "."
        parameters[prefix + "p"] = RANDOM.normal(size=shape)
        for key, array in case_constants.items():
            constants[prefix + key] = array
        nodes += rename(case_nodes, prefix)
        nodes += [
            helper.make_node("Tanh", [prefix + "y"], [prefix + "bent"]),
            helper.make_node("Mul", [prefix + "bent", "x"], [prefix + "scaled"]),
            helper.make_node(
                "ReduceSum", [prefix + "scaled"], [prefix + "total"], keepdims=0
            ),
        ]
        totals.append(prefix + "total")
    nodes.append(helper.make_node("Sum", totals, ["loss"]))
    return nodes, parameters, constants


def test_gradients():
    nodes, parameters, constants = build_cases()
    inputs, outputs = [("x", [])], [("loss", [])]
    path = FOLDER / "cases.onnx"
    save_model(path, nodes, inputs, outputs, parameters, constants)
    module = path.with_suffix(".stn")
    run("sterna-compile", path, "-o", module, "--train=loss", r"--trainable=.*\.p")
    x = np.float32(0.8)
    np.savez(FOLDER / "cases.npz", x=x)
    output = FOLDER / "cases.safetensors"
    run("sterna-run", "grad", module, "--data", FOLDER / "cases.npz", "-o", output)
    gradients = read_safetensors(output)
    assert gradients.keys() == parameters.keys()

    # In f64, each case for itself: the others are constants of its loss.
    step = 1e-5
    for name, (shape, case_nodes, case_constants) in CASES.items():
        values = parameters[name + ".p"].astype(np.float32).astype(np.float64)
        total = [
            *case_nodes,
            helper.make_node("Tanh", ["y"], ["bent"]),
            helper.make_node("Mul", ["bent", "x"], ["scaled"]),
            helper.make_node("ReduceSum", ["scaled"], ["loss"], keepdims=0),
        ]
        rounded = {
            key: np.float64(np.float32(a)) if a.dtype.kind == "f" else a
            for key, a in case_constants.items()
        }
        rounded = {key: np.asarray(a) for key, a in rounded.items()}
        model = save_model(
            FOLDER / "case.onnx",
            total,
            [("x", []), ("p", list(shape))],
            outputs,
            {},
            rounded,
            double=True,
        )
        evaluator = ReferenceEvaluator(model)

        def loss(p):
            return evaluator.run(None, {"x": np.float64(x), "p": p})[0]

        expected = np.zeros_like(values)
        for index in np.ndindex(*shape):
            moved = values.copy()
            moved[index] += step
            above = loss(moved)
            moved[index] -= 2 * step
            expected[index] = (above - loss(moved)) / (2 * step)
        got = gradients[name + ".p"]
        error = np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-3)
        assert error < 2e-5, (name, error, got, expected)
    print(f"test_gradients: {len(CASES)} ops")


# ===----------------------------------------------------------------------=== #
# Runs
# ===----------------------------------------------------------------------=== #

BATCH, ROWS, WIDTH, HIDDEN, CLASSES = 8, 43, 6, 17, 3


def perceptron(path):
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["logits"], transB=1),
        helper.make_node("SoftmaxCrossEntropyLoss", ["logits", "labels"], ["loss"]),
    ]
    parameters = {
        "w1": RANDOM.normal(size=(HIDDEN, WIDTH)) * 0.4,
        "b1": RANDOM.normal(size=HIDDEN) * 0.1,
        "w2": RANDOM.normal(size=(CLASSES, HIDDEN)) * 0.3,
        "b2": np.zeros(CLASSES),
    }
    save_model(
        path,
        nodes,
        [("x", ["batch", WIDTH]), ("labels", ["batch"], TensorProto.INT64)],
        [("loss", []), ("logits", ["batch", CLASSES])],
        parameters,
    )
    x = RANDOM.normal(size=(ROWS, WIDTH)).astype(np.float32)
    labels = (x @ RANDOM.normal(size=(WIDTH, CLASSES))).argmax(1)
    return parameters, x, labels


def forward(p, x, labels):
    """Loss, logits and gradients."""
    hidden = x @ p["w1"].T + p["b1"]
    active = np.maximum(hidden, 0)
    logits = active @ p["w2"].T + p["b2"]
    moved = logits - logits.max(1, keepdims=True)
    logs = moved - np.log(np.exp(moved).sum(1, keepdims=True))
    rows = np.arange(len(labels))
    d = np.exp(logs)
    d[rows, labels] -= 1
    d /= len(labels)
    inner = (d @ p["w2"]) * (hidden > 0)
    gradients = {
        "w1": inner.T @ x,
        "b1": inner.sum(0),
        "w2": d.T @ active,
        "b2": d.sum(0),
    }
    return -logs[rows, labels].mean(), logits, gradients


def train(p, batches, steps, accumulation, rate, decay, clip):
    """AdamW with a cosine schedule, in f64: the losses of the steps."""
    p = {name: a.astype(np.float32).astype(np.float64) for name, a in p.items()}
    first = {name: np.zeros_like(a) for name, a in p.items()}
    second = {name: np.zeros_like(a) for name, a in p.items()}
    per_epoch = -(-len(batches) // accumulation)
    losses = []
    for step in range(steps):
        start = step % per_epoch * accumulation
        parts = [forward(p, *batch) for batch in batches[start : start + accumulation]]
        losses.append(np.mean([loss for loss, _, _ in parts]))
        mean = {n: np.mean([g[n] for _, _, g in parts], axis=0) for n in p}
        norm = np.sqrt(sum((g**2).sum() for g in mean.values()))
        scale = min(1, clip / (norm + 1e-6))
        now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        for n in p:
            g = mean[n] * scale
            first[n] = 0.9 * first[n] + 0.1 * g
            second[n] = 0.999 * second[n] + 0.001 * g * g
            root = np.sqrt(second[n] / (1 - 0.999 ** (step + 1))) + 1e-8
            p[n] *= 1 - now * decay
            p[n] -= now * first[n] / (1 - 0.9 ** (step + 1)) / root
    return losses, p


def test_perceptron():
    path = FOLDER / "perceptron.onnx"
    parameters, x, labels = perceptron(path)
    module = path.with_suffix(".stn")
    run("sterna-compile", path, "-o", module, f"--dim=batch={BATCH}",
        "--train=loss", "--trainable=w.|b.")
    data = FOLDER / "perceptron.npz"
    np.savez(data, x=x, labels=labels)

    # 43 rows are five batches of 8, which two at a time are three steps.
    steps, tuned = 50, FOLDER / "tuned"
    command = ["sterna-run", "train", module, "--data", data, "--no-shuffle",
               "--max-steps", steps, "--grad-accumulation", 2,
               "--learning-rate", 2e-2, "--lr-scheduler", "cosine",
               "--weight-decay", 0.05, "--grad-clip", 0.3, "--json",
               "--validation", data]
    result = run(*command, "--output", tuned)
    assert "each pass leaves out 3 rows" in result.stderr, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    batches = [(x[i : i + BATCH].astype(np.float64), labels[i : i + BATCH])
               for i in range(0, ROWS - BATCH + 1, BATCH)]
    losses, final = train(parameters, batches, steps, 2, 2e-2, 0.05, 0.3)
    assert np.allclose(summary["losses"], losses, rtol=1e-5, atol=0)
    got = read_safetensors(tuned / "parameters.safetensors")
    assert got.keys() == final.keys()
    for name in final:
        assert np.abs(got[name] - final[name]).max() < 2e-5, name
    expected = np.mean([forward(final, *batch)[0] for batch in batches])
    assert abs(summary["validation_loss"] - expected) < 1e-5

    # The graph with what was learnt, and with what the file has.
    np.save(FOLDER / "x.npy", x[:BATCH])
    np.save(FOLDER / "labels.npy", labels[:BATCH])
    for options, p in ([["--parameters", tuned], final], [[], parameters]):
        run("sterna-run", "run", module, "--input", f"x={FOLDER}/x.npy",
            "--input", f"labels={FOLDER}/labels.npy",
            "--output", f"logits={FOLDER}/logits.npy", *options)
        _, logits, _ = forward(p, *batches[0])
        assert np.abs(np.load(FOLDER / "logits.npy") - logits).max() < 1e-4

    # The same bits on one thread; others by another order, which a seed draws.
    def bytes_of(*options):
        run(*command, "--output", tuned, "--overwrite", *options)
        return (tuned / "parameters.safetensors").read_bytes()

    plain = bytes_of("--threads", 1)
    assert plain == bytes_of("--threads", 2)
    command.remove("--no-shuffle")
    shuffled = bytes_of("--seed", 5)
    assert shuffled != plain and shuffled == bytes_of("--seed", 5)
    print("test_perceptron: passed")


# ===----------------------------------------------------------------------=== #
# Refusals
# ===----------------------------------------------------------------------=== #


def compile_and_differentiate(name, nodes, inputs, parameters, data, pattern):
    path = FOLDER / f"{name}.onnx"
    save_model(path, nodes, inputs, [("loss_value", [])], parameters)
    module = path.with_suffix(".stn")
    run("sterna-compile", path, "-o", module, "--train=loss_value",
        f"--trainable={pattern}")
    np.savez(FOLDER / f"{name}.npz", **data)
    run("sterna-run", "grad", module, "--data", FOLDER / f"{name}.npz", "-o",
        FOLDER / f"{name}.safetensors")
    return read_safetensors(FOLDER / f"{name}.safetensors")


def test_names():
    """Parameters that are called as programs are, and that are used twice."""
    names = ["main", "loss", "init", "train_apply", "a.b/c"]
    values = {name: RANDOM.normal(size=3) for name in names}
    nodes = [helper.make_node("Sum", [*names, "main"], ["s"]),
             helper.make_node("Mul", ["s", "x"], ["p"]),
             helper.make_node("ReduceSum", ["p"], ["loss_value"], keepdims=0)]
    x = np.array([1, 2, 3], np.float32)
    got = compile_and_differentiate("names", nodes, [("x", [3])], values,
                                    {"x": x}, ".*")
    assert got.keys() == values.keys()
    for name, gradient in got.items():
        assert np.array_equal(gradient, x * (2 if name == "main" else 1)), name
    print("test_names: passed")


def test_extremes():
    """Activations far from zero, and sums of many halves."""
    far = np.array([-200, -89, 0, 89, 200], np.float32)
    nodes, totals = [], []
    for op in ("Sigmoid", "Elu", "Selu", "Softplus", "Tanh", "Gelu", "Swish"):
        nodes += [helper.make_node(op, ["w"], [op]),
                  helper.make_node("ReduceSum", [op], [op + ".sum"], keepdims=0)]
        totals.append(op + ".sum")
    for kind in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
        name = f"half{kind}"
        nodes += [
            helper.make_node("Cast", ["one"], [name], to=kind),
            helper.make_node("Expand", [name, "shape"], [name + ".e"]),
            helper.make_node("Mul", [name + ".e", name + ".e"], [name + ".m"]),
            helper.make_node("Cast", [name + ".m"], [name + ".f"],
                             to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", [name + ".f"], [name + ".s"], keepdims=0),
        ]
        totals.append(name + ".s")
    nodes += [helper.make_node("Sum", totals, ["t"]),
              helper.make_node("Mul", ["t", "x"], ["loss_value"])]
    got = compile_and_differentiate(
        "extremes", nodes, [("x", [])],
        {"w": far, "one": np.ones(1), "shape": ints(4096)},
        {"x": np.float32(1)}, "w|one")
    w = far.astype(np.float64)
    s = 1 / (1 + np.exp(-w))
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    low = np.minimum(w, 0)
    normal = np.exp(-w * w / 2) / np.sqrt(2 * np.pi)
    cumulative = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in w])
    expected = (s * (1 - s) + np.where(w > 0, 1, np.exp(low))
                + scale * np.where(w > 0, 1, alpha * np.exp(low)) + s
                + 1 - np.tanh(w) ** 2 + cumulative + w * normal
                + s + w * s * (1 - s))
    assert np.abs(got["w"] - expected).max() < 1e-5, (got["w"], expected)
    # Of each kind 4096 times 2, where sums of halves end at 2048 or before.
    assert got["one"] == [4 * 4096], got["one"]
    print("test_extremes: passed")


def test_refusals():
    path = FOLDER / "perceptron.onnx"
    module = path.with_suffix(".stn")
    compiling = ["sterna-compile", path, "-o", FOLDER / "none.stn",
                 f"--dim=batch={BATCH}"]
    for options, expected in (
        (["--train=loss"], "--train=loss: give --trainable=REGEX"),
        (["--trainable=w1"], "--trainable is about training a graph"),
        (["--train=loss", "--trainable=w(1"], "'w(1' is no regular expression"),
        (["--train=loss", "--trainable=w1)|(w2"], "is no regular expression"),
        (["--train=cost", "--trainable=w1"],
         "--train=cost: the graph has no such output; it has logits, loss"),
        (["--train=logits", "--trainable=w1"],
         "expected the loss to be one number of f32"),
        (["--train=loss", "--trainable=w"],
         "no initializer of floats is called so; there are w1, b1, w2, b2"),
    ):
        got = error_of(*compiling, *options)
        assert expected in got, (options, got)
        assert not (FOLDER / "none.stn").exists()

    x = RANDOM.normal(size=(9, WIDTH)).astype(np.float32)
    labels = np.zeros(9, np.int64)
    bad = FOLDER / "bad.npz"
    whole = FOLDER / "whole.npz"
    np.savez(whole, x=x, labels=labels)

    def error_with(*options, write=np.savez, **arrays):
        if arrays:
            write(bad, **arrays)
        return error_of("sterna-run", "train", module, "--data", bad, "--output",
                        FOLDER / "none", *options)

    for expected, arrays in (
        ("has no array for the input 'labels'", {"x": x}),
        ("has an array 'more'", {"x": x, "labels": labels, "more": x}),
        ("is <f4 of shape [8, 6], but its array", {"x": x.astype(np.float64),
                                                  "labels": labels}),
        ("but its array", {"x": x[:, :5], "labels": labels}),
        ("but its array", {"x": x[0], "labels": labels}),
        ("has 9 rows for batches of 8, but another has 10",
         {"x": np.vstack([x, x[:1]]), "labels": labels}),
        ("has 7 rows, but the graph was compiled for batches of 8",
         {"x": x[:7], "labels": labels[:7]}),
        ("has 0 rows, but the graph was compiled for batches of 8",
         {"x": x[:0], "labels": labels[:0]}),
        ("the loss is not finite", {"x": x, "labels": labels + CLASSES}),
    ):
        got = error_with(**arrays)
        assert expected in got, got
    got = error_with(write=np.savez_compressed, x=x, labels=labels)
    assert "is compressed: write it with numpy.savez" in got, got
    content = whole.read_bytes()
    for damaged, expected in (
        (content[:-30], "is no ZIP archive, or is cut off or damaged"),
        (content[:200] + b"\1" + content[201:], "its checksum differs"),
        (b"{}", "is no ZIP archive"),
    ):
        bad.write_bytes(damaged)
        got = error_with()
        assert expected in got, got
    assert not (FOLDER / "none").exists()

    bad.write_bytes(content)
    for options in (["--adapter", "a"], ["--lora-alpha", 3],
                    ["--assistant-loss-only"], ["--validation-split", 0.5]):
        got = error_with(*options)
        assert f"{options[0]} is about language models" in got, got
    missing = run("sterna-run", "train", module, "--data", bad, "--output",
                  FOLDER / "tuned", fails=True).stderr
    assert "is not empty" in missing, missing

    # An initializer in a loop is one for each of its turns.
    body = helper.make_graph(
        [helper.make_node("Mul", ["s", "w"], ["t"]),
         helper.make_node("Identity", ["c"], ["d"])],
        "body",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in
         (("i", TensorProto.INT64, []), ("c", TensorProto.BOOL, []),
          ("s", TensorProto.FLOAT, [2]))],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, []),
         helper.make_tensor_value_info("t", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.ones(2, np.float32), "w")],
    )
    nodes = [helper.make_node("Loop", ["n", "", "x"], ["y"], body=body),
             helper.make_node("ReduceSum", ["y"], ["loss"], keepdims=0)]
    save_model(FOLDER / "loop.onnx", nodes, [("x", [2])], [("loss", [])], {},
               {"n": ints(3)[0]})
    got = error_of("sterna-compile", FOLDER / "loop.onnx", "-o",
                   FOLDER / "none.stn", "--train=loss", "--trainable=w")
    assert "'w' is one of an inner graph, which cannot be trained" in got, got
    print("test_refusals: passed")


FOLDER.mkdir(parents=True, exist_ok=True)
test_gradients()
test_perceptron()
test_names()
test_extremes()
test_refusals()
