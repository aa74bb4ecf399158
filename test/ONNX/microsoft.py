#!/usr/bin/env python3
# ===- microsoft.py - Ops of ONNX Runtime's own op set --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ops of com.microsoft, which the standard's suite has no cases of, against
NumPy by their documentation.

  microsoft.py FOLDER
"""


import numpy as np
from onnx import TensorProto, helper, numpy_helper

from graphs import FLOAT, FOLDER, INT64, error_of, run, save, value

RANDOM = np.random.default_rng(11)


def make_model(op, inputs, outputs, constants=(), **attributes):
    """One node; inputs are (name, shape, type), "" for one that is not there."""
    names = [i if isinstance(i, str) else i[0] for i in inputs]
    node = helper.make_node(
        op, names, outputs, "node", domain="com.microsoft", **attributes
    )
    given = [value(*i) for i in inputs if not isinstance(i, str)]
    graph = helper.make_graph(
        [node],
        "g",
        given,
        [value(name, None) for name in outputs],
        [numpy_helper.from_array(a, n) for n, a in constants],
    )
    sets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=10)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def close(actual, expected, bound=2e-6):
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    worst = np.abs(actual - expected).max() / np.abs(expected).max()
    assert worst < bound, worst


def pack(codes, bits):
    """Rows of integers, each row whole bytes, the first in the low bits."""
    per = 8 // bits
    rows, columns = codes.shape
    padded = np.zeros((rows, -(-columns // per) * per), np.uint8)
    padded[:, :columns] = codes
    fields = padded.reshape(rows, -1, per)
    return sum(fields[:, :, i] << (bits * i) for i in range(per)).astype(
        np.uint8
    )


def block_matrix(rows, columns, bits, size, zeros):
    """Codes, scales, packed zero points and the matrix that they are."""
    blocks = -(-columns // size)
    codes = RANDOM.integers(0, 2**bits, (rows, blocks * size))
    scales = RANDOM.uniform(0.1, 1, (rows, blocks)).astype(np.float32)
    middle = 2 ** (bits - 1)
    points = np.full((rows, blocks), middle)
    if zeros == "packed":
        points = RANDOM.integers(0, 2**bits, (rows, blocks))
    elif zeros == "equal":
        points = np.full((rows, blocks), 1)
    moved = codes - np.repeat(points, size, axis=1)
    matrix = moved * np.repeat(scales, size, axis=1).astype(float)
    packed = pack(codes, bits).reshape(rows, blocks, -1)
    return packed, scales, pack(points, bits), matrix[:, :columns]


def test_products_with_blocks():
    """Small matrices are constants, large ones parameters."""
    for rows, columns, bits, size, zeros in (
        (5, 64, 4, 32, None),
        (7, 40, 4, 16, "packed"),
        (9, 64, 2, 16, "equal"),
        (70, 96, 2, 32, "packed"),
        (260, 128, 8, 32, None),
        (260, 160, 2, 16, "equal"),
    ):
        q, scales, z, matrix = block_matrix(rows, columns, bits, size, zeros)
        x, bias = floats(2, 3, columns), floats(rows)
        constants = [("q", q), ("s", scales.ravel()), ("bias", bias)]
        if zeros:
            constants.append(("z", z.ravel()))
        model = make_model(
            "MatMulNBits",
            [("x", x.shape), "q", "s", "z" if zeros else "", "", "bias"],
            ["y"],
            constants,
            K=columns,
            N=rows,
            bits=bits,
            block_size=size,
        )
        (y,) = run(model, {"x": x})
        close(y, x.astype(float) @ matrix.T + bias)


def test_rows_of_blocks():
    q, scales, z, matrix = block_matrix(20, 64, 4, 32, "packed")
    ids = np.array([[3, -1], [0, 19]])
    model = make_model(
        "GatherBlockQuantized",
        ["q", ("ids", [2, 2], INT64), "s", "z"],
        ["y"],
        [("q", q.reshape(20, -1)), ("s", scales), ("z", z)],
        block_size=32,
    )
    (y,) = run(model, {"ids": ids})
    close(y, matrix[ids])


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def heads(x, count):
    return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3)


def join(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def test_attention_of_heads():
    batch, tokens, past, count, width = 2, 3, 2, 2, 4
    q, k, v = (floats(batch, tokens, count * width) for _ in range(3))
    before = [floats(batch, count, past, width) for _ in range(2)]
    bias = floats(1, count, tokens, past + tokens)
    mask = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 1, 1]], np.int32)
    model = make_model(
        "MultiHeadAttention",
        [
            *(("q", q.shape), ("k", k.shape), ("v", v.shape), ""),
            *(("mask", mask.shape, TensorProto.INT32), ("bias", bias.shape)),
            *(("pk", before[0].shape), ("pv", before[1].shape)),
        ],
        ["y", "present.k", "present.v"],
        num_heads=count,
        unidirectional=1,
        mask_filter_value=-1e30,
    )
    given = {"q": q, "k": k, "v": v, "mask": mask, "bias": bias}
    y, keys, values = run(model, given | {"pk": before[0], "pv": before[1]})
    close(keys, np.concatenate([before[0], heads(k, count)], 2))
    close(values, np.concatenate([before[1], heads(v, count)], 2))
    scores = heads(q, count) @ keys.transpose(0, 1, 3, 2) / 2 + bias
    sees = np.tril(np.ones((tokens, past + tokens)), past) > 0
    sees = sees & (mask[:, None, None] > 0)
    close(y, join(softmax(np.where(sees, scores, -1e30)) @ values))


def rotate(x, cosine, sine, interleaved):
    """Heads by tables [tokens, half]."""
    half = cosine.shape[1]
    a, b = (
        (x[..., : 2 * half : 2], x[..., 1 : 2 * half : 2])
        if interleaved
        else (x[..., :half], x[..., half : 2 * half])
    )
    turned = a * cosine - b * sine, a * sine + b * cosine
    joined = (
        np.stack(turned, -1).reshape(*x.shape[:-1], 2 * half)
        if interleaved
        else np.concatenate(turned, -1)
    )
    return np.concatenate([joined, x[..., 2 * half :]], -1)


def test_attention_of_groups():
    """Packed or not, with a past, a window, a cap and halves of heads turned."""
    batch, tokens, past, count, kv, width = 2, 3, 2, 4, 2, 8
    total = past + tokens
    for packed, interleaved, window, cap, half in (
        (False, 0, -1, 0.0, 4),
        (True, 1, 2, 5.0, 2),
    ):
        sizes = [count * width, kv * width, kv * width]
        q, k, v = (floats(batch, tokens, size) for size in sizes)
        before = [floats(batch, kv, past, width) for _ in range(2)]
        angles = RANDOM.uniform(0, 6, (16, half))
        tables = [f(angles).astype(np.float32) for f in (np.cos, np.sin)]
        given = {"q": np.concatenate([q, k, v], -1)} if packed else {
            "q": q, "k": k, "v": v
        }
        inputs = [(name, x.shape) for name, x in given.items()]
        inputs += ["", ""] if packed else []
        model = make_model(
            "GroupQueryAttention",
            [
                *inputs,
                *(("pk", before[0].shape), ("pv", before[1].shape)),
                *("lengths", "total", "cos", "sin"),
            ],
            ["y", "present.k", "present.v"],
            [
                ("lengths", np.full(batch, total - 1, np.int32)),
                ("total", np.array(total, np.int32)),
                ("cos", tables[0]),
                ("sin", tables[1]),
            ],
            num_heads=count,
            kv_num_heads=kv,
            do_rotary=1,
            rotary_interleaved=interleaved,
            local_window_size=window,
            softcap=cap,
        )
        y, keys, values = run(model, given | {"pk": before[0], "pv": before[1]})
        c, s = (t[past:total].astype(float) for t in tables)
        turned = rotate(heads(k, kv), c, s, interleaved)
        close(keys, np.concatenate([before[0], turned], 2))
        close(values, np.concatenate([before[1], heads(v, kv)], 2))
        query = rotate(heads(q, count), c, s, interleaved)
        scores = query @ keys.repeat(2, 1).transpose(0, 1, 3, 2) / 8**0.5
        scores = np.tanh(scores / cap) * cap if cap else scores
        place = np.arange(total)
        own = place[past:, None]
        sees = place <= own
        if window >= 0:
            sees &= place > own - window
        scores = np.where(sees, scores, -np.inf)
        close(y, join(softmax(scores) @ values.repeat(2, 1)))


def test_refusals():
    q, scales, _, _ = block_matrix(5, 64, 4, 32, None)

    def product(**changes):
        sizes = {"K": 64, "N": 5, "bits": 4, "block_size": 32} | changes
        constants = [("q", q), ("s", scales.ravel())]
        inputs = [("x", [2, 64]), "q", "s"]
        return make_model("MatMulNBits", inputs, ["y"], constants, **sizes)

    for changes, text in (
        ({"bits": 3}, "expected 2, 4 or 8 bits"),
        ({"N": 6}, "do not fit its sizes"),
        ({"K": 32}, "expected rows of 32 columns"),
    ):
        error = error_of(save(product(**changes)))
        assert text in error, error
    model = make_model(
        "GroupQueryAttention",
        [
            *(("q", [1, 3, 8]), ("k", [1, 3, 8]), ("v", [1, 3, 8]), "", ""),
            *(("lengths", [1], TensorProto.INT32), "total"),
        ],
        ["y"],
        [("total", np.array(3, np.int32))],
        num_heads=2,
        kv_num_heads=2,
    )
    assert "seqlens_k" in error_of(save(model))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: passed", flush=True)


main()
