#!/usr/bin/env python3
# ===- blockwise_adamw.py - AdamW on 8-bit moments against NumPy -----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# tern.blockwise_adamw written down once more, in f64 and with tables of all
# magnitudes: none of the arithmetic by which the compiler finds codes is here.
# ===----------------------------------------------------------------------=== #
"""Check tern.blockwise_adamw in the interpreter.

  blockwise_adamw.py MODULE.mlir FOLDER

MODULE has the function `step`; FOLDER takes arrays. Exit status 1 where a result
differs, where rounding is biased, or where a step that a guard forbids changes
anything.
"""

import pathlib
import subprocess
import sys

import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CLIP, RATE, DECAY = 0.5, 1e-2, 0.1


def magnitudes(bits):
    """What the codes from 0 on stand for: a decade's are equally spaced and end
    at a power of ten; the largest ends at 1 and each below has half as many."""
    values = [0.0]
    for decade in range(bits):
        top, count = 10.0 ** (decade + 1 - bits), 2**decade
        values += [top * (0.1 + 0.9 * (k + 1) / count) for k in range(count)]
    return np.array(values)


SIGNED, UNSIGNED = magnitudes(7), magnitudes(8)


def decode(codes, scales, table):
    wide = codes.astype(int) if table is SIGNED else codes.view(np.uint8).astype(int)
    return np.sign(wide) * table[np.abs(wide)] * scales[:, None].astype(float)


def interpret(module, folder, inputs):
    command = ["sterna-interp", module, "--function=step"]
    for index, value in enumerate(inputs):
        np.save(folder / f"in{index}.npy", value)
        command.append(f"--input={folder}/in{index}.npy")
    outputs = [folder / f"out{index}.npy" for index in range(5)]
    subprocess.run(command + [f"--output={path}" for path in outputs], check=True)
    return [np.load(path) for path in outputs]


def expect(condition, what):
    if not condition:
        raise SystemExit(f"error: {what}")


def check_nearest(codes, shares):
    """Each code is the nearest; where two are as near, either."""
    own = np.abs(decode(codes, np.ones(len(codes)), SIGNED) - shares)
    both = np.concatenate([-SIGNED[:0:-1], SIGNED])
    best = np.abs(both - shares[..., None]).min(-1)
    expect(np.all(own <= best + 1e-6), "a first moment is not the nearest code")


def check_neighbour(codes, shares):
    """Each code is one of the two around its share."""
    index = codes.view(np.uint8).astype(int)
    below = np.searchsorted(UNSIGNED, shares * (1 - 1e-6), "right") - 1
    above = np.searchsorted(UNSIGNED, shares * (1 + 1e-6))
    expect(np.all((below <= index) & (index <= above)),
           "a second moment is not beside its share")


def check_step(module, folder, rng):
    p, g = rng.normal(size=(2, 4, 256)).astype(np.float32)
    g *= np.float32(10.0) ** rng.uniform(-6, 0, g.shape).astype(np.float32)
    g[3], p[3, :3] = 0, 0
    m = rng.integers(-127, 128, p.shape).astype(np.int8)
    v = rng.integers(0, 256, p.shape).astype(np.uint8).view(np.int8)
    m[3] = v[3] = 0
    s, t = rng.uniform(0.01, 1, (2, 4)).astype(np.float32)
    scalars = [np.float32(x) for x in
               (CLIP, 1 - RATE * DECAY, RATE / (1 - BETA1), np.sqrt(1 - BETA2))]
    inputs = [p, g, m, s, v, t, *scalars]
    clipped = CLIP * g.astype(float)
    first = BETA1 * decode(m, s, SIGNED) + (1 - BETA1) * clipped
    root = np.sqrt(BETA2 * decode(v, t, UNSIGNED) ** 2 + (1 - BETA2) * clipped**2)
    step = scalars[2] * first / (root / scalars[3] + EPSILON)
    newP = scalars[1] * p.astype(float) - step
    share1, share2 = (x / np.maximum(np.abs(x).max(1), 1e-30)[:, None]
                      for x in (first, root))
    draws = []
    for seed in range(64):
        result = interpret(module, folder, [*inputs, np.int32([seed]), np.float32(1)])
        expect(np.allclose(result[0], newP, rtol=1e-5, atol=1e-6), "parameters differ")
        for name, got, moment in (("first", result[2], first),
                                  ("second", result[4], root)):
            expect(np.allclose(got, np.abs(moment).max(1), rtol=1e-6),
                   f"scales of {name} moments differ")
        check_nearest(result[1], share1)
        check_neighbour(result[3], share2)
        draws.append(decode(result[3], np.ones(4), UNSIGNED))
    # The mean of the two codes around a share is the share.
    spacing = np.ptp(draws, axis=0)
    error = (np.mean(draws, 0) - share2)[spacing > 0] / spacing[spacing > 0]
    expect(abs(error.mean()) < 4 * 0.5 / np.sqrt(64 * error.size),
           f"second moments are rounded with a bias of {error.mean():.4f} steps")
    for guard in np.inf, -np.inf, np.nan:
        kept = interpret(module, folder, [*inputs, np.int32([1]), np.float32(guard)])
        expect(all(np.array_equal(x, y) for x, y in zip(kept, (p, m, s, v, t))),
               f"a guard of {guard} lets something change")


def main():
    module, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    expect(len(SIGNED) == 128 and len(UNSIGNED) == 256, "the tables are wrong")
    check_step(module, folder, np.random.default_rng(0))


if __name__ == "__main__":
    main()
