#!/usr/bin/env python3
# ===- compare.py - Sterna against its peers ------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Measures tools on one random-weight model, each loaded and warmed up: the rounds
# alternate between the tools, and what else the machine does falls on all of them.
# peers.py has what is particular to each.
# ===----------------------------------------------------------------------=== #
"""Compare Sterna with its peers on the same random-weight model.

  llama          prompts of 512 and of 128 tokens, decoding after 16, 512 and
                 2048; llama.cpp, TQ2_0
  ik             the same; ik_llama.cpp, IQ2_BN
  torch          one LoRA step of 128 tokens, with AdamW; eager, dequantized f32
  torch-compile  the same with torch.compile
  torch-bf16     the same compiled and in bfloat16
  qvac           the same; QVAC Fabric on the CPU, TQ2_0
  sterna         all of these

Models are written by ladder.py (TQ2_0, f16 embedding and head) and compiled by
sterna-compile. Rounds alternate (sterna, llama, torch, sterna, ...); the tables
give the median of the rounds and their range. The load average must be below 0.3
at the start, which is waited for.

Examples:
  compare.py --sterna=build/bin
  compare.py --sterna=build/bin --shapes=125M --only=sterna,torch --repeat=7
  compare.py --llama=/venvs/llama/bin/python --torch=/venvs/torch/bin/python
  compare.py --ik=ik_llama.cpp/build/bin --qvac=qvac-fabric/build/bin

Two peers are Python packages, each in an interpreter of its own choice:
  CMAKE_ARGS=-DGGML_NATIVE=ON pip install llama-cpp-python
  pip install torch==2.13.0 numpy
Two are programs, which whoever has built them gives the folder of. A peer that is
not there is skipped, and the report says so. torch.compile needs a C++
compiler with OpenMP, such as g++.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

from peers import (
    CONTEXT,
    DECODED,
    DEPTHS,
    LONG_PROMPT,
    SHORT_PROMPT,
    IkLlama,
    Peer,
    QvacFabric,
    Skipped,
    run,
)
from plotting import load_pyplot

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ("sterna", "llama", "ik", "torch", "torch-compile", "torch-bf16", "qvac")
TRAINERS = ("torch", "torch-compile", "torch-bf16", "qvac")
# Our name for a shape, and ladder.py's.
SHAPES = {"0.7B": "bitnet_b1_58-large", "125M": "125M", "1B": "1B"}
# Shapes at which a LoRA step is compared.
TRAINED = ("125M", "1B")
# Above it what else runs changes what is measured.
MOST_LOAD = 0.3

# Key, title, unit, whether more is better.
METRICS = (
    ("prompt", f"prompt of {LONG_PROMPT}", "tokens/s", True),
    ("short", f"prompt of {SHORT_PROMPT}", "s", False),
    *((f"decode_{depth}", f"decoding after {depth}", "tokens/s", True)
      for depth in DEPTHS),
    ("step", f"LoRA step of {SHORT_PROMPT}", "s", False),
    ("step_int16", f"LoRA step of {SHORT_PROMPT}, int16 gradients", "s", False),
    ("step_int8", f"LoRA step of {SHORT_PROMPT}, int8 gradients", "s", False),
)  # fmt: skip
# What a peer measures in place of it.
MEASURED_AS = {"step_int16": "step", "step_int8": "step"}

NOT_EQUAL = """\
- Sampling: no tool samples. Decoding feeds given tokens and ends with logits.
- Prompt: llama.cpp computes the logits of the last token, Sterna none.
- Prompt repeats: a Sterna sample is the median of five prompts, a sample of
  llama.cpp is one prompt. A sample of decoding is a median of 64 tokens.
- Head: f16 and tied to the embedding in Sterna, llama.cpp and QVAC Fabric, f32 in
  PyTorch; what llama-quantize makes of f16 in ik_llama.cpp.
- KV cache: of --kv-type in all. Flash attention is off in llama.cpp.
- Activations of linears: int8 per token in Sterna, int8 per block of 256 in
  llama.cpp, f32 in PyTorch (which so saves the work of quantizing them).
- Recomputation: Sterna recomputes each block's activations in its step;
  PyTorch keeps all of them and needs the memory for it.
