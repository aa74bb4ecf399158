# ===- gguf_writer.py - A writer of GGUF version 3 files -----------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Writes metadata and tensors in the types the embedded model needs.

Own code rather than a package, so that the file does not depend on anybody
else's choice of types, and short, because it only ever writes.
"""

import struct
from typing import Any, List, Tuple

import numpy as np

UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
F32, F16, TQ2_0 = 0, 1, 35

ALIGNMENT = 32
TERNARY_BLOCK = 256
_SCALAR_FORMAT = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(value)
    return struct.pack(_SCALAR_FORMAT[kind], value)


def packTernary(trits: np.ndarray, scale: float) -> bytes:
    """Packs a matrix [rows, K] of -1, 0, 1 as TQ2_0; K in whole blocks.

    A block is two halves of 128 weights; byte m of a half holds its weights
    m, 32+m, 64+m and 96+m from the lowest bit pair up, each plus one. The
    scale, as float16, ends every block.
    """
    if trits.shape[-1] % TERNARY_BLOCK:
        raise ValueError(
            f"expected K to be a multiple of {TERNARY_BLOCK},"
            f" but got {trits.shape[-1]}"
        )
    codes = (trits.astype(np.int8) + 1).astype(np.uint8).reshape(-1, 2, 4, 32)
    shifts = np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)
    packed = np.bitwise_or.reduce(codes << shifts, axis=2).reshape(-1, 64)
    scales = np.full((len(packed), 1), scale, dtype="<f2").view(np.uint8)
    return np.concatenate([packed, scales], axis=1).tobytes()


class GGUFWriter:
    """Collects metadata and tensors in order, then writes one file."""

    def __init__(self) -> None:
        self._metadata: List[bytes] = []
        self._tensors: List[Tuple[str, Tuple[int, ...], int, bytes]] = []

    def add(self, key: str, kind: int, value: Any) -> None:
        """Adds one scalar or string."""
        self._metadata.append(
            _string(key) + struct.pack("<I", kind) + _value(kind, value)
        )

    def addArray(self, key: str, kind: int, values: List[Any]) -> None:
        """Adds an array whose elements all have type kind."""
        header = struct.pack("<IIQ", ARRAY, kind, len(values))
        body = b"".join(_value(kind, v) for v in values)
        self._metadata.append(_string(key) + header + body)

    def addFloats(self, name: str, tensor: np.ndarray, kind: int) -> None:
        """Adds a tensor in F32 or F16."""
        data = tensor.astype({F32: "<f4", F16: "<f2"}[kind]).tobytes()
        self._tensors.append((name, tensor.shape, kind, data))

    def addTernary(self, name: str, trits: np.ndarray, scale: float) -> None:
        """Adds a matrix [rows, K] of trits with one scale as TQ2_0."""
        data = packTernary(trits, scale)
        self._tensors.append((name, trits.shape, TQ2_0, data))

    def write(self, path: str) -> None:
        """Writes the file; tensors start at multiples of ALIGNMENT."""

        def padded(size: int) -> int:
            return -(-size // ALIGNMENT) * ALIGNMENT

        head = b"GGUF" + struct.pack(
            "<IQQ", 3, len(self._tensors), len(self._metadata)
        )
        head += b"".join(self._metadata)
        offset = 0
        for name, shape, kind, data in self._tensors:
            # GGUF lists the fastest dimension first.
            dims = struct.pack(f"<{len(shape)}Q", *reversed(shape))
            head += _string(name) + struct.pack("<I", len(shape)) + dims
            head += struct.pack("<IQ", kind, offset)
            offset += padded(len(data))
        with open(path, "wb") as file:
            file.write(head.ljust(padded(len(head)), b"\0"))
            for _, _, _, data in self._tensors:
                file.write(data.ljust(padded(len(data)), b"\0"))
