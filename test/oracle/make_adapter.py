#!/usr/bin/env python3
# ===- make_adapter.py - A random LoRA adapter for a model ----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random adapters whose A and B are both non-zero: a fresh adapter, with B zero,
# would hide errors in the branch and in the gradient of A.
# ===----------------------------------------------------------------------=== #
"""Write a random PEFT adapter of all seven linears of a GGUF model.

make_adapter.py MODEL.gguf -o DIR [--rank 4] [--alpha 8] [--seed N]
"""

import argparse

import numpy as np

import gguf
from adapter import LINEARS, matrix_name, write_adapter
from make_model import uniform


def random_matrices(reader, rank, seed):
    """Random A and B of every linear of a GGUF model, by PEFT name."""
    arch = reader.metadata["general.architecture"]
    return matrices_of(
        lambda layer, linear: reader.tensors[
            f"blk.{layer}.{linear}.weight"
        ].shape,
        reader.metadata[f"{arch}.block_count"],
        rank,
        seed,
    )


def matrices_of(shape_of, layers, rank, seed):
    """The same for linears of shape_of(layer, linear). With B A x about 0.1 of
    x's size, the branch is neither negligible nor dominant."""
    random = np.random.RandomState(seed)
    matrices = {}
    for layer in range(layers):
        for linear in LINEARS:
            rows, columns = shape_of(layer, linear)
            a = uniform(random, (rank, columns), columns**-0.5)
            b = uniform(random, (rows, rank), 0.1 * rank**-0.5)
            matrices[matrix_name(layer, linear, "A")] = a
            matrices[matrix_name(layer, linear, "B")] = b
    return matrices


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--alpha", type=float, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    matrices = random_matrices(gguf.Reader(args.model), args.rank, args.seed)
    write_adapter(args.output, matrices, args.rank, args.alpha)


if __name__ == "__main__":
    main()
