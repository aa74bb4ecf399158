# ===- gguf_codecs.py - Element types of GGUF tensors ---------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Encoders and decoders of the GGUF element types that the compiler imports.
# They are separate from gguf.py because they know nothing of files: an array
# of floats goes in, the bytes of its blocks come out, and back.
# ===----------------------------------------------------------------------=== #
"""Codecs F32, F16, BF16, Q8_0, TQ1_0 and TQ2_0.

Blocks run along the last axis. A ternary block holds `(digit - 1) * d`, with
the scale d taken as the largest magnitude in the block.
"""

import math

import numpy as np

TERNARY_BLOCK = 256


class Codec:
    """One element type: its GGUF `id`, `block` length in values, `block_bytes`,
    and two functions on flat arrays."""

    def __init__(self, type_id, block, block_bytes, encode, decode):
        self.id, self.block, self.block_bytes = type_id, block, block_bytes
        self._encode, self._decode = encode, decode

    def byte_size(self, shape):
        """Bytes of a tensor of this shape; ValueError when rows do not divide
        into blocks."""
        if shape[-1] % self.block:
            raise ValueError(
                f"row of {shape[-1]} values is not a multiple of {self.block}"
            )
        return math.prod(shape) // self.block * self.block_bytes

    def encode(self, values):
        """uint8 array of the encoded float32 `values` of any shape."""
        self.byte_size(values.shape)
        return self._encode(values.reshape(-1, self.block)).reshape(-1)

    def decode(self, raw):
        """Flat float32 array of the uint8 array `raw`."""
        return self._decode(raw.reshape(-1, self.block_bytes)).reshape(-1)


def _encode_f32(x):
    return x.astype("<f4").view(np.uint8)


def _decode_f32(raw):
    return raw.view("<f4").astype(np.float32)


def _encode_f16(x):
    return x.astype("<f2").view(np.uint8)


def _decode_f16(raw):
    return raw.view("<f2").astype(np.float32)


def _encode_bf16(x):
    """Round to nearest even; NaN does not occur in test models."""
    bits = np.ascontiguousarray(x).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits >> 16).astype("<u2").view(np.uint8)


def _decode_bf16(raw):
    return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _encode_q8_0(x):
    """Blocks of 32: f16 scale, then 32 signed bytes."""
    scale = (np.abs(x).max(axis=1, keepdims=True) / 127).astype("<f2")
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    quants = np.clip(np.rint(x / divisor), -127, 127).astype(np.int8)
    return np.hstack([scale.view(np.uint8), quants.view(np.uint8)])


def _decode_q8_0(raw):
    scale = np.ascontiguousarray(raw[:, :2]).view("<f2").astype(np.float32)
    return raw[:, 2:].view(np.int8).astype(np.float32) * scale


def _split_trits(x):
    """Digits 0..2 and the f16 scale of each block as two bytes."""
    scale = np.abs(x).max(axis=1, keepdims=True).astype("<f2")
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    digits = np.rint(x / divisor).astype(np.int64) + 1
    return digits, scale.view(np.uint8)


def _join_trits(digits, scale_bytes):
    scale = np.ascontiguousarray(scale_bytes).view("<f2").astype(np.float32)
    return (digits.astype(np.float32) - 1) * scale


def _encode_tq2_0(x):
    """Two halves of 32 bytes; byte m of a half holds the four weights
    l * 32 + m of that half, weight l in bits 2l and 2l+1."""
    digits, scale = _split_trits(x)
    lanes = digits.reshape(-1, 2, 4, 32)
    packed = sum(lanes[:, :, lane] << (2 * lane) for lane in range(4))
    return np.hstack([packed.reshape(-1, 64).astype(np.uint8), scale])


def _decode_tq2_0(raw):
    packed = raw[:, :64].reshape(-1, 2, 1, 32)
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1)
    digits = (packed >> shifts) & 3
    return _join_trits(digits.reshape(-1, TERNARY_BLOCK), raw[:, 64:])


# TQ1_0 cuts a block into three runs: (first weight, bytes, digits a byte).
_TQ1_RUNS = ((0, 32, 5), (160, 16, 5), (240, 4, 4))


def _encode_tq1_0(x):
    """Base-3 digits, the first the most significant, stored as the fraction
    value / 243 in 256ths, rounded up. Four-digit bytes are shifted by one
    digit, so that all bytes decode alike."""
    digits, scale = _split_trits(x)
    columns = []
    for first, width, count in _TQ1_RUNS:
        run = digits[:, first : first + width * count].reshape(-1, count, width)
        value = np.zeros((len(x), width), np.int64)
        for n in range(count):
            value = value * 3 + run[:, n]
        value *= 3 ** (5 - count)
        columns.append(((value * 256 + 242) // 243).astype(np.uint8))
    return np.hstack(columns + [scale])


def _decode_tq1_0(raw):
    digits = np.zeros((len(raw), TERNARY_BLOCK), np.uint32)
    column = 0
    for first, width, count in _TQ1_RUNS:
        packed = raw[:, column : column + width].astype(np.uint32)
        for n in range(count):
            start = first + n * width
            fraction = (packed * 3**n) & 255
            digits[:, start : start + width] = (fraction * 3) >> 8
        column += width
    return _join_trits(digits, raw[:, column:])


CODECS = {
    "f32": Codec(0, 1, 4, _encode_f32, _decode_f32),
    "f16": Codec(1, 1, 2, _encode_f16, _decode_f16),
    "q8_0": Codec(8, 32, 34, _encode_q8_0, _decode_q8_0),
    "bf16": Codec(30, 1, 2, _encode_bf16, _decode_bf16),
    "tq1_0": Codec(34, TERNARY_BLOCK, 54, _encode_tq1_0, _decode_tq1_0),
    "tq2_0": Codec(35, TERNARY_BLOCK, 66, _encode_tq2_0, _decode_tq2_0),
}
CODECS_BY_ID = {codec.id: codec for codec in CODECS.values()}
