#!/usr/bin/env python3
# ===- check_damages.py - What the importer says to many small changes ----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# One change at a time to a small valid model: the compiler refuses it in one
# line that names what it does not understand, or takes it and the IR is the one
# of the unchanged model, or takes it and the IR shows that it was honoured.
# ===----------------------------------------------------------------------=== #
"""Check the importer's answer to a table of changes.

  check_damages.py TABLE.txt FOLDER

The IR has no tokenizer: of its keys "harmless" says that they are taken, and
end-ids.test what comes of those that count. Lines of TABLE.txt are "refused DAMAGE => TEXT of the error", "harmless DAMAGE"
or "honoured DAMAGE => TEXT of the IR"; DAMAGE is one of damage.py. Models go to
FOLDER.
"""

import os
import re
import subprocess
import sys

from damage import write_damaged


def compile_model(path):
    """Status, IR and messages of `sterna-compile --compile-to=import`."""
    command = ["sterna-compile", path, "--compile-to=import"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout, run.stderr


def check_refused(status, ir, messages, text):
    errors = [line for line in messages.splitlines() if "error:" in line]
    if status != 1 or ir or len(errors) != 1:
        return f"expected one error and status 1, but got {status}: {messages}"
    if not errors[0].startswith("sterna-compile: error: "):
        return f"expected the error on a line of its own, but got {errors[0]}"
    if text not in errors[0] or re.search("[\x00-\x1f\x7f]", errors[0]):
        return f"expected '{text}', but got '{errors[0]}'"
    return None


def check_taken(status, ir, messages, expected, base):
    if status != 0:
        return f"expected it to be taken, but got {messages}"
    if expected is None and ir != base:
        return "expected the IR of the unchanged model, but got another"
    if expected is not None and (expected not in ir or ir == base):
        return f"expected another IR, with '{expected}'"
    return None


def main():
    table, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.gguf")
    write_damaged(path, "none")
    base = compile_model(path)[1]
    # Where tensors lie in the file is no difference.
    plain = re.compile(r"offset = \d+")
    failed = 0
    with open(table, encoding="utf-8") as lines:
        cases = [line.rstrip("\n") for line in lines]
    cases = [line for line in cases if line and not line.startswith("#")]
    for line in cases:
        kind, _, rest = line.partition(" ")
        damage, _, text = rest.partition(" => ")
        write_damaged(path, damage)
        status, ir, messages = compile_model(path)
        if kind == "refused":
            problem = check_refused(status, ir, messages, text)
        else:
            problem = check_taken(
                status,
                plain.sub("", ir),
                messages,
                text if kind == "honoured" else None,
                plain.sub("", base),
            )
        if problem:
            failed += 1
            print(f"{line}: {problem}")
    print(f"{len(cases)} changes, {failed} wrong")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
