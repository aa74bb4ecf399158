#!/usr/bin/env python3
# ===- llama_cpp_logits.py - Converted models in llama.cpp ----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random models, written by sterna-convert and computed by llama.cpp: each
# architecture's order of rows, keys and types mean the same to both programs.
# Needs llama-cpp-python.
# ===----------------------------------------------------------------------=== #
"""Compare llama.cpp's logits of converted models with Sterna's.

  llama_cpp_logits.py FOLDER

With F32, logits may differ by 1e-3 of the largest, and by 5e-3 where a matrix is
in 16 bits, the head or all, for llama.cpp rounds their input, too. TQ2_0's inputs are quantized
by llama.cpp in blocks of 256 and by Sterna per token: the first choice must be
the same for 95% of the positions.
"""

import os
import subprocess
import sys

import llama_cpp
import numpy as np

ORACLE = os.path.dirname(os.path.abspath(__file__))
LENGTH = 64
F32 = 0  # of ggml's types, for the KV cache

# Name, script, variant or family, type, bound, options of sterna-convert.
FLOAT = ["--activations=float"]
MODELS = [
    ("bitnet", "make_model.py", "tq2_0", "f32", 1e-3, []),
    ("llama", "make_model.py", "no-sub-norms", "f32", 1e-3, FLOAT),
    ("rope_freqs", "make_model.py", "rope-divisors", "f32", 1e-3, FLOAT),
    ("minicpm", "make_model.py", "minicpm", "f32", 1e-3, FLOAT),
    ("qwen3", "make_model.py", "qwen3", "f32", 1e-3, []),
    ("scales beside", "make_checkpoint.py", "llama-bitlinear", "f16", 5e-3, []),
    ("llama3", "make_checkpoint.py", "llama-dense", "f32", 5e-3, []),
]


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def theirs(path, ids):
    model = llama_cpp.Llama(
        path, n_ctx=256, logits_all=True, verbose=False, type_k=F32,
        type_v=F32,
    )
    model.eval(ids)
    return np.array(model.scores[: len(ids)], dtype=np.float64)


def ours(path, ids, activations, at):
    run("sterna-compile", path, "-o", at + ".stn", "--no-train",
        f"--activations={activations}")
    run("sterna-run", "logits", at + ".stn", "--input-ids",
        ",".join(map(str, ids)), "-o", at + ".npy")
    return np.load(at + ".npy").astype(np.float64)


def compare(name, actual, expected):
    """The largest difference, of the largest logit, and how often the first
    choice is the same."""
    worst = np.abs(actual - expected).max() / np.abs(expected).max()
    same = np.mean(actual.argmax(1) == expected.argmax(1))
    print(f"{name}: {worst:.1e} of the largest, first choice {same:.1%}")
    return worst, same


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    ids = [(7 * i * i + 3 * i + 5) % 270 for i in range(LENGTH)]
    good = True
    for name, script, variant, kind, bound, options in MODELS:
        source = os.path.join(folder, variant)
        if script == "make_model.py":
            source += ".gguf"
        run(sys.executable, os.path.join(ORACLE, script), variant, "-o",
            source)
        path = os.path.join(folder, "converted.gguf")
        run("sterna-convert", source, path, f"--type={kind}", *options)
        expected = ours(source, ids, "float", os.path.join(folder, "model"))
        worst, _ = compare(f"{name}, {kind}", theirs(path, ids), expected)
        good &= bool(worst <= bound)
    source = os.path.join(folder, "tq2_0.gguf")
    path = os.path.join(folder, "converted.gguf")
    expected = ours(source, ids, "int8", os.path.join(folder, "model"))
    for kind in ("tq2_0", "tq1_0"):
        run("sterna-convert", source, path, f"--type={kind}")
        _, same = compare(f"bitnet, {kind}", theirs(path, ids), expected)
        good &= bool(same >= 0.95)
    print("llama.cpp agrees" if good else "llama.cpp differs")
    sys.exit(not good)


if __name__ == "__main__":
    main()
