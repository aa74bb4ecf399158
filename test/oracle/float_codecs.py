# ===- float_codecs.py - GGUF blocks of floats in 4 to 6 bits --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Q4_0 and the K types in which embeddings and heads are published, written
# from the description of their blocks. The encoders are the simplest that give
# sensible values; only decoding must agree with others, to the bit.
# ===----------------------------------------------------------------------=== #
"""Encoders and decoders of Q4_0, Q4_K, Q5_K and Q6_K.

Each takes or gives blocks: [n, weights] float32 or [n, bytes] uint8.
"""

import numpy as np


def half_bytes(values):
    """The bytes of float16 `values` [n, k], little-endian."""
    return np.ascontiguousarray(values.astype("<f2")).view(np.uint8)


def halves(raw):
    """The float32 values of the bytes `raw` [n, 2 k] of float16."""
    return np.ascontiguousarray(raw).view("<f2").astype(np.float32)


def _divisor(scale):
    return np.where(scale == 0, 1, scale).astype(np.float32)


def encode_q4_0(x):
    """f16 d; byte i holds weights i and 16 + i, each (code - 8) d."""
    largest = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], axis=1)
    scale = (largest / -8).astype("<f2")
    codes = np.clip(np.rint(x / _divisor(scale)) + 8, 0, 15).astype(np.uint8)
    return np.hstack([half_bytes(scale), codes[:, :16] | codes[:, 16:] << 4])


def decode_q4_0(raw):
    codes = np.hstack([raw[:, 2:] & 15, raw[:, 2:] >> 4]).astype(np.float32)
    return (codes - 8) * halves(raw[:, :2])


def _pack_pairs(scales, minima):
    """Twelve bytes of eight pairs of six bits [n, 8]."""
    scales, minima = scales.astype(np.uint8), minima.astype(np.uint8)
    first = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    second = minima[:, :4] | (minima[:, 4:] >> 4) << 6
    third = scales[:, 4:] & 15 | (minima[:, 4:] & 15) << 4
    return np.hstack([first, second, third])


def _unpack_pairs(raw):
    first, second, third = raw[:, :4], raw[:, 4:8], raw[:, 8:12]
    scales = np.hstack([first & 63, third & 15 | (first >> 6) << 4])
    minima = np.hstack([second & 63, third >> 4 | (second >> 6) << 4])
    return scales.astype(np.float32), minima.astype(np.float32)


def _encode_offset(x, bits):
    """Head of 16 bytes and codes [n, 8, 32] of Q4_K or Q5_K."""
    runs = x.reshape(-1, 8, 32)
    low = np.minimum(runs.min(axis=2), 0)
    step = (runs.max(axis=2) - low) / (2**bits - 1)
    scale = (step.max(axis=1, keepdims=True) / 63).astype("<f2")
    offset = ((-low).max(axis=1, keepdims=True) / 63).astype("<f2")
    scales = np.clip(np.rint(step / _divisor(scale)), 0, 63)
    minima = np.clip(np.rint(-low / _divisor(offset)), 0, 63)
    unit = _divisor(scale.astype(np.float32) * scales)[:, :, None]
    shifted = runs + (offset.astype(np.float32) * minima)[:, :, None]
    codes = np.clip(np.rint(shifted / unit), 0, 2**bits - 1).astype(np.uint8)
    head = [half_bytes(scale), half_bytes(offset), _pack_pairs(scales, minima)]
    return head, codes


def _decode_offset(raw, codes):
    """Weights of codes [n, 8, 32]: d scale code - dmin minimum."""
    scales, minima = _unpack_pairs(raw[:, 4:16])
    scales, minima = halves(raw[:, :2]) * scales, halves(raw[:, 2:4]) * minima
    codes = codes.astype(np.float32)
    return (scales[:, :, None] * codes - minima[:, :, None]).reshape(-1, 256)


def _join_nibbles(codes):
    """Runs 2 i and 2 i + 1 share 32 bytes."""
    return (codes[:, ::2] | codes[:, 1::2] << 4).reshape(-1, 128)


def _split_nibbles(raw):
    packed = raw.reshape(-1, 4, 1, 32)
    shifts = np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)
    return ((packed >> shifts) & 15).reshape(-1, 8, 32)


def encode_q4_k(x):
    head, codes = _encode_offset(x, 4)
    return np.hstack(head + [_join_nibbles(codes)])


def decode_q4_k(raw):
    return _decode_offset(raw, _split_nibbles(raw[:, 16:]))


def encode_q5_k(x):
    """The fifth bit of run i is bit i of 32 bytes."""
    head, codes = _encode_offset(x, 5)
    shifts = np.arange(8, dtype=np.uint8).reshape(1, 8, 1)
    fifths = ((codes >> 4) << shifts).sum(axis=1).astype(np.uint8)
    return np.hstack(head + [fifths, _join_nibbles(codes & 15)])


def decode_q5_k(raw):
    shifts = np.arange(8, dtype=np.uint8).reshape(1, 8, 1)
    fifths = (raw[:, None, 16:48] >> shifts) & 1
    return _decode_offset(raw, _split_nibbles(raw[:, 48:]) | fifths << 4)


def encode_q6_k(x):
    """Low four bits of a half's four runs of 32 in 64 bytes (runs 0 and 2, 1
    and 3 share them), high two in 32, a signed scale for each 16 weights."""
    subs = x.reshape(-1, 16, 16)
    step = np.abs(subs).max(axis=2) / 31
    scale = (step.max(axis=1, keepdims=True) / 127).astype("<f2")
    scales = np.clip(np.rint(step / _divisor(scale)), -127, 127)
    unit = _divisor(scale.astype(np.float32) * scales)[:, :, None]
    codes = (np.clip(np.rint(subs / unit), -32, 31) + 32).astype(np.uint8)
    runs = codes.reshape(-1, 2, 4, 32)
    low = (runs[:, :, :2] & 15) | (runs[:, :, 2:] & 15) << 4
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1)
    high = ((runs >> 4) << shifts).sum(axis=2).astype(np.uint8)
    return np.hstack(
        [
            low.reshape(-1, 128),
            high.reshape(-1, 64),
            scales.astype(np.int8).view(np.uint8),
            half_bytes(scale),
        ]
    )


def decode_q6_k(raw):
    packed = raw[:, :128].reshape(-1, 2, 2, 32)
    low = np.concatenate([packed & 15, packed >> 4], axis=2)
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1)
    high = (raw[:, 128:192].reshape(-1, 2, 1, 32) >> shifts) & 3
    codes = (low | high << 4).astype(np.float32) - 32
    scales = np.ascontiguousarray(raw[:, 192:208]).view(np.int8)
    scales = halves(raw[:, 208:]) * scales.astype(np.float32)
    return (codes.reshape(-1, 16, 16) * scales[:, :, None]).reshape(-1, 256)
