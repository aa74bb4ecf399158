#!/usr/bin/env python3
# ===- check_bindings.py - Storage buffers of a compiled plan -------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What Vulkan's standard grants on every device, checked on the text of the IR
# and so without the compiler's own idea of it.
# ===----------------------------------------------------------------------=== #
"""Check the bindings of every launch in the IR after code generation.

  sterna-compile MODEL.gguf --target=vulkan --no-train --compile-to=codegen \\
      -o - | check_bindings.py

Exit status 1 when a kernel has more than 4 storage buffers, 32 operands or 16
KiB of shared memory, when buffers that share a slot lie in different spaces or
when what a slot binds is longer than 128 MiB.
"""

import math
import re
import sys

MAX_BUFFERS = 4
MAX_OPERANDS = 32
MAX_BYTES = 128 << 20
MAX_SHARED_BYTES = 16 << 10
# Bindings start at multiples of this on the most demanding device.
ALIGNMENT = 256

KERNEL = re.compile(
    r"plan\.kernel @(\S+) .*vulkan\.slots = array<i64: ([^>]*)>"
)
PROGRAM = re.compile(r"plan\.program @(\S+)")
BUFFER = re.compile(
    r"(%\d+) = plan\.buffer (\w+) at (\d+) .*: "
    r"memref<((?:\d+x)*)(?:b?f|i)(\d+)>$"
)
CODE = re.compile(r"spirv\.module @(\S+)")
SHARED = re.compile(
    r"spirv\.GlobalVariable .*!spirv\.array<(\d+) x [if](\d+)\b.*, Workgroup>"
)
LAUNCH = re.compile(r"plan\.launch @(\S+?)\(([^)]*)\)")


def read(lines):
    """Slots of each kernel; bytes of shared memory of each; (program, kernel,
    buffers) of each launch, a buffer being (space, begin, end)."""
    kernels, shared, launches = {}, {}, []
    program, buffers = None, {}
    for line in lines:
        if match := BUFFER.search(line):
            name, space, offset, extents, bits = match.groups()
            count = math.prod(map(int, extents.split("x")[:-1]))
            size = count * int(bits) // 8
            buffers[name] = (space, int(offset), int(offset) + size)
        elif match := LAUNCH.search(line):
            operands = match[2].split(", ")
            launches.append(
                (program, match[1], [buffers[name] for name in operands])
            )
        elif match := PROGRAM.search(line):
            program, buffers = match[1], {}
        elif match := CODE.search(line):
            code = match[1]
            shared[code] = 0
        elif match := SHARED.search(line):
            shared[code] += int(match[1]) * int(match[2]) // 8
        elif ", Workgroup>" in line and "spirv.GlobalVariable" in line:
            sys.exit(f"error: unknown shared memory: {line}")
        elif match := KERNEL.search(line):
            kernels[match[1]] = [int(slot) for slot in match[2].split(",")]
    return kernels, shared, launches


def windows(slots, buffers):
    """(spaces, bytes) that each slot binds in a launch."""
    for slot in sorted(set(slots)):
        bound = [b for b, number in zip(buffers, slots) if number == slot]
        begin = min(begin for _, begin, _ in bound) // ALIGNMENT * ALIGNMENT
        end = max(math.ceil(end / 4) * 4 for _, _, end in bound)
        yield {space for space, _, _ in bound}, end - begin


def main():
    kernels, shared, launches = read(sys.stdin)
    problems = []
    for name, slots in kernels.items():
        if len(set(slots)) > MAX_BUFFERS or len(slots) > MAX_OPERANDS:
            problems.append(f"@{name} has slots {slots}")
    if shared.keys() != kernels.keys():
        problems.append("some kernels have no code")
    for name, size in shared.items():
        if size > MAX_SHARED_BYTES:
            problems.append(f"@{name} has {size} bytes of shared memory")
    longest = 0
    for program, kernel, buffers in launches:
        if len(kernels[kernel]) != len(buffers):
            problems.append(f"@{kernel} has {kernels[kernel]} for {buffers}")
            continue
        for spaces, size in windows(kernels[kernel], buffers):
            longest = max(longest, size)
            if size > MAX_BYTES or len(spaces) > 1:
                problems.append(
                    f"@{kernel} in @{program} binds {size} bytes of {spaces}"
                )
    most = max((len(set(slots)) for slots in kernels.values()), default=0)
    print(
        f"{len(kernels)} kernels of at most {most} storage buffers and "
        f"{max(shared.values(), default=0)} bytes of shared memory, "
        f"{len(launches)} launches that bind at most {longest} bytes"
    )
    print(*problems[:10], sep="\n")
    sys.exit(int(bool(problems) or not launches))


if __name__ == "__main__":
    main()
