#!/usr/bin/env python3
"""Gradients at ties, zeros, infinities and NaN against NumPy.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: special_values.py FOLDER

FOLDER takes modules and arrays. Each case is a function of tensors whose
elements are all combinations of special values; its results have cotangents of
their own, 1, 2, 3, ..., so that no gradient can be taken for another.
"""
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np

NAN, INF = np.nan, np.inf
SPECIAL = [NAN, -INF, -1.5, -0.0, 0.0, 2.0, INF]
PAIRS = np.array(list(itertools.product(SPECIAL, repeat=2)))
TRIPLES = np.array(list(itertools.product(SPECIAL, repeat=3)))


def gradients(folder, name, operands, result, body):
    """Gradients of `operands`, arrays, for the cotangents 1, 2, 3, ..."""
    count = np.prod(result, dtype=int)
    arguments, types = [], []
    for index, operand in enumerate(operands):
        type_ = f"tensor<{'x'.join(map(str, operand.shape))}xf64>"
        types.append(type_)
        arguments.append(f"%x{index}: {type_}")
    y = f"tensor<{count}xf64>"
    (folder / f"{name}.mlir").write_text(f"""
func.func @f({', '.join(arguments)}, %c: {y}) -> tensor<f64> {{
  %zero = arith.constant dense<0.0> : tensor<f64>
  {body}
  %p = arith.mulf %y, %c : {y}
  %r = linalg.reduce {{ arith.addf }} ins(%p : {y}) outs(%zero : tensor<f64>)
      dimensions = [0]
  return %r : tensor<f64>
}}
""")
    module = folder / f"{name}.vjp.mlir"
    subprocess.run(["sterna-opt", folder / f"{name}.mlir",
                    "--sterna-differentiate=function=f", "-o", module], check=True)
    command = ["sterna-interp", module, "--function=f_vjp"]
    cotangents = np.arange(1, count + 1, dtype=np.float64)
    for index, array in enumerate([*operands, cotangents]):
        np.save(folder / f"in{index}.npy", array)
        command.append(f"--input={folder}/in{index}.npy")
    outputs = [folder / f"out{index}.npy" for index in range(len(operands) + 2)]
    subprocess.run(command + [f"--output={output}" for output in outputs],
                   check=True)
    return cotangents, [np.load(output) for output in outputs[1:-1]]


def expect_equal(name, actual, expected):
    if not np.array_equal(actual, expected, equal_nan=True):
        wrong = np.flatnonzero(~((actual == expected) |
                                 (np.isnan(actual) & np.isnan(expected))))
        sys.exit(f"{name}: differs at {wrong[:5]}: expected "
                 f"{expected.reshape(-1)[wrong[:5]]}, but got "
                 f"{actual.reshape(-1)[wrong[:5]]}")


def winners(values, larger, keeps_nan):
    """Which of each row's `values` its maximum (or minimum) is."""
    is_nan = np.isnan(values)
    candidates = np.where(is_nan, -INF if larger else INF, values)
    best = (np.max if larger else np.min)(candidates, axis=1, keepdims=True)
    wins = ~is_nan & (values == best)
    # A NaN is the result where there is one, or where there is nothing else.
    takes = is_nan.any(axis=1) if keeps_nan else is_nan.all(axis=1)
    return np.where(takes[:, None], is_nan, wins)


def check_extrema(folder):
    for op in ("maximumf", "minimumf", "maxnumf", "minnumf"):
        larger, keeps_nan = op.startswith("max"), op.endswith("imumf")
        c, got = gradients(folder, op, list(PAIRS.T), [len(PAIRS)],
                           f"%y = arith.{op} %x0, %x1 : tensor<49xf64>")
        wins = winners(PAIRS, larger, keeps_nan)
        share = c[:, None] / wins.sum(axis=1, keepdims=True)
        expect_equal(op, np.stack(got, axis=1), np.where(wins, share, 0))
        # Reductions, from a value of their own.
        c, got = gradients(
            folder, f"reduce_{op}",
            [TRIPLES[:, :2], TRIPLES[:, 2]], [len(TRIPLES)],
            f"%y = linalg.reduce {{ arith.{op} }} ins(%x0 : tensor<343x2xf64>) "
            "outs(%x1 : tensor<343xf64>) dimensions = [1]")
        wins = winners(TRIPLES, larger, keeps_nan)
        share = c[:, None] / wins.sum(axis=1, keepdims=True)
        expect_equal(f"reduce_{op}", np.column_stack(got),
                     np.where(wins, share, 0))


