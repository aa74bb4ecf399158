#!/usr/bin/env python3
# ===- special_values.py - NaN and none against NumPy ---------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Written from the descriptions of the ops, not from their decompositions.
# ===----------------------------------------------------------------------=== #
"""Check what ops make of NaN, infinities, and ids and positions of none.

  special_values.py MODULE.mlir FOLDER

FOLDER takes arrays. Exit status 1 when a result differs.
"""

import pathlib
import sys

import numpy as np

from gradient_rounding import expect, interpret

IDS = np.int32([-1, 0, 4, 8, 9, -(2**31), 2**31 - 1])


def rows_or_zeros(table, ids):
    rows = [table[i] if 0 <= i < len(table) else 0 * table[0] for i in ids]
    return np.stack(rows)


def check_quantizer(run, random):
    x = random.standard_normal((8, 4)).astype(np.float32)
    x[0] = [1, 2, np.nan, 4]
    x[1, 0] = -np.nan
    x[2] = [0, np.inf, 0, 0]
    x[3, 3] = -np.inf
    x[4] = 0
    x[5] = np.float32(3e38)
    q, t = run("quantize", [x], 2)
    finite = np.isfinite(x).all(axis=1)
    expect("a NaN or infinity is hidden", np.isnan(t[~finite]).all())
    largest = np.abs(x[finite]).max(axis=1, keepdims=True)
    s = np.float32(127) / np.maximum(largest, np.float32(1e-5))
    expect("scales differ", (t[finite] == (np.float32(1) / s)[:, 0]).all())
    expect("integers differ", (q[finite] == np.rint(x[finite] * s)).all())
    w = np.int8([[0, 0, 0, 0], [1, -1, 1, 1], [0, 0, -1, 0]])
    (y,) = run("linear", [x, w], 1)
    expect("a linear hides a NaN", np.isnan(y[~finite]).all())
    expect("a linear invents a NaN", np.isfinite(y[finite]).all())


def check_ids(run, random):
    first = random.standard_normal((5, 3)).astype(np.float32)
    second = random.standard_normal((4, 3)).astype(np.float32)
    (y,) = run("embedding", [first, IDS], 1)
    expect("embeddings differ", (y == rows_or_zeros(first, IDS)).all())
    (y,) = run("shards", [first, second, IDS], 1)
    whole = np.concatenate([first, second])
    expect("shards differ", (y == rows_or_zeros(whole, IDS)).all())
    ids = np.int32([1, 4, -1, 0, 4, 5, -(2**31)])
    dy = random.standard_normal((7, 3)).astype(np.float32)
    (d,) = run("embedding_grad", [ids, dy], 1)
    expected = np.zeros((4, 3), np.float32)
    expected[0], expected[3] = dy[0], dy[1] + dy[4]
    expect("gradients of a table differ", (d == expected).all())
    x = random.standard_normal((7, 5)).astype(np.float32)
    labels = np.int32([-1, -100, 0, 4, -(2**31), 2, -7])
    (loss,) = run("cross_entropy", [x, labels], 1)
    scored = labels >= 0
    expect("a masked label has a loss", not loss[~scored].any())
    terms = np.log(np.exp(x.astype(float)).sum(axis=1)) - x[range(7), labels % 5]
    expect("losses differ", np.allclose(loss[scored], terms[scored], rtol=1e-5))


def check_positions(run, random):
    cache = random.standard_normal((6, 1, 2)).astype(np.float32)
    update = random.standard_normal((3, 1, 2)).astype(np.float32)
    for position, length in [(-1, 3), (-7, 3), (2, -1), (9, 3), (2, 2), (5, 3)]:
        (y,) = run(
            "cache_update", [cache, update, np.int32(position), np.int32(length)], 1
        )
        expected = cache.copy()
        for t in range(min(length, 3)):
            if position >= 0 and position + t < 6:
                expected[position + t] = update[t]
        expect(f"a cache at {position} differs", (y == expected).all())

    x = random.standard_normal((1, 4, 1, 4)).astype(np.float32)
    angles = random.uniform(-3, 3, (3, 2)).astype(np.float32)
    cosine, sine = np.cos(angles), np.sin(angles)
    for position in (-1, -2, -9, 0, 1, 7):
        (y,) = run("rope", [x, cosine, sine, np.int32(position)], 1)
        expected = x.copy()
        for s in range(4):
            if position + s >= 0:
                p = min(position + s, 2)
                low, high = x[0, s, 0, :2], x[0, s, 0, 2:]
                expected[0, s, 0, :2] = low * cosine[p] - high * sine[p]
                expected[0, s, 0, 2:] = high * cosine[p] + low * sine[p]
        expect(f"a rotation at {position} differs", np.allclose(y, expected, atol=1e-6))

    q = random.standard_normal((1, 4, 1, 1, 2)).astype(np.float32)
    k, v = random.standard_normal((2, 1, 5, 1, 2)).astype(np.float32)
    for position in (-1, -2, -9, 0, 3):
        (y,) = run("attention", [q, k, v, np.int32(position)], 1)
        expected = np.zeros_like(q)
        for s in range(4):
            seen = max(0, min(position + s + 1, 5))
            weights = np.exp(k[0, :seen, 0] @ q[0, s, 0, 0] / np.sqrt(2))
            if seen:
                expected[0, s, 0, 0] = weights @ v[0, :seen, 0] / weights.sum()
        expect(f"attention at {position} differs", np.allclose(y, expected, atol=1e-5))


def check_packing(run, random):
    """Two samples in a row and padding are as each alone."""
    x = random.standard_normal((1, 4, 1, 4)).astype(np.float32)
    angles = random.uniform(-3, 3, (3, 2)).astype(np.float32)
    tables = np.cos(angles), np.sin(angles)
    each = np.int32([[0, 1, 0, -1]])
    (y,) = run("rope_tokens", [x, *tables, each], 1)
    for s, position in enumerate(each[0]):
        (alone,) = run("rope", [np.roll(x, -s, axis=1), *tables, position], 1)
        expect(f"a token at {position} differs", (y[0, s] == alone[0, 0]).all())

    q = random.standard_normal((1, 7, 1, 1, 2)).astype(np.float32)
    k, v = random.standard_normal((2, 1, 7, 1, 2)).astype(np.float32)
    segments = np.int32([[0, 0, 0, 0, 5, 5, -1]])
    (y,) = run("packed", [q, k, v, segments], 1)
    expected = np.zeros_like(q)
    for first, end in ((0, 4), (4, 6)):
        for s in range(first, end):
            seen = slice(max(first, s - 2), s + 1)
            weights = np.exp(0.9 * (k[0, seen, 0] @ q[0, s, 0, 0]))
            expected[0, s, 0, 0] = weights @ v[0, seen, 0] / weights.sum()
    expect("packed samples differ", np.allclose(y, expected, atol=1e-6))


def main():
    random = np.random.default_rng(3)
    module, folder = sys.argv[1], pathlib.Path(sys.argv[2])

    def run(function, inputs, outputs):
        return interpret(module, folder, function, inputs, outputs)

    with np.errstate(invalid="ignore", over="ignore"):
        check_quantizer(run, random)
    check_ids(run, random)
    check_positions(run, random)
    check_packing(run, random)


if __name__ == "__main__":
    main()
