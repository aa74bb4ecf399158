#!/usr/bin/env python3
# ===- check_training.py - Losses of training steps against golden ones ---=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Reads the loss of every step from what `sterna-run train` logs.
# ===----------------------------------------------------------------------=== #
"""Compare the losses of a training run with golden ones.

  check_training.py LOG LOSSES.json --relative 1e-4

LOG is the standard error of `sterna-run train`. Exit status 1 when a step is
missing or its loss or gradient norm is not within the bound.
"""

import argparse
import json
import re
import sys

STEP = re.compile(r"step (\d+)/\d+  loss (\S+)  lr \S+  grad norm (\S+)")
# Digits that the log leaves out.
LOSS_ROUNDING, NORM_ROUNDING = 5e-5, 5e-4


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log")
    parser.add_argument("losses")
    parser.add_argument("--relative", type=float, required=True)
    args = parser.parse_args()
    with open(args.log) as log:
        steps = [(int(s), float(x), float(n)) for s, x, n in STEP.findall(log.read())]
    with open(args.losses) as file:
        golden = json.load(file)
    expected = list(zip(golden["losses"], golden["gradient_norms"]))
    if [step for step, _, _ in steps] != list(range(1, len(expected) + 1)):
        sys.exit(f"error: expected {len(expected)} steps, but got {steps}")
    failed = False
    for (step, loss, norm), (golden_loss, golden_norm) in zip(steps, expected):
        good = (
            abs(loss - golden_loss)
            <= args.relative * golden_loss + LOSS_ROUNDING
            and abs(norm - golden_norm)
            <= args.relative * golden_norm + NORM_ROUNDING
        )
        failed |= not good
        print(
            f"step {step:2}: loss {loss} of {golden_loss:.5f}, "
            f"norm {norm} of {golden_norm:.4f}" + ("" if good else " EXCEEDED")
        )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
