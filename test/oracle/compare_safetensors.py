#!/usr/bin/env python3
# ===- compare_safetensors.py - Compare gradients matrix by matrix --------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The check at the end of a test that writes gradients or adapters: prints the
# relative error of every matrix and fails when one exceeds the bound.
# ===----------------------------------------------------------------------=== #
"""Compare two .safetensors files: |g - r| / |r| per matrix (Frobenius).

  compare_safetensors.py ACTUAL REFERENCE --relative 1e-4

Exit status 1 when the bound is exceeded, names or shapes differ, a value is
not finite, or a matrix is zero in only one of the files.
"""

import argparse
import sys

import numpy as np

from adapter import read_safetensors


def relative_error(actual, reference):
    """(|g - r| / |r|, None), or (None, what is wrong)."""
    if actual.shape != reference.shape:
        return None, f"expected shape {reference.shape}, got {actual.shape}"
    if not np.isfinite(actual).all():
        return None, "holds values that are not finite"
    actual, reference = actual.astype(np.float64), reference.astype(np.float64)
    norm = np.linalg.norm(reference)
    if norm == 0:
        return (None, "expected zero") if actual.any() else (0.0, None)
    if not actual.any():
        return None, f"is zero, expected norm {norm:.3e}"
    return np.linalg.norm(actual - reference) / norm, None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("actual")
    parser.add_argument("reference")
    parser.add_argument("--relative", type=float, required=True)
    args = parser.parse_args()
    actual = read_safetensors(args.actual)
    reference = read_safetensors(args.reference)
    problems = [f"{name}: missing" for name in reference if name not in actual]
    problems += [
        f"{name}: unexpected" for name in actual if name not in reference
    ]
    worst = 0.0
    for name in sorted(actual.keys() & reference.keys()):
        error, problem = relative_error(actual[name], reference[name])
        if problem:
            problems.append(f"{name}: {problem}")
            continue
        print(f"{error:.3e} {name}")
        worst = max(worst, error)
        if not error <= args.relative:
            problems.append(f"{name}: {error:.3e} exceeds {args.relative:g}")
    print(f"worst: {worst:.3e} of {len(reference)} matrices")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(1 if problems or not reference else 0)


if __name__ == "__main__":
    main()
