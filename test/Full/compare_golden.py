#!/usr/bin/env python3
# ===- compare_golden.py - Golden files against those made anew ------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Compare the files that lora_golden.py makes with those in the tree.

  compare_golden.py MADE GOLDEN [BOUND]

Numbers may differ by BOUND (1e-9) of the largest of their tensor or list, for
another version of PyTorch adds in another order; names, shapes and samples must
not.
"""

import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from adapter import read_safetensors  # noqa: E402


def difference(made, golden, name):
    """The largest difference of two arrays over the largest number."""
    made, golden = np.asarray(made, float), np.asarray(golden, float)
    if made.shape != golden.shape:
        sys.exit(f"error: {name}: {made.shape} instead of {golden.shape}")
    if not made.size or not np.isfinite(made).all():
        sys.exit(f"error: {name}: nothing, or no finite numbers")
    return np.abs(made - golden).max() / max(np.abs(golden).max(), 1e-30)


def numbers(value, name):
    """(name, numbers or text) of a JSON value."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from numbers(value[key], f"{name}.{key}")
    else:
        yield name, value


def compare(made, golden):
    """The largest difference of two files."""
    if golden.suffix == ".safetensors":
        a, b = read_safetensors(made), read_safetensors(golden)
        if a.keys() != b.keys():
            sys.exit(f"error: {golden}: other tensors were made")
        return max(difference(a[k], b[k], k) for k in b)
    if golden.name.startswith("losses"):
        pairs = zip(
            numbers(json.loads(made.read_text()), golden.name),
            numbers(json.loads(golden.read_text()), golden.name),
            strict=True,
        )
        worst = 0
        for (a, x), (b, y) in pairs:
            if isinstance(y, str):
                x, y = a + x, b + y
            else:
                worst = max(worst, difference(x, y, b))
            if a != b or (isinstance(y, str) and x != y):
                sys.exit(f"error: {golden}: {a} is {x} instead of {y}")
        return worst
    if made.read_bytes() != golden.read_bytes():
        sys.exit(f"error: {golden}: another file was made")
    return 0


def main():
    made, golden = map(pathlib.Path, sys.argv[1:3])
    bound = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-9
    files = sorted(p for p in golden.rglob("*") if p.is_file())
    if not files:
        sys.exit(f"error: {golden} is empty")
    for path in files:
        worst = compare(made / path.relative_to(golden), path)
        print(f"{path.relative_to(golden)}: differs by {worst:.1e}")
        if worst > bound:
            sys.exit(f"error: {path}: differs by {worst:.1e}")


main()
