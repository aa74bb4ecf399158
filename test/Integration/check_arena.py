#!/usr/bin/env python3
# ===- check_arena.py - Arenas against their lower bounds -----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The check of arena.test.
# ===----------------------------------------------------------------------=== #
"""Compare the arenas of a schedule with the most bytes that are alive at once.

  check_arena.py SCHEDULE.mlir ...

Exit status 1 when a program's arena is larger by more than 3%, or a schedule has
no program.
"""

import re
import sys

PROGRAM = re.compile(r"plan\.program @(\w+) arena (\d+) .* peak \{(.*?)\}")


def main():
    failed = False
    for path in sys.argv[1:]:
        with open(path) as lines:
            programs = PROGRAM.findall(lines.read())
        failed |= not programs
        for name, arena, peak in programs:
            alive = sum(int(count) for count in re.findall(r"= (\d+)", peak))
            good = int(arena) <= 1.03 * alive
            failed |= not good
            print(
                f"{path} {name}: {arena} bytes for {alive}"
                + ("" if good else " EXCEEDED")
            )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
