#!/usr/bin/env python3
# ===- decoding.py - Decoding against the rate of reading ------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A token cannot come faster than its bytes: ternary weights, head, and keys and
# values of the tokens before it.
# ===----------------------------------------------------------------------=== #
"""Compare decoding with a streaming read of the bytes that it must read.

Each round measures the streaming read (sterna-bench), decodes after each number
of tokens, and measures the read again; a ratio is that of the bytes that a token
must read, times tokens/s, to the mean of both reads. The table has medians over
the rounds and their range.

Examples:
  decoding.py --sterna=build/bin
  decoding.py --sterna=build/bin --model=model.stn --contexts=16 --rounds=9
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

import peers

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = "bitnet_b1_58-large"
# Bytes of an element of keys and values, and of what a token and head adds.
KV_BYTES = {"f32": (4, 0), "f16": (2, 0), "int8": (1, 4)}
DECODED = 48


def run(*command):
    return peers.run([str(part) for part in command])


def last_json(output):
    return json.loads(output.splitlines()[-1])


def compile_model(args, folder):
    """The 0.7B shape with random weights and an int8 head."""
    source, module = folder / "model.gguf", folder / "model.stn"
    run(sys.executable, HERE / "ladder.py", SHAPE, "-o", source)
    run(args.sterna / "sterna-compile", source, "-o", module, "--no-train",
        "--lora-rank=0", "--head-type=int8", f"--kv-type={args.kv_type}",
        f"--max-context={max(args.contexts) + 2 * DECODED}")  # fmt: skip
    return module


def read_rate(args):
    """Bytes a second that all threads read together."""
    output = run(
        args.sterna / "sterna-bench",
        "--benchmark_filter=limit/streaming read/threads:"
        f"{args.threads}/",
        "--benchmark_format=json",
    )
    return json.loads(output)["benchmarks"][0]["GB/s"] * 1e9


def bytes_of_token(info, context, kv_type):
    """What the token after `context` others must read."""
    weights, config = info["weights"], info["config"]
    element, scale = KV_BYTES[kv_type]
    heads = config["layers"] * config["kv_heads"] * 2
    return (
        sum(layout["bytes"] for layout in weights["ternary"].values())
        + weights["head"]["bytes"]
        + heads * context * (config["head_dim"] * element + scale)
    )


def measure_round(args, module, info):
    """The ratio and tokens/s for each context, and the mean rate of reading."""
    before = read_rate(args)
    speeds = {}
    for context in args.contexts:
        output = run(args.sterna / "sterna-run", "bench", module,
                     f"--threads={args.threads}", f"--prompt={context}",
                     f"--generate={DECODED}", "--train-steps=0",
                     "--json")  # fmt: skip
        speeds[context] = last_json(output)["decode_tokens_per_second"]
    read = (before + read_rate(args)) / 2
    return read, {
        context: (
            speed,
            speed * bytes_of_token(info, context + DECODED / 2, args.kv_type)
            / read,
        )
        for context, speed in speeds.items()
    }  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sterna", type=pathlib.Path, default=HERE.parent / "build" / "bin",
        metavar="DIR", help="of sterna-compile, -run and -bench")  # fmt: skip
    add("--model", type=pathlib.Path, metavar="FILE.stn",
        help="compiled with --kv-type (default: 0.7B, int8 head)")  # fmt: skip
    add("--kv-type", choices=sorted(KV_BYTES), default="f16")
    add("--contexts", type=lambda text: [int(part) for part in text.split(",")],
        default=[16, 512, 2048], help="tokens before (default: 16,512,2048)")  # fmt: skip
    add("--threads", type=int, default=2)
    add("--rounds", type=int, default=5)
    return parser.parse_args()


def main():
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        module = args.model or compile_model(args, pathlib.Path(folder))
        info = last_json(
            run(args.sterna / "sterna-run", "info", module, "--json")
        )
        rounds = []
        for number in range(args.rounds):
            rounds.append(measure_round(args, module, info))
            print(f"round {number + 1}: {rounds[-1][0] / 1e9:.1f} GB/s read",
                  file=sys.stderr)  # fmt: skip
    print("| tokens before | tokens/s | of streaming read |\n|---|---|---|")
    for context in args.contexts:
        speeds = [results[context][0] for _, results in rounds]
        ratios = [100 * results[context][1] for _, results in rounds]
        print(
            f"| {context} | {statistics.median(speeds):.1f} "
            f"| {statistics.median(ratios):.0f}% "
            f"({min(ratios):.0f} to {max(ratios):.0f}) |"
        )


if __name__ == "__main__":
    try:
        main()
    except peers.Skipped as reason:
        sys.exit(f"error: {reason}")
