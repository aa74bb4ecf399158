#!/usr/bin/env python3
# ===- gradient_rounding.py - Integer gradients against NumPy --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The quantizer of gradients written down once more, from docs/numerics.md, and
# what its rounding promises: no bias, and no relation between draws.
# ===----------------------------------------------------------------------=== #
"""Check tern.quantize_gradient and its product in the interpreter.

  gradient_rounding.py MODULE.mlir FOLDER

MODULE has the functions `nearest` (i16), `stochastic` (i8) and `product`;
FOLDER takes arrays. Exit status 1 when a result differs, or when stochastic
rounding is biased.
"""

import pathlib
import subprocess
import sys

import numpy as np

LIMIT = {np.int8: 127, np.int16: 127 * 256 + 127}


def pcg_hash(x):
    """The PCG RXS-M-XS hash of uint32 (O'Neill 2014)."""
    state = x * np.uint32(747796405) + np.uint32(2891336453)
    word = ((state >> ((state >> 28) + 4)) ^ state) * np.uint32(277803737)
    return (word >> 22) ^ word


def uniform(shape, seed):
    """The number in [0, 1) that decides about each element."""
    rows = np.arange(shape[0], dtype=np.uint32)[:, None]
    columns = np.arange(shape[1], dtype=np.uint32)
    bits = pcg_hash(columns + pcg_hash(rows + pcg_hash(np.uint32([seed]))))
    return (bits >> 8).astype(np.float32) * np.float32(2.0**-24)


def scaled(gradient, scale, limit):
    """Gradients in steps, and the step of each row, in f32."""
    x = gradient * scale
    largest = np.abs(x).max(axis=1, keepdims=True)
    multiplier = np.float32(limit) / np.fmax(largest, np.float32(1e-30))
    y = np.fmin(np.fmax(x * multiplier, np.float32(-limit)), np.float32(limit))
    step = np.where(np.isfinite(largest), np.float32(1) / multiplier, np.nan)
    return y, step[:, 0].astype(np.float32)


def quantize(gradient, scale, dtype, seed=None):
    y, step = scaled(gradient, scale, LIMIT[dtype])
    if seed is None:
        return np.rint(y).astype(dtype), step
    floor = np.floor(y)
    return (floor + (uniform(y.shape, seed) < y - floor)).astype(dtype), step


def interpret(module, folder, function, inputs, outputs):
    command = ["sterna-interp", module, f"--function={function}"]
    for index, array in enumerate(inputs):
        np.save(folder / f"{function}.{index}.npy", array)
        command.append(f"--input={folder / function}.{index}.npy")
    files = [folder / f"{function}.out{index}.npy" for index in range(outputs)]
    subprocess.run(command + [f"--output={file}" for file in files], check=True)
    return [np.load(file) for file in files]


def expect(what, holds):
    if not holds:
        sys.exit(f"error: {what}")


def check_values(module, folder):
    random = np.random.default_rng(1)
    gradient = random.standard_normal((9, 21)).astype(np.float32)
    gradient *= np.float32(10.0) ** np.arange(-8, 1, dtype=np.float32)[:, None]
    gradient[1] = 0
    gradient[2, 5] = np.nan
    gradient[3, 7] = np.inf
    gradient[4] = 1e-33
    gradient[5] = np.arange(-10, 11) * 12.7 / 2  # halves
    scale = random.uniform(0.1, 2, 21).astype(np.float32)
    scale[:3] = 1
    for function, dtype, seeds in [
        ("nearest", np.int16, [None]),
        ("stochastic", np.int8, [0, 1, 0xFFFFFFFF, 12345]),
    ]:
        for seed in seeds:
            inputs = [gradient, scale]
            if seed is not None:
                inputs.append(np.uint32([seed]).view(np.int32))
            got = interpret(module, folder, function, inputs, 2)
            q, step = quantize(gradient, scale, dtype, seed)
            expect(f"{function} {seed}: integers differ", (got[0] == q).all())
            expect(
                f"{function} {seed}: steps differ",
                np.array_equal(got[1], step, equal_nan=True),
            )
            expect("zeros are not zeros", not got[0][1].any() and step[1] > 0)
            expect("a NaN is hidden", np.isnan(got[1][2]))
            expect("an infinity is hidden", np.isnan(got[1][3]))
    trits = random.integers(-1, 2, (21, 6)).astype(np.int8)
    q = random.integers(-32639, 32640, (9, 21)).astype(np.int16)
    step = random.uniform(0, 1, 9).astype(np.float32)
    (got,) = interpret(module, folder, "product", [q, step, trits], 1)
    exact = (q.astype(np.int64) @ trits).astype(np.float32)
    expect("products differ", np.array_equal(got, exact * step[:, None]))


def check_statistics():
    """Errors of a mean over draws are those of independent, unbiased ones."""
    random = np.random.default_rng(2)
    gradient = random.standard_normal((16, 64)).astype(np.float32)
    scale = np.ones(1, np.float32)
    y, _ = scaled(gradient, scale, 127)
    draws = 400
    rounded = np.stack(
        [quantize(gradient, scale, np.int8, seed)[0] for seed in range(draws)]
    )
    fraction = y - np.floor(y)
    kept = (fraction > 0.02) & (fraction < 0.98)
    deviation = np.sqrt(fraction * (1 - fraction))[kept]
    errors = (rounded - y)[:, kept] / deviation
    score = errors.mean(axis=0) * np.sqrt(draws)
    print(f"bias {score.mean():.3f}, spread {score.std():.3f} of 1")
    expect("rounding is biased", abs(score.mean()) < 4 / np.sqrt(score.size))
    expect("draws depend on seeds", abs(score.std() - 1) < 0.1)
    # Neighbours in a row, and the same place in the next draw.
    for name, product in [
        ("columns", errors[:, 1:] * errors[:, :-1]),
        ("seeds", errors[1:] * errors[:-1]),
    ]:
        score = product.mean() * np.sqrt(product.size)
        print(f"correlation of {name}: {score:.2f} deviations")
        expect(f"{name} are correlated", abs(score) < 4)


if __name__ == "__main__":
    with np.errstate(invalid="ignore", divide="ignore"):
        check_values(sys.argv[1], pathlib.Path(sys.argv[2]))
    check_statistics()
