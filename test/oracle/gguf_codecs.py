# ===- gguf_codecs.py - Element types of GGUF tensors ---------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Encoders and decoders of the GGUF element types that the compiler imports.
# They are separate from gguf.py because they know nothing of files: an array
# of floats goes in, the bytes of its blocks come out, and back. The blocks of
# other types are in float_codecs.py and ternary_codecs.py.
# ===----------------------------------------------------------------------=== #
"""Codecs of all element types: see `CODECS` at the end.

Blocks run along the last axis, but for I2_S, where they run over all rows. A ternary block holds `(digit - 1) * d`, with
the scale d taken as the largest magnitude in the block.
"""

import math

import numpy as np

import float_codecs
import ternary_codecs

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


def _encode_neighbours(x):
    """f16 scale, then four codes in a byte."""
    digits, scale = _split_trits(x)
    return np.hstack([scale, ternary_codecs.encode_neighbours(digits)])


def _decode_neighbours(raw):
    digits = ternary_codecs.decode_neighbours(raw[:, 2:])
    return _join_trits(digits, raw[:, :2])


def _encode_ptq1_0(x):
    digits, scale = _split_trits(x)
    return np.hstack([ternary_codecs.encode_ptq1_0(digits), scale])


def _decode_ptq1_0(raw):
    return _join_trits(ternary_codecs.decode_ptq1_0(raw), raw[:, 26:])


def _encode_stq1_0(x):
    """A block of zeros has the scale 0 and any trits."""
    digits, scale = _split_trits(x)
    digits[(x == 0).all(axis=1)] = np.repeat([1, 0, 0, 0] * 4, 16)
    return np.hstack([ternary_codecs.encode_stq1_0(digits), scale])


def _decode_stq1_0(raw):
    return _join_trits(ternary_codecs.decode_stq1_0(raw), raw[:, 40:])


class RunCodec:
    """I2_S, whose blocks of 4 `lanes` trits know no rows."""

    id = 36

    def __init__(self, lanes):
        self._lanes = lanes

    def byte_size(self, shape):
        count = math.prod(shape)
        if count % (4 * self._lanes):
            raise ValueError(f"{count} values are no blocks")
        return count // 4 + ternary_codecs.SCALE_BYTES

    def encode(self, values):
        self.byte_size(values.shape)
        return ternary_codecs.encode_run(values.reshape(-1), self._lanes)

    def decode(self, raw):
        return ternary_codecs.decode_run(raw, self._lanes)


CODECS = {
    "f32": Codec(0, 1, 4, _encode_f32, _decode_f32),
    "f16": Codec(1, 1, 2, _encode_f16, _decode_f16),
    "q8_0": Codec(8, 32, 34, _encode_q8_0, _decode_q8_0),
    "bf16": Codec(30, 1, 2, _encode_bf16, _decode_bf16),
    "tq1_0": Codec(34, TERNARY_BLOCK, 54, _encode_tq1_0, _decode_tq1_0),
    "tq2_0": Codec(35, TERNARY_BLOCK, 66, _encode_tq2_0, _decode_tq2_0),
    "q2_0-64": Codec(42, 64, 18, _encode_neighbours, _decode_neighbours),
    "q2_0-128": Codec(42, 128, 34, _encode_neighbours, _decode_neighbours),
    "pq2_0": Codec(142, 128, 34, _encode_neighbours, _decode_neighbours),
    "ptq1_0": Codec(143, 128, 28, _encode_ptq1_0, _decode_ptq1_0),
    "stq1_0": Codec(42, TERNARY_BLOCK, 42, _encode_stq1_0, _decode_stq1_0),
    "i2_s": RunCodec(32),
    "i2_s-arm": RunCodec(16),
}
for _name, _id, _block, _bytes in (
    ("q4_0", 2, 32, 18),
    ("q4_k", 12, 256, 144),
    ("q5_k", 13, 256, 176),
    ("q6_k", 14, 256, 210),
):
    CODECS[_name] = Codec(
        _id,
        _block,
        _bytes,
        getattr(float_codecs, f"encode_{_name}"),
        getattr(float_codecs, f"decode_{_name}"),
    )

CODECS_BY_ID = {}
for _codec in CODECS.values():
    # I2_S is x86's; which of three number 42 is, a file's sizes say.
    CODECS_BY_ID.setdefault(_codec.id, _codec)
CODECS_BY_ID[43] = CODECS["stq1_0"]
CODECS_OF_42 = [codec for codec in CODECS.values() if codec.id == 42]
