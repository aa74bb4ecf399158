#!/usr/bin/env python3
# ===- gradients.py - Loss curves of rounded types ------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Shows what rounding does to training: same model, data, order and start, and
# nothing but the type of gradients, or of what is kept for them, differs.
# ===----------------------------------------------------------------------=== #
"""Train the embedded model with each type of what is rounded.

  gradients  --gradient-type: f32, int16, int8
  saved      --saved-type: f32, bf16, int8

Compiles models/sterna-kjv.gguf for each type, trains an adapter on
models/tuning with each, and writes the losses (gradients.json), a table
(gradients.md) and a plot (gradients.svg); or saved.json and so on.

Example:
  gradients.py --sterna=build/bin --what=saved --steps=300 --seeds=42,43,44
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

from plotting import load_pyplot, save

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
# What is rounded: its option and types.
OPTIONS = {
    "gradients": ("--gradient-type", ("f32", "int16", "int8")),
    "saved": ("--saved-type", ("f32", "bf16", "int8")),
}
STEP = re.compile(r"step \d+/\d+  loss (\S+)")
# Steps of which the plot shows the mean: batches differ more than types do.
SMOOTHED = 15


def run_on_terminal(command):
    """Standard output and error of a command whose error is a terminal: only
    there `train` reports every step."""
    ours, theirs = os.openpty()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=theirs)
        os.close(theirs)
        log = b""
        while chunk := read_terminal(ours):
            log += chunk
        os.close(ours)
        if process.wait():
            raise SystemExit(f"error: {log.decode().splitlines()[-1]}")
        output.seek(0)
        return output.read().decode(), log.decode()


def read_terminal(terminal):
    """The next bytes; none once the other end is closed, an error on Linux."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def train(binaries, module, steps, seed, folder):
    """Losses of the steps, and of held-out data after them."""
    command = [binaries / "sterna-run", "train", module, "--json",
               "--data", MODELS / "tuning" / "train.jsonl",
               "--validation", MODELS / "tuning" / "validation.jsonl",
               "--output", folder / "adapter", "--overwrite",
               "--max-steps", str(steps), "--seed", str(seed),
               "--learning-rate", "5e-3", "--lr-scheduler", "cosine",
               "--warmup-ratio", "0.1"]  # fmt: skip
    output, log = run_on_terminal(command)
    losses = [float(loss) for loss in STEP.findall(log)]
    if len(losses) != steps:
        raise SystemExit(f"error: expected {steps} losses, got {len(losses)}")
    summary = json.loads(output.splitlines()[-1])
    return {"losses": losses, "validation": summary["validation_loss"]}


def measure(args):
    runs = {}
    option, types = OPTIONS[args.what]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind in types:
            module = folder / f"{kind}.stn"
            subprocess.run(
                [args.sterna / "sterna-compile", MODELS / "sterna-kjv.gguf",
                 "-o", module, f"{option}={kind}"],
                check=True, capture_output=True,
            )  # fmt: skip
            for seed in args.seeds:
                run = train(args.sterna, module, args.steps, seed, folder)
                runs.setdefault(kind, {})[str(seed)] = run
                print(f"{kind} seed {seed}: {run['validation']:.4f}", flush=True)
    return runs


def table(report):
    lines = [
        f"| {report['what']} | seed | mean loss of the last 50 steps | held-out loss "
        "| less that of f32 |",
        "|---|---|---|---|---|",
    ]
    for kind, runs in report["runs"].items():
        for seed, run in runs.items():
            last = statistics.mean(run["losses"][-50:])
            reference = report["runs"]["f32"][seed]["validation"]
            difference = run["validation"] - reference
            lines.append(
                f"| {kind} | {seed} | {last:.4f} | {run['validation']:.4f} "
                f"| {difference:+.4f} |"
            )
    return lines


def smooth(losses):
    return [
        statistics.mean(losses[i : i + SMOOTHED])
        for i in range(len(losses) - SMOOTHED + 1)
    ]


def plot(report, path):
    """Losses of the first seed, and what the types make of them."""
    pyplot = load_pyplot()
    if not pyplot:
        return
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    seed = next(iter(report["runs"]["f32"]))
    reference = report["runs"]["f32"][seed]["losses"]
    for kind, style in zip(report["runs"], ("-", "--", ":")):
        losses = report["runs"][kind][seed]["losses"]
        steps = range(SMOOTHED, len(losses) + 1)
        left.plot(steps, smooth(losses), style, label=kind)
        difference = [x - y for x, y in zip(losses, reference)]
        right.plot(steps, smooth(difference), style, label=kind)
    left.set_title(f"training loss, mean of {SMOOTHED} steps", fontsize=10)
    right.set_title("less that of f32", fontsize=10)
    for panel in (left, right):
        panel.set_xlabel("step")
        panel.legend()
    save(figure, path)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sterna", type=pathlib.Path, default=HERE.parent / "build" / "bin",
        metavar="DIR", help="of sterna-compile and sterna-run")  # fmt: skip
    add("--what", choices=OPTIONS, default="gradients",
        help="what is rounded (default: gradients)")  # fmt: skip
    add("--steps", type=int, default=300, help="of each run (default: 300)")
    add("--seeds", type=lambda text: [int(seed) for seed in text.split(",")],
        default=[42, 43, 44], help="default: 42,43,44")  # fmt: skip
    add("--output", type=pathlib.Path, default=HERE / "results",
        metavar="DIR", help="of the .json, .md and .svg")  # fmt: skip
    return parser.parse_args()


def main():
    args = parse_arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    report = {"what": args.what, "steps": args.steps, "runs": measure(args)}
    text = json.dumps(report) + "\n"
    (args.output / f"{args.what}.json").write_text(text)
    lines = [f"# Losses by {OPTIONS[args.what][0]}", "",
             "Written by `benchmarks/gradients.py`; do not edit.", "",
             *table(report)]  # fmt: skip
    (args.output / f"{args.what}.md").write_text("\n".join(lines) + "\n")
    plot(report, args.output / f"{args.what}.svg")
    print("\n".join(table(report)))


if __name__ == "__main__":
    main()
