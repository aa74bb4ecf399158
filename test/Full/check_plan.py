#!/usr/bin/env python3
# ===- check_plan.py - Time and size of a plan ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Check the time that `schedule` took and the dispatches of `train_apply`.

  check_plan.py PLAN.mlir LOG

LOG is what sterna-compile told of its phases. The bars are one second and 200
dispatches.
"""

import re
import sys


def main():
    plan, log = sys.argv[1:]
    seconds = [
        float(found[1])
        for line in open(log)
        if (found := re.match(r"schedule\s+([0-9.]+) s", line))
    ]
    if len(seconds) != 1:
        sys.exit("error: sterna-compile did not tell how long schedule took")
    dispatches = barriers = 0
    inside = False
    for line in open(plan):
        if "plan.program @" in line:
            inside = "@train_apply " in line
        dispatches += inside and "plan.launch" in line
        barriers += inside and "plan.barrier" in line
    print(f"schedule: {seconds[0]} s")
    print(f"train_apply: {dispatches} dispatches, {barriers} barriers")
    if seconds[0] > 1 or not 0 < dispatches <= 200:
        sys.exit("error: expected at most 1 s and 1 to 200 dispatches")


main()
