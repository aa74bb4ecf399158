#!/usr/bin/env python3
# ===- check_loops.py - The innermost loops of products, disassembled ----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What a machine at hand cannot show: that each level's product uses the level's
# instruction, keeps its values in registers, and does little else in its loop.
# ===----------------------------------------------------------------------=== #
"""Check the innermost loops of a level's products.

  check_loops.py [--cpu=CPU] KERNELS.mlir CODE.so LEVEL PRODUCT=SHARE[:SPILLS] ...

KERNELS.mlir is the IR after phase `dispatch`, CODE.so the level's kernel
library. PRODUCT is int8-T for T tokens, f32 (128 tokens with a float matrix) or
transposed (128 gradients with a ternary one). Every kernel of that kind must have
an innermost loop of which at least SHARE of the instructions are LEVEL's product,
with at most SPILLS (none) accesses to spilled values for each of those.

With --cpu the rate that llvm-mca's model of CPU gives each loop is printed; it
changes with releases of LLVM, and nothing depends on it.
"""

import argparse
import collections
import re
import subprocess
import sys

Loop = collections.namedtuple("Loop", "body products multiply_adds")

# The level's instruction for bytes and for floats, and how many multiply-adds it
# does for each byte of its destination.
BYTES = {
    "x86-64-v2": ("pmaddubsw", 1),
    "x86-64-v3": ("vpmaddubsw", 1),
    "x86-64-v3-vnni": ("vpdpbusd", 1),
    "x86-64-v4-vnni": ("vpdpbusd", 1),
    "armv8.0": ("smull|smull2|smlal|smlal2", 1 / 2),
    "armv8.0-dotprod": ("sdot", 1),
    "armv8.0-i8mm": ("smmla", 2),
}
FLOATS = {
    "x86-64-v2": ("mulps", 1 / 4),
    "x86-64-v3": ("vfmadd[0-9]*ps", 1 / 4),
    "armv8.0": ("fmla", 1 / 4),
}
FLOATS["x86-64-v3-vnni"] = FLOATS["x86-64-v4-vnni"] = FLOATS["x86-64-v3"]
FLOATS["armv8.0-dotprod"] = FLOATS["armv8.0-i8mm"] = FLOATS["armv8.0"]

# One token is no matrix.
INSTEAD = {("armv8.0-i8mm", "int8-1"): ("sdot", 1)}

# Features that llvm-mca's models of cores with a level's instruction may lack.
ARM_FEATURES = "+dotprod,+i8mm"


def kernels_of(path, product):
    """Names of the kernels of a kind, from the IR. Those of several products
    call the same code as others."""
    products = {}
    name = None
    for line in open(path):
        header = re.match(r"\s*plan\.kernel @(\w+)", line)
        if header:
            name = header[1]
        elif name and "matmul" in line:
            products.setdefault(name, []).append(kind_of(line))
    return [name for name, kinds in products.items() if kinds == [product]]


def kind_of(line):
    """The kind of the product on a line of IR, if there is one."""
    op = re.search(
        r"= (tern\.matmul|tern\.matmul_transposed|linalg\.matmul) ", line
    )
    if not op:
        return None
    sizes = [tuple(map(int, s)) for s in re.findall(r"<(\d+)x(\d+)x", line)]
    tokens = sizes[-1][0]
    if op[1] == "tern.matmul" and f"<{tokens}x{sizes[0][1]}xi8>" in line:
        return f"int8-{tokens}"
    if op[1] == "tern.matmul_transposed" and tokens == 128:
        return "transposed"
    # Adapters have an edge of the rank, for which kernels have other tiles.
    if op[1] == "linalg.matmul" and min(min(size) for size in sizes) >= 128:
        return "f32"
    return None


def disassemble(code, level):
    """(address, text) of the instructions of each function."""
    command = ["llvm-objdump", "-d", "--no-show-raw-insn", code]
    if level.startswith("arm"):
        command.append(f"--mattr={ARM_FEATURES}")
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    functions, current = {}, None
    for line in output.stdout.splitlines():
        header = re.match(r"[0-9a-f]+ <(.*)>:", line)
        instruction = re.match(r"\s*([0-9a-f]+):\s+(\S.*)", line)
        if header:
            current = functions.setdefault(header[1], [])
        elif instruction:
            current.append((int(instruction[1], 16), instruction[2]))
    return functions


