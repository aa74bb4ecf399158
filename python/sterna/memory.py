# ===- memory.py - Memory, known before the run ----------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The memory plan of a device binary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .tables import Tabular

_PARTS = ("weights", "state", "arena", "block")


class MemoryPlan(Tabular):
    """Bytes that programs need, by what runs ("train", "generate", of a graph
    "run") and part: weights that are read, state, the arena of values that are
    computed, and the block of inputs and outputs. `plan["train"]["peak"]` is
    the sum. Notebooks show it as a table."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._rows: dict[str, dict[str, int]] = {}
        for name, parts in description["memory"].items():
            row = {part: int(parts[part]) for part in _PARTS}
            # A binary without training has no programs for it.
            if any(row.values()):
                self._rows[name] = {**row, "peak": sum(row.values())}

    def __getitem__(self, name: str) -> dict[str, int]:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def keys(self) -> list[str]:
        """What can run."""
        return list(self._rows)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        heads = ["MiB", *_PARTS, "peak"]
        rows = [
            [name, *(f"{value / 2**20:.1f}" for value in row.values())]
            for name, row in self._rows.items()
        ]
        return heads, rows

    def __repr__(self) -> str:
        return str(self)
