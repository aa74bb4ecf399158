#!/usr/bin/env python3
# ===- busy.py - Speed beside a process that never sleeps -----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A machine is rarely one's own. Two threads that lose a core to another process
# should be as fast as one thread alone, and lose nothing where it is quiet.
# ===----------------------------------------------------------------------=== #
"""Measure decoding and a LoRA step alone and beside a busy process.

Settings of threads and busy processes alternate, round by round; the table has
medians and ranges, in tokens/s. Run it on a machine of two cores, or bind it to
two (taskset -c 0,1).

Examples:
  busy.py --sterna=build/bin
  busy.py --sterna=build/bin --before=../older/build/bin --repeat=7

--before also measures the tools of another build, each with modules of its own
compiler.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# ladder.py's shape, flags of the compiler, flags of bench, key of its result.
PARTS = {
    "decoding, 0.7B": (
        "bitnet_b1_58-large",
        ["--no-train", "--lora-rank=0"],
        ["--prompt=0", "--train-steps=0", "--generate=80"],
        "decode_tokens_per_second",
    ),
    "prompt of 512, 0.7B": (
        "bitnet_b1_58-large",
        ["--no-train", "--lora-rank=0"],
        ["--prompt=512", "--train-steps=0", "--generate=0"],
        "prompt_tokens_per_second",
    ),
    "LoRA step, 1B": (
        "1B",
        [],
        ["--prompt=0", "--train-steps=3", "--generate=0"],
        "train_tokens_per_second",
    ),
}
# A process that never sleeps, and ends with this one whatever ends that.
SPIN = [
    sys.executable,
    "-c",
    "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass",
]
# Threads, and busy processes beside them.
SETTINGS = ((1, 0), (2, 0), (2, 1), (3, 0))


def compile_models(builds, folder):
    """A module of each part for each build, by (part, build)."""
    modules = {}
    for part, (shape, flags, _, _) in PARTS.items():
        model = folder / f"{shape}.gguf"
        if not model.exists():
            ladder = [sys.executable, HERE / "ladder.py", shape, "-o", model]
            subprocess.run(ladder, check=True)
        for name, tools in builds.items():
            module = folder / f"{len(modules)}.stn"
            command = [tools / "sterna-compile", model, "-o", module, *flags]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            modules[part, name] = module
    return modules


def copy_anew(module):
    """Where the page cache puts a file decides up to a tenth of the speed: each
    round has copies of its own."""
    copy = module.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    return pathlib.Path(shutil.copy(module, copy))


def measure(tools, module, part, threads, busy):
    """Tokens/s of one run beside `busy` processes."""
    _, _, flags, key = PARTS[part]
    others = [subprocess.Popen(SPIN) for _ in range(busy)]
    try:
        command = [tools / "sterna-run", "bench", module, "--json"]
        command += [f"--threads={threads}", *flags]
        run = subprocess.run(
            command, check=True, capture_output=True, text=True
        )
    finally:
        for other in others:
            other.kill()
            other.wait()
    return json.loads(run.stdout.splitlines()[-1])[key]


def print_row(part, name, threads, busy, values):
    print(
        f"{part:20} {name:7} {threads:7} {busy:5}"
        f" {statistics.median(values):8.1f}"
        f"   {min(values):.1f} to {max(values):.1f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sterna", required=True, type=pathlib.Path)
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    builds = {"sterna": args.sterna}
    if args.before:
        builds["before"] = args.before
    print(f"{'part':20} {'build':7} threads  busy   median   range")
    with tempfile.TemporaryDirectory() as folder:
        modules = compile_models(builds, pathlib.Path(folder))
        for part in PARTS:
            results = {}
            # In turns, for the second of two runs may be faster.
            order = list(builds)
            for _ in range(args.repeat):
                copies = {n: copy_anew(modules[part, n]) for n in order}
                for setting in SETTINGS:
                    for name in order:
                        value = measure(
                            builds[name], copies[name], part, *setting
                        )
                        results.setdefault((name, *setting), []).append(value)
                order.reverse()
            for (name, threads, busy), values in results.items():
                print_row(part, name, threads, busy, values)


if __name__ == "__main__":
    main()