def loops_of(function):
    """Bodies of a function's loops, by their jumps backwards, without these."""
    numbers = {address: i for i, (address, _) in enumerate(function)}
    for end, (_, text) in enumerate(function):
        jump = re.match(
            r"(?:j\w+|b\.?\w*|cbn?z|tbn?z)\s+(?:.*,\s*)?0x([0-9a-f]+)\b", text
        )
        start = numbers.get(int(jump[1], 16)) if jump else None
        if start is not None and start <= end:
            yield start, end, [text for _, text in function[start:end]]


def width_of(text):
    """Bytes of the destination of a vector instruction."""
    for name, width in (("zmm", 64), ("ymm", 32), ("xmm", 16)):
        if f"%{name}" in text:
            return width
    return 16


def main_loop(function, instruction, per_byte):
    """The innermost loop that does the most multiply-adds in a round."""
    pattern = re.compile(rf"(?:\{{vex\}}\s+)?(?:{instruction})\s")
    loops = list(loops_of(function))
    best = Loop([], 0, 0)
    for start, end, body in loops:
        if any(
            start <= s and e <= end and (s, e) != (start, end)
            for s, e, _ in loops
        ):
            continue
        products = [text for text in body if pattern.match(text)]
        count = sum(width_of(text) for text in products) * per_byte
        if count > best.multiply_adds:
            best = Loop(body, len(products), count)
    return best


def spills_of(function, body):
    """Instructions of a loop that access a fixed place of the stack."""
    bases = ["%rsp", r"\[sp", r"\[x29"]
    if any(re.match(r"movq?\s+%rsp, %rbp", text) for _, text in function):
        bases.append("%rbp")
    # With an index it is scratch: x86's `(%rsp,%rax)`, Arm's `[sp, x8]`.
    pattern = re.compile(
        rf"\((?:{'|'.join(bases)})\)|(?:{'|'.join(bases)})(?:\]|, #)"
    )
    return [text for text in body if pattern.search(text)]


def cycles_of(body, level, cpu):
    """Cycles of one round of a loop, in a steady state."""
    arm = level.startswith("arm")
    command = ["llvm-mca", f"-mcpu={cpu}", "-iterations=200"]
    command += [f"-mtriple={'aarch64' if arm else 'x86_64'}"]
    if arm:
        command.append(f"-mattr={ARM_FEATURES}")
    output = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        input="\n".join(re.sub(r"\s*<.*>$", "", text) for text in body),
    )
    return int(re.search(r"Total Cycles:\s+(\d+)", output.stdout)[1]) / 200


def check(function, level, cpu, product, share, most_spills):
    """The fault of a kernel, or None; prints its figures."""
    table = BYTES if product.startswith("int8") else FLOATS
    instruction, per_byte = INSTEAD.get((level, product), table[level])
    loop = main_loop(function, instruction, per_byte)
    if not loop.body:
        return f"has no loop of '{instruction}'"
    spills = spills_of(function, loop.body)
    found = loop.products / len(loop.body)
    print(
        f"  {len(loop.body)} instructions, {loop.products} products, "
        f"{len(spills)} spills"
    )
    if cpu:
        rate = loop.multiply_adds / cycles_of(loop.body, level, cpu)
        print(f"  {rate:.1f} multiply-adds a cycle on {cpu}")
    if len(spills) > most_spills * loop.products:
        return f"spills in its loop: {'; '.join(spills)}"
    if found < share:
        return f"is to {found:.2f} of its loop products, expected {share:g}"
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cpu")
    parser.add_argument("ir")
    parser.add_argument("code")
    parser.add_argument("level")
    parser.add_argument("bars", nargs="+")
    options = parser.parse_args()
    functions = disassemble(options.code, options.level)
    faults = []
    for argument in options.bars:
        product, share, spills = re.fullmatch(
            r"([\w-]+)=([0-9.]+)(?::([0-9.]+))?", argument
        ).groups("0")
        kernels = kernels_of(options.ir, product)
        if not kernels:
            faults.append(f"no kernel is of kind {product}")
        for kernel in kernels:
            print(f"{options.level} {product} {kernel}")
            fault = check(
                functions[f"run_{kernel}"],
                options.level,
                options.cpu,
                product,
                float(share),
                float(spills),
            )
            if fault:
                faults.append(f"{options.level}: {kernel} ({product}) {fault}")
    sys.exit("\n".join(f"error: {fault}" for fault in faults) or 0)


if __name__ == "__main__":
    main()