- int16 and int8 gradients: Sterna compiled with --gradient-type, against the same
  steps of the others, which do not round them.
- torch-bf16: frozen weights are bf16, and products are of bf16; adapters are f32.
- Gradients: f32 in Sterna and PyTorch, of the LoRA matrices only; both clip to
  norm 1 and apply AdamW. Rank 8 on all seven linears of a block.
"""


class Sterna:
    """sterna-run bench, which warms up before each of its measurements."""

    def __init__(self, binaries, modules, threads):
        """`modules` by the key of the training step that each measures; the
        first also generates."""
        self._command = [binaries / "sterna-run", "--json", "--threads"]
        self._command += [str(threads), "bench"]
        self._modules = modules
        long = self._bench("step", prompt=16, generate=0, train=0)
        version = run([binaries / "sterna-run", "--version"]).strip()
        self.version = f"{version}: {long['target']}"

    def measure(self):
        sample = {}
        for depth in DEPTHS:
            result = self._bench("step", depth, DECODED, 0)
            sample[f"decode_{depth}"] = result["decode_tokens_per_second"]
            if depth == LONG_PROMPT:
                sample["prompt"] = result["prompt_tokens_per_second"]
        short = self._bench("step", SHORT_PROMPT, 0, 0)
        sample["short"] = SHORT_PROMPT / short["prompt_tokens_per_second"]
        if len(self._modules) > 1:
            for key in self._modules:
                result = self._bench(key, 0, 0, 3)
                sample[key] = result["train_seconds_per_step"]
        return sample

    def close(self):
        """Nothing runs between measurements."""

    def _bench(self, key, prompt, generate, train):
        arguments = [self._modules[key], "--prompt", prompt]
        arguments += ["--generate", generate, "--train-steps", train]
        output = run(self._command + [str(value) for value in arguments])
        return json.loads(output.splitlines()[-1])


def write_once(path, newer_than, command):
    """Run `command`, which ends with where to write, unless `path` is newer
    than what it is made from."""
    made = path.stat().st_mtime if path.exists() else 0
    if made > max(source.stat().st_mtime for source in newer_than):
        return
    print(f"writing {path.name}", flush=True)
    unfinished = path.with_suffix(".part")
    run([*command, "-o", unfinished])
    unfinished.rename(path)


def start_sterna(args, gguf, shape):
    compiler = args.sterna / "sterna-compile"
    if not compiler.exists():
        raise Skipped(f"{compiler} does not exist: give --sterna=DIR")
    modules = {"step": gguf.with_suffix(f".{args.kv_type}.stn")}
    command = [compiler, gguf, f"--max-context={CONTEXT}",
               f"--kv-type={args.kv_type}"]  # fmt: skip
    write_once(modules["step"], (gguf, compiler), command)
    for kind in ("int16", "int8") if shape in TRAINED else ():
        module = gguf.with_suffix(f".{kind}.stn")
        modules[f"step_{kind}"] = module
        write_once(module, (gguf, compiler),
                   [compiler, gguf, f"--gradient-type={kind}"])  # fmt: skip
    return Sterna(args.sterna, modules, args.threads)


def start_tool(tool, args, gguf, shape):
    if tool == "sterna":
        return start_sterna(args, gguf, shape)
    if tool == "qvac":
        return QvacFabric(args.qvac, gguf, args.threads)
    if tool == "ik":
        if not (args.ik / "llama-bench").exists():
            raise Skipped(f"{args.ik}/llama-bench does not exist: give --ik=DIR")
        floats = gguf.with_suffix(".f16.gguf")
        write_model(floats, shape, "--type=f16")
        return IkLlama(args.ik, floats, args.threads, args.kv_type)
    python = args.llama if tool == "llama" else args.torch
    return Peer(tool, python, gguf, SHAPES[shape], args.threads, args.kv_type)


def write_model(path, shape, *options):
    ladder = HERE / "ladder.py"
    write_once(path, (ladder,), [sys.executable, ladder, SHAPES[shape], *options])


def compare(shape, args, report):
    """Adds the samples of all tools at one shape to the report."""
    gguf = args.work / f"{shape}.gguf"
    write_model(gguf, shape)
    running = {}
    for tool in args.only:
        if tool in TRAINERS and shape not in TRAINED:
            continue
        try:
            running[tool] = start_tool(tool, args, gguf, shape)
            report["versions"][tool] = running[tool].version
        except Skipped as reason:
            skip(report, f"{tool} at {shape}: {reason}")
    samples = report["samples"].setdefault(shape, {})
    for index in range(args.repeat):
        for tool in list(running):
            try:
                sample = running[tool].measure()
            except Skipped as reason:
                skip(report, f"{tool} at {shape}: {reason}")
                del running[tool]
                continue
            print(f"{shape} {index + 1}/{args.repeat} {tool}: {sample}")
            sys.stdout.flush()
            for key, value in sample.items():
                samples.setdefault(key, {}).setdefault(tool, []).append(value)
    for tool in running.values():
        tool.close()


def skip(report, line):
    print(f"skipped: {line}", flush=True)
    report["skipped"].append(line)


def short_number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values):
    numbers = (statistics.median(values), min(values), max(values))
    return "{} ({}-{})".format(*map(short_number, numbers))


def peer_values(samples, key, peer):
    return samples.get(MEASURED_AS.get(key, key), {}).get(peer)


def advantage(ours, theirs, more_is_better):
    """How many times faster Sterna is, by medians."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{ratio if more_is_better else 1 / ratio:.2f}"


