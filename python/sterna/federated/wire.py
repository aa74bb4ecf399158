# ===- wire.py - Adapters as they travel -----------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Adapters as few bytes.

A LoRA matrix is R rows: A is [R, in], and of B, [out, R], the transpose is. An
adapter travels as one vector of all rows of its matrices in the order of their
names, so that a message has one array whatever the number of matrices. Its
elements are f32, f16, or int8 with an f32 scale for each row, symmetric, rounded
to the nearest. Of f16 and int8, what a client sends is the difference from what
it received: small numbers, which lose little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

#: Matrices by PEFT's names, f32.
Adapter = Mapping[str, NDArray[np.float32]]

WIRE_TYPES = ("f32", "f16", "int8")


def _is_b(name: str) -> bool:
    return ".lora_B." in name


def _rows(name: str, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return matrix.T if _is_b(name) else matrix


@dataclass(frozen=True)
class Layout:
    """Names and row lengths of an adapter's matrices, by name. What adapters of
    all ranks of a model have in common."""

    lengths: tuple[tuple[str, int], ...]

    @staticmethod
    def of(adapter: Adapter) -> Layout:
        """That of `adapter`."""
        return Layout(
            tuple((name, _rows(name, adapter[name]).shape[1])
                  for name in sorted(adapter))
        )

    @property
    def digest(self) -> str:
        """Says whether two machines have the same, in 16 digits."""
        return hashlib.sha256(repr(self.lengths).encode()).hexdigest()[:16]

    def flatten(self, adapter: Adapter, rank: int) -> NDArray[np.float32]:
        """The first `rank` rows of all matrices, one after another."""
        return np.concatenate(
            [_rows(name, adapter[name])[:rank].ravel() for name, _ in self.lengths],
            dtype=np.float32,
        )

    def restore(
        self, flat: NDArray[np.float32], rank: int
    ) -> dict[str, NDArray[np.float32]]:
        """The adapter of `rank` that was flattened."""
        adapter = {}
        for name, length in self.lengths:
            rows, flat = flat[: rank * length], flat[rank * length :]
            matrix = _rows(name, rows.reshape(rank, length))
            adapter[name] = np.ascontiguousarray(matrix)
        return adapter

    def size(self, rank: int) -> int:
        """Elements of an adapter of `rank`."""
        return rank * sum(length for _, length in self.lengths)

    def row_lengths(self, rank: int) -> NDArray[np.int64]:
        """Of each row of a flattened adapter."""
        return np.repeat([length for _, length in self.lengths], rank)


def to_record(adapter: Adapter) -> ArrayRecord:
    """The adapter as Flower's strategies and mods know it, by name."""
    return ArrayRecord({name: Array(adapter[name]) for name in sorted(adapter)})


def to_adapter(record: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The adapter of such a record, in f32."""
    return {
        name: np.ascontiguousarray(array.numpy(), np.float32)
        for name, array in record.items()
    }


def is_finite(adapter: Adapter) -> bool:
    """Whether all values are."""
    return all(bool(np.isfinite(matrix).all()) for matrix in adapter.values())


def rank_of(adapter: Adapter) -> int:
    """That of the adapter, whose matrices have one."""
    name = next(iter(adapter))
    return int(_rows(name, adapter[name]).shape[0])


def truncate(adapter: Adapter, rank: int) -> dict[str, NDArray[np.float32]]:
    """The first `rank` rows of each matrix."""
    return {
        name: np.ascontiguousarray(_rows(name, _rows(name, matrix)[:rank]))
        for name, matrix in adapter.items()
    }


def pad(adapter: Adapter, like: Adapter) -> dict[str, NDArray[np.float32]]:
    """`adapter` with the rows that it does not have from `like`, whose rank is
    not smaller: what was not trained is as it was."""
    rank = rank_of(adapter)
    return {
        name: np.ascontiguousarray(
            _rows(
                name,
                np.concatenate(
                    [_rows(name, adapter[name]), _rows(name, matrix)[rank:]]
                ),
            )
        )
        for name, matrix in like.items()
    }


def changed_rank(adapter: Adapter, like: Adapter) -> int:
    """The rows from which on all matrices are those of `like`, at least 1."""
    changed = [
        np.flatnonzero((_rows(name, matrix) != _rows(name, like[name])).any(axis=1))
        for name, matrix in adapter.items()
    ]
    return max([1, *(int(rows[-1]) + 1 for rows in changed if rows.size)])


def _scales(
    flat: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    starts = np.cumsum(lengths) - lengths
    return (np.maximum.reduceat(np.abs(flat), starts) / 127).astype(np.float32)


def encode(
    layout: Layout, adapter: Adapter, rank: int, wire_type: str
) -> ArrayRecord:
    """The first `rank` rows of `adapter`'s matrices as a record of `wire_type`.
    Raises ValueError for values that are not finite or that f16 does not have."""
    flat = layout.flatten(adapter, rank)
    if not np.isfinite(flat).all():
        raise ValueError("the adapter has values that are not finite")
    if wire_type == "f32":
        return ArrayRecord({"adapter": Array(flat)})
    if wire_type == "f16":
        largest = float(np.finfo(np.float16).max)
        if np.abs(flat).max(initial=0) > largest:
            raise ValueError(
                f"the adapter has values beyond {largest}, the largest f16: use "
                "wire-type f32"
            )
        return ArrayRecord({"adapter": Array(flat.astype(np.float16))})
    lengths = layout.row_lengths(rank)
    scales = _scales(flat, lengths)
    divisors = np.repeat(np.where(scales > 0, scales, 1), lengths)
    codes = np.clip(np.rint(flat / divisors), -127, 127).astype(np.int8)
    return ArrayRecord({"adapter": Array(codes), "scales": Array(scales)})


def decode(
    layout: Layout, record: Mapping[str, Any], rank: int, wire_type: str
) -> dict[str, NDArray[np.float32]]:
    """The adapter of a record that `encode` made. Raises ValueError where it is
    of another layout, rank or type."""
    expected = {"f32": np.float32, "f16": np.float16, "int8": np.int8}[wire_type]
    names = ["adapter", "scales"] if wire_type == "int8" else ["adapter"]
    if sorted(record) != names:
        raise ValueError(f"expected the arrays {names}, but got {sorted(record)}")
    codes = record["adapter"].numpy()
    if codes.dtype != expected:
        raise ValueError(
            f"expected an adapter of {wire_type}, but got {codes.dtype}"
        )
    if codes.shape != (layout.size(rank),):
        raise ValueError(
            f"expected an adapter of rank {rank}, of {layout.size(rank)} elements, "
            f"but got shape {codes.shape}"
        )
    flat = codes.astype(np.float32)
    if wire_type == "int8":
        lengths = layout.row_lengths(rank)
        scales = record["scales"].numpy().astype(np.float32)
        if scales.shape != lengths.shape:
            raise ValueError(
                f"expected {lengths.size} scales, but got shape {scales.shape}"
            )
        flat *= np.repeat(scales, lengths)
    adapter = layout.restore(flat, rank)
    if not np.isfinite(flat).all():
        raise ValueError("the adapter has values that are not finite")
    return adapter


def encode_update(
    layout: Layout, trained: Adapter, received: Adapter, wire_type: str
) -> tuple[ArrayRecord, int]:
    """What a client sends that received one adapter and trained it to another,
    and the rank of that: rows behind the last that changed are left out."""
    rank = changed_rank(trained, received)
    if wire_type != "f32":
        trained = {
            name: matrix - received[name] for name, matrix in trained.items()
        }
    return encode(layout, trained, rank, wire_type), rank


def decode_update(
    layout: Layout,
    record: Mapping[str, Any],
    rank: int,
    wire_type: str,
    sent: Adapter,
) -> dict[str, NDArray[np.float32]]:
    """The client's adapter, of `sent`'s shapes: the server's with the update in
    its first `rank` rows. `sent` is what the server has, in f32."""
    update = decode(layout, record, rank, wire_type)
    if wire_type != "f32":
        update = {
            name: matrix + update[name]
            for name, matrix in truncate(sent, rank).items()
        }
    return pad(update, sent)
