#!/usr/bin/env python3
# ===- check_logits.py - A compiled model against the reference -----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What every test of a model variant does: prompts of several lengths through
# sterna-run, compared with the NumPy model. In one process, because the
# reference reads the model once for all lengths.
# ===----------------------------------------------------------------------=== #
"""Compare the logits of a device binary with the reference's.

  check_logits.py MODEL.stn MODEL.gguf --activations float
  check_logits.py MODEL.stn MODEL.gguf --activations int8 --lengths 1,17

Prompts are random tokens of the given lengths. The bounds: with float
activations any difference is at most 1e-3; with int8 activations, whose
rounding is discontinuous, the rms of the difference is at most 0.1 times the
rms of the logits; with float activations and keys and values in f16 or int8, at
most 1e-4 or 5e-4 times. Exit status 1 when a bound is exceeded.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "oracle"))
from adapter import Adapter  # noqa: E402
from reference import Model  # noqa: E402

MAX_ABS_FLOAT = 1e-3
RELATIVE_RMS_INT8 = 0.1
# Keys and values near to the middle of two that can be kept are rounded up in one
# model and down in the other.
RELATIVE_RMS_KEPT = {"f16": 1e-4, "int8": 5e-4}
# One token, a padded short prompt, one across two buckets (16 + 1) and one
# across the longest (128 + 2).
LENGTHS = "1,3,17,130"


def compiled_logits(model, ids, adapter, device):
    """Logits of `ids` by sterna-run."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "logits.npy")
        command = ["sterna-run", "logits", model, "-o", output]
        command += ["--device", device]
        command += ["--input-ids", ",".join(map(str, ids))]
        if adapter:
            command += ["--adapter", adapter]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return np.load(output).astype(np.float64)


def check(ids, actual, expected, activations, kv_type):
    """Prints the figures of one prompt; returns whether they are in bounds."""
    if actual.shape != expected.shape:
        sys.exit(f"error: expected {expected.shape}, but got {actual.shape}")
    difference = actual - expected
    worst = np.abs(difference).max()
    relative = np.sqrt(np.mean(difference**2) / np.mean(expected**2))
    if activations == "int8":
        good = relative <= RELATIVE_RMS_INT8
    elif kv_type in RELATIVE_RMS_KEPT:
        good = relative <= RELATIVE_RMS_KEPT[kv_type]
    else:
        good = worst <= MAX_ABS_FLOAT
    print(
        f"{len(ids):4} tokens: max abs {worst:.2e}, relative rms {relative:.2e}"
        + ("" if good else " EXCEEDED")
    )
    return good


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("compiled")
    parser.add_argument("model")
    parser.add_argument(
        "--activations", choices=("float", "int8"), required=True
    )
    parser.add_argument("--lengths", default=LENGTHS)
    parser.add_argument("--quantize", choices=["absmean"])
    parser.add_argument("--adapter", help="PEFT directory")
    parser.add_argument(
        "--kv-type", choices=("f32", "f16", "int8"), default="f32"
    )
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    adapter = Adapter(args.adapter) if args.adapter else None
    reference = Model(
        args.model, args.activations, args.quantize, adapter, args.kv_type
    )
    vocabulary = reference.logits([0]).shape[1]
    good = True
    for length in map(int, args.lengths.split(",")):
        random = np.random.RandomState(length)
        ids = random.randint(0, vocabulary, length).tolist()
        actual = compiled_logits(
            args.compiled, ids, args.adapter, args.device
        )
        expected = reference.logits(ids)
        good &= check(ids, actual, expected, args.activations, args.kv_type)
    sys.exit(int(not good))


if __name__ == "__main__":
    main()
