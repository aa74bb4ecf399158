# ===- packings.py - Trits in tensors of safetensors files -----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The two ways in which trits of two bits lie in integer tensors, whose scales
# are other tensors.
# ===----------------------------------------------------------------------=== #
"""Pack and unpack trits -1, 0, 1 of a matrix [out, in]."""

import numpy as np


def pack_bitnet(trits):
    """uint8 [out / 4, in]: byte [r, c] has rows r, r + out / 4, ... of column
    c, the first in the low bits."""
    rows = len(trits) // 4
    packed = np.zeros((rows, trits.shape[1]), np.int64)
    for i in range(4):
        packed += (trits[i * rows : (i + 1) * rows] + 1) << 2 * i
    return packed.astype(np.uint8)


def unpack_bitnet(packed):
    planes = [(packed >> 2 * i & 3).astype(np.int8) - 1 for i in range(4)]
    return np.concatenate(planes)


def pack_mlx(trits):
    """uint32 [out, in / 16]: 16 neighbours in a word, low bits first."""
    codes = (trits + 1).astype(np.uint32).reshape(len(trits), -1, 16)
    shifts = np.arange(0, 32, 2, dtype=np.uint32)
    return np.bitwise_or.reduce(codes << shifts, axis=2)


def unpack_mlx(words):
    shifts = np.arange(0, 32, 2, dtype=np.uint32)
    codes = (words[:, :, None] >> shifts) & 3
    return codes.astype(np.int8).reshape(len(words), -1) - 1
