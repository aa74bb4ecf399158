#!/usr/bin/env python3
# ===- graphs.py - Graphs beyond one node, compiled and run ---------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graphs of several nodes against NumPy: shapes that are computed, data beside
the file, functions, conditions and loops, outputs that are inputs, types.

  graphs.py FOLDER

sterna-compile and sterna-run are those of PATH; Python is one with onnx.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(sys.argv[1])
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RANDOM = np.random.default_rng(7)


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def make_model(nodes, inputs, outputs, constants=(), functions=(), version=21):
    """`constants` is a list of (name, array)."""
    initializers = [numpy_helper.from_array(a, n) for n, a in constants]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    sets = [helper.make_opsetid("", version), helper.make_opsetid("local", 1)]
    return helper.make_model(
        graph, opset_imports=sets, functions=functions, ir_version=10
    )


def save(model, name="model.onnx"):
    path = FOLDER / name
    path.write_bytes(model.SerializeToString())
    return path


def compile_model(path, *flags):
    module = path.with_suffix(".stn")
    command = ["sterna-compile", path, "-o", module, *flags]
    result = subprocess.run(command, capture_output=True, text=True)
    return result, module


def error_of(path, *flags):
    result, _ = compile_model(path, *flags)
    assert result.returncode == 1, result.stderr
    lines = [l for l in result.stderr.splitlines() if "error:" in l]
    assert len(lines) == 1, result.stderr
    return lines[0]