def rows(shape, samples):
    for key, title, unit, more in METRICS:
        ours = samples.get(key, {}).get("sterna")
        peers = [(tool, peer_values(samples, key, tool)) for tool in TOOLS[1:]]
        peers = [(tool, values) for tool, values in peers if values]
        for tool, values in peers or [(None, None)]:
            if not ours and (not values or key in MEASURED_AS):
                continue
            ratio = advantage(ours, values, more) if ours and values else "-"
            yield (
                f"| {shape} | {title}, {unit} | {spread(ours) if ours else '-'} "
                f"| {f'{tool} {spread(values)}' if values else '-'} | {ratio} |"
            )


def table(report):
    lines = [
        "| shape | what | Sterna | peer | Sterna is faster by |",
        "|---|---|---|---|---|",
    ]
    for shape, samples in report["samples"].items():
        lines += rows(shape, samples)
    return lines


def markdown(report):
    lines = [
        "# Sterna and its peers",
        "",
        "Written by `benchmarks/compare.py`; do not edit.",
        "",
        f"- Machine: {report['machine']}, {report['threads']} threads",
        f"- Date: {report['date']}",
        f"- Command: `{report['command']}`",
        f"- Medians of {report['repeat']} alternating rounds (range)",
        f"- Load average at the start: {report['load']:.2f}",
    ]
    if report["note"]:
        lines.append(f"- **{report['note']}**")
    lines += [f"- {name}: {v}" for name, v in report["versions"].items()]
    lines += [f"- Skipped: {line}" for line in report["skipped"]]
    lines += ["", *table(report), "", "What is not equal:", ""]
    return "\n".join(lines) + "\n" + NOT_EQUAL


def plot(report, path):
    """One panel per measurement: bars of the medians, with the ranges."""
    pyplot = load_pyplot()
    if not pyplot:
        return
    figure, panels = pyplot.subplots(1, len(METRICS), figsize=(24, 4))
    for panel, (key, title, unit, more) in zip(panels, METRICS):
        draw_panel(panel, report["samples"], key)
        better = "more" if more else "less"
        panel.set_title(f"{title}, {unit}\n({better} is better)", fontsize=10)
    figure.suptitle(f"{report['machine']}, {report['threads']} threads")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def draw_panel(panel, samples, key):
    shapes = [shape for shape in samples if key in samples[shape]]
    width = 0.8 / len(TOOLS)
    for index, tool in enumerate(TOOLS):
        drawn = [i for i, s in enumerate(shapes) if tool in samples[s][key]]
        if not drawn:
            continue
        values = [samples[shapes[i]][key][tool] for i in drawn]
        medians = [statistics.median(v) for v in values]
        below = [m - min(v) for m, v in zip(medians, values)]
        above = [max(v) - m for m, v in zip(medians, values)]
        places = [i + width * (index - len(TOOLS) // 2) for i in drawn]
        panel.bar(
            places, medians, width, yerr=(below, above), capsize=2, label=tool
        )
    panel.set_xticks(range(len(shapes)), shapes)
    if shapes:
        panel.legend()


def write_report(report, folder):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1) + "\n"
    (folder / "compare.json").write_text(text)
    (folder / "compare.md").write_text(markdown(report))


def machine_name():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1] for line in lines if "model name" in line]
    name = names[0].strip() if names else platform.processor()
    return f"{name} ({os.cpu_count()} cores, {platform.machine()})"


