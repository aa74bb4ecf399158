#!/usr/bin/env python3
# ===- memory.py - What training takes, planned and measured --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The ladder of sizes at which memory for fine-tuning ternary models was
# published, from 125M to 13B. Weights are random: memory does not depend on
# them.
# ===----------------------------------------------------------------------=== #
"""Compile the ladder, train two steps, and compare plan and measurement.

  memory.py --sterna=build/bin --models=FOLDER
  memory.py --rungs=125M,1B --lengths=128 --work=2e12

Each rung is compiled with LoRA of rank 8 on all linears in two ways: with the
f16 head and AdamW in f32, and as small as it can be (int8 head, base 3, int8
moments); with neither clipping nor accumulation, at the least memory. What
takes no more than --work, parameters times tokens, is also trained for two
steps with every weight in memory (--weights=resident). 13B needs 10 GB of disk
for --models, and half an hour.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from ladder import SHAPES, tensor_list
from plotting import load_pyplot, save

HERE = pathlib.Path(__file__).resolve().parent
LAYOUTS = {
    "f16 head": [],
    "smallest": ["--head-type=int8", "--weight-layout=base3",
                 "--optimizer-state=int8"],
}  # fmt: skip
# Peaks in MiB that QVAC Fabric publishes for LoRA, by its weight format.
PUBLISHED = {
    "125M": {"TQ1_0": 249, "TQ2_0": 402},
    "1B": {"TQ1_0": 658, "TQ2_0": 1266},
    "3.8B": {"TQ1_0": 1221, "TQ2_0": 2797},
    "7B": {"TQ1_0": 1913, "TQ2_0": 4331},
    "13B": {"TQ1_0": 2789, "TQ2_0": 6835},
}
MIB = 1 << 20


def parameters(rung):
    total = 0
    for _, extents, _ in tensor_list(SHAPES[rung], "tq2_0"):
        size = 1
        for extent in extents:
            size *= extent
        total += size
    return total


def is_allowed(plan, peak):
    """Whether the process took what was planned, but for what is no tensor."""
    return 0.9 * plan <= peak <= 1.03 * plan + 16 * MIB


def planned(sterna, module):
    """Bytes that training is planned to take."""
    command = [sterna / "sterna-run", "info", module, "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    info = json.loads(done.stdout.splitlines()[-1])
    return info["peak_bytes"]["train"]


def train(sterna, module):
    command = [sterna / "sterna-run", "bench", module, "--prompt", "0",
               "--generate", "0", "--train-steps", "2",
               "--weights", "resident", "--json"]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_one(args, model, rung, length, layout):
    row = {"rung": rung, "tokens": length, "layout": layout}
    with tempfile.TemporaryDirectory(dir=args.models) as folder:
        module = pathlib.Path(folder) / "model.stn"
        command = [args.sterna / "sterna-compile", model, "-o", module,
                   f"--seq-len={length}", "--memory-budget=min",
                   "--grad-clip-mode=off", *LAYOUTS[layout]]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr or f"error: {done.args[0]} was killed")
        row["plan"] = planned(args.sterna, module)
        if parameters(rung) * length <= args.work:
            run = train(args.sterna, module)
            row["plan"] = run["planned_bytes"]
            row["peak"] = run["peak_rss_bytes"]
    print(table_row(row), flush=True)
    return row


def measure(args):
    rows = []
    for rung in args.rungs:
        model = args.models / f"{rung}.gguf"
        if not model.exists():
            ladder = [sys.executable, HERE / "ladder.py", rung, "-o", model]
            subprocess.run([*ladder, "--type", "tq2_0"], check=True)
        for length in args.lengths:
            for layout in LAYOUTS:
                rows.append(measure_one(args, model, rung, length, layout))
    return rows


def table_row(row):
    cells = [row["rung"], row["tokens"], row["layout"],
             f"{row['plan'] / MIB:.0f}"]  # fmt: skip
    if "peak" in row:
        ok = "yes" if is_allowed(row["plan"], row["peak"]) else "NO"
        cells += [f"{row['peak'] / MIB:.0f}", ok]
    else:
        cells += ["", ""]
    published = PUBLISHED.get(row["rung"], {}) if row["tokens"] == 128 else {}
    cells += [published.get("TQ1_0", ""), published.get("TQ2_0", "")]
    return "| " + " | ".join(map(str, cells)) + " |"


def table(rows):
    return [
        "| model | tokens | layout | plan, MiB | measured, MiB | within bounds "
        "| QVAC TQ1_0 | QVAC TQ2_0 |",
        "|---|---|---|---|---|---|---|---|",
        *map(table_row, rows),
    ]


def plot(rows, path):
    """Peaks at 128 tokens beside the published ones."""
    pyplot = load_pyplot()
    rungs = [rung for rung in PUBLISHED if any(r["rung"] == rung for r in rows)]
    if not pyplot or not rungs:
        return
    bars = {f"QVAC {kind}": [PUBLISHED[r][kind] for r in rungs]
            for kind in ("TQ2_0", "TQ1_0")}  # fmt: skip
    for layout in LAYOUTS:
        found = {r["rung"]: r["peak"] / MIB for r in rows if "peak" in r
                 and r["tokens"] == 128 and r["layout"] == layout}  # fmt: skip
        bars[f"Sterna, {layout}"] = [found.get(rung, 0) for rung in rungs]
    figure, panel = pyplot.subplots(figsize=(8, 3.6))
    for i, (label, heights) in enumerate(bars.items()):
        places = [j + 0.2 * (i - 1.5) for j in range(len(rungs))]
        panel.bar(places, heights, 0.2, label=label)
    panel.set_xticks(range(len(rungs)), rungs)
    panel.set_ylabel("peak memory of a LoRA step, MiB")
    panel.legend()
    save(figure, path)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument

    def names(text):
        return text.split(",")

    add("--sterna", type=pathlib.Path, default=HERE.parent / "build" / "bin",
        metavar="DIR", help="of sterna-compile and sterna-run")  # fmt: skip
    add("--models", type=pathlib.Path, default=pathlib.Path("models"),
        metavar="DIR", help="of the random models, written where they are not "
        "there (default: models)")  # fmt: skip
    add("--rungs", type=names, default=list(PUBLISHED),
        help="of the ladder (default: those with published figures)")  # fmt: skip
    add("--lengths", type=lambda text: [int(part) for part in names(text)],
        default=[128, 512, 2048], help="tokens (default: 128,512,2048)")  # fmt: skip
    add("--work", type=float, default=2.1e12,
        help="parameters times tokens up to which a rung is trained, too "
        "(default: 2.1e12)")  # fmt: skip
    add("--output", type=pathlib.Path, default=HERE / "results",
        metavar="DIR", help="of memory.json, .md and .svg")  # fmt: skip
    args = parser.parse_args()
    for rung in args.rungs:
        if rung not in SHAPES:
            parser.error(f"no shape {rung}: see ladder.py --list")
    return args


def main():
    args = parse_arguments()
    for folder in (args.output, args.models):
        folder.mkdir(parents=True, exist_ok=True)
    rows = measure(args)
    (args.output / "memory.json").write_text(json.dumps(rows, indent=1) + "\n")
    lines = ["# Memory of a LoRA step", "",
             "Written by `benchmarks/memory.py`; do not edit. Within bounds: "
             "measured from 0.9 of the plan to 1.03 of it and 16 MiB.", "",
             *table(rows)]  # fmt: skip
    (args.output / "memory.md").write_text("\n".join(lines) + "\n")
    plot(rows, args.output / "memory.svg")
    if not all(is_allowed(r["plan"], r["peak"]) for r in rows if "peak" in r):
        sys.exit("error: a measured peak is out of the plan's bounds")


if __name__ == "__main__":
    main()
