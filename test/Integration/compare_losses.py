#!/usr/bin/env python3
# ===- compare_losses.py - Compare the losses of two evaluations ----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The check at the end of a test that evaluates on two devices.
# ===----------------------------------------------------------------------=== #
"""Compare what two runs of `sterna-run eval --json` wrote.

  compare_losses.py ACTUAL.json EXPECTED.json --bound 0.01

Exit status 1 when the losses differ by more or the runs scored different
numbers of tokens.
"""

import argparse
import json
import sys


def read(path):
    """The object in the last line of a file."""
    with open(path) as lines:
        return json.loads(lines.read().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("actual")
    parser.add_argument("expected")
    parser.add_argument("--bound", type=float, required=True)
    args = parser.parse_args()
    actual, expected = read(args.actual), read(args.expected)
    if actual["tokens"] != expected["tokens"] or not actual["tokens"]:
        sys.exit(
            f"error: expected {expected['tokens']} tokens, "
            f"got {actual['tokens']}"
        )
    print(f"loss: {actual['loss']} against {expected['loss']}")
    # Negated, so that no number fails.
    sys.exit(int(not abs(actual["loss"] - expected["loss"]) <= args.bound))


if __name__ == "__main__":
    main()
