#!/usr/bin/env python3
# ===- same_bits.py - Run a command often and compare what it writes -------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A race shows in one run of many, and with more threads than processors.
# ===----------------------------------------------------------------------=== #
"""Run a command with several numbers of threads, several times each.

  same_bits.py EXPECTED -- COMMAND ... OUTPUT

The last word of COMMAND is the file that it writes. Exit status 1 when it ever
differs from EXPECTED.
"""

import filecmp
import subprocess
import sys


def main():
    expected, separator, *command = sys.argv[1:]
    if separator != "--":
        sys.exit(__doc__)
    for threads in [2] * 8 + [3, 4, 8] * 3:
        subprocess.run(
            [*command, "--threads", str(threads)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if not filecmp.cmp(expected, command[-1], shallow=False):
            sys.exit(f"error: other bits with {threads} threads")


if __name__ == "__main__":
    main()
