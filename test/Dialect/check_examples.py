#!/usr/bin/env python3
# ===- check_examples.py - Examples of the documentation are tested -------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The reference pages are made from the op definitions; this keeps their
# examples true.
# ===----------------------------------------------------------------------=== #
"""Check that a test holds every example of an op definition file.

  check_examples.py OPS.td TEST.mlir

Blanks and line breaks may differ. Exit status 1 when an example is missing or
an op has none.
"""

import re
import sys


def squeeze(text):
    return " ".join(text.split())


def main():
    definitions, test = (open(path).read() for path in sys.argv[1:])
    test = squeeze(test)
    ops = re.split(r"^def (?=\w+Op\b)", definitions, flags=re.MULTILINE)[1:]
    failed = not ops
    for op in ops:
        name = re.match(r"\w+", op).group()
        examples = re.findall(r"```mlir\n(.*?)```", op, flags=re.DOTALL)
        missing = [e for e in examples if squeeze(e) not in test]
        if not examples:
            print(f"error: {name} has no example")
        for example in missing:
            print(f"error: an example of {name} is not tested:\n{example}")
        failed |= bool(missing) or not examples
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