def check_products(folder):
    c, got = gradients(
        folder, "product", [TRIPLES[:, :2], TRIPLES[:, 2]], [len(TRIPLES)],
        "%y = linalg.reduce { arith.mulf } ins(%x0 : tensor<343x2xf64>) "
        "outs(%x1 : tensor<343xf64>) dimensions = [1]")
    others = np.stack([np.prod(np.delete(TRIPLES, i, axis=1), axis=1)
                       for i in range(3)], axis=1)
    expected = c[:, None] * others
    # Of finite factors the product of the others is exact but for rounding; with
    # others it may be a NaN too early, never a number.
    got = np.column_stack(got)
    finite = np.isfinite(TRIPLES).all(axis=1)
    if not np.allclose(got[finite], expected[finite], rtol=1e-14, atol=0):
        sys.exit("product: differs")
    hidden = ~np.isfinite(expected) & np.isfinite(got)
    if hidden.any():
        sys.exit(f"product: no number is hidden at {np.argwhere(hidden)[:5]}: "
                 f"{TRIPLES[np.argwhere(hidden)[0][0]]}")


def check_powers(folder):
    x, p = PAIRS.T
    c, got = gradients(folder, "powf", [x, p], [len(x)],
                       "%y = math.powf %x0, %x1 : tensor<49xf64>")
    y = np.power(x, p)
    power = c * np.where(p == 0, 0, p * np.power(x, p - 1))
    exponent = c * np.where((x == 0) & (p >= 0), 0, y * np.log(x))
    for name, actual, expected in (("base", got[0], power),
                                   ("power", got[1], exponent)):
        same = (np.isnan(actual) & np.isnan(expected)) | np.isclose(
            actual, expected, rtol=1e-6, atol=0)
        if not same.all():
            wrong = np.flatnonzero(~same)[:5]
            sys.exit(f"powf's {name}: at {PAIRS[wrong]} expected "
                     f"{expected[wrong]}, but got {actual[wrong]}")


def check_signs(folder):
    x = np.array(SPECIAL)
    sign = np.sign(x)  # a NaN at a NaN
    c, got = gradients(folder, "absf", [x], [len(x)],
                       "%y = math.absf %x0 : tensor<7xf64>")
    expect_equal("absf", got[0], c * sign)
    c, got = gradients(folder, "copysign", list(PAIRS.T), [len(PAIRS)],
                       "%y = math.copysign %x0, %x1 : tensor<49xf64>")
    flip = np.copysign(1, PAIRS[:, 1])
    expect_equal("copysign", got[0], c * (np.sign(PAIRS[:, 0]) * flip))
    expect_equal("copysign's sign", got[1], np.zeros(len(PAIRS)))


def check_selections(folder):
    x, y = PAIRS.T
    body = """%m = arith.cmpf olt, %x0, %x1 : tensor<49xf64>
  %y = arith.select %m, %x0, %x1 : tensor<49xi1>, tensor<49xf64>"""
    c, got = gradients(folder, "select", [x, y], [len(x)], body)
    expect_equal("select", got[0], np.where(x < y, c, 0))
    expect_equal("select", got[1], np.where(x < y, 0, c))


def main():
    folder = Path(sys.argv[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        check_extrema(folder)
        check_products(folder)
        check_powers(folder)
        check_signs(folder)
        check_selections(folder)


if __name__ == "__main__":
    main()
