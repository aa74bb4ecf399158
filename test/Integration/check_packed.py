#!/usr/bin/env python3
# ===- check_packed.py - Losses of packed samples -------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The check of pack.test.
# ===----------------------------------------------------------------------=== #
"""Compare what `sterna-run train --json` wrote of packed and of single samples.

  check_packed.py PACKED.json ALONE.json GOLDEN_LOSSES.json

Exit status 1 when a loss differs, the first is not the golden one, or the rates
of tokens with and without padding are not in the proportion of their numbers.
"""

import json
import sys


def read(path):
    with open(path) as lines:
        return json.loads(lines.read().splitlines()[-1])


def main():
    packed, alone = read(sys.argv[1]), read(sys.argv[2])
    with open(sys.argv[3]) as golden:
        expected = json.load(golden)["losses"][0]
    for own, other in zip(packed["losses"], alone["losses"], strict=True):
        if abs(own - other) > 1e-5 * other:
            sys.exit(f"error: a loss of {own} packed and {other} alone")
    if abs(packed["losses"][0] - expected) > 1e-5 * expected:
        sys.exit(f"error: a first loss of {packed['losses'][0]}, not {expected}")
    # Both compute 48 positions a step.
    for run in packed, alone:
        part = run["tokens_per_second"] / run["padded_tokens_per_second"]
        if not 0.5 < part <= 1 or abs(part * 48 - round(part * 48)) > 1e-6:
            sys.exit(f"error: {part} of what was computed is no padding")


if __name__ == "__main__":
    main()
