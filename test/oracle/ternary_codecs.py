# ===- ternary_codecs.py - Newer GGUF blocks of trits ----------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Q2_0, PTQ1_0, STQ1_0, and I2_S with its one scale, written from the
# description of their layouts. TQ1_0 and TQ2_0 are in gguf_codecs.py.
# ===----------------------------------------------------------------------=== #
"""Encoders and decoders of ternary blocks.

Codes are digits 0..2 of shape [n, block]; code 3 of two bits stands for no
trit, and decodes as it would be read.
"""

import numpy as np

SCALE_BYTES = 32  # of I2_S, of which a float32 takes the first four


def encode_neighbours(digits):
    """Four codes in a byte, the first in the low bits."""
    lanes = digits.reshape(len(digits), -1, 4)
    shifts = np.arange(0, 8, 2)
    return (lanes << shifts).sum(axis=2).astype(np.uint8)


def decode_neighbours(raw):
    shifts = np.arange(0, 8, 2, dtype=np.uint8)
    return ((raw[:, :, None] >> shifts) & 3).reshape(len(raw), -1)


# PTQ1_0 cuts a block of 128 into three runs: first weight, bytes, digits.
_PTQ1_RUNS = ((0, 16, 5), (80, 8, 5), (120, 2, 4))


def encode_ptq1_0(digits):
    """Bytes of base-3 digits, as in TQ1_0."""
    columns = []
    for first, width, count in _PTQ1_RUNS:
        run = digits[:, first : first + width * count]
        run = run.reshape(-1, count, width)
        powers = 3 ** np.arange(4, 4 - count, -1).reshape(1, count, 1)
        value = (run * powers).sum(axis=1)
        columns.append(((value * 256 + 242) // 243).astype(np.uint8))
    return np.hstack(columns)


def decode_ptq1_0(raw):
    """By the index of each weight, as the format is described."""
    digits = np.zeros((len(raw), 128), np.int64)
    for e in range(128):
        if e < 80:
            byte, n = e & 15, e >> 4
        elif e < 120:
            byte, n = 16 + ((e - 80) & 7), (e - 80) >> 3
        else:
            byte, n = 24 + ((e - 120) & 1), (e - 120) >> 1
        digits[:, e] = ((raw[:, byte].astype(np.int64) * 3**n & 255) * 3) >> 8
    return digits


# Four codes of two bits for each half byte, then for those with a sign.
_CODEBOOK = np.frombuffer(
    bytes.fromhex(
        "A9892909A6862606 9A921A126A624A42 012181A1042484A4 1018909840486068"
    ),
    np.uint8,
)


def encode_stq1_0(digits):
    """64 quadruples, lanes 16 apart; every one must be in the codebook, which
    has those with one zero."""
    lanes = digits.reshape(-1, 4, 4, 16)
    shifts = np.arange(0, 8, 2).reshape(1, 1, 4, 1)
    packs = (lanes << shifts).sum(axis=2).reshape(-1, 64)
    entries = np.full(256, -1)
    entries[_CODEBOOK] = np.arange(32)
    found = entries[packs]
    if (found < 0).any():
        raise ValueError("STQ1_0 needs one zero among four trits")
    codes = (found & 15).astype(np.uint8)
    signs = np.packbits((found >> 4).astype(np.uint8), axis=1, bitorder="little")
    return np.hstack([codes[:, ::2] | codes[:, 1::2] << 4, signs])


def decode_stq1_0(raw):
    codes = np.stack([raw[:, :32] & 15, raw[:, :32] >> 4], axis=2)
    signs = np.unpackbits(raw[:, 32:40], axis=1, bitorder="little")
    packs = _CODEBOOK[signs.reshape(-1, 64) * 16 + codes.reshape(-1, 64)]
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1)
    return ((packs.reshape(-1, 4, 1, 16) >> shifts) & 3).reshape(-1, 256)


def encode_run(values, lanes):
    """A whole matrix in blocks of 4 `lanes` over all rows, the first of four
    codes in the high bits, then its one scale."""
    scale = np.float32(np.abs(values).max())
    codes = np.rint(values / (scale or 1)).astype(np.int64) + 1
    planes = codes.reshape(-1, 4, lanes)
    shifts = np.array([6, 4, 2, 0]).reshape(1, 4, 1)
    packed = (planes << shifts).sum(axis=1).astype(np.uint8).reshape(-1)
    tail = np.frombuffer(np.float32(scale).tobytes(), np.uint8)
    return np.concatenate([packed, np.resize(tail, 4), np.zeros(28, np.uint8)])


def decode_run(raw, lanes):
    packed = raw[:-SCALE_BYTES].reshape(-1, 1, lanes)
    shifts = np.array([6, 4, 2, 0], np.uint8).reshape(1, 4, 1)
    codes = ((packed >> shifts) & 3).astype(np.float32).reshape(-1)
    at = len(raw) - SCALE_BYTES
    scale = np.ascontiguousarray(raw[at : at + 4]).view("<f4")[0]
    return (codes - 1) * scale
