#!/usr/bin/env python3
# ===- average_gradients.py - Stochastic rounding leaves gradients right ---=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# One stochastically rounded gradient is off by its noise; the mean over seeds
# must be off by that noise over the root of their number, not by a bias.
# ===----------------------------------------------------------------------=== #
"""Compare the mean of gradients over seeds with the true gradient.

  average_gradients.py REFERENCE --seeds N --single BOUND -- COMMAND ...

COMMAND runs `sterna-run grad`; --seed and --output are added. Exit status 1 when
a matrix of a single gradient is off by more than BOUND, |g - r| / |r|, or when
the mean's error is more than 2 / sqrt(N) of a single one's.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

from adapter import read_safetensors


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("reference")
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--single", type=float, required=True)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    reference = {
        name: array.astype(np.float64)
        for name, array in read_safetensors(args.reference).items()
    }
    mean = {name: np.zeros_like(array) for name, array in reference.items()}
    squares = dict.fromkeys(reference, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "gradients.safetensors")
        for seed in range(args.seeds):
            subprocess.run(
                [*args.command, "--seed", str(seed), "--output", file],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, array in read_safetensors(file).items():
                mean[name] += array / args.seeds
                squares[name] += np.square(array - reference[name]).sum()
    failed = False
    for name, array in reference.items():
        norm = np.linalg.norm(array)
        single = math.sqrt(squares[name] / args.seeds) / norm
        averaged = np.linalg.norm(mean[name] - array) / norm
        # 1e-5: the error of f32.
        good = (
            single <= args.single
            and averaged <= 2 / math.sqrt(args.seeds) * single + 1e-5
        )
        failed |= not good
        print(
            f"{single:.3e} alone, {averaged:.3e} on average: {name}"
            + ("" if good else " EXCEEDED")
        )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