def one_of(known):
    """A parser of comma-separated names."""

    def parse(text):
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"expected names out of {','.join(known)}, got '{name}'"
                )
        return names

    return parse


def at_least_one(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got '{text}'")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--shapes", type=one_of(SHAPES), default=list(SHAPES),
        help=f"list out of {','.join(SHAPES)} (default: all)")  # fmt: skip
    add("--only", type=one_of(TOOLS), default=list(TOOLS),
        help=f"list out of {','.join(TOOLS)} (default: all)")  # fmt: skip
    add("--threads", type=at_least_one, default=os.cpu_count(),
        help="of every tool (default: all cores)")  # fmt: skip
    add("--repeat", type=at_least_one, default=5,
        help="rounds (default: 5)")  # fmt: skip
    add("--sterna", type=pathlib.Path, default=HERE.parent / "build" / "bin",
        metavar="DIR", help="of sterna-compile and sterna-run")  # fmt: skip
    add("--llama", default=sys.executable, metavar="PYTHON",
        help="interpreter with llama-cpp-python (default: this)")  # fmt: skip
    add("--torch", default=sys.executable, metavar="PYTHON",
        help="interpreter with torch and numpy (default: this)")  # fmt: skip
    add("--ik", type=pathlib.Path, default=pathlib.Path("ik_llama.cpp"),
        metavar="DIR", help="of ik_llama.cpp's llama-bench and "
        "llama-quantize")  # fmt: skip
    add("--qvac", type=pathlib.Path, default=pathlib.Path("qvac"),
        metavar="DIR", help="of QVAC Fabric's llama-finetune-lora")  # fmt: skip
    add("--kv-type", choices=("f32", "f16"), default="f16",
        help="keys and values of every tool (default: f16)")  # fmt: skip
    add("--work", type=pathlib.Path, default=pathlib.Path("compare-models"),
        metavar="DIR", help="keeps the models, 6 GB (default: "
        "compare-models)")  # fmt: skip
    add("--output", type=pathlib.Path, default=HERE / "results",
        metavar="DIR", help="of compare.json, .md and .png")  # fmt: skip
    add("--shared", action="store_true",
        help="measure whatever the load average is")  # fmt: skip
    add("--note", default="", help="a remark for the report, such as: "
        "measured on a shared machine")  # fmt: skip
    return parser.parse_args()


def wait_until_quiet(is_shared):
    """The load average, once it is low enough or does not matter; it falls to a
    third in a minute, of a machine that does nothing."""
    for _ in range(60):
        load = os.getloadavg()[0]
        if load < MOST_LOAD or is_shared:
            return load
        print(f"load average {load:.2f}: waiting for less than {MOST_LOAD}",
              flush=True)  # fmt: skip
        time.sleep(10)
    sys.exit(f"error: the load average is {load:.2f} after ten minutes: stop what "
             "else runs, or measure with --shared")  # fmt: skip


def main():
    args = parse_arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": machine_name(),
        "threads": args.threads,
        "date": datetime.date.today().isoformat(),
        # Paths are this machine's own and say nothing to a reader.
        "command": f"compare.py --shapes={','.join(args.shapes)} "
        f"--only={','.join(args.only)} --threads={args.threads} "
        f"--repeat={args.repeat} --kv-type={args.kv_type}",
        "repeat": args.repeat,
        "load": wait_until_quiet(args.shared),
        "note": args.note,
        "versions": {},
        "skipped": [],
        "samples": {},
    }
    for shape in args.shapes:
        try:
            compare(shape, args, report)
        except Skipped as reason:
            skip(report, f"{shape}: {reason}")
        # After every shape: a long run that is interrupted keeps its results.
        write_report(report, args.output)
    plot(report, args.output / "compare.png")
    print("\n".join(table(report)))


if __name__ == "__main__":
    main()
