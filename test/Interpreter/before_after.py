#!/usr/bin/env python3
"""Runs a function before and after passes and compares the results.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: before_after.py FILE.mlir --function NAME [--tolerance T] -- PASSES...

PASSES are options of sterna-opt. Inputs are random; comments above the function
give ranges as in ../Autodiff/finite_differences.py. Results agree when they
differ by at most T (0: bit for bit) times the largest element.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "Autodiff"))
import finite_differences  # noqa: E402


def num_results(function):
    return function.result.count(",") + 1 if function.result != "()" else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--function", required=True)
    parser.add_argument("--tolerance", type=float, default=0)
    parser.add_argument("passes", nargs="+")
    options = parser.parse_args()
    function, = (f for f in finite_differences.functions_of(options.file)
                 if f.name == options.function)
    inputs = finite_differences.random_inputs(function, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changed = folder / "after.mlir"
        finite_differences.run(["sterna-opt", options.file, *options.passes,
                                "-o", changed])
        before, after = (
            finite_differences.interpret(path, function.name, inputs,
                                         num_results(function), folder)
            for path in (options.file, changed))
    failures = 0
    for index, (x, y) in enumerate(zip(before, after)):
        error = np.max(np.abs(x - y), initial=0)
        bound = options.tolerance * np.max(np.abs(x), initial=0)
        passed = x.shape == y.shape and error <= bound
        failures += not passed
        print(f"{'ok' if passed else 'FAILED'}: result {index}: "
              f"difference {error:.1e}, expected at most {bound:.1e}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
