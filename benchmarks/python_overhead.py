#!/usr/bin/env python3
# ===- python_overhead.py - What a call from Python costs ------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Time that calls of the Python package take beside what the C API computes.

  python_overhead.py MODEL.stn DATA [--calls=200]

Of logits, a call's time less that of the programs that it runs, as the runtime's
profile has it, so that what the C API does around them counts, too; of a training
step, less the seconds that its report says. Microseconds, medians of five
rounds. Python is one with the package sterna.
"""

import argparse
import statistics
import time

import sterna


def measure_logits(arguments):
    """Microseconds of a call, and of its programs."""
    model = sterna.load(arguments.model, threads=1, profile=True)
    model.logits([1])
    before = sum(row.seconds for row in model.profile())
    begin = time.perf_counter()
    for _ in range(arguments.calls):
        model.logits([1])
    whole = time.perf_counter() - begin
    programs = sum(row.seconds for row in model.profile()) - before
    return whole / arguments.calls * 1e6, programs / arguments.calls * 1e6


def measure_step(arguments):
    """The same of a training step."""
    model = sterna.load(arguments.model, threads=1)
    trainer = model.trainer(arguments.data, max_steps=arguments.calls + 1)
    trainer.step()
    begin = time.perf_counter()
    reported = sum(step.seconds for step in trainer)
    whole = time.perf_counter() - begin
    return whole / arguments.calls * 1e6, reported / arguments.calls * 1e6


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--calls", type=int, default=200)
    arguments = parser.parse_args()
    cases = {"logits of one token": measure_logits, "training step": measure_step}
    print(f"{'call':<22} {'all us':>10} {'computed us':>12} {'beside us':>10}")
    for name, measure in cases.items():
        rounds = [measure(arguments) for _ in range(5)]
        whole, computed = map(statistics.median, zip(*rounds))
        beside = statistics.median(a - b for a, b in rounds)
        print(f"{name:<22} {whole:10.1f} {computed:12.1f} {beside:10.1f}")


main()