def run(model, inputs, *flags, env=None, flag_list=()):
    """The outputs, in their order."""
    path = model if isinstance(model, pathlib.Path) else save(model)
    result, module = compile_model(path, *flags)
    assert result.returncode == 0, result.stderr
    command = ["sterna-run", "run", module, *flag_list]
    for name, array in inputs.items():
        file = FOLDER / f"input-{len(command)}.npy"
        np.save(file, array)
        command += ["--input", f"{name}={file}"]
    outputs = onnx.load(path, load_external_data=False).graph.output
    files = [FOLDER / f"output-{i}.npy" for i in range(len(outputs))]
    for output, file in zip(outputs, files):
        command += ["--output", f"{output.name}={file}"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return [np.load(file) for file in files]


def equal(actual, expected):
    assert actual.dtype == expected.dtype, (actual.dtype, expected.dtype)
    np.testing.assert_array_equal(actual, expected)


def test_computed_shapes():
    """As exporters write x.view(x.shape[0], -1, 4): all of it is known."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["first"]),
        node("Unsqueeze", ["first", "axes"], ["head"]),
        node("Concat", ["head", "minus", "four"], ["wanted"], axis=0),
        node("Cast", ["wanted"], ["wide"], to=FLOAT),
        node("Mul", ["wide", "one"], ["same"]),
        node("Cast", ["same"], ["back"], to=INT64),
        node("Reshape", ["x", "back"], ["y"]),
    ]
    constants = [
        ("zero", np.array(0)),
        ("axes", np.array([0])),
        ("minus", np.array([-1])),
        ("four", np.array([4])),
        ("one", np.array([1], np.float32)),
    ]
    model = make_model(
        nodes,
        [value("x", ["batch", None, 8])],
        [value("y", None)],
        constants,
    )
    x = RANDOM.standard_normal((2, 3, 8)).astype(np.float32)
    path = save(model)
    assert "'batch' is dynamic: give its extent by --dim=batch=N" in error_of(
        path
    )
    assert "--dim=x.1=N" in error_of(path, "--dim=batch=2")
    (y,) = run(path, {"x": x}, "--dim=batch=2", "--dim=x.1=3")
    equal(y, x.reshape(2, 6, 4))


def test_large_tensors_stay_in_files():
    weight = RANDOM.standard_normal((40, 30)).astype(np.float32)
    table = RANDOM.integers(-9, 9, (300,))
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Gather", ["table", "ids"], ["picked"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    bias = RANDOM.standard_normal(30).astype(np.float32)
    model = make_model(
        nodes,
        [value("x", [5, 40]), value("ids", [6], INT64)],
        [value("y", [5, 30]), value("picked", [6], INT64)],
        [("weight", weight), ("table", table), ("bias", bias)],
    )
    x = RANDOM.standard_normal((5, 40)).astype(np.float32)
    ids = RANDOM.integers(0, 300, 6)
    beside = FOLDER / "beside.onnx"
    onnx.save(
        model,
        beside,
        save_as_external_data=True,
        location="beside.bin",
        size_threshold=0,
    )
    for path in (save(model), beside):
        command = ["sterna-compile", path, "-o", "-", "--compile-to=import"]
        text = subprocess.run(command, capture_output=True, text=True).stdout
        assert text.count("#tern.elements<") == 2, text
        y, picked = run(path, {"x": x, "ids": ids})
        np.testing.assert_allclose(y, x @ weight + bias, rtol=1e-4, atol=1e-5)
        equal(picked, table[ids])
    outside = onnx.load(beside, load_external_data=False)
    for tensor in outside.graph.initializer:
        tensor.external_data[0].value = "../beside.bin"
    assert "beneath the model's folder" in error_of(save(outside))
    (FOLDER / "beside.bin").write_bytes(b"short")
    assert "too few for" in error_of(beside)


def test_tensors_that_say_where_they_are():
    """Some writers say that elements are in the message, and say it last."""
    x = np.arange(6, dtype=np.float32)
    model = make_model(
        [helper.make_node("Add", ["x", "c"], ["y"])],
        [value("x", [6])],
        [value("y", None)],
        [("c", x)],
    )
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.DEFAULT
    (y,) = run(model, {"x": x})
    equal(y, 2 * x)


def test_functions():
    node = helper.make_node
    scaled = node("LeakyRelu", ["a"], ["b"])
    reference = scaled.attribute.add()
    reference.name = "alpha"
    reference.ref_attr_name = "slope"
    reference.type = onnx.AttributeProto.FLOAT
    function = helper.make_function(
        "local",
        "Bend",
        ["a"],
        ["c"],
        [scaled, node("Neg", ["b"], ["c"])],
        [helper.make_opsetid("", 21)],
        ["slope"],
    )
    nodes = [
        node("Bend", ["x"], ["y"], domain="local", slope=0.5),
        node("Bend", ["y"], ["z"], domain="local"),
    ]
    model = make_model(
        nodes, [value("x", [4])], [value("z", [4])], functions=[function]
    )
    x = np.array([-2, -1, 1, 2], np.float32)
    (z,) = run(model, {"x": x})
    y = -np.where(x < 0, x * np.float32(0.5), x)
    np.testing.assert_allclose(z, -np.where(y < 0, y * 0.01, y), rtol=1e-6)


def test_conditions_and_loops():
    node = helper.make_node
    body = helper.make_graph(
        [
            node("Add", ["total", "x"], ["more"]),
            node("Identity", ["go"], ["on"]),
            node("Identity", ["more"], ["seen"]),
        ],
        "body",
        [value("i", [], INT64), value("go", [], BOOL), value("total", [2])],
        [value("on", [], BOOL), value("more", [2]), value("seen", [2])],
    )
    then = helper.make_graph(
        [node("Neg", ["sum"], ["t"])], "then", [], [value("t", [2])]
    )
    otherwise = helper.make_graph(
        [node("Identity", ["sum"], ["e"])], "else", [], [value("e", [2])]
    )
    nodes = [
        node("Loop", ["three", "yes", "x"], ["sum", "all"], body=body),
        node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise),
    ]
    constants = [("three", np.array(3)), ("yes", np.array(True))]
    model = make_model(
        nodes,
        [value("x", [2]), value("c", [], BOOL)],
        [value("y", [2]), value("all", [3, 2])],
        constants,
    )
    x = np.array([1, 2], np.float32)
    flag = FOLDER / "flag.npy"
    assert "condition must be known when compiling" in error_of(save(model))
    for choice in (True, False):
        np.save(flag, np.array(choice))
        y, steps = run(model, {"x": x}, f"--constant=c={flag}")
        equal(y, -4 * x if choice else 4 * x)
        equal(steps, np.stack([2 * x, 3 * x, 4 * x]))


def test_outputs():
    """Each output has bytes of its own, whatever it is."""
    node = helper.make_node
    nodes = [
        node("Neg", ["x"], ["y"]),
        node("Identity", ["y"], ["again"]),
        node("Slice", ["y", "one", "three"], ["part"]),
        node("Identity", ["x"], ["same"]),
        node("Constant", [], ["c"], value_floats=[1.0, 2.0, 4.0]),
    ]
    outputs = ["y", "again", "part", "same", "c"]
    model = make_model(
        nodes,
        [value("x", [4])],
        [value(name, None) for name in outputs],
        [("one", np.array([1])), ("three", np.array([3]))],
    )
    x = np.array([1, 2, 3, 4], np.float32)
    y, again, part, same, c = run(model, {"x": x})
    equal(y, -x)
    equal(again, -x)
    equal(part, -x[1:3])
    equal(same, x)
    equal(c, np.array([1, 2, 4], np.float32))


def test_unsigned():
    nodes = [
        helper.make_node("Less", ["x", "y"], ["l"]),
        helper.make_node("Div", ["x", "y"], ["d"]),
        helper.make_node("Cast", ["x"], ["w"], to=INT64),
    ]
    kind = TensorProto.UINT8
    model = make_model(
        nodes,
        [value("x", [3], kind), value("y", [3], kind)],
        [value("l", [3], BOOL), value("d", [3], kind), value("w", [3], INT64)],
    )
    x = np.array([200, 3, 255], np.uint8)
    y = np.array([100, 200, 2], np.uint8)
    less, quotient, wide = run(model, {"x": x, "y": y})
    equal(less, x < y)
    equal(quotient, x // y)
    equal(wide, x.astype(np.int64))


def halves():
    """Floats about each f16 and each step between two."""
    bits = np.arange(0, 1 << 16, 7, dtype=np.uint16)
    values = bits.view(np.float16).astype(np.float32)
    words = values.view(np.uint32)
    near = [words + np.uint32(k) for k in (0, 1, 0xFFF, 0x1000, 0x1001)]
    return np.concatenate(near).view(np.float32)


def test_half_precision_at_each_level(environment):
    """Levels without an instruction for it round alike."""
    x = halves()
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)
    model = make_model(
        [node], [value("x", list(x.shape))], [value("y", None)]
    )
    with np.errstate(all="ignore"):
        expected = x.astype(np.float16)
    for level in ("x86-64-v2", "x86-64-v3"):
        env = {**environment, "STERNA_CPU": level}
        (y,) = run(model, {"x": x}, f"--target={level}", env=env)
        isnan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(y), isnan)
        equal(y.view(np.uint16)[~isnan], expected.view(np.uint16)[~isnan])


def test_double_precision():
    """exp and log of f64 within two units in the last place."""
    x = np.concatenate(
        [
            RANDOM.uniform(-745, 709, 2000),
            RANDOM.uniform(-1, 1, 2000),
            [0.0, -0.0, np.inf, -np.inf, np.nan, 710.0, -760.0],
        ]
    )
    z = np.concatenate(
        [
            np.exp(RANDOM.uniform(-700, 700, 2000)),
            RANDOM.uniform(0.5, 2, 2000),
            [0.0, np.inf, -1.0, np.nan, 5e-324, 1.0, 2.0],
        ]
    )
    kind = TensorProto.DOUBLE
    model = make_model(
        [
            helper.make_node("Exp", ["x"], ["e"]),
            helper.make_node("Log", ["z"], ["l"]),
        ],
        [value("x", list(x.shape), kind), value("z", list(z.shape), kind)],
        [value("e", None, kind), value("l", None, kind)],
    )
    e, logarithm = run(model, {"x": x, "z": z})
    with np.errstate(all="ignore"):
        for actual, expected in ((e, np.exp(x)), (logarithm, np.log(z))):
            normal = np.isfinite(expected) & (np.abs(expected) > 1e-300)
            gap = np.abs(actual - expected)[normal]
            assert np.all(gap <= 2 * np.spacing(np.abs(expected[normal])))
            np.testing.assert_allclose(actual, expected, atol=1e-320)


def one_node(op, inputs, kinds, **attributes):
    """A model of one node whose inputs are of these shapes and types."""
    names = [f"x{i}" for i in range(len(inputs))]
    values = [value(n, s, k) for n, s, k in zip(names, inputs, kinds)]
    node = helper.make_node(op, names, ["y"], **attributes)
    return make_model([node], values, [value("y", None, kinds[0])])


def test_powers_and_angles():
    base = np.array([-2, -1, 0, -3, -np.inf, 2, 10, -8, 1], np.float32)
    power = np.array([-2, -1, 0, 2, 3, 0.5, 30, 1 / 3, np.nan], np.float32)
    model = one_node("Pow", [[9], [9]], [FLOAT, FLOAT])
    (y,) = run(model, {"x0": base, "x1": power})
    with np.errstate(all="ignore"):
        expected = np.power(base.astype(np.float64), power)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    x = np.array([-1000, -1e-6, 0.05, 2, 88.9, 1e5, 3e38], np.float32)
    functions = {
        "Sin": np.sin,
        "Cos": np.cos,
        "Asinh": np.arcsinh,
        "Acosh": np.arccosh,
        "Sinh": np.sinh,
        "Cosh": np.cosh,
        "Softplus": lambda x: np.logaddexp(x, 0),
    }
    for op, function in functions.items():
        some = x[:-1] if op in ("Sin", "Cos") else x
        (y,) = run(one_node(op, [[len(some)]], [FLOAT]), {"x0": some})
        with np.errstate(all="ignore"):
            expected = function(some.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=5e-7, err_msg=op)


def test_integers_do_not_trap():
    least = np.iinfo(np.int32).min
    x = np.array([7, -7, least, 5], np.int32)
    y = np.array([0, 2, -1, -1], np.int32)
    kinds = [TensorProto.INT32] * 2
    inputs = {"x0": x, "x1": y}
    (quotient,) = run(one_node("Div", [[4], [4]], kinds), inputs)
    equal(quotient, np.array([0, -3, least, -5], np.int32))
    (rest,) = run(one_node("Mod", [[4], [4]], kinds), inputs)
    equal(rest[1:], np.array([1, 0, 0], np.int32))


def test_nothing_to_sum():
    model = one_node("MatMul", [[2, 0], [0, 3]], [FLOAT, FLOAT])
    empty = np.zeros((2, 0), np.float32)
    (y,) = run(model, {"x0": empty, "x1": empty.reshape(0, 2)[:, :1].repeat(3, 1)})
    equal(y, np.zeros((2, 3), np.float32))


def test_attributes_of_calls_reach_inner_graphs():
    node = helper.make_node
    bend = node("LeakyRelu", ["a"], ["t"])
    reference = bend.attribute.add()
    reference.name, reference.ref_attr_name = "alpha", "slope"
    reference.type = onnx.AttributeProto.FLOAT
    then = helper.make_graph([bend], "then", [], [value("t", [2])])
    otherwise = helper.make_graph(
        [node("Neg", ["a"], ["e"])], "else", [], [value("e", [2])]
    )
    choice = node("If", ["c"], ["b"], then_branch=then, else_branch=otherwise)
    function = helper.make_function(
        "local", "F", ["a", "c"], ["b"], [choice],
        [helper.make_opsetid("", 21)], ["slope"],
    )
    model = make_model(
        [node("F", ["x", "yes"], ["y"], domain="local", slope=0.5)],
        [value("x", [2])],
        [value("y", [2])],
        [("yes", np.array(True))],
        functions=[function],
    )
    (y,) = run(model, {"x": np.array([-2, 2], np.float32)})
    equal(y, np.array([-1, 2], np.float32))
    model.graph.node[0].overload = "other"
    assert "overload 'other'" in error_of(save(model))


def test_refusals():
    node = helper.make_node
    two = make_model(
        [node("Conv", ["x", "x"], ["y"], name="first"), node("Foo", ["y"], ["z"])],
        [value("x", [1, 1, 3])],
        [value("z", None)],
    )
    message = error_of(save(two))
    assert "Conv of ai.onnx 21: 'first'" in message
    assert "Foo of ai.onnx 21: 'z'" in message
    wrong = make_model(
        [node("Neg", ["x"], ["y"], sharpness=3)],
        [value("x", [3])],
        [value("y", None)],
    )
    assert "attribute 'sharpness' is not supported" in error_of(save(wrong))
    apart = make_model(
        [node("Add", ["x", "y"], ["z"])],
        [value("x", [3]), value("y", [4])],
        [value("z", None)],
    )
    assert "extents 3 and 4 do not agree" in error_of(save(apart))
    # A large tensor of a type that there is not.
    strange = make_model(
        [node("Add", ["x", "w"], ["z"])],
        [value("x", [400])],
        [value("z", None)],
        [("w", np.zeros(400, np.float32))],
    )
    strange.graph.initializer[0].data_type = 99
    message = error_of(save(strange))
    assert "tensor 'w': expected numbers, but got" in message, message
    huge = make_model(
        [node("MatMul", ["x", "y"], ["z"])],
        [value("x", [1 << 30, 1]), value("y", [1, 1 << 30])],
        [value("z", None)],
    )
    assert "absurd" in error_of(save(huge))
    whole = two.SerializeToString()
    for size in (1, 2, 40, len(whole) - 1):
        (FOLDER / "cut.onnx").write_bytes(whole[:size])
        assert "error:" in error_of(FOLDER / "cut.onnx")
    half = TensorProto.FLOAT16
    for op, kinds, message in (
        ("Add", [FLOAT, half], "inputs of one type"),
        ("Less", [TensorProto.INT32, TensorProto.UINT32], "of one type"),
        ("And", [INT64, INT64], "expected booleans"),
        ("Add", [BOOL, BOOL], "no arithmetic of bool"),
        ("Add", [TensorProto.INT4] * 2, "no arithmetic of int4"),
        ("MatMul", [FLOAT, TensorProto.DOUBLE], "of one type"),
    ):
        shape = [2, 2]
        path = save(one_node(op, [shape, shape], kinds))
        assert message in error_of(path), op
    path = save(one_node("Relu", [[2], [2]], [FLOAT, FLOAT]))
    assert "input 1 is not supported" in error_of(path)
    twice = make_model(
        [node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["y"])],
        [value("x", [3])],
        [value("y", None)],
    )
    assert "'y' is the name of two values" in error_of(save(twice))
    path = save(one_node("Neg", [[3]], [FLOAT]))
    assert "no input has such a dimension" in error_of(path, "--dim=n=3")
    ints = FOLDER / "ints.npy"
    np.save(ints, np.zeros(3, np.int32))
    assert "expected elements <f4" in error_of(path, f"--constant=x0={ints}")
    assert "no such input" in error_of(path, f"--constant=z={ints}")
    forever = helper.make_graph(
        [
            node("Identity", ["go"], ["on"]),
            node("Identity", ["x"], ["x2"]),
        ],
        "body",
        [value("i", [], INT64), value("go", [], BOOL)],
        [value("on", [], BOOL), value("x2", [1])],
    )
    endless = make_model(
        [node("Loop", ["", "yes"], ["y"], body=forever)],
        [value("x", [1])],
        [value("y", None)],
        [("yes", np.array(True))],
    )
    assert "more than 4096 iterations" in error_of(save(endless))
    innermost = helper.make_graph(
        [],
        "innermost",
        [value("j", [], INT64), value("in", [], BOOL)],
        [value("in", [], BOOL)],
    )
    inner = helper.make_graph(
        [node("Loop", ["many", ""], [], body=innermost)],
        "inner",
        [value("i", [], INT64), value("go", [], BOOL), value("a", [1])],
        [value("go", [], BOOL), value("a", [1])],
    )
    nested = make_model(
        [node("Loop", ["many", "", "x"], ["y"], body=inner)],
        [value("x", [1])],
        [value("y", None)],
        [("many", np.array(4000))],
    )
    assert "have more than 131072 nodes" in error_of(save(nested))
    right = make_model(
        [node("Neg", ["x"], ["y"])], [value("x", [3])], [value("y", None)]
    )
    assert "is about language models" in error_of(save(right), "--seq-len=8")
    # What is about training says so where nothing is trained.
    expected = "--optimizer=sgd is about training: give --train=OUTPUT"
    assert expected in error_of(save(right), "--optimizer=sgd")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        if test.__code__.co_argcount:
            test(dict(os.environ))
        else:
            test()
        print(f"{name}: passed", flush=True)


if __name__ == "__main__":
    main()
