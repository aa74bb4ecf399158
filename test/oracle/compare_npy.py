#!/usr/bin/env python3
# ===- compare_npy.py - Compare two arrays of logits ----------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The check at the end of a test that writes logits: prints the figures and
# fails when they exceed the bounds given.
# ===----------------------------------------------------------------------=== #
"""Compare two .npy files of equal shape.

  compare_npy.py ACTUAL EXPECTED --max-abs 1e-3
  compare_npy.py ACTUAL EXPECTED --rms 0.1 --nll 0.01 --input-ids 1,2,3

Exit status 1 when a bound is exceeded, a shape differs or a value is not
finite.
"""

import argparse
import sys

import numpy as np


def mean_nll(logits, input_ids):
    """Mean loss of predicting each token of `input_ids` from those before."""
    logits, targets = logits[:-1], np.asarray(input_ids)[1:]
    peak = logits.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(logits - peak).sum(axis=-1)) + peak[:, 0]
    return float((log_sum - logits[np.arange(len(targets)), targets]).mean())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("actual")
    parser.add_argument("expected")
    parser.add_argument("--max-abs", type=float, help="bound of any difference")
    parser.add_argument("--rms", type=float, help="bound of their rms")
    parser.add_argument("--nll", type=float, help="bound of the NLL difference")
    parser.add_argument("--input-ids", help="tokens that --nll scores")
    args = parser.parse_args()
    bounds = {"max abs": args.max_abs, "rms": args.rms, "nll": args.nll}
    if all(bound is None for bound in bounds.values()):
        parser.error("at least one of --max-abs, --rms and --nll is needed")
    if args.nll is not None and not args.input_ids:
        parser.error("--nll needs --input-ids")

    actual = np.load(args.actual).astype(np.float64)
    expected = np.load(args.expected).astype(np.float64)
    if actual.shape != expected.shape:
        sys.exit(f"error: expected shape {expected.shape}, got {actual.shape}")
    if not np.isfinite(actual).all():
        sys.exit(f"error: {args.actual} holds values that are not finite")
    difference = actual - expected
    figures = {
        "max abs": np.abs(difference).max(),
        "rms": np.sqrt(np.mean(difference**2)),
    }
    if args.input_ids:
        ids = [int(part) for part in args.input_ids.split(",")]
        figures["nll"] = abs(mean_nll(actual, ids) - mean_nll(expected, ids))
    failed = False
    for name, value in figures.items():
        bound = bounds[name]
        exceeded = bound is not None and value > bound
        failed |= exceeded
        limit = "" if bound is None else f" (bound {bound:g})"
        print(f"{name}: {value:.3e}{limit}{' EXCEEDED' if exceeded else ''}")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
