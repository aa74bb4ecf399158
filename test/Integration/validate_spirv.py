#!/usr/bin/env python3
# ===- validate_spirv.py - Run spirv-val on a module's kernels ------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels stand one behind the other in the Vulkan code of a device binary; each
# starts with SPIR-V's magic number and version, so they are found without
# reading the metadata, and counted against what `sterna-run info` says.
# ===----------------------------------------------------------------------=== #
"""Validate every SPIR-V module of a device binary for Vulkan 1.1.

  validate_spirv.py MODEL.stn

Exit status 1 when one is not valid or kernels are missing.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

MAGIC = 0x07230203
# What follows it: version 1.3.
VERSIONS = [0x00010300]


def end_of_module(words, begin):
    """Index after the last instruction of the SPIR-V module at `begin`: that of
    OpFunctionEnd which no instruction of a function follows."""
    function, function_end = 54, 56
    at = begin + 5
    while at < len(words):
        length, opcode = divmod(int(words[at]), 1 << 16)
        if not length:
            sys.exit(f"error: an instruction of no words at word {at}")
        at += length
        following = int(words[at]) & 0xFFFF if at < len(words) else 0
        if opcode == function_end and following != function:
            return at
    sys.exit(f"error: the module at word {begin} has no end")


def spirv_modules(path):
    """The bytes of each SPIR-V module in the file."""
    words = np.fromfile(path, "<u4", os.path.getsize(path) // 4)
    starts = np.flatnonzero(
        (words[:-1] == MAGIC) & np.isin(words[1:], VERSIONS)
    )
    for begin in starts.tolist():
        yield words[begin : end_of_module(words, begin)].tobytes()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    info = subprocess.run(
        ["sterna-run", "info", sys.argv[1], "--json", "--device=vulkan"],
        check=True,
        stdout=subprocess.PIPE,
    )
    expected = json.loads(info.stdout.splitlines()[-1])["kernels"]
    modules = list(spirv_modules(sys.argv[1]))
    failed = len(modules) != expected
    print(f"{len(modules)} SPIR-V modules of {expected} kernels")
    with tempfile.TemporaryDirectory() as folder:
        for number, module in enumerate(modules):
            file = os.path.join(folder, f"{number}.spv")
            with open(file, "wb") as output:
                output.write(module)
            run = subprocess.run(
                ["spirv-val", "--target-env", "vulkan1.1", file]
            )
            failed |= run.returncode != 0
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
