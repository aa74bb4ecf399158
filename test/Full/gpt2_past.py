#!/usr/bin/env python3
# ===- gpt2_past.py - An exported decoder against ONNX Runtime ------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run a published graph of GPT-2 with keys and values of a past, and compare
its outputs with ONNX Runtime's.

  gpt2_past.py MODEL.onnx FOLDER

Outputs may differ by 1e-4 of the largest.
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime

MODEL, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
RANDOM = np.random.default_rng(3)


def inputs_of(batch, tokens, past):
    total = past + tokens
    mask = np.ones((batch, total), np.int32)
    mask[-1, 0] = batch == 1  # the last of several begins with padding
    given = {
        "input_ids": RANDOM.integers(0, 1000, (batch, tokens)),
        "position_ids": np.tile(np.arange(past, total), (batch, 1)),
        "attention_mask": mask,
    }
    given = {name: values.astype(np.int32) for name, values in given.items()}
    for layer in range(5):
        shape = (2, batch, 4, past, 8)
        given[f"past_{layer}"] = RANDOM.standard_normal(shape).astype("f4")
    return given


def run(given, sizes):
    module = FOLDER / "gpt2.stn"
    flags = [f"--dim={name}={extent}" for name, extent in sizes.items()]
    command = ["sterna-compile", MODEL, "-o", module, *flags]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    command = ["sterna-run", "run", module]
    for name, values in given.items():
        np.save(FOLDER / f"{name}.npy", values)
        command += ["--input", f"{name}={FOLDER / name}.npy"]
    outputs = ["logits", *(f"present_{layer}" for layer in range(5))]
    for name in outputs:
        command += ["--output", f"{name}={FOLDER / name}.out.npy"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {name: np.load(FOLDER / f"{name}.out.npy") for name in outputs}


def main():
    session = onnxruntime.InferenceSession(MODEL)
    for batch, tokens, past in ((1, 4, 0), (1, 1, 6), (2, 3, 5)):
        given = inputs_of(batch, tokens, past)
        sizes = {
            "batch_size": batch,
            "seq_len": tokens,
            "past_seq_len": past,
            "total_seq_len": past + tokens,
        }
        found = run(given, sizes)
        golden = session.run(list(found), given)
        worst = max(
            np.abs(a - b).max() / np.abs(b).max()
            for a, b in zip(found.values(), golden)
        )
        print(f"batch {batch}, tokens {tokens}, past {past}: {worst:.1e}")
        if not worst < 1e-4:
            sys.exit("error: the outputs differ")


main()
