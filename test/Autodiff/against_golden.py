#!/usr/bin/env python3
"""Compares straight-through gradients and training programs with PyTorch.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

usage: against_golden.py straight-through FILE.mlir
       against_golden.py adamw FILE.mlir

PyTorch's results are in Inputs/golden.npz, made by make_golden.py. The first
runs `linear_int8`, whose quantizer finite differences cannot see through. The
second makes the steps of --sterna-build-training: accumulation over two
micro-batches, clipping, decay. A step whose norm is not finite changes nothing.
"""
import sys
import tempfile
from pathlib import Path

import numpy as np

import finite_differences

TOLERANCE = 1e-5


def close(name, value, expected):
    error = np.max(np.abs(value - expected)) / (1e-6 + np.max(np.abs(expected)))
    print(f"{name}: relative error {error:.1e}")
    if not error <= TOLERANCE:
        raise SystemExit(f"{name}: expected at most {TOLERANCE}")


def straight_through(golden, path, folder):
    derived = folder / "vjp.mlir"
    finite_differences.run(["sterna-opt", path, "-o", derived,
                            "--sterna-differentiate=function=linear_int8"])
    value, gradient = finite_differences.interpret(
        derived, "linear_int8_vjp",
        [golden["linear.x"], golden["linear.trits"]], 2, folder)
    close("value", value, golden["linear.value"])
    close("gradient", gradient, golden["linear.gradient"])


def flatten(arrays):
    """`arrays` as rows of 1024, each from a multiple of 16 on, zeros between."""
    flat = np.zeros(1024, np.float32)
    offset = 0
    for array in arrays:
        flat[offset:offset + array.size] = array.ravel()
        offset += -(-array.size // 16) * 16
    return flat.reshape(1, 1024)


def unflatten(flat, likes):
    """What `flatten` joined; what is between must hold zeros."""
    arrays, offset = [], 0
    for like in likes:
        arrays.append(flat.ravel()[offset:offset + like.size].reshape(
            like.shape))
        offset += -(-like.size // 16) * 16
    if not np.array_equal(flatten(arrays), flat):
        raise SystemExit("expected zeros between the matrices")
    return arrays


def adamw(golden, limit, path, folder):
    programs = folder / "training.mlir"
    finite_differences.run(["sterna-opt", path, "--sterna-build-training=loss=eval_lora "
                            "trainable=lora_a,lora_b", "-o",
                            programs])
    of = lambda key: golden[f"adamw.{limit}.{key}"]  # noqa: E731

    def apply(step, gradients, state):
        corrections = [np.float32(1 - beta ** (step + 1))
                       for beta in (0.9, 0.999)]
        p, m, v = map(flatten, state)
        norm, *updated = finite_differences.interpret(
            programs, "train_apply",
            [golden["rate"], golden["decay"], np.float32(limit), *corrections,
             p, flatten(gradients), m, v], 4, folder)
        return norm, [unflatten(flat, parameters) for flat in updated]

    parameters = [of("a"), of("b")]
    zeros = [np.zeros_like(p) for p in parameters]
    state = [parameters, zeros, zeros]
    # The first micro-batch must not read what the gradients held before.
    gradients = [np.full_like(p, np.nan) for p in parameters]
    for step, batch in enumerate(of("inputs")):
        for micro, x in enumerate(batch):
            loss, *gradients = finite_differences.interpret(
                programs, "train_micro",
                [x, np.float32(2), *state[0], np.float32(0.25),
                 np.float32(micro), *gradients], 3, folder)
            close(f"loss {step}.{micro}", loss, of("losses")[2 * step + micro])
        for wrong in np.nan, np.inf:
            broken = [gradients[0], np.full_like(gradients[1], wrong)]
            norm, kept = apply(step, broken, state)
            if np.isfinite(norm) or not all(
                    np.array_equal(x, y) for new, old in zip(kept, state)
                    for x, y in zip(new, old)):
                raise SystemExit(f"expected a gradient of {wrong} to be left")
        norm, state = apply(step, gradients, state)
        close(f"norm {step}", norm, of("norms")[step])
        close(f"parameters {step}", np.concatenate(
            [p.ravel() for p in state[0]]), of("parameters")[step])


def main():
    mode, path = sys.argv[1], Path(sys.argv[2])
    golden = np.load(Path(__file__).parent / "Inputs" / "golden.npz")
    with tempfile.TemporaryDirectory() as folder:
        if mode == "straight-through":
            straight_through(golden, path, Path(folder))
        else:
            for limit in golden["limits"]:
                adamw(golden, float(limit), path, Path(folder))


if __name__ == "__main__":
    main()
