# ===- ternary.py - Recognise and make ternary matrices -------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What it means that a float matrix is ternary, and how latent floats become
# so. Separate from the model because the generators of random models need the
# same definitions.
# ===----------------------------------------------------------------------=== #
"""Ternary matrices: granularity of their scales, and absmean quantization."""

import numpy as np

# Lengths along K of one scale group that models use; 256 is a TQ block.
GROUP_SIZES = (256, 128, 64)


def scale_granularity(weight):
    """How the scales of a ternary float matrix [N, K] are shared.

    Returns "tensor", "row" or a group length along K: the coarsest under which
    every group holds only {-s, 0, +s}. None when the matrix is not ternary.
    All-zero groups match any scale.
    """
    rows, columns = weight.shape
    candidates = [("tensor", 1, weight.size), ("row", rows, columns)]
    candidates += [
        (size, rows * (columns // size), size)
        for size in GROUP_SIZES
        if columns % size == 0
    ]
    for name, groups, length in candidates:
        magnitude = np.abs(weight.reshape(groups, length))
        scale = magnitude.max(axis=1, keepdims=True)
        if ((magnitude == 0) | (magnitude == scale)).all():
            return name
    return None


def quantize_absmean(weight):
    """The ternary matrix of latent floats: trits times one scale, float64."""
    weight = np.asarray(weight, np.float64)
    inverse_scale = 1 / max(np.abs(weight).mean(), 1e-5)
    return np.clip(np.rint(weight * inverse_scale), -1, 1) / inverse_scale
