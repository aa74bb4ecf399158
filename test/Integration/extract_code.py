#!/usr/bin/env python3
# ===- extract_code.py - Take a kernel library out of a device binary -----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Libraries are ELF objects that start at page boundaries, in the order in which
# `sterna-run info` lists targets, so they are found without the metadata.
# ===----------------------------------------------------------------------=== #
"""Write the kernel library of a target, for disassembly.

  extract_code.py MODEL.stn TARGET OUTPUT.so
"""

import json
import subprocess
import sys

PAGE = 4096


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    path, target, output = sys.argv[1:]
    info = subprocess.run(
        ["sterna-run", "info", path, "--json"],
        check=True,
        stdout=subprocess.PIPE,
    )
    targets = json.loads(info.stdout.splitlines()[-1])["targets"]
    targets = [name for name in targets if name != "vulkan"]
    data = open(path, "rb").read()
    starts = [
        at for at in range(0, len(data), PAGE) if data[at : at + 4] == b"\x7fELF"
    ]
    if target not in targets or len(starts) != len(targets):
        sys.exit(f"error: expected {target} among {targets}")
    # What follows the object is not read: its own tables say where it ends.
    with open(output, "wb") as file:
        file.write(data[starts[targets.index(target)] :])


if __name__ == "__main__":
    main()
